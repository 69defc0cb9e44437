"""Bars that cannot be trusted, found by arithmetic."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tenthman.data import quality
from tenthman.data.calendar import sessions_between
from tenthman.data.quality import Tolerances, compare, examine, on_calendar, split_like, suspects
from tenthman.domain.market import FIELDS, Panel

DAYS = [item.session for item in sessions_between(date(2020, 1, 6), date(2020, 2, 14))]
AAA, NAN = "AAA", float("nan")


def _panel(closes: list[float], volumes: list[float] | None = None) -> Panel:
    """Bars that open at the close before them; NaN is no bar."""
    close = np.array(closes, dtype=np.float64)
    known = np.where(np.isnan(close), NAN, 1.0)
    columns = {name: (close * known)[:, None].copy() for name in ("open", "high", "low", "close")}
    volume = np.full(len(close), 1e6) if volumes is None else np.array(volumes)
    days = np.array(DAYS[: len(close)], dtype="datetime64[D]")
    return Panel(sessions=days, tickers=(AAA,), volume=(volume * known)[:, None].copy(), **columns)


def _rules(panel: Panel, since: int = 0, splits: dict[tuple[str, date], float] | None = None) -> list[tuple[str, date]]:
    return [(flag.rule, flag.session) for flag in examine(panel, since, 4, splits or {})]


def test_sound_bars_raise_no_flag() -> None:
    assert _rules(_panel([100.0, 101.0, 99.5, 100.5, 102.0, 95.0, 120.0])) == []


def test_a_missing_session_is_a_gap_and_before_the_first_bar_there_is_none() -> None:
    assert _rules(_panel([NAN, 100.0, 101.0, NAN, 102.0, NAN])) == [(quality.GAP, DAYS[3]), (quality.GAP, DAYS[5])]


def test_who_has_left_for_good_is_no_gap_for_ever() -> None:
    assert _rules(_panel([100.0, 101.0, *[NAN] * 10])) == [(quality.GAP, day) for day in DAYS[2:6]]
    assert _rules(_panel([NAN] * 5)) == []


def test_a_session_in_which_nobody_has_a_bar_is_a_gap_of_everybody() -> None:
    sparse = _panel([100.0, 101.0, 102.0])
    kept = Panel(
        sessions=np.array([DAYS[0], DAYS[1], DAYS[3]], dtype="datetime64[D]"),
        tickers=(AAA,),
        open=sparse.open,
        high=sparse.high,
        low=sparse.low,
        close=sparse.close,
        volume=sparse.volume,
    )
    whole = on_calendar(kept, np.array(DAYS[:4], dtype="datetime64[D]"))
    assert _rules(whole) == [(quality.GAP, DAYS[2])]


def test_equal_closes_are_stale_from_the_stated_number_on() -> None:
    assert _rules(_panel([100.0, 101.0, 101.0, 101.0, 102.0])) == []
    assert _rules(_panel([100.0, 101.0, 101.0, 101.0, 101.0, 101.0, 102.0])) == [
        (quality.STALE, DAYS[4]),
        (quality.STALE, DAYS[5]),
    ]


def test_a_bar_without_volume_is_flagged() -> None:
    assert _rules(_panel([100.0, 101.0, 102.0], [1e6, 0.0, 1e6])) == [(quality.NO_VOLUME, DAYS[1])]


@pytest.mark.parametrize(("ratio", "split"), [(0.5, 2.0), (0.1, 10.0), (0.335, 3.0), (4.05, 0.25), (0.667, 1.5)])
def test_ratios_of_splits_look_like_splits(ratio: float, split: float) -> None:
    assert split_like(ratio) == pytest.approx(split)


@pytest.mark.parametrize("ratio", [1.0, 0.8, 0.6, 1.2, 0.45, 0.0, NAN])
def test_ratios_of_markets_do_not(ratio: float) -> None:
    assert split_like(ratio) is None


def test_a_split_like_jump_is_flagged_and_says_whether_a_split_is_known() -> None:
    panel = _panel([400.0, 101.0, 102.0])
    (flag,) = examine(panel, 0, 4, {})
    assert (flag.rule, flag.session) == (quality.JUMP, DAYS[1])
    assert flag.detail == "open 101 after a close of 400, as if split 4 for 1: no split is known"
    (known,) = examine(panel, 0, 4, {(AAA, DAYS[1]): 4.0})
    assert "a split of 4 is known, but not in the prices" in known.detail


def test_prices_in_other_units_are_flagged() -> None:
    assert _rules(_panel([100.0, 10_100.0, 101.0])) == [(quality.UNITS, DAYS[1]), (quality.UNITS, DAYS[2])]


def test_a_ticker_that_comes_back_after_sixty_sessions_may_be_another_company() -> None:
    def told(missing: int, since: int = 0) -> list[tuple[str, int]]:
        days = sessions_between(date(2020, 1, 6), date(2020, 6, 30))
        close = np.array([100.0, 101.0, *[NAN] * missing, 4.0, 5.0])[:, None]
        sessions = np.array([item.session for item in days[: len(close)]], dtype="datetime64[D]")
        panel = Panel(sessions=sessions, tickers=(AAA,), **dict.fromkeys(FIELDS, close))
        gaps = sum(flag.rule == quality.GAP for flag in examine(panel, 0, 4, {}))
        assert gaps == (missing if missing <= 60 else 4), "each session of a gap is told, of a long absence the first"
        found = quality.reunited(panel, since)
        assert all("two histories stand in one ticker" in flag.detail for flag in found)
        assert all(
            f"since {days[1].session}, {missing} sessions later (close 4 after 101)" in flag.detail for flag in found
        )
        return [(flag.rule, (flag.session - days[missing + 2].session).days) for flag in found]

    assert told(60) == []
    assert told(61) == [(quality.TWO_HISTORIES, 0)]
    assert told(61, since=63) == [(quality.TWO_HISTORIES, 0)]
    assert told(61, since=64) == []


def test_only_rows_from_since_on_are_told_of() -> None:
    assert _rules(_panel([400.0, 101.0, 102.0, NAN, 103.0]), since=2) == [(quality.GAP, DAYS[3])]


def test_two_sources_agree_within_their_tolerances() -> None:
    tolerances = Tolerances(close_bp=50.0, range_bp=200.0)
    ours = {(AAA, DAYS[0]): (100.0, 102.0, 99.0, 101.0), (AAA, DAYS[1]): (100.0, 102.0, 99.0, 101.0)}
    near = {(AAA, DAYS[0]): (101.0, 103.0, 98.0, 101.4), ("BBB", DAYS[0]): (1.0, 1.0, 1.0, 1.0)}
    assert compare(ours, near, tolerances) == []
    (far,) = compare(ours, {(AAA, DAYS[1]): (100.0, 102.0, 99.0, 102.0)}, tolerances)
    assert (far.ticker, far.session, far.rule) == (AAA, DAYS[1], quality.TWO_SOURCES)
    assert far.detail == "close 101 here, 102 there: 98 bp apart, at most 50 allowed"
    (split,) = compare(ours, {(AAA, DAYS[1]): (50.0, 51.0, 49.5, 50.5)}, tolerances)
    assert "as if a split" in split.detail


@pytest.mark.shared_data
def test_eight_years_of_real_prices_raise_no_flag_but_for_leavers_and_days_without_a_trade(shared_data: Path) -> None:
    frame = pd.read_parquet(shared_data / "prices_daily_2010_2021.parquet")
    frame = frame[frame["date"] >= "2014-01-01"]
    cells = {name: frame.pivot(index="date", columns="ticker", values=name) for name in FIELDS}
    wide = cells["close"]
    panel = Panel(
        sessions=wide.index.to_numpy().astype("datetime64[D]"),
        tickers=tuple(wide.columns),
        **{name: np.ascontiguousarray(table.to_numpy(dtype=np.float64)) for name, table in cells.items()},
    )
    flags = examine(panel, 0, 5, {})
    assert {flag.rule for flag in flags} == {quality.GAP, quality.NO_VOLUME}
    assert {flag.ticker for flag in flags if flag.rule == quality.GAP} == {"AGN", "CELG", "RTN", "UTX"}
    assert len(flags) == 24


def test_what_is_suspect_is_what_an_examination_at_that_close_flags_and_later_bars_change_nothing() -> None:
    draw = np.random.default_rng(11)
    closes = np.round(100.0 * np.cumprod(1.0 + draw.normal(0.0, 0.02, len(DAYS))), 2)
    closes[5:10] = closes[5]
    closes[14:] *= 0.5
    closes[22] = NAN
    closes[25] *= 0.001
    volumes = np.full(len(DAYS), 1e6)
    volumes[[3, 18]] = 0.0
    panel = _panel(closes.tolist(), volumes.tolist())
    moved = {name: getattr(panel, name).copy() for name in FIELDS}
    moved["open"][14] = moved["close"][14]
    panel = Panel(sessions=panel.sessions.copy(), tickers=panel.tickers, **moved)
    told = [suspects(panel.rows(0, row + 1), 4, row)[0, 0] for row in range(len(DAYS))]
    flags = {flag.session for row in range(len(DAYS)) for flag in examine(panel.rows(0, row + 1), row, 4, {})}
    assert [day for day, bad in zip(DAYS, told, strict=True) if bad] == sorted(flags - {DAYS[22]})
    assert suspects(panel, 4)[:, 0].tolist() == told
    assert set(np.flatnonzero(told).tolist()) >= {3, 8, 9, 14, 18, 25, 26}
