"""Stops that follow the highest close, on the exchange in the same process."""

import os
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from tenthman_crash_desk import Intent, decided, desk_of
from tenthman_exchange import COSTS
from tenthman_markets import small_market

from tenthman.backtest.memory import MemoryRecord
from tenthman.config import load_config, with_sections
from tenthman.decision import Decided
from tenthman.domain.broker import PriceChange
from tenthman.domain.errors import OrderOutcomeUnknown, OrderRejected
from tenthman.domain.market import MarketData
from tenthman.domain.opinion import Exit
from tenthman.domain.order import BrokerOrder, OrderType, TradingState
from tenthman.exchange.in_process import InProcessBroker
from tenthman.exchange.market import ReplayExchange
from tenthman.risk.controller import exit_order
from tenthman.scheduler.account.book import flatten
from tenthman.scheduler.desk.orchestrator import Desk, act, settle
from tenthman.scheduler.desk.timeline import Step, StepKind
from tenthman.scheduler.desk.trailing import raise_stops
from tenthman.scheduler.outcomes.corporate_actions import no_dividends
from tenthman.scheduler.outcomes.shadows import NO_SALES, shadow_market
from tenthman.scheduler.record import Shadow

CASH = Decimal(100_000)
MARKET = small_market({"AAA": [(100.0, 102.0, 98.0, 100.0)] * 3 + [(100.0, 112.0, 100.0, 110.0)] * 3})
ENTRY = Intent(ticker="AAA", quantity=10, limit=Decimal("101.00"), stop=Decimal("90.00"), target=Decimal("150.00"))


class Unwilling(InProcessBroker):
    """Refuses to move an order, or does not say whether it did."""

    answer: type[Exception] = OrderRejected

    def replace(self, order_id: str, change: PriceChange) -> BrokerOrder:
        raise self.answer(f"cannot replace order {order_id}")


class Replacing(InProcessBroker):
    """Cancels nothing the first time, because a higher stop is about to take the place of the old one."""

    swapped = False

    def cancel(self, order_id: str) -> bool:
        if self.swapped:
            return super().cancel(order_id)
        for order in flatten(self.open_orders()):
            if order.order_type is OrderType.STOP and order.id == order_id:
                self.swapped = True
                self.replace(order_id, PriceChange(client_order_id="higher", stop_price=Decimal("91.00")))
        return False


def _closing(row: int, market: MarketData = MARKET) -> Step:
    hours = market.hours[row]
    return Step(at=hours.close_at + timedelta(minutes=5), session=hours.session, kind=StepKind.CLOSE)


@pytest.fixture
def exchange() -> ReplayExchange:
    return ReplayExchange(MARKET, COSTS, CASH, "account", MARKET.hours[2].open_at)


def _desk(
    exchange: ReplayExchange, broker: InProcessBroker, trailing: float | None = 2.0, target: str = "150.00"
) -> Desk:
    """A desk that has bought, after the close of a session that went up."""
    config = load_config(None, os.environ)
    stops = config.risk_rules.stops.model_copy(update={"atr_sessions": 2})
    rules = config.risk_rules.model_copy(update={"stops": stops, "trailing_stop_atr": trailing})
    record = MemoryRecord(starting_cash=CASH, begun=exchange.now)
    hours = MARKET.hours[2]
    desk = replace(
        desk_of(record, broker, hours.session), config=with_sections(config, risk_rules=rules), hours=MARKET.hours
    )
    entry = replace(ENTRY, target=Decimal(target))
    act(desk, Decided(decision=decided(entry, hours.session, exchange.now), case=None), exchange.now)
    return desk


def _close(desk: Desk, exchange: ReplayExchange, row: int, market: MarketData = MARKET) -> None:
    step = _closing(row, market)
    exchange.advance(step.at)
    book = settle(desk, step)
    raise_stops(desk, book, SimpleNamespace(panel=market.panel.rows(0, row + 1)), step)


def _stop(exchange: ReplayExchange) -> Decimal | None:
    (stop,) = [order for order in exchange.orders("open") if order.order_type is OrderType.STOP]
    return stop.stop_price


def test_a_stop_rises_with_the_highest_close_and_stays_when_asked_again(exchange: ReplayExchange) -> None:
    desk = _desk(exchange, InProcessBroker(exchange))
    _close(desk, exchange, 2)
    assert _stop(exchange) == Decimal("92.00"), "100 less 2 ATR of 4"
    _close(desk, exchange, 2)
    _close(desk, exchange, 3)
    # The true range was 4, then 12: an average of 8 after Wilder, and 110 less 16 is 94.
    assert _stop(exchange) == Decimal("94.00")
    assert len([order for order in exchange.orders() if order.replaces is not None]) == 2
    exchange.advance(MARKET.hours[4].open_at)
    assert [fill.side.value for fill in exchange.fills()] == ["buy"]


def test_a_bar_that_cannot_be_trusted_raises_no_stop_neither_then_nor_later() -> None:
    calm = [(100.0, 102.0, 98.0, close) for close in (99.5, 100.0)] * 4
    spiked, risen = (150.0, 152.0, 148.0, 150.0), (100.0, 114.0, 100.0, 112.0)
    market = small_market({"AAA": [*calm[1:4], spiked, *calm, risen]})
    exchange = ReplayExchange(market, COSTS, CASH, "account", MARKET.hours[2].open_at)
    desk = replace(_desk(exchange, InProcessBroker(exchange), target="200.00"), hours=market.hours)
    stops = []
    for row in range(2, 13):
        _close(desk, exchange, row, market)
        stops.append(_stop(exchange))
    assert stops[:-1] == [Decimal("92.00")] * 10, "150 opened half above 100, and 100 a third below 150"
    assert stops[-1] > Decimal("92.00"), "the close of 112 can be trusted"
    assert desk.ledger.alerts == []


def test_a_bar_that_only_a_second_source_contradicts_raises_no_stop_neither_then_nor_later() -> None:
    calm, spiked = (100.0, 102.0, 98.0, 100.0), (100.0, 112.0, 100.0, 110.0)
    market = small_market({"AAA": [calm, calm, spiked, calm, calm, (95.0, 95.0, 92.5, 93.0)]})
    flagged = market.hours[2].session
    shadow = Shadow(
        decision_id="d1",
        as_of=MARKET.hours[2].open_at,
        ticker="AAA",
        cause="veto",
        quantity=Decimal(10),
        limit_price=ENTRY.limit,
        stop_price=ENTRY.stop,
        target_price=ENTRY.target,
        horizon_sessions=9,
        opened_session=flagged,
    )
    stops, endings = [], []
    for told in (frozenset({("AAA", flagged), ("ZZZ", flagged)}), frozenset()):
        exchange = ReplayExchange(market, COSTS, CASH, "account", MARKET.hours[2].open_at)
        desk = replace(_desk(exchange, InProcessBroker(exchange)), doubted=lambda _last, told=told: told)
        for row in (2, 3):
            _close(desk, exchange, row, market)
            stops.append(_stop(exchange))
        followed = shadow_market(desk.config, market.panel, market.hours, NO_SALES, no_dividends, doubted=told)
        endings.append(followed.ending_of(shadow, final=True))
    assert [(item.reason, item.session) for item in endings if item] == [
        ("run_end", market.hours[5].session),
        ("stop", market.hours[5].session),
    ], "a shadow's stop stands where the desk's would"
    assert stops[0] == Decimal("90.00"), "nothing is known but the close of 110"
    assert stops[1] <= Decimal("92.00"), "100 less 2 ATR; the close of 110 does not count"
    assert stops[2:] == [Decimal("94.00")] * 2, "110 less 2 ATR of 8"


@pytest.mark.parametrize("answer", [OrderRejected, OrderOutcomeUnknown])
def test_a_stop_that_the_broker_does_not_move_is_an_alert(exchange: ReplayExchange, answer: type[Exception]) -> None:
    broker = Unwilling(exchange)
    broker.answer = answer
    desk = _desk(exchange, broker)
    _close(desk, exchange, 2)
    assert [(subject, payload["ticker"]) for subject, payload, _ in desk.ledger.alerts] == [("stop not raised", "AAA")]
    assert _stop(exchange) == Decimal("90.00")


def test_a_stop_that_went_since_the_book_was_drawn_up_is_an_alert(exchange: ReplayExchange) -> None:
    desk = _desk(exchange, InProcessBroker(exchange))
    exchange.advance(_closing(2).at)
    book = settle(desk, _closing(2))
    for order in exchange.orders("open"):
        if order.order_type is OrderType.STOP:
            exchange.cancel(order.id)
    raise_stops(desk, book, SimpleNamespace(panel=MARKET.panel.rows(0, 3)), _closing(2))
    assert [(subject, payload["ticker"]) for subject, payload, _ in desk.ledger.alerts] == [("stop not raised", "AAA")]


def test_an_exit_cancels_the_stop_that_took_the_place_of_the_one_it_found(exchange: ReplayExchange) -> None:
    desk = _desk(exchange, Replacing(exchange))
    exchange.advance(MARKET.hours[2].close_at - timedelta(minutes=30))
    (position,) = settle(desk, _closing(2)).positions
    later = _closing(3)
    verdict = Exit(reason="time")
    order = exit_order(position, "d-exit")
    decision = replace(decided(ENTRY, later.session, exchange.now), id="d-exit", verdict=verdict, outcome=order)
    assert act(desk, Decided(decision=decision, case=None), exchange.now)
    assert exchange.positions() == []


def test_nothing_moves_while_the_kill_switch_is_pulled_or_the_rule_is_off(exchange: ReplayExchange) -> None:
    desk = _desk(exchange, InProcessBroker(exchange))
    _close(replace(desk, kill_switch=lambda: TradingState.REDUCING), exchange, 2)
    assert _stop(exchange) == Decimal("90.00")
    off = desk.config.risk_rules.model_copy(update={"trailing_stop_atr": None})
    _close(replace(desk, config=with_sections(desk.config, risk_rules=off)), exchange, 2)
    assert _stop(exchange) == Decimal("90.00")
