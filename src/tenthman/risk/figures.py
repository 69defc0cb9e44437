"""The book in whole numbers, as the arithmetic of risk reads it: made once, then asked by every candidate of a run.

Unknown means no: a sum that is not finite counts as nothing where it gives room, and as more than any limit where it
takes room; so does a line whose quantity or price is not a positive number. What is finer than 1/10,000 USD (a fraction
of a share, a price beyond four decimals) is rounded against the trader.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from tenthman.domain.money import ceil_e4, floor_e4, usd
from tenthman.domain.order import Book, PendingEntry, TradingState
from tenthman.risk import arithmetic, limits
from tenthman.risk.numbers import RuleNumbers

STATES = (TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED)
"""The latch as `arithmetic` numbers it."""

BEYOND_ALL = 10**20
"""A sum (1/10,000 USD) that is not known: more than any limit leaves room for. Nobody owns as much, either."""

TOTALS = limits.OF_CLUSTER + 1
_CAPS = len(limits.CAPS)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BookFigures:
    """One row a line, holdings first, then entries at work; sums in 1/10,000 USD. `drawdown` as `drawdowns` found it.

    `budgets` and `used`: what each cap of `rules` allows, and what the lines have taken of it. `since_stop`: sessions
    since the last stop, by ticker.
    """

    rules: RuleNumbers
    state: int
    equity: int
    cash: int
    bought: int
    drawdown: tuple[int, ...]
    tickers: tuple[str, ...]
    issuers: tuple[str, ...]
    sectors: tuple[str, ...]
    values: tuple[int, ...]
    risks: tuple[int, ...]
    reserves: tuple[int, ...]
    sums: tuple[int, ...]
    budgets: tuple[int, ...]
    used: tuple[int, ...]
    exiting: frozenset[str]
    since_stop: Mapping[str, int]

    def totals(self, ticker: str, issuer: str, sector: str, apart: frozenset[str] | None = None) -> list[int]:
        """The lines added up as a candidate meets them, by the places that `arithmetic` names.

        `apart`: the names that are no bet on the same thing; None where nobody asks.
        """
        found = list(self.sums)
        clustered = () if apart is None else [name not in apart for name in self.tickers]
        limits.compare(self.tickers, self.issuers, self.sectors, self.values, clustered, ticker, issuer, sector, found)
        if ticker in self.exiting:
            found[limits.TAKEN] += 1
        return found

    def with_entry(self, item: PendingEntry) -> "BookFigures":
        """The book once `item` was sent: it counts as if it had filled."""
        cost = _value(item.quantity, item.limit_price)
        risk = _lost(item.quantity, item.limit_price, item.stop_price, self.rules.gap)
        values, risks, reserves = (*self.values, cost), (*self.risks, risk), (*self.reserves, cost)
        sums, bought = _sums(values, risks, reserves), self.bought + cost
        budgets, used = _allowances(self.rules, self.equity, self.cash, self.drawdown, bought, sums)
        return replace(
            self,
            bought=bought,
            tickers=(*self.tickers, item.ticker),
            issuers=(*self.issuers, item.issuer),
            sectors=(*self.sectors, item.sector),
            values=values,
            risks=risks,
            reserves=reserves,
            sums=sums,
            budgets=budgets,
            used=used,
        )

    @property
    def open_risk(self) -> int:
        """What is lost if every stop fills as far below its price as the gap allowance says."""
        return sum(self.risks)

    def exposure(self, sector: str | None = None) -> int:
        """Value of positions and entries at work, of one sector or (None) of all."""
        return sum(
            value for value, found in zip(self.values, self.sectors, strict=True) if sector is None or found == sector
        )


def figures_of(book: Book, rules: RuleNumbers) -> BookFigures:
    """`book` in whole numbers, with what `rules` allow on it."""
    held, waiting = book.positions, book.pending
    costs = [_value(item.quantity, item.limit_price) for item in waiting]
    values = (*(_value(item.quantity, item.current_price) for item in held), *costs)
    risks = (
        *(_lost(item.quantity, item.current_price, item.stop_price, rules.gap) for item in held),
        *(_lost(item.quantity, item.limit_price, item.stop_price, rules.gap) for item in waiting),
    )
    reserves = (*([0] * len(held)), *costs)
    sums = _sums(values, risks, reserves)
    equity, cash, drawdown = _at_most(book.equity), _at_most(book.cash), drawdown_of(book, rules)
    bought = _at_least(book.bought) if book.bought.is_finite() and book.bought >= 0 else BEYOND_ALL
    budgets, used = _allowances(rules, equity, cash, drawdown, bought, sums)
    return BookFigures(
        rules=rules,
        state=STATES.index(book.state),
        equity=equity,
        cash=cash,
        bought=bought,
        drawdown=drawdown,
        tickers=(*(item.ticker for item in held), *(item.ticker for item in waiting)),
        issuers=(*(item.issuer for item in held), *(item.issuer for item in waiting)),
        sectors=(*(item.sector for item in held), *(item.sector for item in waiting)),
        values=values,
        risks=risks,
        reserves=reserves,
        sums=sums,
        budgets=budgets,
        used=used,
        exiting=book.exiting,
        since_stop=book.since_stop,
    )


def drawdown_of(book: Book, numbers: RuleNumbers) -> tuple[int, ...]:
    """What `arithmetic.drawdowns` finds; a reference or an equity that is not a known number counts as all lost."""
    found = [0, 0, 0, 0]
    starts = (book.peak_equity, book.day_start_equity, book.week_start_equity)
    peak, day_start, week_start = (ceil_e4(start) if start.is_finite() else 0 for start in starts)
    arithmetic.drawdowns(_at_most(book.equity), peak, day_start, week_start, numbers, found)
    return tuple(found)


def _sums(values: Sequence[int], risks: Sequence[int], reserves: Sequence[int]) -> tuple[int, ...]:
    found = [0] * TOTALS
    limits.add_up(values, risks, reserves, found)
    return tuple(found)


def _allowances(
    rules: RuleNumbers, equity: int, cash: int, drawdown: Sequence[int], bought: int, sums: Sequence[int]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    budgets, used = [0] * _CAPS, [0] * _CAPS
    limits.allowances(equity, cash, drawdown[arithmetic.LEFT], bought, sums, rules, used, budgets)
    return tuple(budgets), tuple(used)


def _value(quantity: Decimal, price: Decimal) -> int:
    return _at_least(quantity * price) if _is_known(quantity) and _is_known(price) else BEYOND_ALL


def _lost(quantity: Decimal, price: Decimal, stop: Decimal | None, gap: int) -> int:
    if not (_is_known(quantity) and _is_known(price)):
        return BEYOND_ALL
    known_stop = floor_e4(stop) if stop is not None and _is_known(stop) else 0
    return _at_least(quantity * usd(arithmetic.loss_a_share(ceil_e4(price), known_stop, gap)))


def _is_known(number: Decimal) -> bool:
    return number.is_finite() and 0 < number < BEYOND_ALL


def _at_most(amount: Decimal) -> int:
    """A sum rounded down, 0 when it is not finite or too large to be one."""
    return floor_e4(amount) if amount.is_finite() and abs(amount) < BEYOND_ALL else 0


def _at_least(amount: Decimal) -> int:
    """A sum rounded up, more than any limit when it is not finite."""
    return ceil_e4(amount) if amount.is_finite() and amount < BEYOND_ALL else BEYOND_ALL
