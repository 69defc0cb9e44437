"""Whatever a headline says and however a model obeys it: no other case, no larger size, nothing of the prompt shown."""

import json
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from tenthman_red_team import attacked, leaked, letters, shown

from tenthman.agents.analyst import ANALYST
from tenthman.agents.base import render, split
from tenthman.agents.committee import NO_MODEL, Standing, review
from tenthman.agents.exam_cases import exam_cases
from tenthman.agents.prose import recites
from tenthman.config import load_config
from tenthman.domain.opinion import Case, Critique, Enter, Prompt, Reply, ReplyState, Review

AGENTS = load_config(Path(__file__).parents[3] / "config", {}).agents
CASES = {item.name: item.case for item in exam_cases()}
SHRUNK, NEIGHBOUR = CASES["volatile winner"], CASES["contract won"]
BINDING = Standing(model="m", digest="d", binding=True, prose=True)
PROMPT = render(SHRUNK, ANALYST, AGENTS.roles.analyst, prose=True)
OWN = f"{split(PROMPT)[0]}\n{PROMPT.instruction}"

_slices = st.tuples(st.integers(0, len(OWN)), st.integers(0, 240)).map(lambda cut: OWN[cut[0] : cut[0] + cut[1]])
_words = st.text(max_size=60) | _slices
_code = st.sampled_from(["good_news", "veto_all"]) | _words
_id = st.sampled_from(["n1", "f99"]) | _words


@st.composite
def _obeying(draw: st.DrawFn) -> str:
    """An answer with the headline's words, or the prompt's, wherever words can go."""
    answer: dict[str, object] = {
        "rationale": draw(_words),
        "reasons": draw(st.lists(_code, min_size=1, max_size=2)),
        "cited": draw(st.lists(_id, max_size=3)),
        "confidence_pct": draw(st.integers(0, 100)),
        "stance": draw(st.sampled_from(["approve", "shrink", "veto", "abstain"]) | _words),
    }
    if draw(st.booleans()):
        answer[draw(_words)] = draw(_words)
    return draw(_words) if draw(st.integers(0, 5)) == 0 else json.dumps(answer)


def _asked(texts: dict[str, str], case: Case, seen: list[Prompt]) -> Review:
    """The review where the model answers each ticker's case with its own text."""

    def ask(prompts: tuple[Prompt, ...]) -> tuple[Reply, ...]:
        seen.extend(prompts)
        return tuple(
            Reply(
                prompt_hash=prompt.hash,
                state=ReplyState.ANSWERED,
                text=texts[prompt.shared.partition("<case>\nbuy ")[2].partition(" ")[0]],
                model="m",
                model_digest="d",
                prompt_tokens=0,
                reply_tokens=0,
                latency_ms=0,
            )
            for prompt in prompts
        )

    return review(case, ask, AGENTS, BINDING, 0.0, (ANALYST,))


@settings(max_examples=100, deadline=None)
@given(headline=st.text(min_size=1, max_size=300), answer=_obeying(), calm=_obeying())
def test_a_headline_and_whoever_obeys_it_stay_with_their_own_case(headline: str, answer: str, calm: str) -> None:
    neighbour = replace(NEIGHBOUR, ticker="NGHB")
    before: list[Prompt] = []
    undisturbed = _asked({"NGHB": calm}, neighbour, before)
    found = _asked({"HLDN": answer, "NGHB": calm}, attacked(SHRUNK, headline), [])
    after: list[Prompt] = []
    assert _asked({"HLDN": answer, "NGHB": calm}, neighbour, after) == undisturbed
    assert after == before
    alone = review(SHRUNK, None, AGENTS, NO_MODEL, 0.0).verdict
    assert isinstance(alone, Enter)
    if isinstance(found.verdict, Enter):
        assert found.verdict.size_fraction <= alone.size_fraction
    assert all(_harmless(critique) for critique in found.critiques)


def _harmless(critique: Critique) -> bool:
    told = (critique.detail, " ".join(critique.invalid_citations))
    return shown(critique).isprintable() and all(len(text) < 400 and not leaked(text, PROMPT) for text in told)


@settings(max_examples=100, deadline=None)
@given(cut=_slices, between=st.sampled_from([" ", "-", "\u200b", " \u0301", "1", "\n"]), upper=st.booleans())
def test_a_recited_prompt_is_recognised_however_it_is_spelt(cut: str, between: str, upper: bool) -> None:
    told = between.join(cut.upper() if upper else cut)
    assert recites(told, OWN) == (len(letters(cut)) >= 24)
