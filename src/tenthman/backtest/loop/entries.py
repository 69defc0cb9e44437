"""Entering: the prices of a candidate's order, its size, and putting it to work."""

import math

from tenthman.backtest.compiled import compiled, e4, loss_a_share, propose, structured
from tenthman.backtest.loop.book import write_line
from tenthman.backtest.loop.fills import note_order, plan, walk
from tenthman.backtest.loop.lines import quote, read_bar
from tenthman.backtest.loop.sizing import size
from tenthman.backtest.loop.state import BEFORE_OPEN, ENTRY, NO_REASON, NONE, Instant, Prices, Run, Terms, number
from tenthman.risk.numbers import OFF


@compiled
def decide_entry(prices: Prices, terms: Terms, run: Run, at: Instant, ticker: int, entries: int) -> int:
    """Decide one candidate; 1 if it was given a size (whether or not the market then took it), else 0."""
    price, atr = quote(prices, at, ticker), e4(prices.atr[at.session, ticker])
    if price <= 0 or atr <= 0:
        return 0
    stops = terms.stops
    limit, stop, target = propose(price, atr, stops.offset, stops.stop_atr, stops.reward_risk)
    if terms.rules.structure_least != OFF:
        low = prices.lowest[at.session, ticker]
        if math.isnan(low) or e4(low) <= 0:
            return 0
        least, most = terms.rules.structure_least, terms.rules.structure_most
        stop, target = structured(limit, e4(low), atr, least, most, stops.reward_risk)
    if stop <= 0:
        return 0
    run.account[0]["considered"] += 1
    quantity = size(prices, terms, run, at, ticker, limit, stop, entries)
    if quantity == 0:
        return 0
    write_line(prices, run.books, ticker, quantity, limit, loss_a_share(limit, stop, terms.rules.gap), True)
    run.books.bought[0] += quantity * limit
    # Orders in a name that will not trade again are refused once its first session without a bar has begun.
    if at.fraction == BEFORE_OPEN or not prices.gone[at.session, ticker]:
        order = note_order(run, at, ticker, number(ENTRY), number(NO_REASON), quantity)
        run.account[0]["bought"] += quantity * limit
        _place(prices, terms, run, at, order, limit, stop, target)
    return 1


@compiled
def _place(prices: Prices, terms: Terms, run: Run, at: Instant, order: int, limit: int, stop: int, target: int) -> None:
    """Put an entry to work: from the open on, or inside hours at once."""
    account, row = run.account[0], run.orders[order]
    row["limit_e4"], row["stop_e4"], row["target_e4"] = limit, stop, target
    line = run.lines[account["lines"]]
    account["lines"] += 1
    line["ticker"], line["quantity"], line["order"] = row["ticker"], row["quantity"], order
    line["limit"], line["stop"], line["target"] = limit, stop, target
    line["opened"], line["is_held"], line["exit_order"] = at.session, 0, NONE
    line["sequence"], line["stop_sequence"] = account["sequence"] + 1, account["sequence"] + 2
    line["highest"] = 0
    account["sequence"] += 3
    read_bar(prices, line, at.session)
    if at.fraction != BEFORE_OPEN:
        plan(line, at.fraction)
        walk(terms, run, at.session, at.fraction)
