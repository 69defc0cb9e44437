"""How long orders last. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta

from tenthman.domain.market import NEW_YORK
from tenthman.domain.order import TimeInForce
from tenthman.exchange.orders import ExchangeOrder
from tenthman.exchange.sessions import Timetable

_AFTER_CLOSE = time(16, 15)
"""When orders good till cancelled expire on their last day, New York time."""


def expiry(lasts: TimeInForce, now: datetime, timetable: Timetable, gtc_days: int | None) -> datetime | None:
    """When an order sent `now` ends by itself: at a close, or at 16:15 after `gtc_days`; None: never."""
    if lasts is not TimeInForce.GTC:
        row = timetable.closed_by(now)
        return timetable.hours[row].close_at if row < len(timetable.hours) else None
    if gtc_days is None:
        return None
    day = now.astimezone(NEW_YORK).date() + timedelta(days=gtc_days)
    return datetime.combine(day, _AFTER_CLOSE, NEW_YORK).astimezone(UTC)


def overdue(orders: Iterable[ExchangeOrder], until: datetime) -> list[tuple[datetime, str]]:
    """When and which of `orders` that are good till cancelled end up to `until`, in order of time."""
    lasting = [(order.expires_at, order.id) for order in orders if order.time_in_force is TimeInForce.GTC]
    return sorted((at, name) for at, name in lasting if at is not None and at <= until)
