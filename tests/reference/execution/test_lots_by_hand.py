"""Two purchases, a split and a sale across both, typed by hand."""

from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import pytest

from tenthman.domain.order import Fill, Side
from tenthman.domain.shares import ShareChange, ratio_of, split_quantity
from tenthman.execution.lots import lots_of
from tenthman.scheduler.state.share_changes import explanation, group_of, oversold


def _fill(number: int, side: Side, quantity: int, price: str) -> Fill:
    return Fill(
        execution_id=f"x{number}",
        broker_order_id=f"o{number}",
        ticker="AAA",
        side=side,
        quantity=Decimal(quantity),
        price=Decimal(price),
        filled_at=datetime(2020, 1, number, 15, 0, tzinfo=UTC),
    )


FILLS = [
    (_fill(6, Side.BUY, 10, "100.00"), Decimal("0.00")),
    (_fill(7, Side.BUY, 4, "110.00"), Decimal("0.00")),
    (_fill(9, Side.SELL, 22, "56.00"), Decimal("0.11")),
]
BOUGHT = [fill for fill, _ in FILLS[:2]]
SPLIT = ShareChange(ticker="AAA", on=date(2020, 1, 8), ratio=ratio_of(2), becomes="AAA")


def test_a_sale_takes_the_older_lot_whole_and_a_part_of_the_younger() -> None:
    book = lots_of(reversed(FILLS), [SPLIT])
    assert [(sale.lot_id, sale.quantity, sale.cost, sale.proceeds, sale.fees) for sale in book.sales] == [
        ("x6", Decimal(20), Decimal(1000), Decimal("1120.00"), Decimal("0.10")),
        ("x7", Decimal(2), Decimal(110), Decimal("112.00"), Decimal("0.01")),
    ]
    assert [sale.realised for sale in book.sales] == [Decimal("119.90"), Decimal("1.99")]
    (left,) = book.lots
    assert (left.id, left.quantity, left.cost) == ("x7", Decimal(6), Decimal(330))
    assert book.realised == Decimal("121.89")
    assert book.unrealised({"AAA": Decimal("57.00")}) == Decimal("12.00")


@pytest.mark.parametrize(
    ("held", "shown"), [("28", [SPLIT]), ("14", []), ("27", None)], ids=["doubled", "as before", "something else"]
)
def test_a_split_counts_where_the_account_shows_it(held: str, shown: list[ShareChange] | None) -> None:
    found = explanation(BOUGHT, [], [SPLIT], {"AAA": Decimal(held)})
    assert (None if found is None else [item.change for item in found]) == shown


@pytest.mark.parametrize(
    ("held", "fraction"), [("4", "0.666666666"), ("4.666666666", "0")], ids=["cash for the fraction", "with it"]
)
def test_a_reverse_split_counts_though_a_fraction_of_it_was_paid_in_cash(held: str, fraction: str) -> None:
    """14 shares, three into one."""
    into_one = ShareChange(ticker="AAA", on=date(2020, 1, 8), ratio=ratio_of(0.3333333333), becomes="AAA")
    (shown,) = explanation(BOUGHT, [], [into_one], {"AAA": Decimal(held)}) or ()
    assert (shown.change, shown.fraction) == (into_one, Decimal(fraction))


def test_a_third_of_three_hundred_is_a_hundred_however_a_source_spells_it() -> None:
    assert split_quantity(Decimal(300), ratio_of(0.333333333333)) == 100
    with pytest.raises(ValueError, match="must be above 0"):
        ratio_of(0.0)


@pytest.mark.parametrize(
    ("told", "ratio"), [(0.0002, Fraction(1, 5000)), (0.0066666667, Fraction(1, 150)), (5000.0, 5000)]
)
def test_a_split_of_thousands_in_either_direction_is_a_split(told: float, ratio: Fraction) -> None:
    assert ShareChange(ticker="AAA", on=date(2020, 1, 8), ratio=ratio_of(told), becomes="AAA").ratio == ratio


def test_executions_alone_show_two_splits_and_the_order_of_all() -> None:
    """10 bought, two for one, 15 sold, three for one, 15 sold: nothing is left, and less explains it not."""
    second = ShareChange(ticker="AAA", on=date(2020, 1, 10), ratio=ratio_of(3), becomes="AAA")
    fills = [_fill(13, Side.SELL, 15, "9.00"), _fill(7, Side.BUY, 10, "60.00"), _fill(9, Side.SELL, 15, "30.00")]
    shown = explanation(fills, [], [second, SPLIT], {}) or ()
    assert [item.change for item in shown] == [SPLIT, second]
    assert explanation(fills, [second], [], {}) is None
    assert oversold(Decimal(0), fills) == (fills[2], fills[0])


def test_a_new_name_takes_the_shares_over() -> None:
    renamed = ShareChange(ticker="AAA", on=date(2020, 1, 8), ratio=ratio_of(1), becomes="AAB")
    assert group_of("AAB", [renamed, SPLIT]) == {"AAA", "AAB"}
    (shown,) = explanation(BOUGHT, [], [renamed], {"AAB": Decimal(14)}) or ()
    assert shown.change == renamed
    (lot, _) = lots_of(FILLS[:2], [renamed]).lots
    assert (lot.ticker, lot.quantity, lot.cost) == ("AAB", Decimal(10), Decimal(1000))
