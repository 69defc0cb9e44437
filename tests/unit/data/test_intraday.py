"""Bars inside the session add up to the session's bar."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tenthman.data.intraday import IntradayTable, joined, to_daily


def _table(rows: list[tuple[str, str, float, float, float, float, float]]) -> IntradayTable:
    names = tuple(sorted({row[0] for row in rows}))
    values = np.array([row[2:] for row in rows], dtype=np.float64)
    return IntradayTable(
        tickers=names,
        codes=np.array([names.index(row[0]) for row in rows], dtype=np.intp),
        begins=np.array([row[1] for row in rows], dtype="datetime64[us]"),
        **{name: values[:, place].copy() for place, name in enumerate(("open", "high", "low", "close", "volume"))},
    )


def test_a_session_is_its_regular_hours_whatever_the_order_of_the_rows() -> None:
    rows = [
        ("BBB", "2026-11-27T14:30", 5.0, 5.0, 5.0, 5.0, 1.0),
        ("AAA", "2026-11-27T17:55", 11.0, 12.0, 10.0, 11.5, 30.0),
        ("AAA", "2026-11-27T14:30", 10.0, 10.5, 9.0, 10.2, 20.0),
        ("AAA", "2026-11-27T14:25", 1.0, 99.0, 1.0, 1.0, 1.0),
        ("AAA", "2026-11-27T18:00", 1.0, 99.0, 1.0, 1.0, 1.0),
        ("AAA", "2026-11-28T15:00", 1.0, 99.0, 1.0, 1.0, 1.0),
    ]
    daily = to_daily(_table(rows))
    assert [daily.tickers[code] for code in daily.codes] == ["AAA", "BBB"]
    assert daily.sessions.tolist() == [date(2026, 11, 27)] * 2
    told = [daily.open[0], daily.high[0], daily.low[0], daily.close[0], daily.volume[0]]
    assert told == [10.0, 12.0, 9.0, 11.5, 50.0]
    assert str(daily.known_at[0]) == "2026-11-27T18:00:00.000000"


def test_nothing_adds_up_to_nothing() -> None:
    assert len(to_daily(joined([]))) == 0
    assert len(to_daily(_table([("AAA", "2026-11-28T15:00", 1.0, 1.0, 1.0, 1.0, 1.0)]))) == 0


def test_days_that_no_calendar_knows_are_left_out() -> None:
    strange = [("AAA", f"{year}-11-27T15:00", 1.0, 1.0, 1.0, 1.0, 1.0) for year in (1985, 2085)]
    assert len(to_daily(_table(strange[:1]))) == len(to_daily(_table(strange[1:]))) == 0
    whole = to_daily(_table([*strange, ("AAA", "2026-11-27T15:00", 5.0, 5.0, 5.0, 5.0, 1.0)]))
    assert (whole.sessions.tolist(), whole.close.tolist()) == ([date(2026, 11, 27)], [5.0])


def test_parts_are_joined_by_ticker() -> None:
    row = ("2026-11-27T14:30", 5.0, 5.0, 5.0, 5.0, 1.0)
    whole = joined([_table([("BBB", *row)]), _table([("AAA", *row), ("BBB", *row)])])
    assert [whole.tickers[code] for code in whole.codes] == ["BBB", "AAA", "BBB"]


@pytest.mark.shared_data
def test_real_minutes_add_up_to_the_real_days(shared_data: Path) -> None:
    frame = pd.read_parquet(shared_data / "intraday_1min_2013_2015_lean.parquet")
    daily = pd.read_parquet(shared_data / "prices_daily_2010_2021.parquet")
    frame = frame[frame["ticker"].isin(daily["ticker"].unique())]
    names = tuple(sorted(frame["ticker"].unique()))
    table = IntradayTable(
        tickers=names,
        codes=np.searchsorted(np.array(names), frame["ticker"].to_numpy(dtype=str)),
        begins=frame["ts_utc"].dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[us]"),
        **{name: frame[name].to_numpy(dtype=np.float64) for name in ("open", "high", "low", "close", "volume")},
    )
    found = to_daily(table)
    known = daily.set_index(["ticker", "date"])
    compared = 0
    for row in range(len(found)):
        key = (found.tickers[found.codes[row]], pd.Timestamp(found.sessions[row]))
        if key not in known.index:
            continue
        theirs = known.loc[key]
        # Theirs are adjusted for later splits: the ratio is one number for all four prices.
        ratios = [getattr(found, name)[row] / theirs[name] for name in ("open", "high", "low", "close")]
        assert max(ratios) / min(ratios) == pytest.approx(1.0, abs=0.012), key
        compared += 1
    assert compared >= 15
