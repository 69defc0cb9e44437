"""The arithmetic of one trade, worked by hand."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tenthman.domain.errors import DataCorrupt
from tenthman.domain.order import Fill, Side
from tenthman.scheduler.state.round_trip import increased, opened, reduced

NOON = datetime(2020, 1, 6, 17, 0, tzinfo=UTC)


def fill(side: Side, quantity: int, price: str, minutes: int = 0) -> Fill:
    return Fill(
        execution_id=f"e{minutes}",
        broker_order_id="b",
        ticker="AAPL",
        side=side,
        quantity=Decimal(quantity),
        price=Decimal(price),
        filled_at=NOON + timedelta(minutes=minutes),
    )


def test_entry_price_is_weighted_by_quantity() -> None:
    trip = increased(opened("d", fill(Side.BUY, 30, "10"), Decimal("0.1")), fill(Side.BUY, 10, "14"), Decimal("0.2"))
    assert (trip.quantity, trip.bought, trip.avg_entry_price) == (Decimal(40), Decimal(40), Decimal(11))
    assert (trip.fees_usd, trip.realised_usd) == (Decimal("0.3"), Decimal("-0.3"))


def test_profit_is_what_was_sold_for_less_what_it_cost_less_all_fees() -> None:
    trip = opened("d", fill(Side.BUY, 40, "11"), Decimal("0.3"))
    trip = reduced(trip, Decimal(10), fill(Side.SELL, 10, "12", 1), Decimal("0.1"), "target")
    assert (trip.quantity, trip.closed_at, trip.exit_reason) == (Decimal(30), None, None)
    trip = reduced(trip, Decimal(30), fill(Side.SELL, 30, "10", 2), Decimal("0.1"), "stop")
    assert trip.realised_usd == Decimal("-20.5")
    assert trip.avg_exit_price == Decimal("10.5")
    assert (trip.closed_at, trip.exit_reason) == (NOON + timedelta(minutes=2), "stop")


def test_a_trade_closed_before_its_entry_was_complete_opens_again() -> None:
    trip = opened("d", fill(Side.BUY, 5, "10"), Decimal(0))
    trip = reduced(trip, Decimal(5), fill(Side.SELL, 5, "9", 1), Decimal(0), "stop")
    again = increased(trip, fill(Side.BUY, 5, "10", 2), Decimal(0))
    assert (again.quantity, again.bought, again.closed_at, again.exit_reason) == (Decimal(5), Decimal(10), None, None)
    ended = reduced(again, Decimal(5), fill(Side.SELL, 5, "11", 3), Decimal(0), "target")
    assert (ended.realised_usd, ended.avg_exit_price) == (Decimal(0), Decimal(10))


def test_more_than_is_held_cannot_be_sold() -> None:
    trip = opened("d", fill(Side.BUY, 5, "10"), Decimal(0))
    with pytest.raises(DataCorrupt, match="sells 6 AAPL of trade d, which holds 5"):
        reduced(trip, Decimal(6), fill(Side.SELL, 6, "10", 1), Decimal(0), "stop")
