"""Milliseconds to size and check 100 candidates against a book that fills up."""

import os
import sys
import time
from decimal import Decimal
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from tenthman_risk import a_book, a_candidate, a_proposal

from tenthman.config import load_config
from tenthman.domain.opinion import Proposal
from tenthman.domain.order import PendingEntry, SizedOrder
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


def main() -> None:
    """Print the median and the best of some rounds."""
    rules = load_config(None, os.environ).risk_rules
    names = [f"C{number}" for number in range(CANDIDATES)]
    asked = [_asked(place, name) for place, name in enumerate(names)]
    spent = []
    for _ in range(ROUNDS):
        book, entries = a_book(), 0
        began = time.thread_time()
        numbers = rule_numbers(rules)
        figures = figures_of(book, numbers)
        for proposal, candidate in asked:
            sized = assess(proposal, candidate, figures, numbers, "d", 0)
            if isinstance(sized, SizedOrder):
                figures, entries = figures.with_entry(_sent(sized, candidate), numbers), entries + 1
        spent.append(time.thread_time() - began)
    print(
        f"size and check {CANDIDATES} candidates, {entries} of them entered: median {np.median(spent) * 1000:.1f} ms, "
        f"best {min(spent) * 1000:.1f} ms ({ROUNDS} rounds)"
    )


if __name__ == "__main__":
    main()
