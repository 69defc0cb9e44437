"""All that decisions read of a market over a period, as arrays: computed once, shared by every run of a sweep."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tenthman.domain.market import Floats, Sessions

MORNING, AFTERNOON = 0, 1

Integers = NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Inputs:
    """S sessions of the period, T tickers (the panel's columns, the index among them), two decision runs a session.

    `open`, `high`, `low`, `close` (S, T): bars of the session itself, float64 USD, NaN where a ticker has none.
    `last_close` (S, T): the latest close before the session, carried forward; NaN before the first bar.
    `gone` (S, T) bool: the ticker has no bar in this session nor later in the whole market (delisted).
    `dividends` (S, T): USD a share paid to who held at the close before; zeros when dividends are switched off.
    `excess` (S, 2, T): the model's score less its base score in the morning and the afternoon run; NaN for who sits
    out (no member, no bar in the last session, no price, no average true range, no features).
    `order` (S, 2, T) int32: columns by falling `excess`, ties by ticker, those with NaN last; `known` (S, 2) int32:
    how many are not NaN.
    `atr` (S, T): average true range at the last close before the session, USD. `lowest` (S, T): the lowest low of the
    sessions before that `structure_stop` looks at, USD; NaN where there is none or no rule asks.
    `median_volume` (S, T): shares, over the 20 sessions before.
    `steps` (S, K): fraction of the session at each step inside it, in order, NaN after the last; the column of the
    afternoon run in `afternoon` (S,) int32. The morning run comes before the first and the close step after the last.
    `issuer`, `sector` (T,) int32: numbers of groups.
    `faults` (S, T) int32: bars missing or flagged among the last that `data_quality` looks at; `barred` (S, T): a
    blackout. `doubtful` (S, T): the session's bar is not to be trusted, by its own numbers.
    `moves` (T, C - 1 + S) int64: column s to s + C holds the C moves that `cluster` looks at before session s
    (millionths, NOT_KNOWN where there is none); C is 1 where no rule asks.
    """

    sessions: Sessions
    tickers: tuple[str, ...]
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    last_close: Floats
    gone: NDArray[np.bool_]
    dividends: Floats
    excess: Floats
    order: Integers
    known: Integers
    atr: Floats
    lowest: Floats
    median_volume: Floats
    steps: Floats
    afternoon: Integers
    issuer: Integers
    sector: Integers
    faults: Integers
    barred: NDArray[np.bool_]
    doubtful: NDArray[np.bool_]
    moves: NDArray[np.int64]

    @property
    def cluster_sessions(self) -> int:
        """How many moves before each session `moves` holds."""
        return int(self.moves.shape[1]) - len(self.sessions) + 1

    def __post_init__(self) -> None:
        count, width = len(self.sessions), len(self.tickers)
        expected = {
            **dict.fromkeys(("open", "high", "low", "close", "last_close", "gone", "dividends"), (count, width)),
            **dict.fromkeys(("faults", "barred", "doubtful"), (count, width)),
            "moves": (width, max(count, self.moves.shape[-1])),
            **dict.fromkeys(("atr", "lowest", "median_volume"), (count, width)),
            **dict.fromkeys(("excess", "order"), (count, 2, width)),
            "known": (count, 2),
            "steps": (count, self.steps.shape[-1]),
            "afternoon": (count,),
            "issuer": (width,),
            "sector": (width,),
        }
        for name, shape in expected.items():
            array: NDArray[np.generic] = getattr(self, name)
            if array.shape != shape:
                raise ValueError(f"`{name}` must be of shape {shape}, was {array.shape}")
            array.flags.writeable = False
