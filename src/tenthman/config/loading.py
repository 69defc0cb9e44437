"""The four sections and the secrets as one Config, and the hash that goes into each decision."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tenthman.config.agents import Agents
from tenthman.config.environment import Secrets, config_directory, home_directory, load_secrets
from tenthman.config.models import Models
from tenthman.config.reading import read_section
from tenthman.config.risk_rules import RiskRules
from tenthman.config.settings import Settings
from tenthman.domain.canonical import content_hash
from tenthman.domain.errors import ConfigError

FILES = ("settings", "models", "agents", "risk_rules")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything the desk is told. Each room receives only its section."""

    settings: Settings
    models: Models
    agents: Agents
    risk_rules: RiskRules
    secrets: Secrets
    home: Path
    hash: str


def load_config(directory: Path | None, environment: Mapping[str, str]) -> Config:
    """Read the four files of `directory` (default: TENTHMAN_CONFIG, else ./config, else the checkout's own).

    Raises ConfigError naming file, key, value and bound.
    """
    folder = directory or config_directory(environment)
    settings = read_section(folder / "settings.yaml", Settings)
    models = read_section(folder / "models.yaml", Models)
    agents = read_section(folder / "agents.yaml", Agents)
    risk_rules = read_section(folder / "risk_rules.yaml", RiskRules)
    secrets = load_secrets(environment)
    if settings.broker.endpoint == "paper" and (secrets.alpaca_key is None or secrets.alpaca_secret is None):
        raise ConfigError(
            f"{folder / 'settings.yaml'}: `broker.endpoint` is 'paper', so ALPACA_API_KEY and ALPACA_SECRET_KEY "
            "must be set in the environment"
        )
    return Config(
        settings=settings,
        models=models,
        agents=agents,
        risk_rules=risk_rules,
        secrets=secrets,
        home=home_directory(environment),
        hash=decision_hash(settings, models, agents, risk_rules),
    )


def with_sections(
    config: Config,
    *,
    settings: Settings | None = None,
    models: Models | None = None,
    agents: Agents | None = None,
    risk_rules: RiskRules | None = None,
) -> Config:
    """`config` with the sections given in place of its own, and the hash that it then has."""
    settings, models = settings or config.settings, models or config.models
    agents, risk_rules = agents or config.agents, risk_rules or config.risk_rules
    return replace(
        config,
        settings=settings,
        models=models,
        agents=agents,
        risk_rules=risk_rules,
        hash=decision_hash(settings, models, agents, risk_rules),
    )


def decision_hash(settings: Settings, models: Models, agents: Agents, risk_rules: RiskRules) -> str:
    """SHA-256 of every section that a decision depends on: all but where things are and how they are logged."""
    dumped = settings.model_dump(mode="json", exclude={"database", "broker", "logging", "market"})
    read = models.model_dump(mode="json", exclude={"signal": {"walk_forward", "tuning"}})
    return content_hash([dumped, read, *(section.model_dump(mode="json") for section in (agents, risk_rules))])
