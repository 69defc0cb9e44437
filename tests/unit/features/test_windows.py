"""Windows and ranks on hand-typed columns."""

import numpy as np
import pytest

from tenthman.features.windows import ranks, ratio, rolling, shift, variance


def column(*values: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.array(values, dtype=np.float64)[:, None]


@pytest.mark.parametrize("sessions", range(1, 14))
def test_a_rolling_maximum_equals_the_plain_one(sessions: int) -> None:
    values = column(3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9)
    mine = rolling(np.maximum, values, sessions)
    for row in range(len(values)):
        if row < sessions - 1:
            assert np.isnan(mine[row, 0])
        else:
            assert mine[row, 0] == values[row - sessions + 1 : row + 1, 0].max()


def test_a_window_that_holds_a_missing_value_is_missing_and_then_recovers() -> None:
    sums = rolling(np.add, column(1, 2, np.nan, 4, 5, 6), 2)[:, 0]
    np.testing.assert_array_equal(sums, [np.nan, 3, np.nan, np.nan, 9, 11])


def test_a_window_of_no_sessions_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1, was 0"):
        rolling(np.add, column(1, 2), 0)


def test_shifting_beyond_the_end_leaves_nothing() -> None:
    assert np.isnan(shift(column(1, 2), 5)).all()


def test_a_flat_column_has_no_variance_in_spite_of_rounding() -> None:
    assert variance(np.full((30, 1), 0.1 + 0.2), 20)[25, 0] == 0.0


def test_dividing_by_zero_is_undefined() -> None:
    np.testing.assert_array_equal(ratio(column(1, 0, 6), column(0, 0, 3))[:, 0], [np.nan, np.nan, 2])


def test_ranks_run_from_zero_to_one_and_ties_share_theirs() -> None:
    ranked = ranks(np.array([[5.0, 1.0, 5.0, np.nan, 9.0], [np.nan, np.nan, 2.0, np.nan, np.nan]]))
    np.testing.assert_allclose(ranked[0], [0.5, 0.0, 0.5, np.nan, 1.0])
    assert np.isnan(ranked[1]).all()


def test_ranks_are_counts_of_what_is_lower_and_equal_to_the_bit() -> None:
    draw = np.random.default_rng(5)
    values = np.round(draw.normal(size=(60, 23)), 1) * draw.choice([1.0, -1.0, 0.0], size=(60, 1))
    values[draw.uniform(size=values.shape) < 0.2] = np.nan
    values[7, 1:] = np.nan
    found = ranks(values)
    for row, mine in zip(values, found, strict=True):
        known = row[~np.isnan(row)]
        for value, rank in zip(row, mine, strict=True):
            if np.isnan(value) or len(known) < 2:
                assert np.isnan(rank)
            else:
                lowest = float((known < value).sum())
                assert rank == ((lowest + lowest + float((known == value).sum()) - 1.0) / 2.0) / (len(known) - 1.0)
    np.testing.assert_array_equal(ranks(np.asfortranarray(values)), found)


def test_there_is_nothing_to_rank_in_no_rows_or_no_tickers() -> None:
    assert ranks(np.empty((0, 4))).shape == (0, 4)
    assert ranks(np.empty((3, 0))).shape == (3, 0)
