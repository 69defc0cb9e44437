"""A served exchange for tests, and the few questions every test of it asks."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from tenthman.config import BrokerSettings, CostSettings
from tenthman.domain.market import MarketData
from tenthman.exchange.process import ExchangeProcess

SETTINGS = BrokerSettings(endpoint="exchange", connect_timeout_s=5, read_timeout_s=20, answer_timeout_s=60)
COSTS = CostSettings(half_spread_bp=1.0, slippage_bp=1.0, open_slippage_bp=3.0, stop_slippage_bp=5.0)
ACCOUNT = "9d1f4a5e-3c55-4f0e-9f8e-7a4f6e2b1c01"


@contextmanager
def served(
    market: MarketData,
    start: datetime,
    folder: Path,
    costs: CostSettings = COSTS,
    cash: Decimal = Decimal(100_000),
    *,
    pays_dividends: bool = False,
) -> Iterator[ExchangeProcess]:
    """An exchange process on `market`, standing at `start`; its log lies in `folder`."""
    log = folder / "exchange.log"
    with ExchangeProcess(market, costs, cash, ACCOUNT, start, log, pays_dividends=pays_dividends) as process:
        yield process


def eventually(holds: Callable[[], bool], within_s: float = 10.0) -> bool:
    """Whether `holds` becomes true before the deadline."""
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
