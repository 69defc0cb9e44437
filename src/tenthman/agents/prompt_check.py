"""What the prompts get a model to say of the fixed cases, held against the last run that was accepted.

The accepted run is a file beside the prompts, committed with them: fingerprints of every template and of all questions,
the model's digest, and its answer to each case. A prompt that was changed without a fresh accepted run is found by
comparing fingerprints, which needs no model.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from tenthman.agents.base import REPAIR, render
from tenthman.agents.committee import ADVISERS, COMMITTEE
from tenthman.agents.exam_cases import ExamClass, exam_cases
from tenthman.agents.exam_marks import Paper
from tenthman.config import RoleSettings
from tenthman.domain.canonical import content_hash
from tenthman.domain.errors import DataCorrupt, SetupError
from tenthman.domain.opinion import ReplyState, Stance

FILE = "accepted.json"
VETO, ABSTAINED = Stance.VETO.value, ReplyState.ABSTAINED.value
STANCES = frozenset({Stance.APPROVE.value, Stance.SHRINK.value, VETO})

_ANY_BOUND = RoleSettings(enabled=True, max_tokens=80, model=None, temperature=None, deadline_s=None)


class Accepted(BaseModel):
    """The run that was accepted last. `answers`: case to stance, or to what became of the question."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    accepted_on: date
    model: str
    model_digest: str
    prose: bool
    fingerprints: dict[str, str]
    answers: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Answers to the cases of one class: shares of what was put, `other` being replies of no use."""

    put: int
    veto: float
    shrink: float
    abstain: float
    other: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A run of the present prompts beside the accepted one.

    `changed` names what the accepted run was not made with; `moved` the cases answered otherwise (case, then, now).
    `comparable`: both runs are of one model, so that what moved is the prompts' doing.
    """

    now: Mapping[str, Rates]
    accepted: Mapping[str, Rates]
    changed: tuple[str, ...]
    moved: tuple[tuple[str, str, str], ...]
    comparable: bool

    @property
    def stands(self) -> bool:
        """Whether the accepted run still tells what the prompts do: nothing changed, one model says the same twice."""
        return not self.changed and not (self.comparable and self.moved)


def fingerprints() -> dict[str, str]:
    """SHA-256 of every template, and of all questions that the cases make with them."""
    folder = files("tenthman.agents") / "prompts"
    templates = sorted((item for item in folder.iterdir() if item.name.endswith(".md")), key=lambda item: item.name)
    found = {item.name: content_hash(item.read_text(encoding="utf-8")) for item in templates}
    asked = {"questions": _questions(prose=False), "questions in prose": _questions(prose=True)}
    return {**found, "repair": content_hash(REPAIR), **asked}


def accepted_place() -> Path:
    """Where the accepted run is kept: beside the prompts."""
    return Path(str(files("tenthman.agents") / "prompts" / FILE))


def read_accepted(place: Path) -> Accepted | None:
    """The accepted run at `place`, None where none was accepted yet; DataCorrupt when it cannot be read."""
    try:
        return Accepted.model_validate_json(place.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise DataCorrupt(f"{place}: not an accepted run of the prompts: {str(error)[:200]}") from None


def write_accepted(place: Path, accepted: Accepted) -> None:
    """Keep `accepted` at `place`, whole or not at all; SetupError where it cannot be written."""
    draft = place.with_suffix(".draft")
    try:
        draft.write_text(f"{json.dumps(accepted.model_dump(mode='json'), indent=1)}\n", encoding="utf-8")
        draft.replace(place)
    except OSError as error:
        raise SetupError(f"{place}: the accepted run cannot be written: {error.strerror}") from None


def answers_of(papers: Iterable[Paper]) -> dict[str, str]:
    """Each case with its answer."""
    return {paper.name: paper.answer for paper in papers}


def rates(answers: Mapping[str, str]) -> dict[str, Rates]:
    """`answers` by the class of their cases; cases that there are no more are left out."""
    grouped: dict[str, list[str]] = {kind.value: [] for kind in ExamClass}
    for item in exam_cases():
        if item.name in answers:
            grouped[item.kind.value].append(answers[item.name])
    return {kind: _rates(found) for kind, found in grouped.items()}


def compare(answers: Mapping[str, str], digest: str, accepted: Accepted | None) -> Check:
    """The present run beside the accepted one; with none, everything counts as changed."""
    prints = fingerprints()
    before = {} if accepted is None else accepted.answers
    old = {} if accepted is None else accepted.fingerprints
    moved = tuple(
        (name, before[name], answer) for name, answer in answers.items() if name in before and before[name] != answer
    )
    return Check(
        now=rates(answers),
        accepted=rates(before),
        changed=tuple(name for name in sorted({*prints, *old}) if prints.get(name) != old.get(name)),
        moved=moved,
        comparable=accepted is not None and accepted.model_digest == digest,
    )


def _questions(*, prose: bool) -> str:
    asked = [(brief, None) for brief in ADVISERS] + [(COMMITTEE, {"opinions": ""})]
    return content_hash(
        [
            [item.name, item.kind, item.twin, render(item.case, brief, _ANY_BOUND, prose=prose, extra=extra).hash]
            for item in exam_cases()
            for brief, extra in asked
        ]
    )


def _rates(found: list[str]) -> Rates:
    put = len(found)

    def share(count: int) -> float:
        return count / put if put else 0.0

    return Rates(
        put=put,
        veto=share(found.count(VETO)),
        shrink=share(found.count(Stance.SHRINK.value)),
        abstain=share(found.count(ABSTAINED)),
        other=share(sum(answer not in STANCES and answer != ABSTAINED for answer in found)),
    )
