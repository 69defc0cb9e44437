"""settings.yaml: the market, the clock, where things are kept, the broker, the news and what trading costs."""

import re
from datetime import time
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from tenthman.config.feeds import NewsSettings
from tenthman.config.fields import BasisPoints, PositiveInt, Seconds, Section


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


def _found_from_anywhere(path: Path) -> Path:
    if not path.is_absolute() or not path.name:
        raise ValueError("must be the absolute path of a file, so that every command finds the same one")
    return path


class BrokerSettings(Section):
    endpoint: Literal["exchange", "paper"]
    halt_file: Annotated[Path, AfterValidator(_found_from_anywhere)] | None = None
    connect_timeout_s: Seconds
    read_timeout_s: Seconds
    answer_timeout_s: Seconds


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
