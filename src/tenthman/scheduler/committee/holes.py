"""The decision's openings to the outside, made anew for each cycle: headlines to quote, and the committee."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tenthman.agents.base import template_hash
from tenthman.agents.committee import NO_MODEL, Standing, review
from tenthman.agents.exam import standing_of
from tenthman.agents.llm_interface import open_language_model
from tenthman.agents.tape import taped
from tenthman.config import Agents, Config
from tenthman.data.market import MarketView
from tenthman.db.pool import Pool
from tenthman.decision import Holes, Quote
from tenthman.domain.news import Passage
from tenthman.domain.opinion import Ask, Case, Enter, Review
from tenthman.news.ollama_embedder import open_embedder
from tenthman.news.rag import passages
from tenthman.news.storage import NewsStore
from tenthman.scheduler.clock import wall_now
from tenthman.scheduler.committee.debates import Rungs, debate
from tenthman.scheduler.committee.ladder import Ladder
from tenthman.scheduler.gathering.gather import Gatherer
from tenthman.scheduler.record import CommitteeKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """What a run of decisions gives its committee: the seconds until the market opens or closes, and who is demoted."""

    available_s: float = math.inf
    demoted: frozenset[CommitteeKey] = frozenset()


CycleHoles = Callable[[Cycle], Holes]
"""Opens the holes of one cycle: the committee's deadline runs from the call."""


@contextmanager
def open_holes(config: Config, pool: Pool, news_store: NewsStore, gatherer: Gatherer) -> Iterator[CycleHoles]:
    """Start the language model, tape it, look up or hold its examination; stop it at the end of the block.

    With every role switched off no model is started, and none need be there.
    """
    quote = quote_from(gatherer.look, news_store, config)
    if not asks_a_model(config.agents):
        yield rules_alone(quote, config.agents)
        return
    with open_language_model(config.models.language, config.home, config.agents.roles) as language:
        ask = taped(language.ask, pool, language.digest)
        standing = standing_of(pool, language, config.agents, wall_now())
        yield committee(quote, ask, config.agents, standing, Rungs(pool, standing, config.agents))


def asks_a_model(agents: Agents) -> bool:
    """Whether any of the five roles is switched on."""
    roles = agents.roles
    return any(role.enabled for role in (roles.analyst, roles.bull, roles.bear, roles.risk, roles.committee))


def committee(
    quote: Quote,
    ask: Ask,
    agents: Agents,
    standing: Standing,
    rungs: Rungs | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> CycleHoles:
    """The rules critic and the model behind `ask`, which is asked as far as the time of the cycle goes (ladder.py).

    `rungs` are those on record; None: nothing is remembered. A demoted committee is asked, and does not bind.
    """

    def opened(cycle: Cycle) -> Holes:
        seconds = min(agents.cycle_deadline_s, cycle.available_s - agents.ladder.before_open_s)
        ladder = Ladder(agents.ladder, seconds, monotonic)
        demoted = {(item.model_digest, item.template_hash) for item in cycle.demoted}
        is_demoted = (standing.digest, template_hash(mask=agents.mask)) in demoted
        known = replace(standing, binding=standing.binding and not is_demoted)

        def review_in_time(case: Case, drawdown: float) -> Review:
            return debate(case, drawdown, ask, agents, known, ladder, rungs, monotonic)

        return Holes(quote=quote, review=review_in_time, expect=ladder.expect)

    return opened


def replayed(quote: Quote, ask: Ask, agents: Agents, standing: Standing, rungs: Rungs) -> CycleHoles:
    """The committee as the tape holds it: no clock, and the rungs on record; a case without one is debated whole."""
    return committee(quote, ask, agents, standing, rungs, lambda: 0.0)


def rules_alone(quote: Quote, agents: Agents) -> CycleHoles:
    """The rules critic, and no model."""
    alone = Holes(quote=quote, review=lambda case, drawdown: review(case, None, agents, NO_MODEL, drawdown))
    return lambda _cycle: alone


def nobody(_cycle: Cycle) -> Holes:
    """No critic at all: every entry that risk sized passes, at its full size. For measuring what critics are worth."""
    return Holes(quote=lambda _ticker, _name, _as_of: (), review=_pass)


def _pass(_case: Case, _drawdown: float) -> Review:
    return Review(critiques=(), verdict=Enter(size_fraction=1.0))


def quote_from(look: Callable[[datetime], MarketView], news_store: NewsStore, config: Config) -> Quote:
    """Quote the headlines on a ticker that the gate of time lets through, nearest to what moves a share first."""
    embedder = open_embedder(config.models.embedding)
    look_back = timedelta(days=config.settings.news.lookback_days)

    def quote(ticker: str, name: str, as_of: datetime) -> tuple[Passage, ...]:
        items = look(as_of).news_for(ticker, as_of - look_back)
        query = f"{name} shares results guidance deal lawsuit rating"
        return passages(news_store, embedder, items, query, as_of, config.agents.case_passages)

    return quote
