"""Replacing an order: what may change of it, and the order that takes its place. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from fractions import Fraction
from uuid import uuid5

from tenthman.domain.order import OrderStatus, OrderType, Side, TimeInForce
from tenthman.domain.shares import split_quantity
from tenthman.exchange.admission import require_name, require_percent, require_price
from tenthman.exchange.book import tick
from tenthman.exchange.orders import Code, ExchangeOrder, Refusal, Replacement
from tenthman.exchange.register import NAMES

_TOO_EARLY = (OrderStatus.ACCEPTED, OrderStatus.PENDING_NEW, OrderStatus.PENDING_CANCEL, OrderStatus.PENDING_REPLACE)
_LIMITS = (OrderType.LIMIT, OrderType.STOP_LIMIT)
_STOPS = (OrderType.STOP, OrderType.STOP_LIMIT)
_CENT = Decimal("0.01")
_LASTING = (TimeInForce.DAY, TimeInForce.GTC)


def require_replaceable(order: ExchangeOrder, change: Replacement) -> None:
    """Refusal 422 unless the order is in a state to be replaced and `change` holds what may change of its kind."""
    if order.status.is_final or order.status in _TOO_EARLY:
        raise Refusal(422, Code.RULE, f'cannot replace order in "{order.status.value}" state', {"id": order.id})
    if order.notional is not None:
        raise Refusal(422, Code.RULE, "notional orders cannot be replaced")
    require_name(change.client_order_id)
    _require_known(order, change)
    require_price("limit_price", change.limit_price)
    require_price("stop_price", change.stop_price)
    if order.trail_percent is None:
        require_price("trail", change.trail)
    else:
        require_percent(change.trail)
    _require_quantity(order, change.quantity)
    if order.order_class != "simple" and (change.quantity is not None or change.time_in_force is not None):
        raise Refusal(422, Code.RULE, f"only prices of {order.order_class} orders can be replaced")
    if change.time_in_force not in (None, order.time_in_force, *_LASTING):
        raise Refusal(422, Code.RULE, "time_in_force can be replaced by day or gtc")


def successor(order: ExchangeOrder, change: Replacement, at: datetime, expires: datetime | None) -> ExchangeOrder:
    """The order that is to take the place of `order`: a new id, what is left to fill, and what `change` says."""
    identity = str(uuid5(NAMES, f"{order.id}/replacement"))
    trail = change.trail
    return replace(
        order,
        id=identity,
        client_order_id=change.client_order_id or identity,
        status=OrderStatus.HELD if order.status is OrderStatus.HELD else OrderStatus.PENDING_NEW,
        quantity=left_of(order, change.quantity),
        filled_quantity=Decimal(0),
        filled_avg_price=None,
        time_in_force=change.time_in_force or order.time_in_force,
        limit_price=_or(change.limit_price, order.limit_price),
        stop_price=_or(change.stop_price, order.stop_price),
        trail_price=_or(trail, order.trail_price) if order.trail_price is not None else None,
        trail_percent=_or(trail, order.trail_percent) if order.trail_percent is not None else None,
        created_at=at,
        submitted_at=at,
        updated_at=at,
        expires_at=expires,
        replaces=order.id,
    )


def split_change(order: ExchangeOrder, ratio: Fraction) -> Replacement:
    """What a split into `ratio` shares for one makes of a limit order: its price to the tick, whole shares of the rest.

    The price is rounded against the order's side, so that it is worth no more than before.
    """
    assert order.limit_price is not None
    exact = order.limit_price * ratio.denominator / ratio.numerator
    step = tick(exact)
    price = (exact / step).to_integral_value(rounding=ROUND_FLOOR if order.side is Side.BUY else ROUND_CEILING) * step
    left = split_quantity(order.quantity - order.filled_quantity, ratio).to_integral_value(rounding=ROUND_FLOOR)
    return Replacement(quantity=left + order.filled_quantity, limit_price=price)


def left_of(order: ExchangeOrder, quantity: Decimal | None) -> Decimal:
    """What a replacement of all in all `quantity` shares (None: as before) has left to fill; may be nothing."""
    return (order.quantity if quantity is None else quantity) - order.filled_quantity


def require_fitting(head: ExchangeOrder, legs: Sequence[ExchangeOrder]) -> None:
    """Refusal 422 unless the stop of a family lies below its target, and an entry that waits between the two."""
    targets = [order.limit_price for order in (*legs, *_own_target(head)) if order.stop_price is None]
    stops = [order.stop_price for order in legs if order.stop_price is not None]
    base = head.limit_price if head.limit_price is not None else head.stop_price
    for target in targets:
        if target is None:
            continue
        if any(target <= stop for stop in stops):
            raise Refusal(422, Code.RULE, "take_profit.limit_price must be > stop_loss.stop_price")
        if _is_waiting_entry(head) and base is not None and target < base + _CENT:
            raise Refusal(422, Code.RULE, "take_profit.limit_price must be >= base_price + 0.01")
    if _is_waiting_entry(head) and base is not None and any(stop > base - _CENT for stop in stops):
        raise Refusal(422, Code.RULE, "stop_loss.stop_price must be <= base_price - 0.01")


def _own_target(head: ExchangeOrder) -> tuple[ExchangeOrder, ...]:
    return (head,) if head.order_class == "oco" else ()


def _is_waiting_entry(head: ExchangeOrder) -> bool:
    return head.order_class in ("bracket", "oto") and not head.status.is_final


def _require_known(order: ExchangeOrder, change: Replacement) -> None:
    kind = order.order_type
    uses = (
        ("limit_price", change.limit_price, kind in _LIMITS),
        ("stop_price", change.stop_price, kind in _STOPS),
        ("trail", change.trail, kind is OrderType.TRAILING_STOP),
    )
    for name, value, is_used in uses:
        if value is not None and not is_used:
            raise Refusal(422, Code.INVALID, f"{kind.value} orders have no {name} to replace")
    changes = (change.quantity, change.time_in_force, change.limit_price, change.stop_price, change.trail)
    if all(value is None for value in (*changes, change.client_order_id)):
        raise Refusal(422, Code.INVALID, "order parameters are not changed")


def _require_quantity(order: ExchangeOrder, quantity: Decimal | None) -> None:
    if quantity is None:
        return
    if not quantity.is_finite() or quantity <= 0:
        raise Refusal(422, Code.INVALID, "qty must be > 0")
    if quantity % 1 != 0 or order.quantity % 1 != 0:
        raise Refusal(422, Code.RULE, "qty of fractional orders cannot be replaced")
    if quantity <= order.filled_quantity:
        raise Refusal(422, Code.RULE, f"qty must be > filled_qty {order.filled_quantity}")


def _or(new: Decimal | None, old: Decimal | None) -> Decimal | None:
    return old if new is None else new
