"""Grids are refused before anything runs, with file, key, value and bound."""

from pathlib import Path

import pytest
from tenthman_sweep import MANY, grid_file, settings_of

from tenthman.backtest.grid import applied, read_grid
from tenthman.config import Config, load_config
from tenthman.domain.errors import ConfigError


@pytest.fixture(scope="module")
def config() -> Config:
    return load_config(None, {})


def test_every_combination_is_a_setting_and_the_last_key_changes_fastest(tmp_path: Path, config: Config) -> None:
    found = settings_of(tmp_path, config)
    assert len(found) == 64
    assert [tuple(item.values.values()) for item in found[:5]] == [
        (2, 0.1, 0.0),
        (2, 0.1, 2.0),
        (2, 0.1, 4.0),
        (2, 0.1, 6.0),
        (2, 0.2, 0.0),
    ]
    assert [(item.rules.max_positions, item.signal.entry_fraction, item.costs.slippage_bp) for item in found] == [
        tuple(item.values.values()) for item in found
    ]


def test_what_the_grid_does_not_name_stays_as_configured(tmp_path: Path, config: Config) -> None:
    (setting,) = settings_of(tmp_path, config, {"risk_rules.drawdown.references": [["day_start"]]})
    changed = config.risk_rules.model_copy(
        update={"drawdown": config.risk_rules.drawdown.model_copy(update={"references": ("day_start",)})}
    )
    assert (setting.rules, setting.signal, setting.costs) == (changed, config.models.signal, config.settings.costs)
    assert applied(config, setting).hash != config.hash


def test_a_grid_of_the_configured_values_is_the_configuration(tmp_path: Path, config: Config) -> None:
    (setting,) = settings_of(tmp_path, config, {"risk_rules.max_positions": [config.risk_rules.max_positions]})
    assert applied(config, setting) == config


def test_a_sample_is_the_same_for_the_same_seed_and_holds_each_setting_once(tmp_path: Path, config: Config) -> None:
    one, same, other = (settings_of(tmp_path, config, samples=20, seed=seed) for seed in (1, 1, 2))
    assert one == same != other
    assert len({item.described() for item in one}) == 20
    everything = settings_of(tmp_path, config)
    assert [item for item in everything if item in one] == list(one)
    assert settings_of(tmp_path, config, samples=64, seed=9) == everything


REFUSED = [
    ({"risk_rules.max_position": [1]}, "`risk_rules.max_position` is not a known key"),
    ({"max_positions": [1]}, "`max_positions` is not a known key"),
    ({"risk_rules.drawdown": [{}]}, "`risk_rules.drawdown` is not a known key"),
    ({"agents.case_passages": [1]}, "`agents.case_passages` is not read by a backtest without a committee"),
    ({"risk_rules.stops.stop_atr": [1.0, 2.0]}, "`risk_rules.stops.stop_atr` shapes the labels, so that each value"),
    ({"risk_rules.cluster": [None]}, "`risk_rules.cluster` decides what is computed of the market, once for all"),
    ({"models.signal.max_depth": [3]}, "`models.signal.max_depth` shapes the model, so that each value would need"),
    ({"risk_rules.max_positions": [5, 0]}, "max_positions`: Input should be greater than or equal to 1, was 0"),
    ({"risk_rules.max_positions": [True, "many"]}, "max_positions`: Input should be a valid integer"),
    ({"models.signal.entry_fraction": [0.6]}, "entry_fraction`: Input should be less than or equal to 0.5, was 0.6"),
    ({"settings.costs.slippage_bp": [float("nan")]}, "slippage_bp`: Input should be a finite number, was nan"),
    (
        {"risk_rules.drawdown.references": [["peek"]]},
        "references.0`: Input should be 'peak', 'day_start' or 'week_start', was",
    ),
    ({"settings.costs.slippage_bp": [1, 1.0]}, "each setting must stand in the grid once, settings.costs.slippage_bp"),
    (
        {"risk_rules.max_gross_fraction": [0.5, 0.99], "risk_rules.min_cash_fraction": [0.01, 0.3]},
        "must be at most 1, was 0.99 + 0.3 (in risk_rules.max_gross_fraction 0.99, risk_rules.min_cash_fraction 0.3)",
    ),
    ({}, "`grid`: Dictionary should have at least 1 item"),
    ({"risk_rules.max_positions": []}, "max_positions`: List should have at least 1 item"),
    ({"risk_rules.max_positions": 5}, "max_positions`: Input should be a valid list, was 5"),
    ({"settings.costs.slippage_bp": list(range(401)), "settings.costs.stop_slippage_bp": list(range(250))}, "at most"),
]


@pytest.mark.parametrize(("grid", "complaint"), REFUSED, ids=[item[1][:50] for item in REFUSED])
def test_a_grid_that_cannot_be_run_is_refused_with_the_reason(
    tmp_path: Path, config: Config, grid: object, complaint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        settings_of(tmp_path, config, grid)
    assert str(caught.value).startswith(str(tmp_path / "grid.yaml"))
    assert complaint in str(caught.value)


def test_a_bound_between_two_keys_of_the_grid_is_judged_on_them_together(tmp_path: Path, config: Config) -> None:
    grid = {"risk_rules.risk_fraction_per_trade": [0.04], "risk_rules.max_open_risk_fraction": [0.08]}
    assert len(settings_of(tmp_path, config, grid)) == 1


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ({"samples": 65, "seed": 1}, "`samples` must be at most 64, the combinations of the grid, was 65"),
        ({"samples": 5}, "`samples` and `seed` go together"),
        ({"sample": 5}, "`sample`: Extra inputs are not permitted"),
    ],
)
def test_a_sample_that_cannot_be_drawn_is_refused(
    tmp_path: Path, config: Config, more: dict[str, int], complaint: str
) -> None:
    with pytest.raises(ConfigError, match=complaint):
        settings_of(tmp_path, config, MANY, **more)


def test_more_combinations_than_can_be_told_apart_are_refused(tmp_path: Path, config: Config) -> None:
    costs = ("half_spread_bp", "slippage_bp", "open_slippage_bp", "stop_slippage_bp")
    rules = ("max_positions", "max_entries_per_run", "max_positions_per_issuer")
    keys = [*(f"settings.costs.{name}" for name in costs), *(f"risk_rules.{name}" for name in rules)]
    grid = {key: list(range(1, 601)) for key in keys}
    with pytest.raises(ConfigError, match=r"must have at most 9223372036854775807 combinations, had 27993600000"):
        settings_of(tmp_path, config, grid, samples=3, seed=1)


@pytest.mark.parametrize("text", [None, "a: [", "- 1", "\x00"])
def test_a_file_that_is_no_grid_is_refused(tmp_path: Path, config: Config, text: str | None) -> None:
    path = grid_file(tmp_path / "grid.yaml", MANY)
    path.unlink()
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=r"grid\.yaml: (the file is missing$|must hold keys|is not valid YAML)"):
        read_grid(path, config)
