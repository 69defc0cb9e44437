"""The exchange in the foreground: accounts, parallel clients, its clock, and state that outlives its process."""

import json
import resource
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest
import requests
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderSide, QueryOrderStatus, TimeInForce
from alpaca.trading.requests import GetOrdersRequest, LimitOrderRequest, MarketOrderRequest
from tenthman_exchange import eventually
from tenthman_markets import at
from tenthman_serving import MARKET, Running, in_thread, small

from tenthman.domain.errors import SetupError


def _advance(server: Running, row: int, fraction: float) -> None:
    server.control("POST", "advance", {"to": at(MARKET, row, fraction).isoformat()})


def _buy(client: TradingClient, name: str, qty: float = 10) -> None:
    request = MarketOrderRequest(
        symbol="AAA", qty=qty, side=OrderSide.BUY, time_in_force=TimeInForce.DAY, client_order_id=name
    )
    client.submit_order(request)


def _rest(client: TradingClient, name: str) -> None:
    request = LimitOrderRequest(
        symbol="BRK.B",
        qty=3,
        side=OrderSide.BUY,
        time_in_force=TimeInForce.GTC,
        limit_price=150.5,
        client_order_id=name,
    )
    client.submit_order(request)


def _seen(server: Running, number: int = 1) -> object:
    """All that an account can be asked about itself."""
    paths = (
        "account",
        "account/configurations",
        "account/activities",
        "account/portfolio/history",
        "positions",
        "clock",
        "orders?status=all&limit=500",
    )
    headers = server.headers(number)
    return [requests.get(f"{server.rest}/v2/{path}", headers=headers, timeout=10).json() for path in paths]


def test_accounts_see_the_same_market_and_nothing_of_each_other() -> None:
    with in_thread(accounts=3) as server:
        _buy(server.client(1), "mine")
        _buy(server.client(2), "mine", 20)
        assert [float(server.client(n).get_account().long_market_value) for n in (1, 2, 3)] == [1000.0, 2000.0, 0.0]
        assert len({server.client(n).get_order_by_client_id("mine").id for n in (1, 2)}) == 2
        with pytest.raises(APIError):
            _buy(server.client(1), "mine")
        assert server.client(3).get_orders(GetOrdersRequest(status=QueryOrderStatus.ALL)) == []
        assert len({server.client(n).get_account().id for n in (1, 2, 3)}) == 3
        server.client(1).set_account_configurations(
            server.client(1).get_account_configurations().model_copy(update={"suspend_trade": True})
        )
        with pytest.raises(APIError, match="rejected by user request"):
            _buy(server.client(1), "suspended")
        _buy(server.client(2), "not suspended")
        mixed = {**server.headers(1), "APCA-API-SECRET-KEY": server.headers(2)["APCA-API-SECRET-KEY"]}
        assert requests.get(f"{server.rest}/v2/account", headers=mixed, timeout=10).status_code == 401


def test_parallel_clients_lose_no_order_and_spend_no_cash_twice() -> None:
    with in_thread(accounts=2) as server:
        refused: set[int | None] = set()

        def trade(worker: int) -> int:
            client, taken = server.client(worker % 2 + 1), 0
            for number in range(10):
                try:
                    _buy(client, f"{worker}-{number}", 40)
                    taken += 1
                except APIError as error:
                    refused.add(error.status_code)
            return taken

        with ThreadPoolExecutor(8) as pool:
            taken = list(pool.map(trade, range(8)))
        assert refused == {403}
        for number in (1, 2):
            client = server.client(number)
            orders = client.get_orders(GetOrdersRequest(status=QueryOrderStatus.ALL, limit=500))
            assert len(orders) == sum(taken[worker] for worker in range(8) if worker % 2 + 1 == number)
            spent = sum(float(order.filled_qty) * float(order.filled_avg_price) for order in orders)
            assert float(client.get_account().cash) == pytest.approx(100_000 - spent)
            assert 0 <= float(client.get_account().cash) < 4_200


def test_time_runs_with_the_wall_at_its_multiple_and_the_control_can_jump_it() -> None:
    with small(speed=600.0) as server:
        assert eventually(lambda: server.client().get_clock().timestamp >= at(MARKET, 0, 0.01))
        told = server.control("POST", "advance", {"to": "next_close"})
        assert datetime.fromisoformat(told["now"]) == MARKET.hours[0].close_at
        assert eventually(lambda: server.client().get_clock().timestamp > MARKET.hours[0].close_at)
        assert server.client().get_clock().next_open == MARKET.hours[1].open_at


def test_a_limit_on_calls_is_counted_down_and_kept_apart_by_account_and_service() -> None:
    with in_thread(accounts=2, per_minute=5) as server:
        url, mine = f"{server.rest}/v2/clock", server.headers(1)
        answers = [requests.get(url, headers=mine, timeout=10) for _ in range(6)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429]
        assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["4", "3", "2", "1", "0", "0"]
        assert answers[-1].json()["message"] == "rate limit exceeded"
        assert int(answers[-1].headers["X-RateLimit-Reset"]) > 1_800_000_000
        assert requests.get(url, headers=server.headers(2), timeout=10).status_code == 200
        prices = f"{server.rest}/v2/stocks/trades/latest?symbols=AAA"
        assert requests.get(prices, headers=mine, timeout=10).status_code == 200


def test_what_was_answered_is_there_after_a_kill(tmp_path: Path) -> None:
    state = tmp_path / "exchange.state"
    with small(accounts=2, state=state) as server:
        _buy(server.client(1), "first")
        _rest(server.client(2), "resting")
        _advance(server, 1, 0.5)
        server.client(1).close_position("AAA", None)
        _buy(server.client(1), "second", 7)
        server.client(1).set_account_configurations(
            server.client(1).get_account_configurations().model_copy(update={"fractional_trading": False})
        )
        server.control("POST", "incidents", {"kind": "split", "symbol": "AAA", "new_rate": 2})
        before = [_seen(server, number) for number in (1, 2)]
        server.kill()
    with in_thread(accounts=2, state=state) as server:
        assert [_seen(server, number) for number in (1, 2)] == before
        with pytest.raises(APIError, match="must be unique"):
            _buy(server.client(1), "first")
        server.client(2).cancel_orders()
        _advance(server, 2, 0.5)
        assert server.client(1).get_all_positions()[0].qty == "14"
        after = [_seen(server, number) for number in (1, 2)]
    with in_thread(accounts=2, state=state) as server:
        assert [_seen(server, number) for number in (1, 2)] == after


def test_a_kill_in_the_midst_of_orders_loses_none_that_was_answered(tmp_path: Path) -> None:
    state = tmp_path / "exchange.state"
    answered: list[str] = []
    with small(state=state) as server:
        client = server.client()

        def send() -> None:
            for number in range(10_000):
                try:
                    _rest(client, f"order-{number}")
                except (requests.ConnectionError, APIError):
                    return
                answered.append(f"order-{number}")

        sender = threading.Thread(target=send)
        sender.start()
        assert eventually(lambda: len(answered) > 20)
        server.kill()
        sender.join(10)
    with in_thread(state=state) as server:
        orders = server.client().get_orders(GetOrdersRequest(status=QueryOrderStatus.ALL, limit=500))
        found = {order.client_order_id for order in orders}
        assert set(answered) <= found
        assert len(found) <= len(answered) + 1


def test_a_body_that_is_not_read_is_not_kept_and_one_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    state = tmp_path / "exchange.state"
    order = {"symbol": "AAA", "qty": "1", "side": "buy", "type": "market", "time_in_force": "day"}
    with in_thread(state=state) as server:
        _rest(server.client(), "resting")
        url, headers = f"{server.rest}/v2/orders", server.headers()
        assert requests.delete(url, data=b"\xff is no JSON", headers=headers, timeout=10).status_code == 207
        refused = requests.post(url, data=json.dumps(order).encode("utf-16"), headers=headers, timeout=10)
        assert (refused.status_code, refused.json()["message"]) == (400, "request body format is invalid")
        before = _seen(server)
    with in_thread(state=state) as server:
        assert _seen(server) == before


def test_an_exchange_whose_clock_can_no_longer_be_kept_ends_and_says_why(tmp_path: Path) -> None:
    state = tmp_path / "exchange.state"
    with small(speed=60.0, state=state) as server:
        process = server.process
        assert process is not None
        assert process.stderr is not None
        size = state.stat().st_size
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, size))
        assert process.wait(timeout=20) == 1
        assert "its state could not be kept" in process.stderr.read()


def test_a_torn_last_line_is_dropped_and_a_state_of_something_else_is_refused(tmp_path: Path) -> None:
    state = tmp_path / "exchange.state"
    with in_thread(state=state) as server:
        _buy(server.client(), "first")
        with pytest.raises(SetupError, match="another process is writing"), in_thread(state=state):
            pytest.fail("a state that is in use must not be served")
    whole = state.read_bytes()
    state.write_bytes(whole + b'{"at":"2020-01-0')
    with in_thread(state=state) as server:
        assert server.told["repeated"] == len(whole.splitlines()) - 1 == 1
    with pytest.raises(SetupError, match="must be the state of"), in_thread(accounts=2, state=state):
        pytest.fail("the state of one account must not be served as that of two")
    state.write_bytes(whole.splitlines(keepends=True)[0] + json.dumps({"at": "never"}).encode() + b"\n")
    with pytest.raises(SetupError, match="line 2 of the state cannot be repeated"), in_thread(state=state):
        pytest.fail("a state that makes no sense must not be served")
