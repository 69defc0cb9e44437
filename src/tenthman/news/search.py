"""Finding headlines: by meaning (vectors) and by words (PostgreSQL full text), fused, as known at an instant.

The two lists are fused by reciprocal rank (Cormack, Clarke and Buettcher, 2009): an item's score is the sum of
1 / (60 + its rank) over the lists it stands in.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray
from pgvector import HalfVector
from psycopg import Connection, sql
from psycopg_pool import ConnectionPool

from tenthman.db.sql import load_queries
from tenthman.domain.checks import require_aware, require_text
from tenthman.domain.news import LinkedItem, Passage
from tenthman.news.embedder import TextEmbedder
from tenthman.news.rag import DIGITS, TEXT_CAP, diverse
from tenthman.news.storage import linked_item
from tenthman.news.stories import Story, stories
from tenthman.news.text import clean

log = structlog.get_logger(__name__)

SQL = load_queries("tenthman.news", "search.sql")

Row = tuple[Any, ...]
Key = tuple[str, int]
"""An article's id and the number of a version."""

DEPTH = 50
"""So many of each list are fused."""

EXACT_UP_TO = 16_000
"""The codes of so many candidates at most, of all tickers, are compared one by one."""

EXACT_SHARE = 0.16
"""Nor a larger share of all that is stored: the more of it may be shown, the shorter the walk through the index."""

EXACT_ALWAYS = 2_000
"""So few are compared one by one in any case."""

EF_SEARCH = 120
"""How many neighbours the index keeps in view (HNSW, Malkov and Yashunin, 2018)."""

COMPARED = 160
"""So many, the nearest by code, are compared in full."""

INDEXED = (384, 768, 1024)
"""Widths for which the schema has an index; the codes of others are all compared."""

EVERY_HEADLINE = ""
"""Under this ticker each headline has a code too."""

LINKS_OF_AN_ITEM = 10
"""No item is linked to more tickers: to eight companies, of which a few have two classes of shares."""

TIDY_FROM = 1_000
"""So many new vectors at once, and the tables are vacuumed: an index alone answers for pages known to be settled. What
came in between left the pages of codes half empty, so these are packed anew.
"""

NEWEST = 200
"""Of the items that have the words of the question, so many of the newest are ranked."""

RANK_OFFSET = 60
BATCH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is looked for. `tickers`: only items linked to one of them (empty: all), the more surely the fewer others
    an item names. `half_life_days`: an item so much older than another counts (1 + 1/2) / 2 as much, and never less
    than half of the newest.
    """

    text: str
    as_of: datetime
    tickers: tuple[str, ...] = ()
    limit: int = 10
    half_life_days: float = 30.0

    def __post_init__(self) -> None:
        require_text("text", self.text)
        require_aware("as_of", self.as_of)
        if not 1 <= self.limit <= DEPTH:
            raise ValueError(f"`limit` must be 1 to {DEPTH}, was {self.limit}")
        if not self.half_life_days > 0.0:
            raise ValueError(f"`half_life_days` must be above 0, was {self.half_life_days}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A passage, and why it was found: its ranks by meaning and by words (1 is best, None: not in that list)."""

    passage: Passage
    tickers: tuple[str, ...]
    url: str
    sources: tuple[str, ...]
    copies: tuple[str, ...]
    by_meaning: int | None
    by_words: int | None


@dataclass(frozen=True, slots=True)
class Statement:
    """What the server is asked. Where values tell the planner how much they narrow, it should plan each time anew."""

    text: sql.SQL | sql.Composed
    values: dict[str, object]
    is_planned_once: bool = False


class NewsSearch:
    """Searches the stored news of one market. Vectors of other models than `embedder`'s are never looked at."""

    def __init__(self, pool: ConnectionPool[Connection[Row]], market_id: str, embedder: TextEmbedder) -> None:
        self._pool = pool
        self._embedder = embedder
        self._scope = {"market_id": market_id, "model": embedder.model}
        self._many_after: datetime | None = None

    def missing(self) -> int:
        """How many stored headlines have no vector yet; only their words can be found."""
        with self._pool.connection() as connection:
            row = connection.execute(SQL["missing_count"], self._scope).fetchone()
        return 0 if row is None else int(row[0])

    def index(self, limit: int, told: Callable[[int], None] = lambda _: None) -> int:
        """Give vectors to at most `limit` headlines that have none, the newest first, and return how many got one.

        Each batch of 200 is kept as it is done; `told` hears the number so far.
        """
        with self._pool.connection() as connection:
            rows = connection.execute(SQL["missing"], {**self._scope, "limit": limit}).fetchall()
        for start in range(0, len(rows), BATCH):
            batch = rows[start : start + BATCH]
            self._embed([((str(news_id), int(version)), str(headline)) for news_id, version, headline in batch])
            told(start + len(batch))
        if len(rows) >= TIDY_FROM:
            self._tidy()
        return len(rows)

    def _tidy(self) -> None:
        with self._pool.connection() as connection:
            connection.autocommit = True
            try:
                # The bound is for questions; a large store takes longer to tidy.
                connection.execute("SET statement_timeout = 0")
                connection.execute(SQL["pack"])
                connection.execute(SQL["tidy"])
            finally:
                connection.execute("RESET statement_timeout")
                connection.autocommit = False

    def search(self, question: Question) -> tuple[Found, ...]:
        """The best passages for `question`, best first, under the ids n1, n2, ...

        Only what was known at `as_of` is found, in the version that stood then. Copies of a story count once. Of equal
        items the ids decide.
        """
        [vector] = self._embedder.embed([clean(question.text, TEXT_CAP)])
        return self.search_with(question, vector)

    def search_with(self, question: Question, vector: NDArray[np.float32]) -> tuple[Found, ...]:
        """As `search`, for a question whose unit `vector` is at hand."""
        words = _matching(question)
        with self._pool.connection() as connection:
            near, worded = self._asked(connection, question, self._nearest(connection, question, vector, DEPTH), words)
            worded = worded[:DEPTH]
            fused = _fuse(near, worded)
            items, vectors = self._read(connection, list(fused), question.as_of)
        if not items:
            return ()
        vectors |= self._embed([(key, linked.item.headline) for key, linked in items.items() if key not in vectors])
        told = stories(list(items.values()))
        keys = {linked.item.id: key for key, linked in items.items()}
        relevance = np.array([_relevance(story, fused, keys, question) for story in told])
        lead_vectors = np.stack([vectors[keys[story.lead.item.id]] for story in told]).astype(np.float64)
        chosen = diverse(lead_vectors, np.round(relevance, DIGITS), question.limit)
        ranks = {key: rank for rank, key in enumerate(near, start=1)}, {key: n for n, key in enumerate(worded, start=1)}
        return tuple(
            _found(number, told[index], float(relevance[index]), keys, ranks)
            for number, index in enumerate(chosen, start=1)
        )

    def nearest(self, question: Question, vector: NDArray[np.float32], depth: int = DEPTH) -> list[Key]:
        """The `depth` versions nearest to the unit `vector` among those that `question` admits, nearest first.

        Codes, of three bits for each number of a vector, tell which are compared in full. The codes of few candidates
        are compared one by one, and so are those of tickers, from which the question may lie far: the index would walk
        for long and miss some. Among many it looks on until it has found enough.
        """
        with self._pool.connection() as connection:
            [found] = self._asked(connection, question, self._nearest(connection, question, vector, depth))
        return found

    def _nearest(
        self, connection: Connection[Row], question: Question, vector: NDArray[np.float32], depth: int
    ) -> Statement:
        width = len(vector)
        values: dict[str, object] = {"vector": HalfVector(vector), "depth": depth}
        if not question.tickers and width in INDEXED and self._many(connection, question.as_of):
            return Statement(sql.SQL(SQL["nearest_by_index"]).format(dimensions=width), values)
        among = list(question.tickers) or [EVERY_HEADLINE]
        codes = max(COMPARED * min(len(among), 2), question.limit * min(len(among), LINKS_OF_AN_ITEM), depth)
        compared = max(COMPARED, depth)
        values |= {"among": among, "codes": codes, "compared": compared}
        return Statement(sql.SQL(SQL["nearest_by_code"]), values, is_planned_once=True)

    def _many(self, connection: Connection[Row], as_of: datetime) -> bool:
        """Whether more candidates are known by `as_of` than should be compared one by one."""
        if self._many_after is None:
            bounds = {"few": EXACT_UP_TO, "share": EXACT_SHARE, "least": EXACT_ALWAYS}
            row = connection.execute(SQL["known_after"], {**self._scope, **bounds}).fetchone()
            self._many_after = None if row is None else row[0]
        return self._many_after is not None and as_of >= self._many_after

    def _asked(self, connection: Connection[Row], question: Question, *statements: Statement) -> list[list[Key]]:
        """What each statement finds, all sent at once."""
        scope = {**self._scope, "as_of": question.as_of, "tickers": list(question.tickers)}
        with connection.pipeline():
            connection.execute(SQL["walk"], {"in_view": str(EF_SEARCH)})
            cursors = [
                connection.execute(asked.text, {**scope, **asked.values}, prepare=asked.is_planned_once)
                for asked in statements
            ]
            return [list(dict.fromkeys((str(row[0]), int(row[1])) for row in cursor)) for cursor in cursors]

    def _read(
        self, connection: Connection[Row], keys: Sequence[Key], as_of: datetime
    ) -> tuple[dict[Key, LinkedItem], dict[Key, NDArray[np.float32]]]:
        """The items behind `keys` that still stood at `as_of`, and the vectors of those that have one."""
        values = {**self._scope, "as_of": as_of, "ids": [key[0] for key in keys], "versions": [key[1] for key in keys]}
        with connection.cursor(binary=True) as cursor:
            rows = cursor.execute(SQL["fetch"], values).fetchall()
        items = {(str(row[0]), int(row[12])): linked_item(row[:12]) for row in rows}
        return items, {(str(row[0]), int(row[12])): _unpacked(row[13]) for row in rows if row[13] is not None}

    def _embed(self, headlines: Sequence[tuple[Key, str]]) -> dict[Key, NDArray[np.float32]]:
        """Make and keep the vectors of `headlines`."""
        if not headlines:
            return {}
        vectors = self._embedder.embed([clean(headline, TEXT_CAP) for _, headline in headlines])
        made = {key: vector for (key, _), vector in zip(headlines, vectors, strict=True)}
        with self._pool.connection() as connection, connection.cursor() as cursor:
            cursor.execute(SQL["stage"])
            with cursor.copy(SQL["copy_in"]) as copy:
                copy.set_types(["text", "int4", "halfvec"])
                for (news_id, version), vector in made.items():
                    copy.write_row((news_id, version, HalfVector(vector)))
            cursor.execute(SQL["share_links"], self._scope)
            cursor.execute(SQL["open_shelves"], self._scope)
            cursor.execute(SQL["add"], self._scope)
            cursor.execute("DROP TABLE incoming_vectors")
        log.debug("headlines embedded", number=len(made), model=self._embedder.model)
        return made


_EVERY = sql.SQL("plainto_tsquery('english', %(text)s)")
_EITHER = sql.SQL("replace({}::text, ' & ', ' | ')::tsquery").format(_EVERY)
_LINKED = sql.SQL("AND tickers && %(tickers)s")


def _matching(question: Question) -> Statement:
    """Items with all words of the question, then (where those are few) with any of them.

    What narrows is spelled out, so that the planner sees it.
    """
    text = sql.SQL(SQL["matching"]).format(
        every=_EVERY, either=_EITHER, narrowed=_LINKED if question.tickers else sql.SQL("")
    )
    asked = clean(question.text, len(question.text))
    return Statement(text, {"text": asked, "depth": DEPTH, "newest": NEWEST, "limit": question.limit})


def _fuse(*lists: Sequence[Key]) -> dict[Key, float]:
    """Score of each key: the sum over the lists of 1 / (60 + rank), ranks from 1."""
    scores: dict[Key, float] = {}
    for ranked in lists:
        for rank, key in enumerate(ranked, start=1):
            scores[key] = scores.get(key, 0.0) + 1.0 / (RANK_OFFSET + rank)
    return scores


def _relevance(story: Story, fused: dict[Key, float], keys: dict[str, Key], question: Question) -> float:
    """0..1: the best score of the story's copies x recency x, for a question on tickers, the weight of the link."""
    scores = [fused[keys[linked.item.id]] for linked in (story.lead, *story.copies)]
    age = max(0.0, (question.as_of - story.lead.item.effective_at).total_seconds() / 86_400.0)
    recency = (1.0 + math.exp2(-age / question.half_life_days)) / 2.0
    weight = story.lead.weight if question.tickers else 1.0
    return max(scores) * (RANK_OFFSET + 1) / 2.0 * recency * weight


def _found(
    number: int, story: Story, relevance: float, keys: dict[str, Key], ranks: tuple[dict[Key, int], dict[Key, int]]
) -> Found:
    item = story.lead.item
    everyone = [keys[linked.item.id] for linked in (story.lead, *story.copies)]
    by_meaning, by_words = (min((ranked[key] for key in everyone if key in ranked), default=None) for ranked in ranks)
    passage = Passage(
        id=f"n{number}",
        item_id=item.id,
        text=clean(item.headline, TEXT_CAP),
        source=clean(item.source, 40),
        known_at=item.known_at,
        sentiment=story.lead.sentiment,
        relevance=round(relevance, DIGITS),
    )
    return Found(
        passage=passage,
        tickers=story.lead.tickers,
        url=item.url,
        sources=story.sources,
        copies=tuple(linked.item.id for linked in story.copies),
        by_meaning=by_meaning,
        by_words=by_words,
    )


def _unpacked(sent: bytes) -> NDArray[np.float32]:
    """pgvector's own wire form: two 16-bit words (width, unused), then big-endian float16."""
    return np.frombuffer(sent, dtype=">f2", offset=4).astype(np.float32)
