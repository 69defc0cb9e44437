"""Stops and targets: the prices of a proposal, rounded to what a broker accepts."""

import math
from decimal import ROUND_DOWN, Decimal

from tenthman.config import StopRules
from tenthman.domain.errors import DataMissing
from tenthman.domain.opinion import Proposal, Signal

CENT = Decimal("0.01")


def propose(signal: Signal, last_price: float, atr: float, rules: StopRules) -> Proposal:
    """A long bracket around `last_price` (USD): limit just above it, stop and target in multiples of `atr` (USD).

    limit = last_price * (1 + offset); stop = limit - stop_atr * atr; target = limit + reward_risk * (limit - stop).
    Every price is rounded down to a cent: the limit never chases, and the stop is never nearer than asked, so sizing
    by (limit - stop) never understates the risk.
    Raises DataMissing when a price or the ATR is not a positive number, or the stop would not be above zero.
    """
    for name, value in (("last_price", last_price), ("atr", atr)):
        if not math.isfinite(value) or value <= 0:
            raise DataMissing(f"{signal.ticker}: `{name}` must be finite and above 0, was {value!r}")
    limit = _cents(Decimal(repr(last_price)) * (1 + Decimal(str(rules.limit_offset_bp)) / 10_000))
    stop = _cents(limit - Decimal(str(rules.stop_atr)) * Decimal(repr(atr)))
    if stop <= 0:
        raise DataMissing(f"{signal.ticker}: the stop {rules.stop_atr} ATR below {limit} must be above 0, was {stop}")
    if stop >= limit:
        stop = limit - CENT
    target = max(_cents(limit + Decimal(str(rules.reward_risk)) * (limit - stop)), limit + CENT)
    return Proposal(
        ticker=signal.ticker,
        signal=signal,
        limit_price=limit,
        stop_price=stop,
        target_price=target,
        horizon_sessions=rules.horizon_sessions,
    )


def _cents(price: Decimal) -> Decimal:
    return price.quantize(CENT, rounding=ROUND_DOWN)
