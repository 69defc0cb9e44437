"""A desk that dies, by kill -9 or because the world around it is gone: nothing is sent twice, nothing is lost."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from tenthman_broker_battery import BATTERY_CASH, BATTERY_COSTS, battery_market, battery_start
from tenthman_crash import STEPS, Campaign, campaign
from tenthman_crash_desk import Death, Intent, decided, desk_of

from tenthman.db.audit import verify
from tenthman.db.pool import Pool
from tenthman.decision import Decided
from tenthman.domain.audit import RunKey
from tenthman.domain.errors import OrderOutcomeUnknown
from tenthman.domain.market import Period, SessionHours
from tenthman.domain.order import BrokerOrder, SizedOrder
from tenthman.exchange.in_process import InProcessBroker
from tenthman.exchange.market import ReplayExchange
from tenthman.scheduler.desk.orchestrator import Desk, act, settle
from tenthman.scheduler.desk.timeline import Step, StepKind
from tenthman.scheduler.state.ledger import Ledger

SEED = 1
ENTRY = Intent(ticker="AAA", quantity=10, limit=Decimal("101.00"), stop=Decimal("95.00"), target=Decimal("120.00"))


@pytest.fixture
def dying(fresh_database_url: str, tmp_path: Path) -> Iterator[Campaign]:
    with campaign(SEED, fresh_database_url, tmp_path) as under_way:
        yield under_way


def test_a_desk_killed_at_every_step_of_an_orders_life_sends_nothing_twice_and_loses_nothing(
    dying: Campaign, pool: Pool
) -> None:
    for name in STEPS:
        _until(dying, Death(how="kill", name=name))
    _until(dying, Death(how="database", name="before the commit of record_fills"))
    _until(dying, Death(how="database", name="after the commit of record_decision"))
    _until(dying, Death(how="exchange", name="sent POST /v2/orders"))
    died = dying.tally.where
    assert {f"kill: {name}" for name in STEPS} <= set(died)
    assert (dying.tally.database_gone, dying.tally.exchange_gone) == (2, 1)
    assert dying.tally.fills > 0
    assert verify(pool) > 0


def _until(dying: Campaign, death: Death) -> None:
    """Live until there was something to do that came to that death."""
    for _ in range(20):
        if dying.round(death):
            return
    raise AssertionError(f"never came to {death}")


class SlowWire(InProcessBroker):
    """An order that is sent stays on its way until it is let through; its sender hears nothing."""

    def submit(self, order: SizedOrder) -> BrokerOrder:
        self._on_its_way = order
        raise OrderOutcomeUnknown("no answer")

    def let_through(self) -> None:
        super().submit(self._on_its_way)


@dataclass(frozen=True, kw_only=True)
class Unheard:
    """A desk that has sent an entry and heard nothing."""

    pool: Pool
    ledger: Ledger
    exchange: ReplayExchange
    broker: SlowWire
    desk: Desk
    begun: datetime
    hours: SessionHours

    def settle(self, at: datetime) -> None:
        settle(self.desk, Step(at=at, session=self.hours.session, kind=StepKind.CHECK))


@pytest.fixture
def unheard(pool: Pool) -> Iterator[Unheard]:
    market = battery_market()
    begun = battery_start(market)
    exchange = ReplayExchange(market, BATTERY_COSTS, BATTERY_CASH, "battery", begun)
    session = market.hours[0].session
    with pool.connection() as connection:
        connection.execute("INSERT INTO markets VALUES ('m', 'pack', 'n', 'd', 's', 'split', 'l', 'h', 'SPY')")
        connection.execute("INSERT INTO models VALUES ('v1', 'm', '2020-01-03', 'f', '{}', '', repeat('0', 64), now())")
    with Ledger.start(
        pool,
        market_id="m",
        world="rehearsal",
        account_id=None,
        period=Period(first=session, last=market.hours[-1].session),
        key=RunKey(config_hash="c" * 64, model_version="v1", data_hash="d" * 64),
        starting_cash=BATTERY_CASH,
        at_wall=datetime(2026, 1, 1, tzinfo=UTC),
        at_market=begun,
    ) as ledger:
        broker = SlowWire(exchange)
        desk = desk_of(ledger, broker, session)
        act(desk, Decided(decision=decided(ENTRY, session, begun), case=None), begun)
        yield Unheard(
            pool=pool, ledger=ledger, exchange=exchange, broker=broker, desk=desk, begun=begun, hours=market.hours[0]
        )


def test_an_order_that_arrives_after_it_was_looked_for_in_vain_is_taken_over_with_its_fill(unheard: Unheard) -> None:
    assert [doubt.never_arrived for doubt in unheard.ledger.orders_in_doubt()] == [False]
    unheard.settle(unheard.begun)
    assert [doubt.never_arrived for doubt in unheard.ledger.orders_in_doubt()] == [True]
    unheard.broker.let_through()
    unheard.exchange.advance(unheard.hours.open_at)
    unheard.settle(unheard.hours.open_at)
    assert list(unheard.ledger.open_trades()) == ["AAA"]
    assert unheard.ledger.orders_in_doubt() == ()


def test_an_order_that_never_arrives_is_asked_for_no_more_after_a_day(unheard: Unheard) -> None:
    unheard.settle(unheard.begun)
    assert len(unheard.ledger.orders_in_doubt()) == 1
    unheard.settle(unheard.begun + timedelta(days=2))
    assert unheard.ledger.orders_in_doubt() == ()


def test_a_desk_that_was_away_for_weeks_books_what_was_bought_and_stopped_meanwhile(unheard: Unheard) -> None:
    unheard.broker.let_through()
    unheard.settle(unheard.begun)
    unheard.exchange.advance(unheard.hours.open_at + timedelta(days=2))
    assert unheard.broker.positions() == [], "its stop has fired"
    unheard.settle(unheard.begun + timedelta(days=30))
    assert dict(unheard.ledger.open_trades()) == {}
    with unheard.pool.connection() as connection:
        assert connection.execute("SELECT side FROM fills ORDER BY filled_at").fetchall() == [("buy",), ("sell",)]
        assert connection.execute("SELECT exit_reason FROM positions").fetchall() == [("stop",)]
