"""Bars of 1 to 30 minutes in the same store as daily ones, and how they add up to a session's bar."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import psycopg
from numpy.typing import NDArray

from tenthman.data.bars import BarTable, Fetch, Instants, Merged, begin_fetch, lock_market
from tenthman.data.calendar import FIRST_DAY, LAST_DAY, sessions_between
from tenthman.db.copy import Text, copy_binary, read_binary
from tenthman.db.pool import Pool
from tenthman.db.sql import load_queries
from tenthman.domain.errors import DataCorrupt
from tenthman.domain.market import FIELDS, Floats

MOST_MINUTES = 30

_SQL = load_queries("tenthman.data", "intraday.sql")
_COLUMNS = {"place": "int4", "begins_at": "timestamptz", **dict.fromkeys(FIELDS, "float8")}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IntradayTable:
    """Bars row by row in columns of one length: `tickers[codes[i]]` from `begins[i]` (UTC datetime64[us]) on.

    Prices in USD, volume in shares; one row a ticker and instant.
    """

    tickers: tuple[str, ...]
    codes: NDArray[np.intp]
    begins: Instants
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    def __len__(self) -> int:
        return len(self.codes)


def joined(parts: Sequence[IntradayTable]) -> IntradayTable:
    """The rows of `parts`, one after the other."""
    tickers = tuple(sorted({ticker for part in parts for ticker in part.tickers}))
    place = {ticker: code for code, ticker in enumerate(tickers)}
    codes = [np.array([place[name] for name in part.tickers], dtype=np.intp)[part.codes] for part in parts]
    return IntradayTable(
        tickers=tickers,
        codes=np.concatenate([np.zeros(0, dtype=np.intp), *codes]),
        begins=np.concatenate([np.zeros(0, dtype="datetime64[us]"), *(part.begins for part in parts)]),
        **{name: np.concatenate([np.zeros(0), *(getattr(part, name) for part in parts)]) for name in FIELDS},
    )


class IntradayStore:
    """The intraday bars of one market."""

    def __init__(self, pool: Pool, market_id: str) -> None:
        self._pool = pool
        self._market_id = market_id

    def merge(self, table: IntradayTable, minutes: int, fetch: Fetch) -> Merged:
        """Bring `table` in, all of it or nothing.

        A bar of another source stays, and one of the same source is replaced, as with daily bars. DataCorrupt for an
        impossible bar, ValueError for bars of no minutes or more than 30.
        """
        if not 1 <= minutes <= MOST_MINUTES:
            raise ValueError(f"`minutes` must lie in 1..{MOST_MINUTES}, was {minutes}")
        if len(table) == 0:
            return Merged(new=0, revised=0, others=0, same=0)
        with self._pool.connection() as connection, connection.cursor() as cursor:
            lock_market(cursor, self._market_id)
            cursor.execute(_SQL["stage"])
            laid = {
                "market_id": Text(labels=(self._market_id,), codes=np.zeros(len(table), dtype=np.intp)),
                "minutes": np.full(len(table), minutes, dtype=np.int16),
                "ticker": Text(labels=table.tickers, codes=table.codes),
                "begins_at": table.begins,
                **{name: getattr(table, name) for name in FIELDS},
                "fetch_id": np.full(len(table), begin_fetch(cursor, self._market_id, fetch), dtype=np.int64),
            }
            staged = copy_binary(cursor, "incoming_intraday", laid)
            row = cursor.execute(_SQL["count_others"], [fetch.source]).fetchone()
            others = 0 if row is None else int(row[0])
            try:
                revised = cursor.execute(_SQL["revise"], [fetch.source]).rowcount
                new = cursor.execute(_SQL["add_new"]).rowcount
            except psycopg.errors.CheckViolation as error:
                raise DataCorrupt(
                    f"market {self._market_id!r}: an impossible bar: {error.diag.message_detail}"
                ) from None
        return Merged(new=new, revised=revised, others=others, same=staged - new - revised - others)

    def bars(self, tickers: tuple[str, ...], minutes: int, since: datetime, until: datetime) -> IntradayTable:
        """Stored bars of `minutes` that begin in `since`..`until` (until excluded), by ticker and time."""
        with self._pool.connection() as connection, connection.cursor() as cursor:
            asked = [list(tickers), self._market_id, minutes, since, until]
            found = read_binary(cursor, _SQL["read"], asked, _COLUMNS, block="place")
        order = np.lexsort((found["begins_at"], found["place"]))
        rows = {name: values[order] for name, values in found.items()}
        codes = rows.pop("place").astype(np.intp) - 1
        return IntradayTable(tickers=tickers, codes=codes, begins=rows.pop("begins_at"), **rows)


def to_daily(table: IntradayTable) -> BarTable:
    """One bar a ticker and session from the bars that begin within its regular hours; early closes are known.

    Open of the first, highest high, lowest low, close of the last, sum of volumes; known at the session's close.
    Bars of the hours before and after are left out, so are days without a session and those that no calendar knows.
    """
    if len(table) == 0:
        return _empty(table.tickers)
    first, last = max(_day(table.begins.min()), FIRST_DAY), min(_day(table.begins.max()), LAST_DAY)
    if first > last:
        return _empty(table.tickers)
    hours = sessions_between(first, last)
    opens, closes = (
        np.array([getattr(item, name).replace(tzinfo=None) for item in hours], dtype="datetime64[us]")
        for name in ("open_at", "close_at")
    )
    row = np.searchsorted(opens, table.begins, side="right") - 1
    inside = (row >= 0) & (table.begins < closes[np.maximum(row, 0)]) if len(hours) else np.zeros(len(row), np.bool_)
    kept = np.flatnonzero(inside)
    if len(kept) == 0:
        return _empty(table.tickers)
    order = kept[np.lexsort((table.begins[kept], row[kept], table.codes[kept]))]
    key = table.codes[order] * len(hours) + row[order]
    starts = np.flatnonzero(np.r_[True, np.diff(key) != 0])
    ends = np.r_[starts[1:], len(order)] - 1
    days = np.array([item.session for item in hours], dtype="datetime64[D]")[row[order][starts]]
    return BarTable(
        tickers=table.tickers,
        codes=table.codes[order][starts],
        sessions=days,
        open=table.open[order][starts],
        high=np.maximum.reduceat(table.high[order], starts),
        low=np.minimum.reduceat(table.low[order], starts),
        close=table.close[order][ends],
        volume=np.add.reduceat(table.volume[order], starts),
        known_at=closes[row[order][starts]],
    )


def _day(instant: np.datetime64) -> date:
    day: date = instant.astype("datetime64[D]").item()
    return day


def _empty(tickers: tuple[str, ...]) -> BarTable:
    return BarTable(
        tickers=tickers,
        codes=np.zeros(0, dtype=np.intp),
        sessions=np.zeros(0, dtype="datetime64[D]"),
        known_at=np.zeros(0, dtype="datetime64[us]"),
        **{name: np.zeros(0) for name in FIELDS},
    )
