"""Bars into and out of PostgreSQL: 125 tickers over 2,520 sessions, beside a bare binary COPY of the same rows.

The bare COPY is one statement on one connection into a table of the same columns and primary key, its rows laid out by
numpy in one go: no checks, no triggers, no statistics.
"""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import numpy as np

from tenthman.config import DatabaseSettings
from tenthman.data.bars import BarStore
from tenthman.db import copy as wire
from tenthman.db.embedded import open_embedded
from tenthman.db.migrate import migrate
from tenthman.db.pool import Pool, open_pool
from tenthman.db.supervisor import read_postmaster
from tenthman.domain.market import FIELDS, MarketKind, Panel, Provenance, Universe

SESSIONS, TICKERS, ROUNDS, LOOKS = 2_520, 125, 5, 50
FIVE_YEARS = 1_260


def made_up_panel() -> Panel:
    """A panel of random walks."""
    generator = np.random.default_rng(1)
    close = 100.0 * np.exp(np.cumsum(generator.normal(0.0, 0.01, (SESSIONS, TICKERS)), axis=0))
    return Panel(
        sessions=np.datetime64("2010-01-01", "D") + np.arange(SESSIONS),
        tickers=tuple(sorted(f"{'ABCD'[: 1 + number % 4]}{number}" for number in range(TICKERS))),
        open=close * 0.999,
        high=close * 1.01,
        low=close * 0.99,
        close=close,
        volume=np.round(generator.uniform(1e5, 1e7, close.shape)),
    )


@contextmanager
def database() -> Iterator[Pool]:
    """An embedded server of its own."""
    settings = DatabaseSettings(pool_size=2, connect_timeout_s=10, statement_timeout_s=120)
    home = Path(tempfile.mkdtemp(prefix="tenthman-bench-"))
    home.chmod(0o755)
    with open_embedded(home) as served, open_pool(served.url, settings) as pool:
        migrate(pool)
        yield pool
    while read_postmaster(home / "postgres") is not None:
        time.sleep(0.1)
    shutil.rmtree(home)


def a_store(pool: Pool, name: str, panel: Panel) -> BarStore:
    """The store of a new market."""
    store = BarStore(pool, name)
    named = {"name": "n", "description": "d", "source": "s", "price_basis": "p", "licence": "l"}
    provenance = Provenance(kind=MarketKind.PRACTICE, content_hash=name, **named)
    store.save_market(provenance, Universe(listings=(), index_ticker=panel.tickers[0]))
    return store


def columns_of(panel: Panel, market: str) -> dict[str, wire.Column]:
    """All rows of the panel in columns, in the order of the key."""
    rows, columns = np.tile(np.arange(SESSIONS), TICKERS), np.repeat(np.arange(TICKERS), SESSIONS)
    known_at = (panel.sessions + np.timedelta64(21, "h")).astype("datetime64[us]")
    table: dict[str, wire.Column] = {
        "market_id": wire.Text(labels=(market,), codes=np.zeros(len(rows), dtype=np.intp)),
        "session": panel.sessions[rows],
        "ticker": wire.Text(labels=panel.tickers, codes=columns),
        **{name: np.ascontiguousarray(getattr(panel, name).T).ravel() for name in FIELDS},
        "known_at": known_at[rows],
        "fetch_id": np.ones(len(rows), dtype=np.int64),
    }
    return table


def processor_s(pool: Pool) -> float:
    """Processor seconds so far of this process and of the server's that are connected to it."""
    with pool.connection() as connection:
        pids = connection.execute("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'").fetchall()
    spent = (int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0]) for (pid,) in pids)
    return time.process_time() + sum(spent) / 1e9


@contextmanager
def counted(pool: Pool, clock: list[float], processor: list[float]) -> Iterator[None]:
    """Add the seconds of the block to `clock` and those of processors to `processor`."""
    before, began = processor_s(pool), time.perf_counter()
    yield
    clock.append(time.perf_counter() - began)
    processor.append(processor_s(pool) - before)


def best_of(pool: Pool, panel: Panel) -> dict[str, tuple[list[float], list[float]]]:
    """Seconds by the clock and of processors: of the bare COPY, of load_panel and of panel_until, in turns."""
    known_at = (panel.sessions + np.timedelta64(21, "h")).astype("datetime64[us]")
    table = columns_of(panel, "market-0")
    spent: dict[str, tuple[list[float], list[float]]] = {
        name: ([], []) for name in ("bare COPY", "load_panel", "panel_until")
    }
    for number in range(ROUNDS):
        store = a_store(pool, f"market-{number}", panel)
        with pool.connection() as connection:
            connection.execute("DROP TABLE IF EXISTS bare")
            connection.execute("CREATE TABLE bare (LIKE bars, PRIMARY KEY (market_id, ticker, session))")
        with counted(pool, *spent["bare COPY"]), pool.connection() as connection, connection.cursor() as cursor:
            wire.copy_binary(cursor, "bare", table)
        with counted(pool, *spent["load_panel"]):
            store.load_panel(panel, known_at)
        with counted(pool, *spent["panel_until"]):
            store.panel_until(None)
    return spent


def one_ticker(pool: Pool, panel: Panel) -> list[float]:
    """Seconds to read five years of one ticker, other tickers each time."""
    store = BarStore(pool, "market-0")
    last: date = panel.sessions[-1].item()
    first: date = panel.sessions[-FIVE_YEARS].item()
    spent = []
    for number in range(LOOKS):
        began = time.perf_counter()
        found = store.ticker_bars(panel.tickers[number % TICKERS], first, last)
        spent.append(time.perf_counter() - began)
        assert len(found["session"]) == FIVE_YEARS
    return spent


def main() -> None:
    """Print the figures."""
    panel = made_up_panel()
    bars = SESSIONS * TICKERS
    with database() as pool:
        spent = best_of(pool, panel)
        looks: list[float] = []
        of_looks: list[float] = []
        with counted(pool, [], of_looks):
            looks += one_ticker(pool, panel)
        with pool.connection() as connection:
            version = connection.execute("SHOW server_version").fetchone()
    print(f"{bars:,} bars, {ROUNDS} rounds in turns, PostgreSQL {'' if version is None else version[0]}")
    for name, (clock, processor) in spent.items():
        print(
            f"{name}: median {np.median(clock):.3f} s, best {min(clock):.3f} s; "
            f"processor {np.median(processor):.3f} s, best {min(processor):.3f} s"
        )
    for what, place in (("clock", 0), ("processor", 1)):
        ratios = [bare / ours for bare, ours in zip(spent["bare COPY"][place], spent["load_panel"][place], strict=True)]
        best = min(spent["bare COPY"][place]) / min(spent["load_panel"][place])
        print(f"load_panel against the bare COPY, by {what}: median {np.median(ratios):.2f}x, best to best {best:.2f}x")
    print(
        f"one ticker's five years: median {1e3 * np.median(looks):.2f} ms, best {1e3 * min(looks):.2f} ms; "
        f"processor {1e3 * of_looks[0] / LOOKS:.2f} ms"
    )


if __name__ == "__main__":
    main()
