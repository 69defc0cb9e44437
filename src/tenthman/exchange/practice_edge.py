"""How well the planted truth orders the companies: the most that a model of the practice market could find."""

from dataclasses import dataclass

import numpy as np

from tenthman.domain.market import Floats, Panel

HORIZON = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class RankIC:
    """Mean cross-sectional rank correlation over sessions, and its standard error."""

    mean: float
    standard_error: float


def forward_returns(panel: Panel, columns: int) -> Floats:
    """Log return from each session's open to the close nine sessions on, first `columns` tickers.

    NaN where either price is missing or beyond the end.
    """
    result = np.full((len(panel.sessions), columns), np.nan)
    last = HORIZON - 1
    result[:-last] = np.log(panel.close[last:, :columns] / panel.open[:-last, :columns])
    return result


def rank_ic(score: Floats, outcome: Floats) -> RankIC:
    """Spearman's correlation across companies, session by session; NaN outcomes are left out.

    Outcomes of neighbouring sessions overlap and events cluster, so the standard error is that of means over blocks of
    five horizons.
    """
    daily = []
    for row in range(len(score)):
        seen = np.isfinite(outcome[row]) & np.isfinite(score[row])
        if seen.sum() >= 10 and np.ptp(score[row][seen]) > 0:
            daily.append(_correlation(_ranks(score[row][seen]), _ranks(outcome[row][seen])))
    values = np.array(daily)
    blocks = np.array([part.mean() for part in np.array_split(values, max(2, len(values) // (5 * HORIZON)))])
    return RankIC(mean=float(values.mean()), standard_error=float(blocks.std(ddof=1) / np.sqrt(len(blocks))))


def _ranks(values: Floats) -> Floats:
    """Ranks from 0, ties at their mean rank."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    below = np.cumsum(count) - count
    ranks: Floats = (below + (count - 1) / 2.0)[place]
    return ranks


def _correlation(left: Floats, right: Floats) -> float:
    left, right = left - left.mean(), right - right.mean()
    return float(np.sum(left * right) / np.sqrt(np.sum(left * left) * np.sum(right * right)))
