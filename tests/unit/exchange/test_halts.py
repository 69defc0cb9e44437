"""A session without a bar, for a name that trades again later: what waits, what ends, and what it is worth."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from tenthman_markets import HALT, OHLC, at, small_market

from tenthman.config import CostSettings
from tenthman.domain.market import MarketData
from tenthman.domain.order import OrderStatus, OrderType, Side, TimeInForce
from tenthman.exchange.market import OrderRequest, ReplayExchange

COSTS = CostSettings(half_spread_bp=1.0, slippage_bp=1.0, open_slippage_bp=3.0, stop_slippage_bp=5.0)
CASH = Decimal(100_000)
BEFORE: OHLC = (100.0, 102.0, 99.0, 101.0)
AFTER: OHLC = (80.0, 85.0, 78.0, 84.0)

ENTRY = OrderRequest(
    symbol="HLT",
    side=Side.BUY,
    quantity=Decimal(10),
    order_type=OrderType.LIMIT,
    time_in_force=TimeInForce.GTC,
    client_order_id="e",
    limit_price=Decimal(100),
    take_profit_limit=Decimal(150),
    stop_loss_stop=Decimal(90),
)
EXIT = OrderRequest(
    symbol="HLT",
    side=Side.SELL,
    quantity=Decimal(10),
    order_type=OrderType.MARKET,
    time_in_force=TimeInForce.DAY,
    client_order_id="x",
)


@pytest.fixture
def market() -> MarketData:
    """HLT trades, is halted for two sessions, and opens 21 per cent lower."""
    return small_market({"HLT": [BEFORE, HALT, HALT, AFTER]})


@pytest.fixture
def exchange(market: MarketData) -> ReplayExchange:
    return ReplayExchange(market, COSTS, CASH, "unit", market.hours[0].open_at - timedelta(minutes=30))


def test_a_stop_that_rests_through_a_halt_fills_at_the_open_after_it(
    market: MarketData, exchange: ReplayExchange
) -> None:
    entry = exchange.submit(ENTRY)
    exchange.advance(at(market, 2, 1.0))
    assert exchange.order(entry.legs[1]).status is OrderStatus.HELD
    assert len(exchange.fills()) == 1
    exchange.advance(at(market, 3, 0.0))
    fill = exchange.fills()[-1]
    assert (fill.broker_order_id, fill.filled_at) == (entry.legs[1], market.hours[3].open_at)
    assert fill.price == Decimal("79.95"), "the open less six basis points, far below the stop at 90"
    assert exchange.order(entry.legs[0]).status is OrderStatus.CANCELED


def test_an_entry_queued_into_a_halt_waits_with_its_cash_and_fills_at_the_open_after_it(
    market: MarketData, exchange: ReplayExchange
) -> None:
    exchange.advance(at(market, 0, 1.0))
    entry = exchange.submit(replace(ENTRY, stop_loss_stop=Decimal(70)))
    for row in (1, 2):
        exchange.advance(at(market, row, 1.0))
        assert exchange.order(entry.id).status is OrderStatus.NEW
        assert exchange.account().buying_power == CASH - 1000
    exchange.advance(at(market, 3, 0.0))
    assert [(fill.price, fill.side) for fill in exchange.fills()] == [(Decimal("80.04"), Side.BUY)]


def test_a_day_entry_sent_into_a_halt_expires_at_its_close(market: MarketData, exchange: ReplayExchange) -> None:
    exchange.advance(at(market, 0, 1.0))
    entry = exchange.submit(replace(ENTRY, time_in_force=TimeInForce.DAY))
    exchange.advance(at(market, 1, 1.0))
    assert {exchange.order(name).status for name in (entry.id, *entry.legs)} == {OrderStatus.EXPIRED}
    assert exchange.account().buying_power == CASH


def test_a_refused_exit_leaves_the_bracket_that_protects_the_holding(
    market: MarketData, exchange: ReplayExchange
) -> None:
    entry = exchange.submit(ENTRY)
    exchange.advance(at(market, 1, 0.5))
    with pytest.raises(Exception, match="insufficient qty"):
        exchange.submit(EXIT)
    assert exchange.order(entry.legs[1]).status is OrderStatus.HELD


def test_an_exit_sent_during_a_halt_expires_and_nothing_protects_the_holding_until_it_is_sent_again(
    market: MarketData, exchange: ReplayExchange
) -> None:
    """The stop had to go for the exit to come; a price that gaps meanwhile would have gapped past the stop as well."""
    entry = exchange.submit(ENTRY)
    exchange.advance(at(market, 1, 0.5))
    exchange.cancel(entry.legs[0])
    sent = exchange.submit(EXIT)
    exchange.advance(at(market, 1, 1.0))
    assert exchange.order(sent.id).status is OrderStatus.EXPIRED
    assert exchange.orders("open") == []
    assert exchange.quantity_available("HLT") == 10
    again = exchange.submit(replace(EXIT, client_order_id="x2"))
    exchange.advance(at(market, 2, 1.0))
    assert exchange.order(again.id).status is OrderStatus.EXPIRED
    last = exchange.submit(replace(EXIT, client_order_id="x3"))
    exchange.advance(at(market, 3, 0.0))
    assert exchange.order(last.id).status is OrderStatus.FILLED
    assert exchange.fills()[-1].price == Decimal("79.96"), "the open less four basis points"
    assert exchange.positions() == []


def test_a_halted_holding_counts_at_its_last_close_so_the_drawdown_shows_the_gap_only_when_it_trades_again(
    market: MarketData, exchange: ReplayExchange
) -> None:
    exchange.submit(replace(ENTRY, stop_loss_stop=Decimal(50)))
    exchange.advance(at(market, 0, 1.0))
    closed = exchange.account()
    assert closed.equity == closed.cash + 10 * 101
    for row, fraction in ((1, 0.0), (1, 0.7), (1, 1.0), (2, 0.5), (2, 1.0)):
        exchange.advance(at(market, row, fraction))
        assert exchange.account().equity == closed.equity
        assert exchange.positions()[0].current_price == 101
    exchange.advance(at(market, 3, 0.0))
    assert exchange.account().equity == closed.cash + 10 * 80
    assert exchange.account().last_equity == closed.equity
