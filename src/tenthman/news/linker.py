"""Which companies a headline is about, by rules alone.

The order of evidence: tags of the source, then an exchange tag "(NYSE: XYZ)", a cashtag "$XYZ", a full name, and last a
short or ambiguous name in a sentence about business. A bare upper-case ticker in running text is never evidence:
"NOW", "ALL" and "SO" are words. Names are only looked for while their listing is a member of the universe and they are
its names.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from tenthman.domain.market import NEW_YORK, Listing, Universe
from tenthman.domain.news import LinkedItem, NewsItem
from tenthman.news.mentions import Evidence, Mention, Rule, ambiguous_names, is_name_on, is_short, judge

# A list of twenty companies says nothing about any one of them.
MAX_COMPANIES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkEvidence:
    """The tickers an item is about, and the evidence for each (aligned).

    `weight` is 1/n for n companies named, whether or not all of them are listed; 0 when `tickers` is empty. Two share
    classes of one issuer are two tickers and one company.
    """

    tickers: tuple[str, ...]
    levels: tuple[Evidence, ...]
    weight: float

    def attach(self, item: NewsItem, sentiment: float) -> LinkedItem:
        """`item` with these links and a `sentiment` in -1..1."""
        return LinkedItem(item=item, tickers=self.tickers, weight=self.weight, sentiment=sentiment)


NOTHING = LinkEvidence(tickers=(), levels=(), weight=0.0)


class Linker:
    """Links headlines to the listings of one universe. Pure: the same item always gives the same links."""

    def __init__(self, universe: Universe) -> None:
        self._universe = universe
        listings = [item for item in universe.listings if item.ticker != universe.index_ticker]
        self._by_symbol: dict[str, list[Listing]] = {}
        self._by_issuer: dict[str, list[Listing]] = {}
        self._by_name: dict[str, list[tuple[str, Listing]]] = {}
        for listing in listings:
            self._by_symbol.setdefault(_symbol(listing.ticker), []).append(listing)
            self._by_issuer.setdefault(listing.issuer, []).append(listing)
            for form in _forms(listing):
                self._by_name.setdefault(form.casefold(), []).append((form, listing))
        self._names = _compile_names(self._by_name)

    def link(self, item: NewsItem) -> LinkEvidence:
        """The companies of `item` that were members on the day it counts from.

        Tags of the source are decisive; without them the headline is read, and the summary only when the headline
        names nobody. More than 8 companies give no link at all.
        """
        day = item.effective_at.astimezone(NEW_YORK).date()
        if item.tickers:
            return self._resolve({_symbol(tag): Evidence.SOURCE_TAG for tag in item.tickers}, {}, day)
        for text in (item.headline, item.summary):
            found = self._read(text, day)
            if found.tickers:
                return found
        return NOTHING

    def _read(self, text: str, day: date) -> LinkEvidence:
        clean = text.translate(_TYPOGRAPHY)
        symbols = dict.fromkeys(_cashtags(clean), Evidence.CASHTAG) if "$" in clean else {}
        if ":" in clean:
            symbols |= dict.fromkeys(_exchange_tags(clean), Evidence.EXCHANGE_TAG)
        return self._resolve(symbols, self._issuers_named(clean, day), day)

    def _issuers_named(self, text: str, day: date) -> dict[str, Evidence]:
        mentions = list(self._mentions(text, day))
        if not mentions:
            return {}
        plain = {mention.issuer for mention in mentions if mention.rule not in (Rule.CONTEXT, Rule.BROKER)}
        found: dict[str, Evidence] = {}
        for mention in mentions:
            level = judge(mention, text, others=bool(plain - {mention.issuer}))
            if level is not None and found.get(mention.issuer) is not Evidence.NAME:
                found[mention.issuer] = level
        return found

    def _mentions(self, text: str, day: date) -> Iterator[Mention]:
        for match in self._names.finditer(text):
            written = match["name"]
            candidates = self._by_name.get(" ".join(written.split()).casefold(), [])
            fitting = {
                listing.issuer
                for form, listing in candidates
                if listing.is_member(day)
                and is_name_on(listing.ticker, form, day)
                and _written_like(form, written, text, legal=match["legal"] is not None)
            }
            if len(fitting) == 1 and _stands_free(text, match.start()):
                yield Mention(
                    issuer=fitting.pop(),
                    name=" ".join(written.split()).casefold(),
                    legal=match["legal"] is not None,
                    start=match.start(),
                    end=match.end(),
                )

    def _resolve(self, symbols: Mapping[str, Evidence], issuers: Mapping[str, Evidence], day: date) -> LinkEvidence:
        found = dict(issuers)
        strangers = 0
        for spelled, level in symbols.items():
            symbol = _symbol(self._universe.ticker_of(spelled, day))
            members = [item for item in self._by_symbol.get(symbol, ()) if item.is_member(day)]
            if members:
                found[members[0].issuer] = level
            else:
                strangers += 1
        companies = len(found) + strangers
        if not found or companies > MAX_COMPANIES:
            return NOTHING
        levels = {
            listing.ticker: level
            for issuer, level in found.items()
            for listing in self._by_issuer[issuer]
            if listing.is_member(day)
        }
        tickers = tuple(sorted(levels))
        return LinkEvidence(tickers=tickers, levels=tuple(levels[ticker] for ticker in tickers), weight=1.0 / companies)


_TYPOGRAPHY = str.maketrans({"\u2019": "'", "\u2018": "'", "\u00a0": " ", "\u2010": "-", "\u2011": "-"})
_LEGAL = r"Incorporated|Inc|INC|Corporation|Corp|CORP|Company|Co|CO|plc|PLC|Plc|Ltd|LTD|LLC|N\.V|NV"
_SUFFIX = re.compile(rf",?\s+(?:&\s+)?(?:{_LEGAL})\.?$")
_SHARE_CLASS = re.compile(r"\s+(?:\(?Class\s+)?[A-C]\)?$")
_WEAK_SUFFIX = re.compile(r"\s+(?:Group|Holdings?)$")


def _symbol(ticker: str) -> str:
    """One spelling for share classes: BRK.B, BRK-B and BRK/B are the same."""
    return re.sub(r"[-/]", ".", ticker.strip().upper())


def _forms(listing: Listing) -> frozenset[str]:
    """The names under which `listing` is looked for, without "The", legal suffix and share class."""
    forms = {_core(listing.name), *(_core(alias) for alias in listing.aliases)}
    return frozenset(form for form in forms if len(form) >= 2 and any(map(str.isalpha, form)))


def _core(name: str) -> str:
    text = " ".join(name.translate(_TYPOGRAPHY).split())
    text = text.removeprefix("The ")
    if _SHARE_CLASS.search(text):
        text = _SHARE_CLASS.sub("", text)
    stripped = _SUFFIX.sub("", text)
    weaker = _WEAK_SUFFIX.sub("", stripped)
    return weaker if " " not in weaker else stripped


def _compile_names(names: Mapping[str, object]) -> re.Pattern[str]:
    """One alternation of all names, longest first, grouped by first letter so that most positions fail at once."""
    groups: dict[str, list[str]] = {}
    for name in sorted(names, key=lambda item: (-len(item), item)):
        groups.setdefault(name[0], []).append(re.escape(name[1:]).replace(r"\ ", r"\s+"))
    branches = [
        f"[{re.escape(first)}{re.escape(first.upper())}](?:{'|'.join(rest)})" for first, rest in sorted(groups.items())
    ]
    alternatives = "|".join(branches) or r"(?!)"
    return re.compile(
        rf"(?<![\w$@&.])(?i:(?P<name>{alternatives}))(?!\w)(?P<legal>\.com\b|,?\s+(?:{_LEGAL})(?![\w-])\.?)?(?!&\w)"
    )


def _written_like(form: str, written: str, text: str, *, legal: bool) -> bool:
    """Whether `written` is `form` as a name: capitals where a name has them, so that "apple" is a fruit."""
    flat = " ".join(written.split())
    if " " in form:
        return flat[0] == form[0] or flat[0].isupper()
    if is_short(form) and form.isupper():
        return flat == form and not text.isupper()
    if flat == form:
        return not (text.isupper() and form.casefold() in ambiguous_names())
    if len(form) < 4:
        return False
    if flat == form.upper():
        return legal or form.casefold() not in ambiguous_names()
    return flat == form[0].upper() + form[1:].lower()


_PREFIXES = frozenset({"ex", "non", "anti", "pre", "post", "pro", "mini"})


def _stands_free(text: str, start: int) -> bool:
    """False for the second half of a compound ("anti-Apple"), true for a pair of companies ("Praxair-Linde")."""
    if start == 0 or text[start - 1] != "-":
        return True
    words = text[: start - 1].split()
    before = re.sub(r"^\W+", "", words[-1]) if words and not text[: start - 1].endswith(" ") else ""
    return not before or (before[0].isupper() and before.lower() not in _PREFIXES)


_EXCHANGE = re.compile(
    r"\(\s*(?:NYSE(?:\s+(?:American|Arca|MKT))?|NASDAQ(?:\s?(?:GS|GM|CM))?|AMEX|CBOE)\s*:\s*"
    r"(?P<symbols>[A-Z]{1,5}(?:[./-][A-Z])?(?:\s*,\s*[A-Z]{1,5}(?:[./-][A-Z])?){0,7})\s*\)",
    re.IGNORECASE,
)
_CASHTAG = re.compile(r"(?<![\w$])\$([A-Z]{1,5}(?:[.-][A-Z])?)(?![\w$])")


def _exchange_tags(text: str) -> list[str]:
    return [
        _symbol(symbol)
        for match in _EXCHANGE.finditer(text)
        for symbol in match["symbols"].split(",")
        if symbol.strip()
    ]


def _cashtags(text: str) -> list[str]:
    return [_symbol(symbol) for symbol in _CASHTAG.findall(text)]
