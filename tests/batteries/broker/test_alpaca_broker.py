"""The broker through alpaca-py, over HTTP to the served exchange, keeps the promise of every broker."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from tenthman_broker_battery import (
    BATTERY_CASH,
    BATTERY_COSTS,
    BrokerBattery,
    Desk,
    battery_market,
    battery_start,
    entry,
)
from tenthman_exchange import SETTINGS, served

from tenthman.execution.client import AlpacaBroker


class TestAlpacaBroker(BrokerBattery):
    @pytest.fixture
    def desk(self, tmp_path: Path) -> Iterator[Desk]:
        market = battery_market()
        start = battery_start(market)
        with served(market, start, tmp_path, BATTERY_COSTS, BATTERY_CASH, pays_dividends=True) as process:
            broker = AlpacaBroker(process.rest_url, process.key, process.secret, SETTINGS)
            yield Desk(broker=broker, advance=process.advance, market=market)

    def test_the_dividends_that_were_paid_are_added_up(self, desk: Desk) -> None:
        assert isinstance(desk.broker, AlpacaBroker)
        desk.broker.submit(entry("e", "PAY", 10, limit="41.00", stop="30.00", target="60.00"))
        desk.to(0, 1.0)
        assert desk.broker.dividends_paid() == 0
        desk.to(1, 0.0)
        assert desk.broker.dividends_paid() == Decimal(5)
