"""Money and fractions as whole numbers, so that the desk and a compiled backtest compute the very same.

Prices and sums are counted in 1/10,000 USD (`e4`), fractions in millionths (`e6`). Decimals stay at the boundaries:
what comes in finer than that is rounded in the direction that its caller names.
"""

import math
from decimal import Decimal

PRICE_SCALE = 10_000
"""Whole numbers in a dollar: the tick below one dollar, so that no price or sum of trades is ever rounded."""

ONE = 1_000_000
"""Millionths in one."""

_CENT, _TICK, _SCALE = Decimal("0.01"), Decimal("0.0001"), Decimal(PRICE_SCALE)


def whole_share(fraction: float, count: int) -> int:
    """`fraction` (above 0) of `count`, rounded up to a whole number: 7 % of 100 are 7.

    The product in floating point can lie a hair above a whole number (0.07 * 100 does): that hair is not rounded up.
    """
    return math.ceil(fraction * count * (1.0 - 1e-12))


def e4(price: float) -> int:
    """`price` (finite, USD) in the nearest 1/10,000 USD."""
    return round(price * 10_000.0)


def floor_e4(amount: Decimal) -> int:
    """`amount` (finite, USD) in 1/10,000 USD, rounded down."""
    return math.floor(amount * _SCALE)


def ceil_e4(amount: Decimal) -> int:
    """`amount` (finite, USD) in 1/10,000 USD, rounded up."""
    return math.ceil(amount * _SCALE)


def usd(amount_e4: int) -> Decimal:
    """The same sum in USD, exactly: with two decimals where they are enough, else with four."""
    exact = Decimal(amount_e4).scaleb(-4)
    return exact.quantize(_TICK if amount_e4 % 100 else _CENT)


def millionths(name: str, value: float) -> int:
    """`value` as it is spelled, in millionths; ValueError when it is finer than that."""
    exact = Decimal(str(value)) * ONE
    if exact != exact.to_integral_value():
        raise ValueError(f"`{name}` must have at most 6 decimals, was {value!r}")
    return int(exact)


def basis_points(name: str, value: float) -> int:
    """`value` basis points in millionths; ValueError when it is finer than a hundredth of a basis point."""
    exact = Decimal(str(value)) * 100
    if exact != exact.to_integral_value():
        raise ValueError(f"`{name}` must have at most 2 decimals, was {value!r}")
    return int(exact)


def price_number(name: str, value: float) -> int:
    """`value` USD as it is spelled, in 1/10,000 USD; ValueError when it is finer than that."""
    exact = Decimal(str(value)) * PRICE_SCALE
    if exact != exact.to_integral_value():
        raise ValueError(f"`{name}` must have at most 4 decimals, was {value!r}")
    return int(exact)
