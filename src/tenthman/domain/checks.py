"""The few questions that several words ask of their own fields when they are built."""

import math
from datetime import datetime
from decimal import Decimal


def require_aware(name: str, value: datetime) -> None:
    """ValueError unless `value` carries a time zone."""
    if value.tzinfo is None or value.utcoffset() is None:
        raise ValueError(f"`{name}` must be an aware datetime, was {value!r}")


def require_positive(name: str, value: float | Decimal) -> None:
    """ValueError unless `value` is finite and above zero."""
    if not math.isfinite(value) or value <= 0:
        raise ValueError(f"`{name}` must be finite and above 0, was {value!r}")


def require_fraction(name: str, value: float) -> None:
    """ValueError unless 0 <= `value` <= 1."""
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"`{name}` must lie in 0..1, was {value!r}")


def require_text(name: str, value: str) -> None:
    """ValueError if `value` is empty or blank."""
    if not value.strip():
        raise ValueError(f"`{name}` must not be empty, was {value!r}")
