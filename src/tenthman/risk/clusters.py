"""Clusters: names whose daily moves go together count as one bet.

A cluster is a candidate's own: every name of the book whose closes, over the last sessions, moved with its own by more
than the stated correlation. Moves are whole millionths, so that the backtest's compiled loop finds the very same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tenthman.config import ClusterRules
from tenthman.domain.market import Floats, Panel
from tenthman.risk.arithmetic import NOT_KNOWN, ONE, is_apart

MOST = 2.0
"""A larger move counts as this: sums of squares stay within 64 bits."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moves:
    """The last moves of each ticker, oldest first, in millionths; NOT_KNOWN where a bar is missing."""

    by_ticker: Mapping[str, Sequence[int]]


def moves_of(close: Floats) -> NDArray[np.int64]:
    """Moves from session to session in millionths, for closes (sessions, tickers); the first row is NOT_KNOWN."""
    found = np.full(close.shape, NOT_KNOWN, dtype=np.int64)
    with np.errstate(divide="ignore", invalid="ignore"):
        moves = close[1:] / close[:-1] - 1.0
    known = np.isfinite(moves)
    found[1:][known] = np.rint(np.clip(moves[known], -MOST, MOST) * ONE).astype(np.int64)
    return found


def last_moves(panel: Panel, rules: ClusterRules | None) -> Moves | None:
    """The moves that `rules` look at, up to the panel's last session; None where no rule asks."""
    if rules is None:
        return None
    rows = moves_of(panel.close[-rules.sessions - 1 :])[-rules.sessions :]
    missing = rules.sessions - len(rows)
    columns = [[NOT_KNOWN] * missing + column for column in rows.T.tolist()]
    return Moves(by_ticker=dict(zip(panel.tickers, columns, strict=True)))


def apart_from(ticker: str, others: Sequence[str], moves: Moves | None, highest: int) -> frozenset[str]:
    """Those of `others` whose moves are known not to go with those of `ticker`: correlation `highest` at most."""
    if moves is None or ticker not in moves.by_ticker:
        return frozenset()
    own = moves.by_ticker[ticker]
    return frozenset(
        name for name in others if name in moves.by_ticker and is_apart(own, moves.by_ticker[name], highest)
    )
