"""What happens when in one session: a run before the open, checks, a run before the close, and the close itself."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum

from tenthman.config import ScheduleSettings
from tenthman.domain.market import NEW_YORK, SessionHours

AFTERNOON_BEFORE_CLOSE = timedelta(minutes=30)
AFTER_CLOSE = timedelta(minutes=5)


class StepKind(Enum):
    """What the desk does at a step."""

    MORNING = "morning"
    CHECK = "check"
    AFTERNOON = "afternoon"
    CLOSE = "close"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One appointment of the desk, aware UTC."""

    at: datetime
    session: date
    kind: StepKind


def session_steps(hours: SessionHours, schedule: ScheduleSettings) -> tuple[Step, ...]:
    """All steps of a session in order of time.

    The afternoon run is at its time or 30 minutes before an early close, whichever comes first; a check that falls on
    it is left out, since the run checks first. The close step comes 5 minutes after the close.
    """
    morning = datetime.combine(hours.session, schedule.morning, NEW_YORK).astimezone(UTC)
    afternoon = datetime.combine(hours.session, schedule.afternoon, NEW_YORK).astimezone(UTC)
    afternoon = min(afternoon, hours.close_at - AFTERNOON_BEFORE_CLOSE)
    times = {morning: StepKind.MORNING, hours.close_at + AFTER_CLOSE: StepKind.CLOSE}
    every = timedelta(minutes=schedule.check_every_minutes)
    at = hours.open_at + every
    while at < hours.close_at:
        times[at] = StepKind.CHECK
        at += every
    times[afternoon] = StepKind.AFTERNOON
    return tuple(Step(at=at, session=hours.session, kind=times[at]) for at in sorted(times))
