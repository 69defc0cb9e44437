"""What the exchange shows of its market: path prices now, and bars and headlines already known."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from math import isnan

import numpy as np

from tenthman.domain.market import Bar, Floats, MarketData, SessionHours
from tenthman.domain.news import NewsItem
from tenthman.exchange.path import Path
from tenthman.exchange.sessions import Timetable


class PriceTape:
    """Reads the panel by session row and symbol, and caches the paths of the latest session it was asked for."""

    def __init__(self, market: MarketData) -> None:
        self._panel = market.panel
        self._dividends = market.dividends
        self._ended = _ended(market.panel.close)
        self._columns = {ticker: column for column, ticker in enumerate(market.panel.tickers)}
        self._row = -1
        self._paths: dict[str, Path | None] = {}

    def knows(self, symbol: str) -> bool:
        """Whether the market lists `symbol`."""
        return symbol in self._columns

    def path(self, row: int, symbol: str) -> Path | None:
        """The path of `symbol` in session `row`; None when it has no bar there or is not listed."""
        if row != self._row:
            self._row, self._paths = row, {}
        if symbol not in self._paths:
            self._paths[symbol] = self._read(row, symbol)
        return self._paths[symbol]

    def last_close(self, rows: int, symbol: str) -> float | None:
        """The latest close of `symbol` among the first `rows` sessions, USD; None when there is none."""
        column = self._columns.get(symbol)
        if column is None:
            return None
        for row in range(min(rows, len(self._panel.sessions)) - 1, -1, -1):
            close = float(self._panel.close[row, column])
            if not isnan(close):
                return close
        return None

    def ended(self, symbol: str) -> int | None:
        """Row of the first session after the last bar of `symbol`; None when it trades to the end, or never."""
        column = self._columns.get(symbol)
        return None if column is None else self._ended[column]

    def volume(self, row: int, symbol: str) -> float:
        """Shares of `symbol` traded in session `row`; 0 where it has no bar or is not listed."""
        column = self._columns.get(symbol)
        if column is None or row >= len(self._panel.sessions):
            return 0.0
        volume = float(self._panel.volume[row, column])
        return 0.0 if isnan(volume) else volume

    def dividend(self, row: int, symbol: str) -> float:
        """USD a share of `symbol` that goes ex in session `row`; 0 where there is none or nothing is known of it."""
        column = self._columns.get(symbol)
        if self._dividends is None or column is None or row >= len(self._dividends):
            return 0.0
        return float(self._dividends[row, column])

    def bars(self, symbol: str, hours: Sequence[SessionHours], first_row: int) -> list[Bar]:
        """Bars of `symbol` in the sessions `hours`, the first of which is row `first_row`; a halt has none."""
        column = self._columns.get(symbol)
        if column is None:
            return []
        panel = self._panel
        found = []
        for row, session in enumerate(hours, first_row):
            if row >= len(panel.sessions) or np.isnan(panel.close[row, column]):
                continue
            found.append(
                Bar(
                    ticker=symbol,
                    session=session.session,
                    open=float(panel.open[row, column]),
                    high=float(panel.high[row, column]),
                    low=float(panel.low[row, column]),
                    close=float(panel.close[row, column]),
                    volume=float(panel.volume[row, column]),
                    known_at=session.close_at,
                )
            )
        return found

    def _read(self, row: int, symbol: str) -> Path | None:
        column = self._columns.get(symbol)
        if column is None or row >= len(self._panel.sessions) or np.isnan(self._panel.close[row, column]):
            return None
        panel = self._panel
        return Path.of(
            open_=float(panel.open[row, column]),
            high=float(panel.high[row, column]),
            low=float(panel.low[row, column]),
            close=float(panel.close[row, column]),
        )


class NewsTape:
    """Headlines in the order in which they became known."""

    def __init__(self, headlines: Sequence[NewsItem]) -> None:
        self._items = sorted(headlines, key=lambda item: (item.known_at, item.id))
        self._known = [item.known_at for item in self._items]

    def between(self, after: datetime | None, until: datetime, symbols: Sequence[str]) -> list[NewsItem]:
        """Items known in `after`..`until`, both included, that are tagged with one of `symbols` (none: all items)."""
        begin = 0 if after is None else bisect_left(self._known, after)
        found = self._items[begin : bisect_right(self._known, until)]
        wanted = frozenset(symbols)
        return [item for item in found if not wanted or not wanted.isdisjoint(item.tickers)]


def _ended(closes: Floats) -> list[int | None]:
    """By column, the row after the last close; None where that is the end of the market, or there is no close."""
    rows = [np.flatnonzero(~np.isnan(column)) for column in closes.T]
    return [int(found[-1]) + 1 if len(found) and found[-1] + 1 < len(closes) else None for found in rows]


def sessions_closed(
    timetable: Timetable, first: date, last: date, now: datetime
) -> tuple[int, tuple[SessionHours, ...]]:
    """Sessions dated `first`..`last` that have closed by `now`, and the row of the first of them."""
    hours = tuple(item for item in timetable.between(first, last) if item.close_at <= now)
    return (timetable.closed_by(hours[0].open_at) if hours else 0), hours


def quoted(price: int) -> Decimal:
    """A price in 1/10,000 USD as the exchange quotes it: USD with four decimals."""
    return Decimal(price).scaleb(-4)
