"""The exchange's calendar: which session a moment belongs to, and how far through it that moment is."""

from bisect import bisect_left, bisect_right
from datetime import date, datetime, timedelta

from tenthman.domain.broker import BrokerClock
from tenthman.domain.market import NEW_YORK, SessionHours

_SATURDAY = 5


class Timetable:
    """Sessions in order. A session is open from its opening up to, not including, its close."""

    def __init__(self, hours: tuple[SessionHours, ...]) -> None:
        if not hours:
            raise ValueError("`hours` must hold at least one session, was empty")
        self.hours = hours
        self._opens = [item.open_at for item in hours]
        self._closes = [item.close_at for item in hours]
        self._dates = [item.session for item in hours]

    def closed_by(self, now: datetime) -> int:
        """How many sessions have closed by `now`; also the row of the session that is open or comes next."""
        return bisect_right(self._closes, now)

    def open_row(self, now: datetime) -> int | None:
        """Row of the session that is open at `now`; None outside hours."""
        row = self.closed_by(now)
        return row if row < len(self.hours) and self._opens[row] <= now else None

    def fraction(self, row: int, at: datetime) -> float:
        """How much of session `row` has passed at `at`, clipped to 0..1."""
        opened, closes = self._opens[row], self._closes[row]
        return min(max((at - opened) / (closes - opened), 0.0), 1.0)

    def instant(self, row: int, fraction: float) -> datetime:
        """The moment at `fraction` of session `row`, to the microsecond."""
        opened, closes = self._opens[row], self._closes[row]
        return min(opened + (closes - opened) * fraction, closes)

    def between(self, first: date, last: date) -> tuple[SessionHours, ...]:
        """Sessions dated `first`..`last`, both included."""
        return self.hours[bisect_left(self._dates, first) : bisect_right(self._dates, last)]

    def clock(self, now: datetime) -> BrokerClock:
        """Alpaca's clock. After the last known session the next weekday is taken to keep that session's hours."""
        row = self.closed_by(now)
        if row == len(self.hours):
            opens, closes = self._beyond(now)
            return BrokerClock(now=now, is_open=False, next_open=opens, next_close=closes)
        if self.open_row(now) is None:
            return BrokerClock(now=now, is_open=False, next_open=self._opens[row], next_close=self._closes[row])
        following = self._opens[row + 1] if row + 1 < len(self.hours) else self._beyond(now)[0]
        return BrokerClock(now=now, is_open=True, next_open=following, next_close=self._closes[row])

    def _beyond(self, now: datetime) -> tuple[datetime, datetime]:
        opens, closes = self._opens[-1], self._closes[-1]
        while opens <= now or opens == self._opens[-1] or opens.astimezone(NEW_YORK).weekday() >= _SATURDAY:
            opens, closes = opens + timedelta(days=1), closes + timedelta(days=1)
        return opens, closes
