"""Orders at work and what fills them: the table of orders, the path of the bar through each line, and fills."""

from tenthman.backtest.compiled import compiled, fill_price, first_touch, path_price
from tenthman.backtest.loop.lines import drop
from tenthman.backtest.loop.state import (
    AT_CLOSE,
    AT_WORK,
    CANCELED,
    DELISTED,
    ENTRY,
    EXIT,
    FILLED,
    NONE,
    REJECTED,
    STOP,
    TARGET,
    Instant,
    Record,
    Run,
    Terms,
    number,
)
from tenthman.exchange.arithmetic import NEVER


@compiled
def note_order(run: Run, at: Instant, ticker: int, purpose: int, reason: int, quantity: int) -> int:
    """Enter an order without prices in the table; its row."""
    row = run.account[0]["orders"]
    run.account[0]["orders"] = row + 1
    order = run.orders[row]
    order["session"], order["step"], order["ticker"] = at.session, at.step, ticker
    order["purpose"], order["reason"], order["quantity"] = purpose, reason, quantity
    order["limit_e4"] = order["stop_e4"] = order["target_e4"] = 0
    order["end"] = AT_WORK
    return int(row)


@compiled
def _note_fill(run: Run, session: int, fraction: float, line: Record, purpose: int, order: int, price: int) -> None:
    fill = run.fills[run.account[0]["fills"]]
    run.account[0]["fills"] += 1
    fill["session"], fill["fraction"], fill["ticker"] = session, fraction, line["ticker"]
    fill["purpose"], fill["order"] = purpose, order
    fill["quantity"], fill["price_e4"] = line["quantity"], price


@compiled
def plan(line: Record, start: float) -> None:
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
    """Place of the order behind `event` in order of submission: a bracket is its entry, its stop, its target.

    A stop that was raised has a place of its own.
    """
    if line["event"] == EXIT:
        return int(line["exit_sequence"])
    if line["event"] == ENTRY:
        return int(line["sequence"])
    return int(line["stop_sequence"] if line["event"] == STOP else line["sequence"] + 2)


@compiled
def walk(terms: Terms, run: Run, session: int, until: float) -> None:
    """Fill everything that fills up to and with `until`, in order of time, at one instant in order of submission."""
    account = run.account[0]
    while True:
        best = number(NONE)
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
        drop(run, place)
        return
    account["cash"] -= price * line["quantity"]
    run.orders[line["order"]]["end"] = FILLED
    _note_fill(run, session, fraction, line, number(ENTRY), line["order"], price)
    line["is_held"], line["opened"] = 1, session
    plan(line, fraction)


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
    drop(run, place)


@compiled
def cancel_entries(run: Run) -> None:
    """Withdraw every entry that is at work."""
    for place in range(run.account[0]["lines"] - 1, -1, -1):
        line = run.lines[place]
        if not line["is_held"]:
            run.orders[line["order"]]["end"] = CANCELED
            drop(run, place)


@compiled
def pay_out(run: Run, session: int, place: int) -> None:
    """Close out a holding that will not trade again, at its last close; orders on it are cancelled."""
    line = run.lines[place]
    if line["exit_order"] != NONE:
        run.orders[line["exit_order"]]["end"] = CANCELED
    run.account[0]["cash"] += line["quantity"] * line["last"]
    _note_fill(run, session, 0.0, line, number(DELISTED), number(NONE), line["last"])
    drop(run, place)
