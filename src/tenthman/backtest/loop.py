"""One account over many sessions, compiled: when things happen. What they come to is the desk's own arithmetic.

Follows the desk's steps (`scheduler.orchestrator`, `scheduler.intraday`) on the replayed market (`exchange.market`)
with the committee off. Money and prices are in 1/10,000 USD, fractions of the session in 0..1. A line is a position
or an entry at work; at most one per ticker. State lives in arrays alone, so that a run can stop before any session
and go on.
"""

import math
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tenthman.backtest.compiled import (
    add_up,
    caps,
    compare,
    compiled,
    drawdowns,
    e4,
    entrance,
    fill_price,
    first_touch,
    gates,
    holding_reason,
    is_apart,
    latch,
    loss_a_share,
    path_price,
    propose,
    rearms,
    whole_volume,
)
from tenthman.backtest.result import OrderEnd, PurposeCode, ReasonCode, Table
from tenthman.domain.market import Floats
from tenthman.exchange.arithmetic import NEVER
from tenthman.risk.arithmetic import ACTIVE, GATES, HALTED, HOLD, LEFT, LONG_AGO, LOST, LOST_MOST
from tenthman.risk.numbers import OFF, RuleNumbers, StopNumbers

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
    + [(name, "i8") for name in ("order", "sequence", "exit_order", "exit_sequence")]
    + [(name, "i8") for name in ("open", "low", "high", "close", "has_bar", "last")]
    + [("event", "i8"), ("at", "f8")]
)
"""`stop` 0: no bracket rests. `exit_order` -1: none is at work. `event` at `at` is what fills next in this session."""

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
    median_volume: Floats
    steps: Floats
    afternoon: NDArray[np.int32]
    issuer: NDArray[np.int32]
    sector: NDArray[np.int32]
    faults: NDArray[np.int32]
    barred: NDArray[np.bool_]
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
def _number(value: int) -> int:
    """`value` in 64 bits: of every function that it reaches, a literal or a narrower number would compile a copy."""
    return int(np.int64(value))


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
        _session(prices, terms, run, session)
    return count


@compiled
def _session(prices: Prices, terms: Terms, run: Run, session: int) -> None:
    account = run.account[0]
    _read_bars(prices, run, session)
    _morning(prices, terms, run, session)
    _open(prices, run, session)
    afternoon = prices.afternoon[session]
    for step in range(prices.steps.shape[1]):
        fraction = prices.steps[session, step]
        if math.isnan(fraction):
            break
        _walk(terms, run, session, fraction)
        _check(prices, terms, run, session, step + 1, fraction)
        if step == afternoon:
            _decide(prices, terms, run, session, step + 1, fraction)
    _walk(terms, run, session, AT_CLOSE)
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
        _move(run, session, _number(0), _number(ACTIVE))
        account["peak"], account["week_start"] = 0, account["equity"]
    _settle(run, BEFORE_OPEN)
    _decide(prices, terms, run, session, _number(0), BEFORE_OPEN)


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
    _settle(run, AT_CLOSE)
    _move_latch(terms, run, session, steps + 1)
    _cancel_entries(run)
    account["day_start"] = account["equity"]


@compiled
def _check(prices: Prices, terms: Terms, run: Run, session: int, step: int, fraction: float) -> None:
    """Take stock, move the latch, and unless the desk may trade on, withdraw entries and sell what is held."""
    account = run.account[0]
    _settle(run, fraction)
    _move_latch(terms, run, session, step)
    if account["state"] == ACTIVE:
        return
    _cancel_entries(run)
    if account["state"] != HALTED:
        _settle(run, fraction)
        _exits(prices, terms, run, session, step, fraction, prices.order[session, 0][:0])
        _settle(run, fraction)


@compiled
def _settle(run: Run, fraction: float) -> None:
    """Equity at the prices of `fraction`, and the peak since the desk was last re-armed."""
    account = run.account[0]
    equity = account["cash"]
    for place in range(account["lines"]):
        line = run.lines[place]
        if line["is_held"]:
            equity += line["quantity"] * _price(line, fraction)
            account["held"] = 1
    account["equity"] = equity
    account["peak"] = max(account["peak"], equity)
    if equity > EQUITY_MOST:
        account["overflow"] = 1


@compiled
def _price(line: Record, fraction: float) -> int:
    if line["has_bar"] == 0 or fraction == BEFORE_OPEN:
        return int(line["last"])
    return path_price(line["open"], line["low"], line["high"], line["close"], fraction)


@compiled
def _look(terms: Terms, run: Run) -> Numbers:
    """What `drawdowns` finds of the account as it is now."""
    account, found = run.account[0], run.books.drawdown
    drawdowns(account["equity"], account["peak"], account["day_start"], account["week_start"], terms.rules, found)
    return found


@compiled
def _move_latch(terms: Terms, run: Run, session: int, step: int) -> None:
    account, found = run.account[0], _look(terms, run)
    state = latch(account["state"], account["lines"] == 0, found[LOST], found[LOST_MOST])
    if state == account["state"]:
        return
    _move(run, session, step, state)


@compiled
def _move(run: Run, session: int, step: int, state: int) -> None:
    account = run.account[0]
    account["state"], account["idle_since"] = state, session
    move = run.moves[account["moves"]]
    move[0], move[1], move[2] = session, step, state
    account["moves"] += 1


@compiled
def _decide(prices: Prices, terms: Terms, run: Run, session: int, step: int, fraction: float) -> None:
    """One decision run: every holding by name, then every candidate by score, on the book as it was at the start."""
    slot = 0 if fraction == BEFORE_OPEN else 1
    known = prices.known[session, slot]
    order, excess = prices.order[session, slot], prices.excess[session, slot]
    last = math.ceil(terms.exit_fraction * known)
    while last > 0 and not excess[order[known - last]] < 0.0:
        last -= 1
    _open_books(prices, terms, run, fraction)
    _exits(prices, terms, run, session, step, fraction, order[known - last : known])
    entries = _number(0)
    for place in range(math.ceil(terms.entry_fraction * known)):
        ticker = _number(order[place])
        if not excess[ticker] > 0.0:
            break
        if not _was_held(run.books, ticker):
            entries += _entry(prices, terms, run, session, step, fraction, ticker, entries)


@compiled
def _was_held(books: Books, ticker: int) -> bool:
    """Whether the run began with a position in `ticker` (an entry at work is none: it holds back cash)."""
    for line in range(books.filled[0]):  # noqa: SIM110 # numba compiles no generator
        if books.ticker[line] == ticker and books.reserve[line] == 0:
            return True
    return False


@compiled
def _open_books(prices: Prices, terms: Terms, run: Run, fraction: float) -> None:
    """Write the book down as it is now; nothing that this run does to positions changes it."""
    account, books = run.account[0], run.books
    books.filled[0], books.equity[0], books.cash[0] = 0, account["equity"], account["cash"]
    books.bought[0] = account["bought"]
    for place in range(account["lines"]):
        line = run.lines[place]
        price = _price(line, fraction) if line["is_held"] else line["limit"]
        a_share = loss_a_share(price, line["stop"], terms.rules.gap)
        _book_line(prices, books, line["ticker"], line["quantity"], price, a_share, line["is_held"] == 0)


@compiled
def _book_line(
    prices: Prices, books: Books, ticker: int, quantity: int, price: int, at_risk: int, is_waiting: bool
) -> None:
    """Write down a line of which each share is worth `price` and would lose `at_risk` at its stop."""
    line = books.filled[0]
    books.ticker[line] = ticker
    books.issuer[line] = prices.issuer[ticker]
    books.sector[line] = prices.sector[ticker]
    books.value[line] = quantity * price
    books.risk[line] = quantity * at_risk
    books.reserve[line] = quantity * price if is_waiting else 0
    books.filled[0] = line + 1


@compiled
def _exits(
    prices: Prices, terms: Terms, run: Run, session: int, step: int, fraction: float, selling: NDArray[np.int32]
) -> None:
    """Decide every holding, by name; `selling` are the tickers that the model would sell."""
    account = run.account[0]
    for number in range(_sort_holdings(prices, run)):
        ticker = run.books.by_name[number]
        line = run.lines[_line_of(run, ticker)]
        says_sell = bool(np.any(selling == ticker))
        reason = holding_reason(
            account["state"],
            False,
            line["exit_order"] != NONE,
            line["stop"] > 0,
            session - line["opened"],
            terms.stops.horizon,
            says_sell,
        )
        if reason > HOLD:
            _send_exit(terms, run, session, step, fraction, ticker, reason)


@compiled
def _sort_holdings(prices: Prices, run: Run) -> int:
    """Write the tickers of all positions into `books.by_name`, in the order of the alphabet; how many."""
    by_name, count = run.books.by_name, 0
    for place in range(run.account[0]["lines"]):
        line = run.lines[place]
        if not line["is_held"]:
            continue
        ticker, at = line["ticker"], count
        while at > 0 and prices.alphabet[by_name[at - 1]] > prices.alphabet[ticker]:
            by_name[at] = by_name[at - 1]
            at -= 1
        by_name[at] = ticker
        count += 1
    return count


@compiled
def _line_of(run: Run, ticker: int) -> int:
    for place in range(run.account[0]["lines"]):
        if run.lines[place]["ticker"] == ticker:
            return place
    return NONE


@compiled
def _send_exit(terms: Terms, run: Run, session: int, step: int, fraction: float, ticker: int, reason: int) -> None:
    """Cancel the bracket and sell at the market: now inside hours, else at the open."""
    account, line = run.account[0], run.lines[_line_of(run, ticker)]
    account["sequence"] += 1
    line["stop"] = line["target"] = 0
    line["exit_order"] = _note_order(run, session, step, ticker, _number(EXIT), reason, line["quantity"])
    line["exit_sequence"] = account["sequence"]
    if fraction != BEFORE_OPEN:
        _plan(line, fraction)
        _walk(terms, run, session, fraction)


@compiled
def _note_order(run: Run, session: int, step: int, ticker: int, purpose: int, reason: int, quantity: int) -> int:
    """Enter an order without prices in the table; its row."""
    row = run.account[0]["orders"]
    run.account[0]["orders"] = row + 1
    order = run.orders[row]
    order["session"], order["step"], order["ticker"] = session, step, ticker
    order["purpose"], order["reason"], order["quantity"] = purpose, reason, quantity
    order["limit_e4"] = order["stop_e4"] = order["target_e4"] = 0
    order["end"] = AT_WORK
    return int(row)


@compiled
def _entry(
    prices: Prices, terms: Terms, run: Run, session: int, step: int, fraction: float, ticker: int, entries: int
) -> int:
    """Decide one candidate; 1 if it was given a size (whether or not the market then took it), else 0."""
    price, atr = _now(prices, session, ticker, fraction), e4(prices.atr[session, ticker])
    if price <= 0 or atr <= 0:
        return 0
    stops = terms.stops
    limit, stop, target = propose(price, atr, stops.offset, stops.stop_atr, stops.reward_risk)
    if stop <= 0:
        return 0
    run.account[0]["considered"] += 1
    quantity = _size(prices, terms, run, session, ticker, limit, stop, entries)
    if quantity == 0:
        return 0
    _book_line(prices, run.books, ticker, quantity, limit, loss_a_share(limit, stop, terms.rules.gap), True)
    run.books.bought[0] += quantity * limit
    # Orders in a name that will not trade again are refused once its first session without a bar has begun.
    if fraction == BEFORE_OPEN or not prices.gone[session, ticker]:
        order = _note_order(run, session, step, ticker, _number(ENTRY), _number(NO_REASON), quantity)
        run.account[0]["bought"] += quantity * limit
        _place(prices, terms, run, session, fraction, order, limit, stop, target)
    return 1


@compiled
def _now(prices: Prices, session: int, ticker: int, fraction: float) -> int:
    """What `ticker` is quoted at: the path inside hours, else and in a halt the last close."""
    if fraction == BEFORE_OPEN or math.isnan(prices.close[session, ticker]):
        return e4(prices.last_close[session, ticker])
    return path_price(
        e4(prices.open[session, ticker]),
        e4(prices.low[session, ticker]),
        e4(prices.high[session, ticker]),
        e4(prices.close[session, ticker]),
        fraction,
    )


@compiled
def _size(
    prices: Prices, terms: Terms, run: Run, session: int, ticker: int, limit: int, stop: int, entries: int
) -> int:
    """Whole shares that every rule allows; 0 when one denies, which is then counted."""
    account, books = run.account[0], run.books
    count, totals = books.filled[0], books.totals
    totals[:] = 0
    _find_cluster(prices, terms, run, session, ticker)
    add_up(books.value[:count], books.risk[:count], books.reserve[:count], totals)
    compare(
        books.ticker[:count],
        books.issuer[:count],
        books.sector[:count],
        books.value[:count],
        books.clustered[:count],
        ticker,
        prices.issuer[ticker],
        prices.sector[ticker],
        totals,
    )
    volume, found = whole_volume(prices.median_volume[session, ticker]), _look(terms, run)
    state, equity, cash = account["state"], books.equity[0], books.cash[0]
    since_stop = min(session - run.stopped[ticker], LONG_AGO)
    failed = gates(
        state,
        equity,
        found,
        entries,
        limit,
        volume,
        _number(prices.faults[session, ticker]),
        prices.barred[session, ticker],
        since_stop,
        totals,
        terms.rules,
        books.seen,
        books.limits,
        books.passed,
    )
    if failed != NONE:
        run.denials[failed] += 1
        return 0
    tightest = caps(
        equity,
        cash,
        found[LEFT],
        books.bought[0],
        limit,
        stop,
        volume,
        totals,
        terms.rules,
        books.seen,
        books.limits,
        books.shares,
    )
    if books.shares[tightest] < 1:
        run.denials[len(GATES) + tightest] += 1
    return int(books.shares[tightest])


@compiled
def _find_cluster(prices: Prices, terms: Terms, run: Run, session: int, ticker: int) -> None:
    """Mark the lines of the book that count as one bet with `ticker`; none where no rule asks."""
    books, highest = run.books, terms.rules.cluster_correlation
    count = prices.moves.shape[1] - len(prices.close) + 1
    own = prices.moves[ticker, session : session + count]
    for line in range(books.filled[0]):
        other = prices.moves[books.ticker[line], session : session + count]
        books.clustered[line] = highest != OFF and not is_apart(own, other, highest)


@compiled
def _place(
    prices: Prices,
    terms: Terms,
    run: Run,
    session: int,
    fraction: float,
    order: int,
    limit: int,
    stop: int,
    target: int,
) -> None:
    """Put an entry to work: from the open on, or inside hours at once."""
    account, row = run.account[0], run.orders[order]
    row["limit_e4"], row["stop_e4"], row["target_e4"] = limit, stop, target
    line = run.lines[account["lines"]]
    account["lines"] += 1
    line["ticker"], line["quantity"], line["order"] = row["ticker"], row["quantity"], order
    line["limit"], line["stop"], line["target"] = limit, stop, target
    line["opened"], line["is_held"], line["exit_order"] = session, 0, NONE
    line["sequence"] = account["sequence"] + 1
    account["sequence"] += 3
    _read_bar(prices, line, session)
    if fraction != BEFORE_OPEN:
        _plan(line, fraction)
        _walk(terms, run, session, fraction)


@compiled
def _read_bar(prices: Prices, line: Record, session: int) -> None:
    ticker = line["ticker"]
    line["last"] = e4(prices.last_close[session, ticker])
    line["has_bar"] = not math.isnan(prices.close[session, ticker])
    line["at"] = NEVER
    if line["has_bar"]:
        line["open"] = e4(prices.open[session, ticker])
        line["low"] = e4(prices.low[session, ticker])
        line["high"] = e4(prices.high[session, ticker])
        line["close"] = e4(prices.close[session, ticker])


@compiled
def _read_bars(prices: Prices, run: Run, session: int) -> None:
    for place in range(run.account[0]["lines"]):
        _read_bar(prices, run.lines[place], session)


@compiled
def _open(prices: Prices, run: Run, session: int) -> None:
    """Dividends, names that are gone, and then what each line does next from the opening print on."""
    account = run.account[0]
    run.dividends[session] = 0
    for number in range(_sort_holdings(prices, run)):
        ticker = run.books.by_name[number]
        line = run.lines[_line_of(run, ticker)]
        paid = e4(prices.dividends[session, ticker] * float(line["quantity"]))
        if paid > 0:
            account["cash"] += paid
            run.dividends[session] += paid
    for number in range(_sort_holdings(prices, run)):
        ticker = run.books.by_name[number]
        if prices.gone[session, ticker]:
            _pay_out(run, session, _line_of(run, ticker))
    for place in range(account["lines"] - 1, -1, -1):
        line = run.lines[place]
        if not line["is_held"] and prices.gone[session, line["ticker"]]:
            run.orders[line["order"]]["end"] = CANCELED
            _drop(run, place)
    for place in range(account["lines"]):
        _plan(run.lines[place], 0.0)


@compiled
def _pay_out(run: Run, session: int, place: int) -> None:
    """Close out a holding that will not trade again, at its last close; orders on it are cancelled."""
    line = run.lines[place]
    if line["exit_order"] != NONE:
        run.orders[line["exit_order"]]["end"] = CANCELED
    run.account[0]["cash"] += line["quantity"] * line["last"]
    _note_fill(run, session, 0.0, line, _number(DELISTED), _number(NONE), line["last"])
    _drop(run, place)


@compiled
def _cancel_entries(run: Run) -> None:
    for place in range(run.account[0]["lines"] - 1, -1, -1):
        line = run.lines[place]
        if not line["is_held"]:
            run.orders[line["order"]]["end"] = CANCELED
            _drop(run, place)


@compiled
def _drop(run: Run, place: int) -> None:
    """Forget a line: the last one takes its place."""
    account = run.account[0]
    account["lines"] -= 1
    if place != account["lines"]:
        run.lines[place] = run.lines[account["lines"]]


@compiled
def _plan(line: Record, start: float) -> None:
    """Find what fills next on this line from `start` to the close: `event` at `at`, NEVER if nothing does."""
    line["at"], line["event"] = NEVER, NONE
    if not line["has_bar"]:
        return
    bar = (line["open"], line["low"], line["high"], line["close"])
    if not line["is_held"]:
        line["event"] = ENTRY
        line["at"] = first_touch(bar[0], bar[1], bar[2], bar[3], line["limit"], True, start, AT_CLOSE)
    elif line["exit_order"] != NONE:
        line["event"], line["at"] = EXIT, start
    elif line["stop"] > 0:
        stopped = first_touch(bar[0], bar[1], bar[2], bar[3], line["stop"], True, start, AT_CLOSE)
        reached = first_touch(bar[0], bar[1], bar[2], bar[3], line["target"], False, start, AT_CLOSE)
        line["event"], line["at"] = (STOP, stopped) if stopped <= reached else (TARGET, reached)


@compiled
def _turn(line: Record) -> int:
    """Place of the order behind `event` in order of submission: a bracket is its entry, its stop, its target."""
    if line["event"] == EXIT:
        return int(line["exit_sequence"])
    if line["event"] == ENTRY:
        return int(line["sequence"])
    return int(line["sequence"]) + (1 if line["event"] == STOP else 2)


@compiled
def _walk(terms: Terms, run: Run, session: int, until: float) -> None:
    """Fill everything that fills up to and with `until`, in order of time, at one instant in order of submission."""
    account = run.account[0]
    while True:
        best = _number(NONE)
        for place in range(account["lines"]):
            line = run.lines[place]
            if line["at"] > until:
                continue
            if best == NONE or (line["at"], _turn(line)) < (run.lines[best]["at"], _turn(run.lines[best])):
                best = place
        if best == NONE:
            return
        if run.lines[best]["event"] == ENTRY:
            _fill_entry(terms, run, session, best)
        else:
            _fill_sale(terms, run, session, best)


@compiled
def _fill_entry(terms: Terms, run: Run, session: int, place: int) -> None:
    """Buy, unless that would take cash held back for others; then the bracket rests from this instant on."""
    account, line = run.account[0], run.lines[place]
    fraction, limit = line["at"], line["limit"]
    raw = min(path_price(line["open"], line["low"], line["high"], line["close"], fraction), limit)
    price = min(fill_price(raw, terms.cost_open if fraction == 0.0 else terms.cost_day, True), limit)
    held_back = 0
    for other in range(account["lines"]):
        if other != place and not run.lines[other]["is_held"]:
            held_back += run.lines[other]["quantity"] * run.lines[other]["limit"]
    if price * line["quantity"] > account["cash"] - held_back:
        run.orders[line["order"]]["end"] = REJECTED
        _drop(run, place)
        return
    account["cash"] -= price * line["quantity"]
    run.orders[line["order"]]["end"] = FILLED
    _note_fill(run, session, fraction, line, _number(ENTRY), line["order"], price)
    line["is_held"], line["opened"] = 1, session
    _plan(line, fraction)


@compiled
def _fill_sale(terms: Terms, run: Run, session: int, place: int) -> None:
    """Sell the whole line, through its stop, its target or an exit at the market."""
    line = run.lines[place]
    fraction, event = line["at"], line["event"]
    cost, order = terms.cost_open if fraction == 0.0 else terms.cost_day, line["order"]
    raw = path_price(line["open"], line["low"], line["high"], line["close"], fraction)
    if event == STOP:
        run.stopped[line["ticker"]] = session
        price = fill_price(min(raw, line["stop"]), terms.cost_stop, False)
    elif event == TARGET:
        price = max(fill_price(max(raw, line["target"]), cost, False), line["target"])
    else:
        order = line["exit_order"]
        run.orders[order]["end"] = FILLED
        price = fill_price(raw, cost, False)
    run.account[0]["cash"] += price * line["quantity"]
    _note_fill(run, session, fraction, line, event, order, price)
    _drop(run, place)


@compiled
def _note_fill(run: Run, session: int, fraction: float, line: Record, purpose: int, order: int, price: int) -> None:
    fill = run.fills[run.account[0]["fills"]]
    run.account[0]["fills"] += 1
    fill["session"], fill["fraction"], fill["ticker"] = session, fraction, line["ticker"]
    fill["purpose"], fill["order"] = purpose, order
    fill["quantity"], fill["price_e4"] = line["quantity"], price
