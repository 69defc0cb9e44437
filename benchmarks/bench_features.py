"""CPU seconds and memory of every technical feature of a whole panel, and of its ranks, one thread, beside TA-Lib's."""

import resource
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import talib

from tenthman.domain.features import FeaturePanel
from tenthman.domain.market import FIELDS, Floats, Panel
from tenthman.features.scaling import ranked
from tenthman.features.technical import technical
from tenthman.features.windows import Mask

ROUNDS = 7
SESSIONS = 2_520
FEW, MANY = 100, 1_000

Work = tuple[str, int]
"""What is done, for how many tickers."""


def main() -> None:
    """Print seconds of features and their ranks for 100 and for 1,000 tickers, measured in turn so that both see the
    same machine, what 1,000 cost against 100, the ratio to TA-Lib, and peak memory.

    What is timed has been called before: the first call of a process also reads the machine code. The seconds that the
    operating system takes to find and clear memory are told apart: they hang on the machine, and on what ran before.
    """
    few = made_up(FEW)
    Market.of(few).ranks()
    large = made_up(MANY)
    memory = peak_of(large)
    sizes = {FEW: Market.of(few), MANY: Market.of(large)}
    works = {(name, size): work for size, market in sizes.items() for name, work in market.works().items()}
    works["TA-Lib, a ticker at a time", FEW] = lambda: talib_loop(few)
    spent = in_turn(works)
    for (name, size), (own, system) in spent.items():
        print(
            f"{name}, {size} tickers: best {min(own):.3f} s, median {np.median(own):.3f} s, "
            f"{SESSIONS * size / min(own):,.0f} ticker-sessions/s; the operating system {np.median(system):.3f} s more"
        )
    for name in sizes[FEW].works():
        times = _times(spent[name, MANY], spent[name, FEW])
        print(f"{name}, seconds of {MANY} tickers to those of {FEW}: {times}")
    reference = _times(spent["technical", FEW], spent["TA-Lib, a ticker at a time", FEW])
    print(f"technical, seconds to TA-Lib's: {reference}")
    print(
        f"peak memory of {MANY} tickers: " + ", ".join(f"{name} {size:.2f} times the output" for name, size in memory)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """Bars, their features, and who is ranked: all but the index."""

    panel: Panel
    features: FeaturePanel
    among: Mask

    @classmethod
    def of(cls, panel: Panel) -> "Market":
        """With its features computed."""
        among = np.broadcast_to(np.array(panel.tickers) != panel.tickers[0], panel.close.shape)
        return cls(panel=panel, features=technical(panel, panel.tickers[0]), among=among)

    def levels(self) -> FeaturePanel:
        """The technical features."""
        return technical(self.panel, self.panel.tickers[0])

    def ranks(self) -> FeaturePanel:
        """The ranks of features that are there already."""
        return ranked(self.features, self.among)

    def whole(self) -> tuple[FeaturePanel, FeaturePanel]:
        """Both."""
        levels = self.levels()
        return levels, ranked(levels, self.among)

    def works(self) -> dict[str, Callable[[], object]]:
        """What is timed."""
        return {"technical": self.levels, "ranks": self.ranks, "both": self.whole}


def in_turn(works: dict[Work, Callable[[], object]]) -> dict[Work, tuple[list[float], list[float]]]:
    """CPU seconds of each of `works` and of the operating system for it, all of them once a round; few tickers as
    often as makes them many."""
    spent: dict[Work, tuple[list[float], list[float]]] = {work: ([], []) for work in works}
    for _ in range(ROUNDS):
        for (name, size), work in works.items():
            calls = MANY // size
            work()
            before = resource.getrusage(resource.RUSAGE_SELF)
            for _ in range(calls):
                work()
            after = resource.getrusage(resource.RUSAGE_SELF)
            own, system = spent[name, size]
            own.append((after.ru_utime - before.ru_utime) / calls)
            system.append((after.ru_stime - before.ru_stime) / calls)
    return spent


def _times(these: tuple[list[float], list[float]], those: tuple[list[float], list[float]]) -> str:
    own = np.median(these[0]) / np.median(those[0])
    together = np.median(np.add(*these)) / np.median(np.add(*those))
    best = min(these[0]) / min(those[0])
    return f"{best:.2f} times by the best rounds, {own:.2f} by the medians, {together:.2f} with the operating system"


def peak_of(panel: Panel) -> list[tuple[str, float]]:
    """By how much the features of `panel`, then these and their ranks, raise peak memory, in sizes of the output."""
    before = _peak()
    market = Market.of(panel)
    technical_only = _peak() - before
    both = market.features.values.nbytes + market.ranks().values.nbytes
    return [("technical", technical_only / market.features.values.nbytes), ("with ranks", (_peak() - before) / both)]


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


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
        opened, high, low, close, volume = (np.ascontiguousarray(getattr(panel, name)[:, column]) for name in FIELDS)
        _talib_ticker(opened, high, low, close, volume, out)
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


if __name__ == "__main__":
    main()
