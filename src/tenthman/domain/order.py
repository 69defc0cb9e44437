"""Orders, fills, positions and the book. Money and quantities are Decimal."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from uuid import UUID, uuid5

from tenthman.domain.checks import require_aware, require_positive, require_text
from tenthman.domain.findings import Checks, failed_rules


class Side(Enum):
    """Direction of an order. The desk is long-only: it sells what it holds."""

    BUY = "buy"
    SELL = "sell"


class OrderType(Enum):
    """Order types, as Alpaca spells them. The desk itself sends market and limit orders, and stops as legs."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TRAILING_STOP = "trailing_stop"


class TimeInForce(Enum):
    """How long an order rests: OPG and CLS in one auction alone, IOC and FOK not at all."""

    DAY = "day"
    GTC = "gtc"
    OPG = "opg"
    CLS = "cls"
    IOC = "ioc"
    FOK = "fok"


class OrderStatus(Enum):
    """Broker statuses, as Alpaca spells them; an unknown status from outside becomes UNKNOWN."""

    ACCEPTED = "accepted"
    PENDING_NEW = "pending_new"
    NEW = "new"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    DONE_FOR_DAY = "done_for_day"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REPLACED = "replaced"
    PENDING_CANCEL = "pending_cancel"
    PENDING_REPLACE = "pending_replace"
    REJECTED = "rejected"
    SUSPENDED = "suspended"
    HELD = "held"
    UNKNOWN = "unknown"

    @property
    def is_final(self) -> bool:
        """Whether nothing more can happen to the order."""
        return self in _FINAL


_FINAL = frozenset(
    {OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.REPLACED, OrderStatus.REJECTED}
)


class TradingState(Enum):
    """The latch. REDUCING: exits only, until flat; HALTED: nothing. Only a person's command re-arms."""

    ACTIVE = "active"
    REDUCING = "reducing"
    HALTED = "halted"


class Purpose(Enum):
    """Why an order exists. TARGET and STOP are the legs of an entry's bracket; DELISTED is the exchange's own.

    FRACTION is no order at all: the part of a share that a split left and the broker paid in cash.
    """

    ENTRY = "entry"
    EXIT = "exit"
    TARGET = "target"
    STOP = "stop"
    DELISTED = "delisted"
    FRACTION = "fraction"


@dataclass(frozen=True, slots=True, kw_only=True)
class SizedOrder:
    """The only thing execution sends. It carries its passed checks and cannot be built without them.

    An ENTRY is a long bracket (limit buy, target, stop); an EXIT is a market sell. `decision_price`: what a share was
    worth when it was decided (USD), which the fill is held against; None where nobody looked.
    """

    client_order_id: str
    decision_id: str
    purpose: Purpose
    ticker: str
    side: Side
    quantity: Decimal
    order_type: OrderType
    time_in_force: TimeInForce
    limit_price: Decimal | None
    stop_price: Decimal | None
    target_price: Decimal | None
    checks: Checks
    decision_price: Decimal | None = None

    def __post_init__(self) -> None:
        require_text("client_order_id", self.client_order_id)
        require_positive("quantity", self.quantity)
        if not self.checks:
            raise ValueError(f"{self.client_order_id}: a sized order must carry its `checks`")
        failed = failed_rules(self.checks)
        if failed:
            raise ValueError(f"{self.client_order_id}: a sized order must have passed all `checks`, failed {failed}")
        if len(self.client_order_id) > 128:
            raise ValueError(f"`client_order_id` must have at most 128 characters, had {len(self.client_order_id)}")
        if self.purpose is Purpose.ENTRY:
            self._require_bracket()
        elif self.purpose is Purpose.EXIT:
            if self.side is not Side.SELL or self.order_type is not OrderType.MARKET:
                raise ValueError(f"{self.client_order_id}: an exit must be a market sell")
        else:
            raise ValueError(f"`purpose` must be entry or exit, was {self.purpose.value}")

    def _require_bracket(self) -> None:
        limit, stop, target = self.limit_price, self.stop_price, self.target_price
        if self.side is not Side.BUY or limit is None or stop is None or target is None:
            raise ValueError(f"{self.client_order_id}: an entry must be a buy with limit, stop and target prices")
        require_positive("stop_price", stop)
        if stop >= limit:
            raise ValueError(f"`stop_price` must be below `limit_price` {limit} for a buy, was {stop}")
        if target <= limit:
            raise ValueError(f"`target_price` must be above `limit_price` {limit} for a buy, was {target}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """Risk said no: the same list of checks, and the rule that bound."""

    ticker: str
    rule: str
    checks: Checks

    def __post_init__(self) -> None:
        if self.rule not in failed_rules(self.checks):
            raise ValueError(f"{self.ticker}: `rule` {self.rule!r} must be among the failed `checks`")


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerOrder:
    """An order as the broker reports it. `parent_id` is set on the legs of a bracket."""

    id: str
    client_order_id: str
    ticker: str
    side: Side
    order_type: OrderType
    status: OrderStatus
    quantity: Decimal
    filled_quantity: Decimal
    filled_avg_price: Decimal | None
    limit_price: Decimal | None
    stop_price: Decimal | None
    submitted_at: datetime
    updated_at: datetime
    parent_id: str | None
    legs: tuple["BrokerOrder", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One execution. `execution_id` is the broker's and unique."""

    execution_id: str
    broker_order_id: str
    ticker: str
    side: Side
    quantity: Decimal
    price: Decimal
    filled_at: datetime

    def __post_init__(self) -> None:
        require_positive("quantity", self.quantity)
        require_positive("price", self.price)
        require_aware("filled_at", self.filled_at)

    @property
    def is_payout(self) -> bool:
        """Whether nobody traded: a delisted holding was paid out by the exchange's own order."""
        return self.broker_order_id == payout_order_id(self.ticker)


_PAYOUTS = UUID("0b6f5f0e-55a4-5f0c-9d0b-6f1f3a7e2c44")


def payout_order_id(ticker: str) -> str:
    """Id of the order by which our exchange pays out what is held of `ticker` when it is delisted, which is once."""
    return str(uuid5(_PAYOUTS, ticker))


EXTERNAL = "external"
"""The decision id of a holding that the desk did not open: it counts against every limit and is never sold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A holding as the desk knows it: the broker's figures plus where it came from and what protects it."""

    ticker: str
    issuer: str
    sector: str
    quantity: Decimal
    avg_entry_price: Decimal
    current_price: Decimal
    stop_price: Decimal | None
    opened: date
    sessions_held: int
    decision_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingEntry:
    """An order to buy that was sent and has not filled yet: it counts as if it had. `is_own`: the desk sent it."""

    ticker: str
    issuer: str
    sector: str
    quantity: Decimal
    limit_price: Decimal
    stop_price: Decimal
    is_own: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """All that risk may know of the account when it decides. `exiting` are tickers with an exit order at work.

    `bought`: what entries were sent for in this session, filled or not (USD). `since_stop`: sessions since the last
    stop was filled, by ticker; a ticker that never had one is not in it.
    """

    as_of: datetime
    equity: Decimal
    cash: Decimal
    day_start_equity: Decimal
    week_start_equity: Decimal
    peak_equity: Decimal
    bought: Decimal
    since_stop: Mapping[str, int]
    positions: tuple[Position, ...]
    pending: tuple[PendingEntry, ...]
    exiting: frozenset[str]
    state: TradingState

    @property
    def drawdown(self) -> Decimal:
        """Fraction of peak equity lost, at least 0."""
        if self.peak_equity <= 0:
            return Decimal(1)
        return max(Decimal(0), (self.peak_equity - self.equity) / self.peak_equity)
