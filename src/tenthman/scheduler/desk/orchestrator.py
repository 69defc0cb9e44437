"""The desk's cycle: gather -> decide -> act -> record.

1. `run_cycle` (twice a session): settle with the broker, gather, prepare, then for each decision: record it, act on
   it, record what came of it.
2. `check` in intraday.py (every 30 minutes): settle with the broker, watch the drawdown, close what must be closed.
3. Settling is also how the desk starts and recovers: the broker is the truth for orders, fills, positions and cash.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

import structlog

from tenthman.config import Config
from tenthman.decision import Decided, Prepared, Question, decide, decide_exits
from tenthman.domain.audit import EventKind, Slot, session_of_entry
from tenthman.domain.broker import Broker
from tenthman.domain.errors import BrokerUnavailable, DataError
from tenthman.domain.market import SessionHours, Universe
from tenthman.domain.opinion import Action, Exit
from tenthman.domain.order import Book, BrokerOrder, Denial, Fill, Purpose, SizedOrder, TradingState
from tenthman.execution.fees import regulatory_fees
from tenthman.execution.orders import Refused, Sent, Unknown, send
from tenthman.ml.inference import SignalModel
from tenthman.risk.figures import STATES
from tenthman.scheduler.account.book import BrokerState, build_book, flatten
from tenthman.scheduler.account.share_watch import ShareWatch, follow, tell_missing, tell_old_prices
from tenthman.scheduler.committee.holes import Cycle, CycleHoles
from tenthman.scheduler.desk.timeline import Step, StepKind
from tenthman.scheduler.gathering.sight import Sight
from tenthman.scheduler.outcomes.corporate_actions import Dividends, Splits, no_dividends, no_splits
from tenthman.scheduler.record import NEVER_ARRIVED, Record
from tenthman.utils.logging import bind

CANCEL_TRIES = 20
FILLS_LOOK_BACK = timedelta(days=7)
"""How far before the last settling fills are read again: some come late, and one that is booked counts once."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The parts one run is made of. Which world it trades in shows only in what was put here.

    `model_of` names the model that decides in a session. `rearm_after_sessions`: how long the desk stays halted where
    a rule stands in for the person who re-arms; None where it is a person. `lateness`: seconds by which the wall
    clock is past a step's time; none where the market waits for the desk. `kill_switch`: what it asks for now.
    `dividends`: what the account is paid, for entries that it was not let to make. `splits`: those
    that bars are adjusted for later, for the same. `shares`: what is known of splits and new names of what is held.
    `doubted`: ticker and session of the bars up to a day that are flagged; none where nobody flags any.
    """

    config: Config
    broker: Broker
    sight: Sight
    ledger: Record
    model_of: Callable[[date], SignalModel]
    holes: CycleHoles
    universe: Universe
    hours: tuple[SessionHours, ...]
    pause: Callable[[float], None]
    rearm_after_sessions: int | None
    lateness: Callable[[datetime], float] = lambda _at: 0.0
    kill_switch: Callable[[], TradingState] = lambda: TradingState.ACTIVE
    dividends: Dividends = no_dividends
    splits: Splits = no_splits
    shares: ShareWatch = field(default_factory=ShareWatch)
    doubted: Callable[[date], frozenset[tuple[str, date]]] = lambda _last: frozenset()


def run_cycle(desk: Desk, step: Step) -> Book:
    """One full decision run; returns the book it started from."""
    slot = Slot.MORNING if step.kind is StepKind.MORNING else Slot.AFTERNOON
    desk.ledger.event(EventKind.CYCLE_STARTED, f"{step.session}-{slot.value}", {"kind": step.kind.value}, step.at)
    book = settle_without_leftovers(desk, step)
    model = desk.model_of(step.session)
    question = question_of(desk, step, slot)
    prepared = _prepared(desk, model, book, question)
    if book.state is TradingState.ACTIVE:
        sold = sorted(signal.ticker for signal in prepared.signals if signal.action is Action.SELL)
        desk.ledger.record_sell_signals(sold, step.at)
    counts = {"signals": len(prepared.signals), "skipped": len(prepared.skipped), "sent": 0, "decisions": 0}
    for decided in decide(prepared, book, desk.holes(_cycle(desk, step)), question, desk.config):
        counts["decisions"] += 1
        counts["sent"] += act(desk, decided, step.at)
    desk.ledger.event(EventKind.CYCLE_FINISHED, f"{step.session}-{slot.value}", counts, step.at)
    log.info("cycle finished", slot=slot.value, session=str(step.session), **counts)
    return book


def _prepared(desk: Desk, model: SignalModel, book: Book, question: Question) -> Prepared:
    """The market as known. Where it cannot be, what is due whatever it looks like is sold before the run fails."""
    try:
        return desk.sight.prepare(question.as_of, model, book)
    except (BrokerUnavailable, DataError):
        sell_due(desk, book, question)
        raise


def sell_due(desk: Desk, book: Book, question: Question) -> None:
    """Sell what must be sold whatever a model says: by time, without a stop, or because the book is reduced."""
    for decided in decide_exits(book, question, desk.config.risk_rules):
        if isinstance(decided.decision.verdict, Exit):
            act(desk, decided, question.as_of)


def act(desk: Desk, decided: Decided, at: datetime) -> bool:
    """Commit the decision, then send its order if it has one; tells whether an order reached the broker."""
    decision = decided.decision
    with bind(decision_id=decision.id):
        desk.ledger.record_decision(decision, decided.case)
        match decision.outcome:
            case SizedOrder() as order:
                if not _may_leave(desk, order):
                    desk.ledger.record_refused(order.client_order_id, "the kill switch is pulled", at)
                    log.warning("order held back by the kill switch", client_order_id=order.client_order_id)
                    return False
                obstacle = _obstacle(desk, order, at) if order.purpose is Purpose.EXIT else None
                if obstacle is not None:
                    desk.ledger.record_refused(order.client_order_id, obstacle, at)
                    log.warning("exit held back", client_order_id=order.client_order_id, reason=obstacle)
                    return False
                return _submit(desk, order, at)
            case Denial() | None:
                return False


def settle(desk: Desk, step: Step) -> Book:
    """Take over the broker's truth: orders, fills, cash; record equity; return the book as of now."""
    state, _ = take_over(desk, step.at)
    if step.kind in (StepKind.MORNING, StepKind.CLOSE):
        tell_missing(desk.shares, desk.ledger, step.at)
        tell_old_prices(desk.shares, desk.ledger, flatten(state.orders), step.at)
    return add_point(desk, state, step)


def settle_without_leftovers(desk: Desk, step: Step) -> Book:
    """As `settle`, after entries of earlier sessions are withdrawn: what was decided on for one is bought in no other.

    Some are left where the desk was down at the close, or the broker did not answer then.
    """
    book = settle(desk, step)
    if not any(entry.is_own for entry in book.pending):
        return book
    withdrawn = cancel_entries(desk, "left by an earlier session", step.at, before=step.session)
    return settle(desk, step) if withdrawn else book


def add_point(desk: Desk, state: BrokerState, step: Step) -> Book:
    """Record equity as `state` has it; the book as of now."""
    holdings = {item.ticker: (item.quantity, item.current_price) for item in state.positions}
    account = state.account
    peak = desk.ledger.record_equity(step.at, step.session, account.equity, account.cash, account.last_equity, holdings)
    return _book(desk, state, step, peak)


def take_over(desk: Desk, at: datetime) -> tuple[BrokerState, bool]:
    """Take over orders, splits and fills as the broker has them; what it said, and whether a fill was new."""
    settle_doubts(desk, at)
    state = observe(desk)
    desk.ledger.sync_orders(_changed_orders(desk, state.orders), at)
    fills = desk.broker.fills(min(at, desk.ledger.settled_at() or at) - FILLS_LOOK_BACK)
    booked: list[Fill] = []

    def book(some: Sequence[Fill]) -> None:
        fees = {fill.execution_id: regulatory_fees(fill).total for fill in some}
        booked.extend(desk.ledger.record_fills(some, fees, at))

    seen = (state.account, state.positions)
    book(follow(desk.shares, desk.broker, desk.ledger, seen, fills, book, at))
    for fill in booked:
        log.info("fill", ticker=fill.ticker, side=fill.side.value, quantity=str(fill.quantity), price=str(fill.price))
    return state, bool(booked)


def settle_doubts(desk: Desk, at: datetime) -> None:
    """Look up every order that was committed but whose outcome is not known; nothing is ever sent again.

    A request that was still on its way when its desk died may arrive after the first look: see `OrderInDoubt`.
    """
    for doubt in desk.ledger.orders_in_doubt():
        client_order_id = doubt.client_order_id
        found = desk.broker.find(client_order_id)
        if found is not None:
            desk.ledger.record_submitted(client_order_id, found, at)
        elif not doubt.never_arrived:
            desk.ledger.record_refused(client_order_id, NEVER_ARRIVED, at)


def observe(desk: Desk) -> BrokerState:
    """One look at the broker; an entry that fills meanwhile is in both, at work and held, and never in neither."""
    orders = tuple(desk.broker.open_orders())
    return BrokerState(account=desk.broker.account(), positions=tuple(desk.broker.positions()), orders=orders)


def cancel_entries(desk: Desk, reason: str, at: datetime, *, before: date | None = None) -> int:
    """Cancel every entry of the desk's own that has not filled, or those of sessions `before` a day; returns how many.

    The name alone tells whose an order is. Buy orders of other programs and people on the account are left alone.
    """
    every = ((order, session_of_entry(order.client_order_id)) for order in flatten(desk.broker.open_orders()))
    waiting = [order for order, session in every if session is not None and (before is None or session < before)]
    for order in waiting:
        desk.ledger.record_cancel_requested(order.client_order_id, reason, at)
        desk.broker.cancel(order.id)
    return len(waiting)


def obey_kill_switch(desk: Desk, at: datetime) -> None:
    """Latch what the kill switch asks for, unless the desk stands there already or is more strictly stopped."""
    asked = desk.kill_switch()
    if STATES.index(asked) > STATES.index(desk.ledger.trading_state()):
        set_state(desk, asked, "the kill switch is pulled", "kill switch", at)


def set_state(desk: Desk, state: TradingState, reason: str, changed_by: str, at: datetime) -> None:
    """Tighten the latch, and say so where it moved."""
    if desk.ledger.set_trading_state(state, reason, changed_by, at):
        log.warning("trading state changed", state=state.value, reason=reason)


def question_of(desk: Desk, step: Step, slot: Slot) -> Question:
    """When and under what the decisions of this step are made."""
    return Question(
        session=step.session,
        slot=slot,
        as_of=step.at,
        config_hash=desk.config.hash,
        model_version=desk.model_of(step.session).version,
    )


def _cycle(desk: Desk, step: Step) -> Cycle:
    """What the committee is given: the time until the open (the close, in the afternoon), and who may not bind."""
    hours = next(item for item in desk.hours if item.session == step.session)
    until = hours.open_at if step.kind is StepKind.MORNING else hours.close_at
    available = (until - step.at).total_seconds() - desk.lateness(step.at)
    return Cycle(available_s=available, demoted=desk.ledger.demoted_committees())


def _may_leave(desk: Desk, order: SizedOrder) -> bool:
    """Whether the kill switch lets an order through: asked anew for each, before anything is done for it."""
    asked = desk.kill_switch()
    if asked is TradingState.REDUCING:
        return order.purpose is Purpose.EXIT
    return asked is TradingState.ACTIVE


def _submit(desk: Desk, order: SizedOrder, at: datetime) -> bool:
    match send(desk.broker, order, pause=desk.pause):
        case Sent(order=accepted):
            desk.ledger.record_submitted(order.client_order_id, accepted, at)
            return True
        case Refused(reason=reason):
            desk.ledger.record_refused(order.client_order_id, reason, at)
            log.warning("order refused", client_order_id=order.client_order_id, reason=reason)
        case Unknown(reason=reason):
            desk.ledger.record_unknown(order.client_order_id, reason, at)
            log.error("order outcome unknown", client_order_id=order.client_order_id, reason=reason)
    return False


def _obstacle(desk: Desk, order: SizedOrder, at: datetime) -> str | None:
    """Why an exit may not leave, once its shares are freed; None where it may.

    A stop or target may have filled since the book was drawn up, and selling the same shares again would be a short
    sale where the broker allows one.
    """
    if not _free_shares(desk, order.ticker, at):
        return "resting orders could not be cancelled"
    held = sum((item.quantity for item in desk.broker.positions() if item.ticker == order.ticker), Decimal(0))
    if held < order.quantity:
        return f"the account holds {held} shares now, {order.quantity} were to be sold"
    return None


def _free_shares(desk: Desk, ticker: str, at: datetime) -> bool:
    """Cancel what rests on the ticker, also what takes its place meanwhile, and wait until the shares are free."""
    asked: set[str] = set()
    for attempt in range(CANCEL_TRIES):
        resting = [order for order in flatten(desk.broker.open_orders()) if order.ticker == ticker]
        if not resting:
            return True
        if attempt:
            desk.pause(0.25)
        for order in resting:
            if order.id in asked:
                continue
            asked.add(order.id)
            desk.ledger.record_cancel_requested(order.client_order_id, "an exit needs the shares", at)
            desk.broker.cancel(order.id)
    return False


def _changed_orders(desk: Desk, at_work: Sequence[BrokerOrder]) -> list[BrokerOrder]:
    """Orders at work, and those that the ledger still thinks so although the broker lists neither them nor a leg."""
    listed = {order.id for order in at_work}
    with_legs = {order.parent_id for order in at_work}
    gone = [
        order.client_order_id
        for order in desk.ledger.unfinished_orders()
        if order.broker_order_id not in (listed | with_legs if order.waits_for_legs else listed)
    ]
    found = [order for identity in gone if (order := desk.broker.find(identity)) is not None]
    return [*at_work, *found]


def _book(desk: Desk, state: BrokerState, step: Step, peak: Decimal) -> Book:
    return build_book(
        state,
        desk.ledger.open_trades(),
        desk.universe,
        desk.hours,
        step.session,
        step.at,
        peak,
        desk.ledger.look_back(step.session),
        desk.ledger.trading_state(),
    )
