"""The broker and the data service in the house's tickers, before a rename and after it."""

from datetime import date, datetime
from decimal import Decimal

import requests
from tenthman_broker_battery import exit_order
from tenthman_exchange import SETTINGS
from tenthman_markets import at
from tenthman_serving import MARKET, Running, in_thread

from tenthman.data.alpaca import AlpacaMarketSource
from tenthman.data.sources import ActionKind
from tenthman.domain.market import Rename
from tenthman.domain.order import Side
from tenthman.domain.spelling import Spellings
from tenthman.execution.client import AlpacaBroker
from tenthman.scheduler.gathering.spelled import Names, SpelledBroker, SpelledSource

RENAMED = Spellings((Rename(old="AAA", new="NEW", on=date(2020, 1, 7)),))


def _order(server: Running, symbol: str, side: str) -> None:
    body = {"symbol": symbol, "qty": "10", "side": side, "type": "market", "time_in_force": "day"}
    assert requests.post(f"{server.rest}/v2/orders", headers=server.headers(), json=body, timeout=10).ok


def test_a_holding_keeps_its_ticker_and_is_sold_under_the_name_that_the_broker_shows() -> None:
    with in_thread() as server:
        _order(server, "AAA", "buy")
        clock: list[datetime] = [at(MARKET, 1, 0.1)]
        names = Names(RENAMED, lambda: clock[-1])
        keys = server.headers()
        address = (server.rest, keys["APCA-API-KEY-ID"], keys["APCA-API-SECRET-KEY"], SETTINGS)
        broker = SpelledBroker(AlpacaBroker(*address), names)
        source = SpelledSource(AlpacaMarketSource(*address), names)
        server.control("POST", "advance", {"to": at(MARKET, 1, 0.1).isoformat()})
        assert [item.ticker for item in broker.positions()] == ["AAA"]
        assert broker.submit(exit_order("early", "AAA", 4)).ticker == "AAA", "a broker may be slower than the day"
        server.control("POST", "incidents", {"kind": "rename", "symbol": "AAA", "to": "NEW"})
        assert [(item.ticker, item.quantity) for item in broker.positions()] == [("AAA", Decimal(6))]
        assert broker.submit(exit_order("late", "AAA", 6)).ticker == "AAA"
        assert broker.find("late") is not None
        assert list(broker.positions()) == []
        assert {(fill.ticker, fill.side) for fill in broker.fills(None)} == {("AAA", Side.BUY), ("AAA", Side.SELL)}
        server.control("POST", "advance", {"to": at(MARKET, 3, 0.1).isoformat()})
        clock.append(at(MARKET, 3, 0.1))
        daily = source.daily(["AAA", "BRK-B"], date(2020, 1, 6), date(2020, 1, 8), clock[-1])
        assert {bar.ticker for bar in daily.bars} == {"AAA", "BRK-B"}
        assert [bar.session.day for bar in daily.bars if bar.ticker == "AAA"] == [6, 7, 8]
        assert set(source.latest_prices(["AAA", "BRK-B"])) == {"AAA", "BRK-B"}
        (paid,) = source.actions(["AAA"], date(2020, 1, 6), date(2020, 1, 31))
        assert (paid.ticker, paid.kind) == ("AAA", ActionKind.DIVIDEND)
        assert source.renames(date(2020, 1, 6), date(2020, 1, 31)) == RENAMED.renames


def test_of_two_names_that_are_held_the_one_that_was_given_up_is_another_companys() -> None:
    with in_thread() as server:
        _order(server, "AAA", "buy")
        _order(server, "BRK.B", "buy")
        keys = server.headers()
        inner = AlpacaBroker(server.rest, keys["APCA-API-KEY-ID"], keys["APCA-API-SECRET-KEY"], SETTINGS)
        as_if = Spellings((Rename(old="AAA", new="BRK-B", on=date(2020, 1, 6)),))
        broker = SpelledBroker(inner, Names(as_if, lambda: at(MARKET, 0, 0.5)))
        assert [item.ticker for item in broker.positions()] == ["AAA^", "AAA"]
