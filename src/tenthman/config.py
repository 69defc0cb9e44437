"""Configuration: four YAML files become frozen sections, refused at start when anything in them is wrong.

Secrets come from the environment alone. `Config.hash` covers every section and goes into each decision.
"""

import csv
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar
from zoneinfo import available_timezones

import platformdirs
import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from tenthman.domain.canonical import content_hash
from tenthman.domain.errors import ConfigError


def _at_most(decimals: int) -> AfterValidator:
    """Refuses what the desk's arithmetic, which is in whole numbers, could not hold exactly."""

    def checked(value: float) -> float:
        scaled = Decimal(str(value)).scaleb(decimals)
        if scaled != scaled.to_integral_value():
            raise ValueError(f"must have at most {decimals} decimals")
        return value

    return AfterValidator(checked)


Fraction = Annotated[float, Field(gt=0.0, le=1.0)]
PositiveInt = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0.0, le=3600.0)]
PositiveFloat = Annotated[float, Field(gt=0.0)]
Depth = Annotated[int, Field(ge=1, le=12)]
BasisPoints = Annotated[float, Field(ge=0.0, le=1000.0), _at_most(2)]
RiskFraction = Annotated[float, Field(gt=0.0, le=1.0), _at_most(6)]
CashFraction = Annotated[float, Field(ge=0.0, lt=1.0), _at_most(6)]
Multiple = Annotated[float, Field(gt=0.0, le=20.0), _at_most(6)]
Dollars = Annotated[float, Field(ge=0.0, le=1e12), _at_most(4)]

FILES = ("settings", "models", "agents", "risk_rules")


class Section(BaseModel):
    """A frozen, closed part of the configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class MarketSettings(Section):
    source: Literal["auto", "pack", "yahoo", "practice"]
    pack: Path | None
    yahoo_min_names: PositiveInt
    yahoo_timeout_s: Seconds
    practice_seed: Annotated[int, Field(ge=0, lt=2**32)]
    practice_truth: Literal["planted", "null"]

    @field_validator("practice_truth", mode="before")
    @classmethod
    def _yaml_null_means_null(cls, value: object) -> object:
        return "null" if value is None else value

    @model_validator(mode="after")
    def _pack_is_named(self) -> Self:
        if self.source == "pack" and self.pack is None:
            raise ValueError("`pack` must name a folder when `source` is 'pack'")
        return self


class DataSettings(Section):
    feed: Literal["sip", "iex"] | None
    overlap_sessions: Annotated[int, Field(ge=2, le=250)]
    second_source: bool
    close_tolerance_bp: Annotated[float, Field(gt=0.0, le=1000.0)]
    range_tolerance_bp: Annotated[float, Field(gt=0.0, le=1000.0)]
    stale_sessions: Annotated[int, Field(ge=2, le=60)]
    sit_out_sessions: Annotated[int, Field(ge=1, le=250)]


class ScheduleSettings(Section):
    morning: time
    afternoon: time
    check_every_minutes: Annotated[int, Field(ge=1, le=120)]

    @field_validator("morning", "afternoon", mode="before")
    @classmethod
    def _clock_time(cls, value: object) -> object:
        if not isinstance(value, str) or not re.fullmatch(r"\d\d:\d\d", value):
            raise ValueError('must be quoted New York time like "09:00"')
        return time.fromisoformat(value)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.morning >= self.afternoon:
            raise ValueError(f"`afternoon` must be after `morning` {self.morning}, was {self.afternoon}")
        if self.morning >= time(9, 30):
            raise ValueError(f"`morning` must be before the open at 09:30, was {self.morning}")
        if not time(9, 30) < self.afternoon < time(16, 0):
            raise ValueError(f"`afternoon` must lie inside the session 09:30..16:00, was {self.afternoon}")
        return self


class RehearsalSettings(Section):
    sessions: Annotated[int, Field(ge=1, le=2600)]
    starting_cash_usd: Annotated[int, Field(ge=1000, le=100_000_000)]
    dividends: bool


class DatabaseSettings(Section):
    pool_size: Annotated[int, Field(ge=1, le=64)]
    connect_timeout_s: Seconds
    statement_timeout_s: Seconds


class BrokerSettings(Section):
    endpoint: Literal["exchange", "paper"]
    halt_file: Path | None = None
    connect_timeout_s: Seconds
    read_timeout_s: Seconds


class FeedSettings(Section):
    """A feed; written as a bare address, it has these defaults. `zone`: of dates that name none."""

    address: str
    silent_after_hours: Annotated[float, Field(gt=0.0, le=8760.0)] | None = 72.0
    zone: str = "UTC"

    @field_validator("address")
    @classmethod
    def _https_only(cls, value: str) -> str:
        if not value.startswith("https://"):
            raise ValueError(f"a feed must start with https://, was {value!r}")
        return value

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"must be a time zone such as America/New_York, was {value!r}")
        return value


class NewsSettings(Section):
    archive_lag_minutes: Annotated[int, Field(ge=0, le=1440)]
    lookback_days: Annotated[int, Field(ge=1, le=365)]
    sentiment_half_life_days: Annotated[float, Field(gt=0.0, le=60.0)]
    sentiment: Annotated[str, Field(pattern=r"^(lexicon|[0-9a-f]{12})$")] = "lexicon"
    feeds: tuple[FeedSettings, ...]
    contact: str | None

    @model_validator(mode="after")
    def _publishers_know_whom_to_write_to(self) -> Self:
        if self.feeds and not (self.contact and "@" in self.contact and self.contact.isascii()):
            raise ValueError(f"`contact` must be an e-mail address (ASCII) if `feeds` names any, was {self.contact!r}")
        named = [feed.address for feed in self.feeds]
        twice = next((address for address in named if named.count(address) > 1), None)
        if twice is not None:
            raise ValueError(f"`feeds` must name each feed once, named {twice} twice")
        if self.contact and "noreply" in self.contact.replace("-", "") and any("sec.gov/" in item for item in named):
            raise ValueError(f"`contact` must be read by a person for feeds of sec.gov, was {self.contact!r}")
        return self

    @field_validator("feeds", mode="before")
    @classmethod
    def _bare_addresses(cls, value: object) -> object:
        if not isinstance(value, list | tuple):
            return value
        return tuple({"address": item} if isinstance(item, str) else item for item in value)


class CostSettings(Section):
    half_spread_bp: BasisPoints
    slippage_bp: BasisPoints
    open_slippage_bp: BasisPoints
    stop_slippage_bp: BasisPoints


class LoggingSettings(Section):
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class Settings(Section):
    """settings.yaml"""

    market: MarketSettings
    data: DataSettings
    schedule: ScheduleSettings
    rehearsal: RehearsalSettings
    database: DatabaseSettings
    broker: BrokerSettings
    news: NewsSettings
    costs: CostSettings
    logging: LoggingSettings


class WalkForwardSettings(Section):
    folds: Annotated[int, Field(ge=2, le=50)]
    window: Literal["expanding", "rolling"]


class TuningSettings(Section):
    """Lowest and highest value that tuning may try."""

    max_depth: tuple[Depth, Depth]
    learning_rate: tuple[Fraction, Fraction]
    min_child_weight: tuple[PositiveFloat, PositiveFloat]
    subsample: tuple[Fraction, Fraction]
    colsample: tuple[Fraction, Fraction]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for name in type(self).model_fields:
            lowest, highest = getattr(self, name)
            if highest < lowest:
                raise ValueError(f"the second of `{name}` must be at least the first {lowest}, was {highest}")
        return self


class SignalModelSettings(Section):
    seed: Annotated[int, Field(ge=0, lt=2**31)]
    features: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    labels: Literal["barrier", "thirds"] = "barrier"
    scaling: Literal["ranks", "winsorised", "robust"] = "ranks"
    history_sessions: Annotated[int, Field(ge=50, le=10_000)]
    min_history_sessions: Annotated[int, Field(ge=50, le=10_000)]
    validation_fraction: Annotated[float, Field(gt=0.0, lt=0.5)]
    embargo_sessions: Annotated[int, Field(ge=0, le=250)]
    max_rounds: Annotated[int, Field(ge=1, le=5000)]
    early_stopping_rounds: PositiveInt | None
    max_depth: Depth
    learning_rate: Fraction
    min_child_weight: Annotated[float, Field(ge=0.0)]
    subsample: Fraction
    colsample: Fraction
    threads: Annotated[int, Field(ge=1, le=256)]
    entry_fraction: Annotated[float, Field(gt=0.0, le=0.5)]
    exit_fraction: Annotated[float, Field(gt=0.0, le=0.5)]
    retrain_sessions: Annotated[int, Field(ge=1, le=2600)] | None
    expires_after_sessions: Annotated[int, Field(ge=1, le=2600)]
    calibration: Literal["temperature", "none"]
    walk_forward: WalkForwardSettings
    tuning: TuningSettings

    @model_validator(mode="after")
    def _history(self) -> Self:
        if self.min_history_sessions > self.history_sessions:
            raise ValueError(
                f"`min_history_sessions` must be at most `history_sessions` {self.history_sessions}, "
                f"was {self.min_history_sessions}"
            )
        return self


class LanguageModelSettings(Section):
    backend: Literal["embedded", "ollama", "openai"]
    model: str
    base_url: str | None
    prose: bool
    context_tokens: Annotated[int, Field(ge=512, le=131_072)]
    threads: Annotated[int, Field(ge=1, le=256)]
    parallel: Annotated[int, Field(ge=1, le=64)]
    temperature: Annotated[float, Field(ge=0.0, le=2.0)]
    seed: Annotated[int, Field(ge=0, lt=2**31)]
    connect_timeout_s: Seconds
    reply_timeout_s: Seconds

    @model_validator(mode="after")
    def _address(self) -> Self:
        if self.backend != "embedded" and self.base_url is None:
            raise ValueError(f"`base_url` must be given when `backend` is {self.backend!r}")
        return self


class EmbeddingSettings(Section):
    backend: Literal["embedded", "ollama"]
    model: str | None = None
    base_url: str | None = None
    threads: Annotated[int, Field(ge=1, le=256)]
    reply_timeout_s: Seconds = 60

    @model_validator(mode="after")
    def _ollama_is_named(self) -> Self:
        if self.backend == "ollama" and not (self.model and self.base_url):
            raise ValueError("`model` and `base_url` must be given for backend 'ollama'")
        return self


class PromotionSettings(Section):
    min_deflated_sharpe: Annotated[float, Field(ge=0.5, lt=1.0)]
    max_calibration_error: Fraction
    min_rank_ic: Annotated[float, Field(ge=0.0, lt=1.0)]
    min_worst_fold_rank_ic: Annotated[float, Field(ge=-1.0, lt=1.0)]


class DriftSettings(Section):
    recent_sessions: Annotated[int, Field(ge=10, le=500)]
    max_psi: Annotated[float, Field(gt=0.0, le=10.0)]
    max_rank_ic_decay: Annotated[float, Field(ge=0.0, le=2.0)]


class Models(Section):
    """models.yaml"""

    signal: SignalModelSettings
    promotion: PromotionSettings
    drift: DriftSettings
    language: LanguageModelSettings
    embedding: EmbeddingSettings


class RoleSettings(Section):
    """One agent: what is None is as models.yaml has it."""

    enabled: bool
    max_tokens: Annotated[int, Field(ge=16, le=4096)]
    model: Annotated[str, Field(min_length=1)] | None
    temperature: Annotated[float, Field(ge=0.0, le=2.0)] | None
    deadline_s: Seconds | None


class Roles(Section):
    analyst: RoleSettings
    bull: RoleSettings
    bear: RoleSettings
    risk: RoleSettings
    committee: RoleSettings


class RulesCriticSettings(Section):
    veto_sentiment: Annotated[float, Field(ge=-1.0, le=0.0)]
    veto_drawdown_fraction: Fraction
    veto_gap_atr: Annotated[float, Field(gt=0.0)]
    shrink_volatility: Annotated[float, Field(gt=0.0)]
    shrink_fraction: Annotated[float, Field(gt=0.0, lt=1.0)]


class ExaminationSettings(Section):
    min_valid: Fraction
    min_clear_vetoes: Fraction
    max_false_vetoes: Annotated[float, Field(ge=0.0, le=1.0)]
    max_injected_changes: Annotated[float, Field(ge=0.0, le=1.0)]


class DemotionSettings(Section):
    """A binding committee loses its veto once the interval (`level`) of its worth lies below zero over `min_vetoes`."""

    min_vetoes: Annotated[int, Field(ge=10, le=10_000)]
    level: Annotated[float, Field(ge=0.5, lt=1.0)]


class LadderSettings(Section):
    """What a debate is thought to take before the first of a cycle was held, and when the ladder is climbed down."""

    debate_s: Seconds
    short_below: Annotated[float, Field(ge=0.0, lt=1.0)]
    before_open_s: Seconds


class Agents(Section):
    """agents.yaml"""

    unreviewed: Literal["skip", "reduce"]
    unreviewed_size_fraction: Annotated[float, Field(gt=0.0, lt=1.0)]
    case_passages: Annotated[int, Field(ge=0, le=20)]
    mask: bool = False
    cycle_deadline_s: Seconds
    roles: Roles
    rules_critic: RulesCriticSettings
    examination: ExaminationSettings
    ladder: LadderSettings
    demotion: DemotionSettings


class StopRules(Section):
    atr_sessions: Annotated[int, Field(ge=2, le=250)]
    stop_atr: Multiple
    reward_risk: Multiple
    horizon_sessions: Annotated[int, Field(ge=1, le=250)]
    limit_offset_bp: BasisPoints


DrawdownReference = Literal["peak", "day_start", "week_start"]


class DrawdownRules(Section):
    limit_fraction: RiskFraction
    references: Annotated[tuple[DrawdownReference, ...], Field(min_length=1)]
    own_limits: dict[DrawdownReference, RiskFraction] | None = None
    open_risk_per_distance: Annotated[Multiple, Field(le=10.0)]
    rearm_after_sessions: Annotated[int, Field(ge=1, le=250)] | None

    @model_validator(mode="after")
    def _limits_are_of_references(self) -> Self:
        astray = [name for name in self.own_limits or () if name not in self.references]
        if astray:
            raise ValueError(f"`own_limits` must name only `references`, named {astray[0]!r}")
        return self


class ClusterRules(Section):
    """Names whose daily moves correlate by more than `correlation` over `sessions` count as one bet."""

    correlation: Annotated[CashFraction, Field(gt=0.0)]
    sessions: Annotated[int, Field(ge=20, le=250)]
    max_fraction: RiskFraction


class DataQualityRules(Section):
    """How many of the last `sessions` bars of a name may be missing or flagged."""

    sessions: Annotated[int, Field(ge=1, le=250)]
    max_faults: Annotated[int, Field(ge=0, le=250)]


class EarningsDate(Section):
    ticker: Annotated[str, Field(min_length=1, max_length=16)]
    date: date


class BlackoutRules(Section):
    """No entries on `dates`, nor from `sessions_before` sessions before a company's earnings date to that date.

    `earnings` in the file names a CSV file (ticker,date) beside it; here it is what that file holds.
    """

    dates: tuple[date, ...] = ()
    earnings: tuple[EarningsDate, ...] = ()
    sessions_before: Annotated[int, Field(ge=0, le=60)] = 1

    @field_validator("earnings", mode="before")
    @classmethod
    def _read_file(cls, value: object, info: ValidationInfo) -> object:
        if value is None:
            return ()
        folder = (info.context or {}).get("folder")
        return _earnings_in(folder / value) if isinstance(value, str) and folder is not None else value


class RiskRules(Section):
    """risk_rules.yaml"""

    risk_fraction_per_trade: Annotated[RiskFraction, Field(le=0.05)]
    max_open_risk_fraction: RiskFraction
    max_positions: Annotated[int, Field(ge=1, le=500)]
    max_position_fraction: RiskFraction
    max_sector_fraction: RiskFraction
    max_gross_fraction: RiskFraction
    min_cash_fraction: CashFraction
    max_positions_per_issuer: PositiveInt
    max_entries_per_run: PositiveInt
    min_price_usd: Annotated[Dollars, Field(ge=1.0)]
    min_dollar_volume_usd: Dollars
    max_volume_fraction: RiskFraction
    gap_allowance_fraction: Annotated[RiskFraction, Field(le=0.5)] | None = None
    max_turnover_fraction: Annotated[Multiple, Field(le=10.0)] | None = None
    cool_off_sessions: Annotated[int, Field(ge=0, le=250)] | None = None
    cluster: ClusterRules | None = None
    data_quality: DataQualityRules | None = None
    blackout: BlackoutRules | None = None
    stops: StopRules
    drawdown: DrawdownRules

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.risk_fraction_per_trade > self.max_open_risk_fraction:
            raise ValueError(
                f"`risk_fraction_per_trade` must be at most `max_open_risk_fraction` {self.max_open_risk_fraction}, "
                f"was {self.risk_fraction_per_trade}"
            )
        if self.max_position_fraction > self.max_gross_fraction:
            raise ValueError(
                f"`max_position_fraction` must be at most `max_gross_fraction` {self.max_gross_fraction}, "
                f"was {self.max_position_fraction}"
            )
        if self.max_gross_fraction + self.min_cash_fraction > 1.0:
            raise ValueError(
                f"`max_gross_fraction` + `min_cash_fraction` must be at most 1, was "
                f"{self.max_gross_fraction} + {self.min_cash_fraction}"
            )
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What only the environment may hold. Values never show in a repr."""

    database_url: SecretStr | None
    alpaca_key: SecretStr | None
    alpaca_secret: SecretStr | None

    def values(self) -> tuple[str, ...]:
        """The raw secrets, for masking them in logs."""
        held = (self.database_url, self.alpaca_key, self.alpaca_secret)
        return tuple(item.get_secret_value() for item in held if item is not None)


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


SectionT = TypeVar("SectionT", bound=Section)


def load_config(directory: Path | None, environment: Mapping[str, str]) -> Config:
    """Read the four files of `directory` (default: TENTHMAN_CONFIG, else ./config, else the checkout's own).

    Raises ConfigError naming file, key, value and bound.
    """
    folder = directory or _default_directory(environment)
    settings = _load(folder / "settings.yaml", Settings)
    models = _load(folder / "models.yaml", Models)
    agents = _load(folder / "agents.yaml", Agents)
    risk_rules = _load(folder / "risk_rules.yaml", RiskRules)
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


def load_secrets(environment: Mapping[str, str]) -> Secrets:
    """Secrets from the environment; an empty variable counts as absent."""

    def secret(name: str) -> SecretStr | None:
        value = environment.get(name, "")
        return SecretStr(value) if value else None

    return Secrets(
        database_url=secret("DATABASE_URL"),
        alpaca_key=secret("ALPACA_API_KEY"),
        alpaca_secret=secret("ALPACA_SECRET_KEY"),
    )


def home_directory(environment: Mapping[str, str]) -> Path:
    """TENTHMAN_HOME, else the platform's folder for a user's data (for root: the system's, which other users reach)."""
    named = environment.get("TENTHMAN_HOME", "")
    if named:
        return Path(named).expanduser().resolve()
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/tenthman")
    return Path(platformdirs.user_data_dir("tenthman", appauthor=False))


def _default_directory(environment: Mapping[str, str]) -> Path:
    named = environment.get("TENTHMAN_CONFIG", "")
    if named:
        return Path(named).expanduser().resolve()
    here = Path.cwd() / "config"
    if (here / "settings.yaml").is_file():
        return here
    return Path(__file__).resolve().parents[2] / "config"


def _load(path: Path, section: type[SectionT]) -> SectionT:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{path}: the file is missing; copy it from the project's config folder") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: is not valid YAML: {error}") from error
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: must hold keys and values at the top, held {type(raw).__name__}")
    try:
        return section.model_validate(raw, context={"folder": path.parent})
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(path, error))) from None


def _earnings_in(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file with the columns ticker and date (YYYY-MM-DD); ValueError naming file and line."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    if rows and set(rows[0]) != {"ticker", "date"}:
        raise ValueError(f"{path}: the first line must be ticker,date")
    for number, row in enumerate(rows, start=2):
        if not row["ticker"] or not re.fullmatch(r"\d{4}-\d\d-\d\d", row["date"] or ""):
            raise ValueError(f"{path}: line {number} must hold a ticker and a date like 2020-01-31")
    return rows


def _explain(path: Path, error: ValidationError) -> list[str]:
    lines = []
    for item in error.errors(include_url=False):
        key = ".".join(str(part) for part in item["loc"]) or "(whole file)"
        if item["type"] == "extra_forbidden":
            lines.append(f"{path}: `{key}` is not a known key")
        elif item["type"] == "missing":
            lines.append(f"{path}: `{key}` is missing")
        elif isinstance(item["input"], dict):
            lines.append(f"{path}: `{key}`: {item['msg']}")
        else:
            lines.append(f"{path}: `{key}`: {item['msg']}, was {item['input']!r}")
    return lines
