"""A committee that vetoes gains loses its veto in the middle of a run, and the desk trades on without its leave."""

from pathlib import Path

import numpy as np
from tenthman_decision import BINDING, answering, no_quote
from tenthman_markets import small_market
from tenthman_studies import HISTORY, TRADED, study_on, with_changes

from tenthman.backtest.stepwise import run_stepwise
from tenthman.config import Config, DemotionSettings, load_config, with_sections
from tenthman.domain.market import MarketData
from tenthman.domain.opinion import Prompt, ReplyState, Role
from tenthman.domain.order import SizedOrder
from tenthman.scheduler.committee.holes import committee

VETO = '{"reasons":["weak_edge"],"cited":[],"confidence_pct":70,"stance":"veto"}'


def rising_market(width: int = 8) -> MarketData:
    """Names that gain about one per cent a session, with a little noise."""
    draw = np.random.default_rng(3)
    count = HISTORY + TRADED
    close = 50.0 * np.exp(np.cumsum(draw.normal(0.01, 0.004, (count, width)), axis=0))
    opens = np.vstack([close[:1], close[:-1]])
    high, low = np.maximum(opens, close) * 1.002, np.minimum(opens, close) * 0.998
    bars = np.round(np.stack([opens, high, low, close], axis=2), 4)
    return small_market({f"T{number}": [tuple(row) for row in bars[:, number].tolist()] for number in range(width)})


def config() -> Config:
    base = load_config(Path(__file__).parents[3] / "config", {"TENTHMAN_HOME": "/nonexistent"})
    small = with_changes(
        base,
        signal={"entry_fraction": 0.5, "exit_fraction": 0.01, "min_history_sessions": 60},
        rules={"max_sector_fraction": 0.9},
        stops={"horizon_sessions": 4},
    )
    # In so short a history the rules critic misses figures: what nobody binding has judged is bought in part.
    changes = {"demotion": DemotionSettings(min_vetoes=15, level=0.9), "unreviewed": "reduce"}
    agents = small.agents.model_copy(update=changes)
    return with_sections(small, agents=agents)


def says(prompt: Prompt) -> tuple[ReplyState, str]:
    """The committee agent vetoes everything, the advisers are away."""
    return (ReplyState.ANSWERED, VETO) if prompt.role is Role.COMMITTEE else (ReplyState.TIMED_OUT, "")


def test_vetoed_gains_cost_the_veto_and_the_next_cycle_treats_it_as_advisory() -> None:
    told = config()
    study = study_on(rising_market(), told)
    _, record = run_stepwise(study, told, committee(no_quote, answering(says), told.agents, BINDING))
    ((committee_key, reason),) = record.demotions.items()
    assert committee_key.model == BINDING.model
    (alert,) = [item for item in record.alerts if item[0] == "committee demoted"]
    at = alert[2]
    asked = [item for item in record.decisions if any(critique.role is Role.COMMITTEE for critique in item.critiques)]
    before = [item for item in asked if item.as_of < at]
    after = [item for item in asked if item.as_of > at]
    assert len(before) >= 15, reason
    assert {item.outcome for item in before} == {None}
    assert after, "it is still asked"
    assert all(not critique.binding for item in after for critique in item.critiques if critique.role is Role.COMMITTEE)
    assert any(isinstance(item.outcome, SizedOrder) for item in after)
