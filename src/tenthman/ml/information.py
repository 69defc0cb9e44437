"""How well scores order the tickers of a session by what became of them: information coefficients, with intervals.

Outcomes of neighbouring sessions overlap and scores hardly change overnight, so neighbouring coefficients say much the
same thing twice. The interval of their mean allows for it.
"""

import math
from dataclasses import dataclass

import numpy as np

from tenthman.domain.market import Floats
from tenthman.ml.resampling import Interval

MIN_NAMES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Information:
    """Mean coefficients over `sessions` sessions. `icir` is the mean rank IC over its spread (standard deviation).

    `rank_ic` carries the interval of the mean and `p_value` how often so high a mean is seen without skill.
    """

    sessions: int
    ic: float
    rank_ic: Interval
    icir: float
    p_value: float
    positive_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanTest:
    """A mean, its standard error allowing for autocorrelation, and how many degrees of freedom the error has."""

    mean: float
    standard_error: float
    degrees: int

    def interval(self, level: float) -> Interval:
        """Two-sided, by Student's t."""
        from scipy.stats import t

        reach = float(t.ppf((1.0 + level) / 2.0, self.degrees)) * self.standard_error if self.degrees else math.nan
        return Interval(estimate=self.mean, low=self.mean - reach, high=self.mean + reach, level=level, block=0.0)

    @property
    def p_value(self) -> float:
        """One-sided: how often a mean at least so high is seen if the truth is 0."""
        from scipy.stats import t

        if not self.degrees or not self.standard_error > 0.0:
            return math.nan
        return float(t.sf(self.mean / self.standard_error, self.degrees))


def session_ic(scores: Floats, outcomes: Floats) -> Floats:
    """Pearson's correlation across tickers, shape (sessions,), of `scores` and `outcomes` (sessions, tickers).

    Tickers with NaN in either sit out; NaN for a session with fewer than 10 left, or without spread in either.
    """
    left, right = _both(scores, outcomes)
    return _correlation(left, right)


def session_rank_ic(scores: Floats, outcomes: Floats) -> Floats:
    """Spearman's rank correlation across tickers; ties share their mean rank, NaN as in `session_ic`."""
    left, right = _both(scores, outcomes)
    if not left.size:
        return np.full(len(left), np.nan)
    return _correlation(_ranked(left), _ranked(right))


def information(scores: Floats, outcomes: Floats, horizon_sessions: int, level: float) -> Information:
    """IC, rank IC and ICIR of `scores` for `outcomes` (sessions, tickers) that each look `horizon_sessions` ahead.

    `level` is that of the interval. Sessions without a coefficient (see `session_ic`) are left out; with too few
    of them a figure is NaN.
    """
    daily = session_rank_ic(scores, outcomes)
    daily = daily[np.isfinite(daily)]
    plain = session_ic(scores, outcomes)
    plain = plain[np.isfinite(plain)]
    test = mean_test(daily, horizon_sessions)
    spread = float(daily.std(ddof=1)) if len(daily) > 1 else math.nan
    return Information(
        sessions=len(daily),
        ic=float(plain.mean()) if len(plain) else math.nan,
        rank_ic=test.interval(level),
        icir=test.mean / spread if spread > 0.0 else math.nan,
        p_value=test.p_value,
        positive_share=float(np.mean(daily > 0.0)) if len(daily) else math.nan,
    )


def mean_test(series: Floats, overlap: int = 1) -> MeanTest:
    """Mean of `series` with a standard error that allows for autocorrelation, and Student's t for its own uncertainty.

    The equal-weighted cosine test of Lazarus, Lewis, Stock and Watson (2018), Journal of Business and Economic
    Statistics 36(4): the long-run variance is the mean square of the first B cosine coefficients, and t has B degrees
    of freedom. B = 0.41 n^(2/3) as they advise, but at most n / (3 `overlap`): waves shorter than six times the overlap
    miss part of it. NaN, with no degrees, for fewer than 20 values or an overlap that leaves fewer than two degrees.
    """
    values = np.asarray(series, dtype=np.float64)
    if not bool(np.isfinite(values).all()):
        raise ValueError("`series` must be finite")
    if overlap < 1:
        raise ValueError(f"`overlap` must be at least 1, was {overlap}")
    count = len(values)
    mean = float(values.mean()) if count else math.nan
    degrees = min(int(0.41 * count ** (2.0 / 3.0)), count // (3 * overlap))
    if count < 20 or degrees < 2:
        return MeanTest(mean=mean, standard_error=math.nan, degrees=0)
    waves = np.cos(np.pi * np.outer(np.arange(1, degrees + 1), (np.arange(count) + 0.5) / count))
    coefficients = math.sqrt(2.0 / count) * (waves @ (values - mean))
    return MeanTest(mean=mean, standard_error=math.sqrt(float(np.mean(coefficients**2)) / count), degrees=degrees)


def _both(scores: Floats, outcomes: Floats) -> tuple[Floats, Floats]:
    if scores.shape != outcomes.shape or scores.ndim != 2:
        raise ValueError(f"`outcomes` must be of the shape of `scores`, {scores.shape}, was {outcomes.shape}")
    known = np.isfinite(scores) & np.isfinite(outcomes)
    known &= known.sum(axis=1, keepdims=True) >= MIN_NAMES
    return np.where(known, scores, np.nan), np.where(known, outcomes, np.nan)


def _ranked(values: Floats) -> Floats:
    """Ranks within each row by value, NaN kept."""
    from scipy.stats import rankdata

    result: Floats = rankdata(values, axis=1, nan_policy="omit")
    return result


def _correlation(left: Floats, right: Floats) -> Floats:
    known = np.isfinite(left)
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    a, b = np.where(known, left, 0.0), np.where(known, right, 0.0)
    a = np.where(known, a - a.sum(axis=1, keepdims=True) / count, 0.0)
    b = np.where(known, b - b.sum(axis=1, keepdims=True) / count, 0.0)
    energy = np.sqrt(np.sum(a * a, axis=1) * np.sum(b * b, axis=1))
    scale = np.sqrt(np.sum(np.where(known, left, 0.0) ** 2, axis=1) * np.sum(np.where(known, right, 0.0) ** 2, axis=1))
    moves = energy > 1e-12 * np.maximum(scale, 1e-300)
    result: Floats = np.divide(np.sum(a * b, axis=1), energy, out=np.full(len(left), np.nan), where=moves)
    return result
