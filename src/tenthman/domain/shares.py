"""What becomes of shares that are held although nobody trades them: splits, and new names."""

from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import ROUND_DOWN, Decimal
from fractions import Fraction

from tenthman.domain.checks import require_text
from tenthman.domain.market import NEW_YORK

_NINE_PLACES = Decimal("0.000000001")
_LARGEST_OF_THE_SMALLER = 1000


def ratio_of(value: float | Decimal | Fraction) -> Fraction:
    """Shares for one before, in whole numbers, the smaller of which is at most 1,000.

    A third that a source spells in decimals is a third again. ValueError unless `value` is finite and above 0.
    """
    if not 0 < value < float("inf"):
        raise ValueError(f"`value` must be above 0 and finite, was {value}")
    exact = Fraction(value)
    if exact < 1:
        return 1 / (1 / exact).limit_denominator(_LARGEST_OF_THE_SMALLER)
    return exact.limit_denominator(_LARGEST_OF_THE_SMALLER)


def split_quantity(quantity: Decimal, ratio: Fraction) -> Decimal:
    """What `ratio` shares for one make of `quantity`, to nine decimals, rounded down."""
    exact = quantity * ratio.numerator / ratio.denominator
    return exact.quantize(_NINE_PLACES, rounding=ROUND_DOWN).normalize()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareChange:
    """From the day `on` (New York) each share of `ticker` is `ratio` shares of `becomes`, which may be `ticker`."""

    ticker: str
    on: date
    ratio: Fraction
    becomes: str

    def __post_init__(self) -> None:
        require_text("ticker", self.ticker)
        require_text("becomes", self.becomes)
        if self.ratio <= 0:
            raise ValueError(f"`ratio` must be above 0, was {self.ratio}")

    @property
    def since(self) -> datetime:
        """The midnight that begins the day."""
        return datetime.combine(self.on, time(), NEW_YORK)

    @property
    def text(self) -> str:
        """For people."""
        named = "" if self.becomes == self.ticker else f" of {self.becomes}"
        return f"{self.ratio.numerator} for {self.ratio.denominator}{named} from {self.on} on"
