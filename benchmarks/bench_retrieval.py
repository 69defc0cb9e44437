"""Retrieval over 100,000 headlines: recall@10 against comparing all, and milliseconds, with filters on.

Ratios are to pgvector's own index without any filter, through the same connection in the same run. The headlines are
those of the practice market, 2,000 of them embedded, the rest spread around them: v_i + (v_j - v_k) / 2, scaled to
length 1. The embedding of a question, 7 to 12 ms, is left out. `bench_retrieval.py FILE` takes an .npz with `headlines`
and `vectors` (rows, 384) of your own instead.
"""

import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import structlog
from numpy.typing import NDArray
from pgvector import HalfVector
from psycopg import sql

from tenthman.config import DatabaseSettings
from tenthman.data.calendar import sessions_between
from tenthman.db.embedded import open_embedded
from tenthman.db.migrate import migrate
from tenthman.db.pool import Pool, open_pool
from tenthman.db.supervisor import read_postmaster
from tenthman.domain.news import LinkedItem, NewsItem, TimePrecision
from tenthman.exchange.practice import make_practice_market, practice_range
from tenthman.news.embedder import Embedder
from tenthman.news.search import EF_SEARCH, NewsSearch, Question
from tenthman.news.storage import NewsStore, text_hash
from tenthman.news.text import clean

ROWS, QUERIES, ANCHORS, TICKERS, K = 100_000, 150, 2_000, 100, 10
FIRST = datetime(2014, 1, 1, tzinfo=UTC)

Vectors = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class World:
    """Headlines with their vectors, when each became known (hours after the first), and the ticker of each."""

    headlines: list[str]
    vectors: Vectors
    hours: NDArray[np.int64]
    tickers: NDArray[np.int64]


class Given:
    """An embedder that knows its texts beforehand."""

    model = "given"
    dimensions = 384

    def __init__(self, texts: list[str], vectors: Vectors) -> None:
        self._rows = {text_hash(clean(text, 200)): row for row, text in enumerate(texts)}
        self._vectors = vectors

    def embed(self, texts: list[str]) -> Vectors:
        """The vectors of `texts`."""
        return self._vectors[[self._rows[text_hash(text)] for text in texts]]


def made_up() -> tuple[list[str], Vectors]:
    """Headlines of the practice market and vectors like theirs."""
    market = make_practice_market(7, "planted", sessions_between(*practice_range()))
    texts = list(dict.fromkeys(item.headline for item in market.headlines))[:ANCHORS]
    return texts, Embedder().embed(texts)


def spread(texts: list[str], vectors: Vectors, rows: int) -> tuple[list[str], Vectors]:
    """`rows` of them: those given, then others between them."""
    generator = np.random.default_rng(4)
    more = rows - len(texts)
    if more <= 0:
        return texts[:rows], vectors[:rows]
    near, one, other = generator.integers(len(texts), size=(3, more))
    made = vectors[near] + 0.5 * (vectors[one] - vectors[other])
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    return texts + [f"{texts[row]} {number}" for number, row in enumerate(near)], np.concatenate([vectors, made])


def world(texts: list[str], vectors: Vectors) -> World:
    """Neighbours share tickers, as headlines on one company do; a few companies have most of the news."""
    generator = np.random.default_rng(5)
    order = generator.permutation(len(texts))
    centres = vectors[generator.integers(len(texts), size=TICKERS)]
    likeness = vectors[order] @ centres.T
    likeness = (likeness - likeness.mean(axis=0)) / likeness.std(axis=0) + 0.3 * generator.standard_normal(TICKERS)
    return World(
        headlines=[texts[row] for row in order],
        vectors=vectors[order],
        hours=np.arange(len(texts), dtype=np.int64),
        tickers=np.argmax(likeness, axis=1),
    )


@contextmanager
def database() -> Iterator[Pool]:
    """An embedded server of its own."""
    settings = DatabaseSettings(pool_size=1, connect_timeout_s=10, statement_timeout_s=900)
    home = Path(tempfile.mkdtemp(prefix="tenthman-bench-"))
    home.chmod(0o755)
    with open_embedded(home) as server, open_pool(server.url, settings) as pool:
        migrate(pool)
        yield pool
    while read_postmaster(home / "postgres") is not None:
        time.sleep(0.1)
    shutil.rmtree(home)


def fill(pool: Pool, known: World) -> NewsSearch:
    """Store and index all of it; prints what that took."""
    with pool.connection() as connection:
        connection.execute("INSERT INTO markets VALUES ('m', 'practice', 'n', 'd', 's', 'b', 'l', 'h', 'SPY')")
    items = []
    for row, headline in enumerate(known.headlines):
        at = FIRST + timedelta(hours=int(known.hours[row]))
        named = {"id": str(row), "headline": headline, "summary": "", "source": "s", "url": ""}
        item = NewsItem(**named, published_at=at, known_at=at, precision=TimePrecision.INSTANT)
        items.append(LinkedItem(item=item, tickers=(f"T{known.tickers[row]}",), weight=1.0, sentiment=0.0))
    began = time.perf_counter()
    NewsStore(pool, "m").save(items)
    saved = time.perf_counter()
    searcher = NewsSearch(pool, "m", Given(known.headlines, known.vectors))
    with pool.connection() as connection:
        [definition] = connection.execute("SELECT pg_get_indexdef('news_vectors_384'::regclass)").fetchone() or [""]
        connection.execute("DROP INDEX news_vectors_384")
    searcher.index(len(items))
    loaded = time.perf_counter()
    with pool.connection() as connection:
        connection.execute("SET LOCAL maintenance_work_mem = '512MB'")
        connection.execute("SET LOCAL max_parallel_maintenance_workers = 1")
        connection.execute(definition)
    taken = (saved - began, loaded - saved, time.perf_counter() - loaded)
    print("stored in {:.0f} s, vectors kept in {:.0f} s, indexed in {:.0f} s".format(*taken), flush=True)
    return searcher


@dataclass(frozen=True, kw_only=True)
class Taken:
    """Milliseconds of each call, and the server's own processor time a call (NaN where it cannot be read)."""

    each: NDArray[np.float64]
    server: float

    @property
    def middle(self) -> float:
        """The median."""
        return float(np.median(self.each))

    def __str__(self) -> str:
        return f"p50 {self.middle:.2f} ms, p95 {np.percentile(self.each, 95):.2f} ms, server CPU {self.server:.2f} ms"


def measure(pool: Pool, call: Callable[[int], object], rounds: int) -> Taken:
    """After a few calls that warm up."""
    for number in range(5):
        call(number)
    before, taken = server_seconds(pool), []
    for number in range(rounds):
        began = time.perf_counter()
        call(number)
        taken.append(1e3 * (time.perf_counter() - began))
    return Taken(each=np.array(taken), server=1e3 * (server_seconds(pool) - before) / rounds)


def server_seconds(pool: Pool) -> float:
    """Processor time that the connection's server process has used; other load on the machine does not count."""
    with pool.connection() as connection:
        row = connection.execute("SELECT pg_backend_pid()").fetchone() or (0,)
    try:
        fields = Path(f"/proc/{row[0]}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def recall(searcher: NewsSearch, known: World, asked: list[Question], queries: Vectors) -> float:
    """Share of the true nearest ten that were found."""
    hits = 0
    for question, vector in zip(asked, queries, strict=True):
        rows = np.flatnonzero(admitted(known, question))
        best = rows[np.argsort(-(known.vectors[rows] @ vector), kind="stable")[:K]]
        found = {int(name) for name, _ in searcher.nearest(question, vector, depth=50)[:K]}
        hits += len(found & set(best.tolist()))
    return hits / (K * len(asked))


def admitted(known: World, question: Question) -> NDArray[np.bool_]:
    """Which rows a question may be answered with."""
    mask = known.hours <= (question.as_of - FIRST) / timedelta(hours=1)
    if question.tickers:
        mask &= np.isin(known.tickers, [int(name[1:]) for name in question.tickers])
    return mask


def main() -> None:
    """Print recall and milliseconds for each kind of filter, and for the whole search."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    if len(sys.argv) > 1:
        with np.load(sys.argv[1], allow_pickle=False) as given:
            texts, vectors = [str(text) for text in given["headlines"]], given["vectors"].astype(np.float32)
    else:
        texts, vectors = made_up()
    texts, vectors = spread(texts, vectors, ROWS + QUERIES)
    chosen = np.random.default_rng(6).permutation(len(texts))
    asked_rows, kept = chosen[:QUERIES], chosen[QUERIES:]
    known, queries = world([texts[row] for row in kept], vectors[kept]), vectors[asked_rows]
    words = [" ".join(texts[row].split()[:6]) for row in asked_rows]
    most = np.argsort(-np.bincount(known.tickers, minlength=TICKERS))
    whole, half, eighth = (FIRST + timedelta(hours=int(share * ROWS)) for share in (1.0, 0.5, 0.125))
    with database() as pool:
        searcher = fill(pool, known)
        plain = measure(pool, lambda n: bare(pool, queries[n]), QUERIES)
        print(f"pgvector's index, no filter: {plain}", flush=True)
        generator = np.random.default_rng(8)
        kinds = {
            "no filter but the newest instant": ((), whole),
            "as of the middle": ((), half),
            "as of the first eighth": ((), eighth),
            "the ticker with most news": ((f"T{most[0]}",), whole),
            "a ticker by chance, as of the middle": (None, half),
            "twelve tickers, as of the middle": (tuple(f"T{most[n]}" for n in range(12)), half),
        }
        for name, (tickers, as_of) in kinds.items():
            asked = [
                Question(
                    text=text,
                    as_of=as_of,
                    tickers=(f"T{generator.choice(known.tickers)}",) if tickers is None else tickers,
                )
                for text in words
            ]
            taken = measure(pool, lambda n, asked=asked: searcher.nearest(asked[n], queries[n]), QUERIES)
            share = recall(searcher, known, asked, queries)
            rows = int(admitted(known, asked[0]).sum())
            ratio = f"{taken.middle / plain.middle:.1f}x the bare index"
            print(f"{name} ({rows:,} rows): recall@{K} {share:.3f}, {taken}, {ratio}")
            both = measure(pool, lambda n, asked=asked: searcher.search_with(asked[n], queries[n]), QUERIES // 3)
            print(f"    with full text, fused, copies merged, made diverse: {both}", flush=True)


def bare(pool: Pool, vector: Vectors) -> object:
    """The nearest 50 of all, with nothing else asked."""
    with pool.connection() as connection:
        connection.execute(sql.SQL("SET LOCAL hnsw.ef_search = {}").format(EF_SEARCH))
        return connection.execute(
            "SELECT news_id FROM news_vectors WHERE dimensions = 384 "
            "ORDER BY vector::halfvec(384) <#> %b::halfvec(384) LIMIT 50",
            [HalfVector(vector)],
        ).fetchall()


if __name__ == "__main__":
    main()
