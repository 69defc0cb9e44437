"""The words between the exchange and whoever trades on it: requests, orders, events and refusals."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Literal

from tenthman.domain.order import OrderStatus, OrderType, Side, TimeInForce

EventName = Literal["pending_new", "accepted", "new", "fill", "partial_fill", "canceled", "expired", "rejected"]


class Code(Enum):
    """Alpaca's error codes: the HTTP status and five digits."""

    INVALID = 40010001
    FORBIDDEN = 40310000
    NOT_FOUND = 40410000
    RULE = 42210000


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """What a trader asks for. With both legs it is a bracket; prices are USD, `quantity` is shares."""

    symbol: str
    side: Side
    quantity: Decimal
    order_type: OrderType
    time_in_force: TimeInForce
    client_order_id: str | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    take_profit_limit: Decimal | None = None
    stop_loss_stop: Decimal | None = None

    @property
    def is_bracket(self) -> bool:
        """Whether both legs are given."""
        return self.take_profit_limit is not None and self.stop_loss_stop is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeOrder:
    """An order as it stands at `updated_at`. `legs` are the ids of a bracket's children: target, then stop.

    A leg is `held` until its entry has filled; then the target is `new` and the stop stays `held`, as Alpaca shows it.
    """

    id: str
    client_order_id: str
    symbol: str
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    status: OrderStatus
    quantity: Decimal
    filled_quantity: Decimal
    filled_avg_price: Decimal | None
    limit_price: Decimal | None
    stop_price: Decimal | None
    order_class: Literal["simple", "bracket"]
    parent_id: str | None
    legs: tuple[str, ...]
    created_at: datetime
    submitted_at: datetime
    updated_at: datetime
    filled_at: datetime | None = None
    canceled_at: datetime | None = None
    expired_at: datetime | None = None
    failed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEvent:
    """Something that happened to an order; the last four fields are set on fills alone.

    `position_quantity` is the holding after the fill.
    """

    event: EventName
    order: ExchangeOrder
    at: datetime
    execution_id: str | None = None
    price: Decimal | None = None
    quantity: Decimal | None = None
    position_quantity: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DividendPayment:
    """Cash for the shares held at the close before the ex-date, paid at the open of it; sums in USD."""

    id: str
    session: date
    symbol: str
    quantity: Decimal
    per_share: Decimal
    amount: Decimal
    paid_at: datetime


class Refusal(Exception):
    """The exchange says no, in Alpaca's words: HTTP status, code, message, and further keys of the body."""

    def __init__(self, http_status: int, code: Code, message: str, extra: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.http_status = http_status
        self.code = code.value
        self.message = message
        self.extra: dict[str, str] = dict(extra or {})

    @property
    def body(self) -> dict[str, object]:
        """What the wire says."""
        return {"code": self.code, "message": self.message, **self.extra}
