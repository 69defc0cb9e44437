"""Stops and targets: the prices of a proposal, rounded to what a broker accepts."""

import math

from tenthman.config import StopRules, StructureRules
from tenthman.domain.errors import DataMissing
from tenthman.domain.money import e4, millionths, usd
from tenthman.domain.opinion import Proposal, Signal
from tenthman.risk import arithmetic
from tenthman.risk.numbers import stop_numbers

PRICE_MOST = 1_000_000.0
"""USD a share: what costs more is a mistake, and the products of the compiled loop stay within 64 bits."""


def propose(
    signal: Signal,
    last_price: float,
    atr: float,
    rules: StopRules,
    structure: StructureRules | None = None,
    low: float = 0.0,
) -> Proposal:
    """A long bracket around `last_price` (USD): limit just above it, stop and target in multiples of `atr` (USD).

    limit = last_price * (1 + offset); stop = limit - stop_atr * atr; target = limit + reward_risk * (limit - stop).
    Price and ATR are read to four decimals, and every result is rounded down to a cent: the limit never chases, and
    the stop is never nearer than asked, so sizing by (limit - stop) never understates the risk.
    With `structure` the stop hangs from `low` instead, the lowest of late (USD; `arithmetic.structured`).
    Raises DataMissing when price, ATR or a `low` that is asked for is not a positive number up to `PRICE_MOST`, or the
    stop is not above zero.
    """
    asked = (("last_price", last_price), ("atr", atr), ("low", low))
    for name, value in asked if structure is not None else asked[:2]:
        if not math.isfinite(value) or value > PRICE_MOST or e4(value) <= 0:
            raise DataMissing(
                f"{signal.ticker}: `{name}` must be finite, at least 0.0001 and at most {PRICE_MOST:.0f}, was {value!r}"
            )
    numbers = stop_numbers(rules)
    limit, stop, target = arithmetic.propose(
        e4(last_price), e4(atr), numbers.offset, numbers.stop_atr, numbers.reward_risk
    )
    if structure is not None:
        bounds = (millionths("least_atr", structure.least_atr), millionths("most_atr", structure.most_atr))
        stop, target = arithmetic.structured(limit, e4(low), e4(atr), *bounds, numbers.reward_risk)
    if stop <= 0:
        raise DataMissing(f"{signal.ticker}: the stop below {usd(limit)} must be above 0, was {usd(stop)}")
    return Proposal(
        ticker=signal.ticker,
        signal=signal,
        last_price=usd(e4(last_price)),
        limit_price=usd(limit),
        stop_price=usd(stop),
        target_price=usd(target),
        horizon_sessions=rules.horizon_sessions,
    )
