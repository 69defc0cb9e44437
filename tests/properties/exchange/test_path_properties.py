"""Laws of the intraday path."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tenthman.exchange.path import KNOTS, price_at, segments

PRICES = st.lists(st.floats(0.01, 1e4), min_size=4, max_size=4).map(sorted)
FRACTIONS = st.floats(0.0, 1.0)


@given(PRICES, FRACTIONS)
def test_the_path_is_the_straight_line_through_open_low_high_close(prices: list[float], fraction: float) -> None:
    low, open_, close, high = prices
    expected = np.interp(fraction, KNOTS, (open_, low, high, close))
    assert np.isclose(price_at(open_, high, low, close, fraction), expected, rtol=1e-9, atol=0.0)


@given(PRICES, FRACTIONS)
def test_the_path_never_leaves_the_bar_and_its_knots_are_exact(prices: list[float], fraction: float) -> None:
    low, open_, close, high = prices
    assert low <= price_at(open_, high, low, close, fraction) <= high
    assert tuple(price_at(open_, high, low, close, knot) for knot in KNOTS) == (open_, low, high, close)


@given(PRICES, FRACTIONS, FRACTIONS)
def test_the_pieces_of_a_window_join_and_cover_it(prices: list[float], one: float, two: float) -> None:
    low, open_, close, high = prices
    start, stop = sorted((one, two))
    pieces = segments(open_, high, low, close, start, stop)
    assert (pieces[0].start, pieces[-1].stop) == (start, stop)
    for before, after in itertools.pairwise(pieces):
        assert before.stop == after.start == before.last == after.first
        assert before.last_price == after.first_price
