"""The market-data half of the wire: daily bars, last trades and quotes, snapshots and news, never of the future."""

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal

from tenthman.domain.market import Bar
from tenthman.exchange import alpaca_requests as ask
from tenthman.exchange import alpaca_wire as wire
from tenthman.exchange.alpaca_trading import Call, Reply
from tenthman.exchange.alpaca_wire import Json
from tenthman.exchange.market import ReplayExchange
from tenthman.utils.symbols import to_wire

_MOST_BARS = 10_000
_LOOK_BACK = timedelta(days=14)


def get_bars(exchange: ReplayExchange, call: Call) -> Reply:
    """GET /v2/stocks/bars: by symbol, then by time; `limit` counts the bars of all symbols together."""
    rows, token = _bar_page(exchange, ask.read_symbols(call.query.get("symbols")), call.query)
    bars: dict[str, list[Json]] = {}
    for bar in rows:
        bars.setdefault(to_wire(bar.ticker), []).append(wire.bar_body(bar))
    return Reply(body={"bars": bars, "next_page_token": token})


def get_symbol_bars(exchange: ReplayExchange, call: Call) -> Reply:
    """GET /v2/stocks/{symbol}/bars."""
    symbol = ask.read_symbol(call.path["symbol"])
    rows, token = _bar_page(exchange, (symbol,), call.query)
    return Reply(
        body={"symbol": to_wire(symbol), "bars": [wire.bar_body(bar) for bar in rows], "next_page_token": token}
    )


def get_latest_quotes(exchange: ReplayExchange, call: Call) -> Reply:
    """GET /v2/stocks/quotes/latest."""
    return Reply(body={"quotes": _latest(exchange, call.query, wire.quote_body)})


def get_latest_trades(exchange: ReplayExchange, call: Call) -> Reply:
    """GET /v2/stocks/trades/latest."""
    return Reply(body={"trades": _latest(exchange, call.query, wire.trade_body)})


def get_snapshots(exchange: ReplayExchange, call: Call) -> Reply:
    """GET /v2/stocks/snapshots; the daily bars are the last two complete ones."""
    trades = _latest(exchange, call.query, wire.trade_body)
    quotes = _latest(exchange, call.query, wire.quote_body)
    today = exchange.now.astimezone(wire.NEW_YORK).date()
    body = {}
    for symbol in ask.read_symbols(call.query.get("symbols")):
        name = to_wire(symbol)
        if name in trades:
            bars = [wire.bar_body(bar) for bar in exchange.bars(symbol, today - _LOOK_BACK, today)]
            body[name] = {
                "latestTrade": trades[name],
                "latestQuote": quotes[name],
                "minuteBar": None,
                "dailyBar": bars[-1] if bars else None,
                "prevDailyBar": bars[-2] if len(bars) > 1 else None,
            }
    return Reply(body=body)


def get_news(exchange: ReplayExchange, call: Call) -> Reply:
    """GET /v1beta1/news: by the time of becoming known, which is served as `updated_at`."""
    query = call.query
    limit = ask.read_whole(query, "limit", default=10, most=50)
    found = exchange.news(
        ask.read_instant(query, "start"), ask.read_instant(query, "end"), ask.read_symbols(query.get("symbols"))
    )
    if ask.read_option(query, "sort", ("desc", "asc")) == "desc":
        found.reverse()
    begin = 0
    token = query.get("page_token", "")
    if token:
        last = _open_token(token)
        place = next((place for place, item in enumerate(found) if item.id == last), None)
        if place is None:
            raise ask.invalid("page_token is not one of this query")
        begin = place + 1
    page = found[begin : begin + limit]
    more = _seal_token(page[-1].id) if begin + limit < len(found) else None
    return Reply(body={"news": [wire.story_body(item) for item in page], "next_page_token": more})


def _bar_page(
    exchange: ReplayExchange, symbols: tuple[str, ...], query: Mapping[str, str]
) -> tuple[list[Bar], str | None]:
    if not symbols:
        raise ask.bad_data_request("symbols are required")
    if query.get("timeframe", "") not in ("1Day", "1D", "Day"):
        raise ask.bad_data_request("timeframe must be 1Day: this exchange has daily bars only")
    limit = ask.read_whole(query, "limit", default=1000, most=_MOST_BARS)
    newest_first = ask.read_option(query, "sort", ("asc", "desc")) == "desc"
    first, last = _sessions(exchange, query)
    start_at, done = _bar_token(query.get("page_token", ""))
    page: list[Bar] = []
    for symbol in sorted(symbols):
        if symbol < start_at:
            continue
        rows = exchange.bars(symbol, first, last) if first <= last else []
        if newest_first:
            rows.reverse()
        if symbol == start_at:
            rows = [bar for bar in rows if (bar.session < done if newest_first else bar.session > done)]
        page.extend(rows[: limit + 1 - len(page)])
        if len(page) > limit:
            end = page[limit - 1]
            return page[:limit], _seal_token(f"{end.ticker}|{end.session.isoformat()}")
    return page, None


def _sessions(exchange: ReplayExchange, query: Mapping[str, str]) -> tuple[date, date]:
    """First and last date whose midnight in New York lies in `start`..`end`."""
    today = exchange.now.astimezone(wire.NEW_YORK).date()
    start = ask.read_instant(query, "start") or wire.midnight(today)
    end = min(ask.read_instant(query, "end") or exchange.now, exchange.now)
    first = start.astimezone(wire.NEW_YORK).date()
    if wire.midnight(first) < start:
        first += timedelta(days=1)
    return first, end.astimezone(wire.NEW_YORK).date()


def _latest(
    exchange: ReplayExchange, query: Mapping[str, str], shape: Callable[[Decimal, datetime], Json]
) -> dict[str, Json]:
    symbols = ask.read_symbols(query.get("symbols"))
    if not symbols:
        raise ask.bad_data_request("symbols are required")
    prices = ((symbol, exchange.price(symbol)) for symbol in symbols)
    return {to_wire(symbol): shape(price, exchange.now) for symbol, price in prices if price is not None}


def _bar_token(token: str) -> tuple[str, date]:
    if not token:
        return "", date.min
    symbol, _, session = _open_token(token).partition("|")
    try:
        return symbol, date.fromisoformat(session)
    except ValueError:
        raise ask.invalid("page_token is not one of this query") from None


def _seal_token(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


def _open_token(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token.encode()).decode()
    except (ValueError, binascii.Error):
        raise ask.invalid("page_token is not one of this query") from None
