"""Fills worked out by hand: half spread 1 bp, slippage 1 bp, 3 bp at the opening print, 5 bp for stops."""

from datetime import timedelta
from decimal import Decimal

import pytest
from tenthman_markets import HALT, OHLC, at, small_market

from tenthman.config import CostSettings
from tenthman.domain.order import OrderStatus, OrderType, Side, TimeInForce
from tenthman.exchange.market import OrderRequest, ReplayExchange

COSTS = CostSettings(half_spread_bp=1.0, slippage_bp=1.0, open_slippage_bp=3.0, stop_slippage_bp=5.0)
BAR: OHLC = (100.0, 105.0, 95.0, 102.0)
FLAT: OHLC = (100.0, 100.0, 100.0, 100.0)

Execution = tuple[int, float, str]


def request(
    side: Side,
    kind: OrderType,
    level: str | None = None,
    *,
    legs: tuple[str, str] | None = None,
    lasts: TimeInForce = TimeInForce.GTC,
    quantity: int = 10,
) -> OrderRequest:
    """An order at `level` (its limit or its stop); `legs` are target and stop of a bracket."""
    price = None if level is None else Decimal(level)
    return OrderRequest(
        symbol="AAA",
        side=side,
        quantity=Decimal(quantity),
        order_type=kind,
        time_in_force=lasts,
        limit_price=price if kind is OrderType.LIMIT else None,
        stop_price=price if kind is OrderType.STOP else None,
        take_profit_limit=None if legs is None else Decimal(legs[0]),
        stop_loss_stop=None if legs is None else Decimal(legs[1]),
    )


def exchange_on(bars: list[OHLC], cash: int = 100_000) -> ReplayExchange:
    market = small_market({"AAA": bars})
    return ReplayExchange(market, COSTS, Decimal(cash), "hand", market.hours[0].open_at - timedelta(hours=3))


def executions(exchange: ReplayExchange) -> list[Execution]:
    """(session, fraction of it to four decimals, price) of each fill."""
    found = []
    for fill in exchange.fills():
        row = next(n for n, item in enumerate(exchange.market.hours) if fill.filled_at <= item.close_at)
        hours = exchange.market.hours[row]
        fraction = (fill.filled_at - hours.open_at) / (hours.close_at - hours.open_at)
        found.append((row, round(fraction, 4), str(fill.price)))
    return found


def run(exchange: ReplayExchange) -> list[Execution]:
    exchange.advance(exchange.market.hours[-1].close_at)
    return executions(exchange)


BUY, SELL = Side.BUY, Side.SELL
MARKET, LIMIT, STOP = OrderType.MARKET, OrderType.LIMIT, OrderType.STOP


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        pytest.param(request(BUY, MARKET), [(1, 0.0, "100.04")], id="market at the open: 100 x 1.0004"),
        pytest.param(request(BUY, LIMIT, "101"), [(1, 0.0, "100.04")], id="limit above the open fills at the open"),
        pytest.param(request(BUY, LIMIT, "100.02"), [(1, 0.0, "100.02")], id="costs never pass the limit"),
        pytest.param(request(BUY, LIMIT, "100"), [(1, 0.0, "100")], id="limit at the open itself"),
        pytest.param(request(BUY, LIMIT, "99"), [(1, 0.0667, "99")], id="a fifth of the way down to the low"),
        pytest.param(request(BUY, LIMIT, "95"), [(1, 0.3333, "95")], id="limit at the low"),
        pytest.param(request(BUY, LIMIT, "94.99"), [], id="limit a cent under the low"),
        pytest.param(request(BUY, STOP, "103"), [(1, 0.6, "103.07")], id="buy stop on the way up: 103 x 1.0006"),
        pytest.param(request(BUY, STOP, "99"), [(1, 0.0, "100.06")], id="buy stop below the open: 100 x 1.0006"),
        pytest.param(request(BUY, STOP, "105"), [(1, 0.6667, "105.07")], id="buy stop at the high"),
        pytest.param(request(BUY, STOP, "105.01"), [], id="buy stop a cent over the high"),
        pytest.param(
            request(BUY, LIMIT, "101", legs=("104", "96")),
            [(1, 0.0, "100.04"), (1, 0.2667, "95.94")],
            id="bracket: low before high, stop 96 x 0.9994",
        ),
        pytest.param(
            request(BUY, LIMIT, "101", legs=("104", "94")),
            [(1, 0.0, "100.04"), (1, 0.6333, "104")],
            id="bracket: the low stays above the stop, the target is reached",
        ),
        pytest.param(
            request(BUY, LIMIT, "96", legs=("110", "95.50")),
            [(1, 0.2667, "96"), (1, 0.3, "95.44")],
            id="bracket: entry and stop on one way down, 95.50 x 0.9994",
        ),
        pytest.param(
            request(BUY, STOP, "103", legs=("104", "102.50")),
            [(1, 0.6, "103.07"), (1, 0.6333, "104")],
            id="bracket: entry and target on one way up",
        ),
        pytest.param(
            request(BUY, STOP, "104", legs=("106", "103")),
            [(1, 0.6333, "104.07"), (1, 0.8889, "102.93")],
            id="bracket: the low before the entry does not count, 103 x 0.9994",
        ),
    ],
)
def test_an_order_sent_before_the_opening_fills_as_worked_out(order: OrderRequest, expected: list[Execution]) -> None:
    exchange = exchange_on([FLAT, BAR])
    exchange.advance(at(exchange.market, 0, 1.0))
    exchange.submit(order)
    assert run(exchange) == expected


@pytest.mark.parametrize(
    ("order", "fraction", "expected"),
    [
        pytest.param(request(BUY, MARKET), 0.5, [(0, 0.5, "100.02")], id="market at half time: 100 x 1.0002"),
        pytest.param(request(BUY, LIMIT, "101"), 0.5, [(0, 0.5, "100.02")], id="marketable limit at half time"),
        pytest.param(request(BUY, LIMIT, "96"), 0.5, [], id="the low has passed"),
        pytest.param(request(BUY, LIMIT, "102"), 0.6, [(0, 1.0, "102")], id="comes back at the close"),
        pytest.param(request(BUY, MARKET), 1.0, [], id="the close is outside hours"),
    ],
)
def test_an_order_sent_inside_the_session_fills_as_worked_out(
    order: OrderRequest, fraction: float, expected: list[Execution]
) -> None:
    exchange = exchange_on([BAR])
    exchange.advance(at(exchange.market, 0, fraction))
    exchange.submit(order)
    assert run(exchange) == expected


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        pytest.param(request(SELL, MARKET), (1, 0.0, "99.96"), id="market at the open: 100 x 0.9996"),
        pytest.param(request(SELL, LIMIT, "99"), (1, 0.0, "99.96"), id="limit below the open fills at the open"),
        pytest.param(request(SELL, LIMIT, "99.98"), (1, 0.0, "99.98"), id="costs never pass the limit"),
        pytest.param(request(SELL, LIMIT, "104"), (1, 0.6333, "104"), id="limit on the way up"),
        pytest.param(request(SELL, STOP, "97"), (1, 0.2, "96.94"), id="stop on the way down: 97 x 0.9994"),
        pytest.param(request(SELL, STOP, "101"), (1, 0.0, "99.94"), id="stop above the open: 100 x 0.9994"),
    ],
)
def test_a_sell_fills_as_worked_out(order: OrderRequest, expected: Execution) -> None:
    exchange = exchange_on([BAR, BAR])
    exchange.submit(request(BUY, LIMIT, "101"))
    exchange.advance(at(exchange.market, 0, 1.0))
    exchange.submit(order)
    assert run(exchange) == [(0, 0.0, "100.04"), expected]


def test_a_gap_through_stop_and_limit_buys_and_sells_at_the_open() -> None:
    exchange = exchange_on([FLAT, (90.0, 91.0, 89.0, 90.0)])
    exchange.advance(at(exchange.market, 0, 1.0))
    entry = exchange.submit(request(BUY, LIMIT, "100", legs=("110", "95")))
    assert run(exchange) == [(1, 0.0, "90.04"), (1, 0.0, "89.94")]
    assert [exchange.order(leg).status for leg in entry.legs] == [OrderStatus.CANCELED, OrderStatus.FILLED]


def test_a_gap_over_the_target_sells_at_the_open() -> None:
    exchange = exchange_on([BAR, (120.0, 125.0, 118.0, 121.0)])
    exchange.submit(request(BUY, LIMIT, "101", legs=("110", "90")))
    assert run(exchange) == [(0, 0.0, "100.04"), (1, 0.0, "119.95")]


def test_a_halt_lets_everything_wait_but_ends_a_day_order() -> None:
    exchange = exchange_on([HALT, BAR])
    day = exchange.submit(request(BUY, LIMIT, "101", lasts=TimeInForce.DAY))
    exchange.submit(request(BUY, LIMIT, "101"))
    assert run(exchange) == [(1, 0.0, "100.04")]
    assert exchange.order(day.id).status is OrderStatus.EXPIRED


def test_a_market_buy_that_gaps_beyond_the_cash_is_rejected_with_its_legs() -> None:
    exchange = exchange_on([BAR, (200.0, 210.0, 190.0, 200.0)], cash=1_100)
    exchange.advance(at(exchange.market, 0, 1.0))
    entry = exchange.submit(request(BUY, MARKET, legs=("300", "90")))
    assert run(exchange) == []
    assert exchange.order(entry.id).status is OrderStatus.REJECTED
    assert {exchange.order(leg).status for leg in entry.legs} == {OrderStatus.CANCELED}
    assert exchange.account().buying_power == 1_100


def test_prices_below_a_dollar_move_in_hundredths_of_a_cent() -> None:
    exchange = exchange_on([(0.5, 0.6, 0.4, 0.55)])
    exchange.submit(request(BUY, LIMIT, "0.5555"))
    assert run(exchange) == [(0, 0.0, "0.5002")]


def test_a_bracket_and_the_orders_sent_after_it_all_fill_in_one_session() -> None:
    exchange = exchange_on([FLAT, BAR])
    exchange.advance(at(exchange.market, 0, 1.0))
    exchange.submit(request(BUY, MARKET, legs=("104", "90")))
    exchange.submit(request(BUY, LIMIT, "98"))
    exchange.submit(request(BUY, STOP, "103"))
    assert run(exchange) == [(1, 0.0, "100.04"), (1, 0.1333, "98"), (1, 0.6, "103.07"), (1, 0.6333, "104")]


def test_two_orders_at_one_instant_fill_in_order_of_submission() -> None:
    exchange = exchange_on([BAR])
    first = exchange.submit(request(BUY, LIMIT, "98", quantity=1))
    second = exchange.submit(request(BUY, LIMIT, "98", quantity=2))
    run(exchange)
    assert [fill.broker_order_id for fill in exchange.fills()] == [first.id, second.id]
