"""Constraints: what must hold before an entry is sized, and how many shares each limit leaves room for.

Two kinds. A gate passes or fails. A cap names the largest quantity it allows; the smallest cap sizes the order.
Unknown means no: a fact that is missing or not finite fails its gate or caps at zero. A rule that is off leaves no
check. The sums are those of `limits`; `record` puts them into words.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tenthman.domain.money import ceil_e4, floor_e4
from tenthman.domain.opinion import Proposal
from tenthman.risk import arithmetic, limits
from tenthman.risk.figures import BookFigures
from tenthman.risk.numbers import OFF
from tenthman.risk.record import Caps, Gates

_GATES, _CAPS = len(limits.GATES), len(limits.CAPS)

Totals = Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What risk may know of the ticker itself.

    `median_volume` in shares a session, None when unknown. `faults`: how many of its last bars are missing or flagged.
    `barred`: a blackout lies on it today. `apart`: names of the book whose moves are known to go their own way.
    """

    ticker: str
    issuer: str
    sector: str
    median_volume: float | None
    faults: int = 0
    barred: bool = False
    apart: frozenset[str] = frozenset()

    @property
    def whole_volume(self) -> int:
        """The median volume in whole shares, 0 when unknown."""
        return 0 if self.median_volume is None else arithmetic.whole_volume(self.median_volume)


def totals_of(candidate: Candidate, book: BookFigures) -> Totals:
    """The book's lines added up as `candidate` meets them."""
    apart = None if book.rules.max_cluster_fraction == OFF else candidate.apart
    return book.totals(candidate.ticker, candidate.issuer, candidate.sector, apart)


def gates(proposal: Proposal, candidate: Candidate, book: BookFigures, totals: Totals, entries_so_far: int) -> Gates:
    """Every yes-or-no rule, each applied whether or not an earlier one failed."""
    observed, asked, passed = [0] * _GATES, [0] * _GATES, [False] * _GATES
    failed = limits.gates(
        book.state,
        book.equity,
        book.drawdown,
        entries_so_far,
        floor_e4(proposal.limit_price),
        candidate.whole_volume,
        candidate.faults,
        candidate.barred,
        book.since_stop.get(candidate.ticker, limits.LONG_AGO),
        totals,
        book.rules,
        observed,
        asked,
        passed,
    )
    return Gates(observed, asked, passed, failed)


def caps(proposal: Proposal, candidate: Candidate, book: BookFigures, totals: Totals) -> Caps:
    """The room that the quantitative rules leave, in whole shares."""
    used, budgets, shares = list(book.used), list(book.budgets), [0] * _CAPS
    limit, stop, volume = ceil_e4(proposal.limit_price), floor_e4(proposal.stop_price), candidate.whole_volume
    tightest = limits.caps(limit, stop, volume, totals, book.rules, used, budgets, shares)
    return Caps(used, budgets, shares, tightest, limit, stop, volume)
