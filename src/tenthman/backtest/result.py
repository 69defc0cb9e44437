"""What a backtest leaves behind: orders, fills, and the account at each close. Every engine gives these."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from tenthman.domain.market import Floats, Sessions

PRICE_SCALE = 10_000
"""Prices and cash are whole numbers of 1/10,000 USD: the tick below one dollar, so that nothing is ever rounded."""


class PurposeCode(IntEnum):
    """Why an order or a fill exists; `domain.order.Purpose` as numbers, and what the exchange does by itself."""

    ENTRY = 0
    EXIT = 1
    TARGET = 2
    STOP = 3
    DELISTED = 4


class ReasonCode(IntEnum):
    """Why an EXIT was decided, as `Exit.reason` says it."""

    NONE = 0
    DRAWDOWN = 1
    UNPROTECTED = 2
    TIME = 3
    SIGNAL = 4


class OrderEnd(IntEnum):
    """How an order ended; AT_WORK at the end of the period."""

    AT_WORK = 0
    FILLED = 1
    CANCELED = 2
    EXPIRED = 3
    REJECTED = 4


ORDER = np.dtype(
    [
        ("session", "i4"),  # row of `sessions` in which it was sent
        ("step", "i2"),  # step of that session, 0 is the morning run
        ("ticker", "i4"),  # index into `tickers`
        ("purpose", "i1"),  # PurposeCode: ENTRY or EXIT
        ("reason", "i1"),  # ReasonCode of an EXIT
        ("quantity", "i8"),  # whole shares
        ("limit_e4", "i8"),  # entries only, else 0; 1/10,000 USD
        ("stop_e4", "i8"),
        ("target_e4", "i8"),
        ("end", "i1"),  # OrderEnd
    ]
)

FILL = np.dtype(
    [
        ("session", "i4"),
        ("fraction", "f8"),  # of the session, 0 the open and 1 the close
        ("ticker", "i4"),
        ("purpose", "i1"),  # PurposeCode
        ("order", "i4"),  # index of the ENTRY (also for its legs) or EXIT; -1 for DELISTED
        ("quantity", "i8"),
        ("price_e4", "i8"),
    ]
)

Table = NDArray[np.void]
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class LatchMove:
    """The drawdown latch moved: to "reducing", "halted" or "active" (re-armed by the stated rule)."""

    session: date
    step: int
    state: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BacktestResult:
    """One run over a period. Arrays are read-only; money in USD floats is exact to 1/10,000 below 9e11 USD.

    `equity`, `cash` and `held_value` are of shape (sessions,), at the official close, before regulatory fees, which
    `fees` holds by session. `orders` and `fills` are tables of dtype ORDER and FILL in the order in which they
    happened. `denials` counts entries denied by the first rule that failed or bound, `considered` all entry candidates.
    """

    sessions: Sessions
    tickers: tuple[str, ...]
    starting_cash: float
    equity: Floats
    cash: Floats
    held_value: Floats
    fees: Floats
    dividends: Floats
    orders: Table
    fills: Table
    denials: Mapping[str, int]
    considered: int
    latch: tuple[LatchMove, ...]

    def __post_init__(self) -> None:
        count = len(self.sessions)
        for name in ("equity", "cash", "held_value", "fees", "dividends"):
            array: Floats = getattr(self, name)
            if array.shape != (count,):
                raise ValueError(f"`{name}` must be of shape ({count},), was {array.shape}")
            array.flags.writeable = False
        if self.orders.dtype != ORDER or self.fills.dtype != FILL:
            raise ValueError("`orders` and `fills` must be tables of dtype ORDER and FILL")
        self.orders.flags.writeable = False
        self.fills.flags.writeable = False

    @property
    def net_equity(self) -> Floats:
        """Equity at each close after regulatory fees, USD."""
        return self.equity - np.cumsum(self.fees)

    @property
    def net_returns(self) -> Floats:
        """Simple return of each session on `net_equity`, the first one on the starting cash."""
        before = np.concatenate(([self.starting_cash], self.net_equity[:-1]))
        return self.net_equity / before - 1.0
