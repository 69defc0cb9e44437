"""The benchmarks of this room still hand over what is read here: nobody runs them on every change."""

import importlib.util
from decimal import Decimal
from pathlib import Path
from types import ModuleType

from tenthman.backtest.kernel import simulate
from tenthman.config import load_config

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


def opened(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_panel_that_the_speed_of_the_backtest_is_measured_on_is_traded() -> None:
    config, inputs = load_config(None, {}), opened("bench_backtest").made_up_inputs(20, 200)
    result = simulate(inputs, config.risk_rules, config.models.signal, config.settings.costs, Decimal(100_000))
    assert len(result.fills) > 20


def test_the_settings_that_training_is_measured_with_are_settings() -> None:
    assert opened("bench_training").settings_of(3).max_rounds == 3
