"""What the compiled loop is handed, what it changes, and the codes that it writes down."""

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tenthman.backtest.compiled import compiled
from tenthman.backtest.result import OrderEnd, PurposeCode, ReasonCode, Table
from tenthman.domain.market import Floats
from tenthman.risk.numbers import RuleNumbers, StopNumbers

ENTRY, EXIT = int(PurposeCode.ENTRY), int(PurposeCode.EXIT)
TARGET, STOP, DELISTED = int(PurposeCode.TARGET), int(PurposeCode.STOP), int(PurposeCode.DELISTED)
AT_WORK, FILLED, CANCELED = int(OrderEnd.AT_WORK), int(OrderEnd.FILLED), int(OrderEnd.CANCELED)
EXPIRED, REJECTED = int(OrderEnd.EXPIRED), int(OrderEnd.REJECTED)
NO_REASON = int(ReasonCode.NONE)

NONE = -1
BEFORE_OPEN, AT_CLOSE = -1.0, 1.0
SESSION_ROOM = 8
"""Rows of the order and fill tables that one session can need, in multiples of `max_positions`."""

EQUITY_MOST = 5 * 10**12
"""1/10,000 USD; times a fraction in millionths it still fits 64 bits."""

LINE = np.dtype(
    [(name, "i8") for name in ("ticker", "quantity", "limit", "stop", "target", "opened", "is_held")]
    + [(name, "i8") for name in ("order", "sequence", "stop_sequence", "exit_order", "exit_sequence", "highest")]
    + [(name, "i8") for name in ("open", "low", "high", "close", "has_bar", "last")]
    + [("event", "i8"), ("at", "f8")]
)
"""`stop` 0: no bracket rests. `highest`: the highest close held, kept where stops follow it. `exit_order` -1: none is
at work. `event` at `at` is what fills next in this session."""

ACCOUNT = np.dtype(
    [(name, "i8") for name in ("cash", "equity", "peak", "day_start", "week_start", "state", "idle_since")]
    + [(name, "i8") for name in ("sequence", "bought")]
    + [(name, "i8") for name in ("lines", "orders", "fills", "moves", "considered", "overflow", "held")]
)
"""`bought`: what entries were sent for in this session; `held`: whether it saw anything held. `idle_since`: the last
session that did, or in which the latch moved."""

Numbers = NDArray[np.int64]

Record: TypeAlias = Any
"""One row of a structured array, through which it is changed; numpy's types do not tell one from an array."""


class Prices(NamedTuple):
    """The arrays of `Inputs` that the loop reads, each ticker's place in the alphabet, and each session's week."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    last_close: Floats
    gone: NDArray[np.bool_]
    dividends: Floats
    excess: Floats
    order: NDArray[np.int32]
    known: NDArray[np.int32]
    atr: Floats
    lowest: Floats
    median_volume: Floats
    steps: Floats
    afternoon: NDArray[np.int32]
    issuer: NDArray[np.int32]
    sector: NDArray[np.int32]
    faults: NDArray[np.int32]
    barred: NDArray[np.bool_]
    doubtful: NDArray[np.bool_]
    moves: Numbers
    alphabet: Numbers
    week: Numbers


class Terms(NamedTuple):
    """What a run is told. Costs are in millionths of price, as in `FillCosts`."""

    rules: RuleNumbers
    stops: StopNumbers
    entry_fraction: float
    exit_fraction: float
    cost_day: int
    cost_open: int
    cost_stop: int


class Instant(NamedTuple):
    """A step of a session: which session, which of its steps, and the fraction of it that has passed."""

    session: int
    step: int
    fraction: float


class Books(NamedTuple):
    """The book as one decision run sees it: one row a line, in `filled[0]` rows; from `by_name` on, also scratch."""

    filled: Numbers
    equity: Numbers
    cash: Numbers
    bought: Numbers
    by_name: Numbers
    ticker: Numbers
    issuer: Numbers
    sector: Numbers
    value: Numbers
    risk: Numbers
    reserve: Numbers
    clustered: NDArray[np.bool_]
    drawdown: Numbers
    totals: Numbers
    seen: Numbers
    limits: Numbers
    shares: Numbers
    passed: NDArray[np.bool_]


class Run(NamedTuple):
    """Everything that changes: `account` has one row, `lines` as many as positions are allowed.

    `stopped`: the session of each ticker's last stop, far in the past where it had none.
    """

    account: Table
    lines: Table
    stopped: Numbers
    books: Books
    orders: Table
    fills: Table
    moves: Numbers
    denials: Numbers
    equity: Numbers
    cash: Numbers
    dividends: Numbers


@compiled
def number(value: int) -> int:
    """`value` in 64 bits: of every function that it reaches, a literal or a narrower number would compile a copy."""
    return int(np.int64(value))
