"""One committee debate over one name, to be read: nothing is decided or sent.

The case is the desk's own as if the model said BUY and the book were empty. Replies that the tape holds are played; the
language model is started only for those that it does not hold. `keep_debate` puts the opinions on record as asked by a
person: in a run of the world "asked", which no scorecard, report or demotion counts.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from tenthman.agents.base import shown_figures
from tenthman.agents.committee import NO_MODEL, Standing, review
from tenthman.agents.exam import standing_of
from tenthman.agents.llm_interface import LanguageModel, open_language_model, recorded_digest
from tenthman.agents.tape import tape_only, taped
from tenthman.agents.vocabulary import VOCABULARY
from tenthman.config import Config
from tenthman.db.pool import Pool
from tenthman.decision import Holes, Prepared, Question, decide, prepare
from tenthman.domain.audit import Decision, RunKey, Slot
from tenthman.domain.canonical import content_hash
from tenthman.domain.errors import ConfigError, DataMissing, TapeMiss
from tenthman.domain.market import NEW_YORK, Period
from tenthman.domain.opinion import (
    Abstain,
    Action,
    Ask,
    Case,
    Critique,
    Enter,
    Hold,
    ReplyState,
    Review,
    Signal,
    Stance,
    Veto,
)
from tenthman.domain.order import Denial, SizedOrder
from tenthman.news.storage import NewsStore
from tenthman.scheduler.account.book import empty_book
from tenthman.scheduler.clock import wall_now
from tenthman.scheduler.committee.holes import asks_a_model, quote_from
from tenthman.scheduler.gathering.known import KnownMarket
from tenthman.scheduler.models.forecast import last_closes, model_for
from tenthman.scheduler.state.ledger import Ledger

ASKED = "asked"
"""The world of a run that a person asked for."""

RUN_CHARACTERS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Debate:
    """A debate held. `action` is what the model really says of the name; `from_tape`: every reply was played.

    `decision` is what would be recorded of it, with the order that was debated. `run_id` names the run that keeps it,
    and is empty before that.
    """

    decision: Decision
    run_id: str = ""
    market: str
    case: Case
    action: Action
    order: SizedOrder
    review: Review
    from_tape: bool


def hold_debate(config: Config, pool: Pool, market: KnownMarket, as_of: datetime, ticker: str) -> Debate:
    """The committee's debate over an entry in `ticker` as of `as_of`, at the last closes and on an empty book.

    Raises ConfigError when `ticker` is no member then, DataMissing when it sits out or risk would not size an entry.
    """
    prepared, signal = _candidate(config, pool, market, as_of, ticker)
    alone = replace(prepared, signals=(replace(signal, action=Action.BUY),))
    quote = quote_from(market.history.serve, NewsStore(pool, market.market_id), config)
    question = Question(
        session=as_of.astimezone(NEW_YORK).date(),
        slot=Slot.MORNING,
        as_of=as_of,
        config_hash=config.hash,
        model_version=signal.model_version,
    )
    book = empty_book(as_of, Decimal(config.settings.rehearsal.starting_cash_usd))

    def put(ask: Ask | None, standing: Standing) -> Decision:
        holes = Holes(quote=quote, review=lambda case, fall: review(case, ask, config.agents, standing, fall))
        (decided,) = decide(alone, book, holes, question, config)
        if decided.case is None:
            raise DataMissing(
                f"{ticker} would not be bought, so there is nothing to debate: {_denied(decided.decision)}"
            )
        cases.append(decided.case)
        return decided.decision

    cases: list[Case] = []
    decision, from_tape = _put_to_critics(config, pool, put)
    order = decision.shadow or decision.outcome
    if not isinstance(order, SizedOrder):
        raise DataMissing(f"{ticker} would not be bought, so nothing is debated: {_denied(decision)}")
    verdict = decision.verdict
    assert isinstance(verdict, Enter | Veto | Abstain)
    return Debate(
        decision=decision,
        market=market.headline,
        case=cases[-1],
        action=signal.action,
        order=order,
        review=Review(critiques=decision.critiques, verdict=verdict),
        from_tape=from_tape,
    )


def _candidate(
    config: Config, pool: Pool, market: KnownMarket, as_of: datetime, ticker: str
) -> tuple[Prepared, Signal]:
    """What is prepared as of `as_of`, and the signal of `ticker` in it."""
    view = market.history.serve(as_of)
    if view.last_session is None:
        raise DataMissing(f"`--as-of` must lie after the market's first session, was {as_of.isoformat()}")
    model, _ = model_for(config, pool, market, view, None)
    prepared = prepare(view, model, last_closes(view), config)
    signal = next((item for item in prepared.signals if item.ticker == ticker), None)
    if signal is not None:
        return prepared, signal
    if ticker in prepared.skipped:
        raise DataMissing(f"{ticker} sits out as of {as_of.isoformat()}: {prepared.skipped[ticker]}")
    raise ConfigError(f"`ticker` must be a member as of {as_of.isoformat()}, was {ticker!r}")


def keep_debate(
    config: Config, pool: Pool, market: KnownMarket, debate: Debate, person: str, at_wall: datetime
) -> Debate:
    """Put the opinions on record, found by `find_critiques`; no order and no shadow comes of them."""
    decision = replace(debate.decision, outcome=None, shadow=None)
    asked = content_hash([market.content_hash, decision.ticker, decision.as_of])
    with Ledger.start(
        pool,
        market_id=market.market_id,
        world=ASKED,
        account_id=None,
        period=Period(first=decision.session, last=decision.session),
        key=RunKey(config_hash=config.hash, model_version=decision.model_version, data_hash=asked),
        starting_cash=Decimal(config.settings.rehearsal.starting_cash_usd),
        at_wall=at_wall,
        at_market=decision.as_of,
    ) as ledger:
        ledger.record_decision(decision, debate.case)
        ledger.finish(at_wall, {"asked_by": person, "ticker": decision.ticker})
        return replace(debate, run_id=ledger.run_id)


def debate_lines(debate: Debate) -> Iterator[str]:
    """The debate in sentences that code puts together from typed choices, each with its sources."""
    case, order = debate.case, debate.order
    yield f"{case.ticker} {case.name} ({case.sector}) as of {case.as_of:%Y-%m-%d %H:%M} UTC"
    yield debate.market
    yield (
        f"the entry: buy {order.quantity} at up to {order.limit_price}, stop {order.stop_price}, target "
        f"{order.target_price}, for {case.signal.horizon_sessions} sessions"
    )
    yield (
        f"the model says {debate.action.value.upper()}: p(buy) {case.signal.p_buy:.3f}, p(hold) "
        f"{case.signal.p_hold:.3f}, p(sell) {case.signal.p_sell:.3f} ({case.signal.model_version})"
    )
    yield "figures: " + ", ".join(f"{item.id} {item.name} {item.value:.3g}" for item in shown_figures(case))
    yield "headlines:" if case.passages else "no headlines"
    for passage in case.passages:
        yield f"  {passage.id} {passage.known_at:%Y-%m-%d %H:%M} {passage.source}: {passage.text}"
    for critique in debate.review.critiques:
        yield ""
        yield from opinion_lines(critique, case)
    yield ""
    yield _verdict_line(debate.review)
    yield (
        "every reply was on the tape"
        if debate.from_tape
        else "the language model was asked; its replies are on the tape"
    )
    if debate.run_id:
        yield (
            f"kept as {debate.decision.id}, asked by hand: `tenthman critiques --run {debate.run_id[:RUN_CHARACTERS]}`"
        )


def opinion_lines(critique: Critique, case: Case) -> Iterator[str]:
    """One opinion in words: what it would do, why, and on what."""
    weight = "binding" if critique.binding else "advisory"
    who = f"{critique.role.value} ({critique.model or 'no model'}, {weight})"
    if critique.state is not ReplyState.ANSWERED:
        yield f"{who} gave no opinion: {critique.state.value.replace('_', ' ')}. {critique.detail}".rstrip()
        return
    would = {
        Stance.APPROVE: "would let it pass",
        Stance.SHRINK: f"would shrink it to {critique.size_fraction:.0%}",
        Stance.VETO: "would veto it",
    }[critique.stance]
    yield f"{who} {would}, {critique.confidence_pct} % sure:"
    yield from (f"  {VOCABULARY.get(code, code)}" for code in critique.reasons)
    sources = {item.id: f"{item.name} {item.value:.3g}" for item in case.figures}
    sources |= {item.id: f'"{item.text}" ({item.source}, {item.known_at:%Y-%m-%d})' for item in case.passages}
    yield from (f"  {id_}: {sources[id_]}" for id_ in critique.cited)
    if critique.detail:
        yield f"  {critique.detail}"


def _put_to_critics(
    config: Config, pool: Pool, put: Callable[[Ask | None, Standing], Decision]
) -> tuple[Decision, bool]:
    """The decision, and whether the tape held every reply."""
    settings, agents = config.models.language, config.agents
    if not asks_a_model(agents):
        return put(None, NO_MODEL), True
    try:
        digest = recorded_digest(settings, config.home, agents.roles)
        ask = tape_only(pool, digest)
        model = LanguageModel(name=settings.model, digest=digest, weights="", ask=ask, parallel=1, prose=settings.prose)
        return put(ask, standing_of(pool, model, agents, wall_now())), True
    except TapeMiss:
        with open_language_model(settings, config.home, agents.roles) as model:
            ask = taped(model.ask, pool, model.digest)
            return put(ask, standing_of(pool, model, agents, wall_now())), False


def _denied(decision: Decision) -> str:
    match decision.outcome, decision.verdict:
        case Denial() as denial, _:
            return "; ".join(
                f"{check.rule} {check.observed}, limit {check.limit}"
                for check in denial.checks
                if check.rule == denial.rule
            )
        case _, Hold() as held:
            return held.reason
        case _:
            return "nothing is left of it"


def _verdict_line(answer: Review) -> str:
    match answer.verdict:
        case Enter(size_fraction=1.0):
            return "verdict: the entry passes, whole"
        case Enter(size_fraction=size):
            return f"verdict: the entry passes, shrunk to {size:.0%}"
        case Veto() as veto:
            return f"verdict: vetoed by {veto.by}: {' '.join(VOCABULARY.get(code, code) for code in veto.reasons)}"
        case Abstain() as abstained:
            return f"verdict: not reviewed ({abstained.cause}); `unreviewed` in agents.yaml decides"
