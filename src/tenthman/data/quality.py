"""Bars that cannot be trusted, found by arithmetic: against themselves, the calendar and a second source. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from tenthman.data.sources import Flag
from tenthman.domain.market import FIELDS, Floats, Panel, Sessions

GAP = "gap"
STALE = "stale"
NO_VOLUME = "no volume"
JUMP = "split-like jump"
UNITS = "units"
TWO_SOURCES = "two sources"
TWO_HISTORIES = "two histories"

UNITS_RATIO = 50.0
"""A close this many times another, or this small a part of it, is in other units (cents, a wrong decimal point)."""

LONGEST_ABSENCE = 60
"""A ticker that comes back after more sessions without a bar may be another company's."""

SPLITS = (2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0, 15.0, 20.0, 25.0, 30.0, 40.0, 1.5)
"""New shares for an old one in the splits that happen; a reverse split is the inverse."""

SPLIT_TOLERANCE = 0.02

LEAST_SPLIT = 0.7
"""A price that keeps this part of what it was, and is not up by its inverse, looks like no split of SPLITS."""

Prices = Mapping[tuple[str, date], tuple[float, float, float, float]]
Series = Mapping[str, Floats]
Cell = tuple[str, date]
"""A ticker's bar of a session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerances:
    """How far two sources may differ, in basis points: the close, and the other three prices."""

    close_bp: float
    range_bp: float


def on_calendar(panel: Panel, sessions: Sessions) -> Panel:
    """The panel on `sessions` alone; a session without any bar becomes a row of NaN."""
    kept = np.isin(panel.sessions, sessions)
    rows = np.searchsorted(sessions, panel.sessions[kept])
    cells = {name: np.full((len(sessions), len(panel.tickers)), np.nan) for name in FIELDS}
    for name, values in cells.items():
        values[rows] = getattr(panel, name)[kept]
    return Panel(sessions=sessions.copy(), tickers=panel.tickers, **cells)


def split_like(ratio: float) -> float | None:
    """The split that a price ratio of `ratio` (new over old) looks like, new shares for an old one; None for none.

    Within 2 %. Prices halve in a 2:1 split, so 0.5 looks like 2, and 10 like a reverse split of 0.1.
    """
    if not ratio > 0:
        return None
    for split in SPLITS:
        for shares in (split, 1.0 / split):
            if abs(ratio * shares - 1.0) <= SPLIT_TOLERANCE:
                return shares
    return None


def examine(panel: Panel, since: int, stale_sessions: int, splits: Mapping[tuple[str, date], float]) -> list[Flag]:
    """Flags of the rows from `since` on, by ticker and session.

    `panel` holds every session of the calendar, some before `since` among them. Prices must be split-adjusted, so a
    split-like jump is a fault whether a split is known (`splits`: new shares for an old one by ticker and ex-date) or
    not; the flag says which. NaN means that there is no bar.
    """
    days: list[date] = panel.sessions.tolist()
    found: list[Flag] = []
    for column, ticker in enumerate(panel.tickers):
        series = {name: np.asarray(getattr(panel, name)[:, column]) for name in FIELDS}
        told = _flags_of(ticker, days, series, stale_sessions, splits)
        found.extend(flag for row, flag in told if row >= since)
    return sorted(found, key=lambda flag: (flag.ticker, flag.session, flag.rule))


def reunited(panel: Panel, since: int) -> list[Flag]:
    """Flags of the rows from `since` on with which a ticker comes back after more than 60 sessions without a bar.

    `panel` as in `examine`, from the first bar on: a symbol that was given up is handed out again, and the bars of two
    companies then stand in one column.
    """
    found: list[Flag] = []
    for column, ticker in enumerate(panel.tickers):
        close = np.asarray(panel.close[:, column])
        present = np.flatnonzero(~np.isnan(close))
        away = np.diff(present) - 1
        for place in np.flatnonzero(away > LONGEST_ABSENCE).tolist():
            before, row = present[place], present[place + 1]
            if row >= since:
                detail = (
                    f"the first bar since {panel.sessions[before]}, {away[place]} sessions later (close {close[row]:g} "
                    f"after {close[before]:g}): bring in what lies between; if nothing does, the symbol is another "
                    "company's now and two histories stand in one ticker"
                )
                found.append(Flag(ticker=ticker, session=panel.sessions[row].item(), rule=TWO_HISTORIES, detail=detail))
    return sorted(found, key=lambda flag: (flag.ticker, flag.session))


def suspects(panel: Panel, stale_sessions: int, since: int = 0) -> NDArray[np.bool_]:
    """Which bars of the rows from `since` on `examine` would flag at their own close, but for those that are missing.

    Shape (rows, tickers). A cell depends on the ticker's bars up to it and on nothing later; False without a bar.
    """
    found = np.zeros((len(panel.sessions) - since, len(panel.tickers)), dtype=np.bool_)
    for column in range(len(panel.tickers)):
        present = np.flatnonzero(~np.isnan(panel.close[:, column]))
        present = present[max(0, int(np.searchsorted(present, since)) - stale_sessions) :]
        series = {name: getattr(panel, name)[:, column] for name in ("open", "close", "volume")}
        rows = [*_without_volume(series, present), *_stale(series["close"], present, stale_sessions)]
        for row, before in _steps(series, present):
            if _leap(before, float(series["open"][row]), float(series["close"][row]), None) is not None:
                rows.append(row)
        found[[row - since for row in rows if row >= since], column] = True
    return found


def trusted_closes(panel: Panel, stale_sessions: int, doubted: Collection[Cell] = ()) -> Floats:
    """Closes (sessions, tickers; USD), NaN without a bar, where `suspects` doubts it, and where it is `doubted`.

    The latter are bars that something else speaks against than the panel's own numbers, such as a second source.
    """
    closes = np.where(suspects(panel, stale_sessions), np.nan, panel.close)
    rows = {session: row for row, session in enumerate(panel.sessions.tolist())}
    columns = {ticker: column for column, ticker in enumerate(panel.tickers)}
    for ticker, session in doubted:
        if ticker in columns and session in rows:
            closes[rows[session], columns[ticker]] = np.nan
    return closes


def compare(ours: Prices, theirs: Prices, tolerances: Tolerances) -> list[Flag]:
    """Bars that both sources have and in which a price differs by more than the tolerance, by ticker and session."""
    found = []
    for ticker, session in sorted(set(ours) & set(theirs)):
        told = zip(("open", "high", "low", "close"), ours[ticker, session], theirs[ticker, session], strict=True)
        for name, here, there in told:
            apart = abs(here / there - 1.0) * 1e4
            allowed = tolerances.close_bp if name == "close" else tolerances.range_bp
            if apart > allowed:
                detail = f"{name} {here:g} here, {there:g} there: {apart:.0f} bp apart, at most {allowed:g} allowed"
                split = split_like(here / there)
                if split is not None:
                    detail += f"; as if a split of {split:g} new shares for an old one were in one of them only"
                found.append(Flag(ticker=ticker, session=session, rule=TWO_SOURCES, detail=detail))
                break
    return found


def _flags_of(
    ticker: str,
    days: Sequence[date],
    series: Series,
    stale_sessions: int,
    splits: Mapping[tuple[str, date], float],
) -> Iterator[tuple[int, Flag]]:
    present = np.flatnonzero(~np.isnan(series["close"]))
    for row in _gaps(present, len(days), stale_sessions):
        yield row, Flag(ticker=ticker, session=days[row], rule=GAP, detail="the session has no bar")
    for row in _without_volume(series, present):
        yield row, Flag(ticker=ticker, session=days[row], rule=NO_VOLUME, detail="no share was traded")
    for row in _stale(series["close"], present, stale_sessions):
        detail = f"the close is {series['close'][row]:g} for {stale_sessions} sessions or more"
        yield row, Flag(ticker=ticker, session=days[row], rule=STALE, detail=detail)
    for row, before in _steps(series, present):
        told = _leap(before, float(series["open"][row]), float(series["close"][row]), splits.get((ticker, days[row])))
        if told is not None:
            yield row, Flag(ticker=ticker, session=days[row], rule=told[0], detail=told[1])


def _without_volume(series: Series, present: NDArray[np.intp]) -> list[int]:
    rows: list[int] = present[series["volume"][present] == 0].tolist()
    return rows


def _steps(series: Series, present: NDArray[np.intp]) -> Iterator[tuple[int, float]]:
    """Rows to which the price went too far to be passed over unread, and the close before each."""
    if len(present) < 2:
        return
    before = series["close"][present[:-1]]
    gap, change = series["open"][present[1:]] / before, series["close"][present[1:]] / before
    far = (gap < LEAST_SPLIT) | (gap > 1.0 / LEAST_SPLIT) | (change < 0.5) | (change > 2.0)
    yield from zip(present[1:][far].tolist(), before[far].tolist(), strict=True)


def _gaps(present: NDArray[np.intp], count: int, longest: int) -> list[int]:
    """Rows without a bar that follow one within `longest` sessions: who has left for good is no gap for ever.

    Nor is who comes back after so long that it is another story: see `reunited`.
    """
    if not len(present):
        return []
    missing = np.setdiff1d(np.arange(present[0], count), present)
    place = np.searchsorted(present, missing)
    since = missing - present[place - 1]
    away = np.r_[np.diff(present) - 1, count][place - 1]
    rows: list[int] = missing[(since <= longest) | (away <= LONGEST_ABSENCE) & (missing < present[-1])].tolist()
    return rows


def _stale(close: Floats, present: NDArray[np.intp], sessions: int) -> list[int]:
    """Rows whose close is that of the `sessions` - 1 bars before it."""
    closes = close[present]
    if len(closes) < sessions:
        return []
    same = np.r_[False, np.diff(closes) == 0]
    changes = np.flatnonzero(~same)
    run = np.arange(len(closes)) - changes[np.searchsorted(changes, np.arange(len(closes)), side="right") - 1] + 1
    rows: list[int] = present[run >= sessions].tolist()
    return rows


def _leap(before: float, opened: float, closed: float, known: float | None) -> tuple[str, str] | None:
    """The rule that a step from one bar to the next breaks, and the numbers."""
    ratio = closed / before
    if not 1.0 / UNITS_RATIO < ratio < UNITS_RATIO:
        return UNITS, f"close {closed:g} after {before:g}: other units"
    split = split_like(opened / before)
    if split is None:
        return None
    why = "no split is known" if known is None else f"a split of {known:g} is known, but not in the prices"
    return JUMP, f"open {opened:g} after a close of {before:g}, as if split {split:g} for 1: {why}"
