"""What a backtest is worth: every figure that its report shows, each with how far it can be trusted."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypedDict

import numpy as np

from tenthman.backtest.benchmarks import Benchmarks
from tenthman.backtest.claim import ALPHA, Claim, NullFigures, Trials, decide_claim
from tenthman.backtest.inputs import MORNING, Inputs
from tenthman.backtest.nulls import NullRuns
from tenthman.backtest.result import PRICE_SCALE, BacktestResult, PurposeCode
from tenthman.domain.market import Floats
from tenthman.ml import sharpe as ratios
from tenthman.ml import statistics
from tenthman.ml.information import Information, information, mean_test, session_rank_ic
from tenthman.ml.resampling import Interval, bootstrap_interval, means, sharpes
from tenthman.ml.statistics import Drawdown, Regime, Slice

SUSPECT_SHARPE = 3.0
ROLLING_SESSIONS = 63
SESSIONS_A_YEAR = ratios.SESSIONS_A_YEAR


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A benchmark over the same sessions, net of costs, and the run's excess over it.

    `excess` is the mean difference of returns a year with its bootstrap interval, `excess_p_value` how often so
    much would be seen if the true excess were zero (one-sided); `sharpe_difference` is Ledoit and Wolf's.
    """

    name: str
    total_return: float
    growth_rate: float
    volatility: float
    sharpe: float
    max_drawdown: float
    excess: Interval
    excess_p_value: float
    sharpe_difference: float
    sharpe_difference_error: float
    sharpe_difference_p_value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeFigures:
    """Closed round trips, before regulatory fees. Returns are fractions of what was paid."""

    closed: int
    open: int
    hit_rate: float
    profit_factor: float
    mean_return: float
    mean_sessions: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """All figures of one run. Sharpe ratios are annualised, excess is a year, money is left out; NaN is undefined.

    `rolling_sharpe` has one value a session over the last 63. `months` are compound net returns. `by_year` and
    `by_regime` hold the net return of their sessions, with the mean excess over equal weight; `rank_ic_by_year` and
    `rank_ic_by_regime` their mean rank IC. `information` and `nulls` are None when not asked for.
    """

    sessions: int
    total_return: float
    growth_rate: float
    volatility: float
    sharpe: Interval
    probabilistic_sharpe: float
    deflated_sharpe: float
    trials: int
    expected_best_sharpe: float
    minimum_track_record: float
    skew: float
    kurtosis: float
    drawdown: Drawdown
    turnover: float
    exposure: float
    trades: TradeFigures
    months: Mapping[str, float]
    rolling_sharpe: tuple[float, ...]
    index: Comparison
    equal_weight: Comparison
    by_year: Mapping[str, Slice]
    by_regime: Mapping[str, Slice]
    information: Information | None
    rank_ic_by_year: Mapping[str, float]
    rank_ic_by_regime: Mapping[str, float]
    nulls: NullFigures | None
    suspect: bool
    claim: Claim


def evaluate(
    result: BacktestResult,
    benchmarks: Benchmarks,
    trials: Trials,
    seed: int,
    *,
    scores: Inputs | None = None,
    horizon_sessions: int = 10,
    nulls: NullRuns | None = None,
    level: float = 0.95,
    alpha: float = ALPHA,
) -> Evaluation:
    """Evaluate `result`; `scores` are the inputs it ran on, for its information coefficients.

    `level` is that of every interval, `alpha` the stated rate of false claims. Raises ValueError when the benchmarks
    are of other sessions.
    """
    if not np.array_equal(result.sessions, benchmarks.sessions):
        raise ValueError("`benchmarks` must be of the sessions of `result`")
    returns = result.net_returns
    own = ratios.annualised(ratios.sharpe_ratio(returns))
    found, rank_ic = _information(scores, horizon_sessions, level, len(returns))
    trips = _trades(result)
    chance = _null_figures(nulls, own, level) if nulls else None
    return Evaluation(
        sessions=len(returns),
        total_return=statistics.total_return(returns),
        growth_rate=statistics.growth_rate(returns),
        volatility=statistics.volatility(returns),
        **_sharpe_figures(returns, trials, level, seed),
        drawdown=statistics.drawdown(returns, result.sessions),
        turnover=_turnover(result),
        exposure=float(np.mean(result.held_value / np.maximum(result.equity, 1e-9))) if len(returns) else math.nan,
        trades=trips,
        months=statistics.monthly_returns(returns, result.sessions),
        rolling_sharpe=tuple(statistics.rolling_sharpe(returns, ROLLING_SESSIONS).tolist()),
        index=_comparison(benchmarks.index_ticker, returns, benchmarks.index, result, level, seed),
        equal_weight=_comparison("equal weight", returns, benchmarks.equal_weight, result, level, seed),
        **_by_part(returns, rank_ic, benchmarks),
        information=found,
        nulls=chance,
        suspect=bool(own > SUSPECT_SHARPE),
        claim=decide_claim(trips.closed, chance, found, trials, alpha),
    )


def forward(inputs: Inputs, horizon_sessions: int) -> tuple[Floats, Floats]:
    """Scores of the morning runs and the log returns that followed, both (sessions, tickers), as the IC compares them.

    A return runs from the session's open, the first price at which the score can be traded, to the close of the last of
    `horizon_sessions` sessions; NaN where either price is missing or lies beyond the period.
    """
    outcomes = np.full(inputs.open.shape, np.nan)
    last = horizon_sessions - 1
    if len(inputs.open) > last:
        outcomes[: len(inputs.open) - last] = np.log(inputs.close[last:] / inputs.open[: len(inputs.open) - last])
    return inputs.excess[:, MORNING], outcomes


class _SharpeFigures(TypedDict):
    sharpe: Interval
    probabilistic_sharpe: float
    deflated_sharpe: float
    trials: int
    expected_best_sharpe: float
    minimum_track_record: float
    skew: float
    kurtosis: float


def _sharpe_figures(returns: Floats, trials: Trials, level: float, seed: int) -> _SharpeFigures:
    moments = ratios.sharpe_moments(returns)
    best = _expected_best(moments, trials)
    return {
        "sharpe": _scaled(bootstrap_interval(returns, sharpes, level=level, seed=seed), math.sqrt(SESSIONS_A_YEAR)),
        "probabilistic_sharpe": ratios.probabilistic_sharpe(moments),
        "deflated_sharpe": ratios.probabilistic_sharpe(moments, best),
        "trials": trials.count,
        "expected_best_sharpe": ratios.annualised(best),
        "minimum_track_record": ratios.minimum_track_record(moments),
        "skew": moments.skew,
        "kurtosis": moments.kurtosis,
    }


class _ByPart(TypedDict):
    by_year: Mapping[str, Slice]
    by_regime: Mapping[str, Slice]
    rank_ic_by_year: Mapping[str, float]
    rank_ic_by_regime: Mapping[str, float]


def _by_part(returns: Floats, rank_ic: Floats, benchmarks: Benchmarks) -> _ByPart:
    years = benchmarks.sessions.astype("datetime64[Y]").astype(str)
    regimes = np.array([Regime(code).name.lower() for code in benchmarks.regime])
    return {
        "by_year": statistics.slices(returns, benchmarks.equal_weight, years),
        "by_regime": statistics.slices(returns, benchmarks.equal_weight, regimes),
        "rank_ic_by_year": _means_by(rank_ic, years),
        "rank_ic_by_regime": _means_by(rank_ic, regimes),
    }


def _information(
    scores: Inputs | None, horizon_sessions: int, level: float, count: int
) -> tuple[Information | None, Floats]:
    """What the scores knew, and their rank IC session by session (NaN without scores)."""
    if scores is None:
        return None, np.full(count, np.nan)
    said, came = forward(scores, horizon_sessions)
    return information(said, came, horizon_sessions, level), session_rank_ic(said, came)


def _expected_best(moments: ratios.SharpeMoments, trials: Trials) -> float:
    variance = ratios.scatter_of_trials(moments, trials.variance, trials.known)
    return ratios.expected_best(trials.count, variance) if math.isfinite(variance) else 0.0


def _comparison(
    name: str, returns: Floats, theirs: Floats, result: BacktestResult, level: float, seed: int
) -> Comparison:
    excess = returns - theirs
    difference = ratios.sharpe_difference(returns, theirs)
    return Comparison(
        name=name,
        total_return=statistics.total_return(theirs),
        growth_rate=statistics.growth_rate(theirs),
        volatility=statistics.volatility(theirs),
        sharpe=ratios.annualised(ratios.sharpe_ratio(theirs)),
        max_drawdown=statistics.drawdown(theirs, result.sessions).depth,
        excess=_scaled(bootstrap_interval(excess, means, level=level, seed=seed), float(SESSIONS_A_YEAR)),
        excess_p_value=mean_test(excess).p_value,
        sharpe_difference=difference.difference,
        sharpe_difference_error=difference.standard_error,
        sharpe_difference_p_value=difference.p_value,
    )


def _null_figures(nulls: NullRuns, own: float, level: float) -> NullFigures:
    low, middle, high = np.quantile(np.nan_to_num(nulls.sharpe), [(1.0 - level) / 2.0, 0.5, (1.0 + level) / 2.0])
    return NullFigures(
        runs=len(nulls.sharpe),
        p_value=nulls.p_value(own),
        sharpe_low=float(low),
        sharpe_median=float(middle),
        sharpe_high=float(high),
        mean_entries=float(nulls.entries.mean()),
    )


def _trades(result: BacktestResult) -> TradeFigures:
    """Round trips from the fills: within a ticker, entries and ends take turns, each for the whole quantity."""
    fills = result.fills[np.argsort(result.fills["ticker"], kind="stable")]
    entry = fills["purpose"] == PurposeCode.ENTRY
    closes = np.flatnonzero(entry[:-1] & ~entry[1:] & (fills["ticker"][:-1] == fills["ticker"][1:]))
    opened, ended = fills[closes], fills[closes + 1]
    if len(closes) + int(entry.sum()) != len(fills) or bool(np.any(opened["quantity"] != ended["quantity"])):
        raise ValueError("`fills` must be whole round trips, an entry and one end for all of it")
    paid, received = opened["price_e4"] / PRICE_SCALE, ended["price_e4"] / PRICE_SCALE
    profits = (received - paid) * opened["quantity"]
    return TradeFigures(
        closed=len(closes),
        open=int(entry.sum()) - len(closes),
        hit_rate=statistics.hit_rate(profits),
        profit_factor=statistics.profit_factor(profits),
        mean_return=float(np.mean(received / paid - 1.0)) if len(closes) else math.nan,
        mean_sessions=float(np.mean(ended["session"] - opened["session"] + 1)) if len(closes) else math.nan,
    )


def _turnover(result: BacktestResult) -> float:
    """Half of what changed hands over mean equity, a year."""
    if not len(result.sessions):
        return math.nan
    traded = float(np.sum(result.fills["quantity"] * (result.fills["price_e4"] / PRICE_SCALE)))
    return traded / 2.0 / float(result.equity.mean()) * SESSIONS_A_YEAR / len(result.sessions)


def _means_by(values: Floats, keys: np.ndarray[tuple[int, ...], np.dtype[np.str_]]) -> dict[str, float]:
    found = {}
    for key in np.unique(keys):
        part = values[(keys == key) & np.isfinite(values)]
        if len(part):
            found[str(key)] = float(part.mean())
    return found


def _scaled(interval: Interval, factor: float) -> Interval:
    return Interval(
        estimate=interval.estimate * factor,
        low=interval.low * factor,
        high=interval.high * factor,
        level=interval.level,
        block=interval.block,
    )
