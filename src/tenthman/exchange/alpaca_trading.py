"""The trading half of the wire: orders, clock and calendar.

Each handler answers one call on the exchange, and raises Refusal to say no.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from tenthman.domain.market import NEW_YORK, SessionHours
from tenthman.domain.order import OrderStatus
from tenthman.exchange import alpaca_requests as ask
from tenthman.exchange import alpaca_wire as wire
from tenthman.exchange.alpaca_wire import Json
from tenthman.exchange.market import ReplayExchange
from tenthman.exchange.orders import ExchangeOrder

_LOOK_BACK = timedelta(days=30)
_WAITING = (OrderStatus.HELD, OrderStatus.PENDING_CANCEL, OrderStatus.PENDING_REPLACE)
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
    return Reply(body=[told(exchange, order, nested=nested) for order in page])


def post_order(exchange: ReplayExchange, call: Call) -> Reply:
    """POST /v2/orders; the answer shows a bracket's legs."""
    order = exchange.submit(ask.read_order_request(call.body))
    return Reply(body=told(exchange, order, nested=True))


def delete_orders(exchange: ReplayExchange, _: Call) -> Reply:
    """DELETE /v2/orders: every open order and bracket."""
    return Reply(status=207, body=[{"id": order_id, "status": 200} for order_id in cancel_all(exchange)])


def cancel_all(exchange: ReplayExchange) -> list[str]:
    """Cancel every open order and bracket; the ids that were asked for, a bracket by its first open member.

    What waits for a change already is left to it, and so is a leg that waits for its entry or its target.
    """
    cancelled = []
    for order in exchange.orders("open"):
        status = exchange.order(order.id).status
        if not status.is_final and status not in _WAITING:
            exchange.cancel(order.id)
            cancelled.append(order.id)
    return cancelled


def get_order(exchange: ReplayExchange, call: Call) -> Reply:
    """GET /v2/orders/{order_id}."""
    order = exchange.order(ask.read_uuid("order_id", call.path["order_id"]))
    return Reply(body=told(exchange, order, nested=ask.read_flag(call.query, "nested")))


def get_order_by_client_id(exchange: ReplayExchange, call: Call) -> Reply:
    """GET /v2/orders:by_client_order_id, never nested."""
    return Reply(body=told(exchange, exchange.order_by_client_id(call.query.get("client_order_id", "")), nested=False))


def delete_order(exchange: ReplayExchange, call: Call) -> Reply:
    """DELETE /v2/orders/{order_id}."""
    exchange.cancel(ask.read_uuid("order_id", call.path["order_id"]))
    return Reply(status=204)


def patch_order(exchange: ReplayExchange, call: Call) -> Reply:
    """PATCH /v2/orders/{order_id}: the answer is the order that takes its place, under a new id."""
    order_id = ask.read_uuid("order_id", call.path["order_id"])
    return Reply(body=told(exchange, exchange.replace(order_id, ask.read_replacement(call.body)), nested=True))


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
    is_within = window(query)

    def is_wanted(order: ExchangeOrder) -> bool:
        return (
            is_stock
            and (not symbols or order.symbol in symbols)
            and side in ("", order.side.value)
            and is_within(order.submitted_at)
        )

    return is_wanted


def window(query: Mapping[str, str]) -> Callable[[datetime], bool]:
    """Whether an instant lies between `after` and `until`, neither included, and on `date`."""
    after, until = ask.read_instant(query, "after"), ask.read_instant(query, "until")
    day = ask.read_date(query, "date")

    def is_within(at: datetime) -> bool:
        return (
            (after is None or at > after)
            and (until is None or at < until)
            and (day is None or at.astimezone(NEW_YORK).date() == day)
        )

    return is_within


def _page(orders: list[ExchangeOrder], query: Mapping[str, str], *, ascending: bool) -> list[ExchangeOrder]:
    places = {order.id: place for place, order in enumerate(orders)}
    for name, is_start in (("after_order_id", ascending), ("before_order_id", not ascending)):
        place = places.get(query.get(name, ""))
        if place is not None:
            orders = orders[place + 1 :] if is_start else orders[:place]
    return orders


def told(exchange: ReplayExchange, order: ExchangeOrder, *, nested: bool) -> Json:
    """An order as the wire spells it, with its legs where it is asked for nested."""
    legs = [wire.order_body(exchange.order(leg), None) for leg in order.legs] if nested and order.legs else None
    return wire.order_body(order, legs)
