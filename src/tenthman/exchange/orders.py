"""The words between the exchange and whoever trades on it: requests, orders, events and refusals."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Literal

from tenthman.domain.order import OrderStatus, OrderType, Side, TimeInForce

EventName = Literal[
    "pending_new",
    "accepted",
    "new",
    "fill",
    "partial_fill",
    "canceled",
    "expired",
    "rejected",
    "replaced",
    "restated",
    "pending_cancel",
    "pending_replace",
    "order_cancel_rejected",
    "order_replace_rejected",
]
OrderClass = Literal["simple", "bracket", "oco", "oto"]


class Code(Enum):
    """Alpaca's error codes: the HTTP status and five digits."""

    INVALID = 40010001
    FORBIDDEN = 40310000
    NOT_FOUND = 40410000
    RULE = 42210000


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueRules:
    """What the exchange does that prices do not say. The defaults are those of backtests and rehearsals.

    `gtc_days`: calendar days after which an order good till cancelled expires, at 16:15 New York time; None: never.
    `latency`: virtual time until a cancel or a replacement takes effect; until then the order can still fill.
    `volume_share`: the fraction of a bar's volume that the account's orders get; None: all there is.
    `partial_chance`: how many executions (0..1) are of a random part of what they could be.
    """

    gtc_days: int | None = None
    latency: timedelta = timedelta(0)
    volume_share: float | None = None
    partial_chance: float = 0.0

    def __post_init__(self) -> None:
        if self.gtc_days is not None and self.gtc_days < 1:
            raise ValueError(f"`gtc_days` must be at least 1, was {self.gtc_days}")
        if self.latency < timedelta(0):
            raise ValueError(f"`latency` must be at least 0, was {self.latency}")
        if self.volume_share is not None and not 0.0 < self.volume_share <= 1.0:
            raise ValueError(f"`volume_share` must lie above 0 and at most 1, was {self.volume_share!r}")
        if not 0.0 <= self.partial_chance <= 1.0:
            raise ValueError(f"`partial_chance` must lie in 0..1, was {self.partial_chance!r}")


ALPACA_RULES = VenueRules(gtc_days=90)
"""What Alpaca's own paper exchange does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """What a trader asks for; prices are USD. Exactly one of `quantity` (shares) and `notional` (USD) is given.

    Without `order_class` it is a bracket where a leg is given, and else simple. An OCO is its take-profit; a limit
    price of its own must be the same.
    """

    symbol: str
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    quantity: Decimal | None = None
    notional: Decimal | None = None
    client_order_id: str | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_price: Decimal | None = None
    trail_percent: Decimal | None = None
    order_class: OrderClass | None = None
    take_profit_limit: Decimal | None = None
    stop_loss_stop: Decimal | None = None
    stop_loss_limit: Decimal | None = None

    @property
    def has_legs(self) -> bool:
        """Whether a take-profit or a stop-loss is given."""
        return any(p is not None for p in (self.take_profit_limit, self.stop_loss_stop, self.stop_loss_limit))

    @property
    def kind(self) -> OrderClass:
        """The order class that is meant."""
        return self.order_class or ("bracket" if self.has_legs else "simple")


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """What is to change of an order; None leaves a field as it is. `quantity` is all of it, what has filled included.

    `trail` is the new `trail_price` or `trail_percent`, whichever the order has.
    """

    quantity: Decimal | None = None
    time_in_force: TimeInForce | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail: Decimal | None = None
    client_order_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeOrder:
    """An order as it stands at `updated_at`. `legs` are the ids of its children: target, then stop.

    A leg is `held` until its entry has filled; then the target is `new` and the stop stays `held`, as Alpaca shows it.
    An OCO is its target, with the stop as its only child. `quantity` of a `notional` buy is an estimate until it has
    filled. `hwm` is the best price that a trailing stop has seen; its `stop_price` follows.
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
    order_class: OrderClass
    parent_id: str | None
    legs: tuple[str, ...]
    created_at: datetime
    submitted_at: datetime
    updated_at: datetime
    notional: Decimal | None = None
    trail_price: Decimal | None = None
    trail_percent: Decimal | None = None
    hwm: Decimal | None = None
    filled_at: datetime | None = None
    canceled_at: datetime | None = None
    expires_at: datetime | None = None
    expired_at: datetime | None = None
    failed_at: datetime | None = None
    replaced_at: datetime | None = None
    replaced_by: str | None = None
    replaces: str | None = None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareSplit:
    """From `session` on there are `new_rate` shares for every `old_rate` before, in lowest terms.

    The account got `gained` shares (fewer: below 0) and `paid` USD for a part of a share, at the instant `at`.
    """

    symbol: str
    session: date
    new_rate: int
    old_rate: int
    at: datetime
    gained: Decimal
    paid: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolChange:
    """The market's `symbol` was called `old` before the day `session` and is called `new` from then on."""

    symbol: str
    old: str
    new: str
    session: date


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
