"""Fees against sums done by hand from the published rates."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest

from tenthman.domain.order import Fill, Side, payout_order_id
from tenthman.execution.fees import fee_cents, regulatory_fees


def _fill(side: Side, quantity: str, price: str, at: datetime) -> Fill:
    return Fill(
        execution_id="e1",
        broker_order_id="o1",
        ticker="AAPL",
        side=side,
        quantity=Decimal(quantity),
        price=Decimal(price),
        filled_at=at,
    )


def test_the_worked_example_of_a_ten_thousand_dollar_sale_costs_23_cents() -> None:
    fees = regulatory_fees(_fill(Side.SELL, "50", "200", datetime(2026, 5, 4, 15, tzinfo=UTC)))
    assert (fees.sec, fees.taf, fees.cat) == (Decimal("0.21"), Decimal("0.01"), Decimal("0.01"))
    assert fees.total == Decimal("0.23")


def test_a_delisted_holding_is_paid_out_free_of_fees() -> None:
    sale = _fill(Side.SELL, "50", "200", datetime(2026, 5, 4, 15, tzinfo=UTC))
    assert regulatory_fees(replace(sale, broker_order_id=payout_order_id("AAPL"))).total == 0
    assert regulatory_fees(replace(sale, broker_order_id=payout_order_id("MSFT"))).total == Decimal("0.23")


def test_a_buy_pays_the_audit_trail_only() -> None:
    fees = regulatory_fees(_fill(Side.BUY, "50", "200", datetime(2026, 5, 4, 15, tzinfo=UTC)))
    assert (fees.sec, fees.taf, fees.cat) == (Decimal(0), Decimal(0), Decimal("0.01"))


@pytest.mark.parametrize(
    ("day", "rate"),
    [
        ((2014, 3, 17), "17.40"),
        ((2014, 3, 18), "22.10"),
        ((2020, 2, 14), "20.70"),
        ((2020, 2, 18), "22.10"),
        ((2021, 2, 24), "22.10"),
        ((2021, 2, 25), "5.10"),
        ((2026, 4, 3), "0.00"),
        ((2026, 4, 6), "20.60"),
    ],
)
def test_the_section_31_rate_changes_on_its_date(day: tuple[int, int, int], rate: str) -> None:
    fees = regulatory_fees(_fill(Side.SELL, "10000", "100", datetime(*day, 15, tzinfo=UTC)))
    assert fees.sec == Decimal(rate)


def test_the_date_is_the_one_in_new_york() -> None:
    evening = datetime(2021, 2, 25, 2, tzinfo=UTC)
    assert regulatory_fees(_fill(Side.SELL, "10000", "100", evening)).sec == Decimal("22.10")


def test_the_activity_fee_stops_at_its_cap() -> None:
    fees = regulatory_fees(_fill(Side.SELL, "100000", "1", datetime(2020, 6, 1, 15, tzinfo=UTC)))
    assert fees.taf == Decimal("5.95")


def test_before_the_table_begins_the_earliest_known_rate_is_used() -> None:
    fees = regulatory_fees(_fill(Side.SELL, "10000", "100", datetime(2005, 6, 1, 15, tzinfo=UTC)))
    assert fees.sec == Decimal("17.40")
    assert fees.taf == Decimal("1.19")


def test_fees_of_many_fills_at_once_are_those_of_each() -> None:
    draw = np.random.default_rng(3)
    first = np.datetime64("2009-01-01")
    days = first + draw.integers(0, 365 * 18, 3_000)
    quantity, price = draw.integers(1, 90_000, len(days)), draw.integers(1, 5_000_000, len(days))
    is_sale = draw.uniform(size=len(days)) < 0.7
    cents = fee_cents(days, is_sale, quantity, price)
    for place, day in enumerate(days.tolist()):
        side = Side.SELL if is_sale[place] else Side.BUY
        noon = datetime(day.year, day.month, day.day, 17, tzinfo=UTC)
        fill = _fill(side, str(quantity[place]), str(Decimal(int(price[place])) / 10_000), noon)
        assert cents[place] == regulatory_fees(fill).total * 100
