"""Other costs and left-out parts with a committee: exact where its model advises, left out where the tape is mute."""

from pathlib import Path

import pytest
from tenthman_decision import BINDING, answering, no_quote
from tenthman_studies import random_market, study_on, with_changes

from tenthman.agents.committee import NO_MODEL
from tenthman.backtest.build import Study, inputs_of
from tenthman.backtest.claim import Trials
from tenthman.backtest.critics import Critics
from tenthman.backtest.judge import Ground, Judge
from tenthman.backtest.stepwise import run_stepwise
from tenthman.backtest.variants import at_costs, at_multiples
from tenthman.config import Config, load_config, with_sections
from tenthman.domain.errors import TapeMiss
from tenthman.domain.opinion import Prompt, Reply, ReplyState
from tenthman.scheduler.committee.holes import committee, rules_alone

VETO = '{"reasons":["weak_edge"],"cited":[],"confidence_pct":70,"stance":"veto"}'


@pytest.fixture(scope="module")
def config() -> Config:
    base = load_config(Path(__file__).parents[3] / "config", {"TENTHMAN_HOME": "/nonexistent"})
    small = with_changes(
        base,
        signal={"entry_fraction": 0.5, "exit_fraction": 0.01, "min_history_sessions": 60},
        rules={"max_sector_fraction": 0.9},
        stops={"horizon_sessions": 4},
    )
    # In so short a history the rules critic misses figures: what nobody binding has judged is bought in part.
    return with_sections(small, agents=small.agents.model_copy(update={"unreviewed": "reduce"}))


@pytest.fixture(scope="module")
def study(config: Config) -> Study:
    return study_on(random_market(3, 8), config)


def judge(config: Config, study: Study, critics: Critics | None) -> Judge:
    ground = Ground(study=study, inputs=inputs_of(study, config), critics=critics)
    return Judge(at_multiples(config), ground, Trials(), 1)


def test_an_advisory_model_goes_unasked_at_other_costs_and_the_figures_are_those_of_asking_it(
    config: Config, study: Study
) -> None:
    def veto(prompt: Prompt) -> tuple[ReplyState, str]:
        return ReplyState.ANSWERED, VETO

    def never(_prompts: tuple[Prompt, ...]) -> tuple[Reply, ...]:
        raise AssertionError("an adviser was asked")

    rules = rules_alone(no_quote, config.agents)
    unasked = Critics(holes=committee(no_quote, never, config.agents, NO_MODEL), rules=rules, binding=False)
    found = judge(config, study, unasked)
    at_costs_of = found.at_other_costs(1.0)
    assert set(at_costs_of) == {2.0, 3.0}
    assert found.untaped == ()
    thrice = at_costs(config, 3.0)
    whole, record = run_stepwise(study, thrice, committee(no_quote, answering(veto), config.agents, NO_MODEL))
    assert any(len(item.critiques) > 1 for item in record.decisions)
    assert repr(at_costs_of[3.0]) == repr(found.evaluate(thrice, whole))
    assert at_costs_of[3.0].total_return != at_costs_of[2.0].total_return


def test_what_a_binding_committee_never_said_is_left_out_by_name(config: Config, study: Study) -> None:
    def missing(prompts: tuple[Prompt, ...]) -> tuple[Reply, ...]:
        raise TapeMiss(f"no reply to {prompts[0].hash}")

    holes = committee(no_quote, missing, config.agents, BINDING)
    mute = Critics(holes=holes, rules=rules_alone(no_quote, config.agents), binding=True)
    found = judge(config, study, mute)
    assert found.at_other_costs(2.0) == {}
    assert set(found.ablation(config)) == {"ML alone", "ML + risk"}
    assert found.untaped == ("1x costs", "3x costs", "ML + committee", "ML + committee + risk")
