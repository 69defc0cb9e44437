"""What the sections are built of: closed, frozen models and numbers with bounds."""

from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


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


class Section(BaseModel):
    """A frozen, closed part of the configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
