"""Seconds and memory for every price feature of a whole panel, one thread, beside TA-Lib's loops on the same bars."""

import resource
import time
from collections.abc import Callable

import numpy as np
import talib

from tenthman.domain.market import FIELDS, Panel
from tenthman.features.scaling import ranked
from tenthman.features.technical import technical

ROUNDS = 5
SESSIONS = 2_520
FEW, MANY = 100, 1_000


def main() -> None:
    """Print median seconds of 100 tickers, the ratio to TA-Lib, the cost of 1,000 against 100, and peak memory."""
    panel = made_up(FEW)
    index = panel.tickers[0]
    technical(panel, index)
    features = technical(panel, index)
    mine = _median(lambda: technical(panel, index))
    theirs = _median(lambda: talib_loop(panel))
    cells = SESSIONS * FEW
    print(f"technical: {FEW} tickers x {SESSIONS} sessions, median {mine:.3f} s, {cells / mine:,.0f} ticker-sessions/s")
    print(f"TA-Lib, a ticker at a time: {theirs:.3f} s; ratio {mine / theirs:.2f}")
    among = np.broadcast_to(np.array(panel.tickers) != index, features.values.shape[:2])
    spent = _median(lambda: ranked(features, among))
    print(f"ranked: median {spent:.3f} s, {cells / spent:,.0f} ticker-sessions/s")
    large = made_up(MANY)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    output = technical(large, index).values.nbytes
    took = time.process_time() - began
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    print(
        f"{MANY} tickers: {took:.3f} s, {took / mine:.1f} times {FEW}; peak memory {peak / output:.2f} times the output"
    )


def made_up(count: int) -> Panel:
    """Bars without gaps."""
    random = np.random.default_rng(1)
    close = 50.0 * np.cumprod(1.0 + random.normal(0.0, 0.02, (SESSIONS, count)), axis=0)
    opened = close * (1.0 + random.normal(0.0, 0.003, close.shape))
    high, low = np.maximum(opened, close) * 1.01, np.minimum(opened, close) * 0.99
    volume = np.floor(random.lognormal(10.0, 1.0, close.shape))
    sessions = np.datetime64("2010-01-04", "D") + np.arange(SESSIONS)
    fields = dict(zip(FIELDS, (opened, high, low, close, volume), strict=True))
    return Panel(sessions=sessions, tickers=tuple(f"T{number}" for number in range(count)), **fields)


def talib_loop(panel: Panel) -> None:
    """What our features are made of, as far as TA-Lib has it: 21 of its functions a ticker."""
    for column in range(len(panel.tickers)):
        high, low, close, volume = (
            np.ascontiguousarray(getattr(panel, name)[:, column]) for name in ("high", "low", "close", "volume")
        )
        for bars in (1, 5, 20, 60, 100):
            talib.ROCP(close, bars)
        talib.RSI(close, 14)
        talib.MACD(close, 12, 26, 9)
        talib.ADX(high, low, close, 14)
        talib.STOCHF(high, low, close, 14, 1)
        talib.MFI(high, low, close, volume, 14)
        talib.OBV(close, volume)
        talib.ATR(high, low, close, 14)
        for length in (20, 60):
            talib.STDDEV(close, length)
        talib.SMA(volume, 20)
        talib.STDDEV(volume, 20)
        talib.BBANDS(close, 20, 2.0, 2.0)
        for length in (20, 252):
            talib.MAX(high, length)
        talib.MIN(low, 20)
        talib.BETA(close, close, 60)


def _median(work: Callable[[], object]) -> float:
    spent = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        spent.append(time.process_time() - began)
    return float(np.median(spent))


if __name__ == "__main__":
    main()
