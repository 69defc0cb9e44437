"""Emergency: the drawdown stop. It latches; only a person re-arms it."""

from dataclasses import dataclass
from decimal import Decimal

from tenthman.config import DrawdownRules
from tenthman.domain.order import Book, TradingState
from tenthman.risk.constraints import drawdown_from


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A move of the latch, and the sentence that says why."""

    state: TradingState
    reason: str


def next_state(book: Book, rules: DrawdownRules) -> Change | None:
    """What the latch must become now, or None to leave it.

    ACTIVE becomes REDUCING when any reference's drawdown reaches the limit; REDUCING becomes HALTED when nothing is
    held or pending. It never moves back: re-arming is a person's command.
    """
    if book.state is TradingState.REDUCING and not book.positions and not book.pending:
        return Change(state=TradingState.HALTED, reason="all positions are closed after the drawdown stop")
    if book.state is not TradingState.ACTIVE:
        return None
    limit = Decimal(str(rules.limit_fraction))
    for reference in rules.references:
        lost = drawdown_from(reference, book)
        if lost >= limit:
            return Change(
                state=TradingState.REDUCING,
                reason=f"drawdown from {reference} must be below {limit}, was {lost:.4f}",
            )
    return None
