"""What goes wrong on command: with the wire, with the events, and with the market itself."""

import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import requests
from alpaca.common.exceptions import APIError
from alpaca.data.historical.corporate_actions import CorporateActionsClient
from alpaca.data.requests import CorporateActionsRequest
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderClass, OrderSide, TimeInForce
from alpaca.trading.requests import LimitOrderRequest, MarketOrderRequest, StopLossRequest, TakeProfitRequest
from alpaca.trading.stream import TradingStream
from tenthman_exchange import eventually
from tenthman_markets import at
from tenthman_serving import MARKET, Running, in_thread

FAULTS = "faults"


@pytest.fixture
def server() -> Iterator[Running]:
    with in_thread() as running:
        yield running


def _get(server: Running, path: str, timeout: float = 5.0) -> requests.Response:
    return requests.get(f"{server.rest}/v2/{path}", headers=server.headers(), timeout=timeout)


def _post(server: Running, name: str, timeout: float = 5.0) -> requests.Response:
    body = {"symbol": "AAA", "qty": 1, "side": "buy", "type": "market", "time_in_force": "day", "client_order_id": name}
    return requests.post(f"{server.rest}/v2/orders", json=body, headers=server.headers(), timeout=timeout)


def _is_there(server: Running, name: str) -> bool:
    return _get(server, f"orders:by_client_order_id?client_order_id={name}").status_code == 200


def _market_buy(client: TradingClient, qty: float = 10, **more: Any) -> Any:
    request = MarketOrderRequest(symbol="AAA", qty=qty, side=OrderSide.BUY, time_in_force=TimeInForce.DAY, **more)
    return client.submit_order(request)


def test_a_storm_of_429_lasts_as_many_calls_as_told_and_meets_its_paths_alone(server: Running) -> None:
    server.control("POST", FAULTS, {"kind": "too_many_requests", "path": "/v2/orders*", "skip": 1, "times": 3})
    assert [_get(server, "orders").status_code for _ in range(3)] == [200, 429, 429]
    assert _get(server, "clock").status_code == 200
    assert _post(server, "stormy").status_code == 429
    assert server.control("GET", FAULTS) == []
    assert not _is_there(server, "stormy")


def test_a_server_error_is_html_and_nothing_was_done(server: Running) -> None:
    server.control("POST", FAULTS, {"kind": "server_error", "method": "POST", "status": 502})
    answer = _post(server, "lost")
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (502, "text/html")
    assert not _is_there(server, "lost")


def test_a_504_may_hide_an_order_that_was_taken(server: Running) -> None:
    server.control("POST", FAULTS, {"kind": "gateway_timeout", "method": "POST"})
    assert _post(server, "hidden").status_code == 504
    assert _is_there(server, "hidden")
    assert _post(server, "hidden").json()["message"] == "client_order_id must be unique"


@pytest.mark.parametrize(("kind", "was_done"), [("silence", True), ("unheard_silence", False)])
def test_silence_outlasts_the_clients_patience(server: Running, kind: str, was_done: bool) -> None:
    server.control("POST", FAULTS, {"kind": kind, "method": "POST", "seconds": 5})
    with pytest.raises(requests.ReadTimeout):
        _post(server, "unanswered", timeout=0.3)
    assert eventually(lambda: _is_there(server, "unanswered") is was_done)


@pytest.mark.parametrize(("kind", "was_done"), [("cut", True), ("unheard_cut", False)])
def test_a_connection_is_cut_in_mid_answer(server: Running, kind: str, was_done: bool) -> None:
    server.control("POST", FAULTS, {"kind": kind, "method": "POST"})
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        _post(server, "cut")
    assert _is_there(server, "cut") is was_done


def test_fields_vanish_and_the_clock_goes_wrong_until_all_is_well_again(server: Running) -> None:
    whole, now = _get(server, "account").json(), _get(server, "clock").json()["timestamp"]
    server.control("POST", FAULTS, {"kind": "drop_fields", "names": ["multiplier", "legs"], "times": 0})
    server.control("POST", FAULTS, {"kind": "clock_skew", "seconds": -90, "times": 0})
    assert set(whole) - set(_get(server, "account").json()) == {"multiplier"}
    assert "legs" not in _post(server, "legless").json()
    assert _get(server, "clock").json()["timestamp"] == now.replace("09:30:00", "09:28:30")
    server.control("DELETE", FAULTS)
    assert _get(server, "account").json().keys() == whole.keys()
    assert _get(server, "clock").json()["timestamp"] == now


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "earthquake"},
        {"kind": "cut", "times": -1},
        {"kind": "server_error", "status": 404},
        {"kind": "cut", "surprise": 1},
        {},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(server: Running, body: dict[str, object]) -> None:
    headers = {"X-Control-Token": server.told["control_token"]}
    answer = requests.post(f"{server.told['control']}/faults", json=body, headers=headers, timeout=5)
    assert answer.status_code == 422
    assert server.control("GET", FAULTS) == []
    assert requests.get(f"{server.told['control']}/faults", headers=server.headers(), timeout=5).status_code == 401


def test_events_come_twice_backwards_or_never(server: Running) -> None:
    heard: list[tuple[str, str]] = []

    async def remember(update: Any) -> None:
        heard.append((update.event, update.order.client_order_id))

    keys = server.told["accounts"][0]
    stream = TradingStream(keys["key"], keys["secret"], url_override=server.told["order_events"])
    stream.subscribe_trade_updates(remember)
    thread = threading.Thread(target=stream.run, daemon=True)
    thread.start()
    try:
        assert eventually(lambda: server.control("GET", "health")["listeners"] == 1)
        for kind in ("duplicate_events", "reorder_events", "lose_events"):
            server.control("POST", FAULTS, {"kind": kind, "skip": 0})
            _post(server, kind)
        _post(server, "well")
        assert eventually(lambda: ("fill", "well") in heard)
    finally:
        stream.stop()
        server.control("POST", "cut")
        thread.join(10)
    told = {name: [event for event, order in heard if order == name] for _, name in heard}
    assert told == {
        "duplicate_events": ["pending_new", "pending_new", "new", "new", "fill", "fill"],
        "reorder_events": ["fill", "new", "pending_new"],
        "well": ["pending_new", "new", "fill"],
    }
    assert _is_there(server, "lose_events")


def test_nothing_trades_in_a_halt_until_it_is_resumed(server: Running) -> None:
    server.control("POST", "incidents", {"kind": "halt", "symbol": "AAA"})
    client = server.client()
    order = _market_buy(client)
    server.control("POST", "advance", {"to": at(MARKET, 0, 0.5).isoformat()})
    assert client.get_order_by_id(order.id).filled_qty == "0"
    server.control("POST", "incidents", {"kind": "resume", "symbol": "AAA"})
    assert client.get_order_by_id(order.id).status == "filled"


def test_a_gap_moves_all_prices_from_the_next_opening_on(server: Running) -> None:
    told = server.control("POST", "incidents", {"kind": "gap", "symbol": "AAA", "factor": 0.5})
    assert told == {"from": "2020-01-07"}
    server.control("POST", "advance", {"to": at(MARKET, 2, 1.0).isoformat()})
    query = "stocks/bars?symbols=AAA&timeframe=1Day&start=2020-01-01"
    assert [bar["o"] for bar in _get(server, query).json()["bars"]["AAA"]] == [100.0, 51.5, 45.0]


def test_a_split_fires_the_resting_stop_of_a_bracket_and_leaves_the_new_shares_bare(server: Running) -> None:
    client = server.client()
    client.submit_order(
        LimitOrderRequest(
            symbol="AAA",
            qty=10,
            side=OrderSide.BUY,
            time_in_force=TimeInForce.GTC,
            limit_price=101.5,
            order_class=OrderClass.BRACKET,
            take_profit=TakeProfitRequest(limit_price=250.5),
            stop_loss=StopLossRequest(stop_price=90.5),
        )
    )
    server.control("POST", "incidents", {"kind": "split", "symbol": "AAA", "new_rate": 2})
    equity = float(client.get_account().equity)
    server.control("POST", "advance", {"to": MARKET.hours[1].open_at.isoformat()})
    fills = client.get("/account/activities/FILL", {"direction": "asc"})
    assert [(fill["side"], fill["qty"], round(float(fill["price"]))) for fill in fills] == [
        ("buy", "10", 100),
        ("sell", "10", 51),
    ]
    (position,) = client.get_all_positions()
    assert (position.qty, position.qty_available) == ("10", "10")
    assert float(client.get_account().equity) == pytest.approx(equity + 30, abs=2)
    asked = CorporateActionsRequest(symbols=["AAA"], start=MARKET.hours[0].session, end=MARKET.hours[-1].session)
    keys = server.told["accounts"][0]
    actions = CorporateActionsClient(keys["key"], keys["secret"], url_override=server.rest).get_corporate_actions(asked)
    (split,) = actions.data["forward_splits"]
    assert (split.symbol, split.new_rate, split.old_rate) == ("AAA", 2.0, 1.0)
    assert split.ex_date == MARKET.hours[1].session


def test_an_execution_can_be_made_partial_and_its_parts_add_up(server: Running) -> None:
    client = server.client()
    server.control("POST", "incidents", {"kind": "partial_fill", "symbol": "AAA", "share": "0.4"})
    order = _market_buy(client)
    partly = client.get_order_by_id(order.id)
    assert (partly.status, partly.filled_qty) == ("partially_filled", "4")
    server.control("POST", "advance", {"to": at(MARKET, 0, 0.5).isoformat()})
    fills = client.get("/account/activities/FILL", {"direction": "asc"})
    assert [(fill["type"], fill["qty"], fill["cum_qty"]) for fill in fills] == [
        ("partial_fill", "4", "4"),
        ("fill", "6", "10"),
    ]
    spent = sum(Decimal(fill["qty"]) * Decimal(fill["price"]) for fill in fills)
    assert Decimal(client.get_account().cash) == 100_000 - spent


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "halt", "symbol": "ZZZ"},
        {"kind": "gap", "symbol": "AAA", "factor": 0},
        {"kind": "split", "symbol": "AAA"},
        {"kind": "partial_fill", "symbol": "AAA", "share": 1},
        {"kind": "flood", "symbol": "AAA"},
    ],
)
def test_an_incident_that_makes_no_sense_is_refused(server: Running, body: dict[str, object]) -> None:
    headers = {"X-Control-Token": server.told["control_token"]}
    answer = requests.post(f"{server.told['control']}/incidents", json=body, headers=headers, timeout=5)
    assert (answer.status_code, answer.json()["code"]) == (422, 40010001)


def test_an_alpaca_client_that_retries_a_504_is_told_that_its_order_is_there(server: Running) -> None:
    server.control("POST", FAULTS, {"kind": "gateway_timeout", "method": "POST"})
    client = server.client()
    client._retry_wait = 0
    with pytest.raises(APIError, match="must be unique"):
        _market_buy(client, client_order_id="retried")
    assert client.get_order_by_client_id("retried").status == "filled"
