"""What any broker of the desk must do, as sentences. A test class inherits BrokerBattery and gives the `desk` fixture.

The broker under test must trade `battery_market()` with BATTERY_CASH and BATTERY_COSTS, pay dividends, and stand at
`battery_start(market)` when the fixture hands it over.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from tenthman_markets import HALT, at, small_market

from tenthman.config import CostSettings
from tenthman.domain.broker import Broker, PriceChange
from tenthman.domain.errors import OrderRejected
from tenthman.domain.findings import Check
from tenthman.domain.market import MarketData
from tenthman.domain.order import BrokerOrder, OrderStatus, OrderType, Purpose, Side, SizedOrder, TimeInForce

BATTERY_CASH = Decimal(100_000)
BATTERY_COSTS = CostSettings(half_spread_bp=1.0, slippage_bp=1.0, open_slippage_bp=3.0, stop_slippage_bp=5.0)

_PASSED = (Check(rule="battery", observed="1", limit="1", passed=True),)


def battery_market() -> MarketData:
    """Four sessions: AAA climbs and then gaps down, BBB swings two per cent a day, HLT is halted in the second.

    PAY goes ex 0.50 USD in the second; END has its last bar there.
    """
    climbs = [(100.0, 104.0, 98.0, 103.0), (103.0, 112.0, 101.0, 110.0)]
    falls = [(90.0, 95.0, 85.0, 92.0), (92.0, 96.0, 91.0, 95.0)]
    return small_market(
        {
            "AAA": climbs + falls,
            "BBB": [(50.0, 51.0, 49.0, 50.0)] * 4,
            "HLT": [(20.0, 21.0, 19.0, 20.0), HALT, (18.0, 22.0, 17.0, 20.0), (20.0, 21.0, 19.0, 20.0)],
            "PAY": [(40.0, 41.0, 39.0, 40.0)] + [(39.5, 40.0, 39.0, 39.5)] * 3,
            "END": [(30.0, 31.0, 29.0, 30.0), (30.0, 31.5, 29.0, 31.0), HALT, HALT],
        },
        dividends={"PAY": {1: 0.5}},
    )


def battery_start(market: MarketData) -> datetime:
    """Half an hour before the first opening."""
    return market.hours[0].open_at - timedelta(minutes=30)


def entry(name: str, ticker: str, quantity: int, *, limit: str, stop: str, target: str) -> SizedOrder:
    """A GTC bracket."""
    return SizedOrder(
        client_order_id=name,
        decision_id=name,
        purpose=Purpose.ENTRY,
        ticker=ticker,
        side=Side.BUY,
        quantity=Decimal(quantity),
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        limit_price=Decimal(limit),
        stop_price=Decimal(stop),
        target_price=Decimal(target),
        checks=_PASSED,
    )


def exit_order(name: str, ticker: str, quantity: int) -> SizedOrder:
    """A market DAY sell."""
    return SizedOrder(
        client_order_id=name,
        decision_id=name,
        purpose=Purpose.EXIT,
        ticker=ticker,
        side=Side.SELL,
        quantity=Decimal(quantity),
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.DAY,
        limit_price=None,
        stop_price=None,
        target_price=None,
        checks=_PASSED,
    )


@dataclass(frozen=True, kw_only=True)
class Desk:
    """A broker, the hand that moves its time, and its market."""

    broker: Broker
    advance: Callable[[datetime], object]
    market: MarketData

    def to(self, row: int, fraction: float) -> None:
        """Move to `fraction` of session `row`."""
        self.advance(at(self.market, row, fraction))

    def holding(self, ticker: str) -> Decimal:
        """Shares held."""
        return sum((item.quantity for item in self.broker.positions() if item.ticker == ticker), Decimal(0))

    def found(self, name: str) -> BrokerOrder:
        """The order of that client order id, which must be there."""
        order = self.broker.find(name)
        assert order is not None
        return order

    def leg(self, name: str, kind: OrderType) -> BrokerOrder:
        """The target (limit) or the stop of the named bracket."""
        return next(leg for leg in self.found(name).legs if leg.order_type is kind)


def _every(orders: Sequence[BrokerOrder]) -> Iterator[BrokerOrder]:
    for order in orders:
        yield order
        yield from _every(order.legs)


class BrokerBattery:
    """Inherit, name the class Test..., and override `desk`."""

    @pytest.fixture
    def desk(self) -> Desk:
        raise NotImplementedError("the test class must give a `desk` fixture")

    def test_the_clock_is_closed_before_the_opening_open_inside_and_closed_at_the_close(self, desk: Desk) -> None:
        first, second = desk.market.hours[:2]
        before = desk.broker.clock()
        assert (before.is_open, before.next_open, before.next_close) == (False, first.open_at, first.close_at)
        desk.to(0, 0.5)
        inside = desk.broker.clock()
        assert (inside.is_open, inside.next_open, inside.next_close) == (True, second.open_at, first.close_at)
        desk.to(0, 1.0)
        after = desk.broker.clock()
        assert (after.now, after.is_open, after.next_open) == (first.close_at, False, second.open_at)

    def test_a_fresh_account_holds_its_cash_and_nothing_else(self, desk: Desk) -> None:
        account = desk.broker.account()
        assert account.cash == account.equity == account.last_equity == account.buying_power == BATTERY_CASH
        assert not account.blocked
        assert list(desk.broker.positions()) == []
        assert list(desk.broker.open_orders()) == []
        assert list(desk.broker.fills(None)) == []

    def test_an_entry_sent_before_the_opening_fills_at_the_open_when_that_is_better_than_its_limit(
        self, desk: Desk
    ) -> None:
        sent = desk.broker.submit(entry("e", "AAA", 10, limit="101.00", stop="95.00", target="120.00"))
        assert sent.filled_quantity == 0
        assert not sent.status.is_final
        assert list(desk.broker.fills(None)) == []
        desk.to(0, 0.0)
        (fill,) = desk.broker.fills(None)
        assert (fill.ticker, fill.side, fill.quantity, fill.price) == ("AAA", Side.BUY, Decimal(10), Decimal("100.04"))
        assert (fill.broker_order_id, fill.filled_at) == (sent.id, desk.market.hours[0].open_at)
        done = desk.found("e")
        assert (done.status, done.filled_quantity, done.filled_avg_price) == (
            OrderStatus.FILLED,
            Decimal(10),
            fill.price,
        )

    def test_an_entry_below_the_market_rests_until_the_price_comes_down_to_its_limit(self, desk: Desk) -> None:
        desk.broker.submit(entry("e", "AAA", 10, limit="99.00", stop="95.00", target="120.00"))
        desk.to(0, 0.1)
        assert list(desk.broker.fills(None)) == []
        assert desk.found("e").status is OrderStatus.NEW
        desk.to(0, 0.3)
        (fill,) = desk.broker.fills(None)
        assert fill.price == Decimal("99.00")
        assert at(desk.market, 0, 0.1) < fill.filled_at <= at(desk.market, 0, 0.3)

    def test_an_entry_inside_the_session_fills_at_the_price_of_that_moment_and_not_before(self, desk: Desk) -> None:
        desk.to(0, 0.5)
        desk.broker.submit(entry("e", "AAA", 10, limit="101.50", stop="95.00", target="120.00"))
        desk.to(0, 0.6)
        (fill,) = desk.broker.fills(None)
        assert (fill.price, fill.filled_at) == (Decimal("101.03"), at(desk.market, 0, 0.5))

    def test_a_waiting_entry_keeps_its_cash_back_and_gives_it_free_when_cancelled(self, desk: Desk) -> None:
        sent = desk.broker.submit(entry("e", "AAA", 10, limit="80.00", stop="75.00", target="120.00"))
        desk.to(1, 1.0)
        account = desk.broker.account()
        assert (account.cash, account.buying_power) == (BATTERY_CASH, BATTERY_CASH - 800)
        assert desk.broker.cancel(sent.id)
        assert desk.broker.account().buying_power == BATTERY_CASH
        assert {order.status for order in _every([desk.found("e")])} == {OrderStatus.CANCELED}
        assert list(desk.broker.open_orders()) == []

    def test_the_legs_of_a_bracket_wait_inside_it_until_the_entry_has_filled(self, desk: Desk) -> None:
        sent = desk.broker.submit(entry("e", "AAA", 10, limit="99.00", stop="98.50", target="120.00"))
        (waiting,) = desk.broker.open_orders()
        assert waiting.id == sent.id
        assert {leg.parent_id for leg in waiting.legs} == {sent.id}
        assert [leg.status for leg in waiting.legs] == [OrderStatus.HELD, OrderStatus.HELD]
        assert desk.leg("e", OrderType.LIMIT).limit_price == Decimal("120.00")
        assert desk.leg("e", OrderType.STOP).stop_price == Decimal("98.50")

    def test_after_the_fill_both_legs_stand_open_and_know_their_entry(self, desk: Desk) -> None:
        sent = desk.broker.submit(entry("e", "AAA", 10, limit="101.00", stop="95.00", target="120.00"))
        desk.to(0, 0.5)
        alive = [order for order in _every(desk.broker.open_orders()) if not order.status.is_final]
        assert {order.parent_id for order in alive} == {sent.id}
        assert {order.order_type for order in alive} == {OrderType.LIMIT, OrderType.STOP}

    def test_a_stop_below_a_gap_fills_at_the_open_and_the_target_is_cancelled(self, desk: Desk) -> None:
        desk.broker.submit(entry("e", "AAA", 10, limit="101.00", stop="95.00", target="120.00"))
        desk.to(2, 0.0)
        fill = desk.broker.fills(None)[-1]
        assert (fill.side, fill.price, fill.filled_at) == (Side.SELL, Decimal("89.94"), desk.market.hours[2].open_at)
        assert desk.leg("e", OrderType.STOP).status is OrderStatus.FILLED
        assert desk.leg("e", OrderType.LIMIT).status is OrderStatus.CANCELED
        assert desk.holding("AAA") == 0
        assert desk.broker.account().cash == BATTERY_CASH - 10 * Decimal("100.04") + 10 * Decimal("89.94")

    def test_a_target_fills_at_its_price_and_the_stop_is_cancelled(self, desk: Desk) -> None:
        desk.broker.submit(entry("e", "AAA", 10, limit="101.00", stop="95.00", target="111.00"))
        desk.to(1, 1.0)
        fill = desk.broker.fills(None)[-1]
        assert (fill.side, fill.price) == (Side.SELL, Decimal("111.00"))
        assert desk.leg("e", OrderType.LIMIT).status is OrderStatus.FILLED
        assert desk.leg("e", OrderType.STOP).status is OrderStatus.CANCELED
        assert list(desk.broker.open_orders()) == []

    def test_the_stop_comes_before_the_target_when_one_bar_reaches_both(self, desk: Desk) -> None:
        desk.broker.submit(entry("e", "BBB", 10, limit="50.50", stop="49.50", target="50.90"))
        desk.to(0, 1.0)
        assert [fill.price for fill in desk.broker.fills(None)] == [Decimal("50.02"), Decimal("49.47")]
        assert desk.leg("e", OrderType.LIMIT).status is OrderStatus.CANCELED

    def test_shares_promised_to_legs_cannot_be_sold_until_a_leg_is_cancelled(self, desk: Desk) -> None:
        desk.broker.submit(entry("e", "AAA", 10, limit="101.00", stop="95.00", target="120.00"))
        desk.to(0, 0.5)
        with pytest.raises(OrderRejected, match="insufficient qty"):
            desk.broker.submit(exit_order("x1", "AAA", 10))
        assert desk.broker.cancel(desk.leg("e", OrderType.LIMIT).id)
        assert desk.leg("e", OrderType.STOP).status is OrderStatus.CANCELED
        assert desk.holding("AAA") == 10
        desk.broker.submit(exit_order("x2", "AAA", 10))
        desk.to(0, 0.6)
        assert desk.broker.fills(None)[-1].price == Decimal("100.97")
        assert desk.holding("AAA") == 0

    def test_what_is_not_held_cannot_be_sold(self, desk: Desk) -> None:
        desk.to(0, 0.5)
        with pytest.raises(OrderRejected, match="short"):
            desk.broker.submit(exit_order("x", "AAA", 1))
        assert desk.broker.find("x") is None

    def test_an_entry_that_costs_more_than_the_cash_is_refused(self, desk: Desk) -> None:
        with pytest.raises(OrderRejected, match="buying power"):
            desk.broker.submit(entry("e", "AAA", 1000, limit="100.01", stop="95.00", target="120.00"))
        assert desk.broker.find("e") is None

    def test_an_order_in_a_halted_ticker_waits_for_the_next_bar(self, desk: Desk) -> None:
        desk.to(0, 1.0)
        desk.broker.submit(entry("e", "HLT", 10, limit="19.50", stop="16.00", target="30.00"))
        desk.to(1, 1.0)
        assert desk.found("e").status is OrderStatus.NEW
        assert list(desk.broker.fills(None)) == []
        desk.to(2, 0.0)
        (fill,) = desk.broker.fills(None)
        assert fill.price == Decimal("18.01")

    def test_a_day_order_that_finds_no_price_expires_at_the_close(self, desk: Desk) -> None:
        sent = desk.broker.submit(entry("e", "HLT", 10, limit="20.50", stop="10.00", target="30.00"))
        desk.to(0, 1.0)
        assert desk.broker.cancel(desk.leg("e", OrderType.STOP).id)
        desk.broker.submit(exit_order("x", "HLT", 10))
        desk.to(1, 1.0)
        assert desk.found("x").status is OrderStatus.EXPIRED
        assert desk.found("e").id == sent.id
        assert desk.holding("HLT") == 10

    def test_the_same_order_sent_twice_is_one_order(self, desk: Desk) -> None:
        order = entry("e", "AAA", 10, limit="101.00", stop="95.00", target="120.00")
        first, second = desk.broker.submit(order), desk.broker.submit(order)
        assert first.id == second.id
        desk.to(0, 0.5)
        assert desk.holding("AAA") == 10

    def test_another_order_under_a_used_name_is_refused(self, desk: Desk) -> None:
        desk.broker.submit(entry("e", "AAA", 10, limit="101.00", stop="95.00", target="120.00"))
        with pytest.raises(OrderRejected, match="unique"):
            desk.broker.submit(entry("e", "BBB", 5, limit="50.00", stop="48.00", target="60.00"))

    def test_a_final_order_cannot_be_cancelled(self, desk: Desk) -> None:
        sent = desk.broker.submit(entry("e", "AAA", 10, limit="101.00", stop="95.00", target="120.00"))
        desk.to(0, 0.5)
        assert desk.broker.cancel(sent.id) is False

    def test_the_stop_of_a_holding_can_be_moved_and_fires_where_it_stands_now(self, desk: Desk) -> None:
        desk.broker.submit(entry("e", "AAA", 10, limit="101.00", stop="95.00", target="120.00"))
        desk.to(0, 0.5)
        old = desk.leg("e", OrderType.STOP)
        change = PriceChange(client_order_id="e-stop-2", stop_price=Decimal("97.00"))
        new = desk.broker.replace(old.id, change)
        assert (new.client_order_id, new.stop_price, new.quantity) == ("e-stop-2", Decimal("97.00"), Decimal(10))
        assert new.id != old.id
        assert desk.broker.replace(old.id, change).id == new.id, "asked again it is the one there is"
        desk.to(2, 0.0)
        assert (desk.found("e-stop-2").status, desk.holding("AAA")) == (OrderStatus.FILLED, 0)

    def test_a_fill_that_comes_first_wins_against_a_replacement(self, desk: Desk) -> None:
        sent = desk.broker.submit(entry("e", "AAA", 10, limit="101.00", stop="95.00", target="120.00"))
        desk.to(0, 0.5)
        with pytest.raises(OrderRejected, match="cannot replace"):
            desk.broker.replace(sent.id, PriceChange(client_order_id="late", limit_price=Decimal("99.00")))
        assert desk.broker.find("late") is None
        assert desk.found("e").status is OrderStatus.FILLED

    def test_an_order_that_was_never_sent_is_not_found(self, desk: Desk) -> None:
        assert desk.broker.find("nobody") is None
        with pytest.raises(OrderRejected):
            desk.broker.cancel("00000000-0000-0000-0000-000000000000")

    def test_fills_after_an_instant_leave_out_that_instant(self, desk: Desk) -> None:
        desk.broker.submit(entry("a", "AAA", 10, limit="101.00", stop="95.00", target="120.00"))
        desk.broker.submit(entry("b", "BBB", 10, limit="49.50", stop="40.00", target="60.00"))
        desk.to(0, 1.0)
        first, second = desk.broker.fills(None)
        assert list(desk.broker.fills(first.filled_at)) == [second]
        assert first.execution_id != second.execution_id

    def test_equity_is_cash_and_holdings_at_the_price_of_the_moment(self, desk: Desk) -> None:
        desk.broker.submit(entry("e", "AAA", 10, limit="101.00", stop="95.00", target="120.00"))
        desk.to(0, 0.5)
        (position,) = desk.broker.positions()
        assert (position.avg_entry_price, position.current_price) == (Decimal("100.04"), Decimal(101))
        assert desk.broker.account().equity == BATTERY_CASH + 10 * (101 - Decimal("100.04"))
        desk.to(0, 1.0)
        at_the_close = desk.broker.account()
        assert at_the_close.equity == BATTERY_CASH + 10 * (103 - Decimal("100.04"))
        assert at_the_close.last_equity == BATTERY_CASH
        desk.to(1, 0.5)
        assert desk.broker.account().last_equity == at_the_close.equity

    def test_a_dividend_is_paid_once_at_the_open_of_the_ex_date_to_who_held_at_the_close_before(
        self, desk: Desk
    ) -> None:
        desk.broker.submit(entry("before", "PAY", 10, limit="41.00", stop="30.00", target="60.00"))
        desk.to(0, 1.0)
        held = desk.broker.account()
        assert held.cash == BATTERY_CASH - 10 * Decimal("40.02")
        desk.broker.submit(entry("after", "PAY", 10, limit="38.00", stop="30.00", target="60.00"))
        desk.to(1, 0.0)
        paid = desk.broker.account()
        assert paid.cash == held.cash + 5
        assert paid.equity == held.equity + 5 - 10 * Decimal("0.5")
        desk.to(1, 0.0)
        desk.to(1, 0.5)
        assert desk.broker.account().cash == paid.cash

    def test_who_buys_at_the_open_of_the_ex_date_is_paid_no_dividend(self, desk: Desk) -> None:
        desk.to(0, 1.0)
        desk.broker.submit(entry("e", "PAY", 10, limit="41.00", stop="30.00", target="60.00"))
        desk.to(3, 1.0)
        assert desk.broker.account().cash == BATTERY_CASH - 10 * Decimal("39.52")

    def test_a_delisted_holding_is_paid_out_at_its_last_close_and_its_orders_are_cancelled(self, desk: Desk) -> None:
        desk.broker.submit(entry("e", "END", 10, limit="31.00", stop="20.00", target="60.00"))
        desk.to(1, 1.0)
        before = desk.broker.account()
        desk.broker.submit(entry("late", "END", 10, limit="31.00", stop="20.00", target="60.00"))
        desk.to(2, 0.0)
        fill = desk.broker.fills(None)[-1]
        assert (fill.is_payout, fill.side, fill.quantity, fill.price) == (True, Side.SELL, Decimal(10), Decimal(31))
        assert fill.filled_at == desk.market.hours[2].open_at
        assert [item.is_payout for item in desk.broker.fills(None)] == [False, True]
        after = desk.broker.account()
        assert (after.cash, after.equity) == (before.equity, before.equity)
        assert after.buying_power == after.cash
        assert desk.holding("END") == 0
        assert list(desk.broker.open_orders()) == []
        assert {leg.status for leg in desk.found("e").legs} == {OrderStatus.CANCELED}
        assert {order.status for order in _every([desk.found("late")])} == {OrderStatus.CANCELED}

    def test_the_order_of_a_pay_out_can_be_looked_up_and_is_filled(self, desk: Desk) -> None:
        desk.broker.submit(entry("e", "END", 10, limit="31.00", stop="20.00", target="60.00"))
        desk.to(2, 0.5)
        order = desk.found(desk.broker.fills(None)[-1].broker_order_id)
        assert (order.ticker, order.side, order.order_type) == ("END", Side.SELL, OrderType.MARKET)
        assert (order.status, order.filled_quantity) == (OrderStatus.FILLED, Decimal(10))
        assert (order.filled_avg_price, order.legs) == (Decimal(31), ())

    def test_an_order_in_a_delisted_name_is_refused_from_the_open_without_it_on(self, desk: Desk) -> None:
        desk.to(2, 0.0)
        with pytest.raises(OrderRejected, match="not active"):
            desk.broker.submit(entry("e", "END", 10, limit="31.00", stop="20.00", target="60.00"))
        assert desk.broker.find("e") is None
