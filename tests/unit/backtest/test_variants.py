"""The same desk at other costs, and without the limits on its book."""

from pathlib import Path

import pytest

from tenthman.backtest.variants import at_costs, at_multiples, without_limits
from tenthman.config import Config, CostSettings, RiskRules, load_config, with_sections
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
        at_multiples(costing(400.0))


def test_without_limits_no_rule_of_the_whole_book_is_left_that_only_some_desks_have() -> None:
    base = costing(1.0)
    bound = {
        "max_turnover_fraction": 0.1,
        "cool_off_sessions": 3,
        "cluster": {"correlation": 0.7, "sessions": 60, "max_fraction": 0.2},
        "drawdown": {**base.risk_rules.drawdown.model_dump(), "references": ["peak"], "own_limits": {"peak": 0.02}},
    }
    rules = RiskRules.model_validate({**base.risk_rules.model_dump(), **bound})
    free = without_limits(with_sections(base, risk_rules=rules)).risk_rules
    assert (free.max_turnover_fraction, free.cluster, free.drawdown.own_limits) == (None, None, None)
    assert free.drawdown.limit_fraction == 1.0
    assert free.cool_off_sessions == 3
