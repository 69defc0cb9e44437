"""Headlines and their vectors in PostgreSQL: one row an article, one version for each text that was seen."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray
from psycopg import Connection
from psycopg_pool import ConnectionPool

from tenthman.db.sql import load_queries
from tenthman.domain.news import LinkedItem, NewsItem, TimePrecision
from tenthman.news.embedder import TextEmbedder

logger = structlog.get_logger(__name__)

SQL = load_queries("tenthman.news", "storage.sql")

MANY = 10_000
"""So many rows at once change what a good query plan is."""

Row = tuple[Any, ...]


class NewsStore:
    """The news of one market. The market's own row must exist before anything is saved."""

    def __init__(self, pool: ConnectionPool[Connection[Row]], market_id: str) -> None:
        self._pool = pool
        self._market_id = market_id

    def save(self, items: Sequence[LinkedItem]) -> int:
        """Store what is new and return the number of versions added; saving the same again adds none.

        An article gets a new version when its headline or summary differs from the text that stood at its `known_at`.
        Links and sentiment are the desk's own reading: a text that is stored already takes over the ones given here.
        All or nothing: an item that the schema refuses stores none of them.
        """
        added = 0
        with self._pool.connection() as connection, connection.cursor() as cursor:
            for batch in _batches(items):
                cursor.execute(SQL["stage"])
                with cursor.copy(SQL["copy_in"]) as copy:
                    for linked in batch:
                        copy.write_row(_row(linked))
                cursor.execute(SQL["analyse"])
                cursor.execute(SQL["add_articles"], {"market_id": self._market_id})
                # Vectors that another process is adding get the links of either before or after, never both.
                cursor.execute(SQL["hold_links"], {"market_id": self._market_id})
                cursor.execute(SQL["relink"], {"market_id": self._market_id})
                cursor.execute(SQL["unlink_vectors"], {"market_id": self._market_id})
                cursor.execute(SQL["open_shelves"], {"market_id": self._market_id})
                cursor.execute(SQL["link_vectors"], {"market_id": self._market_id})
                cursor.execute(SQL["add_versions"], {"market_id": self._market_id})
                added += cursor.rowcount
                cursor.execute("DROP TABLE incoming_news")
        if added >= MANY:
            # Of a market that the planner takes for empty it makes plans that never end.
            with self._pool.connection() as connection:
                connection.execute(SQL["analyse_all"])
        logger.info("news saved", market_id=self._market_id, items=len(items), added=added)
        return added

    def load(self, until: datetime | None = None) -> list[LinkedItem]:
        """Each article in the latest version known by `until` (None: the last one), by `known_at`, then id."""
        with self._pool.connection() as connection, connection.cursor(binary=True) as cursor:
            cursor.execute(SQL["load"], {"market_id": self._market_id, "until": until})
            return [linked_item(row) for row in cursor]

    def known_ids(self, ids: Sequence[str]) -> set[str]:
        """Which of `ids` are stored, in whichever version."""
        with self._pool.connection() as connection:
            rows = connection.execute(SQL["known_ids"], [self._market_id, list(ids)]).fetchall()
        return {str(row[0]) for row in rows}

    def size(self) -> int:
        """How many articles are stored."""
        with self._pool.connection() as connection:
            row = connection.execute(SQL["size"], [self._market_id]).fetchone()
        return 0 if row is None else int(row[0])

    def vectors_for(self, texts: Sequence[str], embedder: TextEmbedder) -> NDArray[np.float32]:
        """Unit vectors of `texts`, float32 of shape (len(texts), dimensions); a text is embedded once and then read."""
        hashes = [text_hash(text) for text in texts]
        with self._pool.connection() as connection, connection.cursor() as cursor:
            cursor.execute(SQL["find_vectors"], {"model": embedder.model, "hashes": list(set(hashes))})
            known = {row[0]: np.array(row[1], dtype=np.float32) for row in cursor}
        missing = {key: text for key, text in zip(hashes, texts, strict=True) if key not in known}
        if missing:
            fresh = embedder.embed(list(missing.values()))
            known |= dict(zip(missing, fresh, strict=True))
            with self._pool.connection() as connection, connection.cursor() as cursor:
                cursor.executemany(
                    SQL["add_vector"],
                    [(key, embedder.model, vector.tolist()) for key, vector in zip(missing, fresh, strict=True)],
                )
        if not hashes:
            return np.empty((0, embedder.dimensions), dtype=np.float32)
        return np.stack([known[key] for key in hashes])

    def word_ranks(self, texts: Sequence[str], question: str) -> NDArray[np.float64]:
        """How well each text fits any of the words of `question`: PostgreSQL's ts_rank, 0 where it has none of them.

        Shape (len(texts),).
        """
        with self._pool.connection() as connection:
            rows = connection.execute(SQL["word_ranks"], {"texts": list(texts), "question": question}).fetchall()
        return np.array([row[0] for row in rows], dtype=np.float64)


def text_hash(text: str) -> str:
    """SHA-256 of `text`, the name under which its vector is stored."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _batches(items: Sequence[LinkedItem]) -> Iterator[list[LinkedItem]]:
    """Rounds in which each article occurs once, earlier texts first, so that versions build on each other."""
    rounds: list[list[LinkedItem]] = []
    seen: dict[str, int] = {}
    for linked in sorted(items, key=lambda entry: entry.item.known_at):
        number = seen.get(linked.item.id, 0)
        seen[linked.item.id] = number + 1
        if number == len(rounds):
            rounds.append([])
        rounds[number].append(linked)
    yield from rounds


def _row(linked: LinkedItem) -> Row:
    item = linked.item
    return (
        item.id,
        item.source,
        item.url,
        item.headline,
        item.summary,
        item.published_at,
        item.known_at,
        item.precision.value,
        list(item.tickers),
        list(linked.tickers),
        linked.weight,
        linked.sentiment,
    )


def linked_item(row: Row) -> LinkedItem:
    """An item from a row of `load`: id, headline, summary, source, url, published_at, known_at, precision, source's
    tickers, tickers, weight, sentiment.
    """
    news_id, headline, summary, source, url, published, known, precision, source_tickers, tickers, weight, sentiment = (
        row
    )
    item = NewsItem(
        id=news_id,
        headline=headline,
        summary=summary,
        source=source,
        url=url,
        published_at=published.astimezone(UTC),
        known_at=known.astimezone(UTC),
        precision=TimePrecision(precision),
        tickers=tuple(source_tickers),
    )
    return LinkedItem(item=item, tickers=tuple(tickers), weight=weight, sentiment=sentiment)
