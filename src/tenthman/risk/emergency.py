"""Emergency: the drawdown stop. It latches; only a person re-arms it, or in a rehearsal the stated rule."""

from dataclasses import dataclass

from tenthman.config import DrawdownRules
from tenthman.domain.money import millionths
from tenthman.domain.order import Book, TradingState
from tenthman.risk import arithmetic
from tenthman.risk.constraints import STATES, drawdown_from


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A move of the latch, and the sentence that says why."""

    state: TradingState
    reason: str


def next_state(book: Book, rules: DrawdownRules) -> Change | None:
    """What the latch must become now, or None to leave it.

    ACTIVE becomes REDUCING when any reference's drawdown reaches the limit; REDUCING becomes HALTED when nothing is
    held or pending. It never moves back here.
    """
    limit = millionths("limit_fraction", rules.limit_fraction)
    lost = {reference: drawdown_from(reference, book) for reference in rules.references}
    is_flat = not book.positions and not book.pending
    state = STATES[arithmetic.latch(STATES.index(book.state), is_flat, max(lost.values()), limit)]
    if state is book.state:
        return None
    if state is TradingState.HALTED:
        return Change(state=state, reason="all positions are closed after the drawdown stop")
    reference = next(name for name, fraction in lost.items() if fraction >= limit)
    return Change(
        state=state,
        reason=f"drawdown from {reference} must be below {rules.limit_fraction}, "
        f"was {lost[reference] / arithmetic.ONE:.4f}",
    )


def rearms(state: TradingState, idle_sessions: int, is_below_peak: bool, after_sessions: int | None) -> bool:
    """Whether the stated rule (`rearm_after_sessions`, None: nobody) re-arms a desk that held nothing for so long."""
    return arithmetic.rearms(STATES.index(state), idle_sessions, is_below_peak, after_sessions or 0)
