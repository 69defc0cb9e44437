"""The book as one decision run sees it: written down at its start, longer by each entry that it sends."""

from tenthman.backtest.compiled import compiled, loss_a_share
from tenthman.backtest.loop.lines import line_price
from tenthman.backtest.loop.state import Books, Prices, Run, Terms


@compiled
def open_books(prices: Prices, terms: Terms, run: Run, fraction: float) -> None:
    """Write the book down as it is now; nothing that this run does to positions changes it."""
    account, books = run.account[0], run.books
    books.filled[0], books.equity[0], books.cash[0] = 0, account["equity"], account["cash"]
    books.bought[0] = account["bought"]
    for place in range(account["lines"]):
        line = run.lines[place]
        price = line_price(line, fraction) if line["is_held"] else line["limit"]
        a_share = loss_a_share(price, line["stop"], terms.rules.gap)
        write_line(prices, books, line["ticker"], line["quantity"], price, a_share, line["is_held"] == 0)


@compiled
def write_line(
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
def was_held(books: Books, ticker: int) -> bool:
    """Whether the run began with a position in `ticker` (an entry at work is none: it holds back cash)."""
    for line in range(books.filled[0]):  # noqa: SIM110 # numba compiles no generator
        if books.ticker[line] == ticker and books.reserve[line] == 0:
            return True
    return False
