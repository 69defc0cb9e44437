"""Every session of fifteen years under every interval of checks."""

from datetime import date, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenthman.config import ScheduleSettings
from tenthman.data.calendar import sessions_between
from tenthman.domain.market import SessionHours
from tenthman.scheduler.desk.timeline import StepKind, session_steps

NEW_YORK = ZoneInfo("America/New_York")
SESSIONS = sessions_between(date(2014, 1, 1), date(2028, 12, 31))
"""With all early closes and changes of the clock among them."""


def require_a_sound_day(hours: SessionHours, every: int) -> None:
    schedule = ScheduleSettings.model_validate({"morning": "09:00", "afternoon": "15:30", "check_every_minutes": every})
    steps = session_steps(hours, schedule)
    times = [step.at for step in steps]
    assert all(earlier < later for earlier, later in pairwise(times))
    assert {at.astimezone(NEW_YORK).date() for at in times} == {hours.session}
    assert {step.session for step in steps} == {hours.session}
    kinds = [step.kind for step in steps]
    assert (kinds[0], kinds[-1]) == (StepKind.MORNING, StepKind.CLOSE)
    assert times[0] < hours.open_at
    assert times[-1] > hours.close_at
    assert [kinds.count(kind) for kind in (StepKind.MORNING, StepKind.AFTERNOON, StepKind.CLOSE)] == [1, 1, 1]
    inside = [step.at for step in steps[1:-1]]
    assert all(hours.open_at < at < hours.close_at for at in inside)
    gaps = [later - earlier for earlier, later in pairwise([hours.open_at, *inside])]
    assert max(gaps) <= timedelta(minutes=every), "nothing goes unwatched for longer than asked"
    assert hours.close_at - inside[-1] <= timedelta(minutes=max(every, 30))


@pytest.mark.parametrize("every", [1, 30, 120])
def test_every_session_is_sound_at_the_shortest_the_usual_and_the_longest_interval(every: int) -> None:
    assert len(SESSIONS) > 3_700
    for hours in SESSIONS if every > 1 else SESSIONS[::40]:
        require_a_sound_day(hours, every)


@given(hours=st.sampled_from(SESSIONS), every=st.integers(1, 120))
def test_any_session_is_sound_at_any_interval(hours: SessionHours, every: int) -> None:
    require_a_sound_day(hours, every)
