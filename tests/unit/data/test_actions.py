"""Adjustment factors of our own."""

import json
import tarfile
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from tenthman.data.actions import dividend_factors, split_factors, unexplained
from tenthman.data.sources import ActionKind, CorporateAction

DAYS = np.array(["2020-08-27", "2020-08-28", "2020-08-31", "2020-09-01"], dtype="datetime64[D]")


def _action(day: date, kind: ActionKind, value: float) -> CorporateAction:
    return CorporateAction(ticker="AAA", ex_date=day, kind=kind, value=value)


def test_a_split_divides_what_came_before_its_ex_date_and_nothing_after() -> None:
    four = _action(date(2020, 8, 31), ActionKind.SPLIT, 4.0)
    half = _action(date(2020, 9, 1), ActionKind.SPLIT, 0.5)
    later = _action(date(2020, 9, 2), ActionKind.SPLIT, 7.0)
    assert split_factors(DAYS, [four]).tolist() == [0.25, 0.25, 1.0, 1.0]
    assert split_factors(DAYS, [four, half, later]).tolist() == [0.5, 0.5, 2.0, 1.0]
    raw = np.array([500.0, 504.0, 129.0, 134.0])
    assert (raw * split_factors(DAYS, [four])).tolist() == [125.0, 126.0, 129.0, 134.0]


def test_a_dividend_takes_its_share_of_the_close_before_it() -> None:
    paid = _action(date(2020, 8, 31), ActionKind.DIVIDEND, 2.0)
    close = np.array([90.0, 100.0, np.nan, 99.0])
    assert dividend_factors(DAYS, close, [paid]).tolist() == [0.98, 0.98, 1.0, 1.0]
    with pytest.raises(ValueError, match="must be below the close before it 100, was 100"):
        dividend_factors(DAYS, close, [_action(date(2020, 8, 31), ActionKind.DIVIDEND, 100.0)])


def test_a_step_of_an_adjusted_close_that_the_actions_do_not_explain_is_named_with_both_factors() -> None:
    close = np.array([90.0, 100.0, 99.0, 99.0])
    paid = _action(date(2020, 8, 31), ActionKind.DIVIDEND, 2.0)
    adjusted = 0.9 * close * np.array([0.98, 0.98, 1.0, 1.0])
    assert unexplained(DAYS, close, adjusted, [paid], 1e-6) == []
    ((day, theirs, ours),) = unexplained(DAYS, close, adjusted, [], 1e-6)
    assert (day, ours) == (date(2020, 8, 31), 1.0)
    assert theirs == pytest.approx(0.98)
    assert unexplained(DAYS, close, np.array([90.0, np.nan, 99.0, 99.0]), [], 1e-6) == []


def test_a_split_of_prices_as_traded_is_a_step_that_it_explains() -> None:
    close = np.array([500.0, 504.0, 129.0, 134.0])
    adjusted = close * np.array([0.25, 0.25, 1.0, 1.0])
    assert unexplained(DAYS, close, adjusted, [_action(date(2020, 8, 31), ActionKind.SPLIT, 4.0)], 1e-6) == []
    assert unexplained(DAYS, close, adjusted, [], 1e-6) == [(date(2020, 8, 31), 0.25, 1.0)]


@pytest.mark.shared_data
def test_our_factors_are_those_of_a_recorded_chart_of_yahoo(shared_data: Path) -> None:
    with tarfile.open(shared_data / "api_recordings.tar.gz") as archive:
        name = next(item for item in archive.getnames() if item.endswith("chart-AAPL-2020-08-31-to-2020-11-07.json"))
        opened = archive.extractfile(name)
        assert opened is not None
        body = json.load(opened)["response"]["bodyJson"]
    result = body["chart"]["result"][0]
    sessions = np.array(
        [datetime.fromtimestamp(stamp, UTC).date() for stamp in result["timestamp"]], dtype="datetime64[D]"
    )
    close = np.array(result["indicators"]["quote"][0]["close"], dtype=np.float64)
    adjusted = np.array(result["indicators"]["adjclose"][0]["adjclose"], dtype=np.float64)
    paid = [
        _action(datetime.fromtimestamp(item["date"], UTC).date(), ActionKind.DIVIDEND, item["amount"])
        for item in result["events"]["dividends"].values()
    ]
    assert len(paid) == 1
    assert unexplained(sessions, close, adjusted, paid, 1e-4) == []
    assert [day for day, _, _ in unexplained(sessions, close, adjusted, [], 1e-4)] == [paid[0].ex_date]
