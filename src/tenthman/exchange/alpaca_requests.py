"""What a client asks for, hostile until parsed: bodies and queries as the exchange's own words. Pure.

Each function raises Refusal, in Alpaca's codes, naming the parameter and what is wrong with it.
"""

import contextlib
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import NoReturn, TypeVar

from pydantic import TypeAdapter, ValidationError

from tenthman.domain.order import OrderType, Side, TimeInForce
from tenthman.exchange.alpaca_wire import midnight
from tenthman.exchange.orders import Code, OrderClass, OrderRequest, Refusal, Replacement
from tenthman.utils.symbols import from_wire

_FIELDS = frozenset(
    {
        "symbol",
        "qty",
        "notional",
        "side",
        "type",
        "time_in_force",
        "limit_price",
        "stop_price",
        "trail_price",
        "trail_percent",
        "extended_hours",
        "client_order_id",
        "order_class",
        "take_profit",
        "stop_loss",
        "position_intent",
        "legs",
    }
)
_CHANGES = frozenset({"qty", "time_in_force", "limit_price", "stop_price", "trail", "client_order_id"})
_CLASSES: tuple[OrderClass, ...] = ("simple", "bracket", "oco", "oto")
_INTENTS = {Side.BUY: "buy_to_open", Side.SELL: "sell_to_close"}
_LARGEST = Decimal(1_000_000_000)
_FINEST = -9
_MOST_SYMBOLS = 1000
_SYMBOL = re.compile(r"[A-Za-z0-9.]{1,16}")
_TRUTH = {"true": True, "false": False, "1": True, "0": False}


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_refuse_constant)

ChoiceT = TypeVar("ChoiceT", bound=Enum)
DayT = TypeVar("DayT", bound=date)
CommandT = TypeVar("CommandT")


def invalid(message: str) -> Refusal:
    """The refusal of a request that makes no sense (HTTP 422)."""
    return Refusal(422, Code.INVALID, message)


def bad_data_request(message: str) -> Refusal:
    """The refusal of the market-data service (HTTP 400)."""
    return Refusal(400, Code.INVALID, message)


def read_body(raw: bytes) -> Mapping[str, object]:
    """A JSON object in UTF-8, its numbers exact. Refusal 400 for anything else: NaN, infinity, bottomless nesting."""
    try:
        body = _DECODER.decode(raw.decode())
    except (ValueError, ArithmeticError, RecursionError):
        raise Refusal(400, Code.INVALID, "request body format is invalid") from None
    if not isinstance(body, dict):
        raise Refusal(400, Code.INVALID, "request body must be a JSON object")
    return body


def read_order_request(body: Mapping[str, object]) -> OrderRequest:
    """The body of POST /v2/orders."""
    _require_emulated(body)
    side = _choice("side", body.get("side"), Side)
    intent = body.get("position_intent")
    if intent is not None and intent != _INTENTS[side]:
        raise Refusal(422, Code.RULE, f"position_intent {_show(intent)} is not emulated with side {side.value}")
    target, stop, stop_limit = _read_legs(body)
    return OrderRequest(
        symbol=read_symbol(body.get("symbol")),
        side=side,
        quantity=read_number("qty", body.get("qty")),
        notional=read_number("notional", body.get("notional")),
        order_type=_choice("type", body.get("type"), OrderType),
        time_in_force=_choice("time_in_force", body.get("time_in_force"), TimeInForce),
        client_order_id=_read_client_order_id(body.get("client_order_id")),
        limit_price=read_number("limit_price", body.get("limit_price")),
        stop_price=read_number("stop_price", body.get("stop_price")),
        trail_price=read_number("trail_price", body.get("trail_price")),
        trail_percent=read_number("trail_percent", body.get("trail_percent")),
        order_class=_read_class(body.get("order_class")),
        take_profit_limit=target,
        stop_loss_stop=stop,
        stop_loss_limit=stop_limit,
    )


def read_replacement(body: Mapping[str, object]) -> Replacement:
    """The body of PATCH /v2/orders/{order_id}."""
    _require_known(body, _CHANGES)
    lasts = body.get("time_in_force")
    return Replacement(
        quantity=read_number("qty", body.get("qty")),
        time_in_force=None if lasts is None else _choice("time_in_force", lasts, TimeInForce),
        limit_price=read_number("limit_price", body.get("limit_price")),
        stop_price=read_number("stop_price", body.get("stop_price")),
        trail=read_number("trail", body.get("trail")),
        client_order_id=_read_client_order_id(body.get("client_order_id")),
    )


def read_command(kind: TypeAdapter[CommandT], body: Mapping[str, object], whole: str) -> CommandT:
    """What the control is told; Refusal names the first thing that is wrong, `whole` where that is the body itself."""
    try:
        return kind.validate_python(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise invalid(f"{'.'.join(map(str, first['loc'])) or whole}: {first['msg']}") from None


def read_symbol(value: object) -> str:
    """One symbol, in the house's spelling."""
    if not isinstance(value, str) or not _SYMBOL.fullmatch(value):
        raise invalid(f"symbol must be a symbol, was {_show(value)}")
    return from_wire(value)


def read_symbols(text: str | None) -> tuple[str, ...]:
    """Comma-joined symbols in the house's spelling, without repeats; none for an empty text."""
    parts = [part.strip() for part in (text or "").split(",") if part.strip()]
    if len(parts) > _MOST_SYMBOLS:
        raise invalid(f"symbols must be at most {_MOST_SYMBOLS}, were {len(parts)}")
    return tuple(dict.fromkeys(read_symbol(part) for part in parts))


def read_number(name: str, value: object) -> Decimal | None:
    """A decimal from a JSON number or a string; None for null. At most 1e9, at most nine places."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise invalid(f"{name} must be a number, was {_show(value)}")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise invalid(f"{name} must be a number, was {_show(value)}") from None
    if not number.is_finite() or abs(number) > _LARGEST:
        raise invalid(f"{name} must be at most {_LARGEST}, was {_show(value)}")
    number = number.normalize()
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < _FINEST:
        raise invalid(f"{name} must have at most nine decimal places, was {_show(value)}")
    return number.quantize(Decimal(1)) if exponent > 0 else number


def read_flag(query: Mapping[str, str], name: str) -> bool:
    """True or false in any spelling that clients use; false when absent."""
    text = query.get(name, "")
    if not text:
        return False
    if text.lower() not in _TRUTH:
        raise invalid(f"{name} must be true or false, was {_show(text)}")
    return _TRUTH[text.lower()]


def read_bool(name: str, value: object) -> bool:
    """A boolean of a JSON body."""
    if not isinstance(value, bool):
        raise invalid(f"{name} must be true or false, was {_show(value)}")
    return value


def read_one_of(name: str, value: object, options: Sequence[str]) -> str:
    """A text of a JSON body that is one of `options`."""
    if not isinstance(value, str) or value not in options:
        raise invalid(f"{name} must be one of {', '.join(options)}, was {_show(value)}")
    return value


def read_whole(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    """A whole number from 1 to `most`."""
    text = query.get(name, "")
    if not text:
        return default
    if not re.fullmatch(r"[0-9]{1,9}", text) or not 1 <= int(text) <= most:
        raise invalid(f"{name} must lie in 1..{most}, was {_show(text)}")
    return int(text)


def read_option(query: Mapping[str, str], name: str, options: Sequence[str]) -> str:
    """One of `options`; the first when absent."""
    text = query.get(name, "")
    if not text:
        return options[0]
    if text.lower() not in options:
        raise invalid(f"{name} must be one of {', '.join(options)}, was {_show(text)}")
    return text.lower()


def read_instant(query: Mapping[str, str], name: str) -> datetime | None:
    """RFC 3339, or a date, which means its midnight in New York; None when absent. A time without a zone is UTC."""
    text = query.get(name, "").replace(" ", "+")
    if not text:
        return None
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return midnight(_in_range(date.fromisoformat(text)))
        at = _in_range(datetime.fromisoformat(text))
        return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).astimezone(UTC)
    except ValueError:
        raise invalid(f"{name} must be a time in RFC 3339 of the years 1900 to 2199, was {_show(text)}") from None


def read_date(query: Mapping[str, str], name: str) -> date | None:
    """A date, or the date of a time in RFC 3339; None when absent."""
    text = query.get(name, "")
    if not text:
        return None
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise invalid(f"{name} must be a date, was {_show(text)}") from None


def read_uuid(name: str, text: str) -> str:
    """A UUID in its canonical spelling."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise invalid(f"{name} must be a uuid, was {_show(text)}") from None


def _in_range(day: DayT) -> DayT:
    if not 1900 <= day.year < 2200:
        raise ValueError(day)
    return day


def _require_emulated(body: Mapping[str, object]) -> None:
    _require_known(body, _FIELDS)
    if body.get("legs") is not None:
        raise Refusal(422, Code.RULE, "legs is not emulated by this exchange")
    if body.get("extended_hours") not in (None, False):
        raise Refusal(422, Code.RULE, "extended_hours is not emulated by this exchange")


def _require_known(body: Mapping[str, object], fields: frozenset[str]) -> None:
    unknown = sorted(set(body) - fields)
    if unknown:
        raise invalid(f"unrecognised parameter {_show(unknown[0])}")


def _read_class(value: object) -> OrderClass:
    for known in _CLASSES:
        if (value or "simple") == known:
            return known
    raise Refusal(422, Code.RULE, f"order_class must be one of {', '.join(_CLASSES)} here, was {_show(value)}")


def _read_legs(body: Mapping[str, object]) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    """The target's limit, the stop's stop, and the stop's limit."""
    target = _leg(body, "take_profit", ("limit_price",))
    stop = _leg(body, "stop_loss", ("stop_price", "limit_price"))
    return target.get("limit_price"), stop.get("stop_price"), stop.get("limit_price")


def _leg(body: Mapping[str, object], name: str, prices: tuple[str, ...]) -> dict[str, Decimal | None]:
    leg = body.get(name)
    if leg is None:
        return {}
    if not isinstance(leg, dict):
        raise invalid(f"{name} must be an object, was {_show(leg)}")
    if [key for key in leg if key not in prices and leg[key] is not None]:
        raise Refusal(422, Code.RULE, f"{name} takes {' and '.join(prices)} alone here")
    return {price: read_number(f"{name}.{price}", leg.get(price)) for price in prices}


def _read_client_order_id(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value.isprintable():
        raise invalid(f"client_order_id must be a printable text, was {_show(value)}")
    return value


def _choice(name: str, value: object, kind: type[ChoiceT]) -> ChoiceT:
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            return kind(value)
    known = ", ".join(str(item.value) for item in kind)
    raise invalid(f"{name} must be one of {known} here, was {_show(value)}")


def _show(value: object) -> str:
    return ascii(value if not isinstance(value, Decimal) else str(value))[:80]
