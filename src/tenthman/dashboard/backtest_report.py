"""From a finished backtest to its report."""

from datetime import date

import numpy as np

from tenthman.backtest.opinions import backtest_scorecard
from tenthman.backtest.run import Backtested, Options
from tenthman.dashboard.backtest_shadows import shadow_facts
from tenthman.dashboard.backtest_summary import BacktestReport, ModelFacts
from tenthman.dashboard.backtest_view import Story, build_backtest_report
from tenthman.dashboard.scorecard_facts import worth_facts
from tenthman.scheduler.models.signal_model import ModelFrom


def report_of(done: Backtested, options: Options) -> BacktestReport:
    """The facts of the report of `done`, which was run with `options`."""
    result = done.result
    last: date = result.sessions[-1].item()
    worth = backtest_scorecard(done.config, done.market, last, done.record) if done.record else None
    return build_backtest_report(
        Story(
            market=done.market.provenance,
            index_ticker=done.market.universe.index_ticker,
            config_hash=done.config.hash,
            costs=done.config.settings.costs,
            cost_multiple=options.costs,
            committee=options.committee,
            horizon_sessions=done.config.risk_rules.stops.horizon_sessions,
            models=tuple(_model(item, done) for item in done.models),
            result=result,
            inputs=done.inputs,
            benchmarks=done.benchmarks,
            evaluation=done.evaluation,
            at_costs=done.at_costs,
            nulls=done.nulls,
            looks=done.looks,
            ablation=done.ablation,
            untaped=done.untaped,
            shadows=shadow_facts(done.record.ended_shadows) if done.record else (),
            worth=None if worth is None else worth_facts(worth),
            seconds=done.seconds,
        )
    )


def _model(item: ModelFrom, done: Backtested) -> ModelFacts:
    """A model learns from the sessions before the one it is first used in."""
    sessions = done.market.panel.sessions
    before = int(np.searchsorted(sessions, np.datetime64(item.first_session, "D"))) - 1
    until: date = sessions[before].item()
    return ModelFacts(version=item.model.version, trained_until=until, used_from=item.first_session)
