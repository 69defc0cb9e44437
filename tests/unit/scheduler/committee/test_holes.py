"""The openings of a cycle: the ladder of its time, demotion, and the committee that nobody sits on."""

from dataclasses import replace

from tenthman_decision import AS_OF, BINDING, CONFIG, a_question, facts_of, holes, prepared_of, signal_of
from tenthman_risk import a_book

from tenthman.agents.base import templates
from tenthman.config import LadderSettings
from tenthman.decision import Holes, decide
from tenthman.domain.opinion import Abstain, Case, Enter, Prompt, Reply, ReplyState, Review
from tenthman.scheduler.committee.holes import Cycle, committee, nobody
from tenthman.scheduler.record import CommitteeKey

LADDER = LadderSettings(debate_s=10.0, short_below=0.5, before_open_s=30.0)
KEY = CommitteeKey(model=BINDING.model, model_digest=BINDING.digest, template_hash=templates().hash)


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


def opened(model: Model, watch: Watch, cycle: Cycle | None = None, **agents: object) -> Holes:
    """The committee's holes of a cycle of 100 seconds; a debate is thought to take 10."""
    told = {"cycle_deadline_s": 100.0, "ladder": LADDER, **agents}
    settings = CONFIG.agents.model_copy(update=told)
    holes = committee(lambda _ticker, _name, _as_of: (), model, settings, BINDING, None, watch)
    return holes(cycle or Cycle())


def roles(review: Review) -> list[str]:
    return [critique.role.value for critique in review.critiques if critique.state is not ReplyState.OVER_BUDGET]


def test_when_time_is_short_the_model_is_asked_about_the_largest_entries_and_not_about_the_best_scores() -> None:
    """T0 has the best score and the smallest stake: the wider its range, the smaller its size. 25 s are 2 debates."""
    watch, model = Watch(), Model()
    spreads = {"T0": 3.0, "T1": 2.5, "T2": 2.0, "T3": 1.5, "T4": 1.0}
    prepared = prepared_of(
        [facts_of(name, spread=spread, issuer=name, sector=f"S{name}") for name, spread in spreads.items()],
        [signal_of(name, score=0.5 - number / 20) for number, name in enumerate(spreads)],
    )

    def asked(prompts: tuple[Prompt, ...]) -> tuple[Reply, ...]:
        watch.now += 2.0 * len(prompts)
        return model(prompts)

    hasty = LADDER.model_copy(update={"short_below": 0.0})
    agents = CONFIG.agents.model_copy(update={"cycle_deadline_s": 25.0, "ladder": hasty})
    opening = committee(lambda _ticker, _name, _as_of: (), asked, agents, BINDING, None, watch)
    decided = list(decide(prepared, a_book(), opening(Cycle()), a_question(), CONFIG))
    assert [item.decision.ticker for item in decided] == list(spreads), "decided in the order of scores"
    heard = {
        item.decision.ticker: sum(critique.state is not ReplyState.OVER_BUDGET for critique in item.decision.critiques)
        for item in decided
    }
    assert heard == {"T4": 6, "T3": 6, "T2": 3, "T1": 1, "T0": 1}
    assert len(model.asked) == 12


def test_with_time_all_five_are_asked_then_two_then_nobody() -> None:
    watch, model = Watch(), Model()
    holes = opened(model, watch)
    assert roles(holes.review(a_case(), 0.0)) == ["analyst", "bull", "bear", "risk", "committee", "rules"]
    watch.now += 60.0
    assert roles(holes.review(a_case(), 0.0)) == ["analyst", "committee", "rules"]
    watch.now += 40.0
    asked = len(model.asked)
    late = holes.review(a_case(), 0.0)
    assert roles(late) == ["rules"]
    assert late.verdict == Abstain(cause="deadline: not reviewed in time")
    assert len(model.asked) == asked


def test_what_no_binding_committee_reviewed_in_time_is_left_to_the_policy_and_never_above_the_rules() -> None:
    watch = Watch()
    reduced = opened(Model(), watch, unreviewed="reduce", unreviewed_size_fraction=0.5)
    passing = opened(Model(), watch, Cycle(demoted=frozenset({KEY})))
    watch.now += 1000.0
    assert reduced.review(a_case(), 0.0).verdict == Abstain(cause="deadline: not reviewed in time")
    assert passing.review(a_case(), 0.0).verdict == Enter(size_fraction=1.0), "an advisory committee holds nothing up"


class Asleep(Model):
    """Answers after the machine has slept for an hour, the first time."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch

    def __call__(self, prompts: tuple[Prompt, ...]) -> tuple[Reply, ...]:
        self._watch.now += 0.0 if self.asked else 3600.0
        return super().__call__(prompts)


def test_a_clock_that_jumps_in_the_middle_of_a_debate_breaks_it_off_and_the_cycle_goes_on() -> None:
    watch = Watch()
    model = Asleep(watch)
    holes = opened(model, watch)
    late = Abstain(cause="deadline: not reviewed in time")
    assert [holes.review(a_case(), 0.0).verdict for _ in range(2)] == [late, late]
    assert len(model.asked) == 4, "the four who were asked before the jump, and nobody after it"
    assert roles(opened(model, watch).review(a_case(), 0.0))[-1] == "rules"


def test_the_open_is_a_deadline_too() -> None:
    watch, model = Watch(), Model()
    holes = opened(model, watch, Cycle(available_s=30.0))
    assert roles(holes.review(a_case(), 0.0)) == ["rules"], "the margin before the open is 30 seconds"
    assert model.asked == []


def test_a_demoted_committee_is_asked_and_does_not_bind() -> None:
    holes = opened(Model(), Watch(), Cycle(demoted=frozenset({KEY})))
    critiques = holes.review(a_case(), 0.0).critiques
    assert [critique.binding for critique in critiques] == [False] * 5 + [True]
    assert {(item.model_digest, item.template_hash) for item in critiques[:5]} == {
        (KEY.model_digest, KEY.template_hash)
    }
    others = frozenset({replace(KEY, template_hash="other prompts")})
    critiques = opened(Model(), Watch(), Cycle(demoted=others)).review(a_case(), 0.0).critiques
    assert [critique.binding for critique in critiques][-2:] == [True, True]


def test_nobody_lets_every_entry_pass_whole_and_quotes_nothing() -> None:
    openings = nobody(Cycle())
    assert openings.quote("AAA", "Aaa", AS_OF) == ()
    assert openings.review(a_case(), 0.5) == Review(critiques=(), verdict=Enter(size_fraction=1.0))


def test_each_cycle_has_the_whole_of_its_time() -> None:
    watch, model = Watch(), Model()
    opened(model, watch)
    watch.now += 1000.0
    assert roles(opened(model, watch).review(a_case(), 0.0))[0] == "analyst"
