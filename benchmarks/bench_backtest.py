"""Ticker-bars a second of the compiled backtest with every rule: 100 and 1,000 tickers over 2,520 sessions.

Random walks and random scores that change a little from session to session. The machine code is compiled, or loaded,
by a first run that is timed by itself. Beside it, in the same process, a bare loop: crossings of two averages, entries
at the open, a stop, a target and a limit of positions, and nothing else. It is the yardstick: on such a panel vectorbt
1.2 took 72 times the seconds of such a loop, and nautilus_trader 1.221, the quickest event-driven engine, 7,700 times.
"""

import os
import resource
import sys
import time
from decimal import Decimal

import numba
import numpy as np

from tenthman.backtest.inputs import Inputs
from tenthman.backtest.kernel import simulate
from tenthman.config import Config, load_config

SESSIONS = 2_520
WIDTHS = (100, 1_000)
ROUNDS = 7
CHECKS = 13
VECTORISED, EVENT_DRIVEN = 72, 7_700
POSITIONS, SHARE, STOP, TARGET, SLIPPAGE = 15, 0.06, 0.04, 0.08, 0.0005


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
        lowest=np.full((count, width), np.nan),
        median_volume=np.full((count, width), 5e6),
        steps=np.tile(np.arange(1, CHECKS) / CHECKS, (count, 1)),
        afternoon=np.full(count, CHECKS - 2, dtype=np.int32),
        issuer=number,
        sector=number % 11,
        faults=np.zeros((count, width), dtype=np.int32),
        barred=np.zeros((count, width), dtype=np.bool_),
        doubtful=np.zeros((count, width), dtype=np.bool_),
        moves=np.zeros((width, count), dtype=np.int64),
    )


@numba.njit(error_model="numpy")
def crossings(close: np.ndarray, fast: int, slow: int) -> np.ndarray:
    """1 where the average of `fast` closes rises above that of `slow`, -1 where it falls below; (sessions, tickers)."""
    said = np.zeros(close.shape, dtype=np.int8)
    for ticker in range(close.shape[1]):
        quick = slowly = before = 0.0
        for row in range(len(close)):
            quick += close[row, ticker] - (close[row - fast, ticker] if row >= fast else 0.0)
            slowly += close[row, ticker] - (close[row - slow, ticker] if row >= slow else 0.0)
            if row >= slow - 1:
                side = 1.0 if quick * slow > slowly * fast else -1.0
                if before not in (0.0, side):
                    said[row, ticker] = side
                before = side
    return said


@numba.njit(error_model="numpy")
def bare_loop(
    opens: np.ndarray, high: np.ndarray, low: np.ndarray, close: np.ndarray, said: np.ndarray, equity: np.ndarray
) -> int:
    """One account, long only; how many round trips it made."""
    width = close.shape[1]
    quantity, paid, held, count, trips, cash = np.zeros(width), np.zeros(width), np.empty(width, np.int64), 0, 0, 1e5
    equity[0] = cash
    for row in range(1, len(close)):
        for ticker in range(width):
            wanted = said[row - 1, ticker] > 0 and quantity[ticker] == 0.0 and count < POSITIONS
            price = opens[row, ticker] * (1.0 + SLIPPAGE)
            shares = min(np.floor(equity[row - 1] * SHARE / price), np.floor(cash / price)) if wanted else 0.0
            if shares >= 1.0:
                cash -= shares * price
                quantity[ticker], paid[ticker], held[count] = shares, price, ticker
                count += 1
        place, worth = 0, 0.0
        while place < count:
            ticker = held[place]
            stop, target = paid[ticker] * (1.0 - STOP), paid[ticker] * (1.0 + TARGET)
            price = 0.0
            if said[row - 1, ticker] < 0:
                price = opens[row, ticker]
            elif low[row, ticker] <= stop:
                price = min(opens[row, ticker], stop)
            elif high[row, ticker] >= target:
                price = max(opens[row, ticker], target)
            if price > 0.0:
                cash += quantity[ticker] * price * (1.0 - SLIPPAGE)
                quantity[ticker], count, trips = 0.0, count - 1, trips + 1
                held[place] = held[count]
            else:
                worth += quantity[ticker] * close[row, ticker]
                place += 1
        equity[row] = cash + worth
    return trips


def seconds_of_the_bare_loop(inputs: Inputs) -> tuple[float, int]:
    """CPU seconds of signals and loop together, and round trips; the median of several after one to compile."""
    spent, trips = [], 0
    for _ in range(4 * ROUNDS):
        began = time.process_time()
        said = crossings(inputs.close, 10, 50)
        trips = bare_loop(inputs.open, inputs.high, inputs.low, inputs.close, said, np.empty(len(inputs.close)))
        spent.append(time.process_time() - began)
    return float(np.median(spent[1:])), trips


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
        bare, trips = seconds_of_the_bare_loop(inputs)
        print(
            f"{width} x {SESSIONS}: median {middle[width]:.4f} CPU s, {rate / 1e6:.2f} M ticker-bars/s, {fills} fills "
            f"(first run {first:.1f} s, {ROUNDS} rounds)"
        )
        print(
            f"  {middle[width] / bare:.0f} times a bare loop ({bare * 1000:.1f} ms, {trips} round trips); with 100 "
            f"tickers vectorbt took {VECTORISED} times, an event-driven engine {EVENT_DRIVEN:,}"
        )
    if middle[100] > EVENT_DRIVEN / 10 * seconds_of_the_bare_loop(made_up_inputs(100))[0]:
        sys.exit("the backtest must be at least 10 times as quick as an event-driven engine")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"1,000 tickers cost {middle[1_000] / middle[100]:.1f} times 100; peak {peak:.0f} MiB with panels and imports"
    )


if __name__ == "__main__":
    main()
