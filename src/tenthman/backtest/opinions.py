"""What the critics of a backtest were worth: the scorecard of a run that is on no record but the one in memory."""

from collections.abc import Iterator
from datetime import date

import numpy as np

from tenthman.backtest.memory import MemoryRecord
from tenthman.config import Config
from tenthman.domain.audit import Decision
from tenthman.domain.market import MarketData
from tenthman.domain.opinion import Critique
from tenthman.domain.order import SizedOrder
from tenthman.scheduler.outcomes.corporate_actions import dividends_of, no_dividends
from tenthman.scheduler.outcomes.scorecard import Scorecard, scorecard_of, twin_of
from tenthman.scheduler.outcomes.shadows import ShadowMarket, shadow_market
from tenthman.scheduler.outcomes.worth import AgentKey, Opinion, Twin
from tenthman.scheduler.state.rows import bracket_of

RUN = "backtest"


def backtest_scorecard(config: Config, market: MarketData, last: date, record: MemoryRecord) -> Scorecard | None:
    """The scorecard of the run in `record` until session `last`, by the code of `tenthman scorecard`.

    None where no critic spoke. Tokens are not counted in memory: the replies on the tape have them.
    """
    opinions = list(opinions_of(record, _bars(config, market, last, record)))
    return scorecard_of(config, (RUN,), opinions) if opinions else None


def opinions_of(record: MemoryRecord, market: ShadowMarket) -> Iterator[Opinion]:
    """Every opinion on an entry, and what became of the whole of it over the bars of `market`."""
    equity = {point.at: point.equity for point in record.points}
    for decision in record.decisions:
        whole = decision.shadow or decision.outcome
        if not decision.critiques or not isinstance(whole, SizedOrder):
            continue
        ending = market.ending_of(bracket_of(decision, whole, whole.quantity, "twin"), final=True)
        twin = None if ending is None else twin_of(ending, whole.quantity, equity.get(decision.as_of))
        yield from (_opinion(decision, critique, twin) for critique in decision.critiques)


def _bars(config: Config, market: MarketData, last: date, record: MemoryRecord) -> ShadowMarket:
    count = int(np.searchsorted(market.panel.sessions, np.datetime64(last, "D"), side="right"))
    dividends = dividends_of(market) if config.settings.rehearsal.dividends else no_dividends
    return shadow_market(config, market.panel.rows(0, count), market.hours, record.sales(), dividends)


def _opinion(decision: Decision, critique: Critique, twin: Twin | None) -> Opinion:
    return Opinion(
        key=AgentKey(
            role=critique.role.value,
            model=critique.model,
            model_digest=critique.model_digest,
            template_hash=critique.template_hash,
        ),
        entry=(RUN, decision.id),
        session=decision.session,
        binding=critique.binding,
        state=critique.state,
        stance=critique.stance,
        size_fraction=critique.size_fraction,
        confidence_pct=critique.confidence_pct,
        seconds=critique.latency_ms / 1000.0,
        prompt_tokens=0,
        reply_tokens=0,
        twin=twin,
    )
