"""Sentiment: a number for a headline, and what the headlines of a ticker add up to at each cut-off.

Scores come from VADER (Hutto and Gilbert, 2014) with words and phrases of finance added, whose direction a lexicon of
everyday speech does not know ("beats estimates", "cuts guidance"). docs/sentiment.md has its measured quality.
"""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from tenthman.domain.features import FeaturePanel
from tenthman.domain.market import Floats, Sessions
from tenthman.domain.news import LinkedItem

NAMES = ("sentiment", "news_count", "sentiment_change")
DEFINITION = "sentiment-1"
LEXICON = "lexicon"
"""What the configuration calls the scorer of this module."""

CHANGE_SESSIONS = 10
WINDOW_HALF_LIVES = 10

# Longer texts are cut: a headline and its summary fit, and scoring stays linear.
MAX_SCORED_CHARS = 2_000

Instants = NDArray[np.datetime64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scorer:
    """VADER with our words, and our phrases by their first word; `mark` stands for a phrase in VADER's lexicon."""

    analyser: SentimentIntensityAnalyzer
    phrases: Mapping[str, tuple[tuple[re.Pattern[str], str], ...]]

    def mark(self, text: str) -> str:
        """`text` with each phrase of ours replaced by its mark, so that VADER's negations and boosters see one word."""
        parts: list[str] = []
        done = 0
        for word in _WORD.finditer(text):
            if word.start() < done:
                continue
            for pattern, mark in self.phrases.get(word[0].lower(), ()):
                match = pattern.match(text, word.start())
                if match is not None:
                    parts += [text[done : word.start()], mark]
                    done = match.end()
                    break
        return "".join([*parts, text[done:]])


def score_text(text: str) -> float:
    """How good the news is for whom it is about, in -1..1; 0 when nothing is said. Never raises."""
    scorer = _scorer()
    compound: float = scorer.analyser.polarity_scores(scorer.mark(text[:MAX_SCORED_CHARS]))["compound"]
    return compound


_WORD = re.compile(r"(?<![\w-])[\w-]+")


@cache
def _scorer() -> _Scorer:
    analyser = SentimentIntensityAnalyzer()
    phrases: dict[str, list[tuple[re.Pattern[str], str]]] = {}
    for number, (phrase, score) in enumerate(_lexicon()):
        mark = f"phrase{number}mark"
        analyser.lexicon[mark] = score
        first, *rest = phrase.split()
        for word in first.split("|"):
            if not rest and "_" not in word:
                analyser.lexicon[word] = score
                continue
            tokens = [*word.split("_"), *rest]
            phrases.setdefault(tokens[0], []).append((_phrase_pattern(tokens), mark))
    return _Scorer(analyser=analyser, phrases={word: tuple(found) for word, found in phrases.items()})


def _lexicon() -> tuple[tuple[str, float], ...]:
    text = (files("tenthman.features") / "finance_lexicon.csv").read_text(encoding="utf-8")
    return tuple((row["phrase"], float(row["score"])) for row in csv.DictReader(text.splitlines()))


def _phrase_pattern(tokens: Sequence[str]) -> re.Pattern[str]:
    """Tokens are alternatives ("a|b", "_" a space inside one); "*" stands for up to two words."""
    parts = [re.escape(tokens[0])]
    for token in tokens[1:]:
        if token == "*":  # noqa: S105 # a wildcard, not a secret
            parts.append(r"(?:\s+[\w'.%$-]+){0,2}?")
        else:
            words = "|".join(re.escape(word).replace("_", r"\s+") for word in token.split("|"))
            parts.append(rf"\s+(?:{words})")
    return re.compile("".join(parts) + r"(?![\w-])", re.IGNORECASE)


def sentiment_features(
    linked: Sequence[LinkedItem],
    tickers: tuple[str, ...],
    sessions: Sessions,
    cutoffs: Instants,
    half_life_days: float,
    base: FeaturePanel | None = None,
    scorer: str = LEXICON,
) -> FeaturePanel:
    """What the news of each ticker says at each cut-off: shape (sessions, tickers, 3), names as in `NAMES`.

    Row i reads only items with `known_at` <= `cutoffs[i]` (datetime64[us], UTC, not falling). An item counts from
    `effective_at` with weight `item.weight` * 2^(-age / half-life), and for 10 half-lives.

    - sentiment: the mean of the scores under these weights, in -1..1; 0 where there is no news.
    - news_count: the sum of the weights; 0 where there is no news.
    - sentiment_change: sentiment minus that of 10 sessions before; NaN in the first 10 rows. Where the rows are those
      of a run later in the day, `base` holds the same sessions' features of the first run, which the change is from.

    Items must be the latest version of each article known; pass each article once. `scorer` names what scored them: it
    is part of the definition, so that features of different scorers are never taken for each other.
    """
    _check(sessions, cutoffs, half_life_days)
    shape = (len(sessions), len(tickers))
    rows, columns, weights, scores = _contributions(linked, tickers, cutoffs, half_life_days)
    cells = rows * len(tickers) + columns
    # bincount adds one by one in the order given, which is that of `known_at`: later items cannot change earlier sums.
    count = np.bincount(cells, weights=weights, minlength=shape[0] * shape[1]).reshape(shape)
    total = np.bincount(cells, weights=weights * scores, minlength=shape[0] * shape[1]).reshape(shape)
    sentiment = np.divide(total, count, out=np.zeros(shape), where=count > 0.0)
    np.clip(sentiment, -1.0, 1.0, out=sentiment)
    before = sentiment if base is None else _sentiment_of(base, sessions, tickers)
    change = np.full(shape, np.nan)
    change[CHANGE_SESSIONS:] = sentiment[CHANGE_SESSIONS:] - before[:-CHANGE_SESSIONS]
    return FeaturePanel(
        sessions=sessions.copy(),
        tickers=tickers,
        names=NAMES,
        values=np.ascontiguousarray(np.stack([sentiment, count, change], axis=2)),
        definitions=(_definition(half_life_days, scorer),),
    )


def _definition(half_life_days: float, scorer: str) -> str:
    plain = f"{DEFINITION}:{half_life_days!r}"
    return plain if scorer == LEXICON else f"{plain}:{scorer}"


def _sentiment_of(base: FeaturePanel, sessions: Sessions, tickers: tuple[str, ...]) -> Floats:
    if base.tickers != tickers or not np.array_equal(base.sessions, sessions):
        raise ValueError("`base` must be of the same sessions and tickers")
    return base.values[:, :, base.names.index("sentiment")]


def _check(sessions: Sessions, cutoffs: Instants, half_life_days: float) -> None:
    if cutoffs.shape != sessions.shape or cutoffs.dtype != np.dtype("datetime64[us]"):
        raise ValueError(
            f"`cutoffs` must be datetime64[us] of shape {sessions.shape}, was {cutoffs.dtype} {cutoffs.shape}"
        )
    if bool(np.any(np.diff(cutoffs) < np.timedelta64(0, "us"))):
        raise ValueError("`cutoffs` must not fall")
    if not 0.0 < half_life_days < float("inf"):
        raise ValueError(f"`half_life_days` must be finite and above 0, was {half_life_days!r}")


def _contributions(
    linked: Sequence[LinkedItem], tickers: tuple[str, ...], cutoffs: Instants, half_life_days: float
) -> tuple[Integers, Integers, Floats, Floats]:
    """Every (row, column) that an item reaches, with its decayed weight and its score, in order of `known_at`."""
    column_of = {ticker: column for column, ticker in enumerate(tickers)}
    ordered = sorted(linked, key=lambda item: (item.item.known_at, item.item.id))
    pairs = [
        (_microseconds(item.item.known_at), _microseconds(item.item.effective_at), column_of[ticker], index)
        for index, item in enumerate(ordered)
        for ticker in item.tickers
        if ticker in column_of
    ]
    known, effective, columns, indices = np.array(pairs, dtype=np.int64).reshape(-1, 4).T
    item_weights = np.array([item.weight for item in ordered])
    item_scores = np.array([item.sentiment for item in ordered])
    half_life = half_life_days * 86_400_000_000.0
    instants = cutoffs.astype(np.int64)
    first = np.searchsorted(instants, known, side="left")
    beyond = np.searchsorted(instants, effective + round(WINDOW_HALF_LIVES * half_life), side="right")
    lengths = np.maximum(beyond - first, 0)
    which = np.repeat(np.arange(len(lengths)), lengths)
    rows = np.arange(len(which)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + first[which]
    ages = (instants[rows] - effective[which]).astype(np.float64)
    weights = item_weights[indices[which]] * np.exp2(-ages / half_life)
    return rows, columns[which], weights, item_scores[indices[which]]


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def _microseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND
