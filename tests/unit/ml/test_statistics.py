"""Statistics of results: figures by hand, and what happens to nothing, too little and nonsense."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from tenthman.ml import resampling, sharpe, statistics
from tenthman.ml.information import information, mean_test, session_ic, session_rank_ic
from tenthman.ml.statistics import Regime

DAYS = np.array(["2020-01-30", "2020-01-31", "2020-02-03", "2020-02-04", "2020-02-05", "2020-02-06"], "datetime64[D]")
UP_AND_DOWN = np.array([0.10, -0.10, -0.10, 0.30, -0.05, 0.02])


def test_growth_drawdown_and_months_of_six_sessions_by_hand() -> None:
    assert statistics.total_return(UP_AND_DOWN) == pytest.approx(1.1 * 0.9 * 0.9 * 1.3 * 0.95 * 1.02 - 1)
    found = statistics.drawdown(UP_AND_DOWN, DAYS)
    assert found.depth == pytest.approx(0.19)
    assert (str(found.peak), str(found.bottom), str(found.recovered)) == ("2020-01-30", "2020-02-03", "2020-02-04")
    assert (found.sessions, found.longest) == (3, 3)
    months = statistics.monthly_returns(UP_AND_DOWN, DAYS)
    assert months == pytest.approx({"2020-01": 1.1 * 0.9 - 1, "2020-02": 0.9 * 1.3 * 0.95 * 1.02 - 1})


def test_a_fall_from_the_start_has_no_peak_and_may_have_no_end() -> None:
    found = statistics.drawdown(np.array([-0.1, 0.05]), DAYS[:2])
    assert (found.depth, found.peak, found.recovered) == (pytest.approx(0.1), None, None)
    assert found.sessions == 2


def test_a_series_that_never_falls_has_no_drawdown() -> None:
    found = statistics.drawdown(np.array([0.0, 0.1]), DAYS[:2])
    assert (found.depth, found.bottom, found.longest) == (0.0, None, 0)


def test_everything_lost_is_a_growth_of_minus_one() -> None:
    assert statistics.growth_rate(np.array([0.1, -1.0, 0.5])) == -1.0


def test_trades_are_counted_right_above_zero_only() -> None:
    profits = np.array([3.0, -1.0, 0.0, 1.0])
    assert statistics.hit_rate(profits) == 0.5
    assert statistics.profit_factor(profits) == 4.0
    assert math.isnan(statistics.profit_factor(np.array([1.0])))


@pytest.mark.parametrize(
    "figure", [sharpe.sharpe_ratio, statistics.growth_rate, statistics.volatility, statistics.hit_rate]
)
def test_nothing_gives_nan(figure: Callable[[np.ndarray], float]) -> None:
    assert math.isnan(figure(np.array([])))


def test_one_return_and_returns_that_never_move_have_no_sharpe_ratio() -> None:
    for values in ([0.01], [0.01] * 30):
        moments = sharpe.sharpe_moments(np.array(values))
        assert math.isnan(sharpe.probabilistic_sharpe(moments))
        assert math.isnan(sharpe.minimum_track_record(moments))
    assert math.isnan(sharpe.sharpe_difference(np.full(30, 0.01), np.arange(30.0)).p_value)
    assert np.isnan(statistics.rolling_sharpe(np.full(5, 0.01), 3)).all()


@pytest.mark.parametrize("wrong", [np.array([0.1, np.nan]), np.array([np.inf]), np.zeros((2, 2))])
def test_returns_that_are_not_finite_or_not_a_series_are_refused(wrong: np.ndarray) -> None:
    for figure in (sharpe.sharpe_ratio, statistics.total_return, resampling.block_length, statistics.drawdowns):
        with pytest.raises(ValueError, match="`returns` must"):
            figure(wrong)


def test_settings_outside_their_bounds_are_named() -> None:
    moments = sharpe.sharpe_moments(UP_AND_DOWN)
    refused: list[tuple[str, Callable[[], object]]] = [
        ("trials", lambda: sharpe.expected_best(0.5, 0.1)),
        ("variance", lambda: sharpe.expected_best(2, -0.1)),
        ("confidence", lambda: sharpe.minimum_track_record(moments, confidence=0.4)),
        ("window", lambda: statistics.rolling_sharpe(UP_AND_DOWN, 1)),
        ("sessions", lambda: statistics.drawdown(UP_AND_DOWN, DAYS[:2])),
        ("theirs", lambda: sharpe.sharpe_difference(UP_AND_DOWN, UP_AND_DOWN[:3])),
        ("level", lambda: resampling.bootstrap_interval(UP_AND_DOWN, resampling.means, level=1.0, seed=1)),
        ("block", lambda: resampling.stationary_rows(np.random.default_rng(1), 5, 5, 0.5)),
        ("overlap", lambda: mean_test(UP_AND_DOWN, 0)),
        ("outcomes", lambda: session_ic(np.zeros((2, 3)), np.zeros((3, 2)))),
    ]
    for name, call in refused:
        with pytest.raises(ValueError, match=f"`{name}`"):
            call()


def test_one_trial_is_held_against_zero() -> None:
    assert sharpe.expected_best(1, 0.01) == 0.0
    assert sharpe.expected_best(1.1, 0.01) == 0.0


def test_trials_scatter_as_they_are_known_to_and_few_of_them_no_less_than_estimates_without_skill() -> None:
    moments = sharpe.sharpe_moments(UP_AND_DOWN)
    own = sharpe.sampling_variance(moments)
    assert sharpe.scatter_of_trials(moments, None, 0) == own
    assert sharpe.scatter_of_trials(moments, own / 9, 2) == own
    assert sharpe.scatter_of_trials(moments, own * 9, 2) == own * 9
    assert sharpe.scatter_of_trials(moments, own / 9, sharpe.MANY_SHARPES) == own / 9
    still = sharpe.sharpe_moments(np.zeros(30))
    assert math.isnan(sharpe.sampling_variance(still))
    assert math.isnan(sharpe.scatter_of_trials(still, own, 2))


def test_the_same_series_does_not_differ_from_itself_and_a_better_one_does() -> None:
    rng = np.random.default_rng(2)
    noise = 0.01 * rng.standard_normal(500)
    other = 0.01 * rng.standard_normal(500)
    better = sharpe.sharpe_difference(other + 0.004, noise)
    assert better.difference > 3.0
    assert better.p_value < 0.001
    same = sharpe.sharpe_difference(noise, noise)
    assert same.difference == 0.0
    assert math.isnan(same.p_value)


def test_the_regime_is_that_of_the_closes_before_the_session() -> None:
    rng = np.random.default_rng(1)
    risk = np.where(np.arange(600) < 400, 0.004, 0.02)
    drift = np.where(np.arange(600) < 400, 0.002, -0.006)
    closes = 100.0 * np.cumprod(1.0 + drift + risk * rng.standard_normal(600))
    codes = statistics.regimes(closes)
    assert set(codes[:200].tolist()) == {Regime.UNKNOWN}
    assert set(codes[201:400].tolist()) <= {Regime.RISING_CALM, Regime.RISING_WILD}
    assert set(codes[500:].tolist()) == {Regime.FALLING_WILD}
    for row in (200, 450, 599):
        changed = closes.copy()
        changed[row:] *= 3.0
        np.testing.assert_array_equal(statistics.regimes(changed)[: row + 1], codes[: row + 1])


def test_sessions_with_few_names_or_without_spread_have_no_information_coefficient() -> None:
    scores = np.tile(np.arange(12.0), (3, 1))
    outcomes = scores.copy()
    scores[0, 3:] = np.nan
    outcomes[1] = 0.1
    np.testing.assert_allclose(session_rank_ic(scores, outcomes), [np.nan, np.nan, 1.0])
    found = information(scores, outcomes, 10, 0.9)
    assert (found.sessions, found.ic) == (1, pytest.approx(1.0))
    assert math.isnan(found.p_value)
    assert math.isnan(found.rank_ic.low)


def test_an_interval_of_too_few_values_has_no_bounds() -> None:
    found = resampling.bootstrap_interval(UP_AND_DOWN, resampling.means, level=0.9, seed=1)
    assert found.estimate == pytest.approx(UP_AND_DOWN.mean())
    assert math.isnan(found.low)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    series = np.random.default_rng(3).standard_normal(100)
    first = resampling.bootstrap_interval(series, resampling.sharpes, level=0.9, seed=1, draws=200)
    assert first == resampling.bootstrap_interval(series, resampling.sharpes, level=0.9, seed=1, draws=200)
    assert first != resampling.bootstrap_interval(series, resampling.sharpes, level=0.9, seed=2, draws=200)
