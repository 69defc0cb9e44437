"""Rows of a backtest's report, each out of one part of its evaluation."""

import numpy as np

from tenthman.backtest.evaluation import Comparison, Evaluation, forward
from tenthman.backtest.inputs import Inputs
from tenthman.backtest.result import BacktestResult, OrderEnd, PurposeCode
from tenthman.dashboard.backtest_series import known
from tenthman.dashboard.backtest_summary import (
    AblationRow,
    BenchmarkFacts,
    CostFacts,
    Estimate,
    IcFacts,
    IcMonth,
    NullFacts,
    ShapeFacts,
    SplitRow,
)
from tenthman.dashboard.backtest_words import REGIMES
from tenthman.domain.market import Floats
from tenthman.ml.information import Information, session_ic, session_rank_ic
from tenthman.ml.resampling import Interval


def cost_facts(multiple: float, item: Evaluation) -> CostFacts:
    """The run at one multiple of the configured costs."""
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


def benchmark_facts(item: Comparison) -> BenchmarkFacts:
    """A benchmark over the same sessions."""
    return BenchmarkFacts(
        name=item.name[:1].upper() + item.name[1:],
        net_return=item.total_return,
        annual_return=known(item.growth_rate),
        volatility=known(item.volatility),
        sharpe=known(item.sharpe),
        max_drawdown=item.max_drawdown,
        beaten_by_luck=known(item.sharpe_difference_p_value),
    )


def null_facts(evaluation: Evaluation) -> NullFacts | None:
    """Random entries under the same rules; None where none were drawn."""
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


def shape_facts(item: Evaluation) -> ShapeFacts:
    """The returns and trades behind the ratios."""
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


def ic_facts(found: Information | None, inputs: Inputs, horizon: int) -> IcFacts | None:
    """Information coefficients over all and by month; None where no session has any."""
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


def split_rows(item: Evaluation) -> tuple[SplitRow, ...]:
    """The period by year, then by regime."""
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


def ablation_row(name: str, item: Evaluation) -> AblationRow:
    """The period with parts of the desk left out, under `name`."""
    return AblationRow(
        name=name,
        net_return=item.total_return,
        sharpe=estimate(item.sharpe),
        excess=estimate(item.equal_weight.excess),
        max_drawdown=item.drawdown.depth,
        trades=item.trades.closed,
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


def _mean(values: Floats) -> float | None:
    there = values[np.isfinite(values)]
    return float(there.mean()) if len(there) else None
