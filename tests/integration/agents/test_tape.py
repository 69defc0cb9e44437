from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tenthman.agents.analyst import ANALYST
from tenthman.agents.base import render
from tenthman.agents.bear import BEAR
from tenthman.agents.exam import examine, keep, standing_of
from tenthman.agents.exam_cases import exam_cases
from tenthman.agents.llm_interface import LanguageModel
from tenthman.agents.tape import tape_only, taped
from tenthman.config import load_config
from tenthman.db.pool import Pool
from tenthman.domain.errors import TapeMiss
from tenthman.domain.opinion import PASSING, Ask, Prompt, Reply, ReplyState

AGENTS = load_config(Path(__file__).parents[3] / "config", {}).agents
CASE = exam_cases()[0].case
PROMPTS = (
    render(CASE, ANALYST, AGENTS.roles.analyst, prose=False),
    render(CASE, BEAR, AGENTS.roles.bear, prose=False),
)
AT = datetime(2026, 1, 5, 14, 0, tzinfo=UTC)


class Model:
    """Counts what it is asked; its answers say how often it was asked before."""

    def __init__(self, state: ReplyState = ReplyState.ANSWERED, text: str = "answer {number}") -> None:
        self.asked: list[Prompt] = []
        self.state = state
        self.text = text

    def ask(self, prompts: tuple[Prompt, ...]) -> tuple[Reply, ...]:
        return tuple(self._reply(prompt) for prompt in prompts)

    def _reply(self, prompt: Prompt) -> Reply:
        self.asked.append(prompt)
        return Reply(
            prompt_hash=prompt.hash,
            state=self.state,
            text=self.text.replace("{number}", str(len(self.asked))),
            model="m",
            model_digest="d",
            prompt_tokens=400,
            reply_tokens=40,
            latency_ms=700,
        )


def test_a_prompt_is_put_once_and_then_played_from_the_tape(pool: Pool) -> None:
    model = Model()
    ask = taped(model.ask, pool, "d")
    first, second = ask(PROMPTS), ask(PROMPTS)
    assert [reply.text for reply in first] == ["answer 1", "answer 2"]
    assert second == tuple(replace(reply, from_tape=True) for reply in first)
    assert not any(reply.from_tape for reply in first)
    assert model.asked == list(PROMPTS)


def test_only_missing_prompts_are_put_and_replies_keep_the_order_of_the_prompts(pool: Pool) -> None:
    model = Model()
    ask = taped(model.ask, pool, "d")
    ask(PROMPTS[1:])
    replies = ask(PROMPTS)
    assert [reply.prompt_hash for reply in replies] == [prompt.hash for prompt in PROMPTS]
    assert [reply.from_tape for reply in replies] == [False, True]
    assert model.asked == [PROMPTS[1], PROMPTS[0]]


def test_another_model_has_a_tape_of_its_own(pool: Pool) -> None:
    taped(Model().ask, pool, "d")(PROMPTS)
    other = Model()
    taped(other.ask, pool, "e")(PROMPTS)
    assert len(other.asked) == 2


@pytest.mark.parametrize("state", sorted(PASSING, key=lambda state: state.value))
def test_a_failure_of_the_moment_is_not_recorded(pool: Pool, state: ReplyState) -> None:
    down = Model(state, "")
    assert [reply.state for reply in taped(down.ask, pool, "d")(PROMPTS)] == [state, state]
    up = Model()
    assert [reply.text for reply in taped(up.ask, pool, "d")(PROMPTS)] == ["answer 1", "answer 2"]


@pytest.mark.parametrize("state", [state for state in ReplyState if state not in PASSING])
def test_a_failure_of_the_model_is_recorded_like_an_answer(pool: Pool, state: ReplyState) -> None:
    taped(Model(state).ask, pool, "d")(PROMPTS)
    again = Model()
    assert [reply.state for reply in taped(again.ask, pool, "d")(PROMPTS)] == [state, state]
    assert again.asked == []


def test_the_raw_reply_and_the_whole_prompt_are_kept(pool: Pool) -> None:
    taped(Model(text='{"a": "\u202eö"}').ask, pool, "d")(PROMPTS[:1])
    with pool.connection() as connection:
        row = connection.execute("SELECT reply, prompt, role, reply_tokens FROM model_replies").fetchone()
    assert row is not None
    assert row[0] == '{"a": "\u202eö"}'
    assert row[1]["instruction"] == PROMPTS[0].instruction
    assert row[1]["shared"] == PROMPTS[0].shared
    assert row[2:] == ("analyst", 40)


def test_what_the_database_cannot_hold_is_replaced_in_the_first_answer_too(pool: Pool) -> None:
    ask = taped(Model(text="a\x00b\ud800c").ask, pool, "d")
    assert ask(PROMPTS[:1])[0].text == "a\ufffdb?c"
    assert ask(PROMPTS[:1])[0].text == "a\ufffdb?c"


def test_the_tape_alone_answers_what_it_holds_and_misses_the_rest(pool: Pool) -> None:
    taped(Model().ask, pool, "d")(PROMPTS[:1])
    ask = tape_only(pool, "d")
    assert ask(PROMPTS[:1])[0].text == "answer 1"
    with pytest.raises(TapeMiss, match="bear"):
        ask(PROMPTS)


def test_a_model_is_examined_once_and_its_standing_is_kept(pool: Pool) -> None:
    failing = Model(text="{}")
    assert not standing_of(pool, _model(failing.ask), AGENTS, AT).binding
    asked = len(failing.asked)
    assert asked == 10
    assert not standing_of(pool, _model(failing.ask), AGENTS, AT).binding
    assert len(failing.asked) == asked
    assert _stored(pool) == [("m", False, 2)]


def test_other_marks_or_other_questions_mean_another_examination(pool: Pool) -> None:
    failing = Model(text="{}")
    harder = AGENTS.examination.model_copy(update={"min_valid": 1.0})
    standing_of(pool, _model(failing.ask), AGENTS, AT)
    standing_of(pool, _model(failing.ask), AGENTS.model_copy(update={"examination": harder}), AT)
    standing_of(pool, replace(_model(failing.ask), prose=True), AGENTS, AT)
    assert len(_stored(pool)) == 3


def test_a_disturbed_examination_is_not_kept_and_the_model_does_not_bind(pool: Pool) -> None:
    down = Model(ReplyState.UNREACHABLE, "")
    assert not standing_of(pool, _model(down.ask), AGENTS, AT).binding
    assert _stored(pool) == []


def _model(ask: Ask) -> LanguageModel:
    return LanguageModel(name="m", digest="d", weights="w", ask=ask, parallel=1, prose=False)


def _stored(pool: Pool) -> list[tuple[str, bool, int]]:
    query = "SELECT model, passed, (result ->> 'sat')::int FROM examinations ORDER BY id"
    with pool.connection() as connection:
        return [(model, passed, sat) for model, passed, sat in connection.execute(query).fetchall()]


def test_how_a_reply_was_made_is_on_the_tape_too(pool: Pool) -> None:
    def ask(prompts: tuple[Prompt, ...]) -> tuple[Reply, ...]:
        made = Model().ask(prompts)
        return tuple(replace(reply, read_ms=300, write_ms=400, options_json='{"seed":7}') for reply in made)

    first = taped(ask, pool, "d")(PROMPTS[:1])
    assert tape_only(pool, "d")(PROMPTS[:1]) == (replace(first[0], from_tape=True),)
    assert (first[0].read_ms, first[0].write_ms, first[0].options_json) == (300, 400, '{"seed":7}')


@pytest.mark.parametrize("state", sorted(PASSING, key=lambda state: state.value))
def test_a_question_in_vain_is_recorded_apart_with_how_it_was_put(pool: Pool, state: ReplyState) -> None:
    ask = taped(Model(state, "").ask, pool, "d")
    ask(PROMPTS[:1])
    ask(PROMPTS[:1])
    with pool.connection() as connection:
        rows = connection.execute("SELECT prompt_hash, model_digest, role, state FROM unanswered_prompts").fetchall()
    assert rows == [(PROMPTS[0].hash, "d", "analyst", state.value)] * 2


def test_of_two_examinations_the_one_with_the_most_cases_decides(pool: Pool) -> None:
    model = LanguageModel(name="m", digest="d", weights="w", ask=Model().ask, parallel=1, prose=False)
    assert not standing_of(pool, model, AGENTS, AT).binding
    early = examine(model.ask, "m", "d", AGENTS)
    keep(pool, model, AGENTS, replace(early, passed=True, sat=early.cases), AT)
    assert standing_of(pool, model, AGENTS, AT).binding
    keep(pool, model, AGENTS, early, AT)
    assert standing_of(pool, model, AGENTS, AT).binding
