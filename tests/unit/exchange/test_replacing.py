"""Replacing and cancelling: what may change, what the new order takes over, and what happens when the fill wins."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from tenthman_markets import OHLC, at, small_market

from tenthman.config import CostSettings
from tenthman.domain.order import OrderStatus, OrderType, Side, TimeInForce
from tenthman.exchange.alpaca_trading import cancel_all
from tenthman.exchange.market import ExchangeOrder, OrderRequest, Refusal, Replacement, ReplayExchange, VenueRules

COSTS = CostSettings(half_spread_bp=1.0, slippage_bp=1.0, open_slippage_bp=3.0, stop_slippage_bp=5.0)
BAR: OHLC = (100.0, 105.0, 95.0, 102.0)
CASH = Decimal(10_000)

LIMIT = OrderRequest(
    symbol="AAA",
    side=Side.BUY,
    quantity=Decimal(10),
    order_type=OrderType.LIMIT,
    time_in_force=TimeInForce.GTC,
    client_order_id="e",
    limit_price=Decimal(94),
)
BRACKET = replace(LIMIT, take_profit_limit=Decimal(120), stop_loss_stop=Decimal(90))
SECOND = timedelta(seconds=1)


def exchange_at(fraction: float, rules: VenueRules | None = None) -> ReplayExchange:
    """One of three equal sessions, at `fraction` of the first."""
    market = small_market({"AAA": [BAR] * 3})
    start = market.hours[0].open_at - timedelta(minutes=30)
    exchange = ReplayExchange(market, COSTS, CASH, "unit", start, rules=rules)
    exchange.advance(at(market, 0, fraction))
    return exchange


def told(exchange: ReplayExchange) -> list[tuple[str, str, str]]:
    """Event, client order id and status of what happened."""
    return [(event.event, event.order.client_order_id, event.order.status.value) for event in exchange.drain()]


def named(**changes: Any) -> Replacement:
    return Replacement(client_order_id="r", **changes)


def refusal(exchange: ReplayExchange, order_id: str, change: Replacement) -> tuple[int, int, str]:
    with pytest.raises(Refusal) as caught:
        exchange.replace(order_id, change)
    return caught.value.http_status, caught.value.code, caught.value.message


def test_a_replacement_has_a_new_id_and_the_old_order_says_by_which_it_was_replaced() -> None:
    exchange = exchange_at(0.5)
    old = exchange.submit(LIMIT)
    exchange.drain()
    new = exchange.replace(old.id, named(quantity=Decimal(12), limit_price=Decimal(93), time_in_force=TimeInForce.DAY))
    assert told(exchange) == [("replaced", "e", "replaced"), ("new", "r", "new")]
    was, now = exchange.order(old.id), exchange.order(new.id)
    assert (was.replaced_by, was.replaced_at, now.replaces) == (new.id, exchange.now, old.id)
    assert (now.quantity, now.limit_price, now.time_in_force.value) == (Decimal(12), Decimal(93), "day")
    assert exchange.orders("open") == [now]
    assert exchange.account().buying_power == CASH - 12 * 93
    exchange.advance(at(exchange.market, 0, 1.0))
    assert exchange.order(new.id).status is OrderStatus.EXPIRED


def test_what_is_not_named_stays_and_the_new_order_names_itself() -> None:
    exchange = exchange_at(0.5)
    old = exchange.submit(LIMIT)
    new = exchange.order(exchange.replace(old.id, Replacement(limit_price=Decimal("93.50"))).id)
    assert (new.quantity, new.time_in_force, new.client_order_id) == (old.quantity, old.time_in_force, new.id)
    again = exchange.replace(new.id, Replacement(limit_price=Decimal(92)))
    assert [order.status.value for order in exchange.orders()] == ["replaced", "replaced", "new"]
    assert exchange.order(again.id).replaces == new.id


def test_a_replacement_that_can_trade_does_so_at_once() -> None:
    exchange = exchange_at(0.5)
    old = exchange.submit(LIMIT)
    new = exchange.replace(old.id, named(limit_price=Decimal(101)))
    assert new.status is OrderStatus.PENDING_NEW
    assert exchange.order(new.id).filled_avg_price == Decimal("100.02")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (Replacement(), (422, 40010001, "order parameters are not changed")),
        (Replacement(stop_price=Decimal(90)), (422, 40010001, "limit orders have no stop_price to replace")),
        (Replacement(trail=Decimal(1)), (422, 40010001, "limit orders have no trail to replace")),
        (Replacement(limit_price=Decimal("93.001")), (422, 42210000, "invalid limit_price 93.001. sub-penny")),
        (Replacement(limit_price=Decimal(-1)), (422, 40010001, "limit price must be > 0")),
        (Replacement(quantity=Decimal(0)), (422, 40010001, "qty must be > 0")),
        (Replacement(quantity=Decimal("1.5")), (422, 42210000, "qty of fractional orders cannot be replaced")),
        (Replacement(time_in_force=TimeInForce.IOC), (422, 42210000, "time_in_force can be replaced by day or gtc")),
        (Replacement(quantity=Decimal(11), client_order_id="e"), (422, 40010001, "client_order_id must be unique")),
        (Replacement(quantity=Decimal(200)), (403, 40310000, "insufficient buying power")),
    ],
)
def test_a_change_that_breaks_a_rule_is_refused_and_the_order_stays(
    change: Replacement, expected: tuple[int, int, str]
) -> None:
    exchange = exchange_at(0.5)
    old = exchange.submit(LIMIT)
    exchange.drain()
    status, code, message = refusal(exchange, old.id, change)
    assert (status, code) == expected[:2]
    assert message.startswith(expected[2])
    assert [order.status.value for order in exchange.orders()] == ["new"]
    assert exchange.drain() == []


def test_only_an_order_that_is_at_work_and_not_notional_can_be_replaced() -> None:
    change = Replacement(limit_price=Decimal(93))
    early = exchange_at(-0.05)
    assert refusal(early, early.submit(LIMIT).id, change)[:2] == (422, 42210000), "accepted"
    exchange = exchange_at(0.5)
    old = exchange.submit(LIMIT)
    exchange.cancel(old.id)
    assert "canceled" in refusal(exchange, old.id, change)[2]
    assert refusal(exchange, "nobody", change)[:2] == (404, 40410000)


def test_replacing_an_entry_keeps_its_bracket_together() -> None:
    exchange = exchange_at(0.5)
    old = exchange.submit(BRACKET)
    new = exchange.replace(old.id, named(limit_price=Decimal(101)))
    target, stop = (exchange.order(leg) for leg in exchange.order(new.id).legs)
    assert (target.parent_id, stop.parent_id) == (new.id, new.id)
    assert [order.status.value for order in (exchange.order(new.id), target, stop)] == ["filled", "new", "held"]
    exchange.cancel(stop.id)
    assert {exchange.order(leg).status for leg in new.legs} == {OrderStatus.CANCELED}


@pytest.mark.parametrize("filled", [False, True])
def test_the_stop_of_a_bracket_can_be_moved_before_and_after_its_entry_filled(filled: bool) -> None:
    exchange = exchange_at(0.5)
    entry = exchange.submit(replace(BRACKET, limit_price=Decimal(101 if filled else 98)))
    target, stop = entry.legs
    moved = exchange.replace(stop, named(stop_price=Decimal(97)))
    assert exchange.order(entry.id).legs == (target, moved.id)
    assert [exchange.order(name).status.value for name in (stop, moved.id)] == ["replaced", "held"]
    exchange.advance(at(exchange.market, 1, 0.3))
    (sold,) = [fill for fill in exchange.fills() if fill.side is Side.SELL]
    assert (sold.broker_order_id, sold.price) == (moved.id, Decimal("96.94"))
    assert exchange.order(target).status is OrderStatus.CANCELED


def test_of_a_bracket_only_prices_can_be_replaced_and_the_stop_stays_below_the_target() -> None:
    exchange = exchange_at(0.5)
    entry = exchange.submit(replace(BRACKET, limit_price=Decimal(101)))
    assert "only prices" in refusal(exchange, entry.legs[0], Replacement(quantity=Decimal(5)))[2]
    assert "must be > stop_loss" in refusal(exchange, entry.legs[1], Replacement(stop_price=Decimal(120)))[2]
    assert "must be > stop_loss" in refusal(exchange, entry.legs[0], Replacement(limit_price=Decimal(90)))[2]


def test_an_entry_that_waits_stays_between_its_legs() -> None:
    exchange = exchange_at(0.5)
    entry = exchange.submit(BRACKET)
    assert "base_price + 0.01" in refusal(exchange, entry.id, Replacement(limit_price=Decimal(120)))[2]
    assert "base_price - 0.01" in refusal(exchange, entry.id, Replacement(limit_price=Decimal(90)))[2]
    assert "base_price - 0.01" in refusal(exchange, entry.legs[1], Replacement(stop_price=Decimal(94)))[2]


def test_the_target_of_an_oco_can_be_moved_and_stays_tied_to_its_stop() -> None:
    exchange = exchange_at(0.5)
    exchange.submit(replace(LIMIT, limit_price=Decimal(101)))
    oco = replace(LIMIT, side=Side.SELL, client_order_id="x", limit_price=Decimal(110), order_class="oco")
    old = exchange.submit(replace(oco, take_profit_limit=Decimal(110), stop_loss_stop=Decimal(90)))
    new = exchange.replace(old.id, named(limit_price=Decimal(104)))
    assert exchange.quantity_available("AAA") == 0
    exchange.advance(at(exchange.market, 1, 0.8))
    assert exchange.order(new.id).filled_avg_price == Decimal(104)
    assert exchange.order(new.legs[0]).status is OrderStatus.CANCELED


def test_a_new_trail_starts_from_the_best_price_seen() -> None:
    exchange = exchange_at(0.5)
    exchange.submit(replace(LIMIT, limit_price=Decimal(101)))
    trail = replace(LIMIT, side=Side.SELL, client_order_id="t", order_type=OrderType.TRAILING_STOP, limit_price=None)
    old = exchange.submit(replace(trail, trail_price=Decimal(20)))
    exchange.advance(at(exchange.market, 0, 0.9))
    new = exchange.order(exchange.replace(old.id, named(trail=Decimal(5))).id)
    assert (new.hwm, new.stop_price, new.trail_price) == (Decimal("105.00"), Decimal("100.00"), Decimal(5))


def slow(fraction: float) -> tuple[ReplayExchange, ExchangeOrder]:
    """An exchange on which requests take a minute, with a limit order at work that fills after a while."""
    exchange = exchange_at(fraction, VenueRules(latency=timedelta(minutes=1)))
    order = exchange.submit(replace(LIMIT, limit_price=Decimal(97)))
    exchange.drain()
    return exchange, order


def test_with_latency_an_order_is_pending_until_its_replacement_takes_over() -> None:
    exchange, old = slow(0.05)
    new = exchange.replace(old.id, named(limit_price=Decimal(96)))
    assert told(exchange) == [("pending_replace", "e", "pending_replace")]
    assert exchange.account().buying_power == CASH - 970, "the larger of the two"
    with pytest.raises(Refusal, match="pending_replace"):
        exchange.cancel(old.id)
    assert "pending_replace" in refusal(exchange, old.id, Replacement(limit_price=Decimal(95)))[2]
    exchange.advance(exchange.now + 60 * SECOND)
    assert exchange.order(new.id).status is OrderStatus.NEW
    assert exchange.account().buying_power == CASH - 960


def test_when_the_fill_wins_the_replacement_is_rejected_and_told_so() -> None:
    exchange, old = slow(0.199)
    new = exchange.replace(old.id, named(limit_price=Decimal(90)))
    events = exchange.advance(exchange.now + 60 * SECOND)
    assert [(event.event, event.order.client_order_id) for event in events] == [
        ("pending_replace", "e"),
        ("fill", "e"),
        ("order_replace_rejected", "e"),
        ("rejected", "r"),
    ]
    assert [exchange.order(name).status.value for name in (old.id, new.id)] == ["filled", "rejected"]
    assert len(exchange.fills()) == 1


def test_when_the_fill_wins_the_cancel_is_rejected_and_told_so() -> None:
    exchange, order = slow(0.199)
    exchange.cancel(order.id)
    assert exchange.order(order.id).status is OrderStatus.PENDING_CANCEL
    events = exchange.advance(exchange.now + 60 * SECOND)
    assert [event.event for event in events] == ["pending_cancel", "fill", "order_cancel_rejected"]
    assert exchange.order(order.id).status is OrderStatus.FILLED


def test_what_is_to_replace_a_waiting_leg_can_neither_be_replaced_nor_cancelled_before_it_does() -> None:
    exchange = exchange_at(0.1, VenueRules(latency=timedelta(minutes=1)))
    entry = exchange.submit(BRACKET)
    waiting = exchange.replace(entry.legs[1], named(stop_price=Decimal(89)))
    code = 422, 42210000, 'cannot replace order in "held" state'
    assert refusal(exchange, waiting.id, Replacement(stop_price=Decimal(88))) == code
    with pytest.raises(Refusal, match="held"):
        exchange.cancel(waiting.id)
    exchange.advance(exchange.now + timedelta(minutes=1))
    assert exchange.replace(waiting.id, Replacement(stop_price=Decimal(88))).stop_price == Decimal(88)


def test_a_cancel_takes_effect_when_its_latency_is_over() -> None:
    exchange, order = slow(0.05)
    exchange.cancel(order.id)
    exchange.advance(exchange.now + 59 * SECOND)
    assert exchange.order(order.id).status is OrderStatus.PENDING_CANCEL
    exchange.advance(exchange.now + SECOND)
    assert exchange.order(order.id).canceled_at == exchange.now
    assert exchange.account().buying_power == CASH


def test_all_orders_are_cancelled_once_each_and_not_again_while_they_wait() -> None:
    exchange, order = slow(0.05)
    bracket = exchange.submit(replace(BRACKET, client_order_id="b", limit_price=Decimal(101)))
    assert cancel_all(exchange) == [order.id, bracket.legs[0]], "its stop waits for its target"
    assert cancel_all(exchange) == []
    events = exchange.advance(exchange.now + 60 * SECOND)
    assert [event.event for event in events if "rejected" in event.event] == []
    assert exchange.orders("open") == []


def test_a_split_adjusts_plain_limits_and_leaves_the_legs_of_a_bracket_as_they_are() -> None:
    exchange = exchange_at(0.5)
    plain = exchange.submit(replace(LIMIT, client_order_id="p", limit_price=Decimal("90.05")))
    bracket = exchange.submit(replace(BRACKET, limit_price=Decimal(101)))
    exchange.submit(replace(LIMIT, client_order_id="q", limit_price=Decimal(101)))
    sell = exchange.submit(replace(LIMIT, side=Side.SELL, client_order_id="s", limit_price=Decimal(150)))
    exchange.split_shares("AAA", Fraction(2))
    assert [order.limit_price for order in exchange.orders("open") if order.replaces == sell.id] == [Decimal(75)]
    assert exchange.order(plain.id).status is OrderStatus.REPLACED
    new = exchange.order(exchange.order(plain.id).replaced_by or "")
    assert (new.limit_price, new.quantity, new.status.value) == (Decimal("45.02"), Decimal(20), "new")
    assert exchange.order(bracket.legs[1]).stop_price == Decimal(90)


def test_a_reverse_split_cancels_the_sells_that_are_of_more_than_is_held() -> None:
    exchange = exchange_at(0.5)
    entry = exchange.submit(replace(BRACKET, limit_price=Decimal(101)))
    exchange.split_shares("AAA", Fraction(1, 10))
    assert {exchange.order(leg).status for leg in entry.legs} == {OrderStatus.CANCELED}
    assert [position.quantity for position in exchange.positions()] == [Decimal(1)]


def test_what_has_filled_counts_towards_the_new_quantity() -> None:
    exchange = exchange_at(0.5)
    exchange.fill_in_part("AAA", Decimal("0.4"))
    old = exchange.submit(replace(LIMIT, limit_price=Decimal(101)))
    assert exchange.order(old.id).status is OrderStatus.PARTIALLY_FILLED
    assert "filled_qty 4" in refusal(exchange, old.id, Replacement(quantity=Decimal(4)))[2]
    new = exchange.replace(old.id, named(quantity=Decimal(7)))
    assert exchange.order(new.id).quantity == Decimal(3)
    exchange.advance(at(exchange.market, 1, 0.5))
    assert [fill.quantity for fill in exchange.fills()] == [Decimal(4), Decimal(3)]
