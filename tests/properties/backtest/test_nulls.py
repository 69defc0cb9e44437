"""Random entries: whatever the relabelling, each run proposes as much and as strongly as the model did."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tenthman_backtests import toy_inputs, toy_result

from tenthman.backtest.inputs import Inputs
from tenthman.backtest.nulls import random_entries, relabelled
from tenthman.backtest.result import BacktestResult

COUNT, WIDTH = 9, 7


def with_holes(seed: int) -> Inputs:
    """Scores that come and go from session to session; the last column, the index, never has one."""
    rng = np.random.default_rng(seed)
    excess = rng.standard_normal((COUNT, 2, WIDTH))
    excess[rng.random(excess.shape) < 0.3] = np.nan
    excess[:, :, -1] = np.nan
    order = np.argsort(-excess, axis=2, kind="stable").astype(np.int32)
    known = np.isfinite(excess).sum(axis=2).astype(np.int32)
    return replace(toy_inputs(COUNT, WIDTH), excess=excess, order=order, known=known)


@given(st.integers(0, 2**31), st.permutations(range(WIDTH)))
@settings(max_examples=60)
def test_the_names_known_in_a_run_trade_scores_among_themselves(seed: int, permutation: list[int]) -> None:
    inputs = with_holes(seed)
    found = relabelled(inputs, np.array(permutation))
    np.testing.assert_array_equal(np.isnan(found.excess), np.isnan(inputs.excess))
    np.testing.assert_array_equal(np.sort(found.excess, axis=2), np.sort(inputs.excess, axis=2))
    in_order = np.take_along_axis(found.excess, found.order.astype(np.intp), axis=2)
    np.testing.assert_array_equal(in_order, -np.sort(-inputs.excess, axis=2))
    np.testing.assert_array_equal(np.sort(found.order, axis=2), np.sort(inputs.order, axis=2))


@given(st.integers(0, 2**31), st.permutations(range(WIDTH)))
@settings(max_examples=30)
def test_who_carries_whose_scores_changes_only_where_a_score_is_missing(seed: int, permutation: list[int]) -> None:
    inputs = with_holes(seed)
    found = relabelled(inputs, np.array(permutation))
    known = np.isfinite(inputs.excess)
    both = known & known[:, :, permutation]
    np.testing.assert_array_equal(found.excess[both], inputs.excess[:, :, permutation][both])


def test_nobody_relabelled_is_the_run_itself() -> None:
    inputs = with_holes(1)
    same = relabelled(inputs, np.arange(WIDTH))
    np.testing.assert_array_equal(same.excess, inputs.excess)
    np.testing.assert_array_equal(same.order, inputs.order)


def test_a_relabelling_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"`relabelling` must hold each of 0\.\.6 once"):
        relabelled(with_holes(1), np.zeros(WIDTH, dtype=np.intp))
    with pytest.raises(ValueError, match="`runs` must be at least 1"):
        random_entries(with_holes(1), engine, runs=0, seed=1)


def engine(inputs: Inputs) -> BacktestResult:
    """A toy desk whose trading depends on whose scores are on top."""
    return toy_result(inputs, every=2 + int(inputs.order[0, 0, 0]) % 4)


def test_the_same_seed_gives_the_same_runs_in_one_process_and_in_two() -> None:
    inputs = toy_inputs(30, WIDTH)
    alone = random_entries(inputs, engine, runs=6, seed=5)
    together = random_entries(inputs, engine, runs=6, seed=5, jobs=2)
    np.testing.assert_array_equal(alone.equity, together.equity)
    np.testing.assert_array_equal(alone.entries, together.entries)
    other = random_entries(inputs, engine, runs=6, seed=6)
    assert not np.array_equal(alone.equity, other.equity)
    assert alone.band(0.0).tolist() == alone.equity.min(axis=0).tolist()
