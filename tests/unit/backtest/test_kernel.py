"""What the compiled backtest refuses, how its tables grow, and that it is imported by nobody who does not run it."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from tenthman_backtests import toy_inputs
from tenthman_settings import busy

from tenthman.backtest import kernel
from tenthman.backtest.inputs import Inputs
from tenthman.backtest.result import BacktestResult
from tenthman.config import CostSettings, RiskRules, load_config

CONFIG = busy(load_config(None, os.environ))
INPUTS = toy_inputs(count=120)
CASH = Decimal(100_000)


def run_on(
    inputs: Inputs = INPUTS,
    rules: RiskRules = CONFIG.risk_rules,
    costs: CostSettings = CONFIG.settings.costs,
    cash: Decimal = CASH,
) -> BacktestResult:
    signal = CONFIG.models.signal.model_copy(update={"entry_fraction": 0.5, "exit_fraction": 0.5})
    return kernel.simulate(inputs, rules, signal, costs, cash)


def test_tables_grow_without_losing_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run_on()
    assert len(whole.fills) > 30
    few = CONFIG.risk_rules.model_copy(update={"max_positions": 3})
    wide = run_on(rules=few)
    monkeypatch.setattr(kernel, "FIRST_ROWS", 1)
    grown = run_on(rules=few)
    assert len(grown.orders) > 8 * 3, "more than the tables began with"
    np.testing.assert_array_equal(grown.orders, wide.orders)
    np.testing.assert_array_equal(grown.fills, wide.fills)


def test_the_same_inputs_give_the_same_result() -> None:
    one, two = run_on(), run_on()
    assert one.equity.tobytes() == two.equity.tobytes()
    assert one.fills.tobytes() == two.fills.tobytes()


def with_value(name: str, value: float) -> Callable[[], Inputs]:
    def changed() -> Inputs:
        array = getattr(INPUTS, name).copy()
        array[3, 1] = value
        return replace(INPUTS, **{name: array})

    return changed


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (with_value("high", 2e6), "`high` must lie in 0..1000000 USD, was 2000000.0"),
        (with_value("close", -1.0), "`close` must lie in"),
        (with_value("atr", float("inf")), "`atr` must lie in"),
        (with_value("last_close", 1e9), "`last_close` must lie in"),
    ],
)
def test_prices_that_sums_could_not_hold_are_refused(inputs: Callable[[], Inputs], expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        run_on(inputs())


@pytest.mark.parametrize("cash", ["-1", "NaN", "Infinity", "500000000.01", "1000.00001"])
def test_cash_that_sums_could_not_hold_is_refused(cash: str) -> None:
    with pytest.raises(ValueError, match="`starting_cash` must"):
        run_on(cash=Decimal(cash))


def test_equity_that_grows_beyond_what_sums_hold_is_refused_and_not_wrapped() -> None:
    inputs = replace(INPUTS, median_volume=np.full_like(INPUTS.median_volume, 1e12))
    rules = CONFIG.risk_rules.model_copy(update={"max_gross_fraction": 0.95})
    inputs = replace(inputs, dividends=np.full_like(inputs.dividends, 100.0))
    with pytest.raises(ValueError, match=r"equity must stay at or below 500000000\.00 USD"):
        run_on(inputs, rules=rules, cash=Decimal(490_000_000))


def test_costs_and_rules_finer_than_whole_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="`slippage_bp` must have at most 2 decimals"):
        run_on(costs=CONFIG.settings.costs.model_copy(update={"slippage_bp": 1.234}))
    with pytest.raises(ValueError, match="`max_position_fraction` must have at most 6 decimals"):
        run_on(rules=CONFIG.risk_rules.model_copy(update={"max_position_fraction": 0.06500001}))


def test_without_money_for_a_share_nothing_is_bought_and_every_denial_is_counted() -> None:
    result = run_on(cash=Decimal(1))
    assert len(result.orders) == 0
    assert result.denials == {"risk_fraction_per_trade": result.considered}
    assert result.considered > 100


def test_the_command_line_starts_without_numba() -> None:
    code = "import sys, tenthman.cli.main; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
