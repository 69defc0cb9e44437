"""The trading half of the wire: positions, how they are closed, and assets."""

from datetime import timedelta
from decimal import ROUND_DOWN, Decimal

from tenthman.domain.broker import BrokerPosition
from tenthman.domain.market import NEW_YORK, Listing
from tenthman.domain.order import OrderType, Side, TimeInForce
from tenthman.exchange import alpaca_requests as ask
from tenthman.exchange import alpaca_wire as wire
from tenthman.exchange.adjusting import splits_so_far
from tenthman.exchange.alpaca_trading import Call, Reply, cancel_all, told
from tenthman.exchange.alpaca_wire import Json
from tenthman.exchange.market import ReplayExchange
from tenthman.exchange.orders import Code, ExchangeOrder, OrderRequest, Refusal
from tenthman.utils.symbols import to_wire

_LOOK_BACK = timedelta(days=30)
_NINE_PLACES = Decimal("0.000000001")


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
    order = _sell(exchange, position.ticker, position.quantity if quantity is None else quantity)
    return Reply(body=told(exchange, order, nested=False))


def delete_positions(exchange: ReplayExchange, call: Call) -> Reply:
    """DELETE /v2/positions: a market sell of each; with `cancel_orders` after all open orders are cancelled."""
    if ask.read_flag(call.query, "cancel_orders"):
        cancel_all(exchange)
    return Reply(status=207, body=[_close(exchange, position) for position in exchange.positions()])


def get_assets(exchange: ReplayExchange, call: Call) -> Reply:
    """GET /v2/assets: what the market has prices of, inactive once it is delisted; without `status`, what is active."""
    query = call.query
    status = query.get("status", "active") or "active"
    if query.get("asset_class", "us_equity") not in ("us_equity", "") or query.get("attributes"):
        return Reply(body=[])
    listings = _listings(exchange)
    symbols = sorted(exchange.market.panel.tickers)
    rows = [
        wire.asset_body(symbol, listings.get(symbol), tradable=not exchange.is_delisted(symbol)) for symbol in symbols
    ]
    venue = query.get("exchange", "")
    return Reply(body=[row for row in rows if row["status"] == status and venue in ("", row["exchange"])])


def get_asset(exchange: ReplayExchange, call: Call) -> Reply:
    """GET /v2/assets/{symbol or asset id}."""
    symbol = _resolve(exchange, call.path["symbol"])
    if symbol is None:
        raise Refusal(404, Code.NOT_FOUND, "asset not found")
    tradable = not exchange.is_delisted(symbol)
    return Reply(body=wire.asset_body(symbol, _listings(exchange).get(symbol), tradable=tradable))


def _close(exchange: ReplayExchange, position: BrokerPosition) -> Json:
    symbol = to_wire(position.ticker)
    try:
        order = _sell(exchange, position.ticker, position.quantity)
    except Refusal as refusal:
        return {"symbol": symbol, "status": refusal.http_status, "body": refusal.body}
    return {"symbol": symbol, "status": 200, "body": told(exchange, order, nested=False)}


def _sell(exchange: ReplayExchange, ticker: str, quantity: Decimal) -> ExchangeOrder:
    return exchange.submit(
        OrderRequest(
            symbol=ticker,
            side=Side.SELL,
            quantity=quantity,
            order_type=OrderType.MARKET,
            time_in_force=TimeInForce.DAY,
        )
    )


def _position(exchange: ReplayExchange, position: BrokerPosition) -> Json:
    today = exchange.now.astimezone(NEW_YORK).date()
    bars = exchange.bars(position.ticker, today - _LOOK_BACK, today - timedelta(days=1))
    last_close = position.avg_entry_price
    if bars:
        last_close = Decimal(repr(bars[-1].close))
        for split in splits_so_far(exchange, position.ticker):
            if split.session > bars[-1].session:
                last_close = last_close * split.old_rate / split.new_rate
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
