"""Slippage typed by hand: two buys and three sells, one of them in two executions."""

from decimal import Decimal

from tenthman.domain.order import Side
from tenthman.scheduler.outcomes.slippage import slippage_of, sum_up, worse_by


def _fill(
    name: str, purpose: str, side: str, quantity: int, price: str, expected: str | None, decided: str | None = None
) -> dict[str, object]:
    return {
        "client_order_id": name,
        "decision_id": name[0],
        "ticker": "AAA",
        "purpose": purpose,
        "side": side,
        "quantity": Decimal(quantity),
        "price": Decimal(price),
        "expected_price": None if expected is None else Decimal(expected),
        "decision_price": None if decided is None else Decimal(decided),
    }


FILLS = [
    _fill("a-entry", "entry", "buy", 30, "99.00", "100.00"),
    _fill("a-entry", "entry", "buy", 10, "99.80", "100.00"),
    _fill("b-entry", "entry", "buy", 10, "51.00", "50.00"),
    _fill("a-stop", "stop", "sell", 40, "94.05", "95.00"),
    _fill("b-exit", "exit", "sell", 10, "52.00", "50.00"),
    _fill("c-payout", "delisted", "sell", 5, "7.00", None),
]


def test_worse_is_positive_on_both_sides() -> None:
    assert worse_by(Side.BUY, Decimal(100), Decimal("100.10")) == Decimal("10.0")
    assert worse_by(Side.SELL, Decimal(100), Decimal("99.90")) == Decimal("10.0")
    assert worse_by(Side.BUY, Decimal(100), Decimal("99.90")) == Decimal("-10.0")
    assert worse_by(Side.SELL, Decimal(100), Decimal("100.10")) == Decimal("-10.0")


def test_orders_by_hand() -> None:
    found = {item.client_order_id: (item.quantity, item.cost_usd, item.basis_points) for item in slippage_of(FILLS)}
    assert found == {
        "a-entry": (Decimal(40), Decimal("-32.00"), Decimal("-80.0")),
        "a-stop": (Decimal(40), Decimal("38.00"), Decimal("100.0")),
        "b-entry": (Decimal(10), Decimal("10.00"), Decimal("200.0")),
        "b-exit": (Decimal(10), Decimal("-20.00"), Decimal("-400.0")),
    }


def test_sums_by_hand_are_weighted_by_money() -> None:
    found = {item.purpose: (item.orders, item.expected_usd, item.cost_usd) for item in sum_up(slippage_of(FILLS))}
    assert found == {
        "entry": (2, Decimal("4500.00"), Decimal("-22.00")),
        "exit": (1, Decimal("500.00"), Decimal("-20.00")),
        "stop": (1, Decimal("3800.00"), Decimal("38.00")),
        "all": (4, Decimal("8800.00"), Decimal("-4.00")),
    }
    assert sum_up(slippage_of(FILLS))[-1].basis_points == Decimal("-4.5")
    assert sum_up(()) == ()


def test_what_was_lost_since_the_decision_by_hand() -> None:
    fills = [
        _fill("a-entry", "entry", "buy", 30, "99.00", "100.00", "98.00"),
        _fill("a-entry", "entry", "buy", 10, "99.80", "100.00", "98.00"),
        _fill("b-entry", "entry", "buy", 10, "51.00", "50.00"),
        _fill("a-stop", "stop", "sell", 40, "94.05", "95.00"),
        _fill("b-exit", "exit", "sell", 10, "52.00", "50.00", "50.00"),
    ]
    orders = {item.client_order_id: (item.shortfall_usd, item.shortfall_bp) for item in slippage_of(fills)}
    assert orders == {
        "a-entry": (Decimal("48.00"), Decimal("122.4")),
        "a-stop": (None, None),
        "b-entry": (None, None),
        "b-exit": (Decimal("-20.00"), Decimal("-400.0")),
    }
    sums = {
        item.purpose: (item.decided_usd, item.shortfall_usd, item.shortfall_bp) for item in sum_up(slippage_of(fills))
    }
    assert sums == {
        "entry": (Decimal("3920.00"), Decimal("48.00"), Decimal("122.4")),
        "exit": (Decimal("500.00"), Decimal("-20.00"), Decimal("-400.0")),
        "stop": (Decimal("0.00"), Decimal("0.00"), Decimal(0)),
        "all": (Decimal("4420.00"), Decimal("28.00"), Decimal("63.3")),
    }


def test_less_than_a_cent_has_no_rate() -> None:
    (sale, whole) = sum_up(slippage_of([_fill("d-exit", "exit", "sell", 1, "0.0030", "0.0040")]))
    assert (sale.expected_usd, sale.basis_points, whole.basis_points) == (Decimal(0), 0, 0)
