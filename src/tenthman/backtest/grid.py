"""The settings of a sweep: a YAML file of keys with lists of values, refused before anything runs if any is wrong."""

import itertools
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from tenthman.config import Config, CostSettings, PositiveInt, RiskRules, Section, SignalModelSettings, with_sections
from tenthman.config.reading import read_mapping
from tenthman.domain.canonical import canonical_json
from tenthman.domain.errors import ConfigError
from tenthman.ml.registry import THRESHOLDS

MAX_SETTINGS = 100_000
"""A sweep of more is refused: its trials would leave nothing of any Sharpe ratio."""

MAX_COMBINATIONS = 2**63 - 1
"""No more can be told apart by the draw of `samples`."""

COMPUTED_ONCE = frozenset({"blackout", "cluster", "data_quality", "structure_stop"})
"""Sections of the rules that say what is read of the market."""

RULES, SIGNAL, COSTS = "risk_rules", "models.signal", "settings.costs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One combination: what a run is given, and the `values` by dotted key that set it apart within its grid."""

    values: Mapping[str, object]
    rules: RiskRules
    signal: SignalModelSettings
    costs: CostSettings

    def described(self) -> str:
        """The values, as "key value, key value"."""
        return ", ".join(f"{key} {value}" for key, value in self.values.items())


def applied(config: Config, setting: Setting) -> Config:
    """`config` with the setting in it, and the hash that it then has."""
    return with_sections(
        config,
        settings=config.settings.model_copy(update={"costs": setting.costs}),
        models=config.models.model_copy(update={"signal": setting.signal}),
        risk_rules=setting.rules,
    )


class GridFile(Section):
    """What stands in the file: `grid` maps keys to values, `samples` draws so many of their combinations by `seed`."""

    grid: Annotated[dict[str, Annotated[list[Any], Field(min_length=1)]], Field(min_length=1)]
    samples: PositiveInt | None = None
    seed: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _drawn_by_a_seed(self) -> Self:
        if (self.samples is None) != (self.seed is None):
            raise ValueError("`samples` and `seed` go together: both or neither")
        return self


def read_grid(path: Path, config: Config) -> tuple[Setting, ...]:
    """Every setting of the grid in `path`, in the order of its keys, the last key changing fastest.

    What the grid does not name stays as `config` has it. Raises ConfigError naming file, key, value and bound for a
    key that a backtest does not read or that would need another model, for a value that the configuration itself would
    refuse, for values that are impossible together, and for more than MAX_SETTINGS.
    """
    file = _parse(path)
    problems = [problem for key in file.grid if (problem := _refused_key(key, config))]
    if problems:
        raise ConfigError("\n".join(f"{path}: {problem}" for problem in problems))
    total = math.prod(len(listed) for listed in file.grid.values())
    if total > MAX_COMBINATIONS:
        raise ConfigError(f"{path}: a grid must have at most {MAX_COMBINATIONS} combinations, had {total}")
    sections = _sections(config)
    for key, listed in file.grid.items():
        _require_values(path, key, listed, sections[_split(key)[0]])
    if file.samples is not None and file.samples > total:
        raise ConfigError(
            f"{path}: `samples` must be at most {total}, the combinations of the grid, was {file.samples}"
        )
    if (file.samples or total) > MAX_SETTINGS:
        raise ConfigError(
            f"{path}: a sweep must have at most {MAX_SETTINGS} settings, had {file.samples or total}; "
            "`samples` draws some of them"
        )
    settings = tuple(_setting(path, chosen, sections) for chosen in _combinations(file, total))
    _require_different(path, settings)
    return settings


def _parse(path: Path) -> GridFile:
    raw = read_mapping(path)
    try:
        return GridFile.model_validate(raw)
    except ValidationError as error:
        raise ConfigError("\n".join(_lines(path, "", error.errors(include_url=False)))) from None


def _sections(config: Config) -> dict[str, Section]:
    return {RULES: config.risk_rules, SIGNAL: config.models.signal, COSTS: config.settings.costs}


def _split(key: str) -> tuple[str, tuple[str, ...]]:
    """The section of `key` and its names inside; a key that no backtest reads has the section ""."""
    for root in (RULES, SIGNAL, COSTS):
        if key.startswith(f"{root}."):
            return root, tuple(key.removeprefix(f"{root}.").split("."))
    return "", (key,)


def _refused_key(key: str, config: Config) -> str | None:
    known = set(_dotted("risk_rules", config.risk_rules.model_dump()))
    for name in ("models", "settings", "agents"):
        known.update(_dotted(name, getattr(config, name).model_dump()))
    root, inner = _split(key)
    if key not in known:
        return f"`{key}` is not a known key; keys look like risk_rules.max_positions, {SIGNAL}.entry_fraction"
    if not root:
        return f"`{key}` is not read by a backtest without a committee; only {RULES}, {SIGNAL} and {COSTS} can be swept"
    if root == RULES and inner[0] == "stops":
        return (
            f"`{key}` shapes the labels, so that each value would need another model; a sweep shares one set of "
            "scores. Change it in risk_rules.yaml, which trains anew, and sweep each by itself"
        )
    if root == RULES and inner[0] in COMPUTED_ONCE:
        return (
            f"`{key}` decides what is computed of the market, once for all settings of a sweep; change it in "
            "risk_rules.yaml and sweep each value by itself"
        )
    if root == SIGNAL and inner[0] not in THRESHOLDS:
        return (
            f"`{key}` shapes the model, so that each value would need another one; of {SIGNAL} only "
            f"{' and '.join(sorted(THRESHOLDS))} can be swept"
        )
    return None


def _dotted(prefix: str, value: Mapping[str, object]) -> Iterator[str]:
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            yield from _dotted(f"{prefix}.{name}", inner)
        else:
            yield f"{prefix}.{name}"


def _require_values(path: Path, key: str, listed: Sequence[object], section: Section) -> None:
    """Bounds between keys are judged for each combination, where the other keys have their values."""
    root, inner = _split(key)
    for value in listed:
        raw = section.model_dump(mode="json")
        _put(raw, inner, value)
        try:
            type(section).model_validate(raw)
        except ValidationError as error:
            own = [item for item in error.errors(include_url=False) if item["loc"][: len(inner)] == inner]
            if own:
                raise ConfigError("\n".join(_lines(path, root, own))) from None


def _combinations(file: GridFile, total: int) -> Iterator[dict[str, object]]:
    if file.samples is None:
        for chosen in itertools.product(*file.grid.values()):
            yield dict(zip(file.grid, chosen, strict=True))
        return
    # The draw decides which settings are tried, no secret hangs on it.
    for number in sorted(random.Random(file.seed).sample(range(total), file.samples)):  # noqa: S311
        picked: dict[str, object] = {}
        left = number
        for key, listed in reversed(file.grid.items()):
            left, place = divmod(left, len(listed))
            picked[key] = listed[place]
        yield {key: picked[key] for key in file.grid}


def _setting(path: Path, chosen: Mapping[str, object], sections: Mapping[str, Section]) -> Setting:
    read: dict[str, Section] = {}
    for root, section in sections.items():
        raw = section.model_dump(mode="json")
        mine = {key: value for key, value in chosen.items() if _split(key)[0] == root}
        for key, value in mine.items():
            _put(raw, _split(key)[1], value)
        try:
            read[root] = type(section).model_validate(raw)
        except ValidationError as error:
            together = ", ".join(f"{key} {value}" for key, value in mine.items())
            lines = _lines(path, root, error.errors(include_url=False))
            raise ConfigError("\n".join(f"{line} (in {together})" for line in lines)) from None
    rules, signal, costs = read[RULES], read[SIGNAL], read[COSTS]
    assert isinstance(rules, RiskRules)
    assert isinstance(signal, SignalModelSettings)
    assert isinstance(costs, CostSettings)
    values = {key: _get(read[_split(key)[0]], _split(key)[1]) for key in chosen}
    return Setting(values=values, rules=rules, signal=signal, costs=costs)


def _require_different(path: Path, settings: Sequence[Setting]) -> None:
    """5 and 5.0 are one value of a float, and would be one trial counted twice."""
    seen: set[str] = set()
    for setting in settings:
        spelled = canonical_json(setting.values)
        if spelled in seen:
            raise ConfigError(f"{path}: each setting must stand in the grid once, {setting.described()} did twice")
        seen.add(spelled)


def _get(section: Section, inner: tuple[str, ...]) -> object:
    value: object = section
    for name in inner:
        value = getattr(value, name)
    return value


def _put(raw: dict[str, Any], inner: tuple[str, ...], value: object) -> None:
    for name in inner[:-1]:
        raw = raw[name]
    raw[inner[-1]] = value


def _lines(path: Path, root: str, items: Sequence[ErrorDetails]) -> list[str]:
    lines = []
    for item in items:
        key = ".".join(str(part) for part in (root, *item["loc"]) if part != "")
        was = "" if isinstance(item["input"], dict) else f", was {item['input']!r}"
        lines.append(f"{path}: `{key or '(whole file)'}`: {item['msg']}{was}")
    return lines
