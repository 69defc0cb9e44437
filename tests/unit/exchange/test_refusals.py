"""Refusals of the further order types and classes, of wash trades and of auctions that are over, in Alpaca's words."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from tenthman_markets import OHLC, at, small_market

from tenthman.config import CostSettings
from tenthman.domain.order import OrderStatus, OrderType, Side, TimeInForce
from tenthman.exchange.market import OrderRequest, Refusal, ReplayExchange, VenueRules

COSTS = CostSettings(half_spread_bp=1.0, slippage_bp=1.0, open_slippage_bp=3.0, stop_slippage_bp=5.0)
BAR: OHLC = (100.0, 105.0, 95.0, 102.0)

MARKET = OrderRequest(
    symbol="AAA",
    side=Side.BUY,
    quantity=Decimal(1),
    order_type=OrderType.MARKET,
    time_in_force=TimeInForce.DAY,
)
BUY = replace(MARKET, order_type=OrderType.LIMIT, limit_price=Decimal(90))
SELL = replace(BUY, side=Side.SELL, limit_price=Decimal(110))
STOP = replace(SELL, order_type=OrderType.STOP, limit_price=None, stop_price=Decimal(80))
TRAIL = replace(MARKET, side=Side.SELL, order_type=OrderType.TRAILING_STOP, trail_percent=Decimal(5))
EXITS: dict[str, Any] = {"take_profit_limit": Decimal(120), "stop_loss_stop": Decimal(80)}
OCO = replace(SELL, order_class="oco", limit_price=None, **EXITS)


@pytest.fixture
def exchange() -> ReplayExchange:
    """The middle of a session, with 20 shares held."""
    market = small_market({"AAA": [BAR] * 2})
    start = market.hours[0].open_at - timedelta(minutes=30)
    exchange = ReplayExchange(market, COSTS, Decimal(10_000), "unit", start)
    exchange.advance(at(market, 0, 0.5))
    exchange.submit(replace(MARKET, quantity=Decimal(20)))
    return exchange


def refused(exchange: ReplayExchange, request: OrderRequest) -> tuple[int, int, str]:
    with pytest.raises(Refusal) as caught:
        exchange.submit(request)
    return caught.value.http_status, caught.value.code, caught.value.message


@pytest.mark.parametrize(
    ("request_", "status", "code", "message"),
    [
        (replace(MARKET, notional=Decimal(10)), 400, 40010001, "only one of qty or notional"),
        (replace(MARKET, quantity=None), 422, 40010001, "qty or notional is required"),
        (replace(MARKET, quantity=None, notional=Decimal(0)), 422, 40010001, "notional must be > 0"),
        (replace(MARKET, quantity=None, notional=Decimal("0.99")), 422, 42210000, "at least 1.00"),
        (replace(BUY, quantity=None, notional=Decimal(10)), 422, 42210000, "notional orders must be market"),
        (
            replace(MARKET, quantity=None, notional=Decimal(10), time_in_force=TimeInForce.GTC),
            422,
            42210000,
            "notional orders must be DAY",
        ),
        (replace(BUY, order_type=OrderType.STOP_LIMIT), 422, 40010001, "stop_limit orders require stop_price"),
        (replace(TRAIL, trail_percent=None), 422, 40010001, "exactly one of trail_price and trail_percent"),
        (replace(TRAIL, trail_price=Decimal(1)), 422, 40010001, "exactly one of trail_price and trail_percent"),
        (replace(TRAIL, trail_percent=Decimal(100)), 422, 40010001, "trail percent must be"),
        (replace(MARKET, trail_price=Decimal(1)), 422, 40010001, "market orders must not have trail_price"),
        (replace(TRAIL, time_in_force=TimeInForce.IOC), 422, 42210000, "trailing_stop orders must be DAY or GTC"),
        (replace(TRAIL, quantity=Decimal("0.5")), 422, 42210000, "fractional orders must be market, limit, stop"),
        (replace(BUY, order_class="oto"), 422, 42210000, "exactly one of take_profit and stop_loss"),
        (replace(BUY, order_class="oto", **EXITS), 422, 42210000, "exactly one of take_profit and stop_loss"),
        (replace(BUY, order_class="simple", **EXITS), 422, 42210000, "need order_class"),
        (replace(OCO, stop_loss_stop=None), 422, 42210000, "oco orders require"),
        (replace(OCO, side=Side.BUY), 422, 42210000, "oco orders must be exit orders"),
        (replace(OCO, limit_price=Decimal(119)), 422, 42210000, "equal to take_profit.limit_price"),
        (replace(OCO, take_profit_limit=Decimal(79)), 422, 42210000, "must be > stop_loss.stop_price"),
        (replace(OCO, time_in_force=TimeInForce.FOK), 422, 42210000, "oco orders must be DAY or GTC"),
        (replace(OCO, quantity=Decimal(21)), 403, 40310000, "requested: 21, available: 20"),
        (replace(OCO, stop_loss_limit=Decimal("79.999")), 422, 42210000, "invalid stop_loss.limit_price"),
        (
            replace(OCO, stop_loss_stop=None, stop_loss_limit=Decimal(79)),
            422,
            42210000,
            "requires stop_loss.stop_price",
        ),
    ],
)
def test_what_breaks_a_rule_is_refused_in_alpacas_words(
    exchange: ReplayExchange, request_: OrderRequest, status: int, code: int, message: str
) -> None:
    found = refused(exchange, request_)
    assert found[:2] == (status, code)
    assert message in found[2]


@pytest.mark.parametrize(
    ("working", "sent", "reason"),
    [
        (SELL, MARKET, "opposite side market/stop order exists"),
        (STOP, BUY, "opposite side market/stop order exists"),
        (BUY, replace(SELL, order_type=OrderType.MARKET, limit_price=None), "opposite side market/stop order exists"),
        (SELL, replace(BUY, limit_price=Decimal(110)), "opposite side limit order exists"),
        (BUY, replace(SELL, limit_price=Decimal(90)), "opposite side limit order exists"),
    ],
)
def test_a_wash_trade_is_refused_and_the_order_in_its_way_is_named(
    exchange: ReplayExchange, working: OrderRequest, sent: OrderRequest, reason: str
) -> None:
    there = exchange.submit(working)
    with pytest.raises(Refusal, match="potential wash trade detected") as caught:
        exchange.submit(sent)
    assert (caught.value.http_status, caught.value.code) == (403, 40310000)
    assert caught.value.extra == {"existing_order_id": there.id, "reject_reason": reason}


@pytest.mark.parametrize(
    ("working", "sent"),
    [
        (SELL, BUY),
        (OCO, MARKET),
        (TRAIL, MARKET),
        (BUY, OCO),
        (BUY, TRAIL),
        (SELL, replace(MARKET, order_class="bracket", **EXITS)),
    ],
)
def test_limits_that_do_not_cross_brackets_ocos_and_trailing_stops_are_no_wash_trades(
    exchange: ReplayExchange, working: OrderRequest, sent: OrderRequest
) -> None:
    exchange.submit(working)
    assert exchange.submit(sent).status is OrderStatus.PENDING_NEW


@pytest.mark.parametrize(
    ("lasts", "hour", "minute", "taken"),
    [
        (TimeInForce.OPG, 9, 27, True),
        (TimeInForce.OPG, 9, 28, False),
        (TimeInForce.OPG, 18, 59, False),
        (TimeInForce.OPG, 19, 0, True),
        (TimeInForce.CLS, 9, 28, True),
        (TimeInForce.CLS, 15, 49, True),
        (TimeInForce.CLS, 15, 50, False),
        (TimeInForce.CLS, 19, 0, True),
    ],
)
def test_auction_orders_are_taken_until_shortly_before_their_auction_and_again_in_the_evening(
    lasts: TimeInForce, hour: int, minute: int, taken: bool
) -> None:
    market = small_market({"AAA": [BAR] * 2})
    midnight = market.hours[0].open_at - timedelta(hours=9, minutes=30)
    exchange = ReplayExchange(market, COSTS, Decimal(10_000), "unit", midnight)
    exchange.advance(midnight + timedelta(hours=hour, minutes=minute))
    order = replace(BUY, time_in_force=lasts)
    if taken:
        assert exchange.submit(order).time_in_force is lasts
    else:
        assert refused(exchange, order)[:2] == (422, 42210000)


@pytest.mark.parametrize(
    "rules", [{"gtc_days": 0}, {"latency": timedelta(-1)}, {"volume_share": 0.0}, {"partial_chance": 2.0}]
)
def test_rules_out_of_bounds_are_told(rules: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"`{next(iter(rules))}` must"):
        VenueRules(**rules)


def test_fill_or_kill_is_cancelled_where_the_market_has_less_and_immediate_or_cancel_takes_it() -> None:
    market = small_market({"AAA": [BAR] * 2})
    rules = VenueRules(volume_share=0.00014)
    exchange = ReplayExchange(market, COSTS, Decimal(100_000), "unit", market.hours[0].open_at, rules=rules)
    exchange.advance(at(market, 0, 0.5))
    order = replace(MARKET, quantity=Decimal(25))
    kill = exchange.submit(replace(order, time_in_force=TimeInForce.FOK))
    take = exchange.submit(replace(order, time_in_force=TimeInForce.IOC))
    told = [(exchange.order(name).status.value, exchange.order(name).filled_quantity) for name in (kill.id, take.id)]
    assert told == [("canceled", Decimal(0)), ("canceled", Decimal(10))]


def test_a_partial_fill_of_one_leg_shrinks_the_other() -> None:
    market = small_market({"AAA": [BAR] * 2})
    exchange = ReplayExchange(market, COSTS, Decimal(100_000), "unit", market.hours[0].open_at)
    exchange.advance(at(market, 0, 0.5))
    entry = exchange.submit(
        replace(MARKET, quantity=Decimal(10), take_profit_limit=Decimal(104), stop_loss_stop=Decimal(90))
    )
    exchange.fill_in_part("AAA", Decimal("0.35"))
    events = exchange.advance(at(market, 0, 0.65))
    assert [(e.event, e.order.quantity) for e in events[-2:]] == [("partial_fill", 10), ("restated", 7)]
    exchange.advance(market.hours[1].close_at)
    target, stop = (exchange.order(leg) for leg in entry.legs)
    assert (target.status, target.filled_quantity, stop.status) == (OrderStatus.FILLED, 10, OrderStatus.CANCELED)


def test_a_halted_name_takes_orders_that_wait_for_it_to_trade_again(exchange: ReplayExchange) -> None:
    exchange.halt("AAA")
    frozen = exchange.price("AAA")
    order = exchange.submit(MARKET)
    exchange.advance(exchange.now + timedelta(minutes=30))
    assert (exchange.order(order.id).status, exchange.price("AAA")) == (OrderStatus.NEW, frozen)
    exchange.resume("AAA")
    assert exchange.order(order.id).filled_at == exchange.now
    assert exchange.price("AAA") != frozen
