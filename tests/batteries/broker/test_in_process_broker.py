"""The in-process broker keeps the promise of every broker."""

import pytest
from tenthman_broker_battery import BATTERY_CASH, BATTERY_COSTS, BrokerBattery, Desk, battery_market, battery_start

from tenthman.exchange.in_process import InProcessBroker
from tenthman.exchange.market import ReplayExchange


class TestInProcessBroker(BrokerBattery):
    @pytest.fixture
    def desk(self) -> Desk:
        market = battery_market()
        start = battery_start(market)
        exchange = ReplayExchange(market, BATTERY_COSTS, BATTERY_CASH, "battery", start, pays_dividends=True)
        return Desk(broker=InProcessBroker(exchange), advance=exchange.advance, market=market)
