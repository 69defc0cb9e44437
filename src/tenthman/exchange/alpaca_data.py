"""The market-data half of the wire but for historical bars: the latest of each, corporate actions, news."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np

from tenthman.domain.market import NEW_YORK
from tenthman.exchange import alpaca_prices as prices
from tenthman.exchange import alpaca_requests as ask
from tenthman.exchange import alpaca_wire as wire
from tenthman.exchange import intraday
from tenthman.exchange.alpaca_pages import page_after
from tenthman.exchange.alpaca_trading import Call, Reply
from tenthman.exchange.alpaca_wire import Json
from tenthman.exchange.market import ReplayExchange
from tenthman.utils.symbols import to_wire

_LOOK_BACK = timedelta(days=14)


def get_latest_bars(exchange: ReplayExchange, call: Call) -> Reply:
    """GET /v2/stocks/bars/latest: the last complete minute."""
    return Reply(body={"bars": _latest(_asked(call.query), _minute_of(exchange))})


def get_latest_quotes(exchange: ReplayExchange, call: Call) -> Reply:
    """GET /v2/stocks/quotes/latest."""
    return Reply(body={"quotes": _latest(_asked(call.query), _price_of(exchange, prices.quote_body))})


def get_latest_trades(exchange: ReplayExchange, call: Call) -> Reply:
    """GET /v2/stocks/trades/latest."""
    return Reply(body={"trades": _latest(_asked(call.query), _price_of(exchange, prices.trade_body))})


def get_snapshots(exchange: ReplayExchange, call: Call) -> Reply:
    """GET /v2/stocks/snapshots; the daily bars are the last two complete ones."""
    return Reply(body=_latest(_asked(call.query), _snapshot_of(exchange)))


def get_symbol_latest_bar(exchange: ReplayExchange, call: Call) -> Reply:
    """GET /v2/stocks/{symbol}/bars/latest."""
    return _single(call, "bar", _minute_of(exchange))


def get_symbol_latest_quote(exchange: ReplayExchange, call: Call) -> Reply:
    """GET /v2/stocks/{symbol}/quotes/latest."""
    return _single(call, "quote", _price_of(exchange, prices.quote_body))


def get_symbol_latest_trade(exchange: ReplayExchange, call: Call) -> Reply:
    """GET /v2/stocks/{symbol}/trades/latest."""
    return _single(call, "trade", _price_of(exchange, prices.trade_body))


def get_symbol_snapshot(exchange: ReplayExchange, call: Call) -> Reply:
    """GET /v2/stocks/{symbol}/snapshot."""
    symbol = ask.read_symbol(call.path["symbol"])
    return Reply(body={"symbol": to_wire(symbol), **_found(symbol, _snapshot_of(exchange))})


def get_corporate_actions(exchange: ReplayExchange, call: Call) -> Reply:
    """GET /v1/corporate-actions: dividends that the market knows, splits and renames on command, from their days on."""
    query = call.query
    limit = ask.read_whole(query, "limit", default=100, most=1000)
    today = exchange.now.astimezone(NEW_YORK).date()
    ids = frozenset(filter(None, query.get("ids", "").split(",")))
    if ids and any(query.get(name) for name in ("symbols", "types", "start", "end")):
        raise ask.bad_data_request("ids must not be given together with symbols, types, start or end")
    first = date.min if ids else ask.read_date(query, "start") or today
    last = min(today if ids else ask.read_date(query, "end") or today, today)
    kinds = frozenset(filter(None, query.get("types", "").split(",")))
    wanted = frozenset(ask.read_symbols(query.get("symbols")))
    rows = [
        (kind, body)
        for kind, symbol, body in _actions(exchange, first, last)
        if (not kinds or kind in kinds) and (not wanted or symbol in wanted) and (not ids or body["id"] in ids)
    ]
    if ask.read_option(query, "sort", ("asc", "desc")) == "desc":
        rows.reverse()
    page, token = page_after(rows, query.get("page_token", ""), limit, lambda row: str(row[1]["id"]))
    found: dict[str, list[Json]] = {}
    for kind, body in page:
        found.setdefault(f"{kind}s", []).append(body)
    return Reply(body={"corporate_actions": found, "next_page_token": token})


def get_news(exchange: ReplayExchange, call: Call) -> Reply:
    """GET /v1beta1/news: by the time of becoming known, which is served as `updated_at`."""
    query = call.query
    limit = ask.read_whole(query, "limit", default=10, most=50)
    found = exchange.news(
        ask.read_instant(query, "start"), ask.read_instant(query, "end"), ask.read_symbols(query.get("symbols"))
    )
    if ask.read_flag(query, "exclude_contentless"):
        found = []
    if ask.read_option(query, "sort", ("desc", "asc")) == "desc":
        found.reverse()
    page, token = page_after(found, query.get("page_token", ""), limit, lambda item: item.id)
    return Reply(body={"news": [wire.story_body(item) for item in page], "next_page_token": token})


def _asked(query: Mapping[str, str]) -> tuple[str, ...]:
    symbols = ask.read_symbols(query.get("symbols"))
    if not symbols:
        raise ask.bad_data_request("symbols are required")
    return symbols


def _latest(symbols: tuple[str, ...], read: Callable[[str], Json | None]) -> dict[str, Json]:
    found = ((symbol, read(symbol)) for symbol in symbols)
    return {to_wire(symbol): body for symbol, body in found if body is not None}


def _single(call: Call, name: str, read: Callable[[str], Json | None]) -> Reply:
    symbol = ask.read_symbol(call.path["symbol"])
    return Reply(body={"symbol": to_wire(symbol), name: _found(symbol, read)})


def _found(symbol: str, read: Callable[[str], Json | None]) -> Json:
    body = read(symbol)
    if body is None:
        raise ask.bad_data_request(f"no data is known for {to_wire(symbol)}")
    return body


def _price_of(exchange: ReplayExchange, shape: Callable[[Decimal, datetime], Json]) -> Callable[[str], Json | None]:
    def read(symbol: str) -> Json | None:
        price = exchange.price(symbol)
        return None if price is None else shape(price, exchange.now)

    return read


def _minute_of(exchange: ReplayExchange) -> Callable[[str], Json | None]:
    def read(symbol: str) -> Json | None:
        bar = intraday.latest_minute(exchange, symbol)
        return None if bar is None else prices.bar_body(bar)

    return read


def _snapshot_of(exchange: ReplayExchange) -> Callable[[str], Json | None]:
    today = exchange.now.astimezone(NEW_YORK).date()

    def read(symbol: str) -> Json | None:
        price = exchange.price(symbol)
        if price is None:
            return None
        days = [prices.bar_body(bar) for bar in intraday.daily_bars(exchange, symbol, today - _LOOK_BACK, today)[-2:]]
        minute = intraday.latest_minute(exchange, symbol)
        parts: dict[str, Json | None] = {
            "latestTrade": prices.trade_body(price, exchange.now),
            "latestQuote": prices.quote_body(price, exchange.now),
            "minuteBar": None if minute is None else prices.bar_body(minute),
            "dailyBar": days[-1] if days else None,
            "prevDailyBar": days[-2] if len(days) > 1 else None,
        }
        return {name: part for name, part in parts.items() if part is not None}

    return read


def _actions(exchange: ReplayExchange, first: date, last: date) -> list[tuple[str, str, Json]]:
    """Kind, symbol and body of what happened in the sessions `first`..`last`, by date, dividends first."""
    dated = [
        (session, ("cash_dividend", symbol, prices.cash_dividend_body(symbol, session, per_share)))
        for symbol, session, per_share in _dividends_gone_ex(exchange, first, last)
    ]
    for split in exchange.splits():
        if first <= split.session <= last:
            kind = "forward_split" if split.new_rate > split.old_rate else "reverse_split"
            dated.append((split.session, (kind, split.symbol, prices.split_body(split))))
    dated += [
        (change.session, ("name_change", change.symbol, prices.name_change_body(change)))
        for change in exchange.symbol_changes()
        if first <= change.session <= last
    ]
    return [action for _, action in sorted(dated, key=lambda item: (item[0], item[1][:2]))]


def _dividends_gone_ex(exchange: ReplayExchange, first: date, last: date) -> Iterator[tuple[str, date, float]]:
    """Symbol, ex-date and USD a share of the dividends of the sessions `first`..`last` that have opened, by date."""
    panel, amounts = exchange.market.panel, exchange.market.dividends
    if amounts is None or first > last:
        return
    sessions = panel.sessions
    low = int(np.searchsorted(sessions, np.datetime64(first, "D")))
    high = int(np.searchsorted(sessions, np.datetime64(last, "D"), side="right"))
    for row in range(low, high):
        hours = exchange.market.hours[row]
        if hours.open_at > exchange.now:
            return
        for column in np.flatnonzero(amounts[row]):
            yield panel.tickers[column], hours.session, float(amounts[row, column])
