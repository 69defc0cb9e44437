"""The served exchange, spoken to by alpaca-py's own typed clients."""

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import requests
from alpaca.common.enums import Sort
from alpaca.common.exceptions import APIError
from alpaca.data.historical import NewsClient, StockHistoricalDataClient
from alpaca.data.requests import (
    NewsRequest,
    StockBarsRequest,
    StockLatestQuoteRequest,
    StockLatestTradeRequest,
    StockSnapshotRequest,
)
from alpaca.data.timeframe import TimeFrame
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderClass, OrderSide, OrderStatus, QueryOrderStatus, TimeInForce
from alpaca.trading.requests import (
    ClosePositionRequest,
    GetCalendarRequest,
    GetOrderByIdRequest,
    GetOrdersRequest,
    LimitOrderRequest,
    MarketOrderRequest,
    StopLossRequest,
    TakeProfitRequest,
)
from alpaca.trading.stream import TradingStream
from tenthman_exchange import ACCOUNT, eventually, served
from tenthman_markets import at, small_market

from tenthman.domain.market import MarketData
from tenthman.domain.news import NewsItem, TimePrecision
from tenthman.exchange.process import ExchangeProcess


def _story(number: int, known_at: datetime, *, day: bool = False, tickers: tuple[str, ...] = ("BRK-B",)) -> NewsItem:
    return NewsItem(
        id=f"story-{number}",
        headline=f"Headline {number}",
        summary="",
        source="test",
        url="",
        published_at=known_at - timedelta(minutes=15),
        known_at=known_at,
        precision=TimePrecision.DAY if day else TimePrecision.INSTANT,
        tickers=tickers,
    )


def _market() -> MarketData:
    opened = datetime(2020, 1, 6, 14, 30, tzinfo=UTC)
    stories = [_story(number, opened + timedelta(minutes=number)) for number in range(120)]
    stories.append(_story(500, opened + timedelta(hours=7), day=True, tickers=("AAA",)))
    stories.append(_story(900, opened + timedelta(days=40)))
    return small_market(
        {
            "AAA": [(100.0, 104.0, 98.0, 103.0), (103.0, 112.0, 101.0, 110.0), (90.0, 95.0, 85.0, 92.0)] * 2,
            "BRK-B": [(200.0, 202.0, 198.0, 201.0)] * 6,
        },
        headlines=stories,
    )


MARKET = _market()
START = MARKET.hours[0].open_at - timedelta(minutes=30)


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[ExchangeProcess]:
    with served(MARKET, START, tmp_path) as process:
        yield process


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExchangeProcess]:
    """An exchange in the middle of its fourth session, for questions that change nothing."""
    with served(MARKET, START, tmp_path_factory.mktemp("later")) as process:
        process.advance(at(MARKET, 3, 0.5))
        yield process


def _trading(process: ExchangeProcess) -> TradingClient:
    return TradingClient(process.key, process.secret, paper=True, url_override=process.rest_url)


def _bracket(name: str, symbol: str = "AAA") -> LimitOrderRequest:
    return LimitOrderRequest(
        symbol=symbol,
        qty=10,
        side=OrderSide.BUY,
        time_in_force=TimeInForce.GTC,
        client_order_id=name,
        limit_price=101.25 if symbol == "AAA" else 201.25,
        order_class=OrderClass.BRACKET,
        take_profit=TakeProfitRequest(limit_price=250.5),
        stop_loss=StopLossRequest(stop_price=95.5),
    )


def test_a_bracket_lives_from_submission_to_both_legs_in_alpaca_pys_own_models(exchange: ExchangeProcess) -> None:
    client = _trading(exchange)
    sent = client.submit_order(_bracket("b1"))
    assert (sent.status, sent.limit_price, sent.qty) == (OrderStatus.ACCEPTED, "101.25", "10")
    assert [leg.status for leg in sent.legs] == [OrderStatus.HELD, OrderStatus.HELD]
    assert client.get_order_by_client_id("b1").legs is None
    exchange.advance(at(MARKET, 0, 0.1))
    filled = client.get_order_by_id(sent.id, GetOrderByIdRequest(nested=True))
    assert (filled.status, filled.filled_avg_price, filled.filled_at) == (
        OrderStatus.FILLED,
        "100.04",
        MARKET.hours[0].open_at,
    )
    assert [leg.status for leg in filled.legs] == [OrderStatus.NEW, OrderStatus.HELD]
    flat = client.get_orders(GetOrdersRequest(status=QueryOrderStatus.OPEN))
    assert [order.id for order in flat] == [filled.legs[0].id]
    nested = client.get_orders(GetOrdersRequest(status=QueryOrderStatus.OPEN, nested=True))
    assert [order.id for order in nested] == [sent.id]
    assert client.get_orders(GetOrdersRequest(status=QueryOrderStatus.CLOSED, nested=True)) == []
    client.cancel_order_by_id(filled.legs[1].id)
    assert client.get_orders() == []
    closed = client.get_orders(GetOrdersRequest(status=QueryOrderStatus.ALL, symbols=["AAA"], limit=2))
    assert [order.status for order in closed] == [OrderStatus.CANCELED, OrderStatus.CANCELED]


def test_a_position_is_closed_in_two_parts_and_leaves_fills_among_the_activities(exchange: ExchangeProcess) -> None:
    client = _trading(exchange)
    exchange.advance(at(MARKET, 0, 0.0))
    client.submit_order(MarketOrderRequest(symbol="BRK.B", qty=8, side=OrderSide.BUY, time_in_force=TimeInForce.DAY))
    (position,) = client.get_all_positions()
    assert (position.symbol, position.qty, position.qty_available, position.side) == ("BRK.B", "8", "8", "long")
    client.close_position("BRK.B", ClosePositionRequest(percentage="25"))
    assert client.get_open_position("BRK.B").qty == "6"
    client.close_position(str(position.asset_id))
    assert client.get_all_positions() == []
    with pytest.raises(APIError) as missing:
        client.get_open_position("BRK.B")
    assert (missing.value.status_code, missing.value.code) == (404, 40410000)
    first = client.get("/account/activities/FILL", {"direction": "asc", "page_size": 2})
    rest = client.get("/account/activities", {"direction": "asc", "page_size": 2, "page_token": first[-1]["id"]})
    assert [row["qty"] for row in first + rest] == ["8", "2", "6"]
    assert {row["symbol"] for row in first + rest} == {"BRK.B"}
    assert first[0]["id"].startswith("20200106093000000::")
    assert client.get("/account/activities/DIV", {}) == []
    assert Decimal(client.get_account().cash) < 100_000


def test_all_orders_are_cancelled_at_once(exchange: ExchangeProcess) -> None:
    client = _trading(exchange)
    client.submit_order(_bracket("b1"))
    client.submit_order(_bracket("b2", "BRK.B"))
    assert {row.status for row in client.cancel_orders()} == {200}
    assert client.get_orders() == []


def test_account_clock_calendar_and_assets_parse(later: ExchangeProcess) -> None:
    client = _trading(later)
    account = client.get_account()
    assert (str(account.id), account.cash, account.pattern_day_trader) == (ACCOUNT, "100000", None)
    clock = client.get_clock()
    assert (clock.is_open, clock.timestamp, clock.next_close) == (True, at(MARKET, 3, 0.5), MARKET.hours[3].close_at)
    days = client.get_calendar(GetCalendarRequest(start=date(2020, 1, 7), end=date(2020, 1, 8)))
    assert [(day.date, day.open.hour, day.close.hour) for day in days] == [
        (date(2020, 1, 7), 9, 16),
        (date(2020, 1, 8), 9, 16),
    ]
    assert len(client.get_calendar()) == len(MARKET.hours)
    assert [asset.symbol for asset in client.get_all_assets()] == ["AAA", "BRK.B", "SPY"]
    assert client.get_asset("BRK.B").name == "BRK-B Inc"


def test_daily_bars_come_in_pages_by_symbol_and_time_and_never_from_the_future(later: ExchangeProcess) -> None:
    client = StockHistoricalDataClient(later.key, later.secret, url_override=later.rest_url)
    request = StockBarsRequest(
        symbol_or_symbols=["BRK.B", "AAA"], timeframe=TimeFrame.Day, start=datetime(2020, 1, 1, tzinfo=UTC)
    )
    bars = client.get_stock_bars(request)
    assert [bar.close for bar in bars["AAA"]] == [103.0, 110.0, 92.0]
    assert bars["BRK.B"][0].timestamp == datetime(2020, 1, 6, 5, tzinfo=UTC)
    headers = {"APCA-API-KEY-ID": later.key, "APCA-API-SECRET-KEY": later.secret}
    query = {"symbols": "BRK.B,AAA,ZZZ", "timeframe": "1Day", "start": "2020-01-01", "limit": "2"}
    pages, token = [], ""
    while token is not None:
        page = requests.get(
            f"{later.rest_url}/v2/stocks/bars", {**query, "page_token": token}, headers=headers, timeout=5
        ).json()
        pages.append([(symbol, bar["t"][:10]) for symbol, bars in page["bars"].items() for bar in bars])
        token = page["next_page_token"]
    assert pages == [
        [("AAA", "2020-01-06"), ("AAA", "2020-01-07")],
        [("AAA", "2020-01-08"), ("BRK.B", "2020-01-06")],
        [("BRK.B", "2020-01-07"), ("BRK.B", "2020-01-08")],
    ]
    one = requests.get(
        f"{later.rest_url}/v2/stocks/AAA/bars", {**query, "sort": "desc", "limit": "1"}, headers=headers, timeout=5
    ).json()
    assert [bar["c"] for bar in one["bars"]] == [92.0]


def test_the_ends_of_a_bar_query_are_included_by_the_bars_own_stamp(later: ExchangeProcess) -> None:
    client = StockHistoricalDataClient(later.key, later.secret, url_override=later.rest_url)
    stamp = datetime(2020, 1, 7, 5, tzinfo=UTC)
    request = StockBarsRequest(symbol_or_symbols="AAA", timeframe=TimeFrame.Day, start=stamp, end=stamp)
    assert [bar.timestamp for bar in client.get_stock_bars(request)["AAA"]] == [stamp]
    after = StockBarsRequest(
        symbol_or_symbols="AAA", timeframe=TimeFrame.Day, start=stamp + timedelta(seconds=1), end=stamp
    )
    assert client.get_stock_bars(after).data == {}


def test_latest_prices_and_snapshots_show_the_path_price_of_the_moment(later: ExchangeProcess) -> None:
    client = StockHistoricalDataClient(later.key, later.secret, url_override=later.rest_url)
    trade = client.get_stock_latest_trade(StockLatestTradeRequest(symbol_or_symbols=["AAA", "ZZZ"]))
    assert {symbol: item.price for symbol, item in trade.items()} == {"AAA": 101.0}
    quote = client.get_stock_latest_quote(StockLatestQuoteRequest(symbol_or_symbols="BRK.B"))["BRK.B"]
    assert quote.bid_price == quote.ask_price == 200.0
    snapshot = client.get_stock_snapshot(StockSnapshotRequest(symbol_or_symbols="AAA"))["AAA"]
    assert (snapshot.latest_trade.price, snapshot.daily_bar.close, snapshot.previous_daily_bar.close) == (
        101.0,
        92.0,
        110.0,
    )


def test_news_comes_in_pages_and_only_what_is_known(later: ExchangeProcess) -> None:
    client = NewsClient(later.key, later.secret, url_override=later.rest_url)
    found = client.get_news(NewsRequest(symbols="BRK.B", sort=Sort.ASC, include_content=False))["news"]
    assert [story.headline for story in found] == [f"Headline {number}" for number in range(120)]
    assert len({story.id for story in found}) == 120
    assert found[0].symbols == ["BRK.B"]
    assert (found[0].updated_at - found[0].created_at) == timedelta(minutes=15)
    newest = client.get_news(NewsRequest(limit=1))["news"][0]
    assert (newest.headline, newest.created_at) == ("Headline 500", newest.updated_at)


def test_alpaca_pys_stream_receives_each_step_of_an_order_in_order(exchange: ExchangeProcess) -> None:
    seen: list[tuple[str, str, float | None]] = []
    filled = threading.Event()

    async def remember(update: object) -> None:
        seen.append((update.event, update.order.client_order_id, update.price))
        if update.event == "fill":
            filled.set()

    stream = TradingStream(exchange.key, exchange.secret, paper=True, url_override=exchange.stream_url)
    stream.subscribe_trade_updates(remember)
    thread = threading.Thread(target=stream.run, daemon=True)
    thread.start()
    try:
        assert eventually(lambda: exchange.listeners() == 1)
        _trading(exchange).submit_order(_bracket("b1"))
        exchange.advance(at(MARKET, 0, 0.1))
        assert filled.wait(10)
    finally:
        stream.stop()
        thread.join(10)
    mine = [item for item in seen if item[1] == "b1"]
    assert mine == [("accepted", "b1", None), ("new", "b1", None), ("fill", "b1", 100.04)]
    assert not thread.is_alive()
