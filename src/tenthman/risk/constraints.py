"""Constraints: what must hold before an entry is sized, and how many shares each limit leaves room for.

Two kinds. A gate passes or fails. A cap names the largest quantity it allows; the smallest cap sizes the order.
Unknown means no: a fact that is missing or not finite fails its gate or caps at zero. The sums are those of
`arithmetic`; here the book's decimals become whole numbers, rounded against the trader where they are finer (a
fraction of a share, or a price beyond four decimals, counts with the next 1/10,000 USD), and the records get words.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from tenthman.config import RiskRules
from tenthman.domain.money import ONE, PRICE_SCALE, ceil_e4, floor_e4, usd
from tenthman.domain.opinion import Proposal
from tenthman.domain.order import Book, Check, TradingState
from tenthman.risk import arithmetic
from tenthman.risk.numbers import RuleNumbers, rule_numbers

STATES = (TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED)
"""The latch as `arithmetic` numbers it."""

BEYOND_ALL = 10**20
"""A sum (1/10,000 USD) that is not known: more than any limit leaves room for."""

_TOTALS = arithmetic.RESERVED + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What risk may know of the ticker itself. `median_volume` is in shares a session, None when unknown."""

    ticker: str
    issuer: str
    sector: str
    median_volume: float | None

    @property
    def whole_volume(self) -> int:
        """The median volume in whole shares, 0 when unknown."""
        return 0 if self.median_volume is None else arithmetic.whole_volume(self.median_volume)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """The most shares one rule allows, with what it looked at in USD or shares for the record."""

    rule: str
    shares: Decimal
    observed: str
    limit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Every cap in order, and the one that allows the fewest shares (the first among equals)."""

    caps: tuple[Cap, ...]
    tightest: Cap


def gates(
    proposal: Proposal, candidate: Candidate, book: Book, rules: RiskRules, entries_so_far: int
) -> tuple[Check, ...]:
    """Every yes-or-no rule, each applied whether or not an earlier one failed, so that a denial shows them all."""
    numbers = rule_numbers(rules)
    count = len(arithmetic.GATES)
    observed, limits, passed = [0] * count, [0] * count, [False] * count
    arithmetic.gates(
        STATES.index(book.state),
        _known(book.equity),
        max(drawdown_from(reference, book) for reference in rules.drawdown.references),
        entries_so_far,
        floor_e4(proposal.limit_price),
        candidate.whole_volume,
        totals(book, candidate.ticker, candidate.issuer, candidate.sector),
        numbers,
        observed,
        limits,
        passed,
    )
    words = _gate_words(observed, numbers, proposal, candidate, book)
    return tuple(
        Check(rule=rule, observed=seen, limit=limit, passed=passed[place])
        for place, (rule, (seen, limit)) in enumerate(zip(arithmetic.GATES, words, strict=True))
    )


def caps(proposal: Proposal, candidate: Candidate, book: Book, rules: RiskRules) -> Room:
    """The room each quantitative rule leaves, in whole shares."""
    numbers = rule_numbers(rules)
    count = len(arithmetic.CAPS)
    used, budgets, shares = [0] * count, [0] * count, [0] * count
    limit, stop = ceil_e4(proposal.limit_price), floor_e4(proposal.stop_price)
    equity = _known(book.equity)
    tightest = arithmetic.caps(
        equity,
        _known(book.cash),
        min(
            arithmetic.distance(equity, _reference(reference, book), numbers.drawdown_limit)
            for reference in rules.drawdown.references
        ),
        limit,
        stop,
        candidate.whole_volume,
        totals(book, candidate.ticker, candidate.issuer, candidate.sector),
        numbers,
        used,
        budgets,
        shares,
    )
    found = []
    for place, rule in enumerate(arithmetic.CAPS):
        a_share = limit - stop if place <= arithmetic.BUDGET_CAP else limit
        seen, most = f"{usd(used[place]):.2f} used, {usd(a_share):.2f} a share", f"{usd(budgets[place]):.2f}"
        if place == arithmetic.VOLUME_CAP:
            seen, most = f"median volume {candidate.whole_volume or 'unknown'}", f"{budgets[place]} shares"
        found.append(Cap(rule=rule, shares=Decimal(shares[place]), observed=seen, limit=most))
    return Room(caps=tuple(found), tightest=found[tightest])


def totals(book: Book, ticker: str, issuer: str, sector: str) -> list[int]:
    """The book's lines added up as a candidate meets them, by the places that `arithmetic` names."""
    held, waiting = book.positions, book.pending
    costs = [_at_least(item.quantity * item.limit_price) for item in waiting]
    found = [0] * _TOTALS
    arithmetic.tally(
        [*(item.ticker for item in held), *(item.ticker for item in waiting)],
        [*(item.issuer for item in held), *(item.issuer for item in waiting)],
        [*(item.sector for item in held), *(item.sector for item in waiting)],
        [*(_at_least(item.market_value) for item in held), *costs],
        [
            *(_at_least(item.open_risk_usd) for item in held),
            *(_at_least(item.quantity * (item.limit_price - item.stop_price)) for item in waiting),
        ],
        [*([0] * len(held)), *costs],
        ticker,
        issuer,
        sector,
        found,
    )
    found[arithmetic.TAKEN] += ticker in book.exiting
    return found


def open_risk(book: Book) -> Decimal:
    """USD lost if every stop fills at its price, pending entries counted as filled at their limit."""
    return usd(totals(book, "", "", "")[arithmetic.AT_RISK])


def exposure(book: Book, sector: str | None) -> Decimal:
    """USD in positions and pending entries, of one sector or (None) of all."""
    found = totals(book, "", "", sector or "")
    return usd(found[arithmetic.EXPOSURE if sector is None else arithmetic.OF_SECTOR])


def drawdown_from(reference: str, book: Book) -> int:
    """Millionths lost since `reference` ("peak" or "day_start"); ONE when it or equity is not a known number."""
    return arithmetic.drawdown(_known(book.equity), _reference(reference, book)) if book.equity.is_finite() else ONE


def _gate_words(
    observed: Sequence[int], numbers: RuleNumbers, proposal: Proposal, candidate: Candidate, book: Book
) -> list[tuple[str, str]]:
    """What each gate saw and what it asks for, in the order of `arithmetic.GATES`."""
    dollars = candidate.whole_volume * proposal.limit_price
    return [
        (book.state.value, TradingState.ACTIVE.value),
        (f"{book.equity:.2f}", "above 0"),
        (f"{observed[arithmetic.DRAWDOWN] / ONE:.4f}", f"below {numbers.drawdown_limit / ONE:g}"),
        (str(observed[arithmetic.ENTRIES]), f"at most {numbers.max_entries_per_run}"),
        ("held or pending" if observed[arithmetic.FREE] else "free", "free"),
        (str(observed[arithmetic.POSITIONS]), f"at most {numbers.max_positions}"),
        (str(observed[arithmetic.ISSUERS]), f"at most {numbers.max_positions_per_issuer}"),
        (str(proposal.limit_price), f"at least {usd(numbers.min_price)}"),
        (
            f"{dollars:.0f}" if candidate.whole_volume else "unknown",
            f"at least {numbers.min_dollar_volume // PRICE_SCALE}",
        ),
    ]


def _reference(reference: str, book: Book) -> int:
    start = book.peak_equity if reference == "peak" else book.day_start_equity
    return ceil_e4(start) if start.is_finite() else 0


def _known(amount: Decimal) -> int:
    """A sum rounded down, 0 when it is not finite."""
    return floor_e4(amount) if amount.is_finite() else 0


def _at_least(amount: Decimal) -> int:
    """A sum rounded up, more than any limit when it is not finite."""
    return ceil_e4(amount) if amount.is_finite() else BEYOND_ALL
