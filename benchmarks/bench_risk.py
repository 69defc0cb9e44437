"""Milliseconds to size and check 100 candidates against a book that fills up."""

import os
import sys
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from tenthman_risk import a_book, a_candidate, a_position, a_proposal

from tenthman.config import load_config
from tenthman.domain.order import SizedOrder
from tenthman.risk.controller import assess
from tenthman.risk.figures import figures_of
from tenthman.risk.numbers import rule_numbers

ROUNDS = 200
CANDIDATES = 100


def main() -> None:
    """Print the median and the best of some rounds."""
    rules = load_config(None, os.environ).risk_rules
    names = [f"C{number}" for number in range(CANDIDATES)]
    asked = [(a_proposal(ticker=name), a_candidate(name, sector=f"S{place % 11}")) for place, name in enumerate(names)]
    spent = []
    for _ in range(ROUNDS):
        book, entries = a_book(), 0
        began = time.perf_counter()
        numbers = rule_numbers(rules)
        figures = figures_of(book, numbers)
        for proposal, candidate in asked:
            sized = assess(proposal, candidate, figures, numbers, "d", 0)
            if isinstance(sized, SizedOrder):
                held = a_position(proposal.ticker, quantity=str(sized.quantity), sector=candidate.sector)
                book = replace(book, positions=(*book.positions, held), cash=book.cash - Decimal(100) * sized.quantity)
                figures, entries = figures_of(book, numbers), entries + 1
        spent.append(time.perf_counter() - began)
    print(
        f"size and check {CANDIDATES} candidates, {entries} of them entered: median {np.median(spent) * 1000:.1f} ms, "
        f"best {min(spent) * 1000:.1f} ms ({ROUNDS} rounds)"
    )


if __name__ == "__main__":
    main()
