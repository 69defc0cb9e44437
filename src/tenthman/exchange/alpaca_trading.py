"""The trading half of the wire: account, orders, positions, assets, activities, clock and calendar.

Each handler answers one call on the exchange, and raises Refusal to say no.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_DOWN, Decimal

from tenthman.domain.market import Listing, SessionHours
from tenthman.domain.order import BrokerPosition, Fill, OrderStatus, OrderType, Side, TimeInForce
from tenthman.exchange import alpaca_requests as ask
from tenthman.exchange import alpaca_wire as wire
from tenthman.exchange.alpaca_wire import Json
from tenthman.exchange.market import ReplayExchange
from tenthman.exchange.orders import Code, ExchangeOrder, OrderRequest, Refusal

_LOOK_BACK = timedelta(days=30)
_NINE_PLACES = Decimal("0.000000001")
_T1_SINCE = date(2024, 5, 28)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a client sent: the names in the path, the query, and the JSON body."""

    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What it gets; `body` None is an empty body."""

    status: int = 200
    body: object = None


def get_account(exchange: ReplayExchange, _: Call) -> Reply:
    """GET /v2/account."""
    return Reply(body=wire.account_body(exchange.account(), exchange.now, exchange.market.hours[0].open_at))


def get_clock(exchange: ReplayExchange, _: Call) -> Reply:
    """GET /v2/clock."""
    return Reply(body=wire.clock_body(exchange.clock()))


def get_calendar(exchange: ReplayExchange, call: Call) -> Reply:
    """GET /v2/calendar: sessions of the market's own calendar, past and future."""
    first = ask.read_date(call.query, "start") or date.min
    last = ask.read_date(call.query, "end") or date.max
    sessions = exchange.calendar(first, last)
    if not sessions:
        return Reply(body=[])
    following = exchange.calendar(sessions[0].session, min(last, date.max - _LOOK_BACK) + _LOOK_BACK)
    return Reply(body=[wire.calendar_row(hours, _settlement(following, place)) for place, hours in enumerate(sessions)])


def get_orders(exchange: ReplayExchange, call: Call) -> Reply:
    """GET /v2/orders. Nested, a bracket is open as long as a member of it is; flat, a waiting stop is not listed."""
    query = call.query
    status = ask.read_option(query, "status", ("open", "closed", "all"))
    limit = ask.read_whole(query, "limit", default=50, most=500)
    ascending = ask.read_option(query, "direction", ("desc", "asc")) == "asc"
    nested = ask.read_flag(query, "nested")
    chosen = _choose_nested(exchange, status) if nested else _choose_flat(exchange, status)
    is_wanted = _order_filter(query)
    chosen = [order for order in chosen if is_wanted(order)]
    if not ascending:
        chosen.reverse()
    page = _page(chosen, query, ascending=ascending)[:limit]
    return Reply(body=[_told(exchange, order, nested=nested) for order in page])


def post_order(exchange: ReplayExchange, call: Call) -> Reply:
    """POST /v2/orders; the answer shows a bracket's legs."""
    order = exchange.submit(ask.read_order_request(call.body))
    return Reply(body=_told(exchange, order, nested=True))


def delete_orders(exchange: ReplayExchange, _: Call) -> Reply:
    """DELETE /v2/orders: every open order and bracket."""
    rows = []
    for order in exchange.orders("open"):
        if not exchange.order(order.id).status.is_final:
            exchange.cancel(order.id)
            rows.append({"id": order.id, "status": 200})
    return Reply(status=207, body=rows)


def get_order(exchange: ReplayExchange, call: Call) -> Reply:
    """GET /v2/orders/{order_id}."""
    order = exchange.order(ask.read_uuid("order_id", call.path["order_id"]))
    return Reply(body=_told(exchange, order, nested=ask.read_flag(call.query, "nested")))


def get_order_by_client_id(exchange: ReplayExchange, call: Call) -> Reply:
    """GET /v2/orders:by_client_order_id, never nested."""
    return Reply(body=_told(exchange, exchange.order_by_client_id(call.query.get("client_order_id", "")), nested=False))


def delete_order(exchange: ReplayExchange, call: Call) -> Reply:
    """DELETE /v2/orders/{order_id}."""
    exchange.cancel(ask.read_uuid("order_id", call.path["order_id"]))
    return Reply(status=204)


def patch_order(exchange: ReplayExchange, call: Call) -> Reply:
    """PATCH /v2/orders/{order_id}: the answer is the order that takes its place, under a new id."""
    order_id = ask.read_uuid("order_id", call.path["order_id"])
    return Reply(body=_told(exchange, exchange.replace(order_id, ask.read_replacement(call.body)), nested=True))


def get_positions(exchange: ReplayExchange, _: Call) -> Reply:
    """GET /v2/positions."""
    return Reply(body=[_position(exchange, position) for position in exchange.positions()])


def get_position(exchange: ReplayExchange, call: Call) -> Reply:
    """GET /v2/positions/{symbol or asset id}."""
    return Reply(body=_position(exchange, _find_position(exchange, call.path["symbol"])))


def delete_position(exchange: ReplayExchange, call: Call) -> Reply:
    """DELETE /v2/positions/{symbol or asset id}: a market sell of all of it, of `qty`, or of `percentage`."""
    position = _find_position(exchange, call.path["symbol"])
    quantity = ask.read_number("qty", call.query.get("qty"))
    percentage = ask.read_number("percentage", call.query.get("percentage"))
    if quantity is not None and percentage is not None:
        raise ask.invalid("qty and percentage cannot both be given")
    if percentage is not None:
        if not 0 < percentage <= 100:
            raise ask.invalid(f"percentage must lie in 0..100, was {percentage}")
        quantity = (position.quantity * percentage / 100).quantize(_NINE_PLACES, rounding=ROUND_DOWN).normalize()
    order = exchange.submit(
        OrderRequest(
            symbol=position.ticker,
            side=Side.SELL,
            quantity=position.quantity if quantity is None else quantity,
            order_type=OrderType.MARKET,
            time_in_force=TimeInForce.DAY,
        )
    )
    return Reply(body=_told(exchange, order, nested=False))


def get_assets(exchange: ReplayExchange, call: Call) -> Reply:
    """GET /v2/assets: what the market has prices of, inactive once it is delisted; without `status`, what is active."""
    query = call.query
    status = query.get("status", "active") or "active"
    if query.get("asset_class", "us_equity") not in ("us_equity", ""):
        return Reply(body=[])
    listings = _listings(exchange)
    symbols = sorted(exchange.market.panel.tickers)
    rows = [
        wire.asset_body(symbol, listings.get(symbol), tradable=not exchange.is_delisted(symbol)) for symbol in symbols
    ]
    return Reply(body=[row for row in rows if row["status"] == status])


def get_asset(exchange: ReplayExchange, call: Call) -> Reply:
    """GET /v2/assets/{symbol or asset id}."""
    symbol = _resolve(exchange, call.path["symbol"])
    if symbol is None:
        raise Refusal(404, Code.NOT_FOUND, "asset not found")
    tradable = not exchange.is_delisted(symbol)
    return Reply(body=wire.asset_body(symbol, _listings(exchange).get(symbol), tradable=tradable))


def get_activities(exchange: ReplayExchange, call: Call) -> Reply:
    """GET /v2/account/activities[/{type}]: fills and dividends; the exchange has no other activity."""
    query = call.query
    kinds = (call.path.get("kind") or query.get("activity_types", "")).upper()
    size = ask.read_whole(query, "page_size", default=100, most=100)
    is_within = _window(query)
    found: list[tuple[datetime, Json]] = []
    if _wants(kinds, query, "DIV", "non_trade_activity"):
        found += [(payment.paid_at, wire.dividend_body(payment)) for payment in exchange.dividends()]
    if _wants(kinds, query, "FILL", "trade_activity"):
        found += [(fill.filled_at, row) for fill, row in _fill_rows(exchange)]
    rows = [row for at, row in sorted(found, key=lambda item: item[0]) if is_within(at)]
    if ask.read_option(query, "direction", ("desc", "asc")) == "desc":
        rows.reverse()
    return Reply(body=_rows_after(rows, query.get("page_token", ""))[:size])


def _settlement(following: Sequence[SessionHours], place: int) -> date:
    days = 1 if following[place].session >= _T1_SINCE else 2
    if place + days < len(following):
        return following[place + days].session
    return following[-1].session


def _choose_flat(exchange: ReplayExchange, status: str) -> list[ExchangeOrder]:
    orders = exchange.orders(status)
    return [order for order in orders if order.status is not OrderStatus.HELD] if status == "open" else orders


def _choose_nested(exchange: ReplayExchange, status: str) -> list[ExchangeOrder]:
    if status == "all":
        return [order for order in exchange.orders() if order.parent_id is None]
    heads = dict.fromkeys(order.parent_id or order.id for order in exchange.orders("open"))
    if status == "open":
        return [exchange.order(head) for head in heads]
    return [order for order in exchange.orders("closed") if order.parent_id is None and order.id not in heads]


def _order_filter(query: Mapping[str, str]) -> Callable[[ExchangeOrder], bool]:
    symbols = ask.read_symbols(query.get("symbols"))
    side = ask.read_option(query, "side", ("", "buy", "sell"))
    is_stock = query.get("asset_class", "us_equity") in ("us_equity", "")
    is_within = _window(query)

    def is_wanted(order: ExchangeOrder) -> bool:
        return (
            is_stock
            and (not symbols or order.symbol in symbols)
            and side in ("", order.side.value)
            and is_within(order.submitted_at)
        )

    return is_wanted


def _window(query: Mapping[str, str]) -> Callable[[datetime], bool]:
    """Whether an instant lies between `after` and `until`, neither included, and on `date`."""
    after, until = ask.read_instant(query, "after"), ask.read_instant(query, "until")
    day = ask.read_date(query, "date")

    def is_within(at: datetime) -> bool:
        return (
            (after is None or at > after)
            and (until is None or at < until)
            and (day is None or at.astimezone(wire.NEW_YORK).date() == day)
        )

    return is_within


def _page(orders: list[ExchangeOrder], query: Mapping[str, str], *, ascending: bool) -> list[ExchangeOrder]:
    places = {order.id: place for place, order in enumerate(orders)}
    for name, is_start in (("after_order_id", ascending), ("before_order_id", not ascending)):
        place = places.get(query.get(name, ""))
        if place is not None:
            orders = orders[place + 1 :] if is_start else orders[:place]
    return orders


def _wants(kinds: str, query: Mapping[str, str], kind: str, category: str) -> bool:
    """Whether activities of that kind are asked for: by its name, by its category, or with everything."""
    return (not kinds or kind in kinds.split(",")) and query.get("category", "") in ("", category)


def _rows_after(rows: list[Json], token: str) -> list[Json]:
    if not token:
        return rows
    place = next((place for place, row in enumerate(rows) if row["id"] == token), None)
    if place is None:
        raise ask.invalid("page_token is not the id of an activity")
    return rows[place + 1 :]


def _told(exchange: ReplayExchange, order: ExchangeOrder, *, nested: bool) -> Json:
    legs = [wire.order_body(exchange.order(leg), None) for leg in order.legs] if nested and order.legs else None
    return wire.order_body(order, legs)


def _fill_rows(exchange: ReplayExchange) -> list[tuple[Fill, Json]]:
    filled: dict[str, Decimal] = defaultdict(Decimal)
    rows = []
    for fill in exchange.fills():
        filled[fill.broker_order_id] += fill.quantity
        order = exchange.order(fill.broker_order_id)
        rows.append((fill, wire.fill_body(fill, order, filled[fill.broker_order_id])))
    return rows


def _position(exchange: ReplayExchange, position: BrokerPosition) -> Json:
    today = exchange.now.astimezone(wire.NEW_YORK).date()
    bars = exchange.bars(position.ticker, today - _LOOK_BACK, today - timedelta(days=1))
    last_close = Decimal(repr(bars[-1].close)) if bars else position.avg_entry_price
    return wire.position_body(position, exchange.quantity_available(position.ticker), last_close)


def _find_position(exchange: ReplayExchange, name: str) -> BrokerPosition:
    symbol = _resolve(exchange, name)
    for position in exchange.positions():
        if position.ticker == symbol:
            return position
    raise Refusal(404, Code.NOT_FOUND, "position does not exist")


def _resolve(exchange: ReplayExchange, name: str) -> str | None:
    if len(name) == 36:
        return next((symbol for symbol in exchange.market.panel.tickers if wire.asset_id(symbol) == name), None)
    symbol = ask.read_symbol(name)
    return symbol if symbol in exchange.market.panel.tickers else None


def _listings(exchange: ReplayExchange) -> dict[str, Listing]:
    return {listing.ticker: listing for listing in exchange.market.universe.listings}
