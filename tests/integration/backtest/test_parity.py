"""A period through the served exchange, PostgreSQL and the scheduler, and through the backtest: equal to the cent."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from tenthman_rehearsal import Notes, small_config, small_practice_market
from tenthman_studies import flawed

from tenthman.backtest.memory import MemoryRecord
from tenthman.backtest.parity import Parity, check_parity, compare
from tenthman.backtest.result import BacktestResult
from tenthman.backtest.run import study_of
from tenthman.backtest.stepwise import run_stepwise
from tenthman.config import Config, DataQualityRules, with_sections
from tenthman.domain.market import Period
from tenthman.domain.order import TradingState
from tenthman.scheduler.committee.holes import nobody
from tenthman.scheduler.rehearsal.stores import open_stores
from tenthman.scheduler.storage import open_storage

LATER = Period(first=date(2020, 3, 16), last=date(2020, 3, 19))
CRASH = Period(first=date(2020, 2, 20), last=date(2020, 3, 2))


@pytest.fixture(scope="module")
def config(module_home: Path) -> Config:
    """A desk that halts in the crash, is re-armed by rule within it, trains a second model, and raises its stops."""
    config = small_config(module_home)
    drawdown = config.risk_rules.drawdown.model_copy(update={"rearm_after_sessions": 2})
    rules = config.risk_rules.model_copy(update={"drawdown": drawdown, "trailing_stop_atr": 1.0})
    signal = config.models.signal.model_copy(update={"retrain_sessions": 4, "min_history_sessions": 250})
    models = config.models.model_copy(update={"signal": signal})
    return with_sections(config, risk_rules=rules, models=models)


def rerun(config: Config, period: Period) -> tuple[BacktestResult, MemoryRecord]:
    """The desk in memory, without a committee."""
    market = small_practice_market()
    with open_storage(config) as pool:
        study = study_of(config, open_stores(pool, market), market, period)
    return run_stepwise(study, config, nobody)


@pytest.fixture(scope="module")
def crash(config: Config) -> Parity:
    return check_parity(config, small_practice_market(), CRASH, Notes())


def test_a_crash_with_a_halt_and_a_new_model_is_the_same_in_both(crash: Parity) -> None:
    assert crash.differences == ()
    assert crash.agrees
    assert crash.orders >= 10
    assert crash.fills >= 15
    assert crash.equity_points >= 8 * 5


def test_the_crash_run_was_halted_re_armed_and_served_by_several_models(config: Config, crash: Parity) -> None:
    _, record = rerun(config, CRASH)
    states = [change.state for change in record.states]
    assert states[1:4] == [TradingState.REDUCING, TradingState.HALTED, TradingState.ACTIVE]
    assert len({decision.model_version for decision in record.decisions}) >= 2


def test_a_later_week_under_the_rules_critic_with_bars_that_cannot_be_trusted_is_the_same_in_both(
    config: Config,
) -> None:
    roles = {name: role.model_copy(update={"enabled": False}) for name, role in config.agents.roles}
    agents = config.agents.model_copy(update={"roles": config.agents.roles.model_copy(update=roles)})
    careful = config.risk_rules.model_copy(update={"data_quality": DataQualityRules(sessions=5, max_faults=0)})
    critical = with_sections(config, agents=agents, risk_rules=careful)
    found = check_parity(critical, flawed(small_practice_market(), 3, 0.05), LATER, Notes(), committee="on")
    assert found.differences == ()
    assert found.orders >= 5
    with open_storage(config) as pool, pool.connection() as connection:
        asked = "SELECT count(*) FROM decisions WHERE run_id = %s AND denied_by = 'data_quality'"
        denied = connection.execute(asked, [found.run_id]).fetchone()
    assert denied is not None
    assert denied[0] > 0


def test_a_backtest_at_other_costs_is_told_apart_order_by_order_with_its_cause(config: Config, crash: Parity) -> None:
    settings = config.settings
    costs = settings.costs.model_copy(update={"half_spread_bp": settings.costs.half_spread_bp + 50.0})
    dearer = replace(config, settings=settings.model_copy(update={"costs": costs}))
    _, record = rerun(dearer, CRASH)
    with open_storage(config) as pool:
        found = compare(pool, crash.run_id, record)
    assert not found.agrees
    first = found.differences[0]
    assert {item.kind for item in found.differences} == {"order", "fill", "equity"}
    assert first.rehearsal != first.backtest
    assert all(item.cause for item in found.differences)
    fills = [item for item in found.differences if item.kind == "fill" and item.rehearsal and item.backtest]
    assert any("what the exchange did with it differs" in item.cause for item in fills)
