"""Whatever a model replies, and whatever a headline says, the committee can only take away from the entry."""

import json
from dataclasses import replace
from itertools import cycle
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tenthman.agents.base import CASE_CLOSES, CASE_OPENS, HEADLINE_CHARACTERS, case_text, split
from tenthman.agents.committee import NO_MODEL, Standing, review
from tenthman.agents.exam_cases import exam_cases
from tenthman.agents.text import clean
from tenthman.agents.vocabulary import VOCABULARY
from tenthman.config import load_config
from tenthman.domain.opinion import Abstain, Ask, Case, Enter, Prompt, Reply, ReplyState, Review, Veto

AGENTS = load_config(Path(__file__).parents[3] / "config", {}).agents
CASES = [item.case for item in exam_cases()]

_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
_choices = st.sampled_from([*VOCABULARY, "approve", "shrink", "veto", "abstain", "f1", "n1", "x"])
_json = st.recursive(
    _scalars | _choices, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
)


@st.composite
def _replies(draw: st.DrawFn) -> str:
    """Arbitrary text, arbitrary JSON, and answers that are nearly or quite right."""
    if draw(st.booleans()):
        return draw(st.text())
    if draw(st.booleans()):
        return json.dumps(draw(_json))
    answer = {
        "reasons": draw(st.lists(_choices, max_size=3)),
        "cited": draw(st.lists(_choices | st.text(max_size=5), max_size=4)),
        "confidence_pct": draw(st.integers(-5, 105) | st.floats()),
        "stance": draw(_choices | st.text(max_size=5)),
    }
    for key in draw(st.lists(st.sampled_from(sorted(answer)), max_size=1)):
        del answer[key]
    if draw(st.booleans()):
        answer["size_fraction"] = 5.0
    return json.dumps(answer)


def _answering(texts: list[str], states: list[ReplyState]) -> Ask:
    """The replies one after the other, over and over: an answer that cannot be read is asked for once more."""
    queue = cycle(zip(texts, states, strict=True))

    def ask(prompts: tuple[Prompt, ...]) -> tuple[Reply, ...]:
        return tuple(_reply(prompt, *next(queue)) for prompt in prompts)

    return ask


def _reply(prompt: Prompt, text: str, state: ReplyState) -> Reply:
    return Reply(
        prompt_hash=prompt.hash,
        state=state,
        text=text,
        model="m",
        model_digest="d",
        prompt_tokens=0,
        reply_tokens=0,
        latency_ms=0,
    )


def _size(answer: Review) -> float:
    match answer.verdict:
        case Enter(size_fraction=size):
            return size
        case Veto() | Abstain():
            return 0.0


@settings(max_examples=300, deadline=None)
@given(
    case=st.sampled_from(CASES),
    texts=st.lists(_replies(), min_size=5, max_size=5),
    states=st.lists(st.just(ReplyState.ANSWERED) | st.sampled_from(ReplyState), min_size=5, max_size=5),
    binding=st.booleans(),
    drawdown=st.floats(0.0, 0.05),
)
def test_a_model_only_ever_takes_away_from_what_the_rules_let_pass(
    case: Case, texts: list[str], states: list[ReplyState], binding: bool, drawdown: float
) -> None:
    alone = review(case, None, AGENTS, NO_MODEL, drawdown)
    standing = Standing(model="m", digest="d", binding=binding)
    with_model = review(case, _answering(texts, states), AGENTS, standing, drawdown)
    assert _size(with_model) <= _size(alone) <= 1.0
    if not binding:
        assert with_model.verdict == alone.verdict
    for critique in with_model.critiques:
        assert set(critique.cited) <= case.citable_ids
        assert set(critique.reasons) <= set(VOCABULARY)
        assert 0.0 <= critique.size_fraction <= 1.0


@settings(max_examples=300, deadline=None)
@given(text=st.text(max_size=300), limit=st.integers(4, 140))
def test_cleaned_text_is_one_bounded_line_without_quotes_or_markup(text: str, limit: int) -> None:
    cleaned = clean(text, limit)
    assert len(cleaned) <= limit
    assert not set(cleaned) & set('"`<>{}[]|\\\n\r\t\x00\u200b\u202e')
    assert all(character.isprintable() for character in cleaned)
    assert clean(cleaned, limit) == cleaned


@settings(max_examples=200, deadline=None)
@given(headline=st.text(min_size=1, max_size=400), name=st.text(max_size=80), sector=st.text(max_size=80))
def test_no_headline_or_name_leaves_its_place_in_the_case(headline: str, name: str, sector: str) -> None:
    plain = CASES[0]
    passages = (replace(plain.passages[0], text=headline), *plain.passages[1:])
    hostile = replace(plain, passages=passages, name=name, sector=sector)
    lines, expected = case_text(hostile).splitlines(), case_text(plain).splitlines()
    assert len(lines) == len(expected)
    assert case_text(hostile).count(CASE_OPENS.strip()) == case_text(hostile).count(CASE_CLOSES.strip()) == 1
    changed = [line for line, old in zip(lines, expected, strict=True) if line != old]
    assert all(line.startswith(("buy HLDN", 'n1 "')) for line in changed)
    assert all(line.count('"') == 2 for line in lines if line.startswith("n1"))
    assert all(len(line) < HEADLINE_CHARACTERS + 40 for line in lines)


def test_the_system_text_is_the_same_for_every_case() -> None:
    seen: list[Prompt] = []

    def ask(prompts: tuple[Prompt, ...]) -> tuple[Reply, ...]:
        seen.extend(prompts)
        return ()

    for case in CASES:
        review(case, ask, AGENTS, Standing(model="m", digest="d", binding=True), 0.0)
    assert len({split(prompt)[0] for prompt in seen}) == 1
