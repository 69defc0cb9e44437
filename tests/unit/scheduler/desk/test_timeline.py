"""What the desk does when: regular days, early closes, and the weeks around a change of the clocks."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tenthman.config import ScheduleSettings
from tenthman.data.calendar import sessions_between
from tenthman.domain.market import SessionHours
from tenthman.scheduler.desk.timeline import Step, StepKind, session_steps

NEW_YORK = ZoneInfo("America/New_York")


def a_schedule(morning: str = "09:00", afternoon: str = "15:30", every: int = 30) -> ScheduleSettings:
    return ScheduleSettings.model_validate({"morning": morning, "afternoon": afternoon, "check_every_minutes": every})


def the_session(day: date) -> SessionHours:
    (hours,) = sessions_between(day, day)
    return hours


def in_new_york(steps: tuple[Step, ...]) -> list[tuple[str, StepKind]]:
    return [(f"{step.at.astimezone(NEW_YORK):%H:%M}", step.kind) for step in steps]


def test_a_regular_day_has_a_morning_run_checks_an_afternoon_run_and_a_close() -> None:
    steps = session_steps(the_session(date(2020, 1, 6)), a_schedule())
    checks = ["10:00", "10:30", "11:00", "11:30", "12:00", "12:30", "13:00", "13:30", "14:00", "14:30", "15:00"]
    assert in_new_york(steps) == [
        ("09:00", StepKind.MORNING),
        *((at, StepKind.CHECK) for at in checks),
        ("15:30", StepKind.AFTERNOON),
        ("16:05", StepKind.CLOSE),
    ]
    assert {step.session for step in steps} == {date(2020, 1, 6)}


def test_an_early_close_moves_the_afternoon_run_to_half_an_hour_before_it() -> None:
    steps = session_steps(the_session(date(2020, 11, 27)), a_schedule())
    assert in_new_york(steps)[-3:] == [
        ("12:00", StepKind.CHECK),
        ("12:30", StepKind.AFTERNOON),
        ("13:05", StepKind.CLOSE),
    ]


def test_an_afternoon_run_before_the_early_close_stays_where_it_is() -> None:
    steps = session_steps(the_session(date(2020, 11, 27)), a_schedule(afternoon="11:45"))
    assert [at for at, kind in in_new_york(steps) if kind is StepKind.AFTERNOON] == ["11:45"]
    assert ("12:30", StepKind.CHECK) in in_new_york(steps)


def test_checks_go_on_between_the_afternoon_run_and_the_close() -> None:
    steps = session_steps(the_session(date(2020, 1, 6)), a_schedule(every=20))
    assert in_new_york(steps)[-3:] == [
        ("15:30", StepKind.AFTERNOON),
        ("15:50", StepKind.CHECK),
        ("16:05", StepKind.CLOSE),
    ]


def test_a_check_that_would_fall_on_the_close_is_left_to_the_close() -> None:
    steps = session_steps(the_session(date(2020, 1, 6)), a_schedule(every=30))
    assert datetime(2020, 1, 6, 21, 0, tzinfo=UTC) not in {step.at for step in steps}


@pytest.mark.parametrize(
    ("day", "morning", "afternoon"),
    [
        (date(2020, 3, 6), 14, 20),
        (date(2020, 3, 9), 13, 19),
        (date(2020, 10, 30), 13, 19),
        (date(2020, 11, 2), 14, 20),
    ],
)
def test_the_clock_on_the_wall_of_new_york_counts_on_either_side_of_a_change(
    day: date, morning: int, afternoon: int
) -> None:
    steps = session_steps(the_session(day), a_schedule())
    assert steps[0].at == datetime(day.year, day.month, day.day, morning, 0, tzinfo=UTC)
    (run,) = [step for step in steps if step.kind is StepKind.AFTERNOON]
    assert run.at == datetime(day.year, day.month, day.day, afternoon, 30, tzinfo=UTC)
    assert len(steps) == 14


def test_steps_are_aware_and_the_close_step_comes_after_the_close() -> None:
    hours = the_session(date(2020, 7, 2))
    steps = session_steps(hours, a_schedule())
    assert all(step.at.utcoffset() == timedelta(0) for step in steps)
    assert steps[-1].at == hours.close_at + timedelta(minutes=5)
