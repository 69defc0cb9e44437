"""A broker and a data service that send a byte now and then: silence never lasts, and no call is kept for ever."""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from tenthman_broker_battery import entry
from tenthman_dribble import MOST_BYTES, PAUSE_S, dribbling

from tenthman.config import BrokerSettings
from tenthman.data.alpaca import AlpacaMarketSource
from tenthman.domain.errors import BrokerUnavailable, OrderOutcomeUnknown
from tenthman.execution.client import AlpacaBroker
from tenthman.execution.orders import Unknown, send

ENTRY = entry("e", "AAA", 10, limit="101.00", stop="95.00", target="120.00")
HASTY = BrokerSettings(endpoint="exchange", connect_timeout_s=2, read_timeout_s=2, answer_timeout_s=0.3)
LONG = MOST_BYTES * PAUSE_S
ANSWERS = {
    "in the first line": (b"", b"H"),
    "in the headers": (b"HTTP/1.1 200 OK\r\nX-Long: ", b"x"),
    "in the body": (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n[", b" "),
    "in a body without an end": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
}


@pytest.fixture(params=list(ANSWERS))
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    with dribbling(*ANSWERS[request.param]) as url:
        yield url


def test_no_call_outlasts_its_time_and_an_order_is_then_in_doubt(address: str) -> None:
    broker = AlpacaBroker(address, "key", "secret", HASTY)
    begun = time.monotonic()
    with pytest.raises(BrokerUnavailable, match="account: no answer from the broker"):
        broker.account()
    with pytest.raises(OrderOutcomeUnknown):
        broker.submit(ENTRY)
    assert isinstance(send(broker, ENTRY, pauses_s=(0.0,)), Unknown), "sent once, looked up once"
    assert time.monotonic() - begun < LONG


def test_market_data_does_not_wait_longer(address: str) -> None:
    source = AlpacaMarketSource(address, "key", "secret", HASTY)
    begun = time.monotonic()
    with pytest.raises(BrokerUnavailable, match="bars: no answer from the data service"):
        source.daily(["AAA"], date(2020, 1, 6), date(2020, 1, 7), datetime(2020, 1, 8, tzinfo=UTC))
    assert time.monotonic() - begun < LONG
