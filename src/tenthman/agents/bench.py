"""How well a model serves the desk: valid answers, room in its context, seconds and tokens, over many cases.

No tape is used: every question is put. Times are as the desk waits; tokens a second go by the server's own clock where
it tells one, else by the whole wait.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import count, islice
from time import monotonic

import numpy as np

from tenthman.agents.base import HEADLINE_CHARACTERS, NAME_CHARACTERS
from tenthman.agents.committee import Standing, language_critiques
from tenthman.agents.exam_cases import exam_cases
from tenthman.agents.llm_interface import LanguageModel
from tenthman.config import Agents
from tenthman.domain.errors import LLMError
from tenthman.domain.opinion import OF_USE, Case, Critique, Prompt, Reply, ReplyState

DRIFT = 0.01
"""Figures of the cases that are put again are moved by so much a round, so that no two cases are equal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Seconds: median and 95th percentile."""

    p50: float
    p95: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What was measured. `states` counts opinions by what became of them; `repaired` those that took a second question.

    `largest_prompt` and `largest_answer` are tokens, those of the widest case that the desk can make among them;
    `widest` is what became of that case. Tokens a second are None where the server does not tell.
    """

    model: str
    digest: str
    cases: int
    states: Mapping[str, int]
    repaired: int
    seconds_by_role: Mapping[str, Spread]
    seconds_by_ticker: Spread
    read_tokens_per_s: float | None
    write_tokens_per_s: float | None
    largest_prompt: int
    largest_answer: int
    widest: Mapping[str, int]
    context_tokens: int

    @property
    def valid_rate(self) -> float:
        """Share of opinions that are answers or abstentions; 0 where none was asked for."""
        put = sum(self.states.values())
        return sum(self.states.get(state.value, 0) for state in OF_USE) / put if put else 0.0

    @property
    def fits(self) -> bool:
        """Whether the widest case was answered in the context that is configured."""
        return set(self.widest) <= {state.value for state in OF_USE}


def measure(
    model: LanguageModel,
    settings: Agents,
    context_tokens: int,
    cases: int,
    told: Callable[[int], None] = lambda _done: None,
) -> Bench:
    """Put `cases` cases (at least 1) and the widest one to `model`; `told` hears how many are done.

    One case is put beforehand that is not counted. Raises LLMError when the server is not there to answer it, and what
    the model's `ask` raises.
    """
    heard: list[tuple[Prompt, Reply]] = []

    def ask(prompts: tuple[Prompt, ...]) -> tuple[Reply, ...]:
        replies = model.ask(prompts)
        heard.extend(zip(prompts, replies, strict=True))
        return replies

    standing = Standing(model=model.name, digest=model.digest, binding=False, prose=model.prose)
    first = language_critiques(widest_case(settings.case_passages), ask, settings, standing)
    if all(critique.state is ReplyState.UNREACHABLE for critique in first):
        raise LLMError(f"{model.name}: no server answers, so there is nothing to measure")
    heard.clear()
    critiques: list[Critique] = []
    spent: list[float] = []
    for number, case in enumerate(bench_cases(cases), start=1):
        began = monotonic()
        critiques.extend(language_critiques(case, ask, settings, standing))
        spent.append(monotonic() - began)
        told(number)
    usual = tuple(heard)
    widest = language_critiques(widest_case(settings.case_passages), ask, settings, standing)
    return Bench(
        model=model.name,
        digest=model.digest,
        cases=cases,
        states=Counter(critique.state.value for critique in critiques),
        repaired=len(usual) - len(critiques),
        seconds_by_role=_by_role(critiques),
        seconds_by_ticker=_spread(spent),
        read_tokens_per_s=_pace((reply.prompt_tokens, reply.read_ms) for _, reply in usual),
        write_tokens_per_s=_pace((reply.reply_tokens, reply.write_ms or reply.latency_ms) for _, reply in usual),
        largest_prompt=max(reply.prompt_tokens for _, reply in heard),
        largest_answer=max(prompt.max_tokens for prompt, _ in heard),
        widest=Counter(critique.state.value for critique in widest),
        context_tokens=context_tokens,
    )


def bench_cases(number: int) -> tuple[Case, ...]:
    """`number` cases, no two equal: the fixed ones, then the same with their figures moved a little."""
    fixed = tuple(item.case for item in exam_cases())
    return tuple(islice((_moved(case, turn) for turn in count() for case in fixed), number))


def widest_case(passages: int) -> Case:
    """The longest case that the desk can make: full names, and `passages` headlines of many short words."""
    case = next(item.case for item in exam_cases() if item.case.passages)
    shown = case.passages[0]
    text = ("7.1% q3 " * HEADLINE_CHARACTERS)[:HEADLINE_CHARACTERS]
    return replace(
        case,
        name="Xq7-" * (NAME_CHARACTERS // 4),
        sector="Zk9-" * (NAME_CHARACTERS // 4),
        figures=tuple(replace(figure, value=-1.23456e-05) for figure in case.figures),
        passages=tuple(
            replace(shown, id=f"n{place}", item_id=f"wide-{place}", text=text) for place in range(1, passages + 1)
        ),
    )


def _moved(case: Case, turn: int) -> Case:
    if turn == 0:
        return case
    factor = 1.0 + DRIFT * turn
    return replace(case, figures=tuple(replace(figure, value=figure.value * factor) for figure in case.figures))


def _by_role(critiques: Iterable[Critique]) -> dict[str, Spread]:
    spent: dict[str, list[float]] = defaultdict(list)
    for critique in critiques:
        spent[critique.role.value].append(critique.latency_ms / 1000.0)
    return {role: _spread(seconds) for role, seconds in spent.items()}


def _spread(seconds: list[float]) -> Spread:
    middle, late = np.percentile(seconds, [50, 95])
    return Spread(p50=float(middle), p95=float(late))


def _pace(pairs: Iterable[tuple[int, int]]) -> float | None:
    listed = [(tokens, spent) for tokens, spent in pairs if tokens and spent]
    spent = sum(milliseconds for _, milliseconds in listed)
    return 1000.0 * sum(tokens for tokens, _ in listed) / spent if spent else None
