"""Which few headlines a case quotes: relevant by meaning and words, recent, about the company, unlike one another."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from tenthman.domain.news import LinkedItem, Passage
from tenthman.news.embedder import TextEmbedder
from tenthman.news.storage import NewsStore
from tenthman.news.stories import latest_wordings, stories
from tenthman.news.text import clean

TEXT_CAP = 200

MOST_OF_A_SOURCE = 500
"""So many headlines of one source are candidates, the newest: comparing all with all takes time with their square."""

HALF_LIFE_DAYS = 3.0

# Weight of relevance against likeness to what is already chosen (maximal marginal relevance, Carbonell and Goldstein,
# 1998).
RELEVANCE_SHARE = 0.5

# Weight of the words of the question against its meaning. A weighted sum of scores keeps how near an item is, which
# ranks of a handful of items would not (Bruch, Gai and Ingber, 2023).
WORDS_SHARE = 0.3

# Relevance goes into the hash of a case: digits that depend on the processor must not.
DIGITS = 4


def passages(
    store: NewsStore, embedder: TextEmbedder, items: Sequence[LinkedItem], query: str, as_of: datetime, limit: int
) -> tuple[Passage, ...]:
    """The best `limit` of `items` for `query`, best first, under the ids n1, n2, ...

    An article counts in its last wording, and copies of a story once, in the one known first. A source that has more
    than 500 articles among them loses the oldest: one that floods the desk costs no headlines but its own.

    Relevance is nearness x 2^(-age / 3 days) x the item's weight; nearness is 0.7 x cosine to the query (not below
    0.01, so that recency still orders what is off the topic) + 0.3 x the rank of its words, of which the best item has
    1. Ties go by item id.
    Raises ValueError for an item known after `as_of` or a negative `limit`.
    """
    if limit < 0:
        raise ValueError(f"`limit` must be at least 0, was {limit}")
    late = next((linked for linked in items if linked.item.known_at > as_of), None)
    if late is not None:
        raise ValueError(f"`items` must be known by {as_of}, {late.item.id} became known at {late.item.known_at}")
    told = [story.lead for story in stories(_newest_of_each_source(latest_wordings(items)))]
    if not told or limit == 0:
        return ()
    texts, asked = [clean(linked.item.headline, TEXT_CAP) for linked in told], clean(query, TEXT_CAP)
    vectors = store.vectors_for([*texts, asked], embedder).astype(np.float64)
    nearness = _nearness(vectors[:-1] @ vectors[-1], store.word_ranks(texts, asked))
    relevance = np.round(nearness * _standing(told, as_of), DIGITS)
    chosen = diverse(vectors[:-1], relevance, limit)
    return tuple(
        Passage(
            id=f"n{number}",
            item_id=told[index].item.id,
            text=texts[index],
            source=clean(told[index].item.source, 40),
            known_at=told[index].item.known_at,
            sentiment=told[index].sentiment,
            relevance=float(relevance[index]),
        )
        for number, index in enumerate(chosen, start=1)
    )


def _newest_of_each_source(items: Sequence[LinkedItem]) -> list[LinkedItem]:
    taken: Counter[str] = Counter()
    kept = []
    for linked in sorted(items, key=lambda entry: (entry.item.known_at, entry.item.id), reverse=True):
        taken[linked.item.source] += 1
        if taken[linked.item.source] <= MOST_OF_A_SOURCE:
            kept.append(linked)
    return kept


def _nearness(cosines: NDArray[np.float64], word_ranks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Meaning and words in one number, 0..1."""
    best = float(word_ranks.max())
    words = word_ranks / best if best > 0.0 else word_ranks
    nearness: NDArray[np.float64] = (1.0 - WORDS_SHARE) * np.maximum(cosines, 0.01) + WORDS_SHARE * words
    return nearness


def _standing(told: Sequence[LinkedItem], as_of: datetime) -> NDArray[np.float64]:
    """Recency times the weight of the evidence."""
    ages = np.array([(as_of - linked.item.effective_at).total_seconds() / 86_400.0 for linked in told])
    standing: NDArray[np.float64] = np.exp2(-ages / HALF_LIFE_DAYS) * np.array([linked.weight for linked in told])
    return standing


def diverse(vectors: NDArray[np.float64], relevance: NDArray[np.float64], limit: int) -> list[int]:
    """Which rows to show, best first: relevant, and unlike those before (maximal marginal relevance).

    `vectors`: unit vectors, shape (rows, dimensions); `relevance`: shape (rows,), at least 0. Ties go to the first row.
    """
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
