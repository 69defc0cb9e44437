"""Whether the broker's clock and calendar tell our exchange calendar's sessions: the broker's are the truth."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from tenthman.domain.broker import BrokerClock
from tenthman.domain.market import SessionHours

MAX_CLOCK_SKEW = timedelta(seconds=30)

AHEAD = timedelta(days=14)
"""How far ahead the two calendars are compared: longer than what is entered today is held."""


def disagreement(
    clock: BrokerClock, hours: Sequence[SessionHours], now: datetime, skew: timedelta = MAX_CLOCK_SKEW
) -> str | None:
    """In what the broker's clock differs from ours at `now` and from the calendar `hours`; None where it does not.

    The next opening and closing are compared, so an early close, a holiday or a closing of the day that only one of
    the two knows shows before it comes. An instant within `skew` of an opening or closing proves nothing of whether
    the market is open.
    """
    off = abs(clock.now - now)
    if off > skew:
        return f"the broker's clock must be within {skew} of ours, was off by {off}"
    opens = next((item.open_at for item in hours if item.open_at > clock.now), None)
    closes = next((item.close_at for item in hours if item.close_at > clock.now), None)
    if closes != clock.next_close:
        return f"the calendar's next close is {_told(closes)}, the broker's {_told(clock.next_close)}"
    if opens != clock.next_open:
        return f"the calendar's next opening is {_told(opens)}, the broker's {_told(clock.next_open)}"
    is_open = any(item.open_at <= clock.now < item.close_at for item in hours)
    at_an_edge = any(abs(edge - clock.now) <= skew for item in hours for edge in (item.open_at, item.close_at))
    if is_open != clock.is_open and not at_an_edge:
        return f"by the calendar the market is {_state(is_open)}, by the broker {_state(clock.is_open)}"
    return None


def differing_day(told: Sequence[SessionHours], hours: Sequence[SessionHours], first: date, last: date) -> str | None:
    """The first day of `first`..`last` on which the broker's calendar and ours (`hours`) differ; None where none does.

    Days after the last that the broker told are not compared. A calendar without any session differs.
    """
    theirs = {item.session: item for item in told if first <= item.session <= last}
    if not theirs:
        return f"the broker's calendar names no session in {first}..{last}"
    ours = {item.session: item for item in hours if first <= item.session <= max(theirs)}
    for day in sorted(ours.keys() | theirs.keys()):
        here, there = ours.get(day), theirs.get(day)
        if here != there:
            return f"on {day} the calendar has {_hours(here)}, the broker {_hours(there)}"
    return None


def _hours(item: SessionHours | None) -> str:
    return "no session" if item is None else f"{item.open_at:%H:%M} to {item.close_at:%H:%M} UTC"


def _told(at: datetime | None) -> str:
    return "unknown" if at is None else f"{at:%Y-%m-%d %H:%M} UTC"


def _state(is_open: bool) -> str:
    return "open" if is_open else "closed"
