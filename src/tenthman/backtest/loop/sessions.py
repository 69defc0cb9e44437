"""The steps of a session in their order, and the sessions one after the other."""

import math

from tenthman.backtest.compiled import compiled, e4, entrance, rearms, whole_share
from tenthman.backtest.loop.book import open_books, was_held
from tenthman.backtest.loop.entries import decide_entry
from tenthman.backtest.loop.exits import decide_exits
from tenthman.backtest.loop.fills import cancel_entries, pay_out, plan, walk
from tenthman.backtest.loop.latch import move, move_latch, settle
from tenthman.backtest.loop.lines import drop, line_of, read_bars, sort_holdings
from tenthman.backtest.loop.state import (
    AT_CLOSE,
    BEFORE_OPEN,
    CANCELED,
    EXPIRED,
    NONE,
    SESSION_ROOM,
    Instant,
    Prices,
    Run,
    Terms,
    number,
)
from tenthman.backtest.loop.stops import raise_stops
from tenthman.risk.arithmetic import ACTIVE, HALTED


@entrance
def play(prices: Prices, terms: Terms, run: Run, first: int) -> int:
    """Trade the sessions from `first` on; the session before which the tables ran out of room, or their number."""
    count = len(prices.close)
    needed = SESSION_ROOM * terms.rules.max_positions
    account = run.account[0]
    for session in range(first, count):
        room = min(len(run.orders) - account["orders"], len(run.fills) - account["fills"])
        if room < needed or account["overflow"]:
            return session
        _trade(prices, terms, run, session)
    return count


@compiled
def _trade(prices: Prices, terms: Terms, run: Run, session: int) -> None:
    account = run.account[0]
    read_bars(prices, run, session)
    _morning(prices, terms, run, session)
    _open(prices, run, session)
    afternoon = prices.afternoon[session]
    for step in range(prices.steps.shape[1]):
        fraction = prices.steps[session, step]
        if math.isnan(fraction):
            break
        at = Instant(session, step + 1, fraction)
        walk(terms, run, session, fraction)
        _check(prices, terms, run, at)
        if step == afternoon:
            _decide(prices, terms, run, at)
    walk(terms, run, session, AT_CLOSE)
    _close(prices, terms, run, session)
    if account["held"]:
        account["idle_since"], account["held"] = session, 0
    run.equity[session], run.cash[session] = account["equity"], account["cash"]


@compiled
def _morning(prices: Prices, terms: Terms, run: Run, session: int) -> None:
    account = run.account[0]
    account["bought"] = 0
    if session == 0 or prices.week[session] != prices.week[session - 1]:
        account["week_start"] = account["day_start"]
    below = account["equity"] < account["peak"]
    if rearms(account["state"], session - account["idle_since"], below, terms.rules.rearm_after):
        move(run, session, number(0), number(ACTIVE))
        account["peak"], account["week_start"] = 0, account["equity"]
    settle(run, BEFORE_OPEN)
    _decide(prices, terms, run, Instant(session, number(0), BEFORE_OPEN))


@compiled
def _open(prices: Prices, run: Run, session: int) -> None:
    """Dividends, names that are gone, and then what each line does next from the opening print on."""
    _pay_dividends(prices, run, session)
    _clear_gone(prices, run, session)
    for place in range(run.account[0]["lines"]):
        plan(run.lines[place], 0.0)


@compiled
def _pay_dividends(prices: Prices, run: Run, session: int) -> None:
    run.dividends[session] = 0
    for place in range(sort_holdings(prices, run)):
        ticker = run.books.by_name[place]
        line = run.lines[line_of(run, ticker)]
        paid = e4(prices.dividends[session, ticker] * float(line["quantity"]))
        if paid > 0:
            run.account[0]["cash"] += paid
            run.dividends[session] += paid


@compiled
def _clear_gone(prices: Prices, run: Run, session: int) -> None:
    """Pay out what is held of names that will not trade again, and withdraw the entries in them."""
    for place in range(sort_holdings(prices, run)):
        ticker = run.books.by_name[place]
        if prices.gone[session, ticker]:
            pay_out(run, session, line_of(run, ticker))
    for place in range(run.account[0]["lines"] - 1, -1, -1):
        line = run.lines[place]
        if not line["is_held"] and prices.gone[session, line["ticker"]]:
            run.orders[line["order"]]["end"] = CANCELED
            drop(run, place)


@compiled
def _check(prices: Prices, terms: Terms, run: Run, at: Instant) -> None:
    """Take stock, move the latch, and unless the desk may trade on, withdraw entries and sell what is held."""
    account = run.account[0]
    settle(run, at.fraction)
    move_latch(terms, run, at.session, at.step)
    if account["state"] == ACTIVE:
        return
    cancel_entries(run)
    if account["state"] != HALTED:
        settle(run, at.fraction)
        decide_exits(prices, terms, run, at, prices.order[at.session, 0][:0])
        settle(run, at.fraction)


@compiled
def _decide(prices: Prices, terms: Terms, run: Run, at: Instant) -> None:
    """One decision run: every holding by name, then every candidate by score, on the book as it was at the start."""
    slot = 0 if at.fraction == BEFORE_OPEN else 1
    known = prices.known[at.session, slot]
    order, excess = prices.order[at.session, slot], prices.excess[at.session, slot]
    last = whole_share(terms.exit_fraction, known)
    while last > 0 and not excess[order[known - last]] < 0.0:
        last -= 1
    open_books(prices, terms, run, at.fraction)
    decide_exits(prices, terms, run, at, order[known - last : known])
    entries = number(0)
    for place in range(whole_share(terms.entry_fraction, known)):
        ticker = number(order[place])
        if not excess[ticker] > 0.0:
            break
        if not was_held(run.books, ticker):
            entries += decide_entry(prices, terms, run, at, ticker, entries)


@compiled
def _close(prices: Prices, terms: Terms, run: Run, session: int) -> None:
    account = run.account[0]
    for place in range(account["lines"]):
        line = run.lines[place]
        if line["exit_order"] != NONE:
            run.orders[line["exit_order"]]["end"] = EXPIRED
            line["exit_order"] = NONE
    steps = prices.steps.shape[1]
    while steps > 0 and math.isnan(prices.steps[session, steps - 1]):
        steps -= 1
    settle(run, AT_CLOSE)
    move_latch(terms, run, session, steps + 1)
    cancel_entries(run)
    raise_stops(prices, terms, run, session)
    account["day_start"] = account["equity"]
