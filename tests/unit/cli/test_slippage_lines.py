"""What `tenthman audit slippage` and `audit lots` print of an order, a sum, a sale and a lot."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from tenthman.cli import lots, slippage
from tenthman.domain.order import Side
from tenthman.execution.lots import Lot, Sale
from tenthman.scheduler.outcomes.slippage import Slippage, sum_up

STOPPED = Slippage(
    client_order_id="s",
    decision_id="d",
    ticker="AAA",
    purpose="stop",
    side=Side.SELL,
    quantity=Decimal(40),
    expected_price=Decimal("95.00"),
    price=Decimal("94.05"),
)
BOUGHT, SOLD = datetime(2020, 1, 6, tzinfo=UTC), datetime(2020, 1, 9, tzinfo=UTC)


def test_an_order_and_a_sum_of_them_in_words_and_in_json() -> None:
    assert slippage._order_line(STOPPED).endswith("filled at 94.0500: +100.0 bp, +38.00 USD  [s]")
    assert slippage.with_points(STOPPED)["cost_usd"] == Decimal("38.00")
    (one, total) = sum_up([STOPPED])
    assert (
        slippage.slippage_line(one) == slippage.slippage_line(total) == "+100.0 bp, +38.00 USD of 3,800.00 in 1 orders"
    )


def test_the_price_at_the_decision_is_told_where_it_is_known() -> None:
    known = replace(STOPPED, purpose="exit", decision_price=Decimal("94.50"))
    assert slippage._order_line(known).endswith("+38.00 USD; decided at 94.50: +47.6 bp  [s]")
    assert slippage.slippage_line(sum_up([known])[0]).endswith("in 1 orders; from the decision +47.6 bp, +18.00 USD")


def test_a_sale_and_a_lot_in_words() -> None:
    shares = {
        "ticker": "AAA",
        "opened_at": BOUGHT,
        "quantity": Decimal(2),
        "cost": Decimal(110),
        "fees": Decimal("0.01"),
    }
    sale = Sale(**shares, lot_id="l", execution_id="x", closed_at=SOLD, proceeds=Decimal(112))
    assert lots._sale_line(sale).endswith("bought 2020-01-06 for 110.00, sold 2020-01-09 for 112.00: +1.99 USD")
    lot = Lot(**shares, id="l")
    assert lots._lot_line(lot, lot.unrealised(Decimal(60))).endswith("for 110.00: +9.99 USD so far")
    assert lots._lot_line(lot, None).endswith("price not on record")
