"""A case without its identity, so that what a model read can be told from what it remembers.

1. The ticker, the company's name and its shorter forms, other tickers that are marked as such, and dates in headlines
become tokens: the same original, the same token, within a case. The company at hand is TKR-A, Company-A in every case.
2. What the model writes is mapped back before it is shown.
Figures, sentiment, sector and a headline's age stay. A company by another name (a product, a nickname, an abbreviation
that is not its ticker) is not recognised, nor is another company written without a marked ticker.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from tenthman.agents.base import NAME_CHARACTERS
from tenthman.agents.text import READ_CHARACTERS, clean
from tenthman.domain.opinion import Case

_LEGAL = re.compile(
    r"(?:,?\s+(?:&\s+)?(?:Inc|Incorporated|Corp|Corporation|Co|Company|Companies|Cos|Ltd|Limited|LLC|LP|PLC|SA|SE|NV|AG"
    r"|Group|Holdings?|Class\s+[A-Z])\.?)+$",
    re.IGNORECASE,
)
_COMMON = re.compile(
    r"advance|advanced|allied|america|american|applied|bank|best|brands|capital|charter|citizens|dollar"
    r"|east|eastern|electric|electronic|energy|exchange|express|fifth|first|general|global|great|health"
    r"|healthcare|holding|home|international|liberty|life|media|mobile|motors|national|news|north"
    r"|northern|one|open|pacific|parcel|people|power|property|public|quest|real|regions|republic"
    r"|resources|royal|security|service|services|south|southern|southwest|spirit|standard|state|states"
    r"|steel|street|target|texas|time|tobacco|tractor|trade|union|united|universal|waste|water|west"
    r"|western|world|york",
    re.IGNORECASE,
)
"""Words of companies' names that are everyday words: alone they do not stand for the company."""

_TRADE = re.compile(
    r"(?:\s+(?:"
    r"Bancorp|Bancshares|Brands|Communications|Companies|Controls|Corporation|Dynamics|Electric|Energy"
    r"|Express|Financial|Foods|Gas|Industries|Instruments|International|Laboratories|Labs|Motor|Motors"
    r"|Pharma|Pharmaceuticals|Platforms|Products|Properties|Property|Resources|Sciences|Scientific"
    r"|Service|Services|Software|Solutions|Stores|Systems|Technologies|Technology|Trust|Worldwide"
    r"))+$"
)
"""What a company does, at the end of its name: headlines leave it out."""

_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?)\.?"
)
_YEAR = r"(?:19|20)\d\d"
_DATE = re.compile(
    rf"(?<![\w$.,-])(?:{_YEAR}-\d\d?-\d\d?|\d\d?/\d\d?/(?:{_YEAR}|\d\d)|{_MONTH}\s+\d\d?(?:st|nd|rd|th)?(?:,?\s+{_YEAR})?"
    rf"|\d\d?(?:st|nd|rd|th)?\s+{_MONTH}(?:,?\s+{_YEAR})?|{_MONTH}\s+{_YEAR}|(?:[QH]\d|FY)\s?'?(?:{_YEAR}|\d\d)|{_YEAR})"
    r"(?![\w%])"
)
_EXCHANGES = "|".join(f"(?<={name}:{gap})" for name in ("NYSE", "NASDAQ", "Nasdaq") for gap in ("", " "))
_MARKED = re.compile(rf"(?:(?<=\$)|{_EXCHANGES})[A-Z]{{1,5}}\b")

Rules = tuple[tuple[re.Pattern[str] | None, Callable[[str], str]], ...]
"""What is replaced, in this order, and by which token."""

TICKER, COMPANY, DATE = "TKR", "Company", "Date"


@dataclass(frozen=True, slots=True, kw_only=True)
class Masked:
    """A case as it is put to a model, and the originals of its tokens."""

    case: Case
    originals: Mapping[str, str]

    def back(self, text: str) -> str:
        """`text` with the originals of the case's tokens: in any letters with their hyphen, as given without it."""
        if not self.originals:
            return text
        tokens = {_plain(token): original for token, original in self.originals.items()}
        spelt = "|".join(self.originals)
        spaced = spelt.replace("-", " ")
        return re.sub(rf"\b(?:(?i:{spelt})|{spaced})\b", lambda match: tokens[_plain(match.group())], text)


def unmasked(case: Case) -> Masked:
    """`case` as it is."""
    return Masked(case=case, originals=MappingProxyType({}))


def masked(case: Case) -> Masked:
    """`case` with tokens for its ticker, its company, marked tickers and dates. Equal cases give equal ones."""
    ledger = _Ledger()
    ticker = ledger.token(TICKER, clean(case.ticker, NAME_CHARACTERS))
    company = ledger.token(COMPANY, clean(case.name, NAME_CHARACTERS))
    rules: Rules = (
        (_names(case.name), lambda _text: company),
        (_ticker(case.ticker), lambda _text: ticker),
        (_MARKED, lambda text: ledger.token(TICKER, text)),
        (_DATE, lambda text: ledger.token(DATE, text)),
    )
    passages = tuple(replace(passage, text=_applied(rules, passage.text)) for passage in case.passages)
    return Masked(
        case=replace(case, ticker=ticker, name=company, passages=passages),
        originals=MappingProxyType(ledger.originals),
    )


class _Ledger:
    """Tokens given so far, each with its original."""

    def __init__(self) -> None:
        self.originals: dict[str, str] = {}
        self._given: dict[tuple[str, str], str] = {}

    def token(self, kind: str, original: str) -> str:
        """The token of `original`, a new one where it has none."""
        key = (kind, original)
        if key not in self._given:
            count = sum(other == kind for other, _ in self._given)
            self._given[key] = f"{kind}-{_letters(count)}"
            self.originals[self._given[key]] = original
        return self._given[key]


def _applied(rules: Rules, text: str) -> str:
    """Cleaned first, so that nothing invisible hides a name; what `rules` put in is not looked at by the next ones."""
    parts = [(clean(text, READ_CHARACTERS), True)]
    for pattern, token in rules:
        if pattern is not None:
            parts = [piece for part in parts for piece in _split(part, pattern, token)]
    return "".join(part for part, _ in parts)


def _split(part: tuple[str, bool], pattern: re.Pattern[str], token: Callable[[str], str]) -> list[tuple[str, bool]]:
    text, is_open = part
    if not is_open:
        return [part]
    pieces, end = [], 0
    for match in pattern.finditer(text):
        pieces += [(text[end : match.start()], True), (token(match.group()), False)]
        end = match.end()
    return [*pieces, (text[end:], True)]


def _names(name: str) -> re.Pattern[str] | None:
    """The forms of the company's name, longest first; as they are spelt, or in capitals: "apple" is a fruit."""
    forms = _forms(clean(name, READ_CHARACTERS))
    spelt = {*forms, *map(str.upper, forms), *(form.capitalize() for form in forms if form.isalpha() and len(form) > 3)}
    longest = sorted(spelt, key=lambda form: (-len(form), form))
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest))})(?!\w)") if longest else None


def _forms(name: str) -> set[str]:
    """`name` whole, without its legal form, without its trade; its first and last word, and the initials of a pair."""
    core = _LEGAL.sub("", name.removeprefix("The ")).strip()
    short = _TRADE.sub("", core.removesuffix(".com"))
    words = [word.strip(".,&'") for word in (short.split(" ")[0], short.split(" ")[-1])]
    own = {word for word in words if len(word) >= 4 and not _COMMON.fullmatch(word)}
    pair = re.fullmatch(r"([A-Z])\w+ & ([A-Z])\w+", short)
    forms = {name, core, *own, *([f"{pair[1]}&{pair[2]}"] if pair else [])}
    return {*forms, *([short] if not _COMMON.fullmatch(short) else [])} - {""}


def _ticker(ticker: str) -> re.Pattern[str] | None:
    """The ticker in capitals; one of a single letter only where it is marked as a ticker."""
    text = re.escape(clean(ticker, NAME_CHARACTERS))
    if not text:
        return None
    return re.compile(rf"(?<=[$(:]){text}\b" if len(ticker) == 1 else rf"(?<!\w){text}(?!\w)")


def _letters(number: int) -> str:
    """A, B, ..., Z, AA, AB, ...: letters, since a number might be taken for a figure."""
    tens, ones = divmod(number, 26)
    return (_letters(tens - 1) if tens else "") + chr(ord("A") + ones)


def _plain(token: str) -> str:
    return token.replace(" ", "-").lower()
