"""What a request becomes: orders for the record, and what of them goes to work. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from uuid import UUID, uuid5

from tenthman.domain.order import OrderStatus, OrderType, Side, TimeInForce, payout_order_id
from tenthman.exchange.book import Resting, Trail, tick
from tenthman.exchange.orders import ExchangeOrder, OrderRequest
from tenthman.exchange.register import NAMES

_CHEAP = Decimal(50)
_NOTHING = Decimal(0)
_AT = {TimeInForce.OPG: 0.0, TimeInForce.CLS: 1.0}
_NINE_PLACES = Decimal("0.000000001")


def shares(request: OrderRequest, price: Decimal | None) -> Decimal:
    """The shares asked for; of a notional order those that its USD buy at `price`, rounded down to nine decimals."""
    if request.quantity is not None:
        return request.quantity
    if request.notional is None or price is None:
        raise ValueError("a request without a `quantity` must have a `notional`, and a price must be known")
    return (request.notional / price).quantize(_NINE_PLACES, rounding=ROUND_DOWN)


def collar(stop: Decimal) -> Decimal:
    """The limit that a buy stop gets when it is triggered: 4 % above the stop below 50 USD, else 2.5 %, to the tick."""
    exact = stop * (Decimal("1.04") if stop < _CHEAP else Decimal("1.025"))
    step = tick(exact)
    return exact // step * step


def compose(
    request: OrderRequest,
    number: int,
    status: OrderStatus,
    price: Decimal | None,
    at: datetime,
    expires: datetime | None,
    names: UUID = NAMES,
) -> tuple[ExchangeOrder, ...]:
    """The order and its legs, target before stop. `number` names an order without a client order id.

    Ids follow from its name within the account's `names`.
    """
    name = f"anonymous/{number}" if request.client_order_id is None else f"named/{request.client_order_id}"
    identity = str(uuid5(names, name))
    entry = ExchangeOrder(
        id=identity,
        client_order_id=request.client_order_id or identity,
        symbol=request.symbol,
        side=request.side,
        order_type=request.order_type,
        time_in_force=request.time_in_force,
        status=status,
        quantity=shares(request, price),
        notional=request.notional,
        filled_quantity=Decimal(0),
        filled_avg_price=None,
        limit_price=request.limit_price,
        stop_price=request.stop_price,
        trail_price=request.trail_price,
        trail_percent=request.trail_percent,
        order_class=request.kind,
        parent_id=None,
        legs=(),
        created_at=at,
        submitted_at=at,
        updated_at=at,
        expires_at=expires,
    )
    legs = []
    if request.take_profit_limit is not None and request.kind != "oco":
        target = _leg(entry, uuid5(names, f"{name}/target"), OrderType.LIMIT)
        legs.append(replace(target, limit_price=request.take_profit_limit))
    if request.stop_loss_stop is not None:
        kind = OrderType.STOP if request.stop_loss_limit is None else OrderType.STOP_LIMIT
        stop = _leg(entry, uuid5(names, f"{name}/stop"), kind)
        legs.append(replace(stop, limit_price=request.stop_loss_limit, stop_price=request.stop_loss_stop))
    return (replace(entry, legs=tuple(leg.id for leg in legs)), *legs) if legs else (entry,)


def _leg(entry: ExchangeOrder, identity: UUID, kind: OrderType) -> ExchangeOrder:
    return replace(
        entry,
        id=str(identity),
        client_order_id=str(uuid5(NAMES, f"{identity}/client")),
        side=Side.SELL,
        order_type=kind,
        status=OrderStatus.HELD,
        limit_price=None,
        stop_price=None,
        parent_id=entry.id,
    )


def at_work(family: Sequence[ExchangeOrder], sequence: int, reserve: Decimal, now: float | None) -> list[Resting]:
    """What goes to work of an order and its legs: the legs wait inside their entry, stop first; an OCO's both work.

    `sequence` is the order's place in order of submission, the legs' follow it. `now` is the fraction of the session,
    None outside hours: immediate orders trade then, or at the opening, or never.
    """
    order, *legs = family
    resting = [resting_of(leg, sequence + place) for place, leg in enumerate(reversed(legs), 1)]
    only_at = _only_at(order.time_in_force, now)
    if order.order_class == "oco":
        first = resting_of(order, sequence, reserve=reserve, only_at=only_at)
        return [replace(first, group=order.id), *resting]
    return [resting_of(order, sequence, reserve=reserve, only_at=only_at, legs=tuple(resting))]


def resting_of(
    order: ExchangeOrder,
    sequence: int,
    *,
    reserve: Decimal = _NOTHING,
    only_at: float | None = None,
    legs: tuple[Resting, ...] = (),
) -> Resting:
    """One order as matching sees it: what is left of it. A buy stop is bounded by its collar."""
    is_trailing = order.order_type is OrderType.TRAILING_STOP
    limit = order.limit_price
    if order.order_type is OrderType.STOP and order.side is Side.BUY and order.stop_price is not None:
        limit = collar(order.stop_price)
    return Resting(
        id=order.id,
        sequence=sequence,
        symbol=order.symbol,
        side=order.side,
        order_type=order.order_type,
        quantity=order.quantity - order.filled_quantity,
        limit_price=limit,
        stop_price=None if is_trailing else order.stop_price,
        trail=Trail(price=order.trail_price, percent=order.trail_percent) if is_trailing else None,
        peak=order.hwm,
        notional=order.notional if order.side is Side.BUY else None,
        whole=order.time_in_force is TimeInForce.FOK,
        group=order.parent_id,
        reserve=reserve,
        only_at=only_at,
        legs=legs,
    )


def payout(symbol: str, quantity: Decimal, at: datetime) -> ExchangeOrder:
    """The exchange's own order that closes a delisted holding; it is filled as soon as it is there."""
    identity = payout_order_id(symbol)
    return ExchangeOrder(
        id=identity,
        client_order_id=identity,
        symbol=symbol,
        side=Side.SELL,
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.DAY,
        status=OrderStatus.NEW,
        quantity=quantity,
        filled_quantity=Decimal(0),
        filled_avg_price=None,
        limit_price=None,
        stop_price=None,
        order_class="simple",
        parent_id=None,
        legs=(),
        created_at=at,
        submitted_at=at,
        updated_at=at,
    )


def _only_at(lasts: TimeInForce, now: float | None) -> float | None:
    if lasts in (TimeInForce.IOC, TimeInForce.FOK):
        return 0.0 if now is None else now
    return _AT.get(lasts)
