"""How many shares of a candidate every rule allows, and which rule denies it."""

from tenthman.backtest.compiled import add_up, allowances, caps, compare, compiled, gates, is_apart, whole_volume
from tenthman.backtest.loop.latch import find_drawdowns
from tenthman.backtest.loop.state import NONE, Instant, Numbers, Prices, Run, Terms, number
from tenthman.risk.arithmetic import LEFT
from tenthman.risk.limits import GATES, LONG_AGO
from tenthman.risk.numbers import OFF


@compiled
def size(prices: Prices, terms: Terms, run: Run, at: Instant, ticker: int, limit: int, stop: int, entries: int) -> int:
    """Whole shares that every rule allows; 0 when one denies, which is then counted."""
    _total(prices, terms, run, at, ticker)
    found, volume = find_drawdowns(terms, run), whole_volume(prices.median_volume[at.session, ticker])
    failed = _first_closed(prices, terms, run, at, ticker, limit, entries, volume, found)
    if failed != NONE:
        run.denials[failed] += 1
        return 0
    tightest = _tightest(terms, run, limit, stop, volume, found)
    shares = run.books.shares[tightest]
    if shares < 1:
        run.denials[len(GATES) + tightest] += 1
    return int(shares)


@compiled
def _total(prices: Prices, terms: Terms, run: Run, at: Instant, ticker: int) -> None:
    """Sum up the book into `books.totals`: all of it, and what stands for one bet with `ticker`."""
    books = run.books
    count, totals = books.filled[0], books.totals
    totals[:] = 0
    _find_cluster(prices, terms, run, at, ticker)
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


@compiled
def _first_closed(
    prices: Prices,
    terms: Terms,
    run: Run,
    at: Instant,
    ticker: int,
    limit: int,
    entries: int,
    volume: int,
    found: Numbers,
) -> int:
    """Place of the first gate that keeps `ticker` out, NONE where all let it pass."""
    books = run.books
    return gates(
        run.account[0]["state"],
        books.equity[0],
        found,
        entries,
        limit,
        volume,
        number(prices.faults[at.session, ticker]),
        prices.barred[at.session, ticker],
        min(at.session - run.stopped[ticker], LONG_AGO),
        books.totals,
        terms.rules,
        books.seen,
        books.limits,
        books.passed,
    )


@compiled
def _tightest(terms: Terms, run: Run, limit: int, stop: int, volume: int, found: Numbers) -> int:
    """Place of the cap that allows the fewest shares; `books.shares` then holds what each allows."""
    books = run.books
    allowances(
        books.equity[0],
        books.cash[0],
        found[LEFT],
        books.bought[0],
        books.totals,
        terms.rules,
        books.seen,
        books.limits,
    )
    return caps(limit, stop, volume, books.totals, terms.rules, books.seen, books.limits, books.shares)


@compiled
def _find_cluster(prices: Prices, terms: Terms, run: Run, at: Instant, ticker: int) -> None:
    """Mark the lines of the book that count as one bet with `ticker`; none where no rule asks."""
    books, highest = run.books, terms.rules.cluster_correlation
    count = prices.moves.shape[1] - len(prices.close) + 1
    own = prices.moves[ticker, at.session : at.session + count]
    for line in range(books.filled[0]):
        other = prices.moves[books.ticker[line], at.session : at.session + count]
        books.clustered[line] = highest != OFF and not is_apart(own, other, highest)
