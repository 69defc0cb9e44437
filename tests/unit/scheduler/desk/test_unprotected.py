"""Holdings without a stop, on the exchange in the same process."""

import os
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from tenthman_crash_desk import Intent, decided, desk_of
from tenthman_exchange import COSTS
from tenthman_markets import small_market

from tenthman.backtest.memory import MemoryRecord
from tenthman.config import load_config
from tenthman.decision import Decided
from tenthman.domain.order import OrderType, Side, TimeInForce
from tenthman.exchange.in_process import InProcessBroker
from tenthman.exchange.market import ReplayExchange
from tenthman.exchange.orders import OrderRequest
from tenthman.scheduler.desk.intraday import check
from tenthman.scheduler.desk.orchestrator import act
from tenthman.scheduler.desk.timeline import Step, StepKind

MARKET = small_market({name: [(100.0, 102.0, 98.0, 100.0)] * 3 for name in ("AAA", "BBB")})
HOURS = MARKET.hours[0]
ENTRY = Intent(ticker="AAA", quantity=10, limit=Decimal("101.00"), stop=Decimal("90.00"), target=Decimal("150.00"))
BY_HAND = OrderRequest(
    symbol="BBB",
    side=Side.BUY,
    order_type=OrderType.MARKET,
    time_in_force=TimeInForce.DAY,
    quantity=Decimal(5),
)


def test_a_holding_of_the_desks_own_that_has_lost_its_stop_is_an_alert_and_somebody_elses_never() -> None:
    exchange = ReplayExchange(MARKET, COSTS, Decimal(100_000), "account", HOURS.open_at)
    record = MemoryRecord(starting_cash=Decimal(100_000), begun=exchange.now)
    desk = desk_of(record, InProcessBroker(exchange), HOURS.session)
    desk = replace(desk, config=load_config(None, os.environ), hours=MARKET.hours)
    act(desk, Decided(decision=decided(ENTRY, HOURS.session, exchange.now), case=None), exchange.now)
    exchange.submit(BY_HAND)
    step = Step(at=HOURS.open_at + timedelta(hours=1), session=HOURS.session, kind=StepKind.CHECK)
    exchange.advance(step.at)
    assert {item.ticker for item in check(desk, step).positions} == {"AAA", "BBB"}
    assert record.alerts == []
    (stop,) = [order for order in exchange.orders("open") if order.order_type is OrderType.STOP]
    exchange.cancel(stop.id)
    check(desk, step)
    assert [(subject, payload) for subject, payload, _ in record.alerts] == [("unprotected", {"tickers": ["AAA"]})]
