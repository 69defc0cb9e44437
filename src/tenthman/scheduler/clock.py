"""The only place that reads a clock. Everything else is handed an instant."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

LONGEST_NAP_S = 30.0


Bell = Callable[[float], bool]
"""Waits so many seconds at most; whether it rang."""


class Clock(Protocol):
    """Market time: what it is, and waiting for it to come."""

    def now(self) -> datetime: ...

    def wait_until(self, at: datetime, bell: Bell | None = None, /) -> bool:
        """True once `now()` is at or after `at`, at once when it already is; False before that because `bell` rang."""
        ...


def wall_now() -> datetime:
    """The machine's time, aware UTC."""
    return datetime.now(UTC)


class WallClock:
    """Market time is the machine's time."""

    def now(self) -> datetime:
        """The machine's time, aware UTC."""
        return wall_now()

    def wait_until(self, at: datetime, bell: Bell | None = None, /) -> bool:
        """Sleep in short naps, so that a clock set forward or a laptop woken up is noticed."""
        nap = _sleep if bell is None else bell
        while (left := (at - self.now()).total_seconds()) > 0:
            if nap(min(left, LONGEST_NAP_S)):
                return False
        return True


class VirtualClock:
    """Market time is moved by whoever waits for it; `move` tells the exchange."""

    def __init__(self, start: datetime, move: Callable[[datetime], object]) -> None:
        self._now = start
        self._move = move

    def now(self) -> datetime:
        """The last instant moved to, aware UTC."""
        return self._now

    def wait_until(self, at: datetime, _bell: Bell | None = None, /) -> bool:
        """Move the exchange to `at`; an earlier instant is past already. No bell rings: it waits for the desk."""
        if at > self._now:
            self._move(at)
            self._now = at
        return True


def _sleep(seconds: float) -> bool:
    time.sleep(seconds)
    return False
