"""Requests a second from one client through alpaca-py, against the exchange in its child process."""

import os
import tempfile
import time
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from tenthman.config import load_config
from tenthman.data.calendar import sessions_between
from tenthman.exchange.practice import make_practice_market, practice_range
from tenthman.exchange.process import ExchangeProcess
from tenthman.execution.client import AlpacaBroker

REQUESTS = 1_000


def main() -> None:
    """Print how quickly the account is read, and the virtual clock is moved."""
    settings = load_config(None, os.environ).settings
    market = make_practice_market(1, "null", sessions_between(*practice_range()))
    start = market.hours[1000].open_at
    log = Path(tempfile.mkdtemp(prefix="tenthman-bench-")) / "exchange.log"
    with ExchangeProcess(market, settings.costs, Decimal(100_000), "bench", start, log) as exchange:
        broker = AlpacaBroker(exchange.rest_url, exchange.key, exchange.secret, settings.broker)
        began = time.perf_counter()
        for _ in range(REQUESTS):
            broker.account()
        print(f"account through alpaca-py: {REQUESTS / (time.perf_counter() - began):,.0f} requests/s")
        began = time.perf_counter()
        for number in range(1, 101):
            exchange.advance(start + timedelta(minutes=30 * number))
        print(f"virtual clock: {100 / (time.perf_counter() - began):,.0f} half-hours/s with an empty book")


if __name__ == "__main__":
    main()
