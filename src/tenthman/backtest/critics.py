"""The committee of a backtest: off, out of the recorded replies, or asked; and what is known of it at other costs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

from tenthman.agents.exam import standing_of
from tenthman.agents.llm_interface import LanguageModel, open_language_model, recorded_digest
from tenthman.agents.tape import tape_only, taped
from tenthman.backtest.build import Study
from tenthman.config import Config
from tenthman.scheduler.clock import wall_now
from tenthman.scheduler.committee.debates import Rungs
from tenthman.scheduler.committee.holes import CycleHoles, asks_a_model, committee, quote_from, replayed, rules_alone
from tenthman.scheduler.rehearsal.stores import Stores

Committee = Literal["off", "tape", "on"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Critics:
    """`holes` open the whole committee; `rules` the rules critic alone. `binding`: a language model's word counts."""

    holes: CycleHoles
    rules: CycleHoles
    binding: bool

    @property
    def deciding(self) -> CycleHoles:
        """The least that decides as the whole does: a model that does not bind changes no order and goes unasked."""
        return self.holes if self.binding else self.rules


@contextmanager
def open_critics(config: Config, stores: Stores, study: Study, committee_of: Committee) -> Iterator[Critics | None]:
    """The committee `committee_of`; None where it is off. A server that answers is stopped at the end of the block."""
    if committee_of == "off":
        yield None
        return
    quote = quote_from(study.history.serve, stores.news, config)
    settings, pool = config.models.language, stores.pool
    rules = rules_alone(quote, config.agents)
    alone = Critics(holes=rules, rules=rules, binding=False)
    if not asks_a_model(config.agents):
        yield alone
        return
    if committee_of == "tape":
        digest = recorded_digest(settings, config.home, config.agents.roles)
        ask = tape_only(pool, digest)
        model = LanguageModel(name=settings.model, digest=digest, weights="", ask=ask, parallel=1, prose=settings.prose)
        standing = standing_of(pool, model, config.agents, wall_now())
        holes = replayed(quote, ask, config.agents, standing, Rungs(pool, standing, config.agents, keeps=False))
        yield replace(alone, holes=holes, binding=standing.binding)
        return
    with open_language_model(settings, config.home, config.agents.roles) as model:
        ask = taped(model.ask, pool, model.digest)
        standing = standing_of(pool, model, config.agents, wall_now())
        holes = committee(quote, ask, config.agents, standing, Rungs(pool, standing, config.agents))
        yield replace(alone, holes=holes, binding=standing.binding)
