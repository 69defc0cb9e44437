"""Labels by triple barrier (Lopez de Prado, 2018, ch. 3), made of the very orders that the desk sends.

A decision on the close of session t places a limit order at close * (1 + offset) for session t+1, with a stop and a
target at distances from that limit. The label says which of the two the market touched first.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tenthman.config import StopRules
from tenthman.domain.market import Floats, Panel

CODE = "labels-1"
"""Changes whenever the same bars and rules would give other labels."""

SELL, HOLD, BUY, UNKNOWN = 0, 1, 2, -1

Classes = NDArray[np.int8]
Rows = NDArray[np.int32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Labels:
    """`y` int8 and `end_row` int32 of shape (sessions, tickers), read-only.

    `y` is BUY (target first), SELL (stop first), HOLD (neither within the horizon) or UNKNOWN (-1). `end_row` is the
    row of the last session that the label looked at, -1 where it is unknown: a row may serve in training only if its
    `end_row` lies before whatever it must not have seen.
    """

    y: Classes
    end_row: Rows

    def __post_init__(self) -> None:
        if self.y.shape != self.end_row.shape:
            raise ValueError(f"`end_row` must have the shape of `y` {self.y.shape}, was {self.end_row.shape}")
        if bool(np.any((self.y == UNKNOWN) != (self.end_row < 0))):
            raise ValueError("`end_row` must be -1 exactly where `y` is unknown")
        if bool(np.any((self.end_row <= np.arange(len(self.y))[:, None]) & (self.y != UNKNOWN))):
            raise ValueError("`end_row` must lie after the row of its label")
        self.y.flags.writeable = False
        self.end_row.flags.writeable = False


def triple_barrier(panel: Panel, atr: Floats, rules: StopRules) -> Labels:
    """Labels of every session and ticker of `panel`; `atr` is in USD, shape (sessions, tickers).

    Entry in session t+1 at the open, or at the limit if the session opened above it and fell to it; stop
    `rules.stop_atr` ATR below the limit, target `rules.reward_risk` times that distance above it. The sessions t+1 to
    t+`rules.horizon_sessions` are watched. Within one bar the stop comes first; an open beyond a barrier touches it.
    Unknown: no entry, no ATR, a stop at or below zero, a missing bar before a barrier is touched, or a window that
    reaches beyond the panel, even if a barrier was touched inside (else the last rows would know quick ends only).
    """
    shape = panel.close.shape
    if atr.shape != shape:
        raise ValueError(f"`atr` must have the panel's shape {shape}, was {atr.shape}")
    y = np.full(shape, UNKNOWN, dtype=np.int8)
    end_row = np.full(shape, -1, dtype=np.int32)
    decided = shape[0] - rules.horizon_sessions
    if decided <= 0:
        return Labels(y=y, end_row=end_row)
    limit, stop, target = barriers(panel.close[:decided], atr[:decided], rules)
    watched = np.asarray((stop < limit) & (stop > 0.0) & (panel.low[1 : decided + 1] <= limit))
    rows = np.arange(decided, dtype=np.int32)[:, None]
    for ahead in range(1, rules.horizon_sessions + 1):
        # An open beyond the target sells there before the bar can fall to the stop; an open beyond the stop needs no
        # look of its own, the low is no higher. In the entry session an open that high comes before the entry.
        low = panel.low[ahead : ahead + decided]
        high = panel.high[ahead : ahead + decided]
        opened_above = (panel.open[ahead : ahead + decided] >= target) & (ahead > 1)
        stopped = watched & (low <= stop) & ~opened_above
        reached = watched & (high >= target) & ~stopped
        _settle(y, end_row, stopped, SELL, rows + ahead)
        _settle(y, end_row, reached, BUY, rows + ahead)
        watched &= ~stopped & ~reached & ~np.isnan(low)
    _settle(y, end_row, watched, HOLD, rows + rules.horizon_sessions)
    return Labels(y=y, end_row=end_row)


def thirds(panel: Panel, atr: Floats, rules: StopRules, among: Mask) -> Labels:
    """Labels of what the same entries earned against each other: BUY the session's best third, SELL the worst.

    Whether a barrier is touched says mostly what the whole market did; which of a session's entries did better is what
    a choice between them needs. An entry earns, in units of the distance to its stop, what the exit that
    `triple_barrier` finds pays: the stop or the target (or the open beyond it), else the close of the last session.
    It is ranked within its session among those in `among` (bool, sessions x tickers) whose label is known; ties share
    their mean, all others are unknown. Each window ends with the horizon, because the others' ends count too.
    """
    from scipy.stats import rankdata

    if among.shape != panel.close.shape:
        raise ValueError(f"`among` must have the panel's shape {panel.close.shape}, was {among.shape}")
    touched = triple_barrier(panel, atr, rules)
    earned = np.where(among, _earned(panel, atr, rules, touched), np.nan)
    known = ~np.isnan(earned)
    place = (rankdata(earned, axis=1, nan_policy="omit") - 1.0) / np.maximum(known.sum(axis=1, keepdims=True) - 1, 1)
    y = np.full(earned.shape, UNKNOWN, dtype=np.int8)
    y[known] = HOLD
    y[known & (place < 1.0 / 3.0)] = SELL
    y[known & (place > 2.0 / 3.0)] = BUY
    rows = np.arange(len(y), dtype=np.int32)[:, np.newaxis]
    return Labels(y=y, end_row=np.where(known, rows + rules.horizon_sessions, -1).astype(np.int32))


def _earned(panel: Panel, atr: Floats, rules: StopRules, touched: Labels) -> Floats:
    """Earned by each entry in units of the distance to its stop; NaN where the label is unknown."""
    result = np.full(panel.close.shape, np.nan)
    row, column = np.nonzero(touched.y != UNKNOWN)
    end, label = touched.end_row[row, column], touched.y[row, column]
    limit, stop, target = barriers(panel.close[row, column], atr[row, column], rules)
    opened = panel.open[end, column]
    later = end > row + 1
    entry = np.minimum(limit, panel.open[row + 1, column])
    # A session's open beyond a barrier is where the exit fills; in the session of the entry the open comes before it.
    worst = np.minimum(stop, opened)
    best = np.where(later, np.maximum(target, opened), target)
    paid = np.select([label == SELL, label == BUY], [worst, best], panel.close[end, column])
    result[row, column] = (paid - entry) / (limit - stop)
    return result


def barriers(close: Floats, atr: Floats, rules: StopRules) -> tuple[Floats, Floats, Floats]:
    """Limit, stop and target (USD) of an order decided on `close` (USD) with `atr` (USD), as the desk trades them.

    Left in full precision: the desk rounds each price down to a cent, which moves a barrier by a few cents at most and
    never the class of a bar that goes clearly through it.
    """
    limit = close * (1.0 + rules.limit_offset_bp / 10_000.0)
    distance = rules.stop_atr * atr
    return limit, limit - distance, limit + rules.reward_risk * distance


def average_uniqueness(labels: Labels, used: Mask) -> Floats:
    """Weight of each label in `used`: the mean over its window of 1 / (labels of that ticker alive in the session).

    Lopez de Prado (2018, ch. 4), ticker by ticker; a window runs from the session after the decision to `end_row`.
    In 0..1; 0 outside `used`, which must not name an unknown label (ValueError).
    """
    if used.shape != labels.y.shape:
        raise ValueError(f"`used` must have the shape of the labels {labels.y.shape}, was {used.shape}")
    if bool(np.any(used & (labels.y == UNKNOWN))):
        raise ValueError("`used` must name known labels only")
    sessions, tickers = used.shape
    row, column = np.nonzero(used)
    last = labels.end_row[row, column]
    steps = np.zeros((sessions + 1, tickers))
    np.add.at(steps, (row + 1, column), 1.0)
    np.add.at(steps, (last + 1, column), -1.0)
    alive = np.cumsum(steps, axis=0)[:sessions]
    shares = np.zeros((sessions + 1, tickers))
    np.divide(1.0, alive, out=shares[1:], where=alive > 0)
    running = np.cumsum(shares, axis=0)
    weights = np.zeros(used.shape)
    weights[row, column] = (running[last + 1, column] - running[row + 1, column]) / (last - row)
    return weights


def _settle(y: Classes, end_row: Rows, where: Mask, value: int, ends: Rows) -> None:
    decided = len(where)
    y[:decided][where] = value
    end_row[:decided][where] = np.broadcast_to(ends, where.shape)[where]
