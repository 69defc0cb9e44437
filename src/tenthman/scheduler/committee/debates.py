"""Debates within a cycle's time. What rung a case was given is recorded, so that a replay gives it the same.

A debate is held whole on its rung or it counts as not held: one that is broken off leaves no opinion, as if it had
never begun, so that the recorded rung says all that a replay must know of the clock. Replies that come too late still
go onto the tape, where nothing looks for them.
"""

import time
from collections.abc import Callable
from dataclasses import replace

import structlog

from tenthman.agents.analyst import ANALYST
from tenthman.agents.base import template_hash
from tenthman.agents.committee import ADVISERS, Standing, review
from tenthman.config import Agents
from tenthman.db.pool import Pool
from tenthman.db.sql import load_queries
from tenthman.domain.canonical import content_hash
from tenthman.domain.opinion import Abstain, Ask, Case, Enter, Prompt, Reply, ReplyState, Review
from tenthman.scheduler.committee.ladder import Ladder, Rung
from tenthman.utils.bounded_calls import NotDone, within

log = structlog.get_logger(__name__)

_SQL = load_queries("tenthman.scheduler.committee", "debates.sql")

NOT_IN_TIME = "deadline: not reviewed in time"
NOT_ASKED = (
    "not asked in time, the larger entries come first: raise `cycle_deadline_s` in agents.yaml or take a quicker model "
    "(`tenthman models bench`)"
)
"""Names no seconds: a replay of the case, which has another clock, must say the same."""


class TimeUp(Exception):
    """The time of a debate is over and its answer is not there."""


class Rungs:
    """The rungs on record for one model, one set of prompts and one ladder. `keeps` False: read only."""

    def __init__(self, pool: Pool, standing: Standing, agents: Agents, *, keeps: bool = True) -> None:
        self._pool, self._keeps = pool, keeps
        self._key = {"digest": standing.digest, "ladder": ladder_hash(agents, prose=standing.prose)}

    def recall(self, case: Case) -> Rung | None:
        """The rung that `case` was given the first time; None where it was never debated."""
        with self._pool.connection() as connection:
            row = connection.execute(_SQL["rung"], {**self._key, "case": case.hash}).fetchone()
        return None if row is None else Rung(row[0])

    def keep(self, case: Case, rung: Rung, seconds: float) -> None:
        """`case` was given `rung`, which took `seconds`."""
        if self._keeps:
            told = {**self._key, "case": case.hash, "rung": rung.value, "seconds": seconds}
            with self._pool.connection() as connection:
                connection.execute(_SQL["keep_rung"], told)


def ladder_hash(agents: Agents, *, prose: bool) -> str:
    """Changes with the time given, the ladder, who is asked and what: under another one a case is debated anew."""
    asked = [agents.roles.model_dump(mode="json"), template_hash(mask=agents.mask), prose]
    return content_hash([agents.cycle_deadline_s, agents.ladder.model_dump(mode="json"), asked])


def debate(
    case: Case,
    drawdown: float,
    ask: Ask,
    agents: Agents,
    standing: Standing,
    ladder: Ladder,
    rungs: Rungs | None,
    monotonic: Callable[[], float] = time.monotonic,
) -> Review:
    """The review of `case` on the rung that it is given now, or was given before. Raises only what `ask` raises."""
    recalled = None if rungs is None else rungs.recall(case)
    allotted = ladder.allot(case.ticker)
    rung = recalled or allotted.rung
    began = monotonic()
    try:
        # What was debated before comes from the tape in no time; what the tape does not hold may not hang for ever.
        seconds = allotted.seconds if recalled is None else max(allotted.seconds, agents.ladder.debate_s)
        answer = _on(rung, case, drawdown, _until(ask, began + seconds, monotonic), agents, standing)
    except TimeUp:
        log.warning("debate broken off", ticker=case.ticker, rung=rung.value, seconds=round(allotted.seconds, 1))
        rung = Rung.UNREVIEWED
        answer = _on(rung, case, drawdown, ask, agents, standing)
    seconds = monotonic() - began
    if recalled is None and any(critique.state is not ReplyState.OVER_BUDGET for critique in answer.critiques[:-1]):
        ladder.held(rung, seconds)
    if rungs is not None and recalled is None:
        rungs.keep(case, rung, seconds)
    return answer


def _on(rung: Rung, case: Case, drawdown: float, ask: Ask, agents: Agents, standing: Standing) -> Review:
    match rung:
        case Rung.FULL:
            return review(case, ask, agents, standing, drawdown, ADVISERS)
        case Rung.SHORT:
            return review(case, ask, agents, standing, drawdown, (ANALYST,))
        case Rung.UNREVIEWED:
            unasked = review(case, over_budget(standing), agents, standing, drawdown, ADVISERS)
            return _unreviewed(unasked, agents, standing)


def _unreviewed(answer: Review, agents: Agents, standing: Standing) -> Review:
    """Without a committee that could bind, the rules decide as ever; with one, `agents.unreviewed` does.

    What the rules critic alone would leave of the entry is never exceeded.
    """
    if not standing.binding or not isinstance(answer.verdict, Enter):
        return answer
    if agents.unreviewed == "reduce" and answer.verdict.size_fraction <= agents.unreviewed_size_fraction:
        return answer
    return replace(answer, verdict=Abstain(cause=NOT_IN_TIME))


def over_budget(standing: Standing) -> Ask:
    """An `ask` that puts nothing to anyone."""

    def asked(prompts: tuple[Prompt, ...]) -> tuple[Reply, ...]:
        return tuple(
            Reply(
                prompt_hash=prompt.hash,
                state=ReplyState.OVER_BUDGET,
                text="",
                model=standing.model,
                model_digest=standing.digest,
                prompt_tokens=0,
                reply_tokens=0,
                latency_ms=0,
                failure=NOT_ASKED,
            )
            for prompt in prompts
        )

    return asked


def _until(ask: Ask, ends: float, monotonic: Callable[[], float]) -> Ask:
    """`ask` as long as it answers before `ends`; TimeUp when it does not, though the answer may still be on its way."""

    def asked(prompts: tuple[Prompt, ...]) -> tuple[Reply, ...]:
        left = ends - monotonic()
        if left <= 0.0:
            raise TimeUp
        try:
            answer = within(left, lambda: ask(prompts), "debate")
        except NotDone:
            raise TimeUp from None
        if monotonic() > ends:
            raise TimeUp
        return answer

    return asked
