"""What the mention of a name is worth, judged by the words around it: a company, or something else of that name."""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum
from functools import cache
from importlib.resources import files
from types import MappingProxyType


class Evidence(Enum):
    """Why an item was tied to a ticker, strongest first."""

    SOURCE_TAG = "source_tag"
    EXCHANGE_TAG = "exchange_tag"
    CASHTAG = "cashtag"
    NAME = "name"
    NAME_IN_CONTEXT = "name_in_context"


class Rule(Enum):
    """How the bare name of a company is told from what else has that name; see docs/news.md."""

    PLAIN = "plain"
    GUARD = "guard"
    PERSON = "person"
    CONTEXT = "context"
    BROKER = "broker"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A name found in a text, from `start` to `end`.

    `legal`: with its legal form ("Inc"), which settles what it is, but not whether a bank speaks or is spoken of.
    """

    issuer: str
    name: str
    legal: bool
    start: int
    end: int

    @property
    def rule(self) -> Rule:
        """What this mention must stand up to."""
        known = ambiguous_names().get(self.name)
        rule = known.rule if known is not None else Rule.CONTEXT if is_short(self.name) else Rule.PLAIN
        return Rule.PLAIN if self.legal and rule is not Rule.BROKER else rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Ambiguity:
    """A name that is also something else, and the words beside which it is that (in small letters)."""

    rule: Rule
    not_after: frozenset[str]
    not_before: frozenset[str]


@cache
def ambiguous_names() -> Mapping[str, Ambiguity]:
    """The names of `ambiguous_names.csv`, in small letters."""
    text = (files("tenthman.news") / "ambiguous_names.csv").read_text(encoding="utf-8")
    return MappingProxyType(
        {
            row["name"]: Ambiguity(
                rule=Rule(row["rule"]),
                not_after=frozenset(row["not_after"].split("|")) - {""},
                not_before=frozenset(row["not_before"].split("|")) - {""},
            )
            for row in csv.DictReader(text.splitlines())
        }
    )


@cache
def _dated_names() -> Mapping[tuple[str, str], tuple[date, date]]:
    """From when until before when a name of `dated_names.csv`, in small letters, is one of a ticker's."""
    text = (files("tenthman.news") / "dated_names.csv").read_text(encoding="utf-8")
    return MappingProxyType(
        {
            (ticker, row["name"]): (
                date.fromisoformat(row["from"]),
                date.fromisoformat(row["until"]) if row["until"] else date.max,
            )
            for row in csv.DictReader(text.splitlines())
            for ticker in row["tickers"].split("|")
        }
    )


def is_name_on(ticker: str, name: str, day: date) -> bool:
    """Whether the company of `ticker` goes by `name` on `day`: LinkedIn was not Microsoft's before it was bought."""
    first, until = _dated_names().get((ticker, name.casefold()), (date.min, date.max))
    return first <= day < until


def is_short(name: str) -> bool:
    """Whether `name` is so short that it may be an ordinary word or initials."""
    return len(name) <= 4 and name.isalpha()


_BUSINESS = (
    "shares?|stocks?|bonds?|earnings|profits?|revenues?|sales|results|guidance|outlook|forecasts?|dividend|buyback|"
    "ceo|cfo|coo|chairman|chief|executives?|board|investors?|shareholders?|analysts?|unit|units|deal|merger|takeover|"
    "bid|stake|ipo|quarterly|quarter|q[1-4]|first-quarter|second-quarter|third-quarter|fourth-quarter|holiday|"
    "says|said|reports|reported|posts|posted|beats|misses|tops|raises|cuts|boosts|lifts|slashes|warns|expects|sees|"
    "plans|agrees|buys|acquires|sells|sues|sued|settles|wins|loses|unveils|launches|introduces|names|hires|appoints|"
    "recalls|recalling|invests|partners|announces|declares|jumps|surges|rallies|soars|slides|falls|drops|tumbles|plunges|"
    "gains|rises|climbs|sinks|slips|upgraded|downgraded|joins|opens|closes|shuts|adds|workers|employees|factory|plant|"
    "plants|stores?|customers|apologizes|halts|suspends|resumes|delays|faces|adopts|signs|reduces|sets|seeks|reopens|"
    "expands|extends|tests|pays|offers|ends|spends|trims|hikes|doubles|triples|swings|teams"
)
_AFTER = re.compile(
    rf"(?:'s?)?,?\s+(?:(?!(?:between|in|of|to|for|at|on|and|as|by|from|with|up|down)\b)[\w'-]+\s+)?(?:{_BUSINESS})\b",
    re.IGNORECASE,
)
_BEFORE = re.compile(
    r"\b(?:shares (?:of|in)|stock of|stocks? like|stake in|merger with|deal with|partners? with|takeover of|bid for|"
    r"investors? in|ceo of|unit of|buys|acquires?|buy|sues|upgrades|downgrades|retailers?|automakers?|carmakers?|"
    r"lender|chemicals? (?:giant|maker)|tech giant|owner|parent|rivals?|competitors?)\s+$",
    re.IGNORECASE,
)
_RATING = re.compile(
    r"\b(?:upgrade|downgrade|initiate|reiterate|maintain|rates?\b|rating|price target|target price|overweight|"
    r"underweight|outperform|underperform|neutral|buy rating|top picks?|analysts?)",
    re.IGNORECASE,
)
_OPINION = re.compile(
    r"(?:'s)?\s+(?:\w+\s+)?(?:says?|upgrades?|downgrades?|initiates?|reiterates?|starts?|raises?|cuts?|lowers?|sees|"
    r"recommends?|analysts?|strategists?|economists?)\b",
    re.IGNORECASE,
)
_FORECASTERS = re.compile(r"(?:'s?)?\s+(?:stock[- ]pickers?|(?:\w+\s+)?(?:strategists?|economists?))\b", re.IGNORECASE)
_FORECAST = re.compile(
    r"(?:'s?)?\s+(?:\w+\s+)?(?:says?|sees|warns?|warning|expects?|predicts?|forecasts?|flashes|asks?|asked|bets?|favors?|"
    r"likes|recommends?|lifts?|raises?|cuts?|lowers?|turns)\b.*"
    r"(?:\bS&P\b|\bstocks\b|\bequities\b|\bbonds\b|\btreasur(?:y|ies)\b|\byields?\b|\bdollar\b|\boil\b|\bgold\b|\bfed\b|"
    r"\beconom(?:y|ies|ists?)\b|\bgdp\b|\brecession\b|\bmarkets?\b|\bbitcoin\b|\brally\b)",
    re.IGNORECASE,
)
_SIGNED = re.compile(r"[:-]\s+$")
_OTHERS = re.compile(r"\s+(?:suppliers?|rivals?|competitors?)\b", re.IGNORECASE)
_PLACE = re.compile(r"\b(?:on|via)\s+$", re.IGNORECASE)
_PLATFORMS = frozenset({"facebook", "instagram", "youtube", "whatsapp", "linkedin"})
_LAST_WORD = re.compile(r"([\w.'&-]+)\s+$")
_NEXT_WORD = re.compile(r"(?:'s)?(?:\s+|-)([\w.'&-]+)")


def judge(mention: Mention, text: str, *, others: bool) -> Evidence | None:
    """What the mention is worth: nothing when the words around it say that another thing is meant.

    `others`: the text names another company for certain.
    """
    rule = mention.rule
    if rule is Rule.NEVER:
        return None
    before, after = text[: mention.start], text[mention.end :]
    if not mention.legal and (_vetoed(mention.name, before, after) or _stands_for_others(mention.name, before, after)):
        return None
    if rule in (Rule.PERSON, Rule.CONTEXT) and _follows_a_forename(before):
        return None
    if rule is Rule.CONTEXT:
        written = text[mention.start : mention.end]
        return Evidence.NAME_IN_CONTEXT if _in_business(written, before, after, others=others) else None
    if rule is Rule.BROKER and _speaks_of_another(before, after, text, others=others):
        return None
    return Evidence.NAME


def _vetoed(name: str, before: str, after: str) -> bool:
    """Whether a word right beside the name says that it is the other thing ("Apple pie")."""
    known = ambiguous_names().get(name)
    if known is None:
        return False
    last, following = _LAST_WORD.search(before), _NEXT_WORD.match(after)
    return (last is not None and _bare(last[1]) in known.not_after) or (
        following is not None and _bare(following[1]) in known.not_before
    )


def _bare(word: str) -> str:
    return word.lower().rstrip(".")


def _stands_for_others(name: str, before: str, after: str) -> bool:
    """ "Apple suppliers" are not Apple; what somebody did on Facebook is no news of Facebook."""
    return _OTHERS.match(after) is not None or (
        name in _PLATFORMS and _PLACE.search(before) is not None and not after.strip(" .!?'\"")
    )


_NOT_FORENAMES = frozenset(
    {"why", "how", "is", "and", "with", "by", "at", "for", "in", "from", "to", "on", "as", "of", "can", "will", "does"}
    | {"are", "or", "vs", "after", "like", "exclusive", "update", "ceo", "inside", "retailer", "automaker", "carmaker"}
)


def _follows_a_forename(before: str) -> bool:
    """A capitalised word right before a surname-like name ("Harrison Ford", "Norfolk Southern") makes it another's."""
    last = _LAST_WORD.search(before)
    if last is None:
        return False
    word = last[1]
    return word[0].isupper() and word.lower() not in _NOT_FORENAMES and not word.endswith("'s")


def _in_business(written: str, before: str, after: str, *, others: bool) -> bool:
    """Stands beside a word of business, in a row of companies, or as initials in running text."""
    if _AFTER.match(after) or _BEFORE.search(before) or (others and _in_a_row(before, after)):
        return True
    return is_short(written) and written.isupper() and _in_a_sentence(before, after)


def _in_a_row(before: str, after: str) -> bool:
    """Stands in a list: "Walmart, Target" or "Target and Macy's"."""
    return bool(re.search(r"(?:,|\band|&|\bor|/)\s*$", before) or re.match(r"\s*(?:,|and\b|&|/)", after))


def _in_a_sentence(before: str, after: str) -> bool:
    """Initials such as "IBM" beside a word in lower case: running text, where capitals carry meaning."""
    return re.search(r"\b[a-z]{2,}\s+$", before) is not None or re.match(r"(?:'s)?\s+[a-z]{2,}", after) is not None


def _speaks_of_another(before: str, after: str, text: str, *, others: bool) -> bool:
    """A bank that gives its opinion of someone else, or of the market, is the speaker, not the subject."""
    if _FORECASTERS.match(after) or _FORECAST.match(after) or (_SIGNED.search(before) and not after.strip(" .")):
        return True
    if not others and not _RATING.search(text):
        return False
    if _OPINION.match(after) and (others or _RATING.search(text)):
        return True
    attributed = re.search(r"(?:\bat|\bby|\bsays?|:|-)\s+$", before) is not None or after.strip().startswith(":")
    return attributed and (not after.strip(" .") or _RATING.search(text) is not None)
