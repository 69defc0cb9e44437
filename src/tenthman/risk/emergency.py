"""Emergency: the drawdown stop. It latches; only a person re-arms it, or in a rehearsal the stated rule."""

from dataclasses import dataclass

from tenthman.domain.order import EXTERNAL, Book, TradingState
from tenthman.risk import arithmetic
from tenthman.risk.figures import STATES, drawdown_of
from tenthman.risk.numbers import RuleNumbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A move of the latch, and the sentence that says why."""

    state: TradingState
    reason: str


def next_state(book: Book, rules: RuleNumbers) -> Change | None:
    """What the latch must become now, or None to leave it.

    ACTIVE becomes REDUCING when the drawdown from any reference reaches its limit; REDUCING becomes HALTED when nothing
    of the desk's own is held or pending, whatever others have on the account. It never moves back here.
    """
    lost, limit, _, nearest = drawdown_of(book, rules)
    is_holding = any(item.decision_id != EXTERNAL for item in book.positions)
    is_flat = not is_holding and not any(item.is_own for item in book.pending)
    state = STATES[arithmetic.latch(STATES.index(book.state), is_flat, lost, limit)]
    if state is book.state:
        return None
    if state is TradingState.HALTED:
        return Change(state=state, reason="all positions of the desk are closed")
    return Change(
        state=state,
        reason=f"drawdown from {arithmetic.REFERENCES[nearest]} must be below {limit / arithmetic.ONE:g}, "
        f"was {lost / arithmetic.ONE:.4f}",
    )


def rearms(state: TradingState, idle_sessions: int, is_below_peak: bool, after_sessions: int | None) -> bool:
    """Whether the stated rule (`rearm_after_sessions`, None: nobody) re-arms a desk that held nothing for so long."""
    return arithmetic.rearms(STATES.index(state), idle_sessions, is_below_peak, after_sessions or 0)
