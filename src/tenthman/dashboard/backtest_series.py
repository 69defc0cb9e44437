"""Figures by session, month and year out of a backtest's account: what charts and tables need, and no judgement."""

from collections.abc import Sequence
from datetime import date

import numpy as np

from tenthman.backtest.result import PRICE_SCALE, BacktestResult, PurposeCode
from tenthman.dashboard.backtest_summary import LatchRow, Values, YearRow
from tenthman.dashboard.backtest_trades import Trade
from tenthman.domain.market import Floats, Sessions
from tenthman.ml.sharpe import SESSIONS_A_YEAR
from tenthman.ml.statistics import monthly_returns, yearly_returns

ROLLING_SESSIONS = 63
TURNOVER_SESSIONS = 21


def year_rows(sessions: Sessions, returns: Floats, index: Floats, equal_weight: Floats) -> tuple[YearRow, ...]:
    """Returns by month and year; all arrays are finite and of shape (sessions,)."""
    months = monthly_returns(returns, sessions)
    beside_index, beside_equal = yearly_returns(index, sessions), yearly_returns(equal_weight, sessions)
    return tuple(
        YearRow(
            year=int(year),
            months=tuple(months.get(f"{year}-{number:02d}") for number in range(1, 13)),
            net_return=value,
            index=beside_index[year],
            equal_weight=beside_equal[year],
        )
        for year, value in yearly_returns(returns, sessions).items()
    )


def exposure(result: BacktestResult) -> Floats:
    """Share of equity that is invested at each close."""
    share: Floats = np.divide(
        result.held_value, result.equity, out=np.zeros(len(result.equity)), where=result.equity > 0
    )
    return share


def traded_value(result: BacktestResult) -> Floats:
    """USD that changed hands in each session, bought and sold."""
    worth = result.fills["quantity"] * result.fills["price_e4"] / PRICE_SCALE
    total: Floats = np.bincount(result.fills["session"], weights=worth, minlength=len(result.sessions)).astype(
        np.float64
    )
    return total


def rolling_turnover(result: BacktestResult, window: int = TURNOVER_SESSIONS) -> Floats:
    """Round trips of the whole account a year, from the `window` sessions up to each; NaN before."""
    share = traded_value(result) / 2.0 / np.maximum(result.equity, 1e-9)
    rate = np.full(len(share), np.nan)
    if len(share) >= window:
        rate[window - 1 :] = np.lib.stride_tricks.sliding_window_view(share, window).mean(axis=1) * SESSIONS_A_YEAR
    return rate


def positions(result: BacktestResult) -> tuple[int, ...]:
    """How many names are held at each close."""
    signs = np.where(result.fills["purpose"] == PurposeCode.ENTRY, 1, -1)
    change = np.zeros((len(result.sessions), len(result.tickers)), dtype=np.int64)
    np.add.at(change, (result.fills["session"], result.fills["ticker"]), signs * result.fills["quantity"])
    return tuple(int(number) for number in (change.cumsum(axis=0) > 0).sum(axis=1))


def endings(trades: Sequence[Trade]) -> dict[str, int]:
    """Trades by how they ended, the most frequent first."""
    ends: dict[str, int] = {}
    for trade in trades:
        ends[trade.ended_by] = ends.get(trade.ended_by, 0) + 1
    return dict(sorted(ends.items(), key=lambda item: (-item[1], item[0])))


def latch_rows(result: BacktestResult) -> tuple[LatchRow, ...]:
    """Every move of the trading state."""
    return tuple(LatchRow(session=move.session, step=move.step, state=move.state) for move in result.latch)


def longest_idle(result: BacktestResult, held: Sequence[int]) -> tuple[date, int]:
    """The longest run of sessions with nothing held though the trading state was active: its first, and how many.

    (the first session, 0) where there is none.
    """
    sessions = days(result.sessions)
    states = {move.session: move.state for move in result.latch}
    best, begun, length, state = (sessions[0], 0), sessions[0], 0, "active"
    for session, number in zip(sessions, held, strict=True):
        state = states.get(session, state)
        length = length + 1 if number == 0 and state == "active" else 0
        begun = session if length == 1 else begun
        best = max(best, (begun, length), key=lambda item: item[1])
    return best


def days(sessions: Sessions) -> tuple[date, ...]:
    """The sessions as dates."""
    return tuple(sessions.tolist())


def known(value: float) -> float | None:
    """`value`, or None when it is not a finite number."""
    return float(value) if np.isfinite(value) else None


def series(values: Floats, digits: int) -> Values:
    """`values` rounded, None for what is not a finite number: as JSON can hold them."""
    return tuple(round(value, digits) if np.isfinite(value) else None for value in values.tolist())
