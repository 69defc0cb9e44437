"""What the desk must be able to write down and look up. PostgreSQL keeps it for trading, memory for a backtest."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from tenthman.domain.audit import Decision, EventKind
from tenthman.domain.opinion import Case
from tenthman.domain.order import BrokerOrder, Fill, TradingState
from tenthman.domain.shares import ShareChange

NEVER_ARRIVED = "the broker never had it"
"""Why an order is over that the broker did not know when it was looked up."""

_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTrade:
    """A trade that is on: the decision it came from, and when it opened."""

    decision_id: str
    opened_session: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What is held of a name on record, all its trades together, and when the oldest of them opened."""

    quantity: Decimal
    opened_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderInDoubt:
    """An order that may or may not be with the broker: look it up before anything else.

    `never_arrived`: it was looked up and not found; a request that was on its way can still bring it.
    """

    client_order_id: str
    never_arrived: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """An order that may still change; `waits_for_legs`: it is over itself, and a leg of it is not."""

    client_order_id: str
    broker_order_id: str
    waits_for_legs: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """What a veto, a shrink or an abstention took away, living on under the same prices (USD).

    `as_of`: when its order would have been sent.
    """

    decision_id: str
    as_of: datetime
    ticker: str
    cause: str
    quantity: Decimal
    limit_price: Decimal
    stop_price: Decimal
    target_price: Decimal
    horizon_sessions: int
    opened_session: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a shadow ended: by "stop", "target", "time", "signal", "drawdown", "run_end", or "never_filled".

    Prices are fills, USD; at "run_end" `exit` is the last close, and what never filled has neither. `fees` are the
    regulatory fees of its fills, `dividends` what was paid while it was held, USD.
    """

    entry: Decimal | None
    exit: Decimal | None
    session: date
    reason: str
    fees: Decimal
    dividends: Decimal = Decimal(0)

    def gained(self, quantity: Decimal) -> Decimal:
        """What `quantity` shares brought after costs, USD to the cent; 0 where the shadow was never entered."""
        if self.entry is None or self.exit is None:
            return Decimal(0)
        return ((self.exit - self.entry) * quantity + self.dividends - self.fees).quantize(_CENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sales:
    """When the desk would have sold whatever it held, each in order of time (aware UTC).

    `signals`: runs of decisions, while the desk was active, in which the model said SELL, by ticker. `latched`: when
    the latch left ACTIVE, which withdraws entries; those of them that had everything sold are in `sold_out` too.
    """

    signals: Mapping[str, tuple[datetime, ...]]
    latched: tuple[datetime, ...]
    sold_out: tuple[datetime, ...]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class CommitteeKey:
    """A committee: a model (digest of weights and sampling) under one version of the prompts."""

    model: str
    model_digest: str
    template_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """An entry that a binding committee took something from, and what that was worth (basis points of its notional)."""

    committee: CommitteeKey
    decision_id: str
    session: date
    worth_bp: float


def worth_bp(size_fraction: float, shadow: Shadow, ending: Ending) -> float:
    """Value added in basis points of the entry's notional: above zero a loss was kept away. 0 where never entered."""
    if ending.entry is None:
        return 0.0
    gained = float(ending.gained(shadow.quantity)) / float(ending.entry * shadow.quantity)
    return -10_000.0 * (1.0 - size_fraction) * gained


@dataclass(frozen=True, slots=True, kw_only=True)
class LookBack:
    """What the rules ask of the days before (USD).

    `week_start`: equity at the start of the week's first session, or when the desk was re-armed if that was later: at
    the first point since, or the last one there is.
    `bought`: limit times quantity of all entries sent in this session. `stopped`: session of the last stop, by ticker.
    """

    week_start: Decimal
    bought: Decimal
    stopped: Mapping[str, date]


def by_ticker(told: Iterable[tuple[datetime, Sequence[str]]]) -> dict[str, tuple[datetime, ...]]:
    """The instants at which each name was among those told, in the order given."""
    found: dict[str, list[datetime]] = {}
    for at, tickers in told:
        for ticker in tickers:
            found.setdefault(ticker, []).append(at)
    return {ticker: tuple(instants) for ticker, instants in found.items()}


class Record(Protocol):
    """The record of one run. Each call is complete when it returns."""

    def event(self, kind: EventKind, subject: str, payload: object, at: datetime) -> None:
        """Something happened that has no place of its own."""
        ...

    def reached(self, at: datetime) -> None:
        """A step is finished."""
        ...

    def record_decision(self, decision: Decision, case: Case | None) -> None:
        """A decision was made; only after this may its order leave."""
        ...

    def record_submitted(self, client_order_id: str, broker_order: BrokerOrder, at: datetime) -> None:
        """The broker has the order."""
        ...

    def record_refused(self, client_order_id: str, reason: str, at: datetime) -> None:
        """The broker does not have the order, and will not."""
        ...

    def record_unknown(self, client_order_id: str, reason: str, at: datetime) -> None:
        """The broker may have the order."""
        ...

    def record_cancel_requested(self, client_order_id: str, reason: str, at: datetime) -> None:
        """A cancel is about to be asked for."""
        ...

    def orders_in_doubt(self) -> tuple[OrderInDoubt, ...]:
        """Orders of which the broker's answer is not known, oldest first."""
        ...

    def unfinished_orders(self) -> tuple[Unfinished, ...]:
        """Entries and exits that may still change, themselves or through a leg, oldest first."""
        ...

    def sync_orders(self, orders: Sequence[BrokerOrder], at: datetime) -> int:
        """Take over what the broker says of orders, legs included; how many changed."""
        ...

    def record_fills(self, fills: Sequence[Fill], fees: Mapping[str, Decimal], at: datetime) -> tuple[Fill, ...]:
        """Book executions, each once however often it is reported; the new ones."""
        ...

    def open_trades(self) -> Mapping[str, OpenTrade]:
        """Trades that are on, by ticker."""
        ...

    def holdings(self, since: datetime) -> Mapping[str, Holding]:
        """What is held by the record, by ticker; nothing of names whose last trade closed after `since`."""
        ...

    def executions(self, tickers: Iterable[str]) -> tuple[Fill, ...]:
        """All executions of `tickers` that are booked, in order of time."""
        ...

    def unbooked(self, fills: Sequence[Fill]) -> tuple[Fill, ...]:
        """Those executions of the run's own orders that `record_fills` would book."""
        ...

    def share_changes(self) -> tuple[ShareChange, ...]:
        """Splits and new names that are on record, in order of time."""
        ...

    def record_share_change(self, change: ShareChange, fraction: Decimal, paid: Decimal, at: datetime) -> None:
        """The account shows `change`: what is held follows it, once however often it is told.

        For the `fraction` of a share that it leaves, which may be none, it was `paid` USD.
        """
        ...

    def expected_cash(self, fresh: Sequence[Fill]) -> Decimal | None:
        """Cash at the last point of the equity curve, and what executions since made of it (USD); None before one.

        `fresh` are executions that are not booked yet.
        """
        ...

    def record_equity(
        self,
        at: datetime,
        session: date,
        equity: Decimal,
        cash: Decimal,
        day_start: Decimal,
        holdings: Mapping[str, tuple[Decimal, Decimal]],
    ) -> Decimal:
        """One point of the equity curve; returns the peak since the run began or was last re-armed (USD)."""
        ...

    def settled_at(self) -> datetime | None:
        """Market time of the last point of the equity curve; None before the first."""
        ...

    def look_back(self, session: date) -> LookBack:
        """What the rules ask of the days before, in `session`; equity must have been recorded."""
        ...

    def trading_state(self) -> TradingState:
        """The latch as it stands."""
        ...

    def idle_since(self) -> datetime:
        """When the account last held something, or the latch last moved, whichever is later."""
        ...

    def is_below_peak(self) -> bool:
        """Whether the last point of the equity curve lies below the peak."""
        ...

    def set_trading_state(self, state: TradingState, reason: str, changed_by: str, at: datetime) -> bool:
        """Tighten the latch; False, and nothing moves, when it stands there already or more strictly."""
        ...

    def rearm(self, reason: str, person: str, at: datetime) -> None:
        """Back to ACTIVE; drawdown is measured anew from here."""
        ...

    def record_sell_signals(self, tickers: Sequence[str], at: datetime) -> None:
        """The model said SELL of these in a run of decisions, whether they were held or not."""
        ...

    def sales(self) -> Sales:
        """When the desk would have sold what it held."""
        ...

    def open_shadows(self) -> tuple[Shadow, ...]:
        """Shadow positions that have not ended, oldest first."""
        ...

    def end_shadow(self, decision_id: str, ending: Ending, gained: Decimal, at: datetime) -> None:
        """A shadow position has ended; `gained` is what it brought after costs (USD)."""
        ...

    def committee_evidence(self) -> tuple[Evidence, ...]:
        """What ended shadow positions say of committees that bound, each since it was last reinstated."""
        ...

    def demoted_committees(self) -> frozenset[CommitteeKey]:
        """Committees that are advisory by their own record."""
        ...

    def demote_committee(
        self, committee: CommitteeKey, reason: str, evidence: Mapping[str, object], at: datetime
    ) -> None:
        """A committee is advisory from now on; an alert says so."""
        ...
