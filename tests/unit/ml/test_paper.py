"""The portfolio on paper, by hand."""

import numpy as np
import pytest

from tenthman.domain.market import Floats
from tenthman.ml.paper import paper_returns

EVERYONE = np.ones((5, 4), dtype=bool)
OPENS = np.array(
    [
        [10.0, 10.0, 10.0, 10.0],
        [10.0, 10.0, 10.0, 10.0],
        [11.0, 10.0, 10.0, 9.0],
        [11.0, 12.0, 10.0, 9.0],
        [11.0, 12.0, 10.0, 9.0],
    ]
)
BEST_FIRST = np.array([0.3, 0.2, -0.1, -0.2])


def returns(
    excess: Floats, *, opens: Floats = OPENS, horizon: int = 1, fraction: float = 0.25, cost: float = 0.0
) -> Floats:
    return paper_returns(excess, opens, EVERYONE, horizon_sessions=horizon, entry_fraction=fraction, cost_bp=cost)


def said(row: int, scores: Floats) -> Floats:
    excess = np.full(OPENS.shape, np.nan)
    excess[row] = scores
    return excess


def test_a_pick_earns_from_the_next_open_to_the_one_after_above_everyone() -> None:
    assert returns(said(0, BEST_FIRST)) == pytest.approx([0.1 - 0.0, 0.0, 0.0, 0.0, 0.0])
    assert returns(said(1, BEST_FIRST)) == pytest.approx([0.0, -0.05, 0.0, 0.0, 0.0])


def test_a_longer_horizon_holds_each_pick_with_a_part_of_the_capital() -> None:
    found = returns(said(0, BEST_FIRST), horizon=2)
    assert found == pytest.approx([0.05, -0.025, 0.0, 0.0, 0.0])


def test_nothing_is_bought_that_is_not_above_the_base_score() -> None:
    assert returns(said(0, BEST_FIRST - 1.0), fraction=1.0).tolist() == [0.0] * 5
    half = returns(said(0, BEST_FIRST), fraction=1.0)
    assert half[0] == pytest.approx((0.1 + 0.0) / 2 - 0.0)


def test_costs_are_paid_going_in_and_coming_out() -> None:
    found = returns(said(0, BEST_FIRST), cost=10.0)
    assert found == pytest.approx([0.1 - 0.001, -0.001, 0.0, 0.0, 0.0])


def test_a_ticker_without_an_open_earns_nothing_and_a_later_price_changes_nothing_before() -> None:
    holed = OPENS.copy()
    holed[2, 0] = np.nan
    assert returns(said(0, BEST_FIRST), opens=holed)[0] == pytest.approx(0.1 / 4)
    later = OPENS.copy()
    later[4] = 99.0
    assert returns(said(1, BEST_FIRST), opens=later)[:2] == pytest.approx(returns(said(1, BEST_FIRST))[:2])


def test_arrays_of_unlike_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="must be of shape"):
        returns(np.zeros((4, 4)))
