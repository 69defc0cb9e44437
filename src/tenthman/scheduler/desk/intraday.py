"""Intraday: watch the account, latch the drawdown stop, close what must be closed. It never opens anything."""

from tenthman.domain.audit import EventKind, Slot
from tenthman.domain.market import NEW_YORK
from tenthman.domain.order import EXTERNAL, Book, TradingState
from tenthman.risk.emergency import next_state, rearms
from tenthman.risk.numbers import rule_numbers
from tenthman.scheduler.account.book import sessions_between
from tenthman.scheduler.committee.demotion import judge_committees
from tenthman.scheduler.desk.orchestrator import (
    Desk,
    cancel_entries,
    obey_kill_switch,
    question_of,
    run_cycle,
    sell_due,
    set_state,
    settle,
    settle_without_leftovers,
)
from tenthman.scheduler.desk.timeline import Step, StepKind
from tenthman.scheduler.desk.trailing import raise_stops
from tenthman.scheduler.outcomes.shadows import settle_shadows, shadow_market


def run_step(desk: Desk, step: Step) -> Book:
    """Do what the step asks for; returns the book as the step found it."""
    if step.kind is StepKind.MORNING:
        _rearm_if_due(desk, step)
        obey_kill_switch(desk, step.at)
        return run_cycle(desk, step)
    obey_kill_switch(desk, step.at)
    book = check(desk, step)
    if step.kind is StepKind.AFTERNOON:
        return run_cycle(desk, step)
    if step.kind is StepKind.CLOSE:
        return _close(desk, step)
    return book


def check(desk: Desk, step: Step) -> Book:
    """Settle with the broker, move the latch if the drawdown says so, and do what the latch asks for."""
    book = settle_without_leftovers(desk, step)
    _alert_unprotected(desk, book, step)
    change = next_state(book, rule_numbers(desk.config.risk_rules))
    if change is not None:
        set_state(desk, change.state, change.reason, "drawdown stop", step.at)
    elif book.state is TradingState.ACTIVE:
        return book
    if any(entry.is_own for entry in book.pending):
        cancel_entries(desk, "the desk may not enter", step.at)
    if step.kind is not StepKind.CLOSE:
        _close_all(desk, step)
    return settle(desk, step)


def _close(desk: Desk, step: Step) -> Book:
    """After the close: entries that did not fill are withdrawn, the session's bars come in, shadows end by them."""
    cancel_entries(desk, "not filled by the close", step.at)
    book = settle(desk, step)
    view = desk.sight.after_close(step.at)
    raise_stops(desk, book, view, step)
    sales, doubted = desk.ledger.sales(), desk.doubted(step.session)
    market = shadow_market(desk.config, view.panel, desk.hours, sales, desk.dividends, desk.splits, doubted)
    if settle_shadows(desk.ledger, market, step.at, final=False):
        horizon = desk.config.risk_rules.stops.horizon_sessions
        judge_committees(desk.ledger, desk.config.agents.demotion, horizon, step.at)
    return book


def _rearm_if_due(desk: Desk, step: Step) -> None:
    """Where a rule re-arms: ACTIVE with a new peak, once nothing was held for so many sessions."""
    ledger, needed = desk.ledger, desk.rearm_after_sessions
    idle = sessions_between(desk.hours, ledger.idle_since().astimezone(NEW_YORK).date(), step.session)
    if rearms(ledger.trading_state(), idle, ledger.is_below_peak(), needed):
        ledger.rearm(f"nothing held for {needed} sessions", "rule: drawdown.rearm_after_sessions", step.at)


def _close_all(desk: Desk, step: Step) -> None:
    book = settle(desk, step)
    sell_due(desk, book, question_of(desk, step, Slot.CHECK))


def _alert_unprotected(desk: Desk, book: Book, step: Step) -> None:
    """A holding of ours without a resting stop and without an exit at work is an alert, every time it is seen."""
    ours = [item for item in book.positions if item.decision_id != EXTERNAL]
    bare = [item.ticker for item in ours if item.stop_price is None and item.ticker not in book.exiting]
    if bare:
        desk.ledger.event(EventKind.ALERT, "unprotected", {"tickers": bare}, step.at)
