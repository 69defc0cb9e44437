"""Evaluation of a run: figures by hand, benchmarks at the same costs, and the rule by which an edge is claimed."""

import math
from dataclasses import replace

import numpy as np
import pytest
from tenthman_backtests import CASH, toy_inputs, toy_result

from tenthman.backtest.benchmarks import Benchmarks, make_benchmarks
from tenthman.backtest.claim import NullFigures, Trials, decide_claim
from tenthman.backtest.evaluation import evaluate, forward
from tenthman.backtest.inputs import Inputs
from tenthman.backtest.nulls import NullRuns
from tenthman.backtest.result import PRICE_SCALE, PurposeCode
from tenthman.config import CostSettings
from tenthman.domain.errors import DataMissing
from tenthman.domain.market import Panel
from tenthman.ml.information import Information
from tenthman.ml.resampling import Interval
from tenthman.ml.sharpe import MANY_SHARPES
from tenthman.ml.statistics import Regime

FREE = CostSettings(half_spread_bp=0.0, slippage_bp=0.0, open_slippage_bp=0.0, stop_slippage_bp=0.0)
DEAR = FREE.model_copy(update={"half_spread_bp": 2.0, "open_slippage_bp": 8.0})


def panel_of(inputs: Inputs) -> Panel:
    prices = {name: getattr(inputs, name).copy() for name in ("open", "high", "low", "close")}
    return Panel(sessions=inputs.sessions, tickers=inputs.tickers, **prices, volume=inputs.median_volume)


def benchmarks_of(inputs: Inputs, costs: CostSettings = FREE) -> Benchmarks:
    return make_benchmarks(inputs, panel_of(inputs), "IDX", costs)


def information_of(p_value: float) -> Information:
    interval = Interval(estimate=0.02, low=0.0, high=0.04, level=0.9, block=0.0)
    return Information(sessions=200, ic=0.02, rank_ic=interval, icir=0.1, p_value=p_value, positive_share=0.5)


def null_figures_of(p_value: float) -> NullFigures:
    return NullFigures(
        runs=999, p_value=p_value, sharpe_low=-1.0, sharpe_median=0.0, sharpe_high=1.0, mean_entries=120.0
    )


def test_the_index_is_bought_at_the_first_open_and_held_at_the_cost_of_one_trade() -> None:
    inputs = toy_inputs()
    column = inputs.tickers.index("IDX")
    free, dear = benchmarks_of(inputs), benchmarks_of(inputs, DEAR)
    growth = inputs.close[-1, column] / inputs.open[0, column]
    assert np.prod(1.0 + free.index) == pytest.approx(growth)
    assert np.prod(1.0 + dear.index) == pytest.approx(growth * (1.0 - 0.001), rel=1e-9)


def test_equal_weight_is_put_right_at_the_first_open_of_each_month() -> None:
    inputs = toy_inputs()
    names = slice(0, len(inputs.tickers) - 1)
    months = inputs.sessions.astype("datetime64[M]")
    worth, first = 1.0, 0
    for month in np.unique(months):
        rows = np.flatnonzero(months == month)
        following = rows[-1] + 1
        end = inputs.open[following, names] if following < len(months) else inputs.close[-1, names]
        worth *= float(np.mean(end / inputs.open[rows[0], names]))
        first += 1
    assert first > 3
    assert np.prod(1.0 + benchmarks_of(inputs).equal_weight) == pytest.approx(worth)
    assert np.prod(1.0 + benchmarks_of(inputs, DEAR).equal_weight) < worth * (1.0 - 0.0009)


def test_equal_weight_turns_a_delisted_name_into_cash_and_is_paid_dividends() -> None:
    inputs = toy_inputs(10, 3)
    gone, dividends, prices = np.zeros((10, 3), dtype=bool), np.zeros((10, 3)), {}
    gone[5:, 0] = True
    dividends[3, 1] = 1.0
    for name in ("open", "high", "low", "close"):
        prices[name] = np.where(gone, np.nan, getattr(inputs, name))
    inputs = replace(inputs, gone=gone, dividends=dividends, **prices)
    halves = 0.5 / inputs.open[0, :2]
    expected = halves[0] * inputs.last_close[5, 0] + halves[1] * (inputs.close[-1, 1] + 1.0)
    assert np.prod(1.0 + benchmarks_of(inputs).equal_weight) == pytest.approx(expected)


def test_an_index_without_a_first_bar_is_refused() -> None:
    inputs = toy_inputs()
    opens = inputs.open.copy()
    opens[0, -1] = np.nan
    with pytest.raises(DataMissing, match="IDX must have a bar"):
        benchmarks_of(replace(inputs, open=opens))


def test_figures_of_a_run_are_those_of_its_fills_and_equity() -> None:
    inputs = toy_inputs()
    result = toy_result(inputs)
    found = evaluate(result, benchmarks_of(inputs), Trials(), 1)
    fills = result.fills
    entries = int(np.count_nonzero(fills["purpose"] == PurposeCode.ENTRY))
    traded = float(np.sum(fills["quantity"] * fills["price_e4"])) / PRICE_SCALE
    assert found.total_return == pytest.approx(result.net_equity[-1] / CASH - 1.0)
    assert found.trades.closed + found.trades.open == entries
    assert found.trades.closed == len(fills) - entries
    assert found.trades.mean_sessions == pytest.approx(5.0)
    assert found.turnover == pytest.approx(traded / 2.0 / result.equity.mean() * 252.0 / len(inputs.sessions))
    assert found.exposure == pytest.approx(float(np.mean(result.held_value / result.equity)))
    assert found.sharpe.low < found.sharpe.estimate < found.sharpe.high
    assert found.deflated_sharpe == found.probabilistic_sharpe
    mean_excess = float(np.mean(result.net_returns - benchmarks_of(inputs).equal_weight)) * 252.0
    assert found.equal_weight.excess.estimate == pytest.approx(mean_excess)
    assert sum(part.sessions for part in found.by_year.values()) == len(inputs.sessions)
    assert set(found.by_regime) == {Regime.UNKNOWN.name.lower()}
    assert found.information is None
    assert not found.claim.made


def test_an_evaluation_is_the_same_again() -> None:
    inputs = toy_inputs()
    result = toy_result(inputs)
    first, second = (
        evaluate(result, benchmarks_of(inputs), Trials(count=4), 1, scores=inputs, horizon_sessions=5) for _ in range(2)
    )
    assert repr(first) == repr(second)


def test_more_trials_deflate_the_sharpe_ratio() -> None:
    inputs = toy_inputs()
    result, benchmarks = toy_result(inputs), benchmarks_of(inputs)
    one, many = (evaluate(result, benchmarks, Trials(count=count), 1) for count in (1, 50))
    assert many.deflated_sharpe < one.deflated_sharpe
    assert many.expected_best_sharpe > 0.0


def test_few_known_trials_that_lie_side_by_side_do_not_lift_the_deflated_ratio() -> None:
    inputs = toy_inputs()
    result, benchmarks = toy_result(inputs), benchmarks_of(inputs)
    unknown, few, many = (
        evaluate(result, benchmarks, Trials(count=50, variance=variance, known=known), 1)
        for variance, known in ((None, 1), (1e-9, 2), (1e-9, MANY_SHARPES))
    )
    assert few.deflated_sharpe == unknown.deflated_sharpe < few.probabilistic_sharpe
    assert many.deflated_sharpe == pytest.approx(many.probabilistic_sharpe, abs=1e-3)


def test_a_sharpe_ratio_above_three_is_suspect() -> None:
    inputs = toy_inputs()
    result = toy_result(inputs)
    lucky = replace(result, equity=CASH * np.cumprod(1.0 + 0.002 + 0.001 * (-1.0) ** np.arange(80)))
    assert evaluate(lucky, benchmarks_of(inputs), Trials(), 1).suspect
    assert not evaluate(result, benchmarks_of(inputs), Trials(), 1).suspect


def test_scores_are_compared_with_what_followed_from_the_next_open() -> None:
    inputs = toy_inputs()
    scores, outcomes = forward(inputs, 5)
    np.testing.assert_array_equal(scores, inputs.excess[:, 0])
    assert outcomes[7, 2] == pytest.approx(math.log(inputs.close[11, 2] / inputs.open[7, 2]))
    assert np.isnan(outcomes[-4:]).all()
    assert np.isfinite(outcomes[:-4]).all()


def test_an_edge_is_claimed_when_selection_and_money_both_say_so() -> None:
    assert decide_claim(100, null_figures_of(0.05), information_of(0.05), Trials()).made
    refused = {
        "closed trades": decide_claim(99, null_figures_of(0.001), information_of(0.001), Trials()),
        "rank IC": decide_claim(500, null_figures_of(0.001), information_of(0.051), Trials()),
        "random entries": decide_claim(500, null_figures_of(0.051), information_of(0.001), Trials()),
        "was not computed": decide_claim(500, null_figures_of(0.001), None, Trials()),
        "were not run": decide_claim(500, None, information_of(0.001), Trials()),
    }
    for name, claim in refused.items():
        assert not claim.made
        assert len(claim.against) == 1
        assert name in claim.against[0]


def test_what_is_undefined_is_no_ground_for_a_claim() -> None:
    claim = decide_claim(500, null_figures_of(0.001), information_of(math.nan), Trials())
    assert not claim.made
    assert claim.against == ("the rank IC of 200 sessions cannot be tested: they are too few, or show nothing",)


def test_trials_share_the_rate_of_false_claims() -> None:
    assert decide_claim(500, null_figures_of(0.005), information_of(0.005), Trials(count=10)).made
    assert not decide_claim(500, null_figures_of(0.006), information_of(0.005), Trials(count=10)).made


def test_a_run_that_beat_every_random_one_is_told_how_many_it_takes_to_claim() -> None:
    best, beaten = null_figures_of(1.0 / 1000), null_figures_of(2.0 / 1000)
    trials = Trials(count=161)
    (missing,) = decide_claim(500, best, information_of(1e-6), trials).against
    assert missing == "random entries do as well with p 0.001, not at most 0.000319, which takes 3,139 runs to show"
    assert decide_claim(500, replace(best, runs=3139, p_value=1.0 / 3140), information_of(1e-6), trials).made
    assert not decide_claim(500, replace(best, runs=3138, p_value=1.0 / 3139), information_of(1e-6), trials).made
    (close,) = decide_claim(500, null_figures_of(0.0004), information_of(1e-6), trials).against
    assert close == "random entries do as well with p 0.0004, not at most 0.000319"
    assert "runs to show" not in decide_claim(500, beaten, information_of(1e-6), trials).against[0]


def test_benchmarks_of_other_sessions_and_no_trials_are_refused() -> None:
    inputs = toy_inputs()
    with pytest.raises(ValueError, match="`benchmarks` must be of the sessions"):
        evaluate(toy_result(inputs), benchmarks_of(toy_inputs(60)), Trials(), 1)
    with pytest.raises(ValueError, match="`count` must be at least 1"):
        Trials(count=0)
    with pytest.raises(ValueError, match="`alpha` must lie between"):
        decide_claim(500, None, None, Trials(), alpha=0.0)


def test_a_random_run_that_never_traded_counts_as_a_sharpe_ratio_of_zero() -> None:
    runs = NullRuns(equity=np.ones((4, 2)), sharpe=np.array([np.nan, -1.0, 1.0, 2.0]), entries=np.zeros(4, dtype=int))
    assert runs.p_value(0.5) == pytest.approx(3 / 5)
    assert runs.p_value(-0.5) == pytest.approx(4 / 5)
    assert runs.p_value(math.nan) == pytest.approx(4 / 5)
    assert runs.p_value(9.0) == pytest.approx(1 / 5)
