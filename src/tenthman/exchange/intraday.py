"""Bars shorter than a session, read off the path that a daily bar is given, and longer ones, put together from it.

A path is not what was recorded: see `path`. Trades are taken to be spread evenly over the session, so the volume of a
bar is its share of the session's, and its volume-weighted price is the path's mean. Pure.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby, pairwise

from tenthman.domain.market import NEW_YORK, Bar, SessionHours
from tenthman.exchange.market import ReplayExchange

_TURNS = (1 / 3, 2 / 3)
_MINUTE = timedelta(minutes=1)
_FRAME = re.compile(r"(\d{0,2})(Min|T|Hour|H|Day|D|Week|W|Month|M)")
_MONTHS = (1, 2, 3, 4, 6, 12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """How long a bar lasts: so many minutes of a session, days, weeks or months."""

    unit: str
    count: int

    @property
    def is_intraday(self) -> bool:
        """Whether a bar is shorter than a session."""
        return self.unit == "minute"


@dataclass(frozen=True, slots=True, kw_only=True)
class WireBar:
    """One bar as it is served: prices in USD, `minutes` of trading, `mean` the volume-weighted price."""

    ticker: str
    begin: datetime
    open: float
    high: float
    low: float
    close: float
    mean: float
    volume: int
    minutes: int


def read_frame(text: str) -> Frame | None:
    """Alpaca's `timeframe`: 1 to 59 Min, 1 to 23 Hour, Day, Week, 1 2 3 4 6 or 12 Month; None for anything else."""
    found = _FRAME.fullmatch(text)
    if found is None:
        return None
    count, unit = int(found[1] or 1), found[2]
    if unit in ("Min", "T") and 1 <= count <= 59:
        return Frame(unit="minute", count=count)
    if unit in ("Hour", "H") and 1 <= count <= 23:
        return Frame(unit="minute", count=60 * count)
    if unit in ("Day", "D", "Week", "W") and count == 1:
        return Frame(unit=unit[0].lower(), count=1)
    return Frame(unit="m", count=count) if unit in ("Month", "M") and count in _MONTHS else None


def daily_bars(exchange: ReplayExchange, symbol: str, first: date, last: date) -> list[WireBar]:
    """Bars of the sessions `first`..`last` that have closed by now, stamped with midnight in New York."""
    hours = {item.session: item for item in exchange.calendar(first, last)}
    return [_of_session(bar, hours[bar.session]) for bar in exchange.bars(symbol, first, last)]


def long_bars(days: Iterable[WireBar], frame: Frame) -> list[WireBar]:
    """Weeks from Monday on or groups of calendar months, of daily bars in order of time; the last may grow."""
    groups = groupby(days, key=lambda bar: _beginning(bar.begin, frame))
    return [_together(list(bars), begin) for begin, bars in groups]


def short_bars(
    exchange: ReplayExchange,
    symbol: str,
    hours: Sequence[SessionHours],
    minutes: int,
    since: datetime | None = None,
) -> Iterator[WireBar]:
    """Bars of `minutes` of the sessions `hours` that were complete after `since` and by now, oldest first.

    They begin at whole multiples of `minutes` after midnight in New York, cut to the session; a halt has none.
    """
    for session in hours:
        if session.open_at > exchange.now or exchange.is_halted(symbol, session.open_at):
            continue
        volume = _volume(exchange, symbol, session)
        for begin, end in _slots(session, minutes):
            if end > exchange.now or volume is None:
                break
            if since is None or end > since:
                yield _read(exchange, symbol, session, begin, end, volume)


def latest_minute(exchange: ReplayExchange, symbol: str) -> WireBar | None:
    """The last complete minute of trading; None when there was none in the sessions of the last two weeks."""
    today = exchange.now.astimezone(NEW_YORK).date()
    for session in reversed(exchange.calendar(today - timedelta(days=14), today)):
        end = min(session.close_at, exchange.now)
        end -= (end - session.open_at) % _MINUTE
        if end <= session.open_at or exchange.is_halted(symbol, session.open_at):
            continue
        volume = _volume(exchange, symbol, session)
        return None if volume is None else _read(exchange, symbol, session, end - _MINUTE, end, volume)
    return None


def _slots(session: SessionHours, minutes: int) -> Iterator[tuple[datetime, datetime]]:
    midnight = datetime.combine(session.session, time(), NEW_YORK)
    step = timedelta(minutes=minutes)
    begin = midnight + (session.open_at - midnight) // step * step
    while begin < session.close_at:
        yield max(begin, session.open_at), min(begin + step, session.close_at)
        begin += step


def _read(
    exchange: ReplayExchange, symbol: str, session: SessionHours, begin: datetime, end: datetime, volume: float
) -> WireBar:
    whole = session.close_at - session.open_at
    turns = [session.open_at + whole * turn for turn in _TURNS]
    instants = [begin, *(turn for turn in turns if begin < turn < end), end]
    prices = [float(exchange.price(symbol, at) or 0) for at in instants]
    spans = [(t - s).total_seconds() for s, t in pairwise(instants)]
    area = sum((a + b) / 2 * span for (a, b), span in zip(pairwise(prices), spans, strict=True))
    return WireBar(
        ticker=symbol,
        begin=begin,
        open=prices[0],
        high=max(prices),
        low=min(prices),
        close=prices[-1],
        mean=round(area / (end - begin).total_seconds(), 6),
        volume=int(volume * ((end - begin) / whole)),
        minutes=max(round((end - begin) / _MINUTE), 1),
    )


def _volume(exchange: ReplayExchange, symbol: str, session: SessionHours) -> float | None:
    panel = exchange.market.panel
    row = bisect_left(exchange.market.hours, session.open_at, key=lambda item: item.open_at)
    if symbol not in panel.tickers or row >= len(panel.sessions):
        return None
    return float(panel.volume[row, panel.column(symbol)])


def _of_session(bar: Bar, hours: SessionHours) -> WireBar:
    return WireBar(
        ticker=bar.ticker,
        begin=datetime.combine(bar.session, time(), NEW_YORK),
        open=bar.open,
        high=bar.high,
        low=bar.low,
        close=bar.close,
        mean=round((bar.open + 2 * bar.low + 2 * bar.high + bar.close) / 6, 6),
        volume=round(bar.volume),
        minutes=round((hours.close_at - hours.open_at) / _MINUTE),
    )


def _beginning(at: datetime, frame: Frame) -> datetime:
    day = at.date()
    if frame.unit == "w":
        day -= timedelta(days=day.weekday())
    else:
        day = day.replace(month=(day.month - 1) // frame.count * frame.count + 1, day=1)
    return datetime.combine(day, time(), NEW_YORK)


def _together(bars: list[WireBar], begin: datetime) -> WireBar:
    volume = sum(bar.volume for bar in bars)
    paid = sum(bar.mean * bar.volume for bar in bars)
    return WireBar(
        ticker=bars[0].ticker,
        begin=begin,
        open=bars[0].open,
        high=max(bar.high for bar in bars),
        low=min(bar.low for bar in bars),
        close=bars[-1].close,
        mean=round(paid / volume, 6) if volume else bars[-1].close,
        volume=volume,
        minutes=sum(bar.minutes for bar in bars),
    )
