"""What a reply says: JSON of exactly the schema's shape, or no opinion. Pure.

Nothing is guessed, mended or read out of prose. A reply is read as points: the first cited id shows the first reason. A
point whose id the case does not have is struck.
"""

import json
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from tenthman.agents.base import Brief, split
from tenthman.agents.prose import RATIONALE_CHARACTERS, shown_failure, shown_id, shown_rationale
from tenthman.agents.text import clean
from tenthman.domain.opinion import Case, Critique, Prompt, Reply, ReplyState, Stance

REPLY_CHARACTERS = 20_000
"""A reply longer than this is not an answer to a question of a few codes."""


def read(
    reply: Reply, prompt: Prompt, case: Case, brief: Brief, *, binding: bool, shrink_fraction: float, prose: bool
) -> Critique:
    """The critique that `reply` holds; a state other than ANSWERED when it holds none. Never raises.

    Ids that the case does not have are dropped from `cited` and listed in `invalid_citations`; the reason that such an
    id was to show is struck, `detail` says so, and an answer without a reason left is INVALID. `{}` and the stance
    "abstain" are abstentions. An answer to another prompt is INVALID. A rationale with a number that the case does not
    show is left out.
    """
    if reply.state is not ReplyState.ANSWERED:
        told = shown_failure(reply.failure, own=_own_words(prompt))
        return _silent(reply, prompt, brief, binding, reply.state, told)
    if reply.prompt_hash != prompt.hash:
        return _silent(reply, prompt, brief, binding, ReplyState.INVALID, "the reply answers another prompt")
    try:
        answer = _parse(reply.text, brief, prose=prose)
    except ValueError as error:
        return _silent(reply, prompt, brief, binding, ReplyState.INVALID, clean(str(error), RATIONALE_CHARACTERS))
    if answer is None:
        return _silent(reply, prompt, brief, binding, ReplyState.ABSTAINED, "")
    points = points_of(answer, case)
    if not points.reasons:
        return _silent(reply, prompt, brief, binding, ReplyState.INVALID, points.told, points.invented)
    stance = Stance(answer.stance)
    rationale = ""
    if isinstance(answer, _ProseAnswer):
        rationale = shown_rationale(answer.rationale, case=prompt.shared, own=_own_words(prompt))
    return Critique(
        role=brief.role,
        model=reply.model,
        binding=binding,
        state=ReplyState.ANSWERED,
        stance=stance,
        size_fraction=size_of(stance, shrink_fraction),
        reasons=points.reasons,
        cited=points.cited,
        confidence_pct=answer.confidence_pct,
        invalid_citations=points.invented,
        prompt_hash=prompt.hash,
        latency_ms=reply.latency_ms,
        detail="; ".join(text for text in (rationale, points.told) if text),
    )


def _own_words(prompt: Prompt) -> str:
    return f"{split(prompt)[0]}\n{prompt.instruction}"


def size_of(stance: Stance, shrink_fraction: float) -> float:
    """What a stance leaves of an entry's size: all, `shrink_fraction` or nothing; no opinion takes nothing away."""
    return {Stance.VETO: 0.0, Stance.SHRINK: shrink_fraction}.get(stance, 1.0)


def _listed(value: object) -> object:
    """One code may stand without brackets: a model that names only one saves their tokens."""
    return [value] if isinstance(value, str) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """What a reply says once its points are struck that rest on ids which the case does not have (`invented`)."""

    reasons: tuple[str, ...]
    cited: tuple[str, ...]
    invented: tuple[str, ...]
    struck: tuple[str, ...]

    @property
    def told(self) -> str:
        """The strike in words; empty where nothing was invented."""
        if not self.invented:
            return ""
        lost = f"struck: {', '.join(self.struck)}; " if self.struck else ""
        return f"{lost}not in the case: {', '.join(self.invented)}"


def points_of(answer: "_Answer", case: Case) -> Points:
    """`answer` against `case`: the n-th id shows the n-th reason; further ids and reasons stand by themselves."""
    known = case.citable_ids
    struck = [code for code, id_ in zip(answer.reasons, answer.cited, strict=False) if id_ not in known]
    cited = tuple(dict.fromkeys(answer.cited))
    return Points(
        reasons=tuple(dict.fromkeys(code for code in answer.reasons if code not in struck)),
        cited=tuple(id_ for id_ in cited if id_ in known),
        invented=tuple(dict.fromkeys(shown_id(id_) for id_ in cited if id_ not in known)),
        struck=tuple(dict.fromkeys(struck)),
    )


class _Answer(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    reasons: Annotated[list[str], BeforeValidator(_listed), Field(min_length=1, max_length=2)]
    cited: Annotated[list[str], BeforeValidator(_listed), Field(max_length=3)]
    confidence_pct: Annotated[int, Field(ge=0, le=100)]
    stance: Literal["approve", "shrink", "veto", "abstain"]


class _ProseAnswer(_Answer):
    rationale: Annotated[str, Field(max_length=RATIONALE_CHARACTERS)]


def _parse(text: str, brief: Brief, *, prose: bool) -> _Answer | None:
    """The answer in `text`, None for an abstention; ValueError for anything that is not exactly an answer."""
    if len(text) > REPLY_CHARACTERS:
        raise ValueError(f"`text` must have at most {REPLY_CHARACTERS} characters, had {len(text)}")
    try:
        raw = json.loads(text, object_pairs_hook=_without_repeats)
    except RecursionError:
        raise ValueError("`text` is nested too deeply") from None
    if raw == {}:
        return None
    try:
        answer = (_ProseAnswer if prose else _Answer).model_validate(raw)
    except ValidationError as error:
        raise ValueError(_flaw(error)) from None
    if answer.stance == "abstain":
        return None
    if answer.stance not in brief.stances:
        raise ValueError(f"`stance` must be one of {brief.stances}, was {answer.stance!r}")
    if any(code not in brief.reasons for code in answer.reasons):
        raise ValueError(f"`reasons` must be codes offered to the {brief.role.value}, were also others")
    return answer


def _flaw(error: ValidationError) -> str:
    """What is wrong with an answer, in words of ours: a key or a value of the model's own making is not quoted."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = str(first["loc"][0]) if first["loc"] else "answer"
    return f"`{place if place in _ProseAnswer.model_fields else 'answer'}`: {first['msg']}"


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Parsers disagree about which of two equal keys counts, so an answer with both is none."""
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError(f"keys must be given once, were {len(keys)} of which {len(set(keys))} differ")
    return dict(pairs)


def _silent(
    reply: Reply,
    prompt: Prompt,
    brief: Brief,
    binding: bool,
    state: ReplyState,
    detail: str,
    invented: tuple[str, ...] = (),
) -> Critique:
    return Critique(
        role=brief.role,
        model=reply.model,
        binding=binding,
        state=state,
        stance=Stance.NONE,
        size_fraction=1.0,
        reasons=(),
        cited=(),
        confidence_pct=0,
        invalid_citations=invented,
        prompt_hash=prompt.hash,
        latency_ms=reply.latency_ms,
        detail=detail,
    )
