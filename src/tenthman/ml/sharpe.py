"""The Sharpe ratio and what it is worth: probable, deflated for trials, long enough, better than another.

Everything is per session unless it says annualised. Returns are simple, one a session, all finite (ValueError
otherwise). What cannot be computed, for want of sessions or of any movement, is NaN; there is no risk-free rate.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from tenthman.domain.market import Floats

SESSIONS_A_YEAR = 252
MANY_SHARPES = 10
"""So many known Sharpe ratios say by themselves how far those of trials scatter."""

_EULER_GAMMA = 0.5772156649015329
_STILL = 1e-12
"""A standard deviation below this is rounding, not movement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharpeMoments:
    """What the tests below need of a series of returns: `sharpe` per session, `kurtosis` raw (a normal has 3)."""

    count: int
    sharpe: float
    skew: float
    kurtosis: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SharpeDifference:
    """Ours less theirs, annualised, its standard error, and the one-sided p of so much if they are equal."""

    difference: float
    standard_error: float
    p_value: float


def checked(returns: Floats) -> Floats:
    """`returns` as float64; ValueError unless of one dimension and finite."""
    values = np.asarray(returns, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"`returns` must have one dimension, had {values.ndim}")
    if not bool(np.isfinite(values).all()):
        raise ValueError(f"`returns` must be finite, {int((~np.isfinite(values)).sum())} of {len(values)} were not")
    return values


def sharpe_ratio(returns: Floats) -> float:
    """Mean over standard deviation (n - 1) of `returns`; NaN for fewer than two or none that move (Sharpe, 1994)."""
    values = checked(returns)
    if len(values) < 2:
        return math.nan
    spread = float(values.std(ddof=1))
    return float(values.mean()) / spread if spread > _STILL else math.nan


def annualised(sharpe: float) -> float:
    """A Sharpe ratio per session as one of a year of 252 sessions, as if returns were independent."""
    return sharpe * math.sqrt(SESSIONS_A_YEAR)


def sharpe_moments(returns: Floats) -> SharpeMoments:
    """Sharpe ratio, skew and raw kurtosis (both with n in the denominator) of `returns`; NaN as in `sharpe_ratio`."""
    values = checked(returns)
    sharpe = sharpe_ratio(values)
    if math.isnan(sharpe):
        return SharpeMoments(count=len(values), sharpe=math.nan, skew=math.nan, kurtosis=math.nan)
    centred = values - values.mean()
    variance = float(np.mean(centred**2))
    return SharpeMoments(
        count=len(values),
        sharpe=sharpe,
        skew=float(np.mean(centred**3)) / variance**1.5,
        kurtosis=float(np.mean(centred**4)) / variance**2,
    )


def probabilistic_sharpe(moments: SharpeMoments, benchmark: float = 0.0) -> float:
    """The probability that the true Sharpe ratio exceeds `benchmark` (per session), given its moments.

    It is 1 less the one-sided p of a ratio no higher than `benchmark`: of the estimate's error, not of how likely skill
    was to begin with. NaN where `moments` are.

    Bailey and Lopez de Prado (2012), Journal of Risk 15(2): the ratio's error grows with negative skew and fat tails.
    """
    if moments.count < 2 or math.isnan(moments.sharpe):
        return math.nan
    distance = (moments.sharpe - benchmark) * math.sqrt(moments.count - 1)
    return float(ndtr(distance / math.sqrt(_spread(moments))))


def minimum_track_record(moments: SharpeMoments, benchmark: float = 0.0, confidence: float = 0.95) -> float:
    """Sessions needed before `probabilistic_sharpe` reaches `confidence`; infinite for a ratio not above `benchmark`.

    Bailey and Lopez de Prado (2012). NaN where `moments` are.
    """
    if not 0.5 < confidence < 1.0:
        raise ValueError(f"`confidence` must lie above 0.5 and below 1, was {confidence}")
    if math.isnan(moments.sharpe):
        return math.nan
    if moments.sharpe <= benchmark:
        return math.inf
    needed = float(ndtri(confidence)) / (moments.sharpe - benchmark)
    return 1.0 + _spread(moments) * needed**2


def expected_best(trials: float, variance: float) -> float:
    """The Sharpe ratio that the best of `trials` without any skill is expected to show; 0 for a single trial.

    Bailey and Lopez de Prado (2014), Journal of Portfolio Management 40(5). `variance` is that of the trials' Sharpe
    ratios, per session. `trials` counts independent ones and need not be whole; the approximation falls below zero
    near one trial and is cut off there.
    """
    if not trials >= 1.0:
        raise ValueError(f"`trials` must be at least 1, was {trials}")
    if not variance >= 0.0:
        raise ValueError(f"`variance` must be at least 0, was {variance}")
    if trials == 1.0:
        return 0.0
    near = (1.0 - _EULER_GAMMA) * float(ndtri(1.0 - 1.0 / trials))
    far = _EULER_GAMMA * float(ndtri(1.0 - 1.0 / (trials * math.e)))
    return max(0.0, math.sqrt(variance) * (near + far))


def deflated_sharpe(moments: SharpeMoments, trials: float, variance: float) -> float:
    """The probability that the true Sharpe ratio exceeds the expected maximum of `trials` without skill.

    Bailey and Lopez de Prado (2014); with one trial it is `probabilistic_sharpe` above zero.
    """
    return probabilistic_sharpe(moments, expected_best(trials, variance))


def sampling_variance(moments: SharpeMoments) -> float:
    """Variance of the estimated Sharpe ratio (per session) around the true one: how far trials without skill scatter.

    Bailey and Lopez de Prado (2012), after Mertens (2002). NaN where `moments` are.
    """
    return math.nan if math.isnan(moments.sharpe) else _spread(moments) / (moments.count - 1)


def scatter_of_trials(moments: SharpeMoments, variance: float | None, known: int) -> float:
    """How far the Sharpe ratios (per session) of trials without skill scatter, as a variance.

    `variance` is that of the `known` trials' ratios, None for fewer than two. Below `MANY_SHARPES` of them it counts
    only where it is above the estimate's own sampling variance (NaN where `moments` are): two runs that hardly differ
    lie side by side, and the best of all trials would else be thought to be no better than any.
    """
    own = sampling_variance(moments)
    if variance is None:
        return own
    return variance if known >= MANY_SHARPES else float(np.maximum(variance, own))


def sharpe_difference(ours: Floats, theirs: Floats, bandwidth: float | None = None) -> SharpeDifference:
    """Whether `ours` has the higher Sharpe ratio than `theirs`, returns of the same sessions.

    Ledoit and Wolf (2008), Journal of Empirical Finance 15(5): the delta method on means and second moments with a
    heteroscedasticity and autocorrelation consistent covariance (Parzen kernel; `bandwidth` None chooses it by Andrews,
    1991). Their studentised bootstrap is not used. NaN for fewer than ten sessions or a series that does not move.
    """
    left, right = checked(ours), checked(theirs)
    if len(left) != len(right):
        raise ValueError(f"`theirs` must have as many returns as `ours`, {len(left)}, had {len(right)}")
    difference = sharpe_ratio(left) - sharpe_ratio(right)
    if len(left) < 10 or math.isnan(difference):
        return SharpeDifference(difference=math.nan, standard_error=math.nan, p_value=math.nan)
    moments = np.stack([left, right, left**2, right**2], axis=1)
    covariance = long_run_covariance(moments, bandwidth)
    gradient = _difference_gradient(*moments.mean(axis=0).tolist())
    error = math.sqrt(max(0.0, float(gradient @ covariance @ gradient)) / len(left))
    chance = float(ndtr(-difference / error)) if error > _STILL else math.nan
    scale = math.sqrt(SESSIONS_A_YEAR)
    return SharpeDifference(difference=difference * scale, standard_error=error * scale, p_value=chance)


def long_run_covariance(series: Floats, bandwidth: float | None = None) -> Floats:
    """Covariance of the root-n-scaled means of the columns of `series` (sessions, columns), Parzen kernel.

    Andrews (1991), Econometrica 59: bandwidth from first-order autoregressions of each column when None; with the
    correction n / (n - columns) that Ledoit and Wolf use.
    """
    count, width = series.shape
    centred = series - series.mean(axis=0)
    reach = _andrews_bandwidth(centred) if bandwidth is None else bandwidth
    total: Floats = centred.T @ centred / count
    for lag in range(1, min(count - 1, math.ceil(reach)) + 1):
        weight = _parzen(lag / reach)
        if weight > 0.0:
            cross = centred[lag:].T @ centred[:-lag] / count
            total = total + weight * (cross + cross.T)
    corrected: Floats = total * count / (count - width)
    return corrected


def _spread(moments: SharpeMoments) -> float:
    """1 - skew * SR + (kurtosis - 1) / 4 * SR^2, never negative for moments of real numbers."""
    sharpe = moments.sharpe
    return max(_STILL, 1.0 - moments.skew * sharpe + (moments.kurtosis - 1.0) / 4.0 * sharpe**2)


def _difference_gradient(mean_a: float, mean_b: float, square_a: float, square_b: float) -> Floats:
    spread_a, spread_b = square_a - mean_a**2, square_b - mean_b**2
    return np.array(
        [
            square_a / spread_a**1.5,
            -square_b / spread_b**1.5,
            -0.5 * mean_a / spread_a**1.5,
            0.5 * mean_b / spread_b**1.5,
        ]
    )


def _parzen(position: float) -> float:
    if position <= 0.5:
        return 1.0 - 6.0 * position**2 + 6.0 * position**3
    return 2.0 * (1.0 - position) ** 3 if position <= 1.0 else 0.0


def _andrews_bandwidth(centred: Floats) -> float:
    above = below = 0.0
    for column in centred.T:
        before, after = column[:-1], column[1:]
        energy = float(before @ before)
        rho = float(np.clip(before @ after / energy, -0.97, 0.97)) if energy > 0.0 else 0.0
        noise = float(np.mean((after - rho * before) ** 2))
        above += 4.0 * rho**2 * noise**2 / (1.0 - rho) ** 8
        below += noise**2 / (1.0 - rho) ** 4
    if below <= 0.0:
        return 1.0
    return max(1.0, 2.6614 * math.pow(above / below * len(centred), 0.2))
