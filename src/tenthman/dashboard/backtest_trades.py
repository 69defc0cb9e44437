"""Round trips out of a backtest's fills: what was bought, how it ended, what it brought."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from tenthman.backtest.inputs import Inputs
from tenthman.backtest.result import PRICE_SCALE, BacktestResult, PurposeCode, ReasonCode, Table
from tenthman.domain.market import Floats

STILL_HELD = "still held"

_ENDINGS: Mapping[int, str] = {
    PurposeCode.TARGET: "target",
    PurposeCode.STOP: "stop",
    PurposeCode.DELISTED: "delisted",
}
_EXITS: Mapping[int, str] = {
    ReasonCode.DRAWDOWN: "drawdown stop",
    ReasonCode.UNPROTECTED: "unprotected",
    ReasonCode.TIME: "time",
    ReasonCode.SIGNAL: "signal",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """One round trip (USD, before regulatory fees and dividends); `exit_price` None while nothing of it is sold.

    `result_usd` counts what is still held at the last close; `result` is its share of what was paid.
    `sessions` counts the session it was opened in and the one it ended in (or the last one).
    """

    ticker: str
    opened: date
    closed: date | None
    ended_by: str
    sessions: int
    quantity: int
    entry_price: float
    exit_price: float | None
    result_usd: float
    result: float


@dataclass(slots=True)
class _Lot:
    """A position as it comes and goes; money in 1/10,000 USD."""

    ticker: int
    opened: int
    bought: int = 0
    sold: int = 0
    paid: int = 0
    received: int = 0
    ends: dict[str, int] = field(default_factory=dict)

    def fill(self, fill: Table, ended_by: str | None) -> None:
        quantity, price = int(fill["quantity"]), int(fill["price_e4"])
        if ended_by is None:
            self.bought += quantity
            self.paid += quantity * price
            return
        self.sold += quantity
        self.received += quantity * price
        self.ends[ended_by] = self.ends.get(ended_by, 0) + quantity


def trades(result: BacktestResult, inputs: Inputs) -> tuple[Trade, ...]:
    """All round trips in the order in which they were opened; raises ValueError where more was sold than bought."""
    marks = last_marks(inputs)
    found: list[tuple[_Lot, int | None]] = []
    held: dict[int, _Lot] = {}
    for fill in result.fills:
        ticker, row = int(fill["ticker"]), int(fill["session"])
        ended_by = _ended_by(result, fill)
        if ended_by is None:
            held.setdefault(ticker, _Lot(ticker, row)).fill(fill, None)
            continue
        lot = held.get(ticker)
        if lot is None or lot.sold + int(fill["quantity"]) > lot.bought:
            raise ValueError(f"{result.tickers[ticker]} {result.sessions[row]}: more was sold than had been bought")
        lot.fill(fill, ended_by)
        if lot.sold == lot.bought:
            found.append((held.pop(ticker), row))
    found += [(lot, None) for lot in held.values()]
    found.sort(key=lambda item: (item[0].opened, result.tickers[item[0].ticker]))
    return tuple(_trade(result, lot, closed, marks) for lot, closed in found)


def last_marks(inputs: Inputs) -> Floats:
    """The latest close of each ticker, shape (tickers,), USD; NaN for one without any bar."""
    known = np.isfinite(inputs.close)
    rows = len(known) - 1 - np.argmax(known[::-1], axis=0)
    latest: Floats = np.where(known.any(axis=0), inputs.close[rows, np.arange(known.shape[1])], inputs.last_close[0])
    return latest


def _ended_by(result: BacktestResult, fill: Table) -> str | None:
    purpose = int(fill["purpose"])
    if purpose == PurposeCode.ENTRY:
        return None
    if purpose == PurposeCode.EXIT:
        return _EXITS.get(int(result.orders[int(fill["order"])]["reason"]), "exit")
    return _ENDINGS[purpose]


def _trade(result: BacktestResult, lot: _Lot, closed: int | None, marks: Floats) -> Trade:
    left = lot.bought - lot.sold
    worth = left * float(marks[lot.ticker]) if left else 0.0
    gained = (lot.received - lot.paid) / PRICE_SCALE + worth
    last = len(result.sessions) - 1 if closed is None else closed
    return Trade(
        ticker=result.tickers[lot.ticker],
        opened=result.sessions[lot.opened].item(),
        closed=None if closed is None else result.sessions[closed].item(),
        ended_by=max(lot.ends, key=lambda name: lot.ends[name]) if closed is not None else STILL_HELD,
        sessions=last - lot.opened + 1,
        quantity=lot.bought,
        entry_price=lot.paid / lot.bought / PRICE_SCALE,
        exit_price=lot.received / lot.sold / PRICE_SCALE if lot.sold else None,
        result_usd=gained,
        result=gained / (lot.paid / PRICE_SCALE),
    )
