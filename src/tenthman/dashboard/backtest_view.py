"""Turns a backtest and its evaluation into the facts of its report: every row, series and sentence, and nothing new."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tenthman.backtest.benchmarks import Benchmarks
from tenthman.backtest.claim import MIN_TRADES
from tenthman.backtest.evaluation import SUSPECT_SHARPE, Evaluation
from tenthman.backtest.inputs import Inputs
from tenthman.backtest.nulls import NullRuns
from tenthman.backtest.result import BacktestResult
from tenthman.config import CostSettings
from tenthman.dashboard.backtest_facts import (
    ablation_row,
    benchmark_facts,
    cost_facts,
    ic_facts,
    null_facts,
    order_counts,
    shape_facts,
    split_rows,
)
from tenthman.dashboard.backtest_series import (
    ROLLING_SESSIONS,
    days,
    endings,
    exposure,
    latch_rows,
    longest_idle,
    positions,
    rolling_turnover,
    series,
    year_rows,
)
from tenthman.dashboard.backtest_summary import (
    BacktestReport,
    BookFacts,
    CostFacts,
    Curves,
    ModelFacts,
    ShadowFacts,
)
from tenthman.dashboard.backtest_trades import Trade, trades
from tenthman.dashboard.backtest_words import claim_sentence, costs_sentence
from tenthman.dashboard.scorecard_facts import WorthFacts
from tenthman.domain.market import Floats, Provenance
from tenthman.ml.statistics import drawdowns, rolling_sharpe

CENT = 0.01
MOST_IDLE = 20
MOSTLY_INVESTED = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What was run: the run itself, what it is compared with, and the circumstances that no array holds.

    `costs` are those charged, `cost_multiple` times the configured ones.
    `at_costs` maps multiples of the configured costs to the evaluation of the run at them, the run's own among them;
    `ablation` maps names of the parts at work to theirs; `untaped` names those of both that the tape could not answer.
    `looks` counts looks at the period, this one included.
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
    untaped: tuple[str, ...] = ()
    shadows: tuple[ShadowFacts, ...] = ()
    worth: WorthFacts | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)


def build_backtest_report(story: Story) -> BacktestReport:
    """The facts of the report. Raises ValueError when the fills are no round trips."""
    result, evaluation = story.result, story.evaluation
    found = trades(result, story.inputs)
    held = positions(result)
    unexplained = _unexplained(result, found)
    return BacktestReport(
        market=story.market,
        committee=story.committee,
        costs=story.cost_multiple,
        costs_sentence=costs_sentence(story.costs, story.cost_multiple),
        models=story.models,
        config_hash=story.config_hash,
        trials=evaluation.trials,
        looks=story.looks,
        starting_cash=result.starting_cash,
        end_equity=float(result.net_equity[-1]),
        fees=float(result.fees.sum()),
        dividends=float(result.dividends.sum()),
        unexplained_usd=round(unexplained, 4),
        index_ticker=story.index_ticker,
        claim=claim_sentence(evaluation),
        claims=evaluation.claim.made,
        against=evaluation.claim.against,
        warnings=warnings(story, held, unexplained),
        figures=_figures(story),
        benchmarks=(benchmark_facts(evaluation.index), benchmark_facts(evaluation.equal_weight)),
        nulls=null_facts(evaluation),
        shape=shape_facts(evaluation),
        years=year_rows(result.sessions, result.net_returns, story.benchmarks.index, story.benchmarks.equal_weight),
        book=_book(story, found, held),
        considered=result.considered,
        denials=dict(sorted(result.denials.items(), key=lambda item: (-item[1], item[0]))),
        orders=order_counts(result),
        latch=latch_rows(result),
        ic=ic_facts(evaluation.information, story.inputs, story.horizon_sessions),
        splits=split_rows(evaluation),
        ablation=tuple(ablation_row(name, item) for name, item in story.ablation.items()),
        shadows=story.shadows,
        worth=story.worth,
        trades=found,
        curves=curves_of(result, story.benchmarks, story.nulls, evaluation.sharpe.level, held),
        seconds=dict(story.seconds),
    )


def _unexplained(result: BacktestResult, found: Sequence[Trade]) -> float:
    """What of the change of equity `found`, dividends and fees do not add up to, USD."""
    explained = sum(trade.result_usd for trade in found) + float(result.dividends.sum() - result.fees.sum())
    return float(result.net_equity[-1]) - result.starting_cash - explained


def _book(story: Story, found: Sequence[Trade], held: Sequence[int]) -> BookFacts:
    return BookFacts(
        mean_exposure=story.evaluation.exposure,
        most_exposure=float(exposure(story.result).max()),
        turnover_a_year=story.evaluation.turnover,
        mean_positions=float(np.mean(held)),
        most_positions=max(held),
        ends=endings(found),
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
    if own.exposure < MOSTLY_INVESTED and own.equal_weight.total_return < 0.0 < own.equal_weight.excess.estimate:
        found.append(
            f"Equal weight fell by {-own.equal_weight.total_return:.1%} and {own.exposure:.0%} of equity was invested "
            "on average: the excess over it is largely that of not being invested."
        )
    worse = [multiple for multiple, item in story.at_costs.items() if item.total_return <= 0.0 < own.total_return]
    if worse:
        found.append(f"At {min(worse):g}x costs nothing is left of the profit.")
    if story.untaped:
        found.append(
            f"Not measured: {', '.join(story.untaped)}. The committee binds, would see another book there, and its "
            "tape holds no reply to that; --committee on asks for it."
        )
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
    return tuple(
        cost_facts(multiple, item) for multiple, item in {story.cost_multiple: story.evaluation, **others}.items()
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


def _grown(start: float, returns: Floats) -> Floats:
    grown: Floats = np.cumprod(1.0 + returns) * np.float64(start)
    return grown
