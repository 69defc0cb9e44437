"""A cycle before a slow model server: the ladder, what is broken off, and a replay that takes the same rungs."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from tenthman_decision import CONFIG
from tenthman_wire import listening

from tenthman.agents.committee import Standing
from tenthman.agents.exam_cases import exam_cases
from tenthman.agents.llm_interface import LanguageModel, open_language_model
from tenthman.agents.tape import tape_only, taped
from tenthman.config import Agents, LadderSettings
from tenthman.db.pool import Pool
from tenthman.decision import Holes
from tenthman.domain.opinion import Abstain, Review
from tenthman.scheduler.committee.debates import Rungs
from tenthman.scheduler.committee.holes import Cycle, committee, replayed

LADDER = LadderSettings(debate_s=10.0, short_below=0.5, before_open_s=30.0)
AGENTS = CONFIG.agents.model_copy(update={"cycle_deadline_s": 100.0, "ladder": LADDER})
CASES = [replace(exam_cases()[0].case, ticker=f"T{number}") for number in range(4)]
STAKES = {case.ticker: Decimal(stake) for case, stake in zip(CASES, (100, 400, 200, 300), strict=True)}


class SlowServer:
    """Answers every question with an abstention, and moves the clock that the desk reads by `takes` seconds."""

    def __init__(self) -> None:
        self.now, self.takes, self.asked = 50.0, 8.0, 0
        self.hangs = threading.Event()
        self.release = threading.Event()
        self._lock = threading.Lock()

    def monotonic(self) -> float:
        return self.now

    def answer(self, _request: Request) -> JSONResponse:
        with self._lock:
            self.asked += 1
            self.now += self.takes
        if self.hangs.is_set():
            self.release.wait(10)
        return JSONResponse({"choices": [{"message": {"content": "{}"}, "finish_reason": "stop"}]})


@pytest.fixture
def server() -> SlowServer:
    return SlowServer()


@pytest.fixture
def model(server: SlowServer) -> Iterator[LanguageModel]:
    with listening(Starlette(routes=[Route("/v1/chat/completions", server.answer, methods=["POST"])])) as address:
        settings = CONFIG.models.language.model_copy(update={"backend": "openai", "base_url": address, "parallel": 1})
        with open_language_model(settings, CONFIG.home) as found:
            yield found
    server.release.set()


def opened(pool: Pool, model: LanguageModel, server: SlowServer, agents: Agents = AGENTS) -> Holes:
    standing = Standing(model=model.name, digest=model.digest, binding=True)
    ask = taped(model.ask, pool, model.digest)
    rungs = Rungs(pool, standing, agents)
    holes = committee(lambda _ticker, _name, _as_of: (), ask, agents, standing, rungs, server.monotonic)(Cycle())
    holes.expect(STAKES)
    return holes


def asked_of(review: Review) -> int:
    return sum(critique.latency_ms >= 0 and critique.state.value == "abstained" for critique in review.critiques)


def decided(holes: Holes) -> list[Review]:
    return [holes.review(case, 0.0) for case in CASES]


def test_a_slow_model_leaves_the_small_ones_unreviewed_and_a_replay_takes_the_same_rungs(
    pool: Pool, model: LanguageModel, server: SlowServer
) -> None:
    """100 s, 8 s a question. T0 is thought to take 10 s and takes 40; T1, the largest, takes 40 of the 60 left.

    With 20 s left T3 is to have a short debate of 16, so that T2 has none; T3 gets it.
    """
    first = decided(opened(pool, model, server))
    assert [asked_of(review) for review in first] == [5, 5, 0, 2]
    assert isinstance(first[2].verdict, Abstain)
    asked = server.asked
    assert asked == 12
    server.now, server.takes = 0.0, 0.0
    again = decided(opened(pool, model, server))
    standing = Standing(model=model.name, digest=model.digest, binding=True)
    tape = replayed(
        lambda _ticker, _name, _as_of: (),
        tape_only(pool, model.digest),
        AGENTS,
        standing,
        Rungs(pool, standing, AGENTS, keeps=False),
    )(Cycle())
    assert again == first
    assert decided(tape) == first
    assert server.asked == asked, "nothing was asked twice"


def test_another_ladder_is_another_debate(pool: Pool, model: LanguageModel, server: SlowServer) -> None:
    standing = Standing(model=model.name, digest=model.digest, binding=True)
    decided(opened(pool, model, server))
    longer = AGENTS.model_copy(update={"cycle_deadline_s": 1000.0})
    assert Rungs(pool, standing, AGENTS).recall(CASES[2]) is not None
    assert Rungs(pool, standing, longer).recall(CASES[2]) is None


def test_a_debate_that_hangs_is_broken_off_and_counts_as_not_held(
    pool: Pool, model: LanguageModel, server: SlowServer
) -> None:
    server.hangs.set()
    server.takes = 0.0
    hasty = AGENTS.model_copy(
        update={"cycle_deadline_s": 0.5, "ladder": LADDER.model_copy(update={"debate_s": 0.1, "short_below": 0.0})}
    )
    hung = opened(pool, model, server, hasty).review(CASES[1], 0.0)
    assert server.asked >= 1
    assert isinstance(hung.verdict, Abstain)
    assert {critique.state.value for critique in hung.critiques[:-1]} == {"over_budget"}
    assert all("raise 'cycle_deadline_s' in agents.yaml" in critique.detail for critique in hung.critiques[:-1])
    server.hangs.clear()
    server.release.set()
    again = opened(pool, model, server, hasty).review(CASES[1], 0.0)
    assert again == hung, "its rung is on record"
