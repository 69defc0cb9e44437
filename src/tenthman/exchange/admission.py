"""Which orders the exchange takes: Alpaca's rules for prices, quantities, brackets, cash and shares. Pure."""

from decimal import ROUND_CEILING, Decimal

from tenthman.domain.order import OrderType, Side, TimeInForce
from tenthman.exchange.matching import tick
from tenthman.exchange.orders import Code, OrderRequest, Refusal

COLLAR = Decimal("1.04")
_CENT = Decimal("0.01")
_LONGEST_ID = 128


def require_well_formed(request: OrderRequest) -> None:
    """Refusal 422 unless quantity, prices, and their combination can make an order."""
    if not request.quantity.is_finite() or request.quantity <= 0:
        raise Refusal(422, Code.INVALID, "qty must be > 0")
    if request.client_order_id is not None and not 0 < len(request.client_order_id) <= _LONGEST_ID:
        raise Refusal(422, Code.INVALID, f"client_order_id must have 1 to {_LONGEST_ID} characters")
    _require_prices(request)
    if request.quantity % 1 != 0:
        _require_fractional_rules(request)


def require_bracket(request: OrderRequest, base: Decimal | None) -> None:
    """Refusal 422 unless a bracket's legs lie on the right sides of `base`: its limit, or the price now."""
    if request.take_profit_limit is None and request.stop_loss_stop is None:
        return
    target, stop = request.take_profit_limit, request.stop_loss_stop
    if target is None or stop is None:
        raise Refusal(422, Code.RULE, "bracket orders require take_profit.limit_price and stop_loss.stop_price")
    if request.side is Side.SELL:
        raise Refusal(422, Code.RULE, "bracket orders must be entry orders")
    if base is None:
        raise Refusal(422, Code.RULE, f"no price is known for {request.symbol}")
    if target <= stop:
        raise Refusal(422, Code.RULE, "take_profit.limit_price must be > stop_loss.stop_price")
    if target < base + _CENT:
        raise Refusal(422, Code.RULE, "take_profit.limit_price must be >= base_price + 0.01", {"base_price": str(base)})
    if stop > base - _CENT:
        raise Refusal(422, Code.RULE, "stop_loss.stop_price must be <= base_price - 0.01", {"base_price": str(base)})


def require_cash(cost: Decimal, buying_power: Decimal) -> None:
    """Refusal 403 when a buy would hold back more cash than is free."""
    if cost > buying_power:
        extra = {"buying_power": str(buying_power), "cost_basis": str(cost)}
        raise Refusal(403, Code.FORBIDDEN, "insufficient buying power", extra)


def require_shares(request: OrderRequest, existing: Decimal, held: Decimal) -> None:
    """Refusal 403 when a sell is of more than what is held and not promised to other sells: no short sales."""
    if existing == 0:
        raise Refusal(403, Code.FORBIDDEN, "account is not allowed to short", {"symbol": request.symbol})
    available = existing - held
    if request.quantity > available:
        message = f"insufficient qty available for order (requested: {request.quantity}, available: {available})"
        extra = {
            "available": str(available),
            "existing_qty": str(existing),
            "held_for_orders": str(held),
            "symbol": request.symbol,
        }
        raise Refusal(403, Code.FORBIDDEN, message, extra)


def reserve(request: OrderRequest, price: Decimal | None) -> Decimal:
    """USD to hold back for a buy: limit x quantity, or 4 % above the stop or the price now. Refusal 422 without one."""
    if request.limit_price is not None:
        return request.limit_price * request.quantity
    basis = request.stop_price if request.stop_price is not None else price
    if basis is None:
        raise Refusal(422, Code.RULE, f"no price is known for {request.symbol}")
    return (basis * COLLAR * request.quantity).quantize(_CENT, rounding=ROUND_CEILING)


def _require_prices(request: OrderRequest) -> None:
    kind = request.order_type
    if (kind is OrderType.LIMIT) != (request.limit_price is not None):
        need = "require" if kind is OrderType.LIMIT else "must not have"
        raise Refusal(422, Code.INVALID, f"{kind.value} orders {need} limit_price")
    if (kind is OrderType.STOP) != (request.stop_price is not None):
        need = "require" if kind is OrderType.STOP else "must not have"
        raise Refusal(422, Code.INVALID, f"{kind.value} orders {need} stop_price")
    _require_tick("limit_price", request.limit_price)
    _require_tick("stop_price", request.stop_price)
    _require_tick("take_profit.limit_price", request.take_profit_limit)
    _require_tick("stop_loss.stop_price", request.stop_loss_stop)


def _require_tick(name: str, price: Decimal | None) -> None:
    if price is None:
        return
    if not price.is_finite() or price <= 0:
        raise Refusal(422, Code.INVALID, f"{name.replace('_', ' ')} must be > 0")
    if price % tick(price) != 0:
        message = f"invalid {name} {price}. sub-penny increment does not fulfill minimum pricing criteria"
        raise Refusal(422, Code.RULE, message)


def _require_fractional_rules(request: OrderRequest) -> None:
    if request.take_profit_limit is not None or request.stop_loss_stop is not None:
        raise Refusal(422, Code.RULE, "fractional orders must be simple orders")
    if request.time_in_force is not TimeInForce.DAY:
        raise Refusal(422, Code.RULE, "fractional orders must be DAY orders")
