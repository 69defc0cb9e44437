"""The listener on order events, on the served exchange."""

import asyncio
import threading
import time
from datetime import timedelta
from pathlib import Path

from tenthman_broker_battery import entry
from tenthman_exchange import SETTINGS, eventually, served
from tenthman_markets import at, small_market
from websockets.sync.server import serve

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


def test_what_nobody_hears_does_not_pile_up_and_one_of_it_is_a_reason_to_look() -> None:
    updates = TradeUpdates(None, "key", "secret", gather_s=0.0)
    message = {"data": {"event": "new", "order": {"id": "o", "client_order_id": "c"}}}

    async def receive_many() -> None:
        for _ in range(5000):
            await updates._receive(message)

    asyncio.run(receive_many())
    assert updates.rings(0.0)
    left = 0
    while updates.wait(0.0) is not None:
        left += 1
    assert 0 < left < 1000


def test_a_listener_with_wrong_keys_hears_nothing_and_can_leave(tmp_path: Path) -> None:
    with served(MARKET, START, tmp_path) as process:
        with TradeUpdates(process.stream_url, "nobody", "nothing") as updates:
            process.advance(at(MARKET, 0, 0.1))
            assert updates.wait(0.3) is None
        assert process.listeners() == 0


def test_a_stream_that_takes_the_keys_and_never_answers_keeps_nobody() -> None:
    with serve(lambda connection: connection.recv() and connection.recv(), "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        with TradeUpdates(f"ws://127.0.0.1:{server.socket.getsockname()[1]}/stream", "key", "secret") as updates:
            assert updates.wait(0.3) is None
            leaving = time.monotonic()
        assert time.monotonic() - leaving < 4
        assert not updates._thread.is_alive()
        server.shutdown()
        thread.join(10)
