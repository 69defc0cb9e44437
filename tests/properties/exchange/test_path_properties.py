"""Laws of the intraday path; the lines are worked out again in decimals and fractions."""

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tenthman.exchange.arithmetic import KNOTS
from tenthman.exchange.path import Path

PRICES = st.lists(st.integers(1, 10**8), min_size=4, max_size=4).map(sorted)
FRACTIONS = st.floats(0.0, 1.0)


def path_of(prices: list[int]) -> Path:
    low, open_, close, high = prices
    return Path(open=open_, low=low, high=high, close=close)


@given(PRICES, FRACTIONS)
def test_the_path_is_the_straight_line_through_open_low_high_close(prices: list[int], fraction: float) -> None:
    path = path_of(prices)
    expected = np.interp(fraction, KNOTS, (path.open, path.low, path.high, path.close))
    assert abs(path.price_at(fraction) - expected) <= 0.51


@given(PRICES, FRACTIONS)
def test_the_path_never_leaves_the_bar_and_its_knots_are_exact(prices: list[int], fraction: float) -> None:
    path = path_of(prices)
    assert path.low <= path.price_at(fraction) <= path.high
    assert tuple(path.price_at(knot) for knot in KNOTS) == (path.open, path.low, path.high, path.close)


@given(PRICES, st.integers(1, 10**8), FRACTIONS, FRACTIONS, st.booleans())
def test_the_first_touch_is_where_the_line_first_lies_beyond_the_level(
    prices: list[int], level: int, one: float, two: float, below: bool
) -> None:
    path, (start, stop) = path_of(prices), sorted((one, two))
    found = path.first_touch(level, start, stop, below=below)
    values = [Fraction(value) for value in (path.open, path.low, path.high, path.close)]

    def exact(at: float) -> Fraction:
        piece = min(int(Fraction(at) * 3), 2)
        return values[piece] + (values[piece + 1] - values[piece]) * (Fraction(at) * 3 - piece)

    def beyond(price: Fraction, slack: Fraction) -> bool:
        return price <= level + slack if below else price >= level - slack

    looked_at = [start, stop, *(knot for knot in KNOTS if start <= knot <= stop)]
    if found is None:
        assert not any(beyond(exact(at), Fraction(-1, 2)) for at in looked_at)
        return
    assert start <= found <= stop
    assert beyond(exact(found), Fraction(1, 2))
    assert not any(beyond(exact(at), Fraction(-1, 2)) for at in looked_at if at < found)


@given(PRICES, st.integers(1, 10**8), st.lists(FRACTIONS, min_size=1, max_size=6), st.booleans())
def test_the_first_touch_does_not_depend_on_how_the_session_is_cut(
    prices: list[int], level: int, cuts: list[float], below: bool
) -> None:
    path = path_of(prices)
    ends = [0.0, *sorted(cuts), 1.0]
    windows = (path.first_touch(level, *ends[n : n + 2], below=below) for n in range(len(ends) - 1))
    assert path.first_touch(level, 0.0, 1.0, below=below) == next((at for at in windows if at is not None), None)
