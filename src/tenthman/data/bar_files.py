"""A user's own bars from a parquet or csv file, daily or inside the session, all of it checked or none of it taken."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from tenthman.data.bars import BarTable
from tenthman.data.calendar import day_closes
from tenthman.data.intraday import IntradayTable
from tenthman.data.renames import under_house_names, under_latest_names
from tenthman.data.tables import (
    Source,
    check_prices,
    check_repeats,
    days_of,
    floats_of,
    instants_of,
    read_table,
    require_columns,
    sessions_of,
    tickers_of,
)
from tenthman.domain.errors import DataCorrupt
from tenthman.domain.market import FIELDS, Floats, Rename
from tenthman.domain.spelling import AS_RELEASED, Spellings
from tenthman.utils.symbols import from_any

DAILY_COLUMNS = ("date", "ticker", *FIELDS)
ADJUSTED = "adj_close"
INTRADAY_COLUMNS = ("time", "ticker", *FIELDS)

BEHIND_UTC = np.timedelta64(5, "h")
"""New York is so far behind, or an hour less, at which nobody trades around midnight."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DailyFile:
    """The bars of a file, and row by row their adjusted closes, USD (None: the file has none)."""

    bars: BarTable
    adjusted: Floats | None


def read_daily(
    path: Path, seen_at: datetime, renames: tuple[Rename, ...] = (), spellings: Spellings = AS_RELEASED
) -> DailyFile:
    """Daily bars by ticker (a security's latest name, but for those in `spellings`) and session, known at `seen_at`.

    Columns date, ticker (a share class with a dot, a slash or a dash), open, high, low, close[, adj_close], volume;
    others are passed over, and `adj_close` must be a price where it is there. Raises DataCorrupt naming file, row,
    column and value for a row that cannot be a bar, a day that is no session, a second bar of a session, and a session
    that had not closed at `seen_at`.
    """
    source = _source(path, DAILY_COLUMNS)
    days = days_of(source, "date")
    codes, tickers = under_latest_names(renames, *tickers_of(source, from_any), days)
    codes, tickers = under_house_names(spellings, codes, tickers, days, str(path))
    fields = {name: floats_of(source, name) for name in FIELDS}
    check_prices(source, fields)
    sessions = sessions_of(source, days)
    check_repeats(source, np.searchsorted(sessions, days) * len(tickers) + codes, "date", "bar")
    open_yet = day_closes(days) > _instant(seen_at)
    source.refuse(open_yet, "date", f"be a session that closed before {seen_at:%Y-%m-%d %H:%M} UTC")
    order = np.lexsort((days, codes))
    bars = BarTable(
        tickers=tickers,
        codes=codes[order],
        sessions=days[order],
        known_at=np.full(len(days), _instant(seen_at)),
        **{name: values[order] for name, values in fields.items()},
    )
    has_adjusted = ADJUSTED in source.table.column_names
    return DailyFile(bars=bars, adjusted=floats_of(source, ADJUSTED)[order] if has_adjusted else None)


def read_intraday(
    path: Path, seen_at: datetime, renames: tuple[Rename, ...] = (), spellings: Spellings = AS_RELEASED
) -> IntradayTable:
    """Bars inside the session by ticker (a security's latest name, but for those in `spellings`) and time.

    Columns time (its beginning, with its zone; without one UTC), ticker, open, high, low, close, volume. Raises
    DataCorrupt as `read_daily` does, for a second bar of a ticker and time, and for a time after `seen_at`.
    """
    source = _source(path, INTRADAY_COLUMNS)
    begins = instants_of(source, "time")
    days = (begins - BEHIND_UTC).astype("datetime64[D]")
    codes, tickers = under_latest_names(renames, *tickers_of(source, from_any), days)
    codes, tickers = under_house_names(spellings, codes, tickers, days, str(path))
    fields = {name: floats_of(source, name) for name in FIELDS}
    check_prices(source, fields)
    source.refuse(begins > _instant(seen_at), "time", f"not be after {seen_at:%Y-%m-%d %H:%M} UTC")
    places = np.unique(begins, return_inverse=True)[1]
    check_repeats(source, places * len(tickers) + codes, "time", "bar")
    order = np.lexsort((begins, codes))
    return IntradayTable(
        tickers=tickers,
        codes=codes[order],
        begins=begins[order],
        **{name: values[order] for name, values in fields.items()},
    )


def _source(path: Path, needed: tuple[str, ...]) -> Source:
    table = read_table(path)
    require_columns(table.column_names, needed, str(path))
    if table.num_rows == 0:
        raise DataCorrupt(f"{path}: must hold at least one bar, held none")
    return Source(table, str(path))


def _instant(at: datetime) -> np.datetime64:
    return np.datetime64(at.astimezone(UTC).replace(tzinfo=None), "us")
