"""What a model's order of tickers earned on paper: the returns by which trials are compared and deflated.

No stops, no risk rules, no cash limits: a portfolio that follows the BUYs of every session. A backtest says what the
desk would have earned; this says, in a second, whether there was anything to earn.
"""

import numpy as np

from tenthman.domain.market import Floats
from tenthman.domain.money import whole_share
from tenthman.ml.labels import Mask


def paper_returns(
    excess: Floats, opens: Floats, eligible: Mask, *, horizon_sessions: int, entry_fraction: float, cost_bp: float
) -> Floats:
    """Return of each session in excess of all eligible tickers in equal weight, net of costs; shape (sessions,).

    `excess` (sessions, tickers) is the score above the base score after session t, NaN where there is none. After each
    session the best `entry_fraction` of those scored (rounded up, ties by column) are bought as far as they lie above
    0, in equal weight, with 1 / `horizon_sessions` of the capital, and held for so many sessions; trades are done at
    the next open, and each costs `cost_bp` basis points of its value. The return of session t runs from the open of
    t + 1 to that of t + 2: 0 in the last two sessions, before the first score, and for a ticker without both opens.
    """
    if not excess.shape == opens.shape == eligible.shape:
        raise ValueError(
            f"`opens` and `eligible` must be of shape {excess.shape}, were {opens.shape}, {eligible.shape}"
        )
    target = _picks(excess, entry_fraction)
    running = np.cumsum(target, axis=0)
    running[horizon_sessions:] -= running[:-horizon_sessions].copy()
    weights = running / horizon_sessions
    moves = np.zeros(opens.shape)
    moves[:-2] = np.nan_to_num(opens[2:] / opens[1:-1] - 1.0, nan=0.0)
    count = np.maximum(eligible.sum(axis=1), 1)
    everyone = (moves * eligible).sum(axis=1) / count
    invested = weights.sum(axis=1)
    before = np.vstack([np.zeros((1, weights.shape[1])), weights[:-1]])
    costs = np.abs(weights - before).sum(axis=1) * cost_bp / 10_000.0
    result: Floats = (weights * moves).sum(axis=1) - invested * everyone - costs
    result[-2:] = 0.0
    return result


def _picks(excess: Floats, entry_fraction: float) -> Floats:
    """Weights of what is bought after each session: they add up to 1, or to 0 where nothing is."""
    known = np.isfinite(excess)
    order = np.argsort(np.where(known, -excess, np.inf), axis=1, kind="stable")
    place = np.empty(order.shape, dtype=np.intp)
    np.put_along_axis(place, order, np.broadcast_to(np.arange(order.shape[1]), order.shape), axis=1)
    most = np.array([whole_share(entry_fraction, number) for number in known.sum(axis=1).tolist()])
    chosen = known & (place < most[:, np.newaxis]) & (np.nan_to_num(excess, nan=-1.0) > 0.0)
    held = np.maximum(chosen.sum(axis=1, keepdims=True), 1)
    result: Floats = chosen / held
    return result
