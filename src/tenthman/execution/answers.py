"""Alpaca's JSON answers, hostile until parsed, as the desk's own words.

Each function raises ValueError naming the field that is missing or not what it must be.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation

from tenthman.domain.broker import Account, BrokerClock, BrokerPosition
from tenthman.domain.checks import require_aware
from tenthman.domain.market import NEW_YORK, SessionHours
from tenthman.domain.order import BrokerOrder, Fill, OrderStatus, OrderType, Side
from tenthman.utils.symbols import from_wire

_BLOCKS = ("trading_blocked", "account_blocked", "trade_suspended_by_user")


class Unreadable(ValueError):
    """A field is missing or is not what it must be."""


def read_rows(answer: object) -> list[Mapping[str, object]]:
    """A list of JSON objects."""
    if not isinstance(answer, list):
        raise Unreadable(f"the answer must be a list, was {type(answer).__name__}")
    return [read_row(item) for item in answer]


def read_row(answer: object) -> Mapping[str, object]:
    """One JSON object."""
    if not isinstance(answer, dict):
        raise Unreadable(f"the answer must be an object, was {type(answer).__name__}")
    return answer


def read_clock(row: Mapping[str, object]) -> BrokerClock:
    """GET /v2/clock."""
    return BrokerClock(
        now=_instant(row, "timestamp"),
        is_open=_flag(row, "is_open"),
        next_open=_instant(row, "next_open"),
        next_close=_instant(row, "next_close"),
    )


def read_session(row: Mapping[str, object]) -> SessionHours:
    """One row of GET /v2/calendar: a day, and two times of New York's."""
    day = date.fromisoformat(_text(row, "date"))
    opens, closes = (
        datetime.combine(day, time.fromisoformat(_text(row, name)), NEW_YORK).astimezone(UTC)
        for name in ("open", "close")
    )
    return SessionHours(session=day, open_at=opens, close_at=closes)


def read_account(row: Mapping[str, object]) -> Account:
    """GET /v2/account. Blocked: any of its blocks is set, or its status is not ACTIVE."""
    return Account(
        id=_text(row, "id"),
        cash=_decimal(row, "cash"),
        equity=_decimal(row, "equity"),
        last_equity=_decimal(row, "last_equity"),
        buying_power=_decimal(row, "buying_power"),
        blocked=_text(row, "status") != "ACTIVE" or any(row.get(name) is True for name in _BLOCKS),
    )


def read_position(row: Mapping[str, object]) -> BrokerPosition:
    """One row of GET /v2/positions; a short position has a negative quantity."""
    quantity = abs(_decimal(row, "qty"))
    average = _decimal(row, "avg_entry_price")
    current = _optional_decimal(row, "current_price")
    return BrokerPosition(
        ticker=from_wire(_text(row, "symbol")),
        quantity=-quantity if _text(row, "side") == "short" else quantity,
        avg_entry_price=average,
        current_price=average if current is None else current,
    )


def read_order(row: Mapping[str, object], parent_id: str | None = None) -> BrokerOrder:
    """An order with its nested legs. A status that the desk does not know becomes UNKNOWN."""
    order_id, legs = _text(row, "id"), row.get("legs")
    filled, limit = _optional_decimal(row, "filled_qty") or Decimal(0), _optional_decimal(row, "limit_price")
    return BrokerOrder(
        id=order_id,
        client_order_id=_text(row, "client_order_id"),
        ticker=from_wire(_text(row, "symbol")),
        side=Side(_text(row, "side")),
        order_type=OrderType(_text(row, "type")),
        status=_status(_text(row, "status")),
        quantity=_quantity(row, filled, limit),
        filled_quantity=filled,
        filled_avg_price=_optional_decimal(row, "filled_avg_price"),
        limit_price=limit,
        stop_price=_optional_decimal(row, "stop_price"),
        submitted_at=_instant(row, "submitted_at"),
        updated_at=_instant(row, "updated_at"),
        parent_id=parent_id,
        legs=() if legs is None else tuple(read_order(leg, order_id) for leg in read_rows(legs)),
    )


def read_fill(row: Mapping[str, object]) -> Fill:
    """One FILL row of GET /v2/account/activities; the activity's id is the execution's."""
    return Fill(
        execution_id=_text(row, "id"),
        broker_order_id=_text(row, "order_id"),
        ticker=from_wire(_text(row, "symbol")),
        side=Side.BUY if _text(row, "side") == "buy" else Side.SELL,
        quantity=_decimal(row, "qty"),
        price=_decimal(row, "price"),
        filled_at=_instant(row, "transaction_time"),
    )


def read_dividend(row: Mapping[str, object]) -> Decimal:
    """The sum of one DIV row of GET /v2/account/activities, USD."""
    return _decimal(row, "net_amount")


def _quantity(row: Mapping[str, object], filled: Decimal, limit: Decimal | None) -> Decimal:
    """Shares. An order over a sum of money, which others on the account may give, has as many as its limit buys at
    least, or without one those that have filled.
    """
    quantity = _optional_decimal(row, "qty")
    if quantity is not None:
        return quantity
    notional = _decimal(row, "notional")
    return max(filled, notional / limit) if limit else filled


def _status(name: str) -> OrderStatus:
    try:
        return OrderStatus(name)
    except ValueError:
        return OrderStatus.UNKNOWN


def _text(row: Mapping[str, object], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value:
        raise Unreadable(f"`{name}` must be a text, was {value!r}")
    return value


def _flag(row: Mapping[str, object], name: str) -> bool:
    value = row.get(name)
    if not isinstance(value, bool):
        raise Unreadable(f"`{name}` must be true or false, was {value!r}")
    return value


def _instant(row: Mapping[str, object], name: str) -> datetime:
    value = datetime.fromisoformat(_text(row, name))
    require_aware(name, value)
    return value


def _decimal(row: Mapping[str, object], name: str) -> Decimal:
    value = _optional_decimal(row, name)
    if value is None:
        raise Unreadable(f"`{name}` must be a number, was missing or null")
    return value


def _optional_decimal(row: Mapping[str, object], name: str) -> Decimal | None:
    value = row.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Unreadable(f"`{name}` must be a number, was {value!r}")
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise Unreadable(f"`{name}` must be a number, was {value!r}") from None
    if not number.is_finite():
        raise Unreadable(f"`{name}` must be finite, was {value!r}")
    return number
