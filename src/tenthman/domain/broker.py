"""The promise that every broker keeps, and what it tells of itself. Money and quantities are Decimal."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from tenthman.domain.checks import require_text
from tenthman.domain.market import SessionHours
from tenthman.domain.order import BrokerOrder, Fill, SizedOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerPosition:
    """A holding as the broker reports it."""

    ticker: str
    quantity: Decimal
    avg_entry_price: Decimal
    current_price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The broker's account: the truth for cash and equity (USD)."""

    id: str
    cash: Decimal
    equity: Decimal
    last_equity: Decimal
    buying_power: Decimal
    blocked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerClock:
    """The broker's clock: the truth for whether the market is open."""

    now: datetime
    is_open: bool
    next_open: datetime
    next_close: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceChange:
    """Other prices (USD) for an order that rests; None leaves one as it is. The new order is `client_order_id`."""

    client_order_id: str
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None

    def __post_init__(self) -> None:
        require_text("client_order_id", self.client_order_id)
        if self.limit_price is None and self.stop_price is None:
            raise ValueError(f"{self.client_order_id}: a change must hold a `limit_price` or a `stop_price`")


def is_changed(order: BrokerOrder, change: PriceChange) -> bool:
    """Whether `order` has the prices that `change` asks for: the same change asked for again is the one there is."""
    return (change.limit_price in (None, order.limit_price)) and (change.stop_price in (None, order.stop_price))


class Broker(Protocol):
    """The promise that Alpaca through alpaca-py and the in-process matching engine both keep.

    Every method raises BrokerUnavailable when the broker does not answer.
    """

    def clock(self) -> BrokerClock: ...

    def calendar(self, first: date, last: date) -> Sequence[SessionHours]:
        """The broker's own sessions of `first`..`last`, in order; it may end before `last`."""
        ...

    def account(self) -> Account: ...

    def positions(self) -> Sequence[BrokerPosition]: ...

    def open_orders(self) -> Sequence[BrokerOrder]:
        """Orders that may still change: legs nested in a parent that is listed (it may be final itself), else alone."""
        ...

    def submit(self, order: SizedOrder) -> BrokerOrder:
        """Send once. OrderRejected: refused. OrderOutcomeUnknown: look it up with `find`."""
        ...

    def find(self, client_order_id: str) -> BrokerOrder | None:
        """The order of that id, legs nested, whatever its status; None if the broker never had it."""
        ...

    def cancel(self, order_id: str) -> bool:
        """Ask to cancel; False if it was already final."""
        ...

    def replace(self, order_id: str, change: PriceChange) -> BrokerOrder:
        """Ask for other prices; the order that takes its place, under an id and a name of its own.

        OrderRejected: nothing changes; the order is final (a fill won) or unknown, or may not be replaced. The answer
        is no proof either: a fill may still win, then the old order is filled and the new one is rejected or cancelled.
        OrderOutcomeUnknown: look `change.client_order_id` up with `find`.
        """
        ...

    def fills(self, after: datetime | None) -> Sequence[Fill]:
        """Executions after that instant (None: all), oldest first."""
        ...
