"""Every further order type, class and time in force, filled by hand on the path 100, 95, 105, 102.

Half spread 1 bp, slippage 1 bp, 3 bp at the opening print, 5 bp for stops: 2, 4 and 6 bp in all. The low comes after a
third of the session, the high after two.
"""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from tenthman_markets import OHLC, at, small_market

from tenthman.config import CostSettings
from tenthman.domain.order import OrderStatus, OrderType, Side, TimeInForce
from tenthman.exchange.market import OrderRequest, ReplayExchange, VenueRules

COSTS = CostSettings(half_spread_bp=1.0, slippage_bp=1.0, open_slippage_bp=3.0, stop_slippage_bp=5.0)
BAR: OHLC = (100.0, 105.0, 95.0, 102.0)
FLAT: OHLC = (100.0, 100.0, 100.0, 100.0)

Execution = tuple[int, float, str, str]
"""Session, fraction of it to four decimals, shares, price."""

BUY = OrderRequest(
    symbol="AAA",
    side=Side.BUY,
    quantity=Decimal(10),
    order_type=OrderType.MARKET,
    time_in_force=TimeInForce.GTC,
)
SELL = replace(BUY, side=Side.SELL)


def stop_limit(side: Side, stop: str, limit: str) -> OrderRequest:
    prices = {"stop_price": Decimal(stop), "limit_price": Decimal(limit)}
    return replace(BUY, side=side, order_type=OrderType.STOP_LIMIT, **prices)


def trailing(side: Side, *, price: str | None = None, percent: str | None = None) -> OrderRequest:
    return replace(
        BUY,
        side=side,
        order_type=OrderType.TRAILING_STOP,
        trail_price=None if price is None else Decimal(price),
        trail_percent=None if percent is None else Decimal(percent),
    )


def lasting(lasts: TimeInForce, limit: str | None = None, side: Side = Side.BUY) -> OrderRequest:
    kind = OrderType.MARKET if limit is None else OrderType.LIMIT
    price = None if limit is None else Decimal(limit)
    return replace(BUY, side=side, order_type=kind, limit_price=price, time_in_force=lasts)


def exchange_on(bars: list[OHLC], rules: VenueRules | None = None, *, held: int = 0) -> ReplayExchange:
    """The evening after a first flat session, in which `held` shares were bought; `bars` follow."""
    market = small_market({"AAA": [FLAT, *bars]})
    start = market.hours[0].open_at - timedelta(hours=3)
    exchange = ReplayExchange(market, COSTS, Decimal(100_000), "hand", start, rules=rules)
    if held:
        exchange.submit(replace(BUY, quantity=Decimal(held), order_type=OrderType.LIMIT, limit_price=Decimal(101)))
    exchange.advance(market.hours[0].close_at + timedelta(hours=4))
    return exchange


def executions(exchange: ReplayExchange, side: Side | None = None) -> list[Execution]:
    found = []
    for fill in exchange.fills():
        row = next(n for n, item in enumerate(exchange.market.hours) if fill.filled_at <= item.close_at)
        hours = exchange.market.hours[row]
        fraction = (fill.filled_at - hours.open_at) / (hours.close_at - hours.open_at)
        if side in (None, fill.side):
            found.append((row, round(fraction, 4), str(fill.quantity), str(fill.price)))
    return found


def finish(exchange: ReplayExchange) -> None:
    exchange.advance(exchange.market.hours[-1].close_at)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        pytest.param(
            stop_limit(Side.BUY, "103", "103.05"),
            [(1, 0.6, "10", "103.05")],
            id="costs never pass the limit",
        ),
        pytest.param(
            stop_limit(Side.BUY, "99", "98"),
            [(1, 0.1333, "10", "98")],
            id="triggered at the open, filled later",
        ),
        pytest.param(stop_limit(Side.BUY, "105.01", "106"), [], id="stop-limit that is not triggered"),
        pytest.param(
            trailing(Side.BUY, price="5"), [(1, 0.5, "10", "100.06")], id="trail 5 over the low 95: 100 x 1.0006"
        ),
        pytest.param(
            trailing(Side.BUY, percent="2"), [(1, 0.3967, "10", "96.96")], id="2 % over 95 is 96.90: x 1.0006"
        ),
        pytest.param(lasting(TimeInForce.OPG), [(1, 0.0, "10", "100.04")], id="market on open"),
        pytest.param(lasting(TimeInForce.OPG, "99"), [], id="limit on open under the open"),
        pytest.param(lasting(TimeInForce.CLS), [(1, 1.0, "10", "102.03")], id="market on close: 102 x 1.0002"),
        pytest.param(lasting(TimeInForce.CLS, "101"), [], id="limit on close under the close, though it was touched"),
        pytest.param(lasting(TimeInForce.IOC, "99"), [], id="immediate or cancel waits for the opening and no longer"),
        pytest.param(lasting(TimeInForce.FOK, "100"), [(1, 0.0, "10", "100")], id="fill or kill at the opening"),
    ],
)
def test_an_order_sent_before_the_opening_fills_as_worked_out(order: OrderRequest, expected: list[Execution]) -> None:
    exchange = exchange_on([BAR])
    exchange.submit(order)
    finish(exchange)
    assert executions(exchange) == expected


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        pytest.param(stop_limit(Side.SELL, "97", "96.50"), (1, 0.2, "10", "96.94"), id="97 x 0.9994, over the limit"),
        pytest.param(stop_limit(Side.SELL, "97", "96.95"), (1, 0.2, "10", "96.95"), id="costs never pass the limit"),
        pytest.param(
            stop_limit(Side.SELL, "101", "101.50"), (1, 0.55, "10", "101.50"), id="triggered at the open, limit later"
        ),
        pytest.param(trailing(Side.SELL, price="3"), (1, 0.2, "10", "96.94"), id="trail 3 under the open: 97 x 0.9994"),
        pytest.param(trailing(Side.SELL, percent="5"), (1, 0.3333, "10", "94.94"), id="5 % under 100 is the low"),
        pytest.param(
            trailing(Side.SELL, price="6"), (2, 0.0667, "10", "98.94"), id="trail 6 under the high 105, next session"
        ),
        pytest.param(lasting(TimeInForce.CLS, "101", Side.SELL), (1, 1.0, "10", "101.97"), id="close 102 x 0.9998"),
    ],
)
def test_a_sell_fills_as_worked_out(order: OrderRequest, expected: Execution) -> None:
    exchange = exchange_on([BAR, BAR], held=10)
    exchange.submit(order)
    finish(exchange)
    assert executions(exchange, Side.SELL) == [expected]


def test_a_trailing_stop_tells_the_best_price_and_where_it_stands() -> None:
    exchange = exchange_on([BAR, BAR], held=10)
    order = exchange.submit(trailing(Side.SELL, price="6"))
    assert (order.hwm, order.stop_price) == (None, None)
    seen = []
    for fraction in (0.1, 0.5, 0.9):
        exchange.advance(at(exchange.market, 1, fraction))
        told = exchange.order(order.id)
        seen.append((str(told.hwm), str(told.stop_price)))
    assert seen == [("100.00", "94.00"), ("100.00", "94.00"), ("105.00", "99.00")]


def test_a_gap_sells_a_trailing_stop_at_the_open_and_leaves_a_stop_limit_behind() -> None:
    gap: OHLC = (90.0, 91.0, 89.0, 90.0)
    exchange = exchange_on([FLAT, gap], held=20)
    exchange.submit(trailing(Side.SELL, price="3"))
    behind = exchange.submit(stop_limit(Side.SELL, "95", "94"))
    finish(exchange)
    assert executions(exchange, Side.SELL) == [(2, 0.0, "10", "89.94")]
    assert exchange.order(behind.id).status is OrderStatus.NEW


def test_a_buy_stop_that_gaps_beyond_its_collar_waits_for_the_price_to_come_back() -> None:
    exchange = exchange_on([(110.0, 112.0, 108.0, 111.0), BAR])
    exchange.submit(replace(BUY, order_type=OrderType.STOP, stop_price=Decimal(99)))
    assert exchange.account().buying_power == Decimal(100_000) - 10 * Decimal("101.47"), "99 x 1.025, to the tick"
    finish(exchange)
    assert executions(exchange) == [(2, 0.0, "10", "100.06")]


@pytest.mark.parametrize(
    ("stop", "expected", "statuses"),
    [
        ("96", (1, 0.2667, "10", "95.94"), ("canceled", "filled")),
        ("94", (1, 0.6333, "10", "104"), ("filled", "canceled")),
    ],
)
def test_one_order_of_an_oco_cancels_the_other(stop: str, expected: Execution, statuses: tuple[str, str]) -> None:
    exchange = exchange_on([BAR], held=10)
    legs = {"take_profit_limit": Decimal(104), "stop_loss_stop": Decimal(stop)}
    order = exchange.submit(replace(SELL, order_type=OrderType.LIMIT, order_class="oco", **legs))
    assert exchange.quantity_available("AAA") == 0
    (child,) = order.legs
    exchange.advance(at(exchange.market, 1, 0.1))
    assert [exchange.order(name).status.value for name in (order.id, child)] == ["new", "held"]
    finish(exchange)
    assert executions(exchange, Side.SELL) == [expected]
    assert tuple(exchange.order(name).status.value for name in (order.id, child)) == statuses


@pytest.mark.parametrize(
    ("leg", "expected"),
    [
        ({"stop_loss_stop": Decimal(96)}, (1, 0.2667, "10", "95.94")),
        ({"stop_loss_stop": Decimal(96), "stop_loss_limit": Decimal("95.95")}, (1, 0.2667, "10", "95.95")),
        ({"take_profit_limit": Decimal(104)}, (1, 0.6333, "10", "104")),
    ],
)
def test_the_one_leg_of_an_oto_comes_to_life_with_its_entry(leg: dict[str, Decimal], expected: Execution) -> None:
    exchange = exchange_on([BAR])
    entry = replace(BUY, order_type=OrderType.LIMIT, limit_price=Decimal(101), order_class="oto")
    order = exchange.submit(replace(entry, **leg))
    exchange.advance(at(exchange.market, 1, 0.1))
    assert [exchange.order(name).status.value for name in (order.id, *order.legs)] == ["filled", "new"]
    finish(exchange)
    assert executions(exchange) == [(1, 0.0, "10", "100.04"), expected]


def test_a_notional_buy_spends_its_dollars_and_no_more() -> None:
    exchange = exchange_on([BAR])
    cash = replace(BUY, quantity=None, notional=Decimal(1_000), time_in_force=TimeInForce.DAY)
    order = exchange.submit(cash)
    assert (order.quantity, exchange.account().buying_power) == (Decimal(10), Decimal(99_000))
    finish(exchange)
    assert executions(exchange) == [(1, 0.0, "9.996001599", "100.04")]
    assert exchange.order(order.id).quantity == Decimal("9.996001599")
    exchange.submit(replace(cash, side=Side.SELL, notional=Decimal(51)))
    assert exchange.orders()[-1].quantity == Decimal("0.5"), "at the last close of 102"


def test_an_order_for_more_than_its_share_of_the_volume_fills_half_hour_by_half_hour() -> None:
    # Of a million shares 140 are ours, 10 in each of 13 half-hours. The path is at 98.8462 after one, then at 97.6923.
    exchange = exchange_on([BAR], VenueRules(volume_share=0.00014))
    order = exchange.submit(replace(BUY, quantity=Decimal(25)))
    behind = exchange.submit(replace(BUY, quantity=Decimal(3)))
    exchange.advance(at(exchange.market, 1, 0.1))
    partly = exchange.order(order.id)
    assert (partly.status, partly.filled_quantity) == (OrderStatus.PARTIALLY_FILLED, Decimal(20))
    finish(exchange)
    expected = [(1, 0.0, "10", "100.04"), (1, 0.0769, "10", "98.87"), (1, 0.1538, "5", "97.72")]
    assert executions(exchange) == [*expected, (1, 0.1538, "3", "97.72")]
    assert exchange.order(order.id).filled_avg_price == Decimal("99.108"), "(1000.40 + 988.70 + 488.60) / 25"
    assert exchange.order(behind.id).status is OrderStatus.FILLED


def test_a_partial_fill_on_command_leaves_the_rest_to_the_next_half_hour() -> None:
    exchange = exchange_on([BAR])
    exchange.fill_in_part("AAA", Decimal("0.45"))
    exchange.submit(BUY)
    events = [event.event for event in exchange.advance(exchange.market.hours[1].close_at)]
    assert executions(exchange) == [(1, 0.0, "4", "100.04"), (1, 0.0769, "6", "98.87")]
    assert events == ["accepted", "new", "partial_fill", "fill"]


def test_an_order_good_till_cancelled_expires_at_a_quarter_past_four_on_its_last_day() -> None:
    exchange = exchange_on([BAR] * 2, VenueRules(gtc_days=1))
    order = exchange.submit(lasting(TimeInForce.GTC, "50"))
    assert order.expires_at == exchange.market.hours[1].close_at + timedelta(minutes=15)
    exchange.advance(order.expires_at - timedelta(seconds=1))
    assert exchange.order(order.id).status is OrderStatus.NEW
    finish(exchange)
    told = exchange.order(order.id)
    assert (told.status, told.expired_at) == (OrderStatus.EXPIRED, order.expires_at)


@pytest.mark.parametrize(
    ("lasts", "limit", "row", "fraction"),
    [(TimeInForce.OPG, "99", 1, 0.0), (TimeInForce.CLS, "101", 1, 1.0), (TimeInForce.FOK, "99", 1, 0.0)],
)
def test_what_missed_its_moment_is_cancelled_then(lasts: TimeInForce, limit: str, row: int, fraction: float) -> None:
    exchange = exchange_on([BAR])
    order = exchange.submit(lasting(lasts, limit))
    finish(exchange)
    told = exchange.order(order.id)
    assert (told.status, told.canceled_at) == (OrderStatus.CANCELED, at(exchange.market, row, fraction))
