"""Entering: prices are proposed, sized by risk, put to the committee, and shrunk, vetoed or let pass."""

from typing import assert_never

from tenthman.config import Agents, Config
from tenthman.decision.cases import case_of, plan_figures
from tenthman.decision.preparing import Prepared
from tenthman.decision.question import Decided, Holes, Question, decision_of
from tenthman.decision.standing import Standing
from tenthman.domain.errors import DataMissing
from tenthman.domain.market import Listing
from tenthman.domain.opinion import Abstain, Enter, Hold, Review, Signal, Veto
from tenthman.domain.order import Denial, PendingEntry, SizedOrder
from tenthman.risk.clusters import apart_from
from tenthman.risk.constraints import Candidate
from tenthman.risk.controller import assess, shrink
from tenthman.risk.stops import propose


def decide_entry(
    signal: Signal, standing: Standing, prepared: Prepared, holes: Holes, question: Question, config: Config
) -> Decided:
    """Decide one candidate where the run stands."""
    facts = prepared.facts[signal.ticker]
    try:
        sized = sized_entry(signal, standing, prepared, question, config)
        if isinstance(sized, Denial):
            denied = Hold(reason=f"risk: {sized.rule}")
            return Decided(decision=decision_of(question, signal.ticker, signal, denied, sized), case=None)
        case = case_of(signal, facts, question.as_of, holes.quote)
    except DataMissing as error:
        return Decided(decision=decision_of(question, signal.ticker, signal, Hold(reason=str(error)), None), case=None)
    case = case.with_figures(plan_figures(sized, signal, facts, standing.book, standing.figures))
    answer = holes.review(case, float(standing.book.drawdown))
    outcome, shadow = _settle(sized, answer, config.agents)
    return Decided(
        decision=decision_of(question, signal.ticker, signal, answer.verdict, outcome, case, answer, shadow), case=case
    )


def sized_entry(
    signal: Signal, standing: Standing, prepared: Prepared, question: Question, config: Config
) -> SizedOrder | Denial:
    """What risk would let the desk buy. DataMissing where no prices can be proposed."""
    facts, book, rules = prepared.facts[signal.ticker], standing.figures, config.risk_rules
    proposal = propose(signal, facts.last_price, facts.atr, rules.stops, rules.structure_stop, facts.low)
    candidate = Candidate(
        ticker=signal.ticker,
        issuer=facts.listing.issuer,
        sector=facts.listing.sector,
        median_volume=facts.median_volume,
        faults=facts.faults,
        barred=facts.barred,
        apart=apart_from(signal.ticker, book.tickers, prepared.moves, book.rules.cluster_correlation),
    )
    return assess(proposal, candidate, book, question.id_for(signal.ticker), standing.entries)


def _settle(sized: SizedOrder, answer: Review, agents: Agents) -> tuple[SizedOrder | Denial | None, SizedOrder | None]:
    """What is sent, and what would have been sent if the committee had said nothing (None: the same)."""
    match answer.verdict:
        case Enter(size_fraction=1.0):
            return sized, None
        case Enter(size_fraction=size_fraction):
            return shrink(sized, size_fraction), sized
        case Veto():
            return None, sized
        case Abstain():
            if agents.unreviewed == "reduce":
                return shrink(sized, agents.unreviewed_size_fraction), sized
            return None, sized
        case _:
            assert_never(answer.verdict)


def pending_of(order: SizedOrder, listing: Listing) -> PendingEntry:
    """An entry that is sent, as the book counts it. ValueError without limit and stop."""
    if order.limit_price is None or order.stop_price is None:
        raise ValueError(f"{order.client_order_id}: an entry must carry limit and stop prices")
    return PendingEntry(
        ticker=order.ticker,
        issuer=listing.issuer,
        sector=listing.sector,
        quantity=order.quantity,
        limit_price=order.limit_price,
        stop_price=order.stop_price,
    )
