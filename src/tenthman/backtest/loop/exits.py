"""Leaving positions: what is decided about each holding, and the order that sells it."""

import numpy as np
from numpy.typing import NDArray

from tenthman.backtest.compiled import compiled, holding_reason
from tenthman.backtest.loop.fills import note_order, plan, walk
from tenthman.backtest.loop.lines import line_of, sort_holdings
from tenthman.backtest.loop.state import BEFORE_OPEN, EXIT, NONE, Instant, Prices, Run, Terms, number
from tenthman.risk.arithmetic import HOLD


@compiled
def decide_exits(prices: Prices, terms: Terms, run: Run, at: Instant, selling: NDArray[np.int32]) -> None:
    """Decide every holding, by name; `selling` are the tickers that the model would sell."""
    account = run.account[0]
    for place in range(sort_holdings(prices, run)):
        ticker = run.books.by_name[place]
        line = run.lines[line_of(run, ticker)]
        says_sell = bool(np.any(selling == ticker))
        reason = holding_reason(
            account["state"],
            False,
            line["exit_order"] != NONE,
            line["stop"] > 0,
            at.session - line["opened"],
            terms.stops.horizon,
            says_sell,
        )
        if reason > HOLD:
            _send_exit(terms, run, at, ticker, reason)


@compiled
def _send_exit(terms: Terms, run: Run, at: Instant, ticker: int, reason: int) -> None:
    """Cancel the bracket and sell at the market: now inside hours, else at the open."""
    account, line = run.account[0], run.lines[line_of(run, ticker)]
    account["sequence"] += 1
    line["stop"] = line["target"] = 0
    line["exit_order"] = note_order(run, at, ticker, number(EXIT), reason, line["quantity"])
    line["exit_sequence"] = account["sequence"]
    if at.fraction != BEFORE_OPEN:
        plan(line, at.fraction)
        walk(terms, run, at.session, at.fraction)
