"""The deadline of a cycle on the model: what comes after it is answered without being asked."""

import pytest

from tenthman.agents.committee import NO_MODEL
from tenthman.decision import Holes
from tenthman.domain.opinion import Prompt, Reply, ReplyState, Role
from tenthman.scheduler.holes import for_one_cycle, within


class Watch:
    """Seconds as the test sets them."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def a_prompt(number: int) -> Prompt:
    return Prompt(
        role=Role.BEAR,
        shared=f"case {number}",
        instruction="Argue against it.",
        schema_json="{}",
        max_tokens=40,
        template_hash="t",
    )


class Model:
    """Answers everything, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Prompt] = []

    def __call__(self, prompts: tuple[Prompt, ...]) -> tuple[Reply, ...]:
        self.asked += prompts
        return tuple(
            Reply(
                prompt_hash=prompt.hash,
                state=ReplyState.ANSWERED,
                text="{}",
                model="m",
                model_digest="d",
                prompt_tokens=1,
                reply_tokens=1,
                latency_ms=1,
            )
            for prompt in prompts
        )


def test_before_the_deadline_every_prompt_is_asked() -> None:
    watch, model = Watch(), Model()
    ask = within(model, 10.0, watch)
    watch.now += 9.99
    replies = ask((a_prompt(1), a_prompt(2)))
    assert [reply.state for reply in replies] == [ReplyState.ANSWERED] * 2
    assert len(model.asked) == 2


@pytest.mark.parametrize("late", [10.0, 11.0, 1e6])
def test_from_the_deadline_on_nothing_is_asked_and_each_prompt_is_told_so(late: float) -> None:
    watch, model = Watch(), Model()
    ask = within(model, 10.0, watch)
    watch.now += late
    prompts = (a_prompt(1), a_prompt(2), a_prompt(3))
    replies = ask(prompts)
    assert model.asked == []
    assert [reply.prompt_hash for reply in replies] == [prompt.hash for prompt in prompts]
    assert {(reply.state, reply.text) for reply in replies} == {(ReplyState.OVER_BUDGET, "")}


def test_no_prompts_are_no_replies_after_the_deadline_too() -> None:
    watch = Watch()
    ask = within(Model(), 1.0, watch)
    watch.now += 2.0
    assert ask(()) == ()


def test_each_cycle_has_the_whole_of_its_time() -> None:
    watch, model = Watch(), Model()
    first = within(model, 10.0, watch)
    watch.now += 10.0
    second = within(model, 10.0, watch)
    assert first((a_prompt(1),))[0].state is ReplyState.OVER_BUDGET
    assert second((a_prompt(1),))[0].state is ReplyState.ANSWERED


def test_holes_without_a_model_need_no_deadline() -> None:
    holes = Holes(quote=lambda _ticker, _name, _as_of: (), ask=None, standing=NO_MODEL)
    assert for_one_cycle(holes, 1.0) is holes


def test_the_deadline_is_put_on_the_model_and_on_nothing_else() -> None:
    model = Model()
    holes = Holes(quote=lambda _ticker, _name, _as_of: (), ask=model, standing=NO_MODEL)
    bounded = for_one_cycle(holes, 3600.0)
    assert bounded.ask is not None
    assert bounded.ask((a_prompt(1),))[0].state is ReplyState.ANSWERED
    assert (bounded.quote, bounded.standing) == (holes.quote, holes.standing)
