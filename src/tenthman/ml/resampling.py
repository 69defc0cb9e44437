"""Intervals by resampling: the stationary bootstrap of Politis and Romano (1994), with an automatic block length.

Blocks of random length keep what neighbouring sessions have to do with one another. The same seed gives the same
interval.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tenthman.domain.market import Floats
from tenthman.ml.sharpe import checked

Rows = NDArray[np.int64]

Statistic = Callable[[Floats], Floats]
"""From resampled series (draws, sessions) to one number each (draws,)."""

_CELLS_AT_ONCE = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """`estimate` on the series as it is, and the bounds of a confidence interval at `level`.

    Of many such intervals, each from a sample of its own, that share is to hold the truth.

    `block` is the mean block length in sessions (0 where blocks play no part).
    """

    estimate: float
    low: float
    high: float
    level: float
    block: float


def block_length(series: Floats) -> float:
    """The mean block length that estimates the variance of the mean of `series` best; at least 1.

    Politis and White (2004), Econometric Reviews 23, as corrected by Patton, Politis and White (2009), ibid. 28.
    1 for fewer than ten values or a series that does not move.
    """
    values = checked(series)
    count = len(values)
    centred = values - values.mean() if count else values
    if count < 10 or float(np.abs(centred).max()) <= 1e-15:
        return 1.0
    longest = math.ceil(math.sqrt(count)) + max(5, int(math.log10(count)))
    longest = min(longest, count - 2)
    covariance = np.array([centred[lag:] @ centred[: count - lag] for lag in range(longest + 1)]) / count
    reach = _flat_top_reach(centred, covariance, longest)
    lags = np.arange(1, reach + 1)
    weight = np.clip(2.0 * (1.0 - lags / reach), 0.0, 1.0)
    slope = 2.0 * float(np.sum(weight * lags * covariance[1 : reach + 1]))
    level = float(covariance[0] + 2.0 * np.sum(weight * covariance[1 : reach + 1]))
    if level == 0.0:
        return 1.0
    most = math.ceil(min(3.0 * math.sqrt(count), count / 3.0))
    return float(np.clip((slope**2 / level**2) ** (1.0 / 3.0) * count ** (1.0 / 3.0), 1.0, most))


def stationary_rows(rng: np.random.Generator, count: int, draws: int, block: float) -> Rows:
    """Rows of `draws` resampled series, shape (draws, count): blocks of geometric length with mean `block`, wrapping.

    Politis and Romano (1994), Journal of the American Statistical Association 89. ValueError for a bound below 1.
    """
    if count < 1 or draws < 1 or not block >= 1.0:
        raise ValueError(f"`count`, `draws` and `block` must be at least 1, were {count}, {draws}, {block}")
    starts = rng.integers(0, count, (draws, count))
    fresh = rng.random((draws, count)) < 1.0 / block
    fresh[:, 0] = True
    place = np.arange(count)
    begun = np.maximum.accumulate(np.where(fresh, place, 0), axis=1)
    rows: Rows = (np.take_along_axis(starts, begun, axis=1) + place - begun) % count
    return rows


def bootstrap_interval(
    series: Floats,
    statistic: Statistic,
    *,
    level: float,
    draws: int = 2000,
    seed: int,
    block: float | None = None,
) -> Interval:
    """Percentile interval of `statistic` (vectorised over rows) of `series`.

    `block` None chooses the length by `block_length`. NaN bounds for fewer than ten values; resampled series on which
    the statistic is NaN are left out. ValueError for a level that is none, or `draws` or `block` below 1.
    """
    values = checked(series)
    if not 0.0 < level < 1.0:
        raise ValueError(f"`level` must lie between 0 and 1, was {level}")
    if len(values) < 10:
        estimate = float(statistic(values[np.newaxis])[0]) if len(values) else math.nan
        return Interval(estimate=estimate, low=math.nan, high=math.nan, level=level, block=math.nan)
    mean_block = block_length(values) if block is None else block
    rng = np.random.default_rng(seed)
    at_once = max(1, _CELLS_AT_ONCE // len(values))
    parts = []
    for first in range(0, draws, at_once):
        rows = stationary_rows(rng, len(values), min(at_once, draws - first), mean_block)
        parts.append(statistic(values[rows]))
    found = np.concatenate(parts)
    found = found[np.isfinite(found)]
    low, high = np.quantile(found, [(1.0 - level) / 2.0, (1.0 + level) / 2.0]) if len(found) else (math.nan, math.nan)
    return Interval(
        estimate=float(statistic(values[np.newaxis])[0]),
        low=float(low),
        high=float(high),
        level=level,
        block=mean_block,
    )


def means(resampled: Floats) -> Floats:
    """Mean of each row."""
    result: Floats = resampled.mean(axis=1)
    return result


def sharpes(resampled: Floats) -> Floats:
    """Sharpe ratio per session of each row; NaN where a row does not move."""
    spread = resampled.std(axis=1, ddof=1)
    result: Floats = np.divide(
        resampled.mean(axis=1), spread, out=np.full(len(resampled), np.nan), where=spread > 1e-12
    )
    return result


def _flat_top_reach(centred: Floats, covariance: Floats, longest: int) -> int:
    """Twice the lag after which autocorrelation stays insignificant for a while: where the flat-top window ends."""
    count = len(centred)
    run = max(5, int(math.log10(count)))
    bound = 2.0 * math.sqrt(math.log10(count) / count)
    energy = np.concatenate([[0.0], np.cumsum(centred**2)])
    # Each lag is scaled by the energy of the two stretches that it compares, without their first and last value.
    lags = np.arange(longest + 1)
    scale = np.sqrt((energy[count] - energy[lags + 1]) * energy[count - lags - 1])
    relative = np.abs(covariance) * count / np.maximum(scale, 1e-300)
    for lag in range(run, longest + 1):
        if bool(np.all(relative[lag - run : lag] < bound)):
            return min(2 * max(lag - run, 1), longest)
    return longest
