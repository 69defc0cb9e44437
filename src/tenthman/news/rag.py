"""Which few headlines a case quotes: relevant, recent, about the company, and different from one another."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from tenthman.domain.news import LinkedItem, Passage
from tenthman.news.embedder import Embedder
from tenthman.news.storage import NewsStore
from tenthman.news.text import clean

TEXT_CAP = 200
HALF_LIFE_DAYS = 3.0

# Weight of relevance against likeness to what is already chosen (maximal marginal relevance, Carbonell and Goldstein,
# 1998).
RELEVANCE_SHARE = 0.5

SAME_STORY_WITHIN = timedelta(hours=72)
SAME_STORY_OVERLAP = 0.7

# Relevance goes into the hash of a case: digits that depend on the processor must not.
DIGITS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class _Story:
    linked: LinkedItem
    words: frozenset[str]
    signs: tuple[str, ...]


def passages(
    store: NewsStore, embedder: Embedder, items: Sequence[LinkedItem], query: str, as_of: datetime, limit: int
) -> tuple[Passage, ...]:
    """The best `limit` of `items` for `query`, best first, under the ids n1, n2, ...

    Copies of a story count once, in the version known first. Relevance is cosine to the query (not below 0.01, so that
    recency still orders what is off the topic) x 2^(-age / 3 days) x the item's weight. Ties go by item id. Raises
    ValueError for an item known after `as_of` or a negative `limit`.
    """
    if limit < 0:
        raise ValueError(f"`limit` must be at least 0, was {limit}")
    late = next((linked for linked in items if linked.item.known_at > as_of), None)
    if late is not None:
        raise ValueError(f"`items` must be known by {as_of}, {late.item.id} became known at {late.item.known_at}")
    stories = merge_copies(items)
    if not stories or limit == 0:
        return ()
    texts = [clean(linked.item.headline, TEXT_CAP) for linked in stories]
    vectors = store.vectors_for([*texts, clean(query, TEXT_CAP)], embedder).astype(np.float64)
    relevance = np.round(np.maximum(vectors[:-1] @ vectors[-1], 0.01) * _standing(stories, as_of), DIGITS)
    chosen = _diverse(vectors[:-1], relevance, limit)
    return tuple(
        Passage(
            id=f"n{number}",
            item_id=stories[index].item.id,
            text=texts[index],
            source=clean(stories[index].item.source, 40),
            known_at=stories[index].item.known_at,
            sentiment=stories[index].sentiment,
            relevance=float(relevance[index]),
        )
        for number, index in enumerate(chosen, start=1)
    )


def merge_copies(items: Sequence[LinkedItem]) -> list[LinkedItem]:
    """One item for each story, the one known first; by item id.

    Two headlines tell one story when their words are nearly the same, about the same tickers, within three days, and
    agree on every number, negation and direction: "raises" and "cuts" are never copies.
    """
    kept: list[_Story] = []
    for linked in sorted(items, key=lambda entry: (entry.item.known_at, entry.item.id)):
        story = _read(linked)
        if not any(_same(story, other) for other in kept):
            kept.append(story)
    return sorted((story.linked for story in kept), key=lambda linked: linked.item.id)


_WORD = re.compile(r"[a-z]+|\d+(?:[.,]\d+)*")
_SIGN = re.compile(
    r"\d.*|not?|never|without|fails?|up|down|above|below|higher|lower|beats?|miss(?:es)?|tops?|raises?|cuts?|lifts?|"
    r"slashes|hikes?|trims?|rises?|falls?|gains?|drops?|jumps?|plunges?|surges?|sinks?|soars?|slides?|climbs?|tumbles?|"
    r"upgrades?d?|downgrades?d?|buys?|sells?|wins?|loses?|profits?|loss(?:es)?|approves?|rejects?|denies|confirms?|"
    r"first|second|third|fourth|q\d|expands?|shrinks?|more|less|opens?|closes?|halts?|resumes?|in|out"
)


def _read(linked: LinkedItem) -> _Story:
    text = unicodedata.normalize("NFKC", linked.item.headline).casefold().replace("n't", " not")
    for publisher in (f" - {linked.item.source.casefold()}", f" | {linked.item.source.casefold()}"):
        text = text.removesuffix(publisher)
    words = _WORD.findall(text)
    return _Story(
        linked=linked,
        words=frozenset(words),
        signs=tuple(sorted({word for word in words if _SIGN.fullmatch(word)})),
    )


def _same(one: _Story, other: _Story) -> bool:
    if one.signs != other.signs or one.linked.tickers != other.linked.tickers or not one.words:
        return False
    if abs(one.linked.item.known_at - other.linked.item.known_at) > SAME_STORY_WITHIN:
        return False
    return len(one.words & other.words) / len(one.words | other.words) >= SAME_STORY_OVERLAP


def _standing(stories: Sequence[LinkedItem], as_of: datetime) -> NDArray[np.float64]:
    """Recency times the weight of the evidence."""
    ages = np.array([(as_of - linked.item.effective_at).total_seconds() / 86_400.0 for linked in stories])
    standing: NDArray[np.float64] = np.exp2(-ages / HALF_LIFE_DAYS) * np.array([linked.weight for linked in stories])
    return standing


def _diverse(vectors: NDArray[np.float64], relevance: NDArray[np.float64], limit: int) -> list[int]:
    """Rows to show, best first: relevant, and unlike those before."""
    scale = float(relevance.max())
    gain = RELEVANCE_SHARE * relevance / scale if scale > 0.0 else np.zeros(len(relevance))
    likeness = np.round(vectors @ vectors.T, DIGITS)
    chosen: list[int] = []
    nearest = np.zeros(len(relevance))
    left = np.ones(len(relevance), dtype=np.bool_)
    while left.any() and len(chosen) < limit:
        worth = np.where(left, np.round(gain - (1.0 - RELEVANCE_SHARE) * nearest, 2 * DIGITS), -np.inf)
        best = int(np.argmax(worth))
        chosen.append(best)
        left[best] = False
        nearest = np.maximum(nearest, likeness[best])
    return chosen
