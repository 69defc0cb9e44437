"""The served exchange against callers who are not alpaca-py: without keys, with nonsense, or of the wrong kind."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
import requests
from tenthman_exchange import served
from tenthman_markets import at, small_market

from tenthman.exchange.process import ExchangeProcess

MARKET = small_market({"AAA": [(100.0, 104.0, 98.0, 103.0)] * 3})
ORDER = {"symbol": "AAA", "qty": 1, "side": "buy", "type": "market", "time_in_force": "day"}


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExchangeProcess]:
    start = MARKET.hours[0].open_at - timedelta(minutes=30)
    with served(MARKET, start, tmp_path_factory.mktemp("edge")) as process:
        process.advance(at(MARKET, 1, 0.5))
        yield process


@pytest.fixture
def caller(exchange: ExchangeProcess) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.headers.update({"APCA-API-KEY-ID": exchange.key, "APCA-API-SECRET-KEY": exchange.secret})
        yield session


def _post(caller: requests.Session, exchange: ExchangeProcess, body: bytes) -> requests.Response:
    return caller.post(f"{exchange.rest_url}/v2/orders", data=body, timeout=5)


@pytest.mark.parametrize("path", ["/v2/account", "/v2/stocks/bars", "/v1beta1/news", "/v2/orders"])
def test_nothing_is_told_without_the_right_keys(exchange: ExchangeProcess, path: str) -> None:
    for headers in ({}, {"APCA-API-KEY-ID": exchange.key, "APCA-API-SECRET-KEY": "wrong\xe9"}):
        answer = requests.get(f"{exchange.rest_url}{path}", headers=headers, timeout=5)
        assert (answer.status_code, answer.json()) == (401, {"message": "unauthorized"})


def test_a_trader_cannot_move_the_clock(exchange: ExchangeProcess, caller: requests.Session) -> None:
    answer = caller.post(f"{exchange.rest_url}/control/advance", json={"to": "2030-01-01T00:00:00Z"}, timeout=5)
    assert answer.status_code == 401
    assert caller.get(f"{exchange.rest_url}/control/health", timeout=5).status_code == 401


def test_each_answer_carries_the_rate_limit_headers(exchange: ExchangeProcess, caller: requests.Session) -> None:
    for path in ("/v2/clock", "/v2/nothing", "/v2/positions/AAA"):
        headers = caller.get(f"{exchange.rest_url}{path}", timeout=5).headers
        for name in ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"):
            assert int(headers[name]) > 0


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"[]", 400),
        (b"[" * 60_000, 400),
        (b'{"qty": NaN}', 400),
        (b'{"qty": ' + b"9" * 5000 + b"}", 400),
        (b'"' + b"a" * 70_000 + b'"', 413),
        (b"{}", 422),
    ],
)
def test_a_body_that_is_no_order_is_refused_with_a_code(
    exchange: ExchangeProcess, caller: requests.Session, body: bytes, status: int
) -> None:
    answer = _post(caller, exchange, body)
    assert answer.status_code == status
    assert answer.json()["code"] == 40010001


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"symbol": "ZZZ"}, 42210000),
        ({"symbol": "A/../B"}, 40010001),
        ({"symbol": None}, 40010001),
        ({"qty": None}, 40010001),
        ({"qty": "1e999999"}, 40010001),
        ({"qty": -1}, 40010001),
        ({"qty": True}, 40010001),
        ({"qty": {"a": 1}}, 40010001),
        ({"notional": -1, "qty": None}, 40010001),
        ({"side": "hold"}, 40010001),
        ({"type": "trailing_stop"}, 40010001),
        ({"type": "stop_limit"}, 40010001),
        ({"time_in_force": "gtd"}, 40010001),
        ({"order_class": "oco"}, 42210000),
        ({"order_class": "bracket"}, 42210000),
        ({"take_profit": {"limit_price": 120}}, 42210000),
        ({"order_class": "bracket", "take_profit": 5, "stop_loss": {"stop_price": 90}}, 40010001),
        ({"extended_hours": True}, 42210000),
        ({"client_order_id": "\ud800"}, 40010001),
        ({"client_order_id": "x" * 200}, 40010001),
        ({"position_intent": "sell_to_open"}, 42210000),
        ({"surprise": 1}, 40010001),
        ({"limit_price": 100.123, "type": "limit"}, 42210000),
    ],
)
def test_an_order_that_is_not_emulated_or_makes_no_sense_is_refused(
    exchange: ExchangeProcess, caller: requests.Session, change: dict[str, object], code: int
) -> None:
    answer = _post(caller, exchange, json.dumps({**ORDER, **change}).encode())
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["message"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v2/nothing", 404),
        ("/v2/orders/not-a-uuid", 422),
        ("/v2/orders/00000000-0000-0000-0000-000000000000", 404),
        ("/v2/orders?limit=0", 422),
        ("/v2/orders?limit=501", 422),
        ("/v2/orders?after=yesterday", 422),
        ("/v2/orders?after=0001-01-01T00:00:00%2B00:00", 422),
        ("/v2/orders?direction=sideways", 422),
        ("/v2/calendar?start=9999-99-99", 422),
        ("/v2/account/activities?page_token=nonsense", 422),
        ("/v2/assets/ZZZ", 404),
        ("/v2/positions/AAA", 404),
        ("/v2/stocks/bars?symbols=AAA&timeframe=1Fortnight", 400),
        ("/v2/stocks/bars?timeframe=1Day", 400),
        ("/v2/stocks/bars?symbols=AAA&timeframe=1Day&page_token=%C3%A9", 422),
        ("/v1beta1/news?limit=51", 422),
        ("/v1beta1/news?page_token=abcd", 422),
    ],
)
def test_a_question_that_makes_no_sense_gets_a_json_answer(
    exchange: ExchangeProcess, caller: requests.Session, path: str, status: int
) -> None:
    answer = caller.get(f"{exchange.rest_url}{path}", timeout=5)
    assert answer.status_code == status
    assert isinstance(answer.json()["message"], str)


def test_an_order_that_is_not_there_cannot_be_replaced(exchange: ExchangeProcess, caller: requests.Session) -> None:
    url = f"{exchange.rest_url}/v2/orders/00000000-0000-0000-0000-000000000000"
    answer = caller.patch(url, json={"qty": "2"}, timeout=5)
    assert (answer.status_code, answer.json()["code"]) == (404, 40410000)
