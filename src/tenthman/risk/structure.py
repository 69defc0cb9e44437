"""The structure of prices that a stop may hang from: the lowest low of the last sessions."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tenthman.config import StructureRules
from tenthman.domain.market import Floats, Panel


def lows_of(panel: Panel, rules: StructureRules | None) -> Floats:
    """The lowest low of the last `rules.sessions` bars of each ticker, up to and with each row; shape as the panel.

    Sessions without a bar are passed over; NaN where there is none at all, and everywhere where no rule asks.
    """
    if rules is None:
        return np.full(panel.low.shape, np.nan)
    before = np.full((rules.sessions - 1, panel.low.shape[1]), np.nan)
    windows = sliding_window_view(np.concatenate([before, panel.low]), rules.sessions, axis=0)
    return np.asarray(np.fmin.reduce(windows, axis=2))


def last_lows(panel: Panel, rules: StructureRules | None) -> Floats:
    """The last row of `lows_of` (tickers,), from no more rows than it needs. The panel must hold a session."""
    count = len(panel.sessions)
    needed = min(count, 1 if rules is None else rules.sessions)
    return np.asarray(lows_of(panel.rows(count - needed, count), rules)[-1])
