"""Turns a backtest and its evaluation into the facts of its report: every row, series and sentence, and nothing new."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tenthman.backtest.benchmarks import Benchmarks
from tenthman.backtest.evaluation import MIN_TRADES, SUSPECT_SHARPE, Comparison, Evaluation, forward
from tenthman.backtest.inputs import Inputs
from tenthman.backtest.nulls import NullRuns
from tenthman.backtest.result import BacktestResult, OrderEnd, PurposeCode
from tenthman.config import CostSettings
from tenthman.dashboard.backtest_series import (
    ROLLING_SESSIONS,
    days,
    endings,
    exposure,
    known,
    latch_rows,
    longest_idle,
    positions,
    rolling_turnover,
    series,
    year_rows,
)
from tenthman.dashboard.backtest_summary import (
    AblationRow,
    BacktestReport,
    BenchmarkFacts,
    BookFacts,
    CostFacts,
    Curves,
    Estimate,
    IcFacts,
    IcMonth,
    ModelFacts,
    NullFacts,
    ShadowFacts,
    ShapeFacts,
    SplitRow,
)
from tenthman.dashboard.backtest_trades import trades
from tenthman.dashboard.backtest_words import BASIS, COMMITTEES, REGIMES, claim_sentence, costs_sentence, survivorship
from tenthman.domain.market import Floats, Provenance
from tenthman.ml.information import Information, session_ic, session_rank_ic
from tenthman.ml.resampling import Interval
from tenthman.ml.statistics import drawdowns, rolling_sharpe

CENT = 0.01
MOST_IDLE = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What was run: the run itself, what it is compared with, and the circumstances that no array holds.

    `costs` are those charged, `cost_multiple` times the configured ones.
    `at_costs` maps multiples of the configured costs to the evaluation of the run at them, the run's own among them;
    `ablation` maps names of the parts at work to theirs. `looks` counts looks at the period, this one included.
    """

    market: Provenance
    index_ticker: str
    config_hash: str
    costs: CostSettings
    cost_multiple: float
    committee: str
    horizon_sessions: int
    models: tuple[ModelFacts, ...]
    result: BacktestResult
    inputs: Inputs
    benchmarks: Benchmarks
    evaluation: Evaluation
    at_costs: Mapping[float, Evaluation]
    nulls: NullRuns | None
    looks: int
    ablation: Mapping[str, Evaluation] = field(default_factory=dict)
    shadows: tuple[ShadowFacts, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)


def build_backtest_report(story: Story) -> BacktestReport:
    """The facts of the report. Raises ValueError when the fills are no round trips."""
    result, evaluation = story.result, story.evaluation
    found = trades(result, story.inputs)
    held = positions(result)
    net = float(result.net_equity[-1])
    explained = sum(trade.result_usd for trade in found) + float(result.dividends.sum() - result.fees.sum())
    figures = _figures(story)
    unexplained = net - result.starting_cash - explained
    return BacktestReport(
        headline=story.market.headline,
        market=story.market,
        survivorship=survivorship(story.market),
        first=result.sessions[0].item(),
        last=result.sessions[-1].item(),
        sessions=len(result.sessions),
        committee=story.committee,
        committee_sentence=COMMITTEES[story.committee],
        costs=story.cost_multiple,
        costs_sentence=costs_sentence(story.costs, story.cost_multiple),
        models=story.models,
        config_hash=story.config_hash,
        trials=evaluation.trials,
        looks=story.looks,
        starting_cash=result.starting_cash,
        end_equity=net,
        fees=float(result.fees.sum()),
        dividends=float(result.dividends.sum()),
        unexplained_usd=round(unexplained, 4),
        index_ticker=story.index_ticker,
        basis=BASIS,
        claim=claim_sentence(evaluation),
        claims=evaluation.claim.made,
        against=evaluation.claim.against,
        warnings=warnings(story, held, unexplained),
        figures=figures,
        benchmarks=(_benchmark(evaluation.index), _benchmark(evaluation.equal_weight)),
        nulls=_nulls(evaluation),
        shape=_shape(evaluation),
        years=year_rows(result.sessions, result.net_returns, story.benchmarks.index, story.benchmarks.equal_weight),
        book=BookFacts(
            mean_exposure=evaluation.exposure,
            most_exposure=float(exposure(result).max()),
            turnover_a_year=evaluation.turnover,
            mean_positions=float(np.mean(held)),
            most_positions=max(held),
            ends=endings(found),
        ),
        considered=result.considered,
        denials=dict(sorted(result.denials.items(), key=lambda item: (-item[1], item[0]))),
        orders=order_counts(result),
        latch=latch_rows(result),
        ic=_ic(evaluation.information, story.inputs, story.horizon_sessions),
        splits=_splits(evaluation),
        ablation=tuple(_ablation(name, item) for name, item in story.ablation.items()),
        shadows=story.shadows,
        trades=found,
        curves=curves_of(result, story.benchmarks, story.nulls, evaluation.sharpe.level, held),
        seconds=dict(story.seconds),
    )


def warnings(story: Story, held: Sequence[int], unexplained: float) -> tuple[str, ...]:
    """What a reader must know before any figure."""
    own = story.evaluation
    found = []
    if own.trades.closed < MIN_TRADES:
        found.append(
            f"Only {own.trades.closed} trades were closed. Below {MIN_TRADES} no figure here can tell skill from luck."
        )
    if own.suspect:
        found.append(
            f"The Sharpe ratio is above {SUSPECT_SHARPE:g}. On daily bars that is a fault or a leak until it is "
            "explained."
        )
    if not own.equal_weight.excess.low > 0.0:
        verdict = "no better than" if not own.equal_weight.excess.estimate > 0.0 else "not clearly better than"
        found.append(f"The model is {verdict} holding all of its names in equal parts.")
    worse = [multiple for multiple, item in story.at_costs.items() if item.total_return <= 0.0 < own.total_return]
    if worse:
        found.append(f"At {min(worse):g}x costs nothing is left of the profit.")
    since, idle = longest_idle(story.result, held)
    if idle > MOST_IDLE:
        found.append(
            f"For {idle} sessions from {since} on nothing was held, although the trading state was active: the figures "
            "are largely those of cash. Denials and vetoes say why."
        )
    if story.looks > 1:
        found.append(
            f"This period has been looked at {story.looks} times. What was chosen after the first look is not out of "
            "sample."
        )
    if abs(unexplained) > CENT:
        found.append(f"{unexplained:+,.4f} USD of the change of equity is explained by no trade, dividend or fee.")
    return tuple(found)


def _figures(story: Story) -> tuple[CostFacts, ...]:
    """The run's own multiple first, then the others as they rise."""
    others = {multiple: item for multiple, item in sorted(story.at_costs.items()) if multiple != story.cost_multiple}
    return tuple(_cost(multiple, item) for multiple, item in {story.cost_multiple: story.evaluation, **others}.items())


def _cost(multiple: float, item: Evaluation) -> CostFacts:
    return CostFacts(
        costs=multiple,
        net_return=item.total_return,
        annual_return=known(item.growth_rate),
        volatility=known(item.volatility),
        sharpe=estimate(item.sharpe),
        psr=known(item.probabilistic_sharpe),
        dsr=known(item.deflated_sharpe),
        excess_equal_weight=estimate(item.equal_weight.excess),
        excess_index=estimate(item.index.excess),
        max_drawdown=item.drawdown.depth,
        trades=item.trades.closed,
    )


def _benchmark(item: Comparison) -> BenchmarkFacts:
    return BenchmarkFacts(
        name=item.name[:1].upper() + item.name[1:],
        net_return=item.total_return,
        annual_return=known(item.growth_rate),
        volatility=known(item.volatility),
        sharpe=known(item.sharpe),
        max_drawdown=item.max_drawdown,
        beaten_by_luck=known(item.sharpe_difference_p_value),
    )


def _nulls(evaluation: Evaluation) -> NullFacts | None:
    found = evaluation.nulls
    if found is None:
        return None
    return NullFacts(
        runs=found.runs,
        p_value=found.p_value,
        level=evaluation.sharpe.level,
        low=found.sharpe_low,
        median=found.sharpe_median,
        high=found.sharpe_high,
        mean_entries=found.mean_entries,
    )


def _shape(item: Evaluation) -> ShapeFacts:
    return ShapeFacts(
        skew=known(item.skew),
        kurtosis=known(item.kurtosis),
        needed_sessions=known(item.minimum_track_record),
        best_by_luck=item.expected_best_sharpe,
        hit_rate=known(item.trades.hit_rate),
        profit_factor=known(item.trades.profit_factor),
        mean_trade=known(item.trades.mean_return),
        mean_sessions_held=known(item.trades.mean_sessions),
        drawdown_peak=item.drawdown.peak,
        drawdown_bottom=item.drawdown.bottom,
        drawdown_recovered=item.drawdown.recovered,
        longest_below_peak=item.drawdown.longest,
    )


def _ic(found: Information | None, inputs: Inputs, horizon: int) -> IcFacts | None:
    if found is None or found.sessions == 0:
        return None
    scores, outcomes = forward(inputs, horizon)
    months = inputs.sessions.astype("datetime64[M]")
    plain, ranks = session_ic(scores, outcomes), session_rank_ic(scores, outcomes)
    rows = [
        IcMonth(month=str(month), ic=_mean(plain[months == month]), rank_ic=_mean(ranks[months == month]))
        for month in np.unique(months)
    ]
    return IcFacts(
        horizon=horizon,
        sessions=found.sessions,
        ic=known(found.ic),
        rank_ic=estimate(found.rank_ic),
        icir=known(found.icir),
        p_value=known(found.p_value),
        positive_share=known(found.positive_share),
        months=tuple(row for row in rows if row.rank_ic is not None),
    )


def _splits(item: Evaluation) -> tuple[SplitRow, ...]:
    parts = (("year", item.by_year, item.rank_ic_by_year), ("regime", item.by_regime, item.rank_ic_by_regime))
    return tuple(
        SplitRow(
            group=group,
            name=REGIMES.get(name, name),
            sessions=part.sessions,
            net_return=part.total_return,
            sharpe=known(part.sharpe),
            excess=part.excess,
            rank_ic=rank_ic.get(name),
        )
        for group, found, rank_ic in parts
        for name, part in found.items()
    )


def _ablation(name: str, item: Evaluation) -> AblationRow:
    return AblationRow(
        name=name,
        net_return=item.total_return,
        sharpe=estimate(item.sharpe),
        excess=estimate(item.equal_weight.excess),
        max_drawdown=item.drawdown.depth,
        trades=item.trades.closed,
    )


def curves_of(
    result: BacktestResult, benchmarks: Benchmarks, nulls: NullRuns | None, level: float, held: Sequence[int]
) -> Curves:
    """The series that the charts draw; `level` of the random runs lie in the band."""
    start, count = result.starting_cash, len(result.sessions)
    shares = (0.5 - level / 2.0, 0.5, 0.5 + level / 2.0)
    band = [np.full(count, np.nan)] * 3 if nulls is None else [nulls.band(share) for share in shares]
    low, middle, high = (series(item, 2) for item in band)
    return Curves(
        sessions=days(result.sessions),
        equity=series(result.net_equity, 2),
        index=series(_grown(start, benchmarks.index), 2),
        equal_weight=series(_grown(start, benchmarks.equal_weight), 2),
        null_low=low,
        null_middle=middle,
        null_high=high,
        drawdown=series(drawdowns(result.net_returns), 6),
        rolling_sharpe=series(rolling_sharpe(result.net_returns, ROLLING_SESSIONS), 4),
        rolling_equal_weight=series(rolling_sharpe(benchmarks.equal_weight, ROLLING_SESSIONS), 4),
        exposure=series(exposure(result), 6),
        positions=tuple(held),
        turnover=series(rolling_turnover(result), 4),
    )


def estimate(interval: Interval) -> Estimate:
    """An interval as the report states it."""
    value, low, high = (known(item) for item in (interval.estimate, interval.low, interval.high))
    return Estimate(value=value, low=low, high=high, level=interval.level)


def order_counts(result: BacktestResult) -> dict[str, int]:
    """Orders by purpose and how they ended, the most frequent first."""
    counts: dict[str, int] = {}
    for purpose, end in zip(result.orders["purpose"].tolist(), result.orders["end"].tolist(), strict=True):
        name = f"{PurposeCode(purpose).name.lower()} {OrderEnd(end).name.lower().replace('_', ' ')}"
        counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _grown(start: float, returns: Floats) -> Floats:
    grown: Floats = np.cumprod(1.0 + returns) * np.float64(start)
    return grown


def _mean(values: Floats) -> float | None:
    there = values[np.isfinite(values)]
    return float(there.mean()) if len(there) else None
