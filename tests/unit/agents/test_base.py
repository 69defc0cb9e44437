import json
from pathlib import Path

import pytest

from tenthman.agents.analyst import ANALYST
from tenthman.agents.base import CASE_CLOSES, CASE_OPENS, Brief, case_text, fill, render, split, templates
from tenthman.agents.bear import BEAR
from tenthman.agents.bull import BULL
from tenthman.agents.committee import COMMITTEE
from tenthman.agents.exam_cases import exam_cases
from tenthman.agents.reading import read
from tenthman.agents.risk import RISK
from tenthman.agents.vocabulary import VOCABULARY
from tenthman.config import load_config
from tenthman.domain.opinion import Critique, Prompt, Reply, ReplyState, Role, Stance

AGENTS = load_config(Path(__file__).parents[3] / "config", {}).agents
CASE = exam_cases()[0].case
GOOD = '{"reasons":["good_news","good_edge"],"cited":["n1","f1"],"confidence_pct":60,"stance":"approve"}'


def _prompt(*, prose: bool = False) -> Prompt:
    return render(CASE, ANALYST, AGENTS.roles.analyst, prose=prose)


def _reply(text: str, state: ReplyState = ReplyState.ANSWERED, prompt: Prompt | None = None) -> Reply:
    return Reply(
        prompt_hash=(prompt or _prompt()).hash,
        state=state,
        text=text,
        model="m",
        model_digest="d",
        prompt_tokens=1,
        reply_tokens=1,
        latency_ms=5,
    )


def _read(text: str, state: ReplyState = ReplyState.ANSWERED, *, prose: bool = False) -> Critique:
    prompt = _prompt(prose=prose)
    return read(_reply(text, state, prompt), prompt, CASE, ANALYST, binding=False, shrink_fraction=0.5, prose=prose)


def test_templates_refuse_a_missing_and_an_unknown_variable() -> None:
    assert fill("a {{b}}", {"b": "{{c}}"}) == "a {{c}}"
    with pytest.raises(ValueError, match="exactly"):
        fill("a {{b}}", {})
    with pytest.raises(ValueError, match="exactly"):
        fill("a {{b}}", {"b": "x", "c": "y"})


def test_equal_cases_give_equal_prompts_and_the_case_is_shared_by_all_roles() -> None:
    analyst = _prompt()
    bear = render(exam_cases()[0].case, BEAR, AGENTS.roles.bear, prose=False)
    assert analyst == _prompt()
    assert analyst.shared == bear.shared
    assert analyst.hash != bear.hash
    assert analyst.template_hash == templates().hash


def test_a_case_is_shown_in_lines_of_figures_and_quoted_headlines() -> None:
    lines = case_text(CASE).splitlines()
    assert lines[0] == CASE_OPENS.strip()
    assert "f1 rsi_14 57" in lines
    assert 'n1 "Halden lifts full-year profit forecast as orders grow" sent +0.70 1d' in lines
    assert lines[-1] == CASE_CLOSES.strip()
    assert len(case_text(CASE)) < 900


def test_the_case_speaks_from_the_users_side_only() -> None:
    system, user = split(_prompt())
    assert "Halden" not in system
    assert user.startswith(CASE_OPENS)
    assert user.endswith("approve, shrink, veto, abstain.")


def test_the_schema_puts_the_stance_last_and_bounds_everything() -> None:
    schema = json.loads(_prompt(prose=True).schema_json)
    assert list(schema["properties"]) == ["rationale", "reasons", "cited", "confidence_pct", "stance"]
    assert schema["required"] == list(schema["properties"])
    assert schema["properties"]["reasons"]["maxItems"] == 2
    assert schema["properties"]["cited"]["maxItems"] == 3
    assert "n1" in schema["properties"]["cited"]["items"]["enum"]


def test_a_model_that_cannot_write_names_one_reason_and_one_id_without_brackets() -> None:
    properties = json.loads(_prompt(prose=False).schema_json)["properties"]
    assert properties["reasons"]["type"] == properties["cited"]["type"] == "string"
    critique = _read('{"reasons":"good_news","cited":"n1","confidence_pct":60,"stance":"approve"}')
    assert (critique.reasons, critique.cited) == (("good_news",), ("n1",))


@pytest.mark.parametrize("brief", [ANALYST, BULL, BEAR, RISK, COMMITTEE], ids=lambda brief: brief.role.value)
def test_every_role_has_a_template_and_speaks_the_vocabulary(brief: Brief) -> None:
    assert brief.role in templates().instructions
    assert set(brief.reasons) <= set(VOCABULARY)
    assert all(text.endswith(".") for text in VOCABULARY.values())


def test_a_brief_refuses_codes_outside_the_vocabulary() -> None:
    with pytest.raises(ValueError, match="vocabulary"):
        Brief(role=Role.BULL, stances=("approve",), reasons=("moon",))


def test_a_good_reply_is_read_whole() -> None:
    critique = _read(GOOD)
    assert critique.state is ReplyState.ANSWERED
    assert critique.stance is Stance.APPROVE
    assert critique.reasons == ("good_news", "good_edge")
    assert critique.cited == ("n1", "f1")
    assert critique.confidence_pct == 60


def test_a_citation_that_the_case_does_not_have_is_dropped_and_listed() -> None:
    critique = _read(GOOD.replace('"f1"', '"n9\\u0000<x>"'))
    assert critique.cited == ("n1",)
    assert critique.invalid_citations == ("no id",)
    assert critique.state is ReplyState.ANSWERED


def test_a_point_that_cites_what_the_case_does_not_have_is_struck_and_the_critique_says_so() -> None:
    critique = _read(GOOD.replace('"f1"', '"f99"'))
    assert critique.reasons == ("good_news",)
    assert critique.detail == "struck: good_edge; not in the case: f99"
    assert _read(GOOD.replace('"n1","f1"', '"n1","f1","f99"')).reasons == ("good_news", "good_edge")


def test_an_answer_whose_every_point_is_struck_is_no_opinion() -> None:
    critique = _read(GOOD.replace('"n1","f1"', '"n8","n9"'))
    assert critique.state is ReplyState.INVALID
    assert critique.stance is Stance.NONE
    assert critique.invalid_citations == ("n8", "n9")
    assert "good_news, good_edge" in critique.detail


@pytest.mark.parametrize("quoted", ["RSI of 57", "up 0.4 % in a day", "chance 0.5 against 29 %", "no sum"])
def test_a_rationale_may_quote_the_numbers_of_the_case(quoted: str) -> None:
    text = GOOD.replace("{", '{"rationale":' + json.dumps(quoted) + ",")
    assert _read(text, prose=True).detail == quoted


def test_a_rationale_with_a_number_of_its_own_is_left_out_and_the_critique_says_so() -> None:
    critique = _read(GOOD.replace("{", '{"rationale":"RSI of 57, profit up 312 per cent",'), prose=True)
    assert critique.detail == "rationale left out, not in the case: 312"
    assert critique.stance is Stance.APPROVE


def test_half_a_surrogate_pair_in_a_citation_is_harmless() -> None:
    critique = _read(GOOD.replace('"n1"', '"n\\ud8001"'))
    assert critique.cited == ("f1",)
    assert critique.invalid_citations == ("n1",)


def test_repeated_reasons_count_once() -> None:
    assert _read(GOOD.replace("good_edge", "good_news")).reasons == ("good_news",)


@pytest.mark.parametrize("text", ["{}", " {} ", GOOD.replace("approve", "abstain")])
def test_no_opinion_is_an_abstention(text: str) -> None:
    critique = _read(text)
    assert critique.state is ReplyState.ABSTAINED
    assert critique.stance is Stance.NONE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "approve",
        "null",
        "[]",
        "[" * 15_000,
        "1" * 5000,
        f"Sure! {GOOD}",
        f"{GOOD}{GOOD}",
        GOOD.replace("60", "101"),
        GOOD.replace("60", "-1"),
        GOOD.replace("60", "60.0"),
        GOOD.replace("60", "true"),
        GOOD.replace("60", "NaN"),
        GOOD.replace('"approve"', '"APPROVE"'),
        GOOD.replace('"approve"', '"enlarge"'),
        GOOD.replace('"approve"', "null"),
        GOOD.replace("good_news", "to_the_moon"),
        GOOD.replace("good_news", "missing_figure"),
        GOOD.replace('"good_news","good_edge"', ""),
        GOOD.replace('"good_news","good_edge"', '"good_news","good_edge","no_news"'),
        GOOD.replace('"n1","f1"', '"n1","f1","f2","f3"'),
        GOOD.replace("}", ',"size_fraction":2.0}'),
        GOOD.replace("}", ',"stance":"veto"}'),
        GOOD.replace("}", ',"rationale":"because"}'),
        GOOD + " " * 20_000,
    ],
)
def test_anything_but_exactly_an_answer_is_invalid(text: str) -> None:
    critique = _read(text)
    assert critique.state is ReplyState.INVALID
    assert critique.stance is Stance.NONE
    assert critique.detail


@pytest.mark.parametrize("state", [state for state in ReplyState if state is not ReplyState.ANSWERED])
def test_a_reply_that_is_not_complete_is_not_read_however_good_it_looks(state: ReplyState) -> None:
    critique = _read(GOOD, state)
    assert critique.state is state
    assert critique.stance is Stance.NONE


def test_a_reply_to_another_prompt_is_invalid() -> None:
    prompt = _prompt()
    other = render(CASE, RISK, AGENTS.roles.risk, prose=False)
    critique = read(_reply(GOOD, prompt=other), prompt, CASE, ANALYST, binding=True, shrink_fraction=0.5, prose=False)
    assert critique.state is ReplyState.INVALID


def test_a_stance_that_the_role_may_not_take_is_invalid() -> None:
    prompt = render(CASE, BULL, AGENTS.roles.bull, prose=False)
    reply = _reply(GOOD.replace("approve", "veto"), prompt=prompt)
    critique = read(reply, prompt, CASE, BULL, binding=False, shrink_fraction=0.5, prose=False)
    assert critique.state is ReplyState.INVALID


def test_a_rationale_is_read_only_where_it_was_asked_for() -> None:
    text = '{"rationale":"orders\\u202e grow",' + GOOD[1:]
    assert _read(text, prose=True).detail == "orders grow"
    assert _read(text).state is ReplyState.INVALID
