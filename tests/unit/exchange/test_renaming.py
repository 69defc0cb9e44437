"""A symbol that is renamed on command: the wire speaks its new name, of the past too, and nobody bears the old one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from alpaca.common.exceptions import APIError
from alpaca.trading.enums import OrderSide, TimeInForce
from alpaca.trading.requests import LimitOrderRequest, MarketOrderRequest
from tenthman_serving import Running, in_thread


@pytest.fixture(scope="module")
def renamed() -> Iterator[Running]:
    """AAA was bought, with an order at work in it, and was renamed on the day after."""
    with in_thread() as server:
        client = server.client()
        client.submit_order(MarketOrderRequest(symbol="AAA", qty=10, side=OrderSide.BUY, time_in_force=TimeInForce.DAY))
        client.submit_order(
            LimitOrderRequest(
                symbol="AAA", qty=4, side=OrderSide.SELL, time_in_force=TimeInForce.GTC, limit_price=500.0,
                client_order_id="resting",
            )
        )  # fmt: skip
        server.control("POST", "advance", {"to": "2020-01-07T13:00:00Z"})
        server.control("POST", "incidents", {"kind": "rename", "symbol": "AAA", "to": "NEW.A"})
        yield server


def _get(server: Running, path: str, **query: str) -> Any:
    return requests.get(f"{server.rest}{path}", headers=server.headers(), params=query, timeout=10).json()


def test_what_is_held_and_what_is_at_work_goes_by_the_new_name(renamed: Running) -> None:
    client = renamed.client()
    assert [item.symbol for item in client.get_all_positions()] == ["NEW.A"]
    assert client.get_open_position("NEW.A").qty == "10"
    assert client.get_order_by_client_id("resting").symbol == "NEW.A"
    assert [row["symbol"] for row in _get(renamed, "/v2/account/activities/FILL")] == ["NEW.A"]
    assert client.get_asset("NEW.A").symbol == "NEW.A"
    for gone in ("AAA", "AAA.0"):
        with pytest.raises(APIError):
            client.get_asset(gone)


def test_all_its_bars_and_prices_are_found_under_the_new_name_and_none_under_the_old(renamed: Running) -> None:
    span = {"timeframe": "1Day", "start": "2020-01-06"}
    assert sorted(_get(renamed, "/v2/stocks/bars", symbols="NEW.A,AAA,BRK.B", **span)["bars"]) == ["BRK.B", "NEW.A"]
    assert _get(renamed, "/v2/stocks/bars", symbols="AAA", **span)["bars"] == {}
    assert list(_get(renamed, "/v2/stocks/trades/latest", symbols="NEW.A,AAA")["trades"]) == ["NEW.A"]
    assert list(_get(renamed, "/v2/stocks/snapshots", symbols="NEW.A,AAA")) == ["NEW.A"]


def test_the_rename_is_told_among_the_corporate_actions_under_either_name(renamed: Running) -> None:
    asked = {"types": "name_change", "start": "2020-01-06", "end": "2020-01-08"}
    (told,) = _get(renamed, "/v1/corporate-actions", **asked)["corporate_actions"]["name_changes"]
    assert (told["old_symbol"], told["new_symbol"], told["process_date"]) == ("AAA", "NEW.A", "2020-01-07")
    for name in ("AAA", "NEW.A"):
        found = _get(renamed, "/v1/corporate-actions", symbols=name, **asked)["corporate_actions"]
        assert found == {"name_changes": [told]}
    assert _get(renamed, "/v1/corporate-actions", symbols="BRK.B", **asked)["corporate_actions"] == {}


@pytest.mark.parametrize("taken", ["BRK.B", "AAA", "NEW.A"])
def test_a_name_that_something_has_or_had_is_refused(renamed: Running, taken: str) -> None:
    answer = requests.post(
        f"{renamed.told['control']}/incidents",
        json={"kind": "rename", "symbol": "NEW.A", "to": taken},
        headers={"X-Control-Token": renamed.told["control_token"]},
        timeout=10,
    )
    assert (answer.status_code, answer.json()["message"][:40]) == (422, "to must be a name that nothing has here,")


def test_orders_are_taken_under_the_new_name_alone_and_after_a_restart_too(tmp_path: Path) -> None:
    def order(symbol: str) -> MarketOrderRequest:
        return MarketOrderRequest(symbol=symbol, qty=1, side=OrderSide.BUY, time_in_force=TimeInForce.DAY)

    with in_thread(state=tmp_path / "state") as server:
        server.control("POST", "incidents", {"kind": "rename", "symbol": "AAA", "to": "NEW"})
        server.client().submit_order(order("NEW"))
        with pytest.raises(APIError, match="not found"):
            server.client().submit_order(order("AAA"))
        server.control("POST", "incidents", {"kind": "rename", "symbol": "NEW", "to": "NEWER"})
        server.client().submit_order(order("NEWER"))
    with in_thread(state=tmp_path / "state") as server:
        (held,) = server.client().get_all_positions()
        assert (held.symbol, held.qty) == ("NEWER", "2")
        server.control("POST", "incidents", {"kind": "halt", "symbol": "NEWER"})
