"""What an order must be to be looked at, before the account and its other orders are asked. Pure."""

from datetime import datetime
from decimal import Decimal

from tenthman.domain.market import NEW_YORK
from tenthman.exchange import admission
from tenthman.exchange.orders import Code, OrderRequest, Refusal
from tenthman.exchange.quotes import Quotes
from tenthman.exchange.register import Register
from tenthman.exchange.sessions import Timetable


def intake(
    request: OrderRequest, now: datetime, register: Register, quotes: Quotes, timetable: Timetable
) -> tuple[OrderRequest, Decimal | None]:
    """The request with what it leaves unsaid, and the price of its symbol now (None: not known); or Refusal."""
    request = admission.normalised(request)
    admission.require_well_formed(request)
    register.require_unused(request.client_order_id)
    if not quotes.tape.knows(request.symbol):
        raise Refusal(422, Code.RULE, f'asset "{request.symbol}" not found')
    if quotes.is_delisted(request.symbol, now):
        raise Refusal(422, Code.RULE, f'asset "{request.symbol}" is not active')
    local = now.astimezone(NEW_YORK)
    today = next(iter(timetable.between(local.date(), local.date())), None)
    admission.require_auction_window(request, local, today)
    price = quotes.price(request.symbol, now)
    if request.notional is not None and price is None:
        raise Refusal(422, Code.RULE, f"no price is known for {request.symbol}")
    base = request.limit_price if request.limit_price is not None else request.stop_price
    admission.require_legs(request, price if base is None else base)
    return request, price
