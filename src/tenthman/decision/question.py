"""What a run of decisions is asked, by whom it is reviewed, and what it answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from tenthman.domain.audit import Decision, Slot, decision_id
from tenthman.domain.news import Passage
from tenthman.domain.opinion import Case, Review, Signal, Verdict
from tenthman.domain.order import Denial, SizedOrder

Quote = Callable[[str, str, datetime], tuple[Passage, ...]]
"""Headlines that a case on (ticker, name) may quote as of an instant."""


Reviewer = Callable[[Case, float], Review]
"""The committee's whole answer on a case, given how far the book is below its peak (fraction)."""


Expect = Callable[[Mapping[str, Decimal]], None]
"""Told the entries to come, in the order in which they are decided, with the money that each would put in (USD)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holes:
    """The two openings to the outside: headlines to quote, and the committee that a sized entry is put to.

    `expect` is told what is to come before the first entry is decided.
    """

    quote: Quote
    review: Reviewer
    expect: Expect = lambda _stakes: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A decision and the case that it was made on (None where nothing was put to the committee)."""

    decision: Decision
    case: Case | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """When and under what the decisions of one run are made; ids derive from it."""

    session: date
    slot: Slot
    as_of: datetime
    config_hash: str
    model_version: str

    def id_for(self, ticker: str) -> str:
        """The decision id of `ticker` in this run."""
        return decision_id(self.session, self.slot, ticker, self.config_hash, self.model_version, self.as_of)


def decision_of(
    question: Question,
    ticker: str,
    signal: Signal | None,
    verdict: Verdict,
    outcome: SizedOrder | Denial | None,
    case: Case | None = None,
    answer: Review | None = None,
    shadow: SizedOrder | None = None,
) -> Decision:
    """The decision of `question` on one ticker."""
    return Decision(
        id=question.id_for(ticker),
        session=question.session,
        slot=question.slot,
        as_of=question.as_of,
        ticker=ticker,
        case_hash=case.hash if case else None,
        signal=signal,
        critiques=answer.critiques if answer else (),
        verdict=verdict,
        outcome=outcome,
        shadow=shadow,
        config_hash=question.config_hash,
        model_version=question.model_version,
    )
