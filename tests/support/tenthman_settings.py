"""Settings of tests: those that are shipped, with a model and stops under which even a small market is traded often."""

from pathlib import Path
from typing import Any

import yaml

from tenthman.config import Config, with_sections

SIGNAL = {
    "features": None,
    "labels": "barrier",
    "max_rounds": 300,
    "early_stopping_rounds": 25,
    "max_depth": 4,
    "learning_rate": 0.05,
    "min_child_weight": 50,
    "entry_fraction": 0.06,
}
STOPS = {"stop_atr": 2.0, "reward_risk": 1.5}
DRAWDOWN = {"open_risk_per_distance": 1.0}


def busy(config: Config) -> Config:
    """`config` with all features, barrier labels, several entries a run, near stops and targets, a tight budget."""
    models, rules = config.models, config.risk_rules
    changed = {
        **rules.model_dump(),
        "stops": {**rules.stops.model_dump(), **STOPS},
        "drawdown": {**rules.drawdown.model_dump(), **DRAWDOWN},
    }
    signal = type(models.signal).model_validate({**models.signal.model_dump(), **SIGNAL})
    return with_sections(
        config,
        models=models.model_copy(update={"signal": signal}),
        risk_rules=type(rules).model_validate(changed),
    )


def write_busy(folder: Path, **signal: object) -> Path:
    """The configuration in `folder`, rewritten as `busy` has it, with more changes of `models.signal`."""
    _rewrite(folder / "models.yaml", {"signal": {**SIGNAL, **signal}})
    _rewrite(folder / "risk_rules.yaml", {"stops": STOPS, "drawdown": DRAWDOWN})
    return folder


def _rewrite(path: Path, changes: dict[str, dict[str, Any]]) -> None:
    held = yaml.safe_load(path.read_text(encoding="utf-8"))
    for section, values in changes.items():
        held[section] |= values
    path.write_text(yaml.safe_dump(held), encoding="utf-8")
