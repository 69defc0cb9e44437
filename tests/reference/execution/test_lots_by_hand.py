"""Two purchases, a split and a sale across both, typed by hand."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tenthman.domain.order import Fill, Side
from tenthman.execution.lots import lots_of
from tenthman.scheduler.run_lots import SeenSplit, shown_splits


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
SPLIT = (datetime(2020, 1, 8, 5, 0, tzinfo=UTC), "AAA", Decimal(2))


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
    ("held", "shown"), [("28", [SPLIT]), ("14", []), ("27", [])], ids=["doubled", "as before", "something else"]
)
def test_a_split_counts_where_the_account_shows_it(held: str, shown: list[object]) -> None:
    seen = SeenSplit(split=SPLIT, seen_at=datetime(2020, 1, 8, 14, 0, tzinfo=UTC), held=Decimal(held))
    assert shown_splits(FILLS, [seen]) == shown


@pytest.mark.parametrize("held", ["4", "4.666666662"], ids=["cash for the fraction", "with the fraction"])
def test_a_reverse_split_counts_though_a_fraction_of_it_was_paid_in_cash(held: str) -> None:
    """14 shares, three into one."""
    split = (SPLIT[0], "AAA", Decimal("0.333333333"))
    seen = SeenSplit(split=split, seen_at=datetime(2020, 1, 8, 14, 0, tzinfo=UTC), held=Decimal(held))
    assert shown_splits(FILLS, [seen]) == [split]
