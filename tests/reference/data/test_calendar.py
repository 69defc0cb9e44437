"""The calendar against published closings of the NYSE, written down by hand."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from tenthman.data.calendar import day_closes, extend, sessions_between
from tenthman.domain.market import SessionHours

NEW_YORK = ZoneInfo("America/New_York")

# year: sessions, weekdays on which the exchange is closed, early closes at 13:00
PUBLISHED = {
    2024: (252, "01-01 01-15 02-19 03-29 05-27 06-19 07-04 09-02 11-28 12-25", "07-03 11-29 12-24"),
    2025: (250, "01-01 01-09 01-20 02-17 04-18 05-26 06-19 07-04 09-01 11-27 12-25", "07-03 11-28 12-24"),
    2026: (251, "01-01 01-19 02-16 04-03 05-25 06-19 07-03 09-07 11-26 12-25", "11-27 12-24"),
    2027: (251, "01-01 01-18 02-15 03-26 05-31 06-18 07-05 09-06 11-25 12-24", "11-26"),
    2028: (251, "01-17 02-21 04-14 05-29 06-19 07-04 09-04 11-23 12-25", "07-03 11-24"),
}


def _year(year: int) -> dict[date, SessionHours]:
    return {item.session: item for item in sessions_between(date(year, 1, 1), date(year, 12, 31))}


def _days(year: int, text: str) -> set[date]:
    return {date.fromisoformat(f"{year}-{day}") for day in text.split()}


@pytest.mark.parametrize("year", PUBLISHED)
def test_a_years_sessions_and_closings_are_those_published(year: int) -> None:
    count, closed, _ = PUBLISHED[year]
    sessions = _year(year)
    weekdays = {date(year, 1, 1) + timedelta(days=n) for n in range(366)}
    weekdays = {day for day in weekdays if day.year == year and day.weekday() < 5}
    assert len(sessions) == count
    assert weekdays - set(sessions) == _days(year, closed)


@pytest.mark.parametrize("year", PUBLISHED)
def test_sessions_run_from_half_past_nine_to_four_but_for_the_published_early_closes(year: int) -> None:
    early = _days(year, PUBLISHED[year][2])
    for session, hours in _year(year).items():
        assert hours.open_at == datetime.combine(session, time(9, 30), NEW_YORK)
        assert hours.close_at == datetime.combine(session, time(13 if session in early else 16), NEW_YORK)


@pytest.mark.parametrize(
    ("session", "utc_hour"),
    [(date(2026, 3, 6), 14), (date(2026, 3, 9), 13), (date(2026, 10, 30), 13), (date(2026, 11, 2), 14)],
)
def test_the_open_follows_new_yorks_clock_through_daylight_saving(session: date, utc_hour: int) -> None:
    (hours,) = sessions_between(session, session)
    assert hours.open_at == datetime(session.year, session.month, session.day, utc_hour, 30, tzinfo=UTC)
    assert hours.open_at.tzinfo is UTC


def test_a_full_day_before_an_observed_holiday_is_a_full_day() -> None:
    (hours,) = sessions_between(date(2026, 7, 2), date(2026, 7, 3))
    assert hours.close_at == datetime(2026, 7, 2, 20, tzinfo=UTC)


def test_a_day_without_session_gives_nothing() -> None:
    assert sessions_between(date(2027, 12, 24), date(2027, 12, 26)) == ()


def test_hours_can_be_carried_on_beyond_their_end() -> None:
    hours = extend(sessions_between(date(2025, 1, 6), date(2025, 1, 8)), 3)
    assert [item.session.day for item in hours] == [6, 7, 8, 10, 13, 14]
    assert extend(hours, 0) == hours
    with pytest.raises(ValueError, match="`hours` must hold at least one session"):
        extend((), 1)


def test_dates_far_outside_are_refused_with_the_bound() -> None:
    with pytest.raises(ValueError, match=r"`first` must lie in 1990-01-01\.\.2040-12-31, was 1929-10-29"):
        sessions_between(date(1929, 10, 29), date(2020, 1, 1))


def test_a_days_close_is_its_sessions_or_the_next_sessions() -> None:
    closes = day_closes(np.array(["2025-01-08", "2025-01-09", "2025-01-11", "2025-11-28"], dtype="datetime64[D]"))
    expected = ["2025-01-08T21", "2025-01-10T21", "2025-01-13T21", "2025-11-28T18"]
    assert closes.tolist() == np.array(expected, dtype="datetime64[us]").tolist()
