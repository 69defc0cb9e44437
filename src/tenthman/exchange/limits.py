"""How many calls a minute an account may make, in fixed windows, as the headers of each reply announce it."""

from collections.abc import Callable
from dataclasses import dataclass

WINDOW_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What the headers say after one call: `reset` is in seconds since the epoch."""

    limit: int
    remaining: int
    reset: int
    is_allowed: bool


class RateLimit:
    """`per_minute` calls from the first of a window on; with `is_enforced` false it is announced and never reached.

    `clock` tells seconds since the epoch: a client waits for `reset` on its own clock, so this is the wall's, not the
    market's, wherever the limit is meant.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float], *, is_enforced: bool = True) -> None:
        if per_minute < 1:
            raise ValueError(f"`per_minute` must be at least 1, was {per_minute}")
        self._limit = per_minute
        self._clock = clock
        self._is_enforced = is_enforced
        self._began = clock()
        self._used = 0

    def take(self) -> Allowance:
        """Count one call."""
        now = self._clock()
        if not 0 <= now - self._began < WINDOW_S:
            self._began, self._used = now, 0
        self._used += 1 if self._is_enforced else 0
        return self.show()

    def show(self) -> Allowance:
        """What the headers say to a call that is not counted."""
        return Allowance(
            limit=self._limit,
            remaining=max(self._limit - max(self._used, 1), 0),
            reset=int(self._began) + WINDOW_S,
            is_allowed=self._used <= self._limit,
        )
