"""Configuration: what is wrong is named by file, key, value and bound."""

import shutil
from pathlib import Path

import pytest

from tenthman.config import load_config
from tenthman.domain.errors import ConfigError

CONFIG = Path(__file__).parents[3] / "config"


@pytest.fixture
def folder(tmp_path):
    return Path(shutil.copytree(CONFIG, tmp_path / "config"))


def _change(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_the_shipped_configuration_loads(folder):
    assert load_config(folder, {}).risk_rules.risk_fraction_per_trade == 0.005


def test_equal_files_hash_equal_and_a_changed_rule_changes_the_hash(folder):
    before = load_config(folder, {}).hash
    assert load_config(CONFIG, {}).hash == before
    _change(folder, "risk_rules.yaml", "max_positions: 15", "max_positions: 14")
    assert load_config(folder, {}).hash != before


def test_where_things_are_does_not_change_the_hash(folder):
    before = load_config(folder, {}).hash
    _change(folder, "settings.yaml", "pool_size: 4", "pool_size: 8")
    assert load_config(folder, {"DATABASE_URL": "postgresql://elsewhere/db"}).hash == before


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("risk_rules.yaml", "max_positions: 15", "max_positons: 15", "`max_positons` is not a known key"),
        ("risk_rules.yaml", "max_positions: 15", "max_positions: 0", "`max_positions`"),
        (
            "risk_rules.yaml",
            "risk_fraction_per_trade: 0.005",
            "risk_fraction_per_trade: 0.04",
            "at most `max_open_risk",
        ),
        ("risk_rules.yaml", "min_cash_fraction: 0.02", "min_cash_fraction: 0.2", "must be at most 1"),
        ("risk_rules.yaml", "stop_atr: 4.0", "stop_atr: .nan", "`stops.stop_atr`"),
        ("risk_rules.yaml", "stop_atr: 4.0", "stop_atr: 4.0000001", "at most 6 decimals"),
        ("risk_rules.yaml", "min_price_usd: 5.0", "min_price_usd: 5.00001", "at most 4 decimals"),
        ("settings.yaml", "slippage_bp: 1.0", "slippage_bp: 1.001", "at most 2 decimals"),
        ("settings.yaml", 'morning: "09:00"', 'morning: "10:00"', "before the open at 09:30"),
        ("settings.yaml", 'morning: "09:00"', "morning: 9", "quoted New York time"),
        ("settings.yaml", "source: auto", "source: pack", "`pack` must name a folder"),
        ("settings.yaml", "feeds: []", 'feeds: ["http://a.example"]', "https://"),
        ("settings.yaml", "halt_file: null", "halt_file: HALT", "absolute path of a file"),
        ("settings.yaml", "halt_file: null", "halt_file: /", "absolute path of a file"),
        (
            "models.yaml",
            "backend: embedded            # embedded | ollama",
            "backend: ollama  #",
            "`base_url` must be given",
        ),
        ("agents.yaml", "unreviewed: skip", "unreviewed: allow", "`unreviewed`"),
    ],
)
def test_a_wrong_value_is_refused_with_file_key_and_bound(folder, file, old, new, expected):
    _change(folder, file, old, new)
    with pytest.raises(ConfigError) as refused:
        load_config(folder, {})
    assert str(folder / file) in str(refused.value)
    assert expected in str(refused.value)


def test_a_missing_file_is_named(folder):
    (folder / "agents.yaml").unlink()
    with pytest.raises(ConfigError, match=r"agents\.yaml: the file is missing"):
        load_config(folder, {})


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: [1,", "", "\x00"])
def test_a_file_that_is_not_keys_and_values_is_refused(folder, text):
    (folder / "models.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"models\.yaml"):
        load_config(folder, {})


def test_paper_trading_without_keys_is_refused(folder):
    _change(folder, "settings.yaml", "endpoint: exchange      #", "endpoint: paper  #")
    with pytest.raises(ConfigError, match="ALPACA_API_KEY"):
        load_config(folder, {})
    assert load_config(folder, {"ALPACA_API_KEY": "k", "ALPACA_SECRET_KEY": "s"}).settings.broker.endpoint == "paper"


def test_secrets_do_not_show_in_a_repr(folder):
    config = load_config(folder, {"DATABASE_URL": "postgresql://u:hunter2@h/d", "ALPACA_SECRET_KEY": "s3cret"})
    assert "hunter2" not in repr(config)
    assert "s3cret" not in repr(config)
    assert set(config.secrets.values()) == {"postgresql://u:hunter2@h/d", "s3cret"}


@pytest.mark.parametrize("variable", ["TENTHMAN_HOME", "TENTHMAN_CONFIG"])
def test_a_home_of_nobody_is_refused(variable):
    with pytest.raises(ConfigError, match=f"{variable} must be a folder, was '~nobody-of-that-name/x'"):
        load_config(None, {variable: "~nobody-of-that-name/x"})
