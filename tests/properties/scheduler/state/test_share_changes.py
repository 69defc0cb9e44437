"""Whatever is bought, sold and split, trades and lots earn what the account earned, and splits are recognised by it."""

from datetime import date, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenthman.domain.order import Fill, Side
from tenthman.domain.shares import ShareChange, split_quantity
from tenthman.execution.lots import lots_of
from tenthman.scheduler.state.round_trip import Execution, RoundTrip, replayed
from tenthman.scheduler.state.share_changes import cash_of, explanation, fill_of_fraction

FIRST = date(2020, 1, 6)
RATIOS = st.sampled_from([Fraction(2), Fraction(3, 2), Fraction(1, 10), Fraction(7), Fraction(1, 3), Fraction(20)])
PRICES = st.integers(100, 50_000).map(lambda cents: Decimal(cents) / 100)
FEES = st.integers(0, 50).map(lambda cents: Decimal(cents) / 100)
DAY = st.tuples(
    st.one_of(st.none(), st.tuples(RATIOS, st.booleans(), st.integers(0, 300))),
    st.one_of(
        st.none(),
        st.tuples(st.just("buy"), st.integers(1, 300), PRICES, FEES),
        st.tuples(st.just("sell"), st.integers(1, 100), PRICES, FEES),
    ),
)


class Account:
    """What a broker holds, day by day, and what the desk makes of it."""

    def __init__(self) -> None:
        self.cash, self.shares, self.fees = Decimal(0), Decimal(0), Decimal(0)
        self.done: list[Execution] = []
        self.changes: list[ShareChange] = []
        self._known: list[ShareChange] = []

    @property
    def fills(self) -> list[Fill]:
        return [item.fill for item in self.done]

    def split(self, day: int, ratio: Fraction, paid: Decimal | None) -> None:
        """`paid` for a part of a share (USD), None where it is kept."""
        change = ShareChange(ticker="AAA", on=FIRST + timedelta(days=day), ratio=ratio, becomes="AAA")
        self._known.append(change)
        after = split_quantity(self.shares, ratio)
        whole = after if paid is None else after.to_integral_value(ROUND_DOWN)
        fraction, self.shares = after - whole, whole
        if fraction > 0 and paid is not None:
            self.cash += paid
            self._enter(fill_of_fraction(change, fraction, paid), Decimal(0), "fraction")
        self.changes.append(change)

    def trade(self, number: int, kind: str, size: int, price: Decimal, fees: Decimal) -> None:
        quantity = Decimal(size)
        if kind == "sell":
            quantity = (self.shares * size / 100).quantize(Decimal("1e-9"), rounding=ROUND_DOWN)
        if quantity == 0:
            return
        fill = Fill(
            execution_id=f"x{number}",
            broker_order_id=f"o{number}",
            ticker="AAA",
            side=Side(kind),
            quantity=quantity.normalize(),
            price=price,
            filled_at=datetime.fromisoformat(f"{FIRST + timedelta(days=number)}T15:00:00+00:00"),
        )
        self.shares += quantity if kind == "buy" else -quantity
        self.cash += cash_of(fill)
        self.fees += fees
        self._enter(fill, fees, f"o{number}" if kind == "buy" else "exit")

    def _enter(self, fill: Fill, fees: Decimal, decision: str) -> None:
        self.done.append(Execution(fill=fill, fees=fees, decision_id=decision, reason="time", sells_oldest=True))

    def trips(self) -> tuple[RoundTrip, ...]:
        return replayed(self.done, self.changes)


@given(st.lists(DAY, max_size=10), PRICES)
def test_trades_and_lots_earn_what_the_account_earned_through_splits_and_cash_in_lieu(
    days: list, last: Decimal
) -> None:
    account = Account()
    for number, (split, trade) in enumerate(days):
        if split is not None:
            ratio, pays, cents = split
            account.split(number, ratio, Decimal(cents) / 100 if pays else None)
        if trade is not None:
            account.trade(number, *trade)
    trips = account.trips()
    near = Decimal("1e-9") * (1 + len(days)) * 100_000
    held = sum((trip.quantity for trip in trips), Decimal(0))
    assert held == pytest.approx(account.shares, abs=Decimal("1e-8") * 1000)
    unrealised = sum((trip.quantity * (last - trip.avg_entry_price) for trip in trips), Decimal(0))
    realised = sum((trip.realised_usd for trip in trips), Decimal(0))
    gained = account.cash + account.shares * last - account.fees
    assert realised + unrealised == pytest.approx(gained, abs=near)
    book = lots_of([(item.fill, item.fees) for item in account.done], account.changes)
    assert book.quantity("AAA") == held
    if held == 0:
        assert book.realised == pytest.approx(realised, abs=near)
    assert all((trip.closed_at is None) == (trip.quantity > 0) for trip in trips)


@given(st.integers(1, 500), st.lists(st.tuples(RATIOS, st.booleans()), min_size=1, max_size=3), st.integers(0, 99))
def test_splits_are_recognised_by_what_the_account_holds_however_many_nobody_saw(
    size: int, splits: list[tuple[Fraction, bool]], part: int
) -> None:
    account = Account()
    account.trade(0, "buy", size, Decimal("10.00"), Decimal(0))
    fills = list(account.fills)
    whole = splits[0][1]
    for number, (ratio, _) in enumerate(splits, start=1):
        account.split(number, ratio, Decimal("0.01") if whole else None)
    account.trade(len(splits) + 1, "sell", part, Decimal("10.00"), Decimal(0))
    fills += [item.fill for item in account.done[1:] if item.decision_id == "exit"]
    shown = explanation(fills, [], account.changes, {"AAA": account.shares})
    assert shown is not None
    paid = [fill_of_fraction(item.change, item.fraction, Decimal("0.01")) for item in shown if item.fraction > 0]
    made = lots_of([(fill, Decimal(0)) for fill in (*fills, *paid)], [item.change for item in shown])
    assert made.quantity("AAA") == account.shares
    assert len(shown) <= len(splits)
