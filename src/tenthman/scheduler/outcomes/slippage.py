"""What orders were expected to fill at when they were decided, and what they did fill at."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from typing import Any

from tenthman.db.pool import Pool, named_rows
from tenthman.db.sql import load_queries
from tenthman.domain.order import Side

_SQL = load_queries("tenthman.scheduler.outcomes", "slippage.sql")
_ALL = "all"
_BP = Decimal(10_000)
_TENTH, _CENT = Decimal("0.1"), Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slippage:
    """One order: the `expected_price` it was sent at and the mean `price` of its fills (USD); `quantity` that filled.

    `decision_price`: the last price when it was decided (USD), None for the legs of a bracket and where it is not on
    record.
    """

    client_order_id: str
    decision_id: str
    ticker: str
    purpose: str
    side: Side
    quantity: Decimal
    expected_price: Decimal
    price: Decimal
    decision_price: Decimal | None = None

    @property
    def cost_usd(self) -> Decimal:
        """USD lost against the expectation; negative where the fill was better."""
        return _lost(self.side, self.expected_price, self.price) * self.quantity

    @property
    def basis_points(self) -> Decimal:
        """The same in 1/100 % of what was expected, to a tenth."""
        return worse_by(self.side, self.expected_price, self.price)

    @property
    def shortfall_usd(self) -> Decimal | None:
        """USD lost against the price at the decision; None where that is not known."""
        if self.decision_price is None:
            return None
        return _lost(self.side, self.decision_price, self.price) * self.quantity

    @property
    def shortfall_bp(self) -> Decimal | None:
        """The same in 1/100 % of that price, to a tenth."""
        return None if self.decision_price is None else worse_by(self.side, self.decision_price, self.price)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlippageSum:
    """Orders of one `purpose`, or "all": `expected_usd` to be paid or got by them, and what was lost against it.

    `decided_usd`: what those of them whose price at the decision is known were worth then, and what was lost against
    that: Perold's implementation shortfall (1988) of what was executed, without fees and without what never filled.
    """

    purpose: str
    orders: int
    expected_usd: Decimal
    cost_usd: Decimal
    decided_usd: Decimal = Decimal(0)
    shortfall_usd: Decimal = Decimal(0)

    @property
    def basis_points(self) -> Decimal:
        """Lost in 1/100 % of what was expected, weighted by money, to a tenth; 0 where not a cent was expected."""
        return _rate(self.cost_usd, self.expected_usd)

    @property
    def shortfall_bp(self) -> Decimal:
        """Lost in 1/100 % of what it was worth at the decision, to a tenth; 0 where not a cent of that is known."""
        return _rate(self.shortfall_usd, self.decided_usd)


def worse_by(side: Side, expected: Decimal, price: Decimal) -> Decimal:
    """How much worse `price` is than `expected` for that side, in 1/100 %, to a tenth; negative where it is better."""
    return (_lost(side, expected, price) / expected * _BP).quantize(_TENTH)


def read_fills(pool: Pool, run_id: str, orders: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Executions of a run (or of these of its orders) in order, each held against two prices.

    `slippage_bp` against `expected_price`, None where nothing was expected: a payout, or a holding that was not on
    record when it was sold. `shortfall_bp` against `decision_price`, None for legs and where it is not on record.
    """
    rows = named_rows(pool, _SQL["fills"], {"run": run_id, "orders": None if orders is None else list(orders)})
    return [
        {**row, "slippage_bp": _worse_by(row, "expected_price"), "shortfall_bp": _worse_by(row, "decision_price")}
        for row in rows
    ]


def slippage_of(fills: Iterable[Mapping[str, Any]]) -> tuple[Slippage, ...]:
    """The executions of `read_fills` by order, in order of ids; orders of which nothing was expected are left out."""
    known = sorted(
        (fill for fill in fills if fill["expected_price"] is not None), key=lambda fill: str(fill["client_order_id"])
    )
    return tuple(_of_order(list(group)) for _, group in groupby(known, key=lambda fill: fill["client_order_id"]))


def sum_up(orders: Sequence[Slippage]) -> tuple[SlippageSum, ...]:
    """By purpose, and of all; nothing for no order."""
    by_purpose = sorted(orders, key=attrgetter("purpose"))
    found = [_sum(purpose, list(group)) for purpose, group in groupby(by_purpose, key=attrgetter("purpose"))]
    return (*found, _sum(_ALL, orders)) if orders else ()


def _lost(side: Side, expected: Decimal, price: Decimal) -> Decimal:
    """USD lost a share."""
    return price - expected if side is Side.BUY else expected - price


def _rate(lost: Decimal, of: Decimal) -> Decimal:
    return (lost / of * _BP).quantize(_TENTH) if of else Decimal(0)


def _worse_by(row: Mapping[str, Any], than: str) -> Decimal | None:
    expected = row[than]
    return None if expected is None else worse_by(Side(row["side"]), expected, row["price"])


def _of_order(fills: Sequence[Mapping[str, Any]]) -> Slippage:
    first, quantity = fills[0], sum((fill["quantity"] for fill in fills), Decimal(0))
    names = ("client_order_id", "decision_id", "ticker", "purpose", "expected_price", "decision_price")
    return Slippage(
        **{name: first[name] for name in names},
        side=Side(first["side"]),
        quantity=quantity,
        price=sum((fill["quantity"] * fill["price"] for fill in fills), Decimal(0)) / quantity,
    )


def _sum(purpose: str, orders: Sequence[Slippage]) -> SlippageSum:
    expected = sum((order.quantity * order.expected_price for order in orders), Decimal(0))
    cost = sum((order.cost_usd for order in orders), Decimal(0))
    decided = sum((order.quantity * (order.decision_price or Decimal(0)) for order in orders), Decimal(0))
    shortfall = sum((order.shortfall_usd or Decimal(0) for order in orders), Decimal(0))
    return SlippageSum(
        purpose=purpose,
        orders=len(orders),
        expected_usd=expected.quantize(_CENT),
        cost_usd=cost.quantize(_CENT),
        decided_usd=decided.quantize(_CENT),
        shortfall_usd=shortfall.quantize(_CENT),
    )
