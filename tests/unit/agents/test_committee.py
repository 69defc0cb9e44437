import json
from dataclasses import replace
from pathlib import Path

import pytest

from tenthman.agents.base import REPAIR
from tenthman.agents.committee import NO_MODEL, Standing, review
from tenthman.agents.exam_cases import exam_cases
from tenthman.config import Agents, load_config
from tenthman.domain.errors import TapeMiss
from tenthman.domain.opinion import Abstain, Ask, Case, Enter, Prompt, Reply, ReplyState, Role, Stance, Veto

AGENTS = load_config(Path(__file__).parents[3] / "config", {}).agents
CASES = {item.name: item.case for item in exam_cases()}
CALM = CASES["calm without news"]
BINDING = Standing(model="m", digest="d", binding=True)
ADVISORY = Standing(model="m", digest="d", binding=False)


def _reply(prompt: Prompt, text: str, state: ReplyState = ReplyState.ANSWERED) -> Reply:
    return Reply(
        prompt_hash=prompt.hash,
        state=state,
        text=text,
        model="m",
        model_digest="d",
        prompt_tokens=1,
        reply_tokens=1,
        latency_ms=1,
    )


def _says(stance: str, reason: str = "bad_news") -> str:
    return json.dumps({"reasons": [reason], "cited": ["f1"], "confidence_pct": 50, "stance": stance})


def _ask(committee: str, state: ReplyState = ReplyState.ANSWERED) -> Ask:
    """The committee agent says `committee`; the bull finds good news, the others shrink for a reason of their own."""
    others = {
        Role.ANALYST: _says("shrink"),
        Role.BULL: _says("approve", "good_news"),
        Role.BEAR: _says("veto"),
        Role.RISK: _says("veto", "volatile"),
    }

    def ask(prompts: tuple[Prompt, ...]) -> tuple[Reply, ...]:
        return tuple(
            _reply(prompt, committee, state) if prompt.role is Role.COMMITTEE else _reply(prompt, others[prompt.role])
            for prompt in prompts
        )

    return ask


def test_without_a_model_the_rules_critic_decides_alone() -> None:
    answer = review(CALM, None, AGENTS, NO_MODEL, 0.0)
    assert [critique.role for critique in answer.critiques] == [Role.RULES]
    assert answer.verdict == Enter(size_fraction=1.0)
    assert isinstance(review(CASES["bankruptcy"], None, AGENTS, NO_MODEL, 0.0).verdict, Veto)
    assert review(CASES["full sector"], None, AGENTS, NO_MODEL, 0.0).verdict == Enter(
        size_fraction=0.5, reasons=("concentrated",)
    )


def test_four_advisers_are_asked_at_once_and_the_committee_hears_them() -> None:
    seen: list[tuple[Prompt, ...]] = []

    def ask(prompts: tuple[Prompt, ...]) -> tuple[Reply, ...]:
        seen.append(prompts)
        return _ask(_says("approve"))(prompts)

    answer = review(CALM, ask, AGENTS, BINDING, 0.0)
    assert [[prompt.role for prompt in batch] for batch in seen] == [
        [Role.ANALYST, Role.BULL, Role.BEAR, Role.RISK],
        [Role.COMMITTEE],
    ]
    assert "bear veto 50 bad_news" in seen[1][0].instruction
    assert len({prompt.shared for batch in seen for prompt in batch}) == 1
    assert [critique.role for critique in answer.critiques] == list(Role)


def test_a_binding_committee_vetoes_and_shrinks() -> None:
    assert review(CALM, _ask(_says("veto")), AGENTS, BINDING, 0.0).verdict == Veto(
        by="committee", reasons=("bad_news",)
    )
    assert review(CALM, _ask(_says("shrink")), AGENTS, BINDING, 0.0).verdict == Enter(
        size_fraction=0.5, reasons=("bad_news",)
    )
    assert review(CALM, _ask(_says("approve")), AGENTS, BINDING, 0.0).verdict == Enter(size_fraction=1.0)


def test_an_advisory_committee_changes_nothing_and_is_recorded() -> None:
    answer = review(CALM, _ask(_says("veto")), AGENTS, ADVISORY, 0.0)
    assert answer.verdict == Enter(size_fraction=1.0)
    spoken = {critique.role: critique for critique in answer.critiques}
    assert spoken[Role.COMMITTEE].stance is Stance.VETO
    assert [role for role, critique in spoken.items() if critique.binding] == [Role.RULES]


def test_advisers_never_bind() -> None:
    answer = review(CALM, _ask(_says("approve")), AGENTS, BINDING, 0.0)
    assert {critique.role for critique in answer.critiques if critique.binding} == {Role.COMMITTEE, Role.RULES}
    assert answer.verdict == Enter(size_fraction=1.0)


def test_no_model_is_asked_about_what_the_rules_have_vetoed() -> None:
    asked: list[Prompt] = []

    def ask(prompts: tuple[Prompt, ...]) -> tuple[Reply, ...]:
        asked.extend(prompts)
        return _ask(_says("approve"))(prompts)

    answer = review(CASES["bankruptcy"], ask, AGENTS, BINDING, 0.0)
    assert [critique.role for critique in answer.critiques] == [Role.RULES]
    assert answer.verdict == Veto(by="rules", reasons=("bad_news", "sharp_fall", "heavy_selling"))
    assert asked == []


@pytest.mark.parametrize("state", [state for state in ReplyState if state is not ReplyState.ANSWERED])
def test_a_binding_committee_without_an_answer_leaves_the_rules_opinion_standing(state: ReplyState) -> None:
    answer = review(CALM, _ask(_says("veto"), state), AGENTS, BINDING, 0.0)
    assert answer.verdict == Enter(size_fraction=1.0)
    assert answer.critiques[-2].state is state


@pytest.mark.parametrize("standing", [BINDING, ADVISORY])
def test_no_models_approval_replaces_a_rules_critic_without_an_opinion(standing: Standing) -> None:
    case = _without(CALM, "rsi_14")
    for ask in (None, _ask(_says("approve"))):
        verdict = review(case, ask, AGENTS, standing, 0.0).verdict
        assert verdict == Abstain(cause="rules: not known: rsi_14")


def test_a_binding_veto_stands_where_the_rules_have_no_opinion() -> None:
    verdict = review(_without(CALM, "realised_vol_20"), _ask(_says("veto")), AGENTS, BINDING, 0.0).verdict
    assert verdict == Veto(by="committee", reasons=("bad_news",))


def test_a_backend_that_owes_replies_or_sends_strange_ones_counts_as_unreachable() -> None:
    stranger = _reply(_prompts(CALM)[0], _says("veto"))

    def ask(prompts: tuple[Prompt, ...]) -> tuple[Reply, ...]:
        return (replace(stranger, prompt_hash="0" * 64),)

    answer = review(CALM, ask, AGENTS, BINDING, 0.0)
    assert {critique.state for critique in answer.critiques[:-1]} == {ReplyState.UNREACHABLE}
    assert answer.verdict == Enter(size_fraction=1.0)


def test_a_miss_on_the_tape_is_not_swallowed() -> None:
    def ask(prompts: tuple[Prompt, ...]) -> tuple[Reply, ...]:
        raise TapeMiss("nothing recorded")

    with pytest.raises(TapeMiss):
        review(CALM, ask, AGENTS, BINDING, 0.0)


def test_a_role_switched_off_is_not_asked() -> None:
    settings = _off("bull", "committee")
    answer = review(CALM, _ask(_says("veto")), settings, BINDING, 0.0)
    assert [critique.role for critique in answer.critiques] == [Role.ANALYST, Role.BEAR, Role.RISK, Role.RULES]
    assert answer.verdict == Enter(size_fraction=1.0)


def test_a_committee_without_advisers_is_told_so() -> None:
    settings = _off("analyst", "bull", "bear", "risk")
    seen: list[Prompt] = []

    def ask(prompts: tuple[Prompt, ...]) -> tuple[Reply, ...]:
        seen.extend(prompts)
        return _ask(_says("veto"))(prompts)

    answer = review(CALM, ask, settings, BINDING, 0.0)
    assert [prompt.role for prompt in seen] == [Role.COMMITTEE]
    assert "The opinions given: none." in seen[0].instruction
    assert isinstance(answer.verdict, Veto)


def _without(case: Case, name: str) -> Case:
    return replace(case, figures=tuple(figure for figure in case.figures if figure.name != name))


def _prompts(case: Case) -> list[Prompt]:
    seen: list[Prompt] = []

    def ask(prompts: tuple[Prompt, ...]) -> tuple[Reply, ...]:
        seen.extend(prompts)
        return ()

    review(case, ask, AGENTS, BINDING, 0.0)
    return seen


def _off(*names: str) -> Agents:
    off = {name: getattr(AGENTS.roles, name).model_copy(update={"enabled": False}) for name in names}
    return AGENTS.model_copy(update={"roles": AGENTS.roles.model_copy(update=off)})


def _stumbling(second: str, state: ReplyState = ReplyState.ANSWERED) -> tuple[Ask, list[Prompt]]:
    """The committee agent babbles at first; asked again it says `second`."""
    again: list[Prompt] = []

    def ask(prompts: tuple[Prompt, ...]) -> tuple[Reply, ...]:
        repairs = tuple(prompt for prompt in prompts if REPAIR in prompt.instruction)
        again.extend(repairs)
        return _ask(second, state)(prompts) if repairs else _ask("well, stop right here <veto>")(prompts)

    return ask, again


def test_an_answer_that_cannot_be_read_is_asked_for_once_more() -> None:
    ask, again = _stumbling(_says("veto"))
    answer = review(CALM, ask, AGENTS, BINDING, 0.0)
    assert [prompt.role for prompt in again] == [Role.COMMITTEE]
    spoken = answer.critiques[-2]
    assert (spoken.state, spoken.prompt_hash, spoken.latency_ms) == (ReplyState.ANSWERED, again[0].hash, 2)
    assert answer.verdict == Veto(by="committee", reasons=("bad_news",))
    assert "stop right here" not in again[0].instruction


def test_an_answer_that_cannot_be_read_twice_is_invalid_and_is_not_asked_for_again() -> None:
    ask, again = _stumbling("no")
    spoken = review(CALM, ask, AGENTS, BINDING, 0.0).critiques[-2]
    assert len(again) == 1
    assert spoken.state is ReplyState.INVALID
    assert spoken.detail.endswith("asked again: invalid")


def test_a_second_question_that_fails_leaves_the_first_answer_invalid() -> None:
    ask, _ = _stumbling("", ReplyState.TIMED_OUT)
    spoken = review(CALM, ask, AGENTS, BINDING, 0.0).critiques[-2]
    assert spoken.state is ReplyState.INVALID
    assert spoken.detail.endswith("asked again: timed_out")
