"""One run: holdings first, then entries in order of score, each answer counting before the next is looked at."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from tenthman.config import Config
from tenthman.decision.entries import decide_entry, pending_of, sized_entry
from tenthman.decision.holdings import decide_holding
from tenthman.decision.preparing import Prepared
from tenthman.decision.question import Decided, Holes, Question
from tenthman.decision.standing import Standing, standing_on
from tenthman.domain.errors import DataMissing
from tenthman.domain.opinion import Action, Signal
from tenthman.domain.order import Book, SizedOrder
from tenthman.risk.numbers import rule_numbers


def decide(prepared: Prepared, book: Book, holes: Holes, question: Question, config: Config) -> Iterator[Decided]:
    """Decide every holding, then every BUY candidate, one at a time, so that each can be recorded before the next."""
    by_ticker = {signal.ticker: signal for signal in prepared.signals}
    for position in sorted(book.positions, key=lambda item: item.ticker):
        yield decide_holding(position, by_ticker.get(position.ticker), book, question, config.risk_rules)
    held = {position.ticker for position in book.positions}
    standing = standing_on(book, rule_numbers(config.risk_rules))
    waiting = _candidates(prepared.signals, held)
    holes.expect(_stakes(waiting, standing, prepared, question, config))
    for signal in waiting:
        decided = decide_entry(signal, standing, prepared, holes, question, config)
        outcome = decided.decision.outcome
        if isinstance(outcome, SizedOrder):
            standing = standing.with_entry(pending_of(outcome, prepared.facts[signal.ticker].listing))
        yield decided


def _candidates(found: tuple[Signal, ...], held: set[str]) -> list[Signal]:
    buys = [signal for signal in found if signal.action is Action.BUY and signal.ticker not in held]
    return sorted(buys, key=lambda signal: (-signal.score, signal.ticker))


def _stakes(
    waiting: Sequence[Signal], standing: Standing, prepared: Prepared, question: Question, config: Config
) -> dict[str, Decimal]:
    """The money (USD) that each entry would put in if it were the only one: what it may lose overnight, stop or not."""
    stakes = {}
    for signal in waiting:
        try:
            sized = sized_entry(signal, standing, prepared, question, config)
        except DataMissing:
            continue
        if isinstance(sized, SizedOrder) and sized.limit_price is not None:
            stakes[signal.ticker] = sized.quantity * sized.limit_price
    return stakes
