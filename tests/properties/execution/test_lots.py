"""Lots lose neither a share nor a cent, whatever is bought, sold and split in whatever order."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenthman.domain.errors import DataCorrupt
from tenthman.domain.order import Fill, Side
from tenthman.domain.shares import ShareChange, ratio_of
from tenthman.execution.lots import LotBook

START = datetime(2020, 1, 6, 14, 30, tzinfo=UTC)
PRICES = st.integers(1, 1_000_000).map(lambda cents: Decimal(cents) / 100)
FEES = st.integers(0, 500).map(lambda cents: Decimal(cents) / 100)
TICKERS = st.sampled_from(("AAA", "BBB"))
BUY = st.tuples(st.just("buy"), TICKERS, st.integers(1, 500), PRICES, FEES)
SELL = st.tuples(st.just("sell"), TICKERS, st.integers(1, 100), PRICES, FEES)
SPLIT = st.tuples(st.just("split"), TICKERS, st.sampled_from(("2", "3", "1.5", "0.1", "0.05", "7")))


def _fill(number: int, ticker: str, side: Side, quantity: Decimal, price: Decimal) -> Fill:
    return Fill(
        execution_id=f"x{number}",
        broker_order_id=f"o{number}",
        ticker=ticker,
        side=side,
        quantity=quantity,
        price=price,
        filled_at=START + timedelta(minutes=number),
    )


@given(st.lists(BUY | BUY | SELL | SPLIT, max_size=25), PRICES, PRICES)
def test_lots_add_up_to_positions_and_profit_to_what_the_account_gained(
    happened: list[tuple], last_a: Decimal, last_b: Decimal
) -> None:
    book, cash, paid = LotBook(), Decimal(0), Decimal(0)
    held = {"AAA": Decimal(0), "BBB": Decimal(0)}
    for number, (kind, ticker, *rest) in enumerate(happened):
        if kind == "split":
            book.change(ShareChange(ticker=ticker, on=START.date(), ratio=ratio_of(Decimal(rest[0])), becomes=ticker))
            held[ticker] *= Decimal(rest[0])
            continue
        size, price, fees = rest
        quantity = Decimal(size) if kind == "buy" else held[ticker] * size / 100
        if quantity <= 0:
            continue
        side = Side(kind)
        book.book(_fill(number, ticker, side, quantity, price), fees)
        held[ticker] += quantity if side is Side.BUY else -quantity
        cash += -quantity * price if side is Side.BUY else quantity * price
        paid += fees
    for ticker, quantity in held.items():
        assert book.quantity(ticker) == pytest.approx(quantity, abs=Decimal("1e-6"))
    prices = {"AAA": last_a, "BBB": last_b}
    gained = cash + sum((book.quantity(ticker) * price for ticker, price in prices.items()), Decimal(0)) - paid
    assert book.realised + book.unrealised(prices) == gained
    assert all(lot.quantity > 0 for lot in book.lots)
    sold = [sale.lot_id for sale in book.sales if sale.ticker == "AAA"]
    assert sold == sorted(sold, key=lambda name: int(name[1:])), "first in, first out"


@given(st.integers(1, 100), PRICES)
def test_more_than_is_held_cannot_be_sold(size: int, price: Decimal) -> None:
    book = LotBook()
    book.book(_fill(1, "AAA", Side.BUY, Decimal(size), price), Decimal(0))
    with pytest.raises(DataCorrupt, match="at most"):
        book.book(_fill(2, "AAA", Side.SELL, Decimal(size + 1), price), Decimal(0))
    with pytest.raises(DataCorrupt, match="at most the 0 BBB"):
        book.book(_fill(3, "BBB", Side.SELL, Decimal(1), price), Decimal(0))
    assert book.quantity("AAA") == size
