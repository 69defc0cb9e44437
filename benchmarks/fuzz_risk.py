"""Random books under random rules: how many orders risk sizes on them, and how many break a rule by other sums."""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from tenthman_fuzz import fuzz

BOOKS, SEED = 100_000, 1


def main() -> None:
    """Print what was broken, and leave with 1 if anything was."""
    books = int(sys.argv[1]) if len(sys.argv) > 1 else BOOKS
    began = time.perf_counter()
    found = fuzz(books, SEED)
    spent = time.perf_counter() - began
    print(
        f"{found.books:,} random books, {found.orders:,} orders, {found.tight:,} of them as large as they may be, "
        f"{len(found.broken)} violations ({spent:.0f} s)"
    )
    for number, rule in found.broken[:10]:
        print(f"book {number} breaks {rule}")
    if found.broken:
        sys.exit(1)


if __name__ == "__main__":
    main()
