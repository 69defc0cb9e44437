"""The record of a run in memory: what the desk must be able to look up while it runs, and what a result is made of."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from tenthman.backtest.shares import Shares
from tenthman.domain.audit import Decision, EventKind
from tenthman.domain.market import NEW_YORK
from tenthman.domain.opinion import Case
from tenthman.domain.order import BrokerOrder, Fill, Purpose, SizedOrder, TradingState
from tenthman.domain.shares import ShareChange
from tenthman.risk.figures import STATES
from tenthman.scheduler.committee.demotion import evidence_of
from tenthman.scheduler.record import (
    CommitteeKey,
    Ending,
    Evidence,
    Holding,
    LookBack,
    OpenTrade,
    OrderInDoubt,
    Sales,
    Shadow,
    Unfinished,
    by_ticker,
)
from tenthman.scheduler.state.rows import shadow_of
from tenthman.scheduler.state.share_changes import cash_of


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChange:
    """A move of the latch."""

    state: TradingState
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityPoint:
    """The account at one look, USD."""

    at: datetime
    equity: Decimal
    cash: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedShadow:
    """A shadow position that has ended; `gained` is what it brought after costs (USD)."""

    shadow: Shadow
    ending: Ending
    gained: Decimal


@dataclass(slots=True)
class SentOrder:
    """An order with the broker: the decision's order and the broker's latest word on it."""

    order: SizedOrder
    at: datetime
    told: BrokerOrder


@dataclass(slots=True)
class MemoryRecord:
    """Keeps the promise of `Record` for one run in one process; nothing survives it.

    `refused` and `doubts` stay empty on an exchange in the same process; they are kept because the promise says so.
    """

    starting_cash: Decimal
    begun: datetime
    decisions: list[Decision] = field(default_factory=list)
    cases: dict[str, Case] = field(default_factory=dict)
    sent: dict[str, SentOrder] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    doubts: dict[str, OrderInDoubt] = field(default_factory=dict)
    states: list[StateChange] = field(default_factory=list)
    alerts: list[tuple[str, object, datetime]] = field(default_factory=list)
    points: list[EquityPoint] = field(default_factory=list)
    ended_shadows: list[EndedShadow] = field(default_factory=list)
    demotions: dict[CommitteeKey, str] = field(default_factory=dict)
    _said_sell: list[tuple[datetime, Sequence[str]]] = field(default_factory=list)
    _open_shadows: dict[str, Shadow] = field(default_factory=dict)
    _shadowed: dict[str, Decision] = field(default_factory=dict)
    _evidence: list[Evidence] = field(default_factory=list)
    _intents: dict[str, SizedOrder] = field(default_factory=dict)
    _by_broker_id: dict[str, str] = field(default_factory=dict)
    _unfinished: dict[str, Unfinished] = field(default_factory=dict)
    _booked: set[str] = field(default_factory=set)
    _shares: Shares = field(init=False)
    _peak: Decimal | None = None
    _week: date | None = None
    _week_start: Decimal | None = None
    _bought: dict[date, Decimal] = field(default_factory=dict)
    _stopped: dict[str, date] = field(default_factory=dict)
    _held_at: datetime | None = None

    def __post_init__(self) -> None:
        self.states.append(StateChange(state=TradingState.ACTIVE, reason="run started", at=self.begun))
        self._peak = self.starting_cash
        self._shares = Shares(decision_of=self._decision_of)

    @property
    def fills(self) -> Sequence[tuple[Fill, Decimal]]:
        """Executions with their regulatory fees (USD), as they were booked."""
        return self._shares.fills

    def event(self, kind: EventKind, subject: str, payload: object, at: datetime) -> None:
        """Alerts are kept; the rest tells a story that nobody reads here."""
        if kind is EventKind.ALERT:
            self.alerts.append((subject, payload, at))

    def reached(self, at: datetime) -> None:
        """Nothing to go back to after an interruption."""

    def record_decision(self, decision: Decision, case: Case | None) -> None:
        """Keep the decision, its case and the order that it may send."""
        self.decisions.append(decision)
        if case is not None:
            self.cases[case.hash] = case
        if isinstance(decision.outcome, SizedOrder):
            self._intents[decision.outcome.client_order_id] = decision.outcome
        shadow = shadow_of(decision)
        if shadow is not None:
            self._open_shadows[decision.id] = shadow
            self._shadowed[decision.id] = decision

    def record_submitted(self, client_order_id: str, broker_order: BrokerOrder, at: datetime) -> None:
        """The broker has the order. KeyError for one that no decision sent."""
        self.doubts.pop(client_order_id, None)
        self._note_bought(client_order_id, at)
        self.sent[client_order_id] = SentOrder(self._intents[client_order_id], at, broker_order)
        for order in (broker_order, *broker_order.legs):
            self._by_broker_id[order.id] = client_order_id
        self._note(client_order_id, broker_order)

    def record_refused(self, client_order_id: str, reason: str, at: datetime) -> None:
        """The broker does not have the order."""
        self.doubts.pop(client_order_id, None)
        self.refused[client_order_id] = reason

    def record_unknown(self, client_order_id: str, reason: str, at: datetime) -> None:
        """The broker may have the order."""
        self.doubts[client_order_id] = OrderInDoubt(client_order_id=client_order_id)

    def record_cancel_requested(self, client_order_id: str, reason: str, at: datetime) -> None:
        """The broker's next word on the order says what came of it."""

    def orders_in_doubt(self) -> tuple[OrderInDoubt, ...]:
        """Orders of which the broker's answer is not known."""
        return tuple(self.doubts.values())

    def unfinished_orders(self) -> tuple[Unfinished, ...]:
        """Entries and exits that may still change, themselves or through a leg."""
        return tuple(self._unfinished.values())

    def sync_orders(self, orders: Sequence[BrokerOrder], at: datetime) -> int:
        """Take over the broker's word on the orders that this run sent; how many changed."""
        changed = 0
        for told in orders:
            sent = self.sent.get(told.client_order_id)
            if sent is not None and sent.told != told:
                sent.told = told
                for order in (told, *told.legs):
                    self._by_broker_id[order.id] = told.client_order_id
                self._note(told.client_order_id, told)
                changed += 1
        return changed

    def record_fills(self, fills: Sequence[Fill], fees: Mapping[str, Decimal], at: datetime) -> tuple[Fill, ...]:
        """Book executions, each once; one of an order that this run never sent is left alone."""
        fresh = self.unbooked(fills)
        for fill in fresh:
            self._booked.add(fill.execution_id)
            self._shares.book(fill, fees.get(fill.execution_id, Decimal(0)))
            if purpose_of(self.order_of(fill), fill) is Purpose.STOP:
                self._stopped[fill.ticker] = fill.filled_at.astimezone(NEW_YORK).date()
        return fresh

    def open_trades(self) -> Mapping[str, OpenTrade]:
        """Trades that are on, by ticker."""
        return self._shares.trades

    def holdings(self, since: datetime) -> Mapping[str, Holding]:
        """What is held by the record, by ticker; nothing of names whose last trade closed after `since`."""
        return self._shares.holdings(since)

    def executions(self, tickers: Iterable[str]) -> tuple[Fill, ...]:
        """All executions of `tickers` that are booked, in order of time."""
        names = set(tickers)
        return tuple(fill for fill in self._shares.in_order() if fill.ticker in names)

    def unbooked(self, fills: Sequence[Fill]) -> tuple[Fill, ...]:
        """Those executions of the run's own orders that `record_fills` would book."""
        return tuple(fill for fill in fills if fill.execution_id not in self._booked and self._is_ours(fill))

    def share_changes(self) -> tuple[ShareChange, ...]:
        """Splits and new names that are on record, in order of time."""
        return self._shares.changes()

    def record_share_change(self, change: ShareChange, fraction: Decimal, paid: Decimal, at: datetime) -> None:
        """The account shows `change`: what is held follows it, once; a `fraction` is sold for `paid` USD."""
        self._shares.change(change, fraction, paid)

    def expected_cash(self, fresh: Sequence[Fill]) -> Decimal | None:
        """Cash at the last point, and what executions since made of it (USD); None before one."""
        if not self.points:
            return None
        last = self.points[-1]
        since = [fill for fill in (*(booked for booked, _ in self.fills), *fresh) if fill.filled_at > last.at]
        return last.cash + sum(map(cash_of, since), Decimal(0))

    def record_equity(
        self,
        at: datetime,
        session: date,
        equity: Decimal,
        cash: Decimal,
        day_start: Decimal,
        holdings: Mapping[str, tuple[Decimal, Decimal]],
    ) -> Decimal:
        """Keep the point; the peak since the run began or was last re-armed (USD)."""
        self.points.append(EquityPoint(at=at, equity=equity, cash=cash))
        if holdings:
            self._held_at = at
        self._peak = equity if self._peak is None else max(self._peak, equity)
        week = session - timedelta(days=session.weekday())
        if week != self._week:
            self._week, self._week_start = week, day_start
        elif self._week_start is None:
            self._week_start = equity
        return self._peak

    def settled_at(self) -> datetime | None:
        """Time of the last point; None before the first."""
        return self.points[-1].at if self.points else None

    def look_back(self, session: date) -> LookBack:
        """What the rules ask of the days before. ValueError before the first point."""
        if not self.points:
            raise ValueError(f"equity of {session} must have been recorded")
        week_start = self.points[-1].equity if self._week_start is None else self._week_start
        return LookBack(
            week_start=week_start, bought=self._bought.get(session, Decimal(0)), stopped=dict(self._stopped)
        )

    def trading_state(self) -> TradingState:
        """The latch as it stands."""
        return self.states[-1].state

    def idle_since(self) -> datetime:
        """When the account last held something, or the latch last moved, whichever is later."""
        return self.states[-1].at if self._held_at is None else max(self._held_at, self.states[-1].at)

    def is_below_peak(self) -> bool:
        """Whether the last point of the equity curve lies below the peak."""
        return bool(self.points) and self._peak is not None and self.points[-1].equity < self._peak

    def set_trading_state(self, state: TradingState, reason: str, changed_by: str, at: datetime) -> bool:
        """Tighten the latch; False, and nothing moves, when it stands there already or more strictly."""
        if STATES.index(state) <= STATES.index(self.trading_state()):
            return False
        self.states.append(StateChange(state=state, reason=reason, at=at))
        return True

    def rearm(self, reason: str, person: str, at: datetime) -> None:
        """Back to ACTIVE; the peak begins anew at the next point of the equity curve."""
        self.states.append(StateChange(state=TradingState.ACTIVE, reason=reason, at=at))
        self._peak = self._week_start = None

    def record_sell_signals(self, tickers: Sequence[str], at: datetime) -> None:
        """The model said SELL of these in a run of decisions."""
        self._said_sell.append((at, tickers))

    def sales(self) -> Sales:
        """When the desk would have sold what it held."""
        moved = [change for change in self.states if change.state is not TradingState.ACTIVE]
        return Sales(
            signals=by_ticker(self._said_sell),
            latched=tuple(change.at for change in moved),
            sold_out=tuple(change.at for change in moved if change.state is TradingState.REDUCING),
        )

    def open_shadows(self) -> tuple[Shadow, ...]:
        """Shadow positions that have not ended, oldest first."""
        return tuple(self._open_shadows.values())

    def end_shadow(self, decision_id: str, ending: Ending, gained: Decimal, at: datetime) -> None:
        """A shadow position has ended. KeyError for one that is not open."""
        shadow = self._open_shadows.pop(decision_id)
        evidence = evidence_of(self._shadowed.pop(decision_id), shadow, ending)
        if evidence is not None:
            self._evidence.append(evidence)
        self.ended_shadows.append(EndedShadow(shadow=shadow, ending=ending, gained=gained))

    def committee_evidence(self) -> tuple[Evidence, ...]:
        """What ended shadow positions say of committees that bound."""
        return tuple(self._evidence)

    def demoted_committees(self) -> frozenset[CommitteeKey]:
        """Committees that are advisory by their own record."""
        return frozenset(self.demotions)

    def demote_committee(
        self, committee: CommitteeKey, reason: str, evidence: Mapping[str, object], at: datetime
    ) -> None:
        """A committee is advisory from now on."""
        self.demotions[committee] = reason
        self.alerts.append(("committee demoted", {"model": committee.model, "reason": reason, **evidence}, at))

    def order_of(self, fill: Fill) -> SentOrder | None:
        """The desk's order that `fill` belongs to, itself or through a leg; None for what was paid out in cash."""
        if fill.is_payout or self._shares.is_fraction(fill):
            return None
        return self.sent[self._by_broker_id[fill.broker_order_id]]

    def _decision_of(self, fill: Fill) -> str:
        return self.sent[self._by_broker_id[fill.broker_order_id]].order.decision_id

    def _is_ours(self, fill: Fill) -> bool:
        return fill.is_payout or fill.broker_order_id in self._by_broker_id

    def _note_bought(self, client_order_id: str, at: datetime) -> None:
        order, session = self._intents[client_order_id], at.astimezone(NEW_YORK).date()
        if client_order_id not in self.sent and order.purpose is Purpose.ENTRY and order.limit_price is not None:
            self._bought[session] = self._bought.get(session, Decimal(0)) + order.quantity * order.limit_price

    def _note(self, client_order_id: str, told: BrokerOrder) -> None:
        working = any(not leg.status.is_final for leg in told.legs)
        if told.status.is_final and not working:
            self._unfinished.pop(client_order_id, None)
            return
        self._unfinished[client_order_id] = Unfinished(
            client_order_id=client_order_id, broker_order_id=told.id, waits_for_legs=told.status.is_final
        )


def purpose_of(sent: SentOrder | None, fill: Fill) -> Purpose:
    """Which of an order's prices `fill` was: its own, its target's or its stop's; without an order a payout."""
    if sent is None:
        return Purpose.DELISTED
    if fill.broker_order_id == sent.told.id:
        return sent.order.purpose
    leg = next(item for item in sent.told.legs if item.id == fill.broker_order_id)
    return Purpose.STOP if leg.stop_price is not None else Purpose.TARGET
