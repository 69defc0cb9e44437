"""The same orders on the same bars give the same fills, to the cent and the microsecond, in process and over HTTP."""

from pathlib import Path

from tenthman_broker_battery import (
    BATTERY_CASH,
    BATTERY_COSTS,
    Desk,
    battery_market,
    battery_start,
    entry,
    exit_order,
)
from tenthman_exchange import SETTINGS, served

from tenthman.domain.order import BrokerOrder, OrderType
from tenthman.exchange.in_process import InProcessBroker
from tenthman.exchange.market import ReplayExchange
from tenthman.execution.client import AlpacaBroker


def _trade(desk: Desk, checks_per_session: int) -> None:
    """A small week: entries that gap, rest, are stopped, reach their target, are cancelled and are sold."""
    broker = desk.broker
    broker.submit(entry("gap", "AAA", 10, limit="101.00", stop="95.00", target="120.00"))
    broker.submit(entry("rest", "BBB", 20, limit="49.50", stop="40.00", target="60.00"))
    broker.submit(entry("both", "BBB", 30, limit="50.50", stop="49.40", target="50.90"))
    broker.submit(entry("halt", "HLT", 40, limit="20.50", stop="17.50", target="30.00"))
    never = broker.submit(entry("never", "AAA", 5, limit="50.00", stop="45.00", target="60.00"))
    for row in range(4):
        for check in range(checks_per_session + 1):
            desk.to(row, check / checks_per_session)
        if row == 0:
            assert broker.cancel(never.id)
        if row == 1:
            assert broker.cancel(desk.leg("rest", OrderType.STOP).id)
            broker.submit(exit_order("sell", "BBB", 20))


def _told(desk: Desk) -> list[object]:
    def flat(order: BrokerOrder | None) -> list[object]:
        assert order is not None
        return [order.id, order.status, order.filled_avg_price, order.updated_at, *map(flat, order.legs)]

    fills = [
        (fill.broker_order_id, fill.ticker, fill.side, fill.quantity, fill.price, fill.filled_at)
        for fill in desk.broker.fills(None)
    ]
    orders = [flat(desk.broker.find(name)) for name in ("gap", "rest", "both", "halt", "never", "sell")]
    account = desk.broker.account()
    return [fills, orders, account.cash, account.equity, account.last_equity, list(desk.broker.positions())]


def test_in_process_and_over_http_agree_whatever_the_pace(tmp_path: Path) -> None:
    market = battery_market()
    exchange = ReplayExchange(market, BATTERY_COSTS, BATTERY_CASH, "parity", battery_start(market))
    inside = Desk(broker=InProcessBroker(exchange), advance=exchange.advance, market=market)
    _trade(inside, checks_per_session=1)
    with served(market, battery_start(market), tmp_path, BATTERY_COSTS, BATTERY_CASH) as process:
        broker = AlpacaBroker(process.rest_url, process.key, process.secret, SETTINGS)
        outside = Desk(broker=broker, advance=process.advance, market=market)
        _trade(outside, checks_per_session=13)
        assert _told(outside) == _told(inside)
    assert len(inside.broker.fills(None)) >= 7
