"""Bars a second into and out of PostgreSQL: 125 tickers over 2,000 sessions, primary key and checks included."""

import shutil
import tempfile
import time
from pathlib import Path

import numpy as np

from tenthman.config import DatabaseSettings
from tenthman.data.bars import BarStore
from tenthman.db.embedded import open_embedded
from tenthman.db.migrate import migrate
from tenthman.db.pool import open_pool
from tenthman.db.supervisor import read_postmaster
from tenthman.domain.market import MarketKind, Panel, Provenance, Universe

SESSIONS, TICKERS, ROUNDS = 2_000, 125, 5


def made_up_panel() -> Panel:
    """A panel of random walks."""
    generator = np.random.default_rng(1)
    close = 100.0 * np.exp(np.cumsum(generator.normal(0.0, 0.01, (SESSIONS, TICKERS)), axis=0))
    return Panel(
        sessions=np.datetime64("2010-01-01", "D") + np.arange(SESSIONS),
        tickers=tuple(f"{'ABCD'[: 1 + number % 4]}{number}" for number in range(TICKERS)),
        open=close * 0.999,
        high=close * 1.01,
        low=close * 0.99,
        close=close,
        volume=np.round(generator.uniform(1e5, 1e7, close.shape)),
    )


def main() -> None:
    """Print the best and the median of a few rounds."""
    panel = made_up_panel()
    known_at = (panel.sessions + np.timedelta64(21, "h")).astype("datetime64[us]")
    settings = DatabaseSettings(pool_size=2, connect_timeout_s=10, statement_timeout_s=120)
    loading, reading = [], []
    home = Path(tempfile.mkdtemp(prefix="tenthman-bench-"))
    home.chmod(0o755)
    with open_embedded(home) as database, open_pool(database.url, settings) as pool:
        migrate(pool)
        for number in range(ROUNDS):
            store = BarStore(pool, f"market-{number}")
            kind = MarketKind.PRACTICE
            named = {"name": "n", "description": "d", "source": "s", "price_basis": "p", "licence": "l"}
            provenance = Provenance(kind=kind, content_hash=str(number), **named)
            store.save_market(provenance, Universe(listings=(), index_ticker=panel.tickers[0]))
            began = time.perf_counter()
            bars = store.load_panel(panel, known_at)
            loaded = time.perf_counter()
            store.panel_until(None)
            loading.append(bars / (loaded - began))
            reading.append(bars / (time.perf_counter() - loaded))
    while read_postmaster(home / "postgres") is not None:
        time.sleep(0.1)
    shutil.rmtree(home)
    for name, rates in (("load_panel", loading), ("panel_until", reading)):
        print(f"{name}: median {np.median(rates):,.0f} bars/s, best {max(rates):,.0f} ({bars:,} bars, {ROUNDS} rounds)")


if __name__ == "__main__":
    main()
