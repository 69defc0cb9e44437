"""Ticker-bars a second of the compiled backtest with every rule: 100 and 1,000 tickers over 2,520 sessions.

Random walks and random scores that change a little from session to session. The machine code is compiled, or loaded,
by a first run that is timed by itself.
"""

import os
import resource
import time
from decimal import Decimal

import numpy as np

from tenthman.backtest.inputs import Inputs
from tenthman.backtest.kernel import simulate
from tenthman.config import Config, load_config

SESSIONS = 2_520
WIDTHS = (100, 1_000)
ROUNDS = 7
CHECKS = 13


def made_up_inputs(width: int, count: int = SESSIONS) -> Inputs:
    """Geometric Brownian motion, 1.5 % a session, with scores that have a half-life of two weeks and know nothing."""
    draw = np.random.default_rng(1)
    close = np.round(50.0 * np.exp(np.cumsum(draw.normal(0.0003, 0.015, (count + 1, width)), axis=0)), 2)
    opens = np.round(close[:-1] * np.exp(draw.normal(0.0, 0.004, (count, width))), 2)
    last_close, close = close[:-1], close[1:]
    spread = 1.0 + np.abs(draw.normal(0.0, 0.006, (2, count, width)))
    score = np.zeros((count, 2, width))
    steps = draw.normal(0.0, 1.0, score.shape)
    for row in range(1, count):
        score[row] = 0.95 * score[row - 1] + steps[row]
    number = np.arange(width, dtype=np.int32)
    return Inputs(
        sessions=np.datetime64("2005-01-03", "D") + np.arange(count),
        tickers=tuple(f"T{ticker:04d}" for ticker in range(width)),
        open=opens,
        high=np.maximum(opens, close) * spread[0],
        low=np.minimum(opens, close) / spread[1],
        close=close,
        last_close=last_close,
        gone=np.zeros((count, width), dtype=np.bool_),
        dividends=np.zeros((count, width)),
        excess=score,
        order=np.argsort(-score, axis=2, kind="stable").astype(np.int32),
        known=np.full((count, 2), width, dtype=np.int32),
        atr=last_close * 0.02,
        median_volume=np.full((count, width), 5e6),
        steps=np.tile(np.arange(1, CHECKS) / CHECKS, (count, 1)),
        afternoon=np.full(count, CHECKS - 2, dtype=np.int32),
        issuer=number,
        sector=number % 11,
        faults=np.zeros((count, width), dtype=np.int32),
        barred=np.zeros((count, width), dtype=np.bool_),
        moves=np.zeros((width, count), dtype=np.int64),
    )


def seconds_of_a_run(config: Config, inputs: Inputs) -> tuple[float, int]:
    """CPU seconds of one run, and its fills."""
    began = time.process_time()
    result = simulate(inputs, config.risk_rules, config.models.signal, config.settings.costs, Decimal(100_000))
    return time.process_time() - began, len(result.fills)


def main() -> None:
    """Print median CPU seconds and rates, their ratio, and the peak of memory, panels included."""
    config = load_config(None, os.environ)
    middle: dict[int, float] = {}
    for width in WIDTHS:
        inputs = made_up_inputs(width)
        first, fills = seconds_of_a_run(config, inputs)
        spent = [seconds_of_a_run(config, inputs)[0] for _ in range(ROUNDS)]
        middle[width] = float(np.median(spent))
        rate = SESSIONS * width / middle[width]
        print(
            f"{width} x {SESSIONS}: median {middle[width]:.4f} CPU s, {rate / 1e6:.2f} M ticker-bars/s, {fills} fills "
            f"(first run {first:.1f} s, {ROUNDS} rounds)"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"1,000 tickers cost {middle[1_000] / middle[100]:.1f} times 100; peak {peak:.0f} MiB with panels and imports"
    )


if __name__ == "__main__":
    main()
