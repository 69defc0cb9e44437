"""Which headlines tell the same story, across feeds: copies are counted once, contradictions never merge."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from tenthman.domain.news import LinkedItem

SAME_STORY_WITHIN = timedelta(hours=72)
SAME_STORY_OVERLAP = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One story: the item known first, and its copies in the order in which they became known."""

    lead: LinkedItem
    copies: tuple[LinkedItem, ...] = ()

    @property
    def sources(self) -> tuple[str, ...]:
        """Who told it, each once: five copies of a wire are one voice."""
        return tuple(sorted({linked.item.source for linked in (self.lead, *self.copies)}))


def latest_wordings(items: Sequence[LinkedItem]) -> list[LinkedItem]:
    """Each article once, in the wording that became known last."""
    latest: dict[str, LinkedItem] = {}
    for linked in sorted(items, key=lambda entry: entry.item.known_at):
        latest[linked.item.id] = linked
    return list(latest.values())


def stories(items: Sequence[LinkedItem]) -> tuple[Story, ...]:
    """The stories that `items` tell, by the id of the item known first.

    Two headlines tell one story when at least 70 % of their words are shared and stand in the same order, they are
    about the same tickers, became known within three days, and agree on every number, unit, day, negation and
    direction: "raises" and "cuts" are never copies, nor are "profit up, sales down" and "sales up, profit down". Nor
    may a word stand in place of another, unless both are light or forms of one word: a copy adds and leaves out. A copy
    joins the story whose lead it is a copy of, so that stories cannot drift.
    """
    leads: dict[tuple[object, ...], list[tuple[_Text, list[LinkedItem]]]] = {}
    for linked in sorted(items, key=lambda entry: (entry.item.known_at, entry.item.id)):
        text = _read(linked)
        alike = leads.setdefault((text.signs, linked.tickers), [])
        copies = next((copies for lead, copies in alike if _same(text, lead)), None)
        if copies is None:
            alike.append((text, []))
        else:
            copies.append(linked)
    found = (Story(lead=lead.linked, copies=tuple(copies)) for group in leads.values() for lead, copies in group)
    return tuple(sorted(found, key=lambda story: story.lead.item.id))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Text:
    """A headline's distinct words in the order in which they first stand, and those of them that may contradict."""

    linked: LinkedItem
    words: tuple[str, ...]
    held: frozenset[str]
    signs: tuple[str, ...]


# A loss stands with a minus or, as accountants have it, in brackets; before it is read, "~" takes the place of either.
_NEGATIVE = re.compile(r"\((?=\$?\d[\d.,]*\))|(?<![^\s$\u20ac\u00a3\u00a5])[-\u2212](?=[$\u20ac\u00a3\u00a5]?\d)")
_WORD = re.compile(r"[a-z]+|~?[$]?\d+(?:[.,]\d+)*|[\u20ac\u00a3\u00a5]")
_SIGN = re.compile(
    r"[^a-z].*|"
    r"hundreds?|thousands?|millions?|billions?|trillions?|mln|bln|bn|percent|pct|bps|one|two|three|four|five|six|seven|"
    r"eight|nine|ten|dozens?|half|double[sd]?|triple[sd]?|twice|first|second|third|fourth|last|next|"
    r"mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun|(?:mon|tues|wednes|thurs|fri|satur|sun)day|"
    r"january|february|march|april|may|june|july|august|september|october|november|december|"
    r"not?|never|none|nothing|nobody|without|cannot|fail(?:s|ed)?|unlikely|un\w+able|denie[sd]|deny|refuse[sd]?|"
    r"up|down|above|below|over|under|higher|lower|more|less|fewer|high|low|best|worst|good|bad|bull\w*|bear\w*|"
    r"strong\w*|weak\w*|posit\w+|negat\w+|new|old|"
    r"beat(?:s|ing)?|miss(?:e[sd]|ing)?|top(?:s|ped|ping)?|lag(?:s|ged|ging)?|"
    r"(?:rais|increas|decreas|reduc|improv|declin|pric|los|clos|clim|rebound|recover|widen|narrow)\w*|"
    r"cut(?:s|ting)?|lift(?:s|ed|ing)?|slash(?:es|ed|ing)?|hik(?:es?|ed|ing)|trim(?:s|med|ming)?|boost(?:s|ed|ing)?|"
    r"ris(?:es?|en|ing)|rose|f(?:a|e)ll(?:s|en|ing)?|gain(?:s|ed|ing)?|drop(?:s|ped|ping)?|jump(?:s|ed|ing)?|"
    r"plung(?:es?|ed|ing)|plummet\w*|surg(?:es?|ed|ing)|s(?:i|a|u)nk(?:s|ing)?|soar(?:s|ed|ing)?|slid(?:es?|ing)?|"
    r"climb(?:s|ed|ing)?|tumbl(?:es?|ed|ing)|dip(?:s|ped|ping)?|rall(?:y|ies|ied)|slump(?:s|ed|ing)?|slip(?:s|ped)?|"
    r"upgrad\w*|downgrad\w*|overweight|underweight|outperform\w*|underperform\w*|buy(?:s|ing)?|bought|"
    r"sell(?:s|ing)?|sold|hold|win(?:s|ning)?|won|lost|profit\w*|loss(?:es)?|surplus|deficit|approv\w*|reject\w*|"
    r"confirm\w*|den(?:y|ies|ied)|accept\w*|grant\w*|block(?:s|ed|ing)?|allow(?:s|ed)?|bans?|banned|"
    r"q\d|expand(?:s|ed|ing)?|shrink(?:s|ing)?|shrank|grow(?:s|ing|th)?|grew|open(?:s|ed|ing)?|"
    r"halt(?:s|ed|ing)?|resum(?:es?|ed|ing)|start(?:s|ed|ing)?|stop(?:s|ped|ping)?|begin(?:s|ning)?|end(?:s|ed|ing)?|"
    r"hir(?:es?|ed|ing)|fir(?:es?|ed|ing)|add(?:s|ed|ing)?|remov\w*|join(?:s|ed|ing)?|leav(?:es?|ing)|left|"
    r"before|after|out|off|against|behind|ahead|hardly|barely|wrong|right|"
    r"(?:withdr|suspend|abandon|scrap|cancel|delay|postpon|dismiss|toss|withh|overturn|upheld|uphold|disput|exempt)\w*|"
    r"(?:reaffirm|affirm|maintain|accelerat|decelerat|worsen|eas(?:es|ed|ing)|halv|clear(?:s|ed)|accus|ceas|dump|exit)\w*"
)


def _read(linked: LinkedItem) -> _Text:
    text = unicodedata.normalize("NFKC", linked.item.headline).casefold().replace("\u2019", "'").replace("n't", " not")
    for publisher in (f" - {linked.item.source.casefold()}", f" | {linked.item.source.casefold()}"):
        text = text.removesuffix(publisher)
    words = tuple(dict.fromkeys(word.replace("$", "") for word in _WORD.findall(_NEGATIVE.sub("~", text))))
    signs = tuple(sorted(word for word in words if _SIGN.fullmatch(word)))
    return _Text(linked=linked, words=words, held=frozenset(words), signs=signs)


def _same(one: _Text, other: _Text) -> bool:
    if not one.words or abs(one.linked.item.known_at - other.linked.item.known_at) > SAME_STORY_WITHIN:
        return False
    shared = one.held & other.held
    if len(shared) < SAME_STORY_OVERLAP * (len(one.words) + len(other.words) - len(shared)):
        return False
    ours, theirs = _gaps(one.words, shared), _gaps(other.words, shared)
    return [word for word in one.words if word in shared] == [word for word in other.words if word in shared] and all(
        _reworded(mine, yours) for mine, yours in zip(ours, theirs, strict=True)
    )


# Words that may take each other's place.
_LIGHT = frozenset(
    {"a", "an", "the", "its", "his", "her", "their", "this", "that", "is", "are", "was", "were", "be", "has", "have"}
    | {"had", "of", "in", "on", "at", "by", "as", "and", "with", "to", "will", "would", "s", "u", "us", "it", "who"}
    | {"which", "say", "says", "said", "saying", "tell", "tells", "told", "source", "sources", "report", "reports"}
    | {"reported", "reuters", "cnbc", "wsj", "bloomberg", "ap", "exclusive", "update", "breaking", "corp", "inc", "co"}
    | {"company"}
)
# Where something goes or comes from: of these, light or not, none may take the place of another ("to" that of "from").
_WAYS = frozenset({"to", "from", "into", "by", "for", "with"})
_ENDING = re.compile(r"(?:es|ed|ing|s|e)$")


def _gaps(words: tuple[str, ...], shared: frozenset[str]) -> list[list[str]]:
    """The words of its own before, between and after those that a headline shares with another."""
    gaps: list[list[str]] = [[]]
    for word in words:
        if word in shared:
            gaps.append([])
        else:
            gaps[-1].append(word)
    return gaps


def _reworded(mine: list[str], yours: list[str]) -> bool:
    """Whether words in the same place may say the same: one side has none, or they are light, or forms of one word.

    No list of opposites is ever complete: one word in place of another may always be its contrary.
    """
    ours, theirs = ([word for word in words if word in _WAYS] for words in (mine, yours))
    if ours and theirs and ours != theirs:
        return False
    own = [word for word in mine if word not in _LIGHT]
    others = [word for word in yours if word not in _LIGHT]
    if not own or not others:
        return True
    return [_ENDING.sub("", word) for word in own] == [_ENDING.sub("", word) for word in others]
