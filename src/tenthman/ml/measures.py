"""How well probabilities and scores did: losses, calibration, and the rank correlation with what happened."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tenthman.domain.market import Floats
from tenthman.ml.labels import BUY, SELL

BINS = 10
LEVEL = 0.95

Integers = NDArray[np.integer]


@dataclass(frozen=True, slots=True, kw_only=True)
class RankIc:
    """Spearman's correlation between score and class, session by session, summed up.

    `mean` over `sessions` sessions; `icir` is mean / standard deviation of the sessions (not annualised), None without
    spread. `t` and the 95 % interval `low`..`high` allow for labels that overlap (`information.mean_test`); None where
    there are too few sessions to tell.
    """

    mean: float
    icir: float | None
    sessions: int
    t: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """What one set of probabilities scored. `mlogloss` (nats) is None where it is infinite; `rank_ic` without spread.

    `brier` is the sum over the classes of squared errors (Brier, 1950), 0..2. `ece` is the class-wise expected
    calibration error (Kull et al., 2019): the mean over the classes of |mean probability - share| in ten bins of
    equally many rows; noise alone makes it about 0.25 / sqrt(rows in a bin).
    """

    mlogloss: float | None
    brier: float
    ece: float
    accuracy: float
    rank_ic: RankIc | None


def score(probabilities: Floats, y: Integers, row: Integers, horizon_sessions: int) -> Scores:
    """Scores of `probabilities` (rows, 3) for the classes `y`; `row` (rising) is the session of each."""
    given = probabilities[np.arange(len(y)), y]
    happened = np.eye(probabilities.shape[1])[y]
    return Scores(
        mlogloss=float(-np.log(given).mean()) if bool((given > 0.0).all()) else None,
        brier=float(((probabilities - happened) ** 2).sum(axis=1).mean()),
        ece=float(np.mean([_bin_error(p, hit) for p, hit in zip(probabilities.T, happened.T, strict=True)])),
        accuracy=float((probabilities.argmax(axis=1) == y).mean()),
        rank_ic=rank_ic(probabilities[:, BUY] - probabilities[:, SELL], y, row, horizon_sessions),
    )


def rank_ic(score: Floats, outcome: Integers, row: Integers, horizon_sessions: int) -> RankIc | None:
    """Spearman's correlation between `score` and `outcome` summed up over the sessions that `row` (rising) tells apart.

    `outcome` looks `horizon_sessions` ahead. None when no session has ten tickers and spread in both.
    """
    from tenthman.ml.information import mean_test, session_rank_ic

    daily = session_rank_ic(_by_session(score, row), _by_session(outcome.astype(np.float64), row))
    daily = daily[np.isfinite(daily)]
    if not len(daily):
        return None
    test = mean_test(daily, horizon_sessions)
    told = test.interval(LEVEL) if test.standard_error > 0.0 else None
    spread = float(daily.std(ddof=1)) if len(daily) > 1 else 0.0
    return RankIc(
        mean=test.mean,
        icir=test.mean / spread if spread > 0.0 else None,
        sessions=len(daily),
        t=test.mean / test.standard_error if told else None,
        low=told.low if told else None,
        high=told.high if told else None,
    )


def _by_session(values: Floats, row: Integers) -> Floats:
    """One row a session, filled from the left, NaN to the right."""
    starts, counts = np.unique(row, return_index=True, return_counts=True)[1:]
    place = np.arange(len(row)) - np.repeat(starts, counts)
    result = np.full((len(starts), int(counts.max(initial=0))), np.nan)
    result[np.repeat(np.arange(len(starts)), counts), place] = values
    return result


def _bin_error(probability: Floats, happened: Floats) -> float:
    edges = np.unique(np.quantile(probability, np.linspace(0.0, 1.0, BINS + 1)[1:-1]))
    place = np.searchsorted(edges, probability, side="left")
    gap = np.bincount(place, weights=probability - happened)
    return float(np.abs(gap).sum() / len(probability))
