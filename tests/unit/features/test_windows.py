"""Windows and ranks on hand-typed columns."""

import numpy as np
import pytest

from tenthman.domain.market import Floats
from tenthman.features.windows import Mask, ranks, ratio, rolling, shift, variance


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


def ranks_of(values: Floats, among: Mask | None = None) -> Floats:
    """Ranks within the rows of one feature."""
    everyone = np.ones(values.shape, dtype=np.bool_)
    return ranks(values[:, :, np.newaxis], everyone if among is None else among)[:, :, 0]


def counted(values: Floats, among: Mask) -> Floats:
    """The same by counting what is lower and what is equal, value by value."""
    expected = np.full(values.shape, np.nan)
    for row, members, to in zip(values, among, expected, strict=True):
        known = row[members & ~np.isnan(row)]
        for column in np.flatnonzero(members & ~np.isnan(row)) if len(known) > 1 else ():
            twice = 2 * int((known < row[column]).sum()) + int((known == row[column]).sum()) - 1
            to[column] = (twice / 2.0) / (len(known) - 1.0)
    return expected


def test_ranks_run_from_zero_to_one_and_ties_share_theirs() -> None:
    ranked = ranks_of(np.array([[5.0, 1.0, 5.0, np.nan, 9.0], [np.nan, np.nan, 2.0, np.nan, np.nan]]))
    np.testing.assert_allclose(ranked[0], [0.5, 0.0, 0.5, np.nan, 1.0])
    assert np.isnan(ranked[1]).all()


@pytest.mark.parametrize("width", [1, 2, 23, 150, 600])
def test_ranks_are_counts_of_what_is_lower_and_equal_to_the_bit(width: int) -> None:
    draw = np.random.default_rng(width)
    shape = (14, width)
    values = np.stack(
        (
            draw.normal(size=shape),
            np.round(draw.normal(size=shape), 1) * draw.choice([1.0, -1.0, 0.0], size=(14, 1)),
            1.0 + draw.integers(0, 9, size=shape) * 2.0**-52,
            draw.choice([0.0, -0.0, 1.0], size=shape, p=[0.6, 0.3, 0.1]),
            draw.normal(size=shape) * draw.choice([1.0, 1e-300, 1e300], size=shape),
            draw.choice([np.inf, -np.inf, 5e-324, -5e-324, 1.7e308, -1.7e308, 0.0], size=shape),
            np.full(shape, 3.0),
        ),
        axis=2,
    )
    values[draw.uniform(size=values.shape) < 0.1] = np.nan
    values[5, 1:] = np.nan
    among = draw.uniform(size=shape) < 0.9
    among[6] = False
    found = ranks(values, among)
    for feature in range(values.shape[2]):
        assert found[:, :, feature].tobytes() == counted(values[:, :, feature], among).tobytes()
    np.testing.assert_array_equal(ranks(np.asfortranarray(values), among), found)


def test_there_is_nothing_to_rank_in_no_rows_or_no_tickers() -> None:
    assert ranks_of(np.empty((0, 4))).shape == (0, 4)
    assert ranks_of(np.empty((3, 0))).shape == (3, 0)
