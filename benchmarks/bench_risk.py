"""Milliseconds to size and check 100 candidates against a book that fills up."""

import os
import sys
import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from tenthman_risk import a_book, a_candidate, a_proposal

from tenthman.config import RiskRules, load_config
from tenthman.domain.opinion import Proposal
from tenthman.domain.order import Denial, PendingEntry, SizedOrder
from tenthman.risk.constraints import Candidate
from tenthman.risk.controller import assess
from tenthman.risk.figures import figures_of
from tenthman.risk.numbers import rule_numbers

ROUNDS = 200
CANDIDATES = 100


def _asked(place: int, name: str) -> tuple[Proposal, Candidate]:
    """A proposal at a price of its own, in one of eleven sectors."""
    limit = Decimal(9_000 + 137 * place).scaleb(-2)
    levels = (limit, limit * 96 / 100, limit * 106 / 100)
    proposal = a_proposal(*(f"{level:.2f}" for level in levels), ticker=name)
    return proposal, a_candidate(name, sector=f"S{place % 11}", median_volume=5e6 + place)


def _sent(sized: SizedOrder, candidate: Candidate) -> PendingEntry:
    if sized.limit_price is None or sized.stop_price is None:
        raise ValueError("an entry must carry limit and stop prices")
    return PendingEntry(
        ticker=sized.ticker,
        issuer=candidate.issuer,
        sector=candidate.sector,
        quantity=sized.quantity,
        limit_price=sized.limit_price,
        stop_price=sized.stop_price,
    )


def _round(asked: Sequence[tuple[Proposal, Candidate]], rules: RiskRules) -> tuple[list[SizedOrder | Denial], float]:
    """What risk says of each on a book that starts empty, and the seconds that it took."""
    book, found = a_book(), []
    began = time.thread_time()
    figures = figures_of(book, rule_numbers(rules))
    for proposal, candidate in asked:
        sized = assess(proposal, candidate, figures, "d", 0)
        found.append(sized)
        if isinstance(sized, SizedOrder):
            figures = figures.with_entry(_sent(sized, candidate))
    return found, time.thread_time() - began


def _worded(found: Sequence[SizedOrder | Denial]) -> tuple[int, float]:
    """How many checks are on record, and the seconds that it takes to put them into words."""
    began = time.thread_time()
    count = sum(len(tuple(sized.checks)) for sized in found)
    return count, time.thread_time() - began


def main() -> None:
    """Print the median and the best of some rounds."""
    rules = load_config(None, os.environ).risk_rules
    asked = [_asked(place, f"C{place}") for place in range(CANDIDATES)]
    spent, worded = [], []
    for _ in range(ROUNDS):
        found, seconds = _round(asked, rules)
        checks, in_words = _worded(found)
        spent.append(seconds)
        worded.append(in_words)
    entered = sum(isinstance(sized, SizedOrder) for sized in found)
    print(
        f"size and check {CANDIDATES} candidates, {entered} of them entered: median {np.median(spent) * 1000:.1f} ms, "
        f"best {min(spent) * 1000:.1f} ms ({ROUNDS} rounds); {checks:,} checks in words: "
        f"median {np.median(worded) * 1000:.1f} ms, best {min(worded) * 1000:.1f} ms"
    )


if __name__ == "__main__":
    main()
