"""Clocks move forward only, and who waits for what is past does not wait."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from tenthman.scheduler.clock import LONGEST_NAP_S, VirtualClock, WallClock

START = datetime(2020, 1, 6, 5, 0, tzinfo=UTC)


def test_the_virtual_clock_tells_the_exchange_and_stands_where_it_was_moved() -> None:
    moves: list[datetime] = []
    clock = VirtualClock(START, moves.append)
    assert clock.now() == START
    clock.wait_until(START + timedelta(hours=9))
    assert clock.now() == START + timedelta(hours=9)
    assert moves == [START + timedelta(hours=9)]


def test_the_virtual_clock_never_goes_back_and_bothers_nobody_about_the_past() -> None:
    moves: list[datetime] = []
    clock = VirtualClock(START, moves.append)
    clock.wait_until(START - timedelta(days=1))
    clock.wait_until(START)
    assert (clock.now(), moves) == (START, [])


def test_the_virtual_clock_stays_when_the_exchange_could_not_be_moved() -> None:
    def broken(_: datetime) -> None:
        raise ConnectionError("gone")

    clock = VirtualClock(START, broken)
    with pytest.raises(ConnectionError):
        clock.wait_until(START + timedelta(hours=1))
    assert clock.now() == START


def test_waiting_for_a_past_instant_on_the_wall_returns_at_once() -> None:
    clock = WallClock()
    begun = time.monotonic()
    clock.wait_until(clock.now() - timedelta(days=1))
    assert time.monotonic() - begun < 0.5
    assert clock.now().utcoffset() == timedelta(0)


def test_waiting_on_the_wall_ends_early_when_the_bell_rings_and_naps_are_short() -> None:
    clock, naps = WallClock(), []

    def bell(seconds: float) -> bool:
        naps.append(seconds)
        return len(naps) == 3

    assert clock.wait_until(clock.now() + timedelta(hours=1), bell) is False
    assert naps == [LONGEST_NAP_S] * 3
    assert clock.wait_until(clock.now(), bell) is True
