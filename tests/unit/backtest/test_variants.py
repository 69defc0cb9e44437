"""The same desk at other costs."""

from pathlib import Path

import pytest

from tenthman.backtest.variants import at_costs
from tenthman.config import Config, CostSettings, load_config, with_sections
from tenthman.domain.errors import ConfigError


def costing(half_spread_bp: float) -> Config:
    base = load_config(Path(__file__).parents[3] / "config", {"TENTHMAN_HOME": "/nonexistent"})
    costs = CostSettings(half_spread_bp=half_spread_bp, slippage_bp=0.07, open_slippage_bp=0.0, stop_slippage_bp=2.5)
    return with_sections(base, settings=base.settings.model_copy(update={"costs": costs}))


def test_costs_that_a_product_of_floats_misses_by_a_hair_are_multiplied_all_the_same() -> None:
    thrice = at_costs(costing(1.1), 3.0).settings.costs
    assert thrice == CostSettings(half_spread_bp=3.3, slippage_bp=0.21, open_slippage_bp=0.0, stop_slippage_bp=7.5)


def test_costs_are_multiplied_to_a_hundredth_of_a_basis_point() -> None:
    assert at_costs(costing(1.0), 0.333).settings.costs.half_spread_bp == 0.33


def test_costs_beyond_what_a_cost_may_be_are_refused_in_one_line() -> None:
    with pytest.raises(ConfigError, match=r"`costs.half_spread_bp` .* times 3 must be at most 1000, was 1200"):
        at_costs(costing(400.0), 3.0)
