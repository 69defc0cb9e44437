"""Leaving: what becomes of each holding."""

from collections.abc import Iterator, Mapping

from tenthman.config import RiskRules
from tenthman.decision.question import Decided, Question, decision_of
from tenthman.domain.opinion import Action, Exit, Hold, Signal
from tenthman.domain.order import EXTERNAL, Book, Position
from tenthman.risk import arithmetic
from tenthman.risk.controller import exit_order
from tenthman.risk.figures import STATES

_HOLDING_VERDICTS: Mapping[int, Exit | Hold] = {
    arithmetic.HOLD: Hold(reason="nothing says sell"),
    arithmetic.HOLD_EXTERNAL: Hold(reason="not opened by the desk"),
    arithmetic.HOLD_EXITING: Hold(reason="an exit is already at work"),
    arithmetic.HOLD_HALTED: Hold(reason="halted; resting stops protect it"),
    arithmetic.EXIT_DRAWDOWN: Exit(reason="drawdown stop"),
    arithmetic.EXIT_UNPROTECTED: Exit(reason="unprotected"),
    arithmetic.EXIT_TIME: Exit(reason="time"),
    arithmetic.EXIT_SIGNAL: Exit(reason="signal"),
}


def decide_exits(book: Book, question: Question, rules: RiskRules) -> Iterator[Decided]:
    """Decide every holding without a model's opinion: what an intraday check may do."""
    for position in sorted(book.positions, key=lambda item: item.ticker):
        yield decide_holding(position, None, book, question, rules)


def decide_holding(
    position: Position, signal: Signal | None, book: Book, question: Question, rules: RiskRules
) -> Decided:
    """Hold or sell one position, with the reason; `signal` None: nobody has an opinion on it."""
    verdict = _holding_verdict(position, signal, book, rules)
    identity = question.id_for(position.ticker)
    outcome = exit_order(position, identity) if isinstance(verdict, Exit) else None
    return Decided(decision=decision_of(question, position.ticker, signal, verdict, outcome), case=None)


def _holding_verdict(position: Position, signal: Signal | None, book: Book, rules: RiskRules) -> Exit | Hold:
    code = arithmetic.holding_reason(
        STATES.index(book.state),
        position.decision_id == EXTERNAL,
        position.ticker in book.exiting,
        position.stop_price is not None,
        position.sessions_held,
        rules.stops.horizon_sessions,
        signal is not None and signal.action is Action.SELL,
    )
    return _HOLDING_VERDICTS[code]
