"""A backtest's facts: figures come from the evaluation, series from the account, and every sentence says what is so."""

import json
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from tenthman_backtests import toy_story

from tenthman.backtest.claim import Claim
from tenthman.dashboard.backtest_charts import backtest_charts
from tenthman.dashboard.backtest_series import (
    endings,
    known,
    longest_idle,
    positions,
    rolling_turnover,
    series,
    year_rows,
)
from tenthman.dashboard.backtest_summary import BacktestReport
from tenthman.dashboard.backtest_view import Story, build_backtest_report, warnings
from tenthman.dashboard.backtest_words import claim_sentence, costs_sentence, survivorship
from tenthman.domain.market import MarketKind

HELD = (1,) * 80


@pytest.fixture(scope="module")
def story() -> Story:
    return toy_story()


@pytest.fixture(scope="module")
def report(story: Story) -> BacktestReport:
    return build_backtest_report(story)


def test_figures_are_those_of_the_evaluation_and_the_runs_own_costs_come_first(
    story: Story, report: BacktestReport
) -> None:
    own = story.evaluation
    assert [item.costs for item in report.figures] == [1.0, 2.0, 3.0]
    assert report.figures[0].net_return == own.total_return
    assert report.figures[0].sharpe.value == own.sharpe.estimate
    assert report.figures[0].excess_equal_weight.low == own.equal_weight.excess.low
    assert report.figures[1].net_return == story.at_costs[2.0].total_return
    dearer = build_backtest_report(replace(story, cost_multiple=2.0, evaluation=story.at_costs[2.0]))
    assert [item.costs for item in dearer.figures] == [2.0, 1.0, 3.0]
    assert [item.name for item in report.benchmarks] == ["IDX", "Equal weight"]


def test_series_have_one_value_a_session_and_end_where_the_account_ends(story: Story, report: BacktestReport) -> None:
    curves = report.curves
    lengths = {len(getattr(curves, name)) for name in curves.__dataclass_fields__}
    assert lengths == {len(story.result.sessions)}
    assert curves.equity[-1] == pytest.approx(report.end_equity, abs=0.01)
    assert curves.index[-1] == pytest.approx(report.starting_cash * (1 + report.benchmarks[0].net_return), abs=0.01)
    assert curves.null_low[-1] <= curves.null_middle[-1] <= curves.null_high[-1]
    assert min(item for item in curves.drawdown if item is not None) == pytest.approx(
        -report.figures[0].max_drawdown, abs=1e-6
    )
    assert curves.rolling_sharpe[:62] == (None,) * 62
    assert curves.rolling_sharpe[62] is not None


def test_trades_dividends_and_fees_explain_the_change_of_equity(story: Story, report: BacktestReport) -> None:
    assert report.unexplained_usd == 0.0
    wrong = replace(story.result, equity=story.result.equity + 5.0)
    told = build_backtest_report(replace(story, result=wrong))
    assert told.unexplained_usd == pytest.approx(5.0)
    assert any("+5.0000 USD" in item for item in told.warnings)


def test_months_compound_to_years() -> None:
    sessions = np.arange(np.datetime64("2019-11-25"), np.datetime64("2020-02-05"))
    returns = np.full(len(sessions), 0.001)
    first, second = year_rows(sessions, returns, returns * 0, returns * 2)
    assert (first.year, second.year) == (2019, 2020)
    assert first.months[:10] == (None,) * 10
    assert first.months[10] == pytest.approx(1.001**6 - 1)
    assert (1 + first.months[10]) * (1 + first.months[11]) - 1 == pytest.approx(first.net_return)
    assert (second.index, second.equal_weight) == (0.0, pytest.approx(1.002**35 - 1))
    assert second.months[2:] == (None,) * 10


def test_positions_count_names_held_at_the_close(story: Story) -> None:
    held = positions(story.result)
    assert held[0] == 1
    value = story.result.held_value
    assert [number > 0 for number in held] == (value > 0.005).tolist()


def test_turnover_counts_half_of_what_changed_hands(story: Story) -> None:
    rate = rolling_turnover(story.result, window=len(story.result.sessions))
    assert np.isnan(rate[:-1]).all()
    assert rate[-1] == pytest.approx(story.evaluation.turnover, rel=0.02)


def test_endings_are_counted_the_most_frequent_first(report: BacktestReport) -> None:
    assert sum(report.book.ends.values()) == len(report.trades)
    assert list(report.book.ends.values()) == sorted(report.book.ends.values(), reverse=True)
    assert endings(()) == {}


def test_what_is_no_number_becomes_nothing() -> None:
    assert series(np.array([1.23456, np.nan, np.inf]), 2) == (1.23, None, None)
    assert (known(float("nan")), known(2.0)) == (None, 2.0)


def test_the_claim_is_told_with_what_speaks_against_it(story: Story) -> None:
    assert claim_sentence(story.evaluation) == f"Against it: {'; '.join(story.evaluation.claim.against)}."
    made = replace(story.evaluation, claim=Claim(made=True, against=(), alpha=0.05))
    text = claim_sentence(made)
    assert "in 5% of cases at most, shared among 7 trials" in text
    assert "not that there will be one" in text


def test_warnings_say_what_a_reader_must_know(story: Story) -> None:
    own = story.evaluation
    told = " ".join(warnings(story, HELD, 0.0))
    assert f"Only {own.trades.closed} trades were closed" in told
    assert "looked at 2 times" in told
    assert "is above 3" not in told
    assert "better than holding all of its names" in told
    suspect = replace(own, suspect=True, trades=replace(own.trades, closed=100))
    sure = replace(suspect, equal_weight=replace(own.equal_weight, excess=replace(own.equal_weight.excess, low=0.01)))
    told = " ".join(warnings(replace(story, evaluation=sure, looks=1), HELD, 0.0))
    assert told.startswith("The Sharpe ratio is above 3.")
    assert "trades were closed" not in told
    assert "equal parts" not in told
    assert "looked at" not in told


def test_a_profit_that_costs_eat_is_warned_of(story: Story) -> None:
    profit = replace(story.evaluation, total_return=0.1)
    lost = {1.0: profit, 2.0: replace(profit, total_return=-0.01), 3.0: replace(profit, total_return=-0.2)}
    told = warnings(replace(story, evaluation=profit, at_costs=lost), HELD, 0.0)
    assert "At 2x costs nothing is left of the profit." in told


def test_an_excess_that_comes_from_not_being_invested_is_called_that(story: Story) -> None:
    equal = replace(story.evaluation.equal_weight, total_return=-0.325)
    ahead = replace(equal, excess=replace(equal.excess, estimate=0.4))
    idle = replace(story.evaluation, equal_weight=ahead, exposure=0.328)
    told = " ".join(warnings(replace(story, evaluation=idle), HELD, 0.0))
    assert "Equal weight fell by 32.5% and 33% of equity was invested on average" in told
    full = replace(story, evaluation=replace(idle, exposure=0.95))
    assert "Equal weight fell" not in " ".join(warnings(full, HELD, 0.0))


def test_a_desk_that_sits_in_cash_without_being_halted_is_warned_of(story: Story) -> None:
    sessions = story.result.sessions.tolist()
    held = (1,) * 50 + (0,) * 30
    assert longest_idle(story.result, held) == (sessions[50], 30)
    told = " ".join(warnings(story, held, 0.0))
    assert f"For 30 sessions from {sessions[50]} on nothing was held" in told
    assert "nothing was held" not in " ".join(warnings(story, (1,) * 60 + (0,) * 20, 0.0))


def test_sessions_without_a_position_while_halted_do_not_count_as_idle(story: Story) -> None:
    halted, active = (story.result.latch[place].session for place in (0, 2))
    sessions = story.result.sessions.tolist()
    free = sessions.index(halted), len(sessions) - sessions.index(active)
    assert longest_idle(story.result, (0,) * len(sessions)) == (sessions[0], max(free))
    assert longest_idle(story.result, (1,) * len(sessions))[1] == 0


@pytest.mark.parametrize("kind", [MarketKind.PACK, MarketKind.YAHOO, MarketKind.LIVE])
def test_survivorship_is_said_of_every_real_market(story: Story, kind: MarketKind) -> None:
    text = survivorship(replace(story.market, kind=kind))
    assert story.market.description in text
    assert "flattered" in text


def test_the_practice_market_is_not_said_to_be_biased(story: Story) -> None:
    assert "fictional" in survivorship(replace(story.market, kind=MarketKind.PRACTICE))


def test_costs_are_told_as_they_were_charged(story: Story) -> None:
    told = costs_sentence(story.costs, 2.0)
    assert told.startswith(
        "2x the configured ones, a side: half the spread 1 bp, slippage 1 bp, slippage at the open 3 bp"
    )


def test_the_json_holds_everything_and_no_nan(report: BacktestReport) -> None:
    body = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert body["market"]["kind"] == "pack"
    assert "kind" not in body
    assert "kind" not in body["trades"][0]
    assert len(body["trades"]) == len(report.trades)
    assert body["figures"][0]["sharpe"]["level"] == 0.95
    assert set(body) > set(report.__dataclass_fields__)
    assert next(iter(body)) == "headline"
    assert (body["first"], body["sessions"]) == ("2019-01-02", report.sessions)


def test_a_chart_without_anything_to_show_is_left_out() -> None:
    short = build_backtest_report(toy_story(20, runs=0))
    assert set(backtest_charts(short)) == {"chart-equity", "chart-drawdown", "chart-exposure"}
    assert short.nulls is None
    assert [item["name"] for item in backtest_charts(short)["chart-equity"]["data"]] == [
        "Index IDX",
        "Equal weight",
        "Desk, after all costs",
    ]


def test_all_charts_are_there_when_there_is_something_to_show(report: BacktestReport) -> None:
    figures = backtest_charts(report)
    assert set(figures) == {
        "chart-equity", "chart-drawdown", "chart-rolling", "chart-exposure", "chart-turnover", "chart-ic",
    }  # fmt: skip
    json.dumps(figures, allow_nan=False)


def test_spans_without_entries_are_shaded_from_the_halt_to_the_rearming(report: BacktestReport) -> None:
    (shape,) = backtest_charts(report)["chart-equity"]["layout"]["shapes"]
    assert (shape["x0"], shape["x1"]) == (report.latch[0].session.isoformat(), report.latch[2].session.isoformat())
    unended = replace(report, latch=report.latch[:2])
    (shape,) = backtest_charts(unended)["chart-equity"]["layout"]["shapes"]
    assert shape["x1"] == report.last.isoformat()


def test_parts_of_the_period_are_told_by_year_and_by_regime(report: BacktestReport) -> None:
    assert [row.name for row in report.splits if row.group == "year"] == ["2019"]
    regimes = [row for row in report.splits if row.group == "regime"]
    assert [row.name for row in regimes] == ["not known (fewer than 200 sessions of the index before)"]
    assert sum(row.sessions for row in regimes) == report.sessions


def test_ic_by_month_averages_to_the_whole(report: BacktestReport) -> None:
    assert report.ic is not None
    assert [item.month for item in report.ic.months] == ["2019-01", "2019-02", "2019-03", "2019-04"]
    assert report.ic.rank_ic.value is not None
    low, high = (bound([item.rank_ic or 0.0 for item in report.ic.months]) for bound in (min, max))
    assert low < report.ic.rank_ic.value < high
    assert (report.first, report.last) == (date(2019, 1, 2), date(2019, 4, 23))
