"""The openings of a cycle: the deadline on the model, and the committee that nobody sits on."""

import pytest
from tenthman_decision import AS_OF, BINDING, CONFIG, a_question, facts_of, holes, prepared_of, signal_of
from tenthman_risk import a_book

from tenthman.decision import decide
from tenthman.domain.opinion import Case, Enter, Prompt, Reply, ReplyState, Review, Role
from tenthman.scheduler.holes import committee, nobody, within


def a_case() -> Case:
    """The case of one ordinary entry."""
    prepared = prepared_of([facts_of("T0")], [signal_of("T0")])
    (answer,) = decide(prepared, a_book(), holes(), a_question(), CONFIG)
    assert answer.case is not None
    return answer.case


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


def test_nobody_lets_every_entry_pass_whole_and_quotes_nothing() -> None:
    openings = nobody()
    assert openings.quote("AAA", "Aaa", AS_OF) == ()
    assert openings.review(a_case(), 0.5) == Review(critiques=(), verdict=Enter(size_fraction=1.0))


def test_each_opening_of_the_committee_starts_the_deadline_anew() -> None:
    model = Model()
    agents = CONFIG.agents.model_copy(update={"cycle_deadline_s": 3600.0})
    opened = committee(lambda _ticker, _name, _as_of: (), model, agents, BINDING)
    first, second = opened(), opened()
    assert first is not second
    first.review(a_case(), 0.0)
    asked = len(model.asked)
    second.review(a_case(), 0.0)
    assert asked > 0
    assert len(model.asked) == 2 * asked
