"""An exchange on the bars of TRUTH, for every source that can be asked over HTTP."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from tenthman_exchange import served
from tenthman_markets import at, small_market
from tenthman_source_battery import DAYS, DIVIDEND, SPLIT_HERE, TRUTH

from tenthman.exchange.process import ExchangeProcess


@pytest.fixture(scope="session")
def exchange_of_the_truth(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExchangeProcess]:
    """It stands in the session after those of TRUTH, at whose opening a split happened, and knows the dividend."""
    paid = {name: {DAYS.index(day): amount} for name, (day, amount) in DIVIDEND.items()}
    bars = {name: [*(row[:4] for row in rows), rows[-1][:4]] for name, rows in TRUTH.items()}
    bars[SPLIT_HERE] = [(100.0, 104.0, 98.0, 102.0)] * 3
    market = small_market(bars, dividends=paid)
    start = datetime(2020, 1, 6, 14, 0, tzinfo=UTC)
    with served(market, start, tmp_path_factory.mktemp("battery")) as process:
        process.advance(at(market, 1, 1.0))
        process.play({"kind": "split", "symbol": SPLIT_HERE, "new_rate": "4"})
        process.advance(at(market, 2, 0.1))
        yield process
