"""What stands in the account line by line: its bar, its price at an instant, where it is, and dropping it."""

import math

from tenthman.backtest.compiled import compiled, e4, path_price
from tenthman.backtest.loop.state import BEFORE_OPEN, NONE, Instant, Prices, Record, Run
from tenthman.exchange.arithmetic import NEVER


@compiled
def read_bar(prices: Prices, line: Record, session: int) -> None:
    """Put the bar of the session, if there is one, and the close before it into the line; nothing is planned yet."""
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
def read_bars(prices: Prices, run: Run, session: int) -> None:
    """`read_bar` for every line."""
    for place in range(run.account[0]["lines"]):
        read_bar(prices, run.lines[place], session)


@compiled
def line_price(line: Record, fraction: float) -> int:
    """What a share of the line is worth at `fraction`: as `quote`, from the bar that the line holds."""
    if line["has_bar"] == 0 or fraction == BEFORE_OPEN:
        return int(line["last"])
    return path_price(line["open"], line["low"], line["high"], line["close"], fraction)


@compiled
def quote(prices: Prices, at: Instant, ticker: int) -> int:
    """What `ticker` is quoted at: the path inside hours, else and in a halt the last close."""
    session = at.session
    if at.fraction == BEFORE_OPEN or math.isnan(prices.close[session, ticker]):
        return e4(prices.last_close[session, ticker])
    return path_price(
        e4(prices.open[session, ticker]),
        e4(prices.low[session, ticker]),
        e4(prices.high[session, ticker]),
        e4(prices.close[session, ticker]),
        at.fraction,
    )


@compiled
def line_of(run: Run, ticker: int) -> int:
    """Place of the line of `ticker`; NONE without one."""
    for place in range(run.account[0]["lines"]):
        if run.lines[place]["ticker"] == ticker:
            return place
    return NONE


@compiled
def sort_holdings(prices: Prices, run: Run) -> int:
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
def drop(run: Run, place: int) -> None:
    """Forget a line: the last one takes its place."""
    account = run.account[0]
    account["lines"] -= 1
    if place != account["lines"]:
        run.lines[place] = run.lines[account["lines"]]
