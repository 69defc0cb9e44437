"""What regulators charge for a fill. Paper trading charges none, so the desk's ledger computes its own.

Rates are a dated table; before its first row the earliest rate is used.

- SEC Section 31, on sales, per million dollars: the SEC's fee rate advisories.
- FINRA trading activity fee (TAF), on sales, per share with a cap a trade: FINRA By-Laws, schedule A. FINRA's own fee
  holiday of 2026-10-01 to 2026-12-31 (SR-FINRA-2026-021) is not granted here: whether brokers pass it on is not known.
- Consolidated audit trail (CAT), both sides, per share. Only one rate is known to us, without a date. It is charged
  from 2024-09-01, about when members were first billed; the rates before 2026 were higher, but still below a hundredth
  of a cent a share.

A broker adds each fee up over an account's day before it rounds up to a cent; here each fill is rounded up by itself,
which never charges less.
"""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, Decimal
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tenthman.domain.market import NEW_YORK, Sessions
from tenthman.domain.order import Fill, Side

_CENT = Decimal("0.01")
_MILLION = Decimal(1_000_000)

RateT = TypeVar("RateT")


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityRate:
    """FINRA's trading activity fee: USD a share, at most `cap` USD a trade."""

    per_share: Decimal
    cap: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Fees:
    """Regulatory fees of one fill in USD, each rounded up to a cent."""

    sec: Decimal
    taf: Decimal
    cat: Decimal

    @property
    def total(self) -> Decimal:
        """All three together."""
        return self.sec + self.taf + self.cat


_SEC_PER_MILLION: tuple[tuple[date, Decimal], ...] = (
    (date(2013, 5, 25), Decimal("17.40")),
    (date(2014, 3, 18), Decimal("22.10")),
    (date(2015, 2, 14), Decimal("18.40")),
    (date(2016, 2, 16), Decimal("21.80")),
    (date(2017, 7, 4), Decimal("23.10")),
    (date(2018, 5, 22), Decimal("13.00")),
    (date(2019, 4, 16), Decimal("20.70")),
    (date(2020, 2, 18), Decimal("22.10")),
    (date(2021, 2, 25), Decimal("5.10")),
    (date(2022, 5, 14), Decimal("22.90")),
    (date(2023, 2, 27), Decimal("8.00")),
    (date(2024, 5, 22), Decimal("27.80")),
    (date(2025, 5, 14), Decimal("0.00")),
    (date(2026, 4, 4), Decimal("20.60")),
)

_TAF: tuple[tuple[date, ActivityRate], ...] = (
    (date(2012, 7, 1), ActivityRate(per_share=Decimal("0.000119"), cap=Decimal("5.95"))),
    (date(2022, 1, 1), ActivityRate(per_share=Decimal("0.000130"), cap=Decimal("6.49"))),
    (date(2023, 1, 1), ActivityRate(per_share=Decimal("0.000145"), cap=Decimal("7.27"))),
    (date(2024, 1, 1), ActivityRate(per_share=Decimal("0.000166"), cap=Decimal("8.30"))),
    (date(2026, 1, 1), ActivityRate(per_share=Decimal("0.000195"), cap=Decimal("9.79"))),
)

_CAT_PER_SHARE: tuple[tuple[date, Decimal], ...] = (
    (date(2012, 7, 1), Decimal(0)),
    (date(2024, 9, 1), Decimal("0.000003")),
)


def regulatory_fees(fill: Fill) -> Fees:
    """Fees of `fill` by the rates of its date in New York; none for a delisted holding paid out, which is no sale."""
    if fill.is_payout:
        return Fees(sec=Decimal(0), taf=Decimal(0), cat=Decimal(0))
    day = fill.filled_at.astimezone(NEW_YORK).date()
    cat = _round_up(fill.quantity * _at(_CAT_PER_SHARE, day))
    if fill.side is Side.BUY:
        return Fees(sec=Decimal(0), taf=Decimal(0), cat=cat)
    activity = _at(_TAF, day)
    return Fees(
        sec=_round_up(fill.quantity * fill.price * _at(_SEC_PER_MILLION, day) / _MILLION),
        taf=_round_up(min(fill.quantity * activity.per_share, activity.cap)),
        cat=cat,
    )


def fee_cents(
    days: Sessions, is_sale: NDArray[np.bool_], quantity: NDArray[np.int64], price_e4: NDArray[np.int64]
) -> NDArray[np.int64]:
    """`regulatory_fees` in whole cents of many executions at once, by the same exact sums; arrays of one length.

    `days` are New York dates, `quantity` whole shares, `price_e4` in 1/10,000 USD; an execution must be worth less
    than 100 billion USD, so that 64 bits hold the products.
    """
    sec = _by_day(_SEC_PER_MILLION, days, lambda rate: rate * 100)
    a_share = _by_day(_TAF, days, lambda rate: rate.per_share * _MILLION)
    cap = _by_day(_TAF, days, lambda rate: rate.cap * _MILLION)
    cat = _by_day(_CAT_PER_SHARE, days, lambda rate: rate * _MILLION)
    on_sales = _ceiling(quantity * price_e4 * sec, 10**10) + _ceiling(np.minimum(quantity * a_share, cap), 10**4)
    return _ceiling(quantity * cat, 10**4) + np.where(is_sale, on_sales, 0)


def _by_day(
    table: tuple[tuple[date, RateT], ...], days: Sessions, whole: Callable[[RateT], Decimal]
) -> NDArray[np.int64]:
    """The rate of each day, made a whole number."""
    since = np.array([row[0] for row in table], dtype="datetime64[D]")
    rates = np.array([int(whole(row[1])) for row in table], dtype=np.int64)
    return rates[np.maximum(np.searchsorted(since, days, side="right") - 1, 0)]


def _ceiling(amount: NDArray[np.int64], unit: int) -> NDArray[np.int64]:
    return -(-amount // unit)


def _at(table: tuple[tuple[date, RateT], ...], day: date) -> RateT:
    row = bisect_right(table, day, key=lambda item: item[0]) - 1
    return table[max(row, 0)][1]


def _round_up(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT, rounding=ROUND_CEILING)
