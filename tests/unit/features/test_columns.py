"""Compiled windows and recursions on hand-typed columns."""

import numba
import numpy as np
import pytest

from tenthman.domain.market import Floats
from tenthman.features import columns
from tenthman.features.windows import rolling

ODD = np.array([3.1, 1.7, np.nan, 0.1, 5.3, 9.9, 2.6, 6.5, 5.8, 3.2, np.nan, 8.4, 0.3, *np.linspace(0.1, 7.7, 60) ** 2])


@numba.njit
def windows_of(values: Floats, bars: int, sums: Floats, highs: Floats) -> None:
    room = np.empty((2, values.size))
    columns.rolling_sum(values, bars, room, sums)
    columns.rolling_high(values, bars, room, highs)


@numba.njit
def recursions_of(values: Floats, first: int, bars: int, out: Floats) -> None:
    columns.wilder_mean(values, first, bars, out[0])
    columns.exponential_mean(values, first, bars, out[1])
    columns.two_wilder_means(values, 2.0 * values, first, bars, out[2], out[3])
    columns.two_wilder_sums(values, 2.0 * values, first, bars, out[4], out[5])


def recursions(*values: float, first: int, bars: int) -> Floats:
    out = np.empty((6, len(values)))
    recursions_of(np.array(values, dtype=np.float64), first, bars, out)
    return out


@pytest.mark.parametrize("bars", [1, 2, 3, 7, 14, 20, 60, 64, 80])
def test_windows_have_the_bits_of_the_panel_s(bars: int) -> None:
    sums, highs = np.empty_like(ODD), np.empty_like(ODD)
    windows_of(ODD, bars, sums, highs)
    np.testing.assert_array_equal(sums, rolling(np.add, ODD[:, np.newaxis], bars)[:, 0], strict=True)
    np.testing.assert_array_equal(highs, rolling(np.maximum, ODD[:, np.newaxis], bars)[:, 0], strict=True)


def test_wilder_smoothing_begins_at_a_mean() -> None:
    mean, _, same, twice, *_ = recursions(np.nan, 2, 4, 6, 0, first=1, bars=2)
    np.testing.assert_allclose(mean, [np.nan, np.nan, 3, 4.5, 2.25])
    np.testing.assert_array_equal(same, mean)
    np.testing.assert_array_equal(twice, 2.0 * mean)


def test_wilder_sums_begin_with_one_bar_less() -> None:
    *_, total, twice = recursions(np.nan, 2, 4, 6, 0, first=1, bars=2)
    np.testing.assert_allclose(total, [np.nan, 2, 5, 8.5, 4.25])
    np.testing.assert_array_equal(twice, 2.0 * total)


def test_an_exponential_mean_of_three_weighs_the_new_value_by_a_half() -> None:
    np.testing.assert_allclose(recursions(1, 2, 3, 6, first=0, bars=3)[1], [np.nan, np.nan, 2, 4])


def test_a_recursion_that_cannot_begin_is_missing() -> None:
    assert np.isnan(recursions(1, 2, first=1, bars=3)).all()
    assert np.isnan(recursions(first=1, bars=3)).all()
