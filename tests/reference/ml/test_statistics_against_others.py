"""The statistics of results against published figures and against two independent libraries, arch and ffn."""

import math
import warnings

import ffn
import numpy as np
import pandas as pd
import pytest
from arch.bootstrap import StationaryBootstrap, optimal_block_length
from arch.covariance.kernel import Parzen
from scipy import stats

from tenthman.ml import sharpe, statistics
from tenthman.ml.information import mean_test, session_ic, session_rank_ic
from tenthman.ml.resampling import block_length, bootstrap_interval, means, sharpes
from tenthman.ml.sharpe import SharpeMoments

SESSIONS = np.arange("2017-01-02", "2019-12-31", dtype="datetime64[D]")
SESSIONS = SESSIONS[np.is_busday(SESSIONS)]


def autoregressive(count: int, rho: float, seed: int, drift: float = 0.0004) -> np.ndarray:
    rng = np.random.default_rng(seed)
    shocks = 0.01 * rng.standard_t(5, count)
    values = np.empty(count)
    values[0] = shocks[0]
    for row in range(1, count):
        values[row] = rho * values[row - 1] + shocks[row]
    return drift + values


RETURNS = autoregressive(len(SESSIONS), 0.1, 3)


def test_the_probabilistic_sharpe_ratio_of_bailey_and_lopez_de_prado_2012() -> None:
    normal = SharpeMoments(count=24, sharpe=0.458, skew=0.0, kurtosis=3.0)
    fund = SharpeMoments(count=24, sharpe=0.458, skew=-2.448, kurtosis=10.164)
    assert sharpe.probabilistic_sharpe(normal) == pytest.approx(0.98167, abs=1e-5)
    assert sharpe.probabilistic_sharpe(fund) == pytest.approx(0.91336, abs=1e-5)


@pytest.mark.parametrize(("trials", "best", "deflated"), [(100, 0.113172, 0.900397), (46, 0.100362, 0.950502)])
def test_the_deflated_sharpe_ratio_of_bailey_and_lopez_de_prado_2014(trials: int, best: float, deflated: float) -> None:
    moments = SharpeMoments(count=1250, sharpe=2.5 / math.sqrt(250), skew=-3.0, kurtosis=10.0)
    assert sharpe.expected_best(trials, 0.5 / 250) == pytest.approx(best, abs=1e-6)
    assert sharpe.deflated_sharpe(moments, trials, 0.5 / 250) == pytest.approx(deflated, abs=1e-6)


def test_a_track_record_of_the_minimum_length_has_just_the_confidence_asked_for() -> None:
    moments = SharpeMoments(count=2, sharpe=0.0945, skew=-0.5, kurtosis=4.0)
    needed = sharpe.minimum_track_record(moments, 0.02, 0.95)
    long_enough = SharpeMoments(count=round(needed), sharpe=0.0945, skew=-0.5, kurtosis=4.0)
    assert sharpe.probabilistic_sharpe(long_enough, 0.02) == pytest.approx(0.95, abs=2e-4)


def test_moments_are_those_of_scipy() -> None:
    moments = sharpe.sharpe_moments(RETURNS)
    assert moments.skew == pytest.approx(stats.skew(RETURNS), rel=1e-10)
    assert moments.kurtosis == pytest.approx(stats.kurtosis(RETURNS, fisher=False), rel=1e-10)


@pytest.mark.parametrize(("count", "rho"), [(60, 0.0), (250, 0.3), (500, 0.9), (1000, -0.4), (2520, 0.6)])
def test_block_lengths_are_those_of_arch(count: int, rho: float) -> None:
    series = autoregressive(count, rho, count)
    theirs = float(optimal_block_length(series)["stationary"].iloc[0])
    assert block_length(series) == pytest.approx(max(theirs, 1.0), rel=1e-9)


def test_bootstrap_bounds_are_those_of_arch_within_the_noise_of_both() -> None:
    series = autoregressive(400, 0.5, 8)
    bootstrap = StationaryBootstrap(12, series, seed=1)
    theirs = bootstrap.conf_int(lambda part: part.mean() / part.std(ddof=1), 4000, method="percentile", size=0.90)
    ours = bootstrap_interval(series, sharpes, level=0.90, draws=4000, seed=2, block=12.0)
    width = ours.high - ours.low
    assert ours.low == pytest.approx(float(theirs[0, 0]), abs=0.06 * width)
    assert ours.high == pytest.approx(float(theirs[1, 0]), abs=0.06 * width)


@pytest.mark.parametrize("reach", [4, 13])
def test_the_long_run_covariance_is_that_of_arch(reach: int) -> None:
    series = np.stack([autoregressive(300, 0.4, 1), autoregressive(300, 0.2, 2)], axis=1)
    theirs = Parzen(series, bandwidth=reach - 1, center=True, df_adjust=0).cov.long_run
    ours = sharpe.long_run_covariance(series, float(reach)) * (300 - 2) / 300
    np.testing.assert_allclose(ours, theirs, rtol=1e-10)


def test_the_error_of_a_sharpe_difference_is_that_of_the_delta_method_written_out() -> None:
    ours, theirs = autoregressive(500, 0.0, 4, 0.001), autoregressive(500, 0.0, 5)
    found = sharpe.sharpe_difference(ours, theirs, bandwidth=1.0)
    influence = []
    for series in (ours, theirs):
        mean, deviation = series.mean(), series.std()
        ratio = mean / deviation
        influence.append((series - mean) / deviation - ratio / 2.0 * ((series - mean) ** 2 / deviation**2 - 1.0))
    error = np.std(influence[0] - influence[1]) / math.sqrt(500 - 4)
    assert found.standard_error == pytest.approx(error * math.sqrt(252), rel=1e-6)


def test_drawdown_sharpe_and_months_are_those_of_ffn() -> None:
    prices = pd.Series(100.0 * np.cumprod(1.0 + RETURNS), index=pd.DatetimeIndex(SESSIONS))
    prices = pd.concat([pd.Series([100.0], index=[prices.index[0] - pd.Timedelta(days=1)]), prices])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        details = ffn.drawdown_details(ffn.to_drawdown_series(prices))
        ratio = float(ffn.calc_sharpe(prices.pct_change().dropna(), nperiods=252))
        monthly = prices.resample("ME").last().pct_change()
    deepest = details.loc[details["drawdown"].astype(float).idxmin()]
    found = statistics.drawdown(RETURNS, SESSIONS)
    assert found.depth == pytest.approx(-float(deepest["drawdown"]), rel=1e-12)
    assert found.depth == pytest.approx(-float(ffn.calc_max_drawdown(prices)), rel=1e-12)
    first_below = SESSIONS[int(np.searchsorted(SESSIONS, np.datetime64(found.peak))) + 1]
    assert pd.Timestamp(first_below) == pd.Timestamp(deepest["Start"])
    assert sharpe.annualised(sharpe.sharpe_ratio(RETURNS)) == pytest.approx(ratio, rel=1e-9)
    ours = statistics.monthly_returns(RETURNS, SESSIONS)
    np.testing.assert_allclose(list(ours.values())[1:], monthly.to_numpy()[-len(ours) + 1 :], rtol=1e-9)
    np.testing.assert_allclose(statistics.drawdowns(RETURNS), ffn.to_drawdown_series(prices).to_numpy()[1:], atol=1e-12)


def test_information_coefficients_are_those_of_scipy() -> None:
    rng = np.random.default_rng(1)
    scores = rng.integers(0, 8, (6, 40)).astype(float)
    outcomes = 0.3 * scores + rng.standard_normal((6, 40))
    scores[2, :5] = np.nan
    outcomes[3, 9] = np.nan
    for row in range(6):
        known = np.isfinite(scores[row]) & np.isfinite(outcomes[row])
        pearson = stats.pearsonr(scores[row][known], outcomes[row][known]).statistic
        spearman = stats.spearmanr(scores[row][known], outcomes[row][known]).statistic
        assert session_ic(scores, outcomes)[row] == pytest.approx(pearson, rel=1e-10)
        assert session_rank_ic(scores, outcomes)[row] == pytest.approx(spearman, rel=1e-10)


def test_the_interval_of_an_overlapping_mean_covers_the_truth_about_as_often_as_it_says() -> None:
    """Sums of ten neighbouring shocks, as ten-session outcomes overlap; a plain t interval covers half as often."""
    rng = np.random.default_rng(5)
    covered = plain = 0
    for _ in range(400):
        series = np.convolve(rng.standard_normal(409), np.ones(10) / 10.0, mode="valid")
        interval = mean_test(series, 10).interval(0.90)
        covered += interval.low <= 0.0 <= interval.high
        plain += abs(series.mean()) <= 1.65 * series.std(ddof=1) / math.sqrt(len(series))
    assert 0.85 <= covered / 400 <= 0.95
    assert plain / 400 < 0.60


def test_the_bootstrap_interval_of_a_mean_covers_the_truth_about_as_often_as_it_says() -> None:
    covered = 0
    for seed in range(200):
        series = autoregressive(250, 0.2, seed, 0.0)
        interval = bootstrap_interval(series, means, level=0.90, draws=300, seed=seed)
        covered += interval.low <= 0.0 <= interval.high
    assert 0.80 <= covered / 200 <= 0.95
