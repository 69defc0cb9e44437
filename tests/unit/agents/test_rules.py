from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tenthman.agents.exam_cases import CALM, ExamClass, exam_cases
from tenthman.agents.rules import REQUIRED, RULES, rules_critique
from tenthman.agents.vocabulary import VOCABULARY
from tenthman.config import load_config
from tenthman.domain.opinion import Case, Critique, ReplyState, Stance

SETTINGS = load_config(Path(__file__).parents[3] / "config", {}).agents.rules_critic
CASE = next(item.case for item in exam_cases() if item.name == "calm without news")
WITH_NEWS = exam_cases()[0].case


def _changed(case: Case, values: Mapping[str, float]) -> Case:
    figures = tuple(replace(figure, value=values.get(figure.name, figure.value)) for figure in case.figures)
    return replace(case, figures=figures)


def _judge(values: Mapping[str, float], drawdown: float = 0.0) -> Critique:
    return rules_critique(_changed(CASE, values), SETTINGS, drawdown)


def test_a_calm_case_is_approved_whole() -> None:
    critique = _judge({})
    assert critique.stance is Stance.APPROVE
    assert critique.size_fraction == 1.0
    assert critique.binding


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"gap_atr": -2.0}, "sharp_fall"),
        ({"move_atr": -2.0}, "sharp_fall"),
        ({"return_1": -0.03, "volume_z_20": 3.0}, "heavy_selling"),
        ({"reward_risk": 0.99}, "thin_reward"),
    ],
)
def test_a_figure_beyond_its_bound_vetoes(values: Mapping[str, float], reason: str) -> None:
    critique = _judge(values)
    assert critique.stance is Stance.VETO
    assert critique.size_fraction == 0.0
    assert critique.reasons == (reason,)
    assert set(critique.cited) <= CASE.citable_ids
    assert critique.cited


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"realised_vol_20": 0.601}, "volatile"),
        ({"rsi_14": 80.0}, "overbought"),
        ({"return_20": -0.2}, "downtrend"),
        ({"sector_fraction": 0.28}, "concentrated"),
        ({"open_risk_fraction": 0.028}, "book_full"),
    ],
)
def test_a_figure_beyond_its_bound_shrinks(values: Mapping[str, float], reason: str) -> None:
    critique = _judge(values)
    assert critique.stance is Stance.SHRINK
    assert critique.size_fraction == SETTINGS.shrink_fraction
    assert critique.reasons == (reason,)


@pytest.mark.parametrize(
    "values",
    [
        {"gap_atr": -1.99, "move_atr": -1.99},
        {"return_1": -0.029, "volume_z_20": 9.0},
        {"return_1": -0.5, "volume_z_20": 2.9},
        {"realised_vol_20": 0.6},
        {"rsi_14": 79.9},
        {"sector_fraction": 0.279},
    ],
)
def test_a_figure_just_inside_its_bound_passes(values: Mapping[str, float]) -> None:
    assert _judge(values).stance is Stance.APPROVE


def test_several_shrinks_do_not_add_up_and_all_are_named() -> None:
    critique = _judge({"realised_vol_20": 0.9, "rsi_14": 90.0})
    assert critique.size_fraction == SETTINGS.shrink_fraction
    assert critique.reasons == ("volatile", "overbought")


@pytest.mark.parametrize("drawdown", [0.02, 0.5, float("nan")])
def test_a_drawdown_at_its_bound_or_unknown_vetoes(drawdown: float) -> None:
    assert _judge({}, drawdown).reasons == ("drawdown",)


def test_a_drawdown_inside_its_bound_passes() -> None:
    assert _judge({}, 0.0199).stance is Stance.APPROVE


def test_a_signal_without_an_edge_is_vetoed() -> None:
    signal = replace(CASE.signal, p_buy=0.3, p_hold=0.4, p_sell=0.3)
    assert rules_critique(replace(CASE, signal=signal), SETTINGS, 0.0).reasons == ("weak_edge",)


@pytest.mark.parametrize(
    ("sentiments", "stance", "reasons"),
    [
        ((-0.5, -0.5), Stance.VETO, ("bad_news",)),
        ((-0.9, -0.2), Stance.VETO, ("bad_news",)),
        ((-0.9, 0.0), Stance.APPROVE, ()),
        ((-0.5, 0.5), Stance.SHRINK, ("mixed_news",)),
        ((0.9, 0.9), Stance.APPROVE, ()),
    ],
)
def test_headlines_are_judged_by_their_sentiment(
    sentiments: tuple[float, ...], stance: Stance, reasons: tuple[str, ...]
) -> None:
    passages = tuple(
        replace(passage, sentiment=value) for passage, value in zip(WITH_NEWS.passages, sentiments, strict=True)
    )
    critique = rules_critique(replace(WITH_NEWS, passages=passages), SETTINGS, 0.0)
    assert (critique.stance, critique.reasons) == (stance, reasons)
    assert critique.cited == (("n1", "n2") if reasons else ())


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("absent", [True, False], ids=["absent", "not a number"])
def test_an_unknown_figure_is_not_approved_blindly(name: str, absent: bool) -> None:
    figures = [figure for figure in CASE.figures if figure.name != name]
    if not absent:
        figures = [replace(figure, value=float("nan")) if figure.name == name else figure for figure in CASE.figures]
    critique = rules_critique(replace(CASE, figures=tuple(figures)), SETTINGS, 0.0)
    assert critique.state is ReplyState.ABSTAINED
    assert critique.reasons == ("missing_figure",)
    assert name in critique.detail


def test_a_veto_stands_even_where_another_figure_is_unknown() -> None:
    figures = tuple(figure for figure in CASE.figures if figure.name != "rsi_14")
    critique = rules_critique(_changed(replace(CASE, figures=figures), {"gap_atr": -3.0}), SETTINGS, 0.0)
    assert critique.reasons == ("sharp_fall",)


def test_every_reason_is_in_the_vocabulary_and_every_required_figure_is_in_a_full_case() -> None:
    assert {rule.reason for rule in RULES} <= set(VOCABULARY)
    assert set(REQUIRED) <= set(CALM)


MEANT_OTHERWISE = {"petition, no bad word", "good words, no orders", "loss ends", "suit dropped"}
"""Cases whose headlines mean the opposite of what their words count for."""


def test_the_rules_judge_the_clear_cases_of_the_examination_rightly_where_words_mean_what_they_count_for() -> None:
    for item in exam_cases():
        if item.name in MEANT_OTHERWISE:
            continue
        stance = rules_critique(item.case, SETTINGS, item.drawdown).stance
        if item.kind is ExamClass.VETO:
            assert stance is Stance.VETO, item.name
        if item.kind is ExamClass.APPROVAL:
            assert stance is Stance.APPROVE, item.name
