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

ROUNDS = 50
CANDIDATES = 100


def main() -> None:
    """Print the median of some rounds."""
    rules = load_config(None, os.environ).risk_rules
    proposals = [a_proposal(ticker=f"C{number}") for number in range(CANDIDATES)]
    spent = []
    for _ in range(ROUNDS):
        book = a_book()
        began = time.perf_counter()
        for proposal in proposals:
            sized = assess(proposal, a_candidate(proposal.ticker), book, rules, "d", 0)
            if isinstance(sized, SizedOrder):
                held = a_position(proposal.ticker, quantity=str(sized.quantity))
                book = replace(book, positions=(*book.positions, held), cash=book.cash - Decimal(100) * sized.quantity)
        spent.append(time.perf_counter() - began)
    print(f"size and check {CANDIDATES} candidates: median {np.median(spent) * 1000:.1f} ms ({ROUNDS} rounds)")


if __name__ == "__main__":
    main()
