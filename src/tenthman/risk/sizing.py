"""Sizing: whole shares, no more than the tightest cap allows."""

from decimal import ROUND_FLOOR, Decimal


def whole_shares(shares: Decimal) -> Decimal:
    """`shares` rounded down to whole ones; 0 for anything that is not a finite positive number."""
    if not shares.is_finite() or shares <= 0:
        return Decimal(0)
    return shares.to_integral_value(rounding=ROUND_FLOOR)
