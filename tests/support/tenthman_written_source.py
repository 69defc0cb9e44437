"""A source of bars that says what was written down for it."""

from collections.abc import Sequence
from datetime import UTC, date, datetime

from tenthman.config import DataSettings
from tenthman.data.calendar import sessions_between
from tenthman.data.sources import CorporateAction, Daily, Flag
from tenthman.domain.errors import BrokerUnavailable
from tenthman.domain.market import Bar

SETTINGS = DataSettings(
    feed=None,
    overlap_sessions=2,
    second_source=True,
    close_tolerance_bp=50,
    range_tolerance_bp=200,
    stale_sessions=4,
    sit_out_sessions=5,
)
DAYS = [item.session for item in sessions_between(date(2020, 1, 6), date(2020, 1, 31))]
AT = datetime(2020, 2, 3, 12, 0, tzinfo=UTC)
"""After the last of DAYS has closed."""


class Written:
    """A source that says what was written down for it, and remembers what it was asked."""

    price_basis = "split-adjusted"

    def __init__(self, closes: dict[str, list[float | None]], name: str = "Written") -> None:
        self.name = name
        self.closes = closes
        self.refused: tuple[Flag, ...] = ()
        self.paid: tuple[CorporateAction, ...] = ()
        self.asked: list[tuple[tuple[str, ...], date, date]] = []
        self.silent_after = 10**9
        self.silent: dict[str, str] = {}

    def daily(self, tickers: Sequence[str], first: date, last: date, seen_at: datetime) -> Daily:
        self.asked.append((tuple(tickers), first, last))
        if len(self.asked) > self.silent_after:
            raise BrokerUnavailable("no answer")
        bars = [
            Bar(
                ticker=name,
                session=day,
                open=close,
                high=close * 1.01,
                low=close * 0.99,
                close=close,
                volume=1e6,
                known_at=seen_at,
            )
            for name in sorted(tickers)
            for day, close in zip(DAYS, self.closes.get(name, []), strict=False)
            if close is not None and first <= day <= last
        ]
        return Daily(bars=tuple(bars), refused=self.refused, silent=self.silent)

    def actions(self, tickers: Sequence[str], first: date, last: date) -> tuple[CorporateAction, ...]:
        return tuple(item for item in self.paid if item.ticker in tickers and first <= item.ex_date <= last)


def rising(start: float, count: int = len(DAYS)) -> list[float | None]:
    return [start + row for row in range(count)]
