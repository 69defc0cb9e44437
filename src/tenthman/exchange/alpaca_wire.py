"""Alpaca's JSON shapes: what the exchange knows, as the wire spells it. Pure.

Money and quantities are strings; fields that may be null are there and null; times are RFC 3339.
"""

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache

from tenthman.domain.broker import Account, BrokerClock, BrokerPosition
from tenthman.domain.market import NEW_YORK, Listing, SessionHours
from tenthman.domain.news import NewsItem
from tenthman.domain.order import Fill
from tenthman.exchange.orders import DividendPayment, ExchangeOrder, OrderEvent
from tenthman.exchange.settings import AccountSettings
from tenthman.utils.symbols import to_wire

Json = Mapping[str, object]

ASSETS = uuid.uuid5(uuid.NAMESPACE_URL, "https://alpaca.markets/assets")
_VENUE = "NYSE"
_RATIO = Decimal("0.000001")
_CENT = Decimal("0.01")
_AFTER_HOURS = timedelta(hours=4)


@lru_cache(maxsize=4096)
def asset_id(symbol: str) -> str:
    """The same id for the same symbol, always."""
    return str(uuid.uuid5(ASSETS, symbol))


def news_id(item_id: str) -> int:
    """A whole number below 2**52, the same for the same item, always."""
    return int.from_bytes(hashlib.sha256(item_id.encode()).digest()[:7]) >> 4


def midnight(session: date) -> datetime:
    """The start of a session's date in New York, which is how a daily bar is stamped; UTC."""
    return datetime.combine(session, time(), tzinfo=NEW_YORK).astimezone(UTC)


def stamp(at: datetime | None) -> str | None:
    """An instant in UTC, with Z."""
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def number(value: Decimal | None) -> str | None:
    """A decimal without exponent or trailing zeros."""
    if value is None:
        return None
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def clock_body(clock: BrokerClock) -> Json:
    """GET /v2/clock, in New York time."""
    return {
        "timestamp": clock.now.astimezone(NEW_YORK).isoformat(),
        "is_open": clock.is_open,
        "next_open": clock.next_open.astimezone(NEW_YORK).isoformat(),
        "next_close": clock.next_close.astimezone(NEW_YORK).isoformat(),
    }


def calendar_row(hours: SessionHours, settlement: date) -> Json:
    """One row of GET /v2/calendar; trading outside regular hours ends four hours after the close, an early one too."""
    return {
        "date": hours.session.isoformat(),
        "open": f"{hours.open_at.astimezone(NEW_YORK):%H:%M}",
        "close": f"{hours.close_at.astimezone(NEW_YORK):%H:%M}",
        "session_open": "0400",
        "session_close": f"{(hours.close_at + _AFTER_HOURS).astimezone(NEW_YORK):%H%M}",
        "settlement_date": settlement.isoformat(),
    }


def account_body(account: Account, now: datetime, created: datetime) -> Json:
    """GET /v2/account of a cash account; what US brokers dropped in July 2026 (day-trade counts) is not there."""
    long_value = account.equity - account.cash
    cash, equity, power = number(account.cash), number(account.equity), number(account.buying_power)
    return {
        "id": _account_id(account.id),
        "account_number": "TENTHMAN",
        "status": "ACTIVE",
        "crypto_status": "INACTIVE",
        "currency": "USD",
        "cash": cash,
        "equity": equity,
        "last_equity": number(account.last_equity),
        "portfolio_value": equity,
        "buying_power": power,
        "regt_buying_power": power,
        "non_marginable_buying_power": power,
        "options_buying_power": "0",
        "long_market_value": number(long_value),
        "short_market_value": "0",
        "initial_margin": number(long_value),
        "maintenance_margin": "0",
        "last_maintenance_margin": "0",
        "sma": "0",
        "multiplier": "1",
        "accrued_fees": "0",
        "pending_transfer_in": "0",
        "pending_transfer_out": "0",
        "pending_reg_taf_fees": "0",
        "intraday_adjustments": "0",
        "balance_asof": now.astimezone(NEW_YORK).date().isoformat(),
        "trading_blocked": account.blocked,
        "transfers_blocked": False,
        "account_blocked": False,
        "trade_suspended_by_user": False,
        "shorting_enabled": False,
        "options_approved_level": 0,
        "options_trading_level": 0,
        "created_at": stamp(created),
    }


def settings_body(settings: AccountSettings) -> Json:
    """GET /v2/account/configurations; what belongs to margin and options is fixed here."""
    return {
        "suspend_trade": settings.suspend_trade,
        "no_shorting": True,
        "fractional_trading": settings.fractional_trading,
        "max_margin_multiplier": "1",
        "max_options_trading_level": 0,
        "trade_confirm_email": settings.trade_confirm_email,
        "ptp_no_exception_entry": settings.ptp_no_exception_entry,
        "disable_overnight_trading": settings.disable_overnight_trading,
    }


def order_body(order: ExchangeOrder, legs: Sequence[Json] | None) -> Json:
    """An order; `legs` None where it is not asked for nested, or has none. The contract knows no null `expires_at`."""
    return {
        "id": order.id,
        "client_order_id": order.client_order_id,
        "created_at": stamp(order.created_at),
        "updated_at": stamp(order.updated_at),
        "submitted_at": stamp(order.submitted_at),
        "filled_at": stamp(order.filled_at),
        "expired_at": stamp(order.expired_at),
        **({} if order.expires_at is None else {"expires_at": stamp(order.expires_at)}),
        "canceled_at": stamp(order.canceled_at),
        "failed_at": stamp(order.failed_at),
        "replaced_at": stamp(order.replaced_at),
        "replaced_by": order.replaced_by,
        "replaces": order.replaces,
        "asset_id": asset_id(order.symbol),
        "symbol": to_wire(order.symbol),
        "asset_class": "us_equity",
        "notional": number(order.notional),
        "qty": number(order.quantity) if order.notional is None else None,
        "filled_qty": number(order.filled_quantity),
        "filled_avg_price": number(order.filled_avg_price),
        "order_class": "" if order.order_class == "simple" else order.order_class,
        "order_type": order.order_type.value,
        "type": order.order_type.value,
        "side": order.side.value,
        "position_intent": "buy_to_open" if order.side.value == "buy" else "sell_to_close",
        "time_in_force": order.time_in_force.value,
        "limit_price": number(order.limit_price),
        "stop_price": number(order.stop_price),
        "status": order.status.value,
        "extended_hours": False,
        "legs": legs,
        "trail_percent": number(order.trail_percent),
        "trail_price": number(order.trail_price),
        "hwm": number(order.hwm),
        "subtag": None,
        "source": None,
        "ratio_qty": None,
    }


def event_body(event: OrderEvent) -> Json:
    """A message of the `trade_updates` stream."""
    data: dict[str, object] = {
        "event": event.event,
        "timestamp": stamp(event.at),
        "at": stamp(event.at),
        "order": order_body(event.order, None),
    }
    if event.execution_id is not None:
        data |= {
            "execution_id": event.execution_id,
            "price": number(event.price),
            "qty": number(event.quantity),
            "position_qty": number(event.position_quantity),
        }
    return {"stream": "trade_updates", "data": data}


def position_body(position: BrokerPosition, available: Decimal, last_close: Decimal) -> Json:
    """A holding. `available` are the shares not promised to sells; `last_close` is the previous session's, USD."""
    value = position.quantity * position.current_price
    cost = position.quantity * position.avg_entry_price
    day = position.quantity * (position.current_price - last_close)
    return {
        "asset_id": asset_id(position.ticker),
        "symbol": to_wire(position.ticker),
        "exchange": _VENUE,
        "asset_class": "us_equity",
        "asset_marginable": False,
        "avg_entry_price": number(position.avg_entry_price),
        "qty": number(position.quantity),
        "qty_available": number(available),
        "side": "long",
        "market_value": number(value),
        "cost_basis": number(cost.quantize(_CENT)),
        "unrealized_pl": number((value - cost).quantize(_CENT)),
        "unrealized_plpc": number(_ratio(value - cost, cost)),
        "unrealized_intraday_pl": number(day.quantize(_CENT)),
        "unrealized_intraday_plpc": number(_ratio(day, position.quantity * last_close)),
        "current_price": number(position.current_price),
        "lastday_price": number(last_close),
        "change_today": number(_ratio(position.current_price - last_close, last_close)),
    }


def asset_body(symbol: str, listing: Listing | None, *, tradable: bool) -> Json:
    """A security; `listing` None when the market has prices of it and nothing else."""
    return {
        "id": asset_id(symbol),
        "class": "us_equity",
        "exchange": _VENUE,
        "symbol": to_wire(symbol),
        "name": symbol if listing is None else listing.name,
        "status": "active" if tradable else "inactive",
        "tradable": tradable,
        "marginable": False,
        "shortable": False,
        "easy_to_borrow": False,
        "borrow_status": "hard_to_borrow",
        "fractionable": True,
        "margin_requirement_long": "100",
        "margin_requirement_short": "100",
        "attributes": [],
        "cusip": None,
    }


def activity_id(at: datetime, identity: str) -> str:
    """New York time to the millisecond and an id of the exchange's, as Alpaca builds it."""
    local = at.astimezone(NEW_YORK)
    return f"{local:%Y%m%d%H%M%S}{local.microsecond // 1000:03d}::{identity}"


def dividend_body(payment: DividendPayment) -> Json:
    """A DIV activity."""
    return {
        "activity_type": "DIV",
        "id": activity_id(payment.paid_at, payment.id),
        "date": payment.session.isoformat(),
        "net_amount": number(payment.amount),
        "symbol": to_wire(payment.symbol),
        "qty": number(payment.quantity),
        "per_share_amount": number(payment.per_share),
        "status": "executed",
    }


def fill_body(fill: Fill, order: ExchangeOrder, cumulative: Decimal) -> Json:
    """A FILL activity; `cumulative` is what the order had filled with this execution."""
    left = max(order.quantity - cumulative, Decimal(0))
    return {
        "activity_type": "FILL",
        "id": activity_id(fill.filled_at, fill.execution_id),
        "order_id": fill.broker_order_id,
        "symbol": to_wire(fill.ticker),
        "side": fill.side.value,
        "type": "fill" if left == 0 else "partial_fill",
        "price": number(fill.price),
        "qty": number(fill.quantity),
        "cum_qty": number(cumulative),
        "leaves_qty": number(left),
        "order_status": "filled" if left == 0 else "partially_filled",
        "transaction_time": stamp(fill.filled_at),
    }


def story_body(item: NewsItem) -> Json:
    """A headline. It is created when it counts from and updated when it became known, which is what is asked by."""
    return {
        "id": news_id(item.id),
        "headline": item.headline,
        "author": "",
        "created_at": stamp(item.effective_at),
        "updated_at": stamp(item.known_at),
        "summary": item.summary,
        "content": "",
        "url": item.url or None,
        "images": [],
        "symbols": [to_wire(ticker) for ticker in item.tickers],
        "source": item.source,
    }


def story_message(item: NewsItem) -> Json:
    """A headline on the news websocket, with its times as instants."""
    return {"T": "n", **story_body(item), "created_at": item.effective_at, "updated_at": item.known_at}


def _account_id(name: str) -> str:
    """The account's name if that is a UUID, as Alpaca's are; else one that follows from it."""
    try:
        return str(uuid.UUID(name))
    except ValueError:
        return str(uuid.uuid5(ASSETS, f"account/{name}"))


def _ratio(part: Decimal, whole: Decimal) -> Decimal:
    return (part / whole).quantize(_RATIO) if whole else Decimal(0)
