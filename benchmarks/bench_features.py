"""CPU seconds and memory of every technical feature of a whole panel, one thread, beside TA-Lib's of the same bars."""

import resource
from collections.abc import Callable

import numpy as np
import talib

from tenthman.domain.market import FIELDS, Floats, Panel
from tenthman.features.scaling import ranked
from tenthman.features.technical import technical

ROUNDS = 5
SESSIONS = 2_520
FEW, MANY = 100, 1_000


def main() -> None:
    """Print median seconds of 100 tickers, the ratio to TA-Lib, the cost of 1,000 against 100, and peak memory.

    What is timed has been called before: the first call of a process also reads the machine code, and waits for memory.
    """
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
    output = technical(large, index).values.nbytes
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    took, waited = _median_and_system(lambda: technical(large, index))
    wide = technical(large, index)
    everyone = np.broadcast_to(np.array(large.tickers) != index, wide.values.shape[:2])
    sorted_in = _median(lambda: ranked(wide, everyone))
    print(
        f"{MANY} tickers: {took:.3f} s, {took / mine:.1f} times {FEW}, of which {waited:.3f} s are the operating "
        f"system's for the memory; peak memory {peak / output:.2f} times the output; ranked: {sorted_in:.3f} s, "
        f"{sorted_in / spent:.1f} times {FEW} (a rank sorts the tickers of its session)"
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


def talib_loop(panel: Panel) -> Floats:
    """The same features but for the index's two, a ticker at a time, as (tickers, features, sessions)."""
    made = np.empty((len(panel.tickers), 20, SESSIONS))
    for column, out in enumerate(made):
        _talib_ticker(*(np.ascontiguousarray(getattr(panel, name)[:, column]) for name in FIELDS), out)
    return made


def _talib_ticker(opened: Floats, high: Floats, low: Floats, close: Floats, volume: Floats, out: Floats) -> None:
    for row, bars in enumerate((1, 5, 20, 60)):
        out[row] = talib.ROCP(close, bars)
    out[4, :20] = np.nan
    out[4, 20:] = talib.ROCP(close, 100)[:-20]
    out[5] = talib.RSI(close, 14)
    out[6] = talib.MACD(close, 12, 26, 9)[2] / close
    out[7] = talib.ADX(high, low, close, 14)
    out[8] = talib.STOCHF(high, low, close, 14, 1)[0]
    out[9] = talib.MFI(high, low, close, volume, 14)
    balance, usual = talib.OBV(close, volume), talib.SMA(volume, 20)
    out[10, :20] = np.nan
    out[10, 20:] = (balance[20:] - balance[:-20]) / (20.0 * usual[20:])
    out[11] = (volume - usual) / talib.STDDEV(volume, 20)
    average = talib.ATR(high, low, close, 14)
    out[12] = average / close
    out[13] = talib.STDDEV(out[0], 20) * np.sqrt(20 / 19 * 252)
    out[14] = talib.STDDEV(out[0], 60) * np.sqrt(60 / 59 * 252)
    out[15:17, 0] = np.nan
    out[15, 1:] = (opened[1:] - close[:-1]) / average[:-1]
    out[16, 1:] = (close[1:] - close[:-1]) / average[:-1]
    upper, middle, _ = talib.BBANDS(close, 20, 2.0, 2.0)
    out[17] = (close - middle) / ((upper - middle) / 2.0)
    out[18] = close / talib.MAX(high, 252) - 1.0
    lowest = talib.MIN(low, 20)
    out[19] = (close - lowest) / (talib.MAX(high, 20) - lowest)


def _median(work: Callable[[], object]) -> float:
    return _median_and_system(work)[0]


def _median_and_system(work: Callable[[], object]) -> tuple[float, float]:
    """CPU seconds of the middle round, and how many of them were the operating system's."""
    spent = []
    for _ in range(ROUNDS):
        before = resource.getrusage(resource.RUSAGE_SELF)
        work()
        after = resource.getrusage(resource.RUSAGE_SELF)
        system = after.ru_stime - before.ru_stime
        spent.append((system + after.ru_utime - before.ru_utime, system))
    return sorted(spent)[ROUNDS // 2]


if __name__ == "__main__":
    main()
