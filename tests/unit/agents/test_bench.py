import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from tenthman.agents.analyst import ANALYST
from tenthman.agents.base import HEADLINE_CHARACTERS, case_text, render
from tenthman.agents.bench import Bench, bench_cases, measure, widest_case
from tenthman.agents.bench_page import Surroundings, page, verdicts
from tenthman.agents.exam_cases import exam_cases
from tenthman.agents.llm_interface import LanguageModel
from tenthman.config import load_config
from tenthman.domain.opinion import Prompt, Reply, ReplyState, Role

AGENTS = load_config(Path(__file__).parents[3] / "config", {}).agents
WHERE = Surroundings(
    measured_on=date(2026, 1, 5), backend="openai", machine="M", cores=2, threads=1, load=0.5, peak_mib=None
)


class Model:
    """Answers at a known pace; the risk officer's replies are cut off, the bear's cannot be read at first."""

    def __init__(self, room: int = 10_000) -> None:
        self.asked: list[Prompt] = []
        self.room = room

    def ask(self, prompts: tuple[Prompt, ...]) -> tuple[Reply, ...]:
        self.asked.extend(prompts)
        return tuple(self._reply(prompt) for prompt in prompts)

    def _reply(self, prompt: Prompt) -> Reply:
        schema = json.loads(prompt.schema_json)["properties"]
        said = {"reasons": schema["reasons"]["enum"][0], "cited": "f1", "confidence_pct": 50, "stance": "shrink"}
        tokens = len(prompt.shared) // 4
        text = json.dumps(said)
        state = ReplyState.TRUNCATED if prompt.role is Role.RISK else ReplyState.ANSWERED
        if prompt.role is Role.BEAR and "Answer again" not in prompt.instruction:
            text = "hm"
        if tokens > self.room:
            state, text = ReplyState.INVALID, ""
        return Reply(
            prompt_hash=prompt.hash,
            state=state,
            text=text,
            model="m",
            model_digest="d",
            prompt_tokens=tokens,
            reply_tokens=20,
            latency_ms=2000 if prompt.role is Role.COMMITTEE else 500,
            write_ms=400,
        )


def _measured(cases: int = 3, room: int = 10_000) -> tuple[Bench, Model]:
    asked = Model(room)
    model = LanguageModel(name="m", digest="d", weights="w", ask=asked.ask, parallel=1, prose=False)
    return measure(model, AGENTS, 2048, cases), asked


def test_every_opinion_has_its_state_and_the_rate_of_valid_ones_is_theirs() -> None:
    bench, _ = _measured()
    assert bench.states == {"answered": 12, "truncated": 3}
    assert bench.valid_rate == pytest.approx(0.8)
    assert bench.repaired == 3


def test_seconds_are_told_by_agent_and_tokens_by_the_servers_clock() -> None:
    bench, _ = _measured()
    assert list(bench.seconds_by_role) == ["analyst", "bull", "bear", "risk", "committee"]
    assert bench.seconds_by_role["committee"].p50 == 2.0
    assert bench.seconds_by_role["bear"].p95 == 1.0
    assert bench.write_tokens_per_s == pytest.approx(50.0)
    assert bench.read_tokens_per_s is None


def test_the_widest_case_is_put_last_and_tells_whether_the_context_is_large_enough() -> None:
    bench, asked = _measured()
    usual = max(len(prompt.shared) for prompt in asked.asked if "7.1% q3" not in prompt.shared)
    assert bench.largest_prompt == len(asked.asked[-1].shared) // 4 > usual // 4
    assert not bench.fits
    tight, _ = _measured(room=usual // 4)
    assert tight.widest == {"invalid": 5}
    assert "context_tokens" in " ".join(verdicts(tight))


def test_no_case_is_as_long_as_the_widest() -> None:
    wide = widest_case(3)
    assert len(wide.passages) == 3
    assert len(case_text(wide)) > max(len(case_text(item.case)) for item in exam_cases()) + HEADLINE_CHARACTERS


def test_no_two_cases_of_a_bench_are_equal() -> None:
    cases = bench_cases(120)
    prompts = {render(case, ANALYST, AGENTS.roles.analyst, prose=False).hash for case in cases}
    assert len(cases) == 120 > len(exam_cases())
    assert len({case.hash for case in cases}) == len(cases)
    assert len(prompts) > 110


def test_the_page_tells_what_was_measured_and_where() -> None:
    bench, _ = _measured()
    text = page(bench, replace(WHERE, peak_mib=312.4))
    assert text.startswith("# m (openai)\n")
    assert "| valid answers | 80.0% |" in text
    assert "| states | answered 12, truncated 3 |" in text
    assert "| tokens a second, read / written | not told / 50 |" in text
    assert "| memory of the server at most | 312 MiB |" in text
    assert "memory" not in page(bench, WHERE)
