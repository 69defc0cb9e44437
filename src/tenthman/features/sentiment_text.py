"""A headline as counts of words, word sequences and pieces of words, for a linear classifier.

Numbers lose their value, but not what they say beside each other: "profit 13.1 mn against 8.7 mn" gains the marks of a
rise in profit. Words are hashed (Weinberger et al., 2009), so a trained model holds none of the texts it learned from.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

MAX_CHARS = 2_000
BUCKETS = 2**17
CODE = "sentiment-text-1"
"""Changes whenever a text would become other counts."""

_WORD = r"[\w$%+'-]+"
_LINK = re.compile(r"https?://\S+")
_CASHTAG = re.compile(r"\$[a-z]{1,5}\b")
_SIGNED = re.compile(r"([+-])\s?\d[\d,.]*\s?%")
_PERCENTAGE = re.compile(r"\d[\d,.]*\s?%")
_NUMBER = re.compile(r"\d[\d,.]*")
_AMOUNT = re.compile(r"(-?\d[\d,]*(?:\.\d+)?)\s*(bn|billion|b|mn|mln|million|m|k)?\b")
_SCALES = {"bn": 1e9, "billion": 1e9, "b": 1e9, "mn": 1e6, "mln": 1e6, "million": 1e6, "m": 1e6, "k": 1e3}
_AGAINST = re.compile(
    r"\b(from|compared (?:to|with)|versus|vs|against|while|was|were|est|estimate|estimates|consensus|expected|than)\b"
)
_FROM_BEFORE = re.compile(r"\bfrom\W+(?:\w+\W+){0,2}$")
_TO = re.compile(r"\bto\b")
_MEASURES = ("loss", "profit", "sales", "eps", "earnings", "income", "revenue", "margin", "cost", "order", "dividend")
_FARTHEST = 70
_CONTEXT = 60
_FIRST_YEAR, _LAST_YEAR = 1980, 2040


def normalised(text: str) -> str:
    """`text` in lower case without links and numbers, followed by a mark for each pair of amounts it compares."""
    plain = _LINK.sub(" ", text[:MAX_CHARS].lower())
    marks = " ".join(_comparisons(plain))
    plain = _CASHTAG.sub(" cashtag ", plain)
    plain = _SIGNED.sub(lambda found: " pluspct " if found[1] == "+" else " minuspct ", plain)
    plain = _PERCENTAGE.sub(" pct ", plain)
    return f"{_NUMBER.sub(' 0 ', plain)} {marks}"


def counts(texts: Sequence[str]) -> tuple[Any, Any]:
    """Two sparse matrices (texts, BUCKETS): sequences of one to three words, and of two to five letters of a word."""
    prepared = [normalised(text) for text in texts]
    words, pieces = _vectorisers()
    return words.transform(prepared), pieces.transform(prepared)


@cache
def _vectorisers() -> tuple[Any, Any]:
    from sklearn.feature_extraction.text import HashingVectorizer

    common = {"n_features": BUCKETS, "alternate_sign": False, "norm": None, "lowercase": False}
    return (
        HashingVectorizer(ngram_range=(1, 3), token_pattern=_WORD, **common),
        HashingVectorizer(analyzer="char_wb", ngram_range=(2, 5), **common),
    )


def _comparisons(plain: str) -> Iterator[str]:
    """Marks such as "cmpup", "cmpuploss" for amounts that follow each other with a word of comparison between."""
    amounts = [found for found in _AMOUNT.finditer(plain) if not _is_year(found[1])]
    for first, second in pairwise(amounts):
        between = plain[first.end() : second.start()]
        if len(between) > _FARTHEST:
            continue
        now, before = _value(first), _value(second)
        if _TO.search(between) and _FROM_BEFORE.search(plain[max(0, first.start() - 24) : first.start()]):
            now, before = before, now
        elif not _AGAINST.search(between):
            continue
        direction = "up" if now > before else "down" if now < before else "same"
        context = plain[max(0, first.start() - _CONTEXT) : first.start()]
        yield f"cmp{direction}"
        yield from (f"cmp{direction}{measure}" for measure in _MEASURES if measure in context)


def _is_year(digits: str) -> bool:
    return len(digits) == len("2000") and digits.isdigit() and _FIRST_YEAR <= int(digits) <= _LAST_YEAR


def _value(amount: re.Match[str]) -> float:
    return float(amount[1].replace(",", "")) * _SCALES.get(amount[2] or "", 1.0)
