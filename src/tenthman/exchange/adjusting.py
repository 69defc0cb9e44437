"""Prices on today's basis: what splits on command and dividends up to now make of those before them.

A split divides prices by its new shares for an old one. A dividend takes its part of the close before it: the factor
1 - dividend / close before the ex-date is CRSP's, and Yahoo's by its help page on adjusted closes.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
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


def dividends_of(exchange: ReplayExchange, symbol: str, splits: Sequence[ShareSplit]) -> dict[date, float]:
    """USD for one of today's shares by ex-date, of the sessions that have opened, oldest first."""
    market = exchange.market
    if market.dividends is None or symbol not in market.panel.tickers:
        return {}
    amounts = market.dividends[:, market.panel.column(symbol)]
    gone_ex = ((market.hours[row], float(amounts[row])) for row in np.flatnonzero(amounts).tolist())
    return {
        hours.session: amount / shares_since(splits, hours.session)
        for hours, amount in gone_ex
        if hours.open_at <= exchange.now
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
    paid = dividends_of(exchange, symbol, splits)
    if not paid:
        return {}
    bars = daily_bars(exchange, symbol, date.min, exchange.now.astimezone(NEW_YORK).date())
    closes = {bar.begin.date(): bar.close / shares_since(splits, bar.begin.date()) for bar in bars}
    return dividend_factors(closes, paid)
