"""Which orders the exchange takes: Alpaca's rules for what an order may be. Pure."""

from dataclasses import replace
from datetime import datetime, time, timedelta
from decimal import Decimal

from tenthman.domain.market import SessionHours
from tenthman.domain.order import OrderType, Side, TimeInForce
from tenthman.exchange.book import tick
from tenthman.exchange.orders import Code, OrderRequest, Refusal

_CENT = Decimal("0.01")
_LONGEST_ID = 128
_AUCTIONS = (TimeInForce.OPG, TimeInForce.CLS)
_RESTING = (TimeInForce.DAY, TimeInForce.GTC)
_PLAIN = (OrderType.MARKET, OrderType.LIMIT)
_LIMITS = (OrderType.LIMIT, OrderType.STOP_LIMIT)
_STOPS = (OrderType.STOP, OrderType.STOP_LIMIT)
_EVENING = time(19)
_BEFORE_OPEN, _BEFORE_CLOSE = timedelta(minutes=2), timedelta(minutes=10)


def normalised(request: OrderRequest) -> OrderRequest:
    """The request with what it leaves unsaid: an OCO's limit price is its take-profit. Refusal 422 if they differ."""
    if request.kind != "oco" or request.take_profit_limit is None:
        return request
    if request.limit_price not in (None, request.take_profit_limit):
        raise Refusal(422, Code.RULE, "oco orders must have limit_price equal to take_profit.limit_price")
    return replace(request, limit_price=request.take_profit_limit)


def require_well_formed(request: OrderRequest) -> None:
    """Refusal 422 unless amount, prices, class and time in force, and their combination, can make an order."""
    _require_amount(request)
    require_name(request.client_order_id)
    _require_class(request)
    _require_prices(request)
    _require_lifetime(request)
    if request.notional is not None:
        _require_notional_rules(request)
    elif request.quantity is not None and request.quantity % 1 != 0:
        _require_fractional_rules(request)


def require_name(client_order_id: str | None) -> None:
    """Refusal 422 for a client order id that is empty or too long."""
    if client_order_id is not None and not 0 < len(client_order_id) <= _LONGEST_ID:
        raise Refusal(422, Code.INVALID, f"client_order_id must have 1 to {_LONGEST_ID} characters")


def require_price(name: str, price: Decimal | None) -> None:
    """Refusal 422 for a price that is not positive, or finer than the tick."""
    if price is None:
        return
    if not price.is_finite() or price <= 0:
        raise Refusal(422, Code.INVALID, f"{name.replace('_', ' ')} must be > 0")
    if price % tick(price) != 0:
        message = f"invalid {name} {price}. sub-penny increment does not fulfill minimum pricing criteria"
        raise Refusal(422, Code.RULE, message)


def require_legs(request: OrderRequest, base: Decimal | None) -> None:
    """Refusal 422 unless the legs lie on the right sides of each other and, of an entry, of `base`.

    `base` is the entry's limit or stop, or the price now.
    """
    if not request.has_legs:
        return
    target, stop = request.take_profit_limit, request.stop_loss_stop
    if target is not None and stop is not None and target <= stop:
        raise Refusal(422, Code.RULE, "take_profit.limit_price must be > stop_loss.stop_price")
    if request.kind == "oco":
        return
    if base is None:
        raise Refusal(422, Code.RULE, f"no price is known for {request.symbol}")
    if target is not None and target < base + _CENT:
        raise Refusal(422, Code.RULE, "take_profit.limit_price must be >= base_price + 0.01", {"base_price": str(base)})
    if stop is not None and stop > base - _CENT:
        raise Refusal(422, Code.RULE, "stop_loss.stop_price must be <= base_price - 0.01", {"base_price": str(base)})


def require_auction_window(request: OrderRequest, at: datetime, session: SessionHours | None) -> None:
    """Refusal 422 for an auction order from shortly before its auction until 19:00 New York time that day.

    `at` is New York time; `session` is that of the same date, None where there is none.
    """
    if request.time_in_force not in _AUCTIONS or session is None:
        return
    is_opening = request.time_in_force is TimeInForce.OPG
    ends = session.open_at - _BEFORE_OPEN if is_opening else session.close_at - _BEFORE_CLOSE
    if at >= ends and at.time() < _EVENING:
        window = f"between {ends.astimezone(at.tzinfo):%H:%M} and {_EVENING:%H:%M}"
        raise Refusal(422, Code.RULE, f"{request.time_in_force.value} orders are not accepted {window} ET")


def _require_amount(request: OrderRequest) -> None:
    if request.quantity is not None and request.notional is not None:
        raise Refusal(400, Code.INVALID, "only one of qty or notional is accepted")
    if request.quantity is None and request.notional is None:
        raise Refusal(422, Code.INVALID, "qty or notional is required")
    for name, amount in (("qty", request.quantity), ("notional", request.notional)):
        if amount is not None and not (amount.is_finite() and amount > 0):
            raise Refusal(422, Code.INVALID, f"{name} must be > 0")


def _require_class(request: OrderRequest) -> None:
    _require_own_legs(request)
    if request.kind == "simple":
        return
    if request.order_type is OrderType.TRAILING_STOP:
        raise Refusal(422, Code.RULE, "trailing_stop orders must be simple orders")
    if request.time_in_force not in _RESTING:
        raise Refusal(422, Code.RULE, f"{request.kind} orders must be DAY or GTC orders")
    if request.kind == "oco" and (request.side is Side.BUY or request.order_type is not OrderType.LIMIT):
        raise Refusal(422, Code.RULE, "oco orders must be exit orders of type limit")
    if request.kind != "oco" and request.side is Side.SELL:
        raise Refusal(422, Code.RULE, f"{request.kind} orders must be entry orders")


def _require_own_legs(request: OrderRequest) -> None:
    target, stop = request.take_profit_limit is not None, request.stop_loss_stop is not None
    if request.stop_loss_limit is not None and not stop:
        raise Refusal(422, Code.RULE, "stop_loss.limit_price requires stop_loss.stop_price")
    match request.kind:
        case "simple" if request.has_legs:
            raise Refusal(422, Code.RULE, "take_profit and stop_loss need order_class bracket, oco or oto")
        case "oto" if target == stop:
            raise Refusal(422, Code.RULE, "oto orders require exactly one of take_profit and stop_loss")
        case "bracket" | "oco" if not (target and stop):
            need = "take_profit.limit_price and stop_loss.stop_price"
            raise Refusal(422, Code.RULE, f"{request.kind} orders require {need}")
        case _:
            return


def _require_prices(request: OrderRequest) -> None:
    kind = request.order_type
    _require_use("limit_price", request.limit_price, kind, wanted=kind in _LIMITS)
    _require_use("stop_price", request.stop_price, kind, wanted=kind in _STOPS)
    require_price("limit_price", request.limit_price)
    require_price("stop_price", request.stop_price)
    require_price("take_profit.limit_price", request.take_profit_limit)
    require_price("stop_loss.stop_price", request.stop_loss_stop)
    require_price("stop_loss.limit_price", request.stop_loss_limit)
    trails = [trail for trail in (request.trail_price, request.trail_percent) if trail is not None]
    if kind is OrderType.TRAILING_STOP and len(trails) != 1:
        raise Refusal(422, Code.INVALID, "trailing_stop orders require exactly one of trail_price and trail_percent")
    if kind is not OrderType.TRAILING_STOP and trails:
        raise Refusal(422, Code.INVALID, f"{kind.value} orders must not have trail_price or trail_percent")
    require_price("trail_price", request.trail_price)
    require_percent(request.trail_percent)


def require_percent(percent: Decimal | None) -> None:
    """Refusal 422 for a trail of not more than nothing, or of all there is."""
    if percent is not None and not (percent.is_finite() and 0 < percent < 100):
        raise Refusal(422, Code.INVALID, "trail percent must be > 0 and < 100")


def _require_use(name: str, price: Decimal | None, kind: OrderType, *, wanted: bool) -> None:
    if wanted != (price is not None):
        need = "require" if wanted else "must not have"
        raise Refusal(422, Code.INVALID, f"{kind.value} orders {need} {name}")


def _require_lifetime(request: OrderRequest) -> None:
    if request.order_type not in _PLAIN and request.time_in_force not in _RESTING:
        raise Refusal(422, Code.RULE, f"{request.order_type.value} orders must be DAY or GTC orders")


def _require_notional_rules(request: OrderRequest) -> None:
    if request.kind != "simple":
        raise Refusal(422, Code.RULE, "notional orders must be simple orders")
    if request.order_type is not OrderType.MARKET:
        raise Refusal(422, Code.RULE, "notional orders must be market orders")
    if request.time_in_force is not TimeInForce.DAY:
        raise Refusal(422, Code.RULE, "notional orders must be DAY orders")
    if request.side is Side.BUY and request.notional is not None and request.notional < 1:
        raise Refusal(422, Code.RULE, "notional must be at least 1.00")


def _require_fractional_rules(request: OrderRequest) -> None:
    if request.kind != "simple":
        raise Refusal(422, Code.RULE, "fractional orders must be simple orders")
    if request.time_in_force is not TimeInForce.DAY:
        raise Refusal(422, Code.RULE, "fractional orders must be DAY orders")
    if request.order_type is OrderType.TRAILING_STOP:
        raise Refusal(422, Code.RULE, "fractional orders must be market, limit, stop or stop_limit orders")
