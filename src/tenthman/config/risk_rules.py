"""risk_rules.yaml: how much a trade may risk, what the book may hold, where stops go and when the desk halts."""

import csv
import re
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from tenthman.config.fields import BasisPoints, CashFraction, Dollars, Multiple, PositiveInt, RiskFraction, Section


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


class StructureRules(Section):
    """The stop of an entry: below the lowest low of the last `sessions`, `least_atr` to `most_atr` below its limit."""

    sessions: Annotated[int, Field(ge=2, le=250)]
    least_atr: Multiple
    most_atr: Multiple

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Self:
        if self.least_atr > self.most_atr:
            raise ValueError(f"`least_atr` must be at most `most_atr` {self.most_atr}, was {self.least_atr}")
        return self


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
    structure_stop: StructureRules | None = None
    trailing_stop_atr: Multiple | None = None
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
