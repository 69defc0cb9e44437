"""Seconds for every feature and every score of a whole panel: 125 tickers over 1,600 sessions, one thread."""

import time

import numpy as np
from bench_bars import made_up_panel

from tenthman.features.scaling import ranked
from tenthman.features.technical import technical

ROUNDS = 5


def main() -> None:
    """Print median seconds and ticker-sessions a second."""
    panel = made_up_panel().rows(0, 1_600)
    index = panel.tickers[0]
    levels, ranks = [], []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        features = technical(panel, index)
        computed = time.perf_counter()
        ranked(features, np.broadcast_to(np.array(panel.tickers) != index, features.values.shape[:2]))
        levels.append(computed - began)
        ranks.append(time.perf_counter() - computed)
    cells = len(panel.sessions) * len(panel.tickers)
    for name, spent in (("technical", levels), ("ranked", ranks)):
        middle = float(np.median(spent))
        print(f"{name}: median {middle:.3f} s, {cells / middle:,.0f} ticker-sessions/s ({ROUNDS} rounds)")


if __name__ == "__main__":
    main()
