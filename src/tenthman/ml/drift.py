"""Drift: whether a model still reads the world that it was trained on, and still orders it as it did.

Features: the population stability index of each, over the deciles of the training rows: sum over bins of
(recent - trained) * ln(recent / trained), a symmetrised Kullback-Leibler divergence (Kullback and Leibler, 1951; Lewis,
1994, An Introduction to Credit Scoring; 0.1 is commonly called a small and 0.25 a large shift). Values that have
become missing more often count as two more bins, missing and not; fewer of them are what a history that has grown
longer brings, and no drift. The index compares marginal distributions and has no standard error here: neighbouring
sessions are alike, so they say less than their rows suggest. A rank keeps its distribution by construction, so that of
ranks the index shows little but missing values and ties.

Rank IC: recent realised rank IC of the model's scores, with an interval, against what validation had shown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tenthman.config import DriftSettings
from tenthman.domain.market import Floats
from tenthman.ml.information import mean_test, session_rank_ic

LEAST_SHARE = 1e-4
"""An empty bin counts as holding this share: its logarithm must exist."""

LEVEL = 0.90


@dataclass(frozen=True, slots=True, kw_only=True)
class Deciles:
    """How one feature was spread over the training rows.

    `edges` rise; bins are (-inf, e1], (e1, e2], ... (ek, inf), and `shares` are of the values that are there. Fewer
    than nine edges where values are tied. `missing`: share of all rows.
    """

    edges: tuple[float, ...]
    shares: tuple[float, ...]
    missing: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureDrift:
    """Population stability index of one feature, and the shares of missing values then and now."""

    feature: str
    psi: float
    missing_trained: float
    missing_recent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RankDecay:
    """Rank IC in validation, and of late over `sessions` sessions with its 90 % interval (None: too few to say)."""

    validation: float | None
    recent: float | None
    low: float | None
    high: float | None
    sessions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What was found, largest index first, and which bounds it lies beyond.

    `features` are those that the model reads; `behind` are those that they were made of, shown without a bound: their
    levels move with the market's weather.
    """

    features: tuple[FeatureDrift, ...]
    behind: tuple[FeatureDrift, ...]
    rank_ic: RankDecay
    alerts: tuple[str, ...]


def deciles(values: Floats) -> Deciles:
    """The deciles of `values` (rows,); NaN is missing. ValueError when there is no row at all."""
    if not len(values):
        raise ValueError("`values` must hold at least one row")
    known = values[~np.isnan(values)]
    # The lower of two neighbours, not a point between them: an edge is a value that occurred.
    edges = np.unique(np.quantile(known, np.arange(1, 10) / 10.0, method="lower")) if len(known) else np.empty(0)
    return Deciles(
        edges=tuple(edges.tolist()),
        shares=tuple(_shares(known, edges).tolist()),
        missing=1.0 - len(known) / len(values),
    )


def stability(trained: Deciles, recent: Floats) -> float:
    """Population stability index of `recent` values (rows,; at least one; NaN is missing) against `trained`.

    0 when their shares are the same.
    """
    known = recent[~np.isnan(recent)]
    found = 0.0
    if len(known) and sum(trained.shares) > 0.0:
        found = _divergence(np.array(trained.shares), _shares(known, np.array(trained.edges)))
    missing = 1.0 - len(known) / len(recent)
    if missing > trained.missing:
        found += _divergence(np.array([trained.missing, 1.0 - trained.missing]), np.array([missing, 1.0 - missing]))
    return found


def measure(
    trained: Mapping[str, Deciles],
    names: Sequence[str],
    recent: Floats,
    read: Sequence[str],
    rank_ic: RankDecay,
    bounds: DriftSettings,
) -> Drift:
    """Drift of the features `names` in `recent` (rows, names), and of the rank IC, held against `bounds`.

    The model reads those in `read`; only they can raise an alert. Raises KeyError for one of them whose deciles are
    not in `trained`, ValueError when `recent` has no rows.
    """
    if not len(recent):
        raise ValueError("`recent` must hold at least one row")
    wanted = set(read)
    found = [
        _feature(name, trained[name], recent[:, place])
        for place, name in enumerate(names)
        if name in wanted or name in trained
    ]
    found.sort(key=lambda item: (-item.psi, item.feature))
    mine = tuple(item for item in found if item.feature in wanted)
    alerts = [
        f"{item.feature}: population stability index {item.psi:.3f}, at most {bounds.max_psi:g}"
        for item in mine
        if item.psi > bounds.max_psi
    ]
    if _decayed(rank_ic, bounds.max_rank_ic_decay):
        alerts.append(
            f"rank IC {rank_ic.recent:+.4f} ({rank_ic.low:+.4f} to {rank_ic.high:+.4f}) over {rank_ic.sessions} "
            f"sessions, {rank_ic.validation:+.4f} in validation"
        )
    behind = tuple(item for item in found if item.feature not in wanted)
    return Drift(features=mine, behind=behind, rank_ic=rank_ic, alerts=tuple(alerts))


def rank_decay(scores: Floats, outcomes: Floats, horizon_sessions: int, validation: float | None) -> RankDecay:
    """Rank IC of `scores` for `outcomes` (sessions, tickers; NaN where unknown), each `horizon_sessions` ahead."""
    daily = session_rank_ic(scores, outcomes)
    daily = daily[np.isfinite(daily)]
    test = mean_test(daily, horizon_sessions)
    span = test.interval(LEVEL)
    return RankDecay(
        validation=validation,
        recent=_number(test.mean),
        low=_number(span.low),
        high=_number(span.high),
        sessions=len(daily),
    )


def _feature(name: str, trained: Deciles, recent: Floats) -> FeatureDrift:
    return FeatureDrift(
        feature=name,
        psi=stability(trained, recent),
        missing_trained=trained.missing,
        missing_recent=float(np.isnan(recent).mean()),
    )


def _decayed(rank_ic: RankDecay, most: float) -> bool:
    """Whether the whole interval lies more than `most` below validation; not knowing is no decay."""
    return rank_ic.validation is not None and rank_ic.high is not None and rank_ic.high < rank_ic.validation - most


def _divergence(was: Floats, now: Floats) -> float:
    was, now = np.maximum(was, LEAST_SHARE), np.maximum(now, LEAST_SHARE)
    return float(np.sum((now - was) * np.log(now / was)))


def _shares(known: Floats, edges: Floats) -> Floats:
    counts = np.bincount(np.searchsorted(edges, known, side="left"), minlength=len(edges) + 1)
    result: Floats = counts / max(len(known), 1)
    return result


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
