"""What doing nothing clever would have earned in the same sessions, at the same costs: the index, and equal weight."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tenthman.backtest.inputs import MORNING, Inputs
from tenthman.config import CostSettings
from tenthman.domain.errors import DataMissing
from tenthman.domain.market import Floats, Panel, Sessions
from tenthman.ml.statistics import Codes, regimes

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Benchmarks:
    """Net simple returns of each session, shape (sessions,), and the `Regime` known before each."""

    sessions: Sessions
    index_ticker: str
    index: Floats
    equal_weight: Floats
    regime: Codes


def make_benchmarks(inputs: Inputs, panel: Panel, index_ticker: str, costs: CostSettings) -> Benchmarks:
    """Both benchmarks over the sessions of `inputs`; `panel` is the whole market, for the regimes' 200 sessions.

    The index is bought at the first open and held. Equal weight holds what the desk could have chosen from (names with
    a score in the morning run and a bar), put right at the first open of each calendar month: daily would cost more
    than anyone pays, never would let winners take over. Every trade is at the open and pays half the spread and the
    open's slippage; nothing is sold at the end. Dividends are counted as far as `inputs` holds any; a delisted name
    becomes cash at its last close. Raises DataMissing when the index has no bar in the first session.
    """
    column = inputs.tickers.index(index_ticker)
    if not np.isfinite(inputs.open[0, column]):
        raise DataMissing(f"the index {index_ticker} must have a bar in the first session {inputs.sessions[0]}")
    rate = (costs.half_spread_bp + costs.open_slippage_bp) / 10_000.0
    first = np.zeros(len(inputs.sessions), dtype=np.bool_)
    first[0] = True
    months = inputs.sessions.astype("datetime64[M]")
    monthly = np.concatenate([[True], months[1:] != months[:-1]])
    only_index = np.zeros(inputs.open.shape, dtype=np.bool_)
    only_index[:, column] = True
    members = np.isfinite(inputs.excess[:, MORNING])
    place = int(np.searchsorted(panel.sessions, inputs.sessions[0]))
    closes = panel.close[: place + len(inputs.sessions), panel.column(index_ticker)]
    return Benchmarks(
        sessions=inputs.sessions,
        index_ticker=index_ticker,
        index=_held(inputs, only_index, first, rate),
        equal_weight=_held(inputs, members, monthly, rate),
        regime=regimes(closes)[place:],
    )


def _held(inputs: Inputs, among: Mask, when: Mask, rate: float) -> Floats:
    """Returns of equal parts of the names `among` (sessions, tickers), put right at the opens `when` (sessions,)."""
    shares, cash, before = np.zeros(len(inputs.tickers)), 1.0, 1.0
    returns = np.empty(len(inputs.sessions))
    marks = np.where(np.isfinite(inputs.last_close), inputs.last_close, 0.0)
    for row in range(len(returns)):
        leaving = inputs.gone[row] & (shares > 0.0)
        cash += float(shares @ np.nan_to_num(inputs.dividends[row])) + float(shares[leaving] @ marks[row, leaving])
        shares[leaving] = 0.0
        if when[row]:
            shares, cash = _put_right(shares, cash, inputs.open[row], among[row], rate)
        worth = cash + float(shares @ np.where(np.isfinite(inputs.close[row]), inputs.close[row], marks[row]))
        returns[row] = worth / before - 1.0
        before = worth
    return returns


def _put_right(shares: Floats, cash: float, prices: Floats, among: Mask, rate: float) -> tuple[Floats, float]:
    """Equal money in each of `among` that trades; what does not trade stays as it is, and costs come out of cash."""
    trading = np.isfinite(prices)
    chosen = among & trading
    if not bool(chosen.any()):
        return shares, cash
    quoted = np.where(trading, prices, 0.0)
    pot = cash + float(shares @ quoted)
    target = np.where(trading, 0.0, shares)
    target[chosen] = pot / chosen.sum() / prices[chosen]
    cost = rate * float(np.abs(target - shares) @ quoted)
    target[chosen] *= 1.0 - cost / pot
    return target, pot - float(target @ quoted) - cost
