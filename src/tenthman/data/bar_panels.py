"""Bars as a panel and as rows: which cells hold a bar, and a panel from rows read back. Pure."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenthman.domain.errors import DataCorrupt
from tenthman.domain.market import FIELDS, Panel, Sessions

Instants = NDArray[np.datetime64]


def present_cells(panel: Panel) -> NDArray[np.bool_]:
    """Cells that hold a bar; DataCorrupt where only some of the five fields are NaN."""
    missing = np.isnan(panel.close)
    torn = np.zeros_like(missing)
    for name in FIELDS:
        torn |= np.isnan(getattr(panel, name)) != missing
    if bool(torn.any()):
        row, column = np.argwhere(torn)[0]
        raise DataCorrupt(f"{panel.tickers[column]} {panel.sessions[row]}: some of the bar's fields are NaN")
    present: NDArray[np.bool_] = ~missing
    return present


def panel_of(tickers: tuple[str, ...], rows: Mapping[str, NDArray[Any]]) -> tuple[Panel, Instants]:
    """The panel of `rows`, and when each of its bars became known (datetime64[us], UTC); NaN and NaT without a bar.

    `rows` are columns of one length: "session" (datetime64[D]), "place" (of the ticker, from 1), the five fields and
    "known_at"; one row a ticker and session, in any order.
    """
    sessions, row = _days_and_places(rows["session"])
    shape, column = (len(sessions), len(tickers)), rows["place"] - 1
    fields = {name: np.full(shape, np.nan) for name in FIELDS}
    for name, values in fields.items():
        values[row, column] = rows[name]
    known_at = np.full(shape, np.datetime64("NaT"), dtype="datetime64[us]")
    known_at[row, column] = rows["known_at"]
    return Panel(sessions=sessions.astype("datetime64[D]"), tickers=tickers, **fields), known_at


def _days_and_places(days: Sessions) -> tuple[Sessions, NDArray[np.intp]]:
    """The distinct days in order, and each day's place among them: `np.unique` without its sort of every row."""
    if len(days) == 0:
        return days, np.zeros(0, dtype=np.intp)
    first = days.min()
    offset = (days - first).astype(np.intp)
    there = np.zeros(int(offset.max()) + 1, dtype=np.bool_)
    there[offset] = True
    distinct = np.flatnonzero(there)
    place = np.cumsum(there, dtype=np.intp) - 1
    return first + distinct.astype("timedelta64[D]"), place[offset]
