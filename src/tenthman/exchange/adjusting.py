"""Prices on today's basis: what splits on command and dividends up to now make of those before them.

A split divides prices by its new shares for an old one. A dividend takes its part of the close before it: the factor
1 - dividend / close before the ex-date is CRSP's, and Yahoo's by its help page on adjusted closes.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date

import numpy as np

from tenthman.domain.market import NEW_YORK
from tenthman.exchange.intraday import WireBar, daily_bars
from tenthman.exchange.market import ReplayExchange
from tenthman.exchange.orders import ShareSplit

Adjust = Callable[[WireBar], WireBar]


def splits_so_far(exchange: ReplayExchange, symbol: str) -> list[ShareSplit]:
    """The splits of `symbol` whose session has opened, oldest first."""
    return [
        item
        for item in exchange.splits()
        if item.symbol == symbol and exchange.calendar(item.session, item.session)[0].open_at <= exchange.now
    ]


def shares_since(splits: Iterable[ShareSplit], day: date) -> float:
    """Today's shares for one of `day`."""
    return math.prod(split.new_rate / split.old_rate for split in splits if split.session > day)


def dividends_gone_ex(exchange: ReplayExchange, first: date, last: date) -> Iterator[tuple[str, date, float]]:
    """Symbol, ex-date and USD a share of the dividends of the sessions `first`..`last` that have opened, by date."""
    panel, amounts = exchange.market.panel, exchange.market.dividends
    if amounts is None or first > last:
        return
    sessions = panel.sessions
    low = int(np.searchsorted(sessions, np.datetime64(first, "D")))
    high = int(np.searchsorted(sessions, np.datetime64(last, "D"), side="right"))
    for row in range(low, high):
        hours = exchange.market.hours[row]
        if hours.open_at > exchange.now:
            return
        for column in np.flatnonzero(amounts[row]):
            yield panel.tickers[column], hours.session, float(amounts[row, column])


def dividends_of(exchange: ReplayExchange, symbol: str, splits: Sequence[ShareSplit], first: date) -> dict[date, float]:
    """USD for one of today's shares by ex-date, from `first` to now."""
    today = exchange.now.astimezone(NEW_YORK).date()
    return {
        day: amount / shares_since(splits, day)
        for name, day, amount in dividends_gone_ex(exchange, first, today)
        if name == symbol
    }


def dividend_factors(closes: Mapping[date, float], dividends: Mapping[date, float]) -> dict[date, float]:
    """By session of `closes` (oldest first), what its prices are multiplied by to allow for the dividends after it.

    Both are in USD for one of today's shares.
    """
    found: dict[date, float] = {}
    ahead, factor = dict(dividends), 1.0
    for session, close in reversed(list(closes.items())):
        for day in [day for day in ahead if day > session]:
            factor *= 1 - ahead.pop(day) / close
        found[session] = factor
    return found


def adjustment(exchange: ReplayExchange, symbol: str, *, splits: bool, dividends: bool) -> Adjust:
    """What bars of `symbol` as traded become on today's basis, for its splits, its dividends or both."""
    known = splits_so_far(exchange, symbol)
    factors = _factors(exchange, symbol, known) if dividends else {}
    if not factors and not (splits and known):
        return lambda bar: bar

    def adjusted(bar: WireBar) -> WireBar:
        day = bar.begin.astimezone(NEW_YORK).date()
        shares, factor = shares_since(known, day) if splits else 1.0, factors.get(day, 1.0)
        prices = {name: getattr(bar, name) / shares * factor for name in ("open", "high", "low", "close", "mean")}
        return replace(bar, volume=round(bar.volume * shares), **prices)

    return adjusted


def _factors(exchange: ReplayExchange, symbol: str, splits: Sequence[ShareSplit]) -> dict[date, float]:
    today = exchange.now.astimezone(NEW_YORK).date()
    bars = daily_bars(exchange, symbol, date.min, today)
    closes = {bar.begin.date(): bar.close / shares_since(splits, bar.begin.date()) for bar in bars}
    paid = dividends_of(exchange, symbol, splits, min(closes, default=today))
    return dividend_factors(closes, paid) if paid else {}
