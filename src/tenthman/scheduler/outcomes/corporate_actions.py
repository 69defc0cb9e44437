"""What a holding is paid and how many shares it becomes: dividends and splits, as a shadow goes through them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import numpy as np

from tenthman.data.flags import FlagStore
from tenthman.data.sources import ActionKind
from tenthman.domain.market import MarketData
from tenthman.domain.shares import ratio_of
from tenthman.scheduler.record import Ending, Shadow

Dividends = Callable[[str], Mapping[date, float]]
"""What a ticker pays, USD a share by ex-date."""


def no_dividends(_ticker: str) -> Mapping[date, float]:
    """Of an account that is paid none."""
    return {}


Splits = Callable[[str, date, date], Fraction]
"""How many shares of a ticker there are on a day for one on an earlier day."""


def no_splits(_ticker: str, _first: date, _last: date) -> Fraction:
    """Of a market whose bars are as they were when they were traded."""
    return Fraction(1)


def dividends_of(market: MarketData) -> Dividends:
    """What the market knows of dividends; nothing where it knows none."""
    columns = {ticker: column for column, ticker in enumerate(market.panel.tickers)}

    def paid(ticker: str) -> Mapping[date, float]:
        column = columns.get(ticker)
        if market.dividends is None or column is None:
            return {}
        amounts = market.dividends[:, column]
        return {market.panel.sessions[row].item(): float(amounts[row]) for row in np.flatnonzero(amounts)}

    return paid


def stored_splits(flags: FlagStore) -> Splits:
    """Of a market whose bars are adjusted for every split that is stored of it."""

    def ratio(ticker: str, first: date, last: date) -> Fraction:
        found = Fraction(1)
        for item in flags.actions([ticker], first, last):
            if item.kind is ActionKind.SPLIT and item.ex_date > first:
                found *= ratio_of(item.value)
        return found

    return ratio


def in_new_shares(shadow: Shadow, ratio: Fraction) -> Shadow:
    """`shadow` in shares of after a split."""
    return replace(
        shadow,
        quantity=shadow.quantity * ratio.numerator / ratio.denominator,
        limit_price=_over(shadow.limit_price, ratio),
        stop_price=_over(shadow.stop_price, ratio),
        target_price=_over(shadow.target_price, ratio),
    )


def as_decided(ending: Ending, ratio: Fraction) -> Ending:
    """`ending` in prices of shares before a split."""
    entry, left = ending.entry, ending.exit
    return replace(
        ending,
        entry=None if entry is None else _over(entry, 1 / ratio),
        exit=None if left is None else _over(left, 1 / ratio),
    )


def _over(price: Decimal, ratio: Fraction) -> Decimal:
    return price * ratio.denominator / ratio.numerator
