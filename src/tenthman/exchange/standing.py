"""What an order may do to the account it is for: cash and shares that must be there, and wash trades. Pure."""

from collections.abc import Iterable
from decimal import ROUND_CEILING, Decimal

from tenthman.domain.order import OrderStatus, OrderType, Side
from tenthman.exchange.composition import collar, shares
from tenthman.exchange.orders import Code, ExchangeOrder, OrderClass, OrderRequest, Refusal

_COLLAR = Decimal("1.04")
_CENT = Decimal("0.01")
_COMPLEX: tuple[OrderClass, ...] = ("bracket", "oco")
_LIMITS = (OrderType.LIMIT, OrderType.STOP_LIMIT)
_WASH = "potential wash trade detected. use complex orders"


def require_cash(cost: Decimal, buying_power: Decimal) -> None:
    """Refusal 403 when a buy would hold back more cash than is free."""
    if cost > buying_power:
        extra = {"buying_power": str(buying_power), "cost_basis": str(cost)}
        raise Refusal(403, Code.FORBIDDEN, "insufficient buying power", extra)


def require_shares(symbol: str, quantity: Decimal, existing: Decimal, held: Decimal) -> None:
    """Refusal 403 when a sell is of more than what is held and not promised to other sells: no short sales."""
    if existing == 0:
        raise Refusal(403, Code.FORBIDDEN, "account is not allowed to short", {"symbol": symbol})
    available = existing - held
    if quantity > available:
        message = f"insufficient qty available for order (requested: {quantity}, available: {available})"
        extra = {
            "available": str(available),
            "existing_qty": str(existing),
            "held_for_orders": str(held),
            "symbol": symbol,
        }
        raise Refusal(403, Code.FORBIDDEN, message, extra)


def require_no_wash(order: OrderRequest | ExchangeOrder, at_work: Iterable[ExchangeOrder]) -> None:
    """Refusal 403 when an order of the other side at work could trade with this one.

    Brackets, OCOs and trailing stops are exempt. A market order or a stop on either side is refused always, limits
    when the buy's is at or above the sell's.
    """
    if _is_exempt(order):
        return
    for other in at_work:
        if other.symbol != order.symbol or other.side is order.side:
            continue
        if other.status is OrderStatus.HELD or _is_exempt(other):
            continue
        if order.order_type not in _LIMITS or other.order_type not in _LIMITS:
            _refuse_wash(other, "opposite side market/stop order exists")
        buy, sell = (order, other) if order.side is Side.BUY else (other, order)
        assert buy.limit_price is not None
        assert sell.limit_price is not None
        if buy.limit_price >= sell.limit_price:
            _refuse_wash(other, "opposite side limit order exists")


def reserve(request: OrderRequest, price: Decimal | None) -> Decimal:
    """USD to hold back for a buy: what it can cost at its limit, or 4 % above the price now. Refusal 422 without one.

    A buy stop is bounded by its collar; a trailing stop counts 4 % above where it would stand now.
    """
    if request.notional is not None:
        return request.notional
    quantity = shares(request, price)
    if request.limit_price is not None:
        return request.limit_price * quantity
    if request.stop_price is not None:
        return (collar(request.stop_price) * quantity).quantize(_CENT, rounding=ROUND_CEILING)
    if price is None:
        raise Refusal(422, Code.RULE, f"no price is known for {request.symbol}")
    basis = price + (request.trail_price or price * (request.trail_percent or 0) / 100)
    return (basis * _COLLAR * quantity).quantize(_CENT, rounding=ROUND_CEILING)


def _is_exempt(order: OrderRequest | ExchangeOrder) -> bool:
    kind = order.kind if isinstance(order, OrderRequest) else order.order_class
    return kind in _COMPLEX or order.order_type is OrderType.TRAILING_STOP


def _refuse_wash(other: ExchangeOrder, reason: str) -> None:
    raise Refusal(403, Code.FORBIDDEN, _WASH, {"existing_order_id": other.id, "reject_reason": reason})
