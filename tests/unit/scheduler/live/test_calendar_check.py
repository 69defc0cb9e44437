"""The broker's clock against the exchange calendar."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from tenthman.data.calendar import sessions_between
from tenthman.domain.broker import BrokerClock
from tenthman.scheduler.live.calendar_check import differing_day, disagreement

HOURS = sessions_between(date(2026, 11, 16), date(2026, 12, 4))
MORNING = datetime(2026, 11, 25, 14, 0, tzinfo=UTC)
BEFORE_THANKSGIVING = BrokerClock(
    now=MORNING,
    is_open=False,
    next_open=datetime(2026, 11, 25, 14, 30, tzinfo=UTC),
    next_close=datetime(2026, 11, 25, 21, 0, tzinfo=UTC),
)
IN_SESSION = BrokerClock(
    now=datetime(2026, 11, 27, 16, 0, tzinfo=UTC),
    is_open=True,
    next_open=datetime(2026, 11, 30, 14, 30, tzinfo=UTC),
    next_close=datetime(2026, 11, 27, 18, 0, tzinfo=UTC),
)


@pytest.mark.parametrize("clock", [BEFORE_THANKSGIVING, IN_SESSION])
def test_a_broker_that_tells_the_calendars_sessions_agrees(clock: BrokerClock) -> None:
    assert disagreement(clock, HOURS, clock.now) is None


def test_clocks_may_differ_by_seconds_and_no_more() -> None:
    assert disagreement(IN_SESSION, HOURS, IN_SESSION.now + timedelta(seconds=29)) is None
    assert disagreement(IN_SESSION, HOURS, IN_SESSION.now + timedelta(seconds=31)) == (
        "the broker's clock must be within 0:00:30 of ours, was off by 0:00:31"
    )


def test_an_early_close_that_only_one_of_the_two_knows_is_told() -> None:
    late = replace(IN_SESSION, next_close=datetime(2026, 11, 27, 21, 0, tzinfo=UTC))
    assert disagreement(late, HOURS, late.now) == (
        "the calendar's next close is 2026-11-27 18:00 UTC, the broker's 2026-11-27 21:00 UTC"
    )


def test_a_day_on_which_the_broker_stays_closed_is_told() -> None:
    mourning = replace(
        BEFORE_THANKSGIVING,
        next_open=datetime(2026, 11, 27, 14, 30, tzinfo=UTC),
        next_close=datetime(2026, 11, 27, 18, 0, tzinfo=UTC),
    )
    assert "the calendar's next close is 2026-11-25 21:00 UTC" in str(disagreement(mourning, HOURS, MORNING))


def test_a_market_that_is_closed_in_its_hours_is_told_but_not_at_their_edge() -> None:
    halted = replace(IN_SESSION, is_open=False)
    assert disagreement(halted, HOURS, halted.now) == "by the calendar the market is open, by the broker closed"
    opening = replace(IN_SESSION, now=datetime(2026, 11, 27, 14, 30, tzinfo=UTC), is_open=False)
    assert disagreement(opening, HOURS, opening.now) is None


def test_a_calendar_that_has_run_out_disagrees() -> None:
    assert "next close is unknown" in str(disagreement(IN_SESSION, (), IN_SESSION.now))


def test_calendars_are_compared_day_by_day_as_far_as_the_broker_told() -> None:
    first, last = date(2026, 11, 23), date(2026, 12, 4)
    assert differing_day(HOURS, HOURS, first, last) is None
    assert differing_day(HOURS[:9], HOURS, first, last) is None
    assert differing_day([], HOURS, first, last) == "the broker's calendar names no session in 2026-11-23..2026-12-04"
    late = [replace(item, close_at=item.close_at.replace(hour=21)) for item in HOURS]
    assert differing_day(late, HOURS, first, last) == (
        "on 2026-11-27 the calendar has 14:30 to 18:00 UTC, the broker 14:30 to 21:00 UTC"
    )
    without = [item for item in HOURS if item.session.day != 30]
    assert str(differing_day(without, HOURS, first, last)).endswith("21:00 UTC, the broker no session")
    assert str(differing_day(HOURS, without, first, last)).startswith("on 2026-11-30 the calendar has no session")
