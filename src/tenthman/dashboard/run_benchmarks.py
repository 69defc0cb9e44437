"""What a run is held against: the index and equal weight over the same sessions, and the excess over the latter."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np

from tenthman.dashboard.backtest_summary import Estimate
from tenthman.dashboard.summary import BenchmarkPoint, EquityPoint
from tenthman.domain.market import Floats
from tenthman.ml.resampling import bootstrap_interval, means

Row = Mapping[str, Any]

INTERVAL_LEVEL = 0.95
SEED = 7

BENCHMARK_BASIS = (
    "Both benchmarks are bought at the open of the first session and valued at the close of the last, without costs "
    "and without dividends. Equal weight holds every member of the universe on the first session that had a price "
    "then, in equal parts, and leaves them alone; a name without a later bar stays at its last close."
)


def benchmark_curve(rows: Iterable[Row], index_ticker: str) -> tuple[tuple[BenchmarkPoint, ...], int]:
    """Index and equal weight from bars (session, ticker, open, close in order of session), one USD each at the start.

    Empty when the index has no bar in the first session: there is nothing to compare with.
    """
    sessions: dict[date, dict[str, Row]] = {}
    for row in rows:
        sessions.setdefault(row["session"], {})[row["ticker"]] = row
    if not sessions:
        return (), 0
    start = {ticker: float(row["open"]) for ticker, row in next(iter(sessions.values())).items()}
    members = [ticker for ticker in start if ticker != index_ticker]
    if index_ticker not in start or not members:
        return (), 0
    worth = dict.fromkeys(start, 1.0)
    points = []
    for session, bars in sessions.items():
        worth.update({ticker: float(bars[ticker]["close"]) / start[ticker] for ticker in start if ticker in bars})
        equal = math.fsum(worth[ticker] for ticker in members) / len(members)
        points.append(BenchmarkPoint(session=session, index=worth[index_ticker], equal_weight=equal))
    return tuple(points), len(members)


def excess_over_equal_weight(points: Sequence[EquityPoint], benchmarks: Sequence[BenchmarkPoint]) -> Estimate:
    """The sum over the sessions of the desk's return less equal weight's, a fraction, with its bootstrap interval.

    The desk is taken at the last check of each session, before regulatory fees. No bounds below ten sessions.
    """
    closes = {point.session: float(point.equity) for point in points}
    both = [point for point in benchmarks if point.session in closes]
    desk = _returns([float(points[0].equity), *(closes[point.session] for point in both)])
    equal = _returns([1.0, *(point.equal_weight for point in both)])
    found = bootstrap_interval(desk - equal, means, level=INTERVAL_LEVEL, seed=SEED)
    value, low, high = (
        float(item) * len(both) if math.isfinite(item) else None for item in (found.estimate, found.low, found.high)
    )
    return Estimate(value=value, low=low, high=high, level=found.level)


def _returns(levels: Sequence[float]) -> Floats:
    found: Floats = np.diff(levels) / np.array(levels[:-1])
    return found
