"""A symbol that is renamed on command: the wire speaks its new name, of the past too, and nobody bears the old one.

Historical bars alone are found under names of the past, as at Alpaca: each has those of its time.
"""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests
from alpaca.common.exceptions import APIError
from alpaca.trading.enums import OrderSide, TimeInForce
from alpaca.trading.requests import LimitOrderRequest, MarketOrderRequest
from tenthman_exchange import ACCOUNT, COSTS
from tenthman_serving import MARKET, Running, in_thread

from tenthman.exchange.alpaca_bars import get_bars
from tenthman.exchange.alpaca_trading import Call
from tenthman.exchange.market import ReplayExchange
from tenthman.exchange.orders import Refusal, SymbolChange
from tenthman.exchange.renaming import inward


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


def test_prices_are_found_under_the_new_name_and_none_under_the_old(renamed: Running) -> None:
    span = {"timeframe": "1Day", "start": "2020-01-06"}
    bars = _get(renamed, "/v2/stocks/bars", symbols="NEW.A,AAA,BRK.B", **span)["bars"]
    assert {name: len(rows) for name, rows in bars.items()} == {"AAA": 1, "BRK.B": 1, "NEW.A": 1}
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
        server.control("POST", "incidents", {"kind": "rename", "symbol": "AAA", "to": "NEWER"})
        server.client().submit_order(order("NEWER"))
        asked = {"types": "name_change", "start": "2020-01-06", "end": "2020-01-08"}
        told = _get(server, "/v1/corporate-actions", **asked)["corporate_actions"]["name_changes"]
        assert [(row["old_symbol"], row["new_symbol"]) for row in told] == [("AAA", "NEW"), ("NEW", "NEWER")]
    with in_thread(state=tmp_path / "state") as server:
        (held,) = server.client().get_all_positions()
        assert (held.symbol, held.qty) == ("NEWER", "2")
        server.control("POST", "incidents", {"kind": "halt", "symbol": "NEWER"})


DAYS = [item.session for item in MARKET.hours]


@pytest.fixture
def chain() -> ReplayExchange:
    """After its sixth session: AAA was NEW.A from the second on, and is END from the fourth on."""
    exchange = ReplayExchange(MARKET, COSTS, Decimal(1000), ACCOUNT, MARKET.hours[0].open_at)
    exchange.rename(SymbolChange(symbol="AAA", old="AAA", new="NEW-A", session=DAYS[1]))
    exchange.rename(SymbolChange(symbol="AAA", old="NEW-A", new="END", session=DAYS[3]))
    exchange.advance(MARKET.hours[5].close_at)
    return exchange


def _bars(exchange: ReplayExchange, names: str, **query: str) -> dict[str, list[str]]:
    """The days of the bars by name, page by page."""
    asked = {"symbols": names, "timeframe": "1Day", "start": str(DAYS[0]), **query}
    body: Any = get_bars(exchange, Call(path={}, query=asked)).body
    found = {name: [row["t"][:10] for row in rows] for name, rows in body["bars"].items()}
    if (token := body["next_page_token"]) is not None:
        for name, days in _bars(exchange, names, **{**query, "page_token": token}).items():
            found[name] = [*found.get(name, []), *days]
    return found


@pytest.mark.parametrize("limit", ["1000", "1"])
@pytest.mark.parametrize("timeframe", ["1Day", "23Hour"])
def test_historical_bars_are_found_under_each_name_of_a_chain_by_its_days(
    chain: ReplayExchange, timeframe: str, limit: str
) -> None:
    days = [str(day) for day in DAYS[:6]]
    told = _bars(chain, "AAA,NEW.A,END", timeframe=timeframe, limit=limit)
    assert told == {"AAA": days[:1], "NEW.A": days[1:3], "END": days}


def test_a_name_of_another_day_is_who_bore_it_then_and_without_a_day_it_is_itself_alone(chain: ReplayExchange) -> None:
    days = [str(day) for day in DAYS[:6]]
    assert _bars(chain, "AAA,NEW.A,END", asof=days[0]) == {"AAA": days, "NEW.A": days[1:3], "END": days[3:]}
    assert _bars(chain, "AAA,NEW.A,END", asof=days[1]) == {"AAA": days[:1], "NEW.A": days, "END": days[3:]}
    assert _bars(chain, "AAA,NEW.A,END", asof="-") == {"AAA": days[:1], "NEW.A": days[1:3], "END": days[3:]}
    with pytest.raises(Refusal, match="asof must be a date"):
        _bars(chain, "END", asof="then")


def test_the_middle_name_of_a_chain_is_nobodys_but_for_what_is_told_of_the_past(chain: ReplayExchange) -> None:
    changes, call = chain.symbol_changes(), Call(path={}, query={"symbols": "AAA,NEW.A,END,BRK.B"})
    assert inward(changes, call, keeps_old=False).query["symbols"] == "AAA.0,NEW.A.0,AAA,BRK.B"
    assert inward(changes, call, keeps_old=True).query["symbols"] == "AAA,AAA,AAA,BRK.B"
