"""Statements about the statistics that hold for whatever returns come."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tenthman.ml import resampling, sharpe, statistics
from tenthman.ml.information import session_rank_ic

RETURNS = arrays(np.float64, st.integers(12, 60), elements=st.floats(-0.25, 0.25, width=32))
SCORES = arrays(np.float64, (3, 15), elements=st.integers(-50, 50).map(float))


@given(RETURNS, st.floats(0.1, 5.0))
def test_leverage_changes_neither_the_sharpe_ratio_nor_its_probability(returns: np.ndarray, times: float) -> None:
    plain, geared = sharpe.sharpe_moments(returns), sharpe.sharpe_moments(returns * times)
    if np.std(returns) > 1e-6:
        np.testing.assert_allclose(geared.sharpe, plain.sharpe, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(
            sharpe.probabilistic_sharpe(geared), sharpe.probabilistic_sharpe(plain), rtol=1e-5, atol=1e-9
        )


@given(RETURNS, st.integers(1, 500), st.floats(0.0, 0.02))
def test_more_trials_never_make_a_result_more_credible(returns: np.ndarray, trials: int, variance: float) -> None:
    moments = sharpe.sharpe_moments(returns)
    if np.std(returns) > 1e-6:
        few, many = (sharpe.deflated_sharpe(moments, count, variance) for count in (trials, 2 * trials))
        assert many <= few + 1e-12


@given(RETURNS)
def test_a_drawdown_lies_between_nothing_and_everything_and_months_multiply_to_the_whole(returns: np.ndarray) -> None:
    sessions = np.datetime64("2019-12-02") + np.arange(len(returns))
    found = statistics.drawdown(returns, sessions)
    assert 0.0 <= found.depth < 1.0
    assert found.longest >= found.sessions
    whole = np.prod([1.0 + part for part in statistics.monthly_returns(returns, sessions).values()]) - 1.0
    np.testing.assert_allclose(whole, statistics.total_return(returns), atol=1e-9)


@given(st.integers(1, 80), st.floats(1.0, 40.0), st.integers(0, 2**31))
@settings(max_examples=50)
def test_resampled_rows_exist_and_follow_one_another_within_a_block(count: int, block: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = resampling.stationary_rows(rng, count, 5, block)
    assert rows.min() >= 0
    assert rows.max() < count
    long_blocks = resampling.stationary_rows(rng, count, 5, 1e12)
    assert bool(np.all(np.diff(long_blocks, axis=1) % count == 1 % count))


@given(SCORES, SCORES)
def test_rank_information_is_bounded_antisymmetric_and_blind_to_monotone_change(
    scores: np.ndarray, outcomes: np.ndarray
) -> None:
    found = session_rank_ic(scores, outcomes)
    known = np.isfinite(found)
    assert bool(np.all(np.abs(found[known]) <= 1.0 + 1e-12))
    np.testing.assert_allclose(session_rank_ic(-scores, outcomes), -found, atol=1e-12)
    np.testing.assert_allclose(session_rank_ic(np.exp(scores / 10.0), outcomes), found, atol=1e-12)
