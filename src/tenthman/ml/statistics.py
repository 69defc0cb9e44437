"""What a series of returns has been through: growth, risk, drawdown, months, regimes, and how often it was right.

Returns are simple, one a session, finite (ValueError otherwise). What cannot be computed is NaN.
"""

import math
from dataclasses import dataclass
from datetime import date
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from tenthman.domain.market import Floats, Sessions
from tenthman.ml.sharpe import SESSIONS_A_YEAR, checked

TREND_SESSIONS = 200
VOLATILITY_SESSIONS = 20

Codes = NDArray[np.int8]


class Regime(IntEnum):
    """The index at the close before a session: above or below its 200-session mean, quieter or wilder than its median.

    UNKNOWN while the index has fewer than 200 closes.
    """

    UNKNOWN = -1
    RISING_CALM = 0
    RISING_WILD = 1
    FALLING_CALM = 2
    FALLING_WILD = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawdown:
    """The deepest fall from a peak: `depth` as a fraction at least 0, and its sessions.

    `peak`: of the highest equity before; None: the start. `recovered`: the first at the peak again; None: not yet.
    `sessions` counts from the peak to the recovery, or to the end. `longest` is the longest time below a peak.
    """

    depth: float
    peak: date | None
    bottom: date | None
    recovered: date | None
    sessions: int
    longest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One part of a period (a year, a regime): how many sessions, and what was earned in it."""

    sessions: int
    total_return: float
    sharpe: float
    excess: float


def total_return(returns: Floats) -> float:
    """Growth over the whole series; 0 for an empty one."""
    return float(np.prod(1.0 + checked(returns))) - 1.0


def growth_rate(returns: Floats) -> float:
    """Compound growth a year of 252 sessions; NaN for none, -1 once everything is lost."""
    values = checked(returns)
    if not len(values):
        return math.nan
    final = float(np.prod(1.0 + values))
    return final ** (SESSIONS_A_YEAR / len(values)) - 1.0 if final > 0.0 else -1.0


def volatility(returns: Floats) -> float:
    """Standard deviation (n - 1) a year; NaN for fewer than two returns."""
    values = checked(returns)
    return float(values.std(ddof=1)) * math.sqrt(SESSIONS_A_YEAR) if len(values) > 1 else math.nan


def drawdowns(returns: Floats) -> Floats:
    """How far below its highest point so far (the start included) the series lies, as fractions at most 0."""
    equity = np.cumprod(1.0 + checked(returns))
    result: Floats = equity / np.maximum(np.maximum.accumulate(equity), 1.0) - 1.0
    return result


def drawdown(returns: Floats, sessions: Sessions) -> Drawdown:
    """The deepest drawdown of `returns`, one a session of `sessions`, and the longest time under water."""
    below = drawdowns(returns)
    if len(below) != len(sessions):
        raise ValueError(f"`sessions` must be as many as `returns`, {len(below)}, were {len(sessions)}")
    days: list[date] = sessions.tolist()
    under = below < 0.0
    if not bool(under.any()):
        return Drawdown(depth=0.0, peak=None, bottom=None, recovered=None, sessions=0, longest=0)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], under, [False]]).astype(np.int8)))
    first, beyond = edges[::2], edges[1::2]
    bottom = int(np.argmin(below))
    spell = int(np.searchsorted(first, bottom, side="right")) - 1
    start, end = int(first[spell]), int(beyond[spell])
    # A recovery takes place in the session after the spell; one that runs to the end has none.
    lengths = np.where(beyond < len(below), beyond - first + 1, beyond - first)
    return Drawdown(
        depth=-float(below[bottom]),
        peak=days[start - 1] if start else None,
        bottom=days[bottom],
        recovered=days[end] if end < len(below) else None,
        sessions=int(lengths[spell]),
        longest=int(lengths.max()),
    )


def rolling_sharpe(returns: Floats, window: int) -> Floats:
    """Annualised Sharpe ratio of the `window` sessions up to each; NaN before there are so many or where none moves."""
    values = checked(returns)
    if window < 2:
        raise ValueError(f"`window` must be at least 2, was {window}")
    result = np.full(len(values), np.nan)
    if len(values) < window:
        return result
    views = np.lib.stride_tricks.sliding_window_view(values, window)
    spread = views.std(axis=1, ddof=1)
    moving = spread > 1e-12
    result[window - 1 :][moving] = views.mean(axis=1)[moving] / spread[moving] * math.sqrt(SESSIONS_A_YEAR)
    return result


def monthly_returns(returns: Floats, sessions: Sessions) -> dict[str, float]:
    """Compound return of each calendar month, "2019-01" and so on, in order."""
    return _compound(checked(returns), sessions.astype("datetime64[M]"))


def yearly_returns(returns: Floats, sessions: Sessions) -> dict[str, float]:
    """Compound return of each calendar year, "2019" and so on, in order."""
    return _compound(checked(returns), sessions.astype("datetime64[Y]"))


def hit_rate(profits: Floats) -> float:
    """Share of `profits` above 0; NaN for none."""
    values = checked(profits)
    return float(np.mean(values > 0.0)) if len(values) else math.nan


def profit_factor(profits: Floats) -> float:
    """What the winners made over what the losers lost; NaN without a loser."""
    values = checked(profits)
    lost = -float(values[values < 0.0].sum())
    return float(values[values > 0.0].sum()) / lost if lost > 0.0 else math.nan


def regimes(closes: Floats) -> Codes:
    """The `Regime` known before each session, from the index's `closes` (sessions,): row i reads rows before i only.

    Wild: the volatility of the last 20 sessions lies above the median of all such volatilities so far. Sessions
    without a close (NaN) take over the last one.
    """
    known = _carried_forward(closes)
    codes = np.full(len(known), int(Regime.UNKNOWN), dtype=np.int8)
    moves = np.diff(np.log(known))
    recent = np.full(len(known), np.nan)
    if len(moves) >= VOLATILITY_SESSIONS:
        recent[VOLATILITY_SESSIONS:] = np.lib.stride_tricks.sliding_window_view(moves, VOLATILITY_SESSIONS).std(axis=1)
    for row in range(TREND_SESSIONS, len(known)):
        before = known[row - TREND_SESSIONS : row]
        if not bool(np.isfinite(before).all()):
            continue
        falling = before[-1] <= before.mean()
        wild = recent[row - 1] > np.nanmedian(recent[:row])
        codes[row] = 2 * int(falling) + int(wild)
    return codes


def slices(returns: Floats, against: Floats, keys: NDArray[np.generic]) -> dict[str, Slice]:
    """`returns` split by `keys` (one a session), in order of the keys.

    `excess` is the mean of `returns` less `against`, a year; the Sharpe ratio is annualised, NaN below 20 sessions.
    """
    values, other = checked(returns), checked(against)
    found = {}
    for key in np.unique(keys):
        here = keys == key
        part = values[here]
        moves = len(part) >= 20 and float(part.std(ddof=1)) > 1e-12
        found[str(key)] = Slice(
            sessions=len(part),
            total_return=total_return(part),
            sharpe=float(part.mean() / part.std(ddof=1)) * math.sqrt(SESSIONS_A_YEAR) if moves else math.nan,
            excess=float(np.mean(part - other[here])) * SESSIONS_A_YEAR,
        )
    return found


def _compound(values: Floats, periods: NDArray[np.datetime64]) -> dict[str, float]:
    if len(values) != len(periods):
        raise ValueError(f"`sessions` must be as many as `returns`, {len(values)}, were {len(periods)}")
    return {str(period): float(np.prod(1.0 + values[periods == period])) - 1.0 for period in np.unique(periods)}


def _carried_forward(closes: Floats) -> Floats:
    known = np.isfinite(closes)
    last = np.maximum.accumulate(np.where(known, np.arange(len(closes)), -1))
    return np.where(last >= 0, closes[np.maximum(last, 0)], np.nan)
