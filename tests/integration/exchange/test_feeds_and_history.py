"""The served exchange beyond orders: websockets for prices and news, short bars, history, and closing everything."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import msgpack
import pytest
import requests
from alpaca.data.historical import StockHistoricalDataClient
from alpaca.data.historical.corporate_actions import CorporateActionsClient
from alpaca.data.live import NewsDataStream, StockDataStream
from alpaca.data.requests import (
    CorporateActionsRequest,
    StockBarsRequest,
    StockLatestBarRequest,
    StockSnapshotRequest,
)
from alpaca.data.timeframe import TimeFrame, TimeFrameUnit
from alpaca.trading.enums import OrderSide, TimeInForce
from alpaca.trading.requests import GetPortfolioHistoryRequest, LimitOrderRequest, MarketOrderRequest
from tenthman_exchange import eventually
from tenthman_markets import HALT, at, small_market
from tenthman_serving import Running, in_thread
from websockets.asyncio.client import ClientConnection, connect

from tenthman.domain.news import NewsItem, TimePrecision
from tenthman.exchange.alpaca_feeds import FREE
from tenthman.exchange.alpaca_stream import MOST_CONNECTIONS

OPENED = datetime.fromisoformat("2020-01-06T14:30:00+00:00")


def _story(number: int) -> NewsItem:
    known_at = OPENED + timedelta(minutes=10 * number)
    return NewsItem(
        id=f"story-{number}",
        headline=f"Headline {number}",
        summary="",
        source="test",
        url="",
        published_at=known_at,
        known_at=known_at,
        precision=TimePrecision.INSTANT,
        tickers=("BRK-B",) if number % 2 else ("AAA",),
    )


MARKET = small_market(
    {
        "AAA": [(100.0, 104.0, 98.0, 103.0), (103.0, 112.0, 101.0, 110.0), (90.0, 95.0, 85.0, 92.0)] * 2,
        "BRK-B": [(200.0, 202.0, 198.0, 201.0)] * 6,
        "HHH": [(50.0, 51.0, 49.0, 50.0), HALT, *[(50.0, 51.0, 49.0, 50.0)] * 4],
    },
    headlines=[_story(number) for number in range(1, 5)],
    dividends={"AAA": {1: 0.5}},
)


@pytest.fixture
def server() -> Iterator[Running]:
    with in_thread(MARKET) as running:
        yield running


def _keys(server: Running) -> tuple[str, str]:
    keys = server.told["accounts"][0]
    return keys["key"], keys["secret"]


def _advance(server: Running, to: datetime) -> None:
    server.control("POST", "advance", {"to": to.isoformat()})


def _prices(server: Running) -> StockHistoricalDataClient:
    return StockHistoricalDataClient(*_keys(server), url_override=server.rest)


@contextmanager
def _listening(server: Running, stream: Any) -> Iterator[None]:
    thread = threading.Thread(target=stream.run, daemon=True)
    thread.start()
    try:
        assert eventually(lambda: server.control("GET", "health")["subscribers"] == 1)
        yield
    finally:
        stream.stop()
        server.control("POST", "cut")  # it would look up only five seconds later
        thread.join(15)


def _collector(into: list[Any]) -> Callable[[Any], Any]:
    async def collect(item: Any) -> None:
        into.append(item)

    return collect


def test_a_jump_of_time_tells_alpaca_pys_stream_every_minute_that_it_passes(server: Running) -> None:
    bars: list[Any] = []
    others: list[Any] = []
    stream = StockDataStream(*_keys(server), url_override=server.told["market_data"])
    stream.subscribe_bars(_collector(bars), "AAA")
    stream.subscribe_daily_bars(_collector(others), "AAA")
    stream.subscribe_trading_statuses(_collector(others), "*")
    stream.subscribe_quotes(_collector(others), "BRK.B")
    with _listening(server, stream):
        _advance(server, MARKET.hours[1].open_at + timedelta(minutes=2))
        assert eventually(lambda: len(bars) == 392 and len(others) == 3)
    assert [bar.timestamp for bar in bars[:2]] == [OPENED, OPENED + timedelta(minutes=1)]
    assert [(bar.open, bar.close) for bar in (bars[0], bars[389])] == [(100.0, 99.9846), (103.0077, 103.0)]
    assert (min(bar.low for bar in bars[:390]), max(bar.high for bar in bars[:390])) == (98.0, 104.0)
    assert [(type(item).__name__, item.symbol) for item in others] == [
        ("Bar", "AAA"),
        ("TradingStatus", "HHH"),
        ("Quote", "BRK.B"),
    ]
    assert (others[0].close, others[1].status_code, others[2].ask_price) == (103.0, "H", others[2].bid_price)


def test_news_comes_over_the_stream_when_it_becomes_known(server: Running) -> None:
    heard: list[Any] = []
    stream = NewsDataStream(*_keys(server), url_override=server.told["news"])
    stream.subscribe_news(_collector(heard), "BRK.B")
    with _listening(server, stream):
        _advance(server, OPENED + timedelta(minutes=25))
        assert eventually(lambda: len(heard) == 1)
        _advance(server, OPENED + timedelta(minutes=30))
        assert eventually(lambda: len(heard) == 2)
    assert [story.headline for story in heard] == ["Headline 1", "Headline 3"]
    assert heard[0].created_at == OPENED + timedelta(minutes=10)


def test_the_feeds_speak_the_new_name_of_what_was_renamed_and_nothing_goes_by_the_old_one(server: Running) -> None:
    key, secret = _keys(server)
    wanted = {"trades": ["*"], "bars": ["AAA", "NEW.A"], "dailyBars": ["NEW.A"], "statuses": ["NEW.H", "HHH"]}

    async def hear() -> list[dict[str, Any]]:
        async with connect(server.told["market_data"]) as market, connect(server.told["news"]) as news:
            for socket, asked in ((market, wanted), (news, {"news": ["AAA", "NEW.A"]})):
                for message in ({"action": "auth", "key": key, "secret": secret}, {"action": "subscribe", **asked}):
                    await socket.recv()
                    await socket.send(json.dumps(message))
                await socket.recv()
            await asyncio.to_thread(_advance, server, OPENED + timedelta(minutes=1))
            for old, new in (("AAA", "MID"), ("MID", "NEW.A"), ("HHH", "NEW.H")):
                incident = {"kind": "rename", "symbol": old, "to": new}
                await asyncio.to_thread(server.control, "POST", "incidents", incident)
            await asyncio.to_thread(_advance, server, MARKET.hours[1].open_at)
            heard: list[dict[str, Any]] = []
            while sum(item["T"] in ("s", "d") for item in heard) < 2:
                heard += json.loads(await market.recv())
            for _ in range(2):
                heard += json.loads(await news.recv())
            return heard

    heard = asyncio.run(asyncio.wait_for(hear(), 20))
    by_kind = {kind: [item for item in heard if item["T"] == kind] for kind in "btdsn"}
    assert [item["S"] for item in by_kind["b"]] == ["AAA", *["NEW.A"] * 389]
    assert [item["S"] for item in by_kind["t"] if item["S"] not in ("BRK.B", "SPY")] == ["AAA", "HHH", "NEW.A"]
    assert [item["S"] for item in (*by_kind["d"], *by_kind["s"])] == ["NEW.A", "NEW.H"]
    assert [item["symbols"] for item in by_kind["n"]] == [["NEW.A"], ["NEW.A"]]
    assert by_kind["n"][0]["headline"] == "Headline 2"


async def _talk(url: str, *messages: object, packed: bool = False) -> list[Any]:
    """What a websocket answers to each message, and its greeting where it has one."""
    headers = {"Content-Type": "application/msgpack"} if packed else {}
    read = msgpack.unpackb if packed else json.loads
    answers = []
    async with connect(url, additional_headers=headers) as socket:
        if not url.endswith("/stream"):
            answers.append(read(await socket.recv()))
        for message in messages:
            await socket.send(msgpack.packb(message) if packed else json.dumps(message))
            answers.append(read(await socket.recv()))
    return answers


@pytest.mark.parametrize("packed", [False, True])
def test_a_feed_says_what_is_wrong_with_a_message(server: Running, packed: bool) -> None:
    key, secret = _keys(server)
    url = server.told["market_data"]
    greeting = [{"T": "success", "msg": "connected"}]
    (hello, refused) = asyncio.run(_talk(url, {"action": "auth", "key": key, "secret": "x"}, packed=packed))
    assert (hello, refused) == (greeting, [{"T": "error", "code": 402, "msg": "auth failed"}])
    (_, early) = asyncio.run(_talk(url, {"action": "subscribe", "bars": ["AAA"]}, packed=packed))
    assert early == [{"T": "error", "code": 401, "msg": "not authenticated"}]
    auth = {"action": "auth", "key": key, "secret": secret}
    answers = asyncio.run(
        _talk(
            url,
            auth,
            auth,
            {"action": "dance"},
            {"action": "subscribe", "news": ["*"]},
            {"action": "subscribe", "bars": "AAA"},
            {"action": "subscribe", "bars": ["\xe9"]},
            {"action": "subscribe", "bars": ["A" * 17]},
            {"action": "subscribe", "bars": ["AAA", "BRK.B"], "trades": ["AAA"]},
            {"action": "unsubscribe", "bars": ["AAA"]},
            packed=packed,
        )
    )
    assert [answer[0].get("code") for answer in answers] == [None, None, 403, 400, 410, 400, 400, 400, None, None]
    assert (answers[-1][0]["bars"], answers[-1][0]["trades"]) == (["BRK.B"], ["AAA"])


def test_the_free_plan_allows_one_connection_a_feed_and_thirty_symbols_of_trades_and_quotes() -> None:
    async def talk(server: Running) -> tuple[list[Any], list[Any]]:
        auth = dict(zip(("key", "secret"), _keys(server), strict=True)) | {"action": "auth"}
        symbols = [f"S{number}" for number in range(31)]
        messages = (
            auth,
            {"action": "subscribe", "bars": ["*"], "trades": symbols[:20], "quotes": symbols[10:30]},
            {"action": "subscribe", "quotes": symbols[30:]},
            {"action": "subscribe", "trades": ["*"]},
        )
        async with connect(server.told["market_data"]) as first:
            await first.recv()
            told = []
            for message in messages:
                await first.send(json.dumps(message))
                told.append(json.loads(await first.recv())[0])
            second = await _talk(server.told["market_data"], auth, packed=False)
        return told, second

    with in_thread(plan=FREE) as server:
        told, second = asyncio.run(talk(server))
    assert [(answer["T"], answer.get("code")) for answer in told] == [
        ("success", None),
        ("subscription", None),
        ("error", 405),
        ("error", 405),
    ]
    assert second[-1] == [{"T": "error", "code": 406, "msg": "connection limit exceeded"}]


@pytest.mark.parametrize("packed", [False, True])
def test_order_events_come_in_either_framing_and_only_when_listened_to(server: Running, packed: bool) -> None:
    key, secret = _keys(server)
    url = server.told["order_events"]
    auth = {"action": "authenticate", "data": {"key_id": key, "secret_key": secret}}
    wrong = {"action": "authenticate", "data": {"key_id": key, "secret_key": "x"}}
    assert asyncio.run(_talk(url, wrong, packed=packed))[0]["data"]["status"] == "unauthorized"
    headers = {"Content-Type": "application/msgpack"} if packed else {}
    read = msgpack.unpackb if packed else json.loads

    async def listen() -> list[Any]:
        async with connect(url, additional_headers=headers) as socket:
            for message in (auth, {"action": "listen", "data": {"streams": ["trade_updates"]}}):
                await socket.send(json.dumps(message))
                answer = read(await socket.recv())
            assert answer == {"stream": "listening", "data": {"streams": ["trade_updates"]}}
            await asyncio.to_thread(_buy, server, "AAA")
            return [read(await socket.recv()) for _ in range(3)]

    told = asyncio.run(listen())
    assert [message["data"]["event"] for message in told] == ["pending_new", "new", "fill"]
    assert told[-1]["data"]["position_qty"] == "10"


def test_one_account_may_have_so_many_connections_to_the_order_events_and_another_its_own() -> None:
    async def admitted(url: str, keys: dict[str, str]) -> tuple[ClientConnection, dict[str, str]]:
        socket = await connect(url)
        shown = {"key_id": keys["key"], "secret_key": keys["secret"]}
        await socket.send(json.dumps({"action": "authenticate", "data": shown}))
        return socket, json.loads(await socket.recv())["data"]

    async def crowd(server: Running) -> None:
        url, (first, second) = server.told["order_events"], server.told["accounts"]
        held = [await admitted(url, first) for _ in range(MOST_CONNECTIONS)]
        assert {answer["status"] for _, answer in held} == {"authorized"}
        refused, answer = await admitted(url, first)
        assert (answer["status"], answer["message"]) == ("unauthorized", "connection limit exceeded")
        await refused.wait_closed()
        other, answer = await admitted(url, second)
        assert answer["status"] == "authorized"
        await held[0][0].close()
        await held[0][0].wait_closed()
        while (again := await admitted(url, first))[1]["status"] != "authorized":
            await again[0].wait_closed()
        for socket in (other, again[0], *(socket for socket, _ in held[1:])):
            await socket.close()

    with in_thread(accounts=2) as server:
        asyncio.run(asyncio.wait_for(crowd(server), 20))


def test_all_connections_can_be_cut(server: Running) -> None:
    key, secret = _keys(server)

    async def until_cut() -> None:
        async with connect(server.told["market_data"]) as socket:
            await socket.recv()
            await socket.send(json.dumps({"action": "auth", "key": key, "secret": secret}))
            await socket.recv()
            cut = await asyncio.to_thread(server.control, "POST", "cut")
            assert cut == {"streams": 0, "feeds": 1}
            await socket.wait_closed()

    asyncio.run(asyncio.wait_for(until_cut(), 10))


def _buy(server: Running, symbol: str) -> None:
    request = MarketOrderRequest(symbol=symbol, qty=10, side=OrderSide.BUY, time_in_force=TimeInForce.DAY)
    server.client().submit_order(request)


def test_short_and_long_bars_are_those_of_the_path_and_of_the_days(server: Running) -> None:
    _advance(server, at(MARKET, 3, 0.5))
    client = _prices(server)

    def bars(frame: TimeFrame, symbol: str = "AAA") -> list[Any]:
        request = StockBarsRequest(symbol_or_symbols=symbol, timeframe=frame, start=OPENED - timedelta(days=90))
        return list(client.get_stock_bars(request).data.get(symbol, []))

    hours = bars(TimeFrame.Hour)
    assert [bar.timestamp.minute for bar in hours[:8]] == [30, 0, 0, 0, 0, 0, 0, 30]
    assert len(hours) == 3 * 7 + 3
    assert len(bars(TimeFrame(5, TimeFrameUnit.Minute))) == 3 * 78 + 39
    assert {bar.timestamp.date().day for bar in bars(TimeFrame.Hour, "HHH")} == {6, 8, 9}
    day, (week,), (month,) = bars(TimeFrame.Day), bars(TimeFrame.Week), bars(TimeFrame.Month)
    assert [bar.close for bar in day] == [103.0, 110.0, 92.0]
    assert (week.open, week.high, week.low, week.close, week.volume) == (100.0, 112.0, 85.0, 92.0, 3_000_000)
    assert month.timestamp.astimezone(OPENED.tzinfo).isoformat() == "2020-01-01T05:00:00+00:00"
    first = [bar for bar in hours if bar.timestamp.day == 6]
    assert sum(bar.volume for bar in first) == pytest.approx(1_000_000, abs=7)
    mean = sum(bar.vwap * bar.volume for bar in first) / sum(bar.volume for bar in first)
    assert mean == pytest.approx(day[0].vwap, abs=0.01)
    latest = client.get_stock_latest_bar(StockLatestBarRequest(symbol_or_symbols="AAA"))["AAA"]
    assert latest.timestamp == at(MARKET, 3, 0.5) - timedelta(minutes=1)
    snapshot = client.get_stock_snapshot(StockSnapshotRequest(symbol_or_symbols="AAA"))["AAA"]
    assert (snapshot.minute_bar, snapshot.daily_bar.close) == (latest, 92.0)


def test_pages_of_short_bars_meet_without_a_gap_in_both_directions(server: Running) -> None:
    _advance(server, at(MARKET, 1, 0.1))
    for sort in ("asc", "desc"):
        query = {"symbols": "AAA,BRK.B", "timeframe": "15Min", "start": "2020-01-06", "sort": sort}
        url = f"{server.rest}/v2/stocks/bars"
        whole = requests.get(url, query, headers=server.headers(), timeout=5).json()["bars"]
        pages: dict[str, list[Any]] = {"AAA": [], "BRK.B": []}
        token = ""
        while token is not None:
            page = requests.get(
                url, {**query, "limit": "7", "page_token": token}, headers=server.headers(), timeout=5
            ).json()
            for symbol, found in page["bars"].items():
                pages[symbol] += found
            token = page["next_page_token"]
        assert pages == whole
        assert len(whole["AAA"]) == 26 + 2


def test_history_follows_the_equity_through_the_day_and_over_days(server: Running) -> None:
    client = server.client()
    _buy(server, "AAA")
    _advance(server, at(MARKET, 2, 0.5))
    daily = client.get_portfolio_history(GetPortfolioHistoryRequest(period="1M", timeframe="1D"))
    spent = 100_000 - float(client.get_account().cash) + 5
    assert daily.equity[:2] == pytest.approx([100_000 - spent + 1030, 100_000 - spent + 1100 + 5])
    assert daily.equity[2] == float(client.get_account().equity)
    assert (daily.base_value, daily.cashflow) == (100_000, {"DIV": [0.0, 5.0, 0.0]})
    assert daily.profit_loss == pytest.approx([equity - 100_000 for equity in daily.equity])
    short = client.get_portfolio_history(GetPortfolioHistoryRequest(period="3D", timeframe="15Min"))
    assert len(short.equity) == 26 + 26 + 13
    assert (short.equity[25], short.equity[51], short.equity[-1]) == (*daily.equity[:2], daily.equity[2])
    assert short.profit_loss[26] == pytest.approx(short.equity[26] - daily.equity[0])


def test_a_dividend_stands_among_the_corporate_actions_from_its_ex_date_on(server: Running) -> None:
    client = CorporateActionsClient(*_keys(server), url_override=server.rest)
    request = CorporateActionsRequest(symbols=["AAA"], start=OPENED.date(), end=OPENED.date() + timedelta(days=9))
    assert client.get_corporate_actions(request).data == {}
    _advance(server, at(MARKET, 1, 0.0))
    (found,) = client.get_corporate_actions(request).data["cash_dividends"]
    assert (found.symbol, found.rate, found.ex_date) == ("AAA", 0.5, MARKET.hours[1].session)


def test_all_positions_are_closed_once_their_orders_are_gone(server: Running) -> None:
    client = server.client()
    for symbol in ("AAA", "BRK.B"):
        _buy(server, symbol)
    client.submit_order(
        LimitOrderRequest(symbol="AAA", qty=10, side=OrderSide.SELL, time_in_force=TimeInForce.GTC, limit_price=250.5)
    )
    held = client.close_all_positions()
    assert {row.symbol: row.status for row in held} == {"AAA": 403, "BRK.B": 200}
    assert [position.symbol for position in client.get_all_positions()] == ["AAA"]
    assert [row.status for row in client.close_all_positions(cancel_orders=True)] == [200]
    assert (client.get_all_positions(), client.get_orders()) == ([], [])
