"""The listener on order events, on the served exchange."""

import time
from datetime import timedelta
from pathlib import Path

from tenthman_broker_battery import entry
from tenthman_exchange import SETTINGS, eventually, served
from tenthman_markets import at, small_market

from tenthman.execution.client import AlpacaBroker
from tenthman.execution.stream import CONNECTED, TradeUpdates

MARKET = small_market({"AAA": [(100.0, 104.0, 98.0, 103.0)] * 3})
START = MARKET.hours[0].open_at - timedelta(minutes=30)


def test_a_fill_wakes_the_desk_up_and_leaving_is_quick(tmp_path: Path) -> None:
    with served(MARKET, START, tmp_path) as process:
        broker = AlpacaBroker(process.rest_url, process.key, process.secret, SETTINGS)
        with TradeUpdates(process.stream_url, process.key, process.secret) as updates:
            assert (first := updates.wait(10)) is not None
            assert first.event == CONNECTED
            assert updates.wait(0.0) is None
            assert eventually(lambda: process.listeners() == 1)
            sent = broker.submit(entry("e", "AAA", 10, limit="101.00", stop="95.00", target="120.00"))
            process.advance(at(MARKET, 0, 0.1))
            notices = []
            while not notices or notices[-1].event != "fill":
                notice = updates.wait(10)
                assert notice is not None
                notices.append(notice)
            leaving = time.monotonic()
        assert time.monotonic() - leaving < 4
        assert [item.event for item in notices if item.order_id == sent.id] == ["accepted", "new", "fill"]
        assert eventually(lambda: process.listeners() == 0)


def test_a_listener_with_wrong_keys_hears_nothing_and_can_leave(tmp_path: Path) -> None:
    with served(MARKET, START, tmp_path) as process:
        with TradeUpdates(process.stream_url, "nobody", "nothing") as updates:
            process.advance(at(MARKET, 0, 0.1))
            assert updates.wait(0.3) is None
        assert process.listeners() == 0
