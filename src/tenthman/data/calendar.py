"""The New York Stock Exchange's sessions, computed by exchange_calendars.

Unscheduled closings are known only as of that package's release, so live the broker's own calendar outranks this one.
"""

import warnings
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from tenthman.domain.market import SessionHours, Sessions

FIRST_DAY = date(1990, 1, 1)
LAST_DAY = date(2040, 12, 31)

Instants = NDArray[np.datetime64]


@lru_cache(maxsize=64)
def sessions_between(first: date, last: date) -> tuple[SessionHours, ...]:
    """Sessions from `first` to `last`, both included, with early closes; empty when none lies between.

    ValueError when either lies outside 1990..2040.
    """
    labels, opens, closes = _schedule()
    for name, value in (("first", first), ("last", last)):
        if not FIRST_DAY <= value <= LAST_DAY:
            raise ValueError(f"`{name}` must lie in {FIRST_DAY}..{LAST_DAY}, was {value}")
    start, stop = np.searchsorted(labels, np.array([first, last + timedelta(days=1)], dtype="datetime64[D]"))
    days: list[date] = labels[start:stop].tolist()
    return tuple(
        SessionHours(session=session, open_at=open_at, close_at=close_at)
        for session, open_at, close_at in zip(days, aware(opens[start:stop]), aware(closes[start:stop]), strict=True)
    )


def extend(hours: Sequence[SessionHours], count: int) -> tuple[SessionHours, ...]:
    """`hours` and the `count` sessions that follow the last of them. ValueError when `hours` is empty."""
    if not hours:
        raise ValueError("`hours` must hold at least one session")
    after = hours[-1].session + timedelta(days=1)
    following = sessions_between(after, min(after + timedelta(days=2 * count + 14), LAST_DAY))
    return (*hours, *following[:count])


def day_closes(days: Sessions) -> Instants:
    """The close (UTC, datetime64[us]) of each day's session, or of the next session where the day is none."""
    labels, _, closes = _schedule()
    found: Instants = closes[np.searchsorted(labels, days.astype("datetime64[D]"))]
    return found


def aware(instants: Instants) -> list[datetime]:
    """`instants` (UTC datetime64[us]) as aware datetimes."""
    naive: list[datetime] = instants.tolist()
    return [instant.replace(tzinfo=UTC) for instant in naive]


@cache
def _schedule() -> tuple[Sessions, Instants, Instants]:
    """Labels (datetime64[D]), opens and closes (UTC, datetime64[us]) of all sessions this module knows."""
    with warnings.catch_warnings():
        # The package reads pandas in ways that newer pandas calls deprecated; that is not ours to mend.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        import exchange_calendars

        table = exchange_calendars.get_calendar("XNYS", start=str(FIRST_DAY), end=str(LAST_DAY)).schedule
        labels = table.index.to_numpy().astype("datetime64[D]")
        opens, closes = (
            table[name].dt.tz_convert(None).to_numpy().astype("datetime64[us]") for name in ("open", "close")
        )
    for array in (labels, opens, closes):
        array.flags.writeable = False
    return labels, opens, closes
