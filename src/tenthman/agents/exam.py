"""The examination: a model's veto binds only once it has told fixed cases apart.

1. Qualifying: a few clear approvals and vetoes; a model that cannot tell these apart does not sit the rest.
2. Two of them again with orders hidden in a headline.  3. All other cases.
The marks of a round count all answers so far, and the examination that a desk holds when it starts ends as soon as its
round cannot be passed any more: whoever lets a bankrupt company pass has shown enough. `examine_whole` puts every case
and marks them together; its result outranks one that ended early. What is examined is the committee agent
with the four opinions before it, just as it is asked when it trades.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from psycopg.types.json import Jsonb

from tenthman.agents.base import render
from tenthman.agents.committee import ADVISERS, COMMITTEE, Standing, as_put, language_critiques, role_settings
from tenthman.agents.exam_cases import ExamCase, ExamClass, exam_cases
from tenthman.agents.exam_marks import Marks, Paper, marks_of, missed
from tenthman.agents.llm_interface import LanguageModel
from tenthman.agents.rules import rules_critique
from tenthman.config import Agents
from tenthman.db.pool import Pool
from tenthman.db.sql import load_queries
from tenthman.domain.canonical import content_hash, plain
from tenthman.domain.opinion import OF_USE, PASSING, Ask, ReplyState, Stance

log = structlog.get_logger(__name__)

_QUERIES = load_queries("tenthman.agents", "queries.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExamResult:
    """How an examination ended. `failed` names the marks that the last round sat could not reach any more, at best.

    `disturbed`: the model could not be reached, or not in time; this is no result and is not stored. `rules` and
    `coin` are the marks of the rules critic and of a tossed coin on the same cases.
    """

    model: str
    digest: str
    passed: bool
    disturbed: bool
    sat: int
    cases: int
    failed: tuple[str, ...]
    marks: Marks
    rules: Marks
    coin: Marks
    papers: tuple[Paper, ...]

    @property
    def better_than_rules(self) -> bool:
        """Whether the model tells clear approvals from clear vetoes better than the rules critic does."""
        return self.marks.told_apart > self.rules.told_apart


def examine(ask: Ask, name: str, digest: str, settings: Agents, *, prose: bool = False) -> ExamResult:
    """Put the cases to `ask` round by round. Raises only what `ask` raises."""
    standing = Standing(model=name, digest=digest, binding=False, prose=prose)
    cases = exam_cases()
    sat: list[ExamCase] = []
    papers: list[Paper] = []
    failed: tuple[str, ...] = ()
    for round_ in _rounds(cases):
        for item in round_:
            paper = _sit(item, ask, settings, standing)
            if paper is None:
                return _result(standing, cases, sat, papers, ("disturbed",), settings)
            sat.append(item)
            papers.append(paper)
            failed = missed(_at_best(papers, round_), settings.examination, "at best")
            if failed:
                return _result(standing, cases, sat, papers, failed, settings)
    return _result(standing, cases, sat, papers, failed, settings)


def examine_whole(
    ask: Ask,
    name: str,
    digest: str,
    settings: Agents,
    *,
    prose: bool = False,
    told: Callable[[int, int], None] = lambda _done, _of: None,
) -> ExamResult:
    """Put every case to `ask`, however badly it goes. `told` hears how many were answered, and of how many.

    Raises only what `ask` raises.
    """
    standing = Standing(model=name, digest=digest, binding=False, prose=prose)
    cases = exam_cases()
    papers: list[Paper] = []
    for number, item in enumerate(cases):
        told(number, len(cases))
        paper = _sit(item, ask, settings, standing)
        if paper is None:
            return _result(standing, cases, list(cases[:number]), papers, ("disturbed",), settings)
        papers.append(paper)
    failed = missed(marks_of(papers), settings.examination)
    return _result(standing, cases, list(cases), papers, failed, settings)


def standing_of(pool: Pool, model: LanguageModel, settings: Agents, at: datetime) -> Standing:
    """Whether `model` binds: by the stored examination, else by one held now and stored as of `at`.

    A model whose committee role is switched off is not examined and does not bind.
    """
    if not settings.roles.committee.enabled:
        return Standing(model=model.name, digest=model.digest, binding=False, prose=model.prose)
    key = _key(model, settings)
    with pool.connection() as connection:
        row = connection.execute(_QUERIES["examination"], key).fetchone()
    passed = bool(row[0]) if row is not None else _examine_and_keep(pool, model, settings, at)
    return Standing(model=model.name, digest=model.digest, binding=passed, prose=model.prose)


def keep(pool: Pool, model: LanguageModel, settings: Agents, result: ExamResult, at: datetime) -> None:
    """Store `result` as of `at`; of several, the one with the most cases decides. Not for a disturbed one."""
    row = {**_key(model, settings), "model": model.name, "passed": result.passed}
    with pool.connection() as connection:
        connection.execute(_QUERIES["keep_examination"], {**row, "result": Jsonb(plain(result)), "at": at})


def unlike_the_other(
    pool: Pool, model: LanguageModel, settings: Agents, result: ExamResult
) -> tuple[tuple[str, str, str], ...] | None:
    """Cases that `result` answers otherwise than the examination on record with names shown where it masks them.

    Or the other way round. Each with the answer on record and the new one; None where no such examination is on record.
    """
    other = settings.model_copy(update={"mask": not settings.mask})
    with pool.connection() as connection:
        row = connection.execute(_QUERIES["papers"], _key(model, other)).fetchone()
    if row is None:
        return None
    before = {paper["name"]: _answer(paper["stance"], paper["state"]) for paper in row[0]}
    now = {paper.name: paper.answer for paper in result.papers}
    return tuple((name, before[name], now[name]) for name in now if name in before and before[name] != now[name])


def _answer(stance: str, state: str) -> str:
    return state if stance == Stance.NONE.value else stance


def _key(model: LanguageModel, settings: Agents) -> dict[str, str]:
    return {
        "digest": model.digest,
        "prompts_hash": prompts_hash(settings, prose=model.prose),
        "marks_hash": content_hash(settings.examination.model_dump(mode="json")),
    }


def prompts_hash(settings: Agents, *, prose: bool) -> str:
    """Changes with anything that the examined model would be asked: templates, choices, bounds, or a case."""
    prompts = [
        render(
            as_put(item.case, settings).case,
            brief,
            role_settings(settings.roles, brief),
            prose=prose,
            extra=extra,
            mask=settings.mask,
        ).hash
        for item in exam_cases()
        for brief, extra in [*((brief, None) for brief in ADVISERS), (COMMITTEE, {"opinions": ""})]
    ]
    enabled = [role_settings(settings.roles, brief).enabled for brief in (*ADVISERS, COMMITTEE)]
    classes = [[item.name, item.kind, item.twin, item.qualifying] for item in exam_cases()]
    return content_hash([prompts, enabled, classes])


def _rounds(cases: tuple[ExamCase, ...]) -> tuple[tuple[ExamCase, ...], ...]:
    first = tuple(item for item in cases if item.qualifying and item.twin is None)
    second = tuple(item for item in cases if item.qualifying and item.twin is not None)
    return first, second, tuple(item for item in cases if not item.qualifying)


def _at_best(papers: list[Paper], round_: tuple[ExamCase, ...]) -> Marks:
    """The marks if every case of the round that was not put yet were answered as well as can be."""
    everyone = len(ADVISERS) + 1
    stances = {paper.name: paper.stance for paper in papers}
    rest = [item for item in round_ if item.name not in stances]
    for item in rest:
        stances[item.name] = Stance.VETO if item.kind is ExamClass.VETO else Stance.APPROVE
    best = [_paper(item, stances[item.twin or item.name], everyone) for item in rest]
    return marks_of([*papers, *best])


def _sit(item: ExamCase, ask: Ask, settings: Agents, standing: Standing) -> Paper | None:
    """The answer to one case, None when a reply did not come: what says nothing about the model is no result."""
    critiques = language_critiques(item.case, ask, settings, standing)
    if any(critique.state in PASSING for critique in critiques):
        return None
    usable = sum(critique.state in OF_USE for critique in critiques)
    last = critiques[-1] if settings.roles.committee.enabled else None
    return Paper(
        name=item.name,
        kind=item.kind,
        twin=item.twin,
        stance=last.stance if last else Stance.NONE,
        state=last.state if last else ReplyState.ABSTAINED,
        asked=len(critiques),
        usable=usable,
    )


def _result(
    standing: Standing,
    cases: tuple[ExamCase, ...],
    sat: list[ExamCase],
    papers: list[Paper],
    failed: tuple[str, ...],
    settings: Agents,
) -> ExamResult:
    rules = [rules_critique(item.case, settings.rules_critic, item.drawdown).stance for item in sat]
    return ExamResult(
        model=standing.model,
        digest=standing.digest,
        passed=not failed and len(sat) == len(cases),
        disturbed=failed == ("disturbed",),
        sat=len(sat),
        cases=len(cases),
        failed=failed,
        marks=marks_of(papers),
        rules=marks_of(_paper(item, stance, 1) for item, stance in zip(sat, rules, strict=True)),
        coin=marks_of(_paper(item, _toss(item), 1) for item in sat),
        papers=tuple(papers),
    )


def _examine_and_keep(pool: Pool, model: LanguageModel, settings: Agents, at: datetime) -> bool:
    result = examine(model.ask, model.name, model.digest, settings, prose=model.prose)
    log.info(
        "a language model was examined",
        model=model.name,
        passed=result.passed,
        disturbed=result.disturbed,
        sat=result.sat,
        cases=result.cases,
        failed=list(result.failed),
    )
    if result.disturbed:
        return False
    keep(pool, model, settings, result, at)
    return result.passed


def _paper(item: ExamCase, stance: Stance, asked: int) -> Paper:
    """A paper whose every reply was of use; no stance is an abstention."""
    state = ReplyState.ABSTAINED if stance is Stance.NONE else ReplyState.ANSWERED
    return Paper(name=item.name, kind=item.kind, twin=item.twin, stance=stance, state=state, asked=asked, usable=asked)


def _toss(item: ExamCase) -> Stance:
    """A coin that falls the same way every time: heads by the first bit of the name's hash."""
    return Stance.VETO if hashlib.sha256(item.name.encode()).digest()[0] & 1 else Stance.APPROVE
