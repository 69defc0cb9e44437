"""Exits that come too late, and exits on a market that nobody can see, on the exchange in the same process."""

from dataclasses import replace

import pytest
from tenthman_crash_desk import decided
from tenthman_decision import CONFIG
from tenthman_share_changes import Scene, bought, inside_scene, sold

from tenthman.backtest.memory import MemoryRecord
from tenthman.config import with_sections
from tenthman.decision import Decided
from tenthman.domain.errors import BrokerUnavailable, DataCorrupt, DataError
from tenthman.domain.order import BrokerOrder, OrderType, SizedOrder
from tenthman.exchange.in_process import InProcessBroker
from tenthman.scheduler.desk.intraday import run_step
from tenthman.scheduler.desk.orchestrator import act
from tenthman.scheduler.desk.timeline import Step, StepKind


class Watched(InProcessBroker):
    """Notes what is sent."""

    def submit(self, order: SizedOrder) -> BrokerOrder:
        self.sent = [*getattr(self, "sent", []), order.quantity]
        return super().submit(order)


def test_shares_that_a_stop_has_sold_since_the_desk_looked_are_not_sold_again() -> None:
    """A broker that lets the account go short would sell what nobody holds."""
    scene = inside_scene()
    broker, record = Watched(scene.world.exchange), scene.desk.ledger
    assert isinstance(record, MemoryRecord)
    scene.desk = replace(scene.desk, broker=broker)
    scene.act(bought(10, stop="99.50"))
    scene.go(scene.market.hours[0].close_at, settles=False)
    assert broker.positions() == [], "the stop has filled, and nobody has looked since"
    late = decided(sold(10), scene.market.hours[0].session, scene.now)
    assert not act(scene.desk, Decided(decision=late, case=None), scene.now)
    assert broker.sent == [10], "the entry alone"
    assert list(record.refused.values()) == ["the account holds 0 shares now, 10 were to be sold"]


def test_what_is_held_is_sold_once_nothing_rests_on_it() -> None:
    scene = inside_scene()
    scene.act(bought(10))
    assert scene.act(sold(10))
    assert scene.desk.broker.positions() == []


class Blind:
    """A market of which nothing can be known, and its model."""

    version = "v1"

    def __init__(self, error: Exception) -> None:
        self._error = error

    def prepare(self, _at, _model, _book):
        raise self._error


def blinded(error: Exception, horizon: int) -> Scene:
    """A desk that has bought AAA, and sees no market from then on."""
    scene, nothing = inside_scene(), Blind(error)
    stops = CONFIG.risk_rules.stops.model_copy(update={"horizon_sessions": horizon})
    config = with_sections(CONFIG, risk_rules=CONFIG.risk_rules.model_copy(update={"stops": stops}))
    scene.desk = replace(scene.desk, config=config, sight=nothing, model_of=lambda _session: nothing)
    scene.act(bought(10))
    return scene


def run(scene: Scene, row: int, error: type[Exception]) -> None:
    scene.into(row, settles=False)
    with pytest.raises(error, match="nothing to see"):
        run_step(scene.desk, Step(at=scene.now, session=scene.market.hours[row].session, kind=StepKind.AFTERNOON))


@pytest.mark.parametrize("error", [BrokerUnavailable, DataCorrupt])
def test_what_is_due_by_time_is_sold_though_the_run_fails_on_its_data(error: type[Exception]) -> None:
    scene = blinded(error("nothing to see"), horizon=2)
    run(scene, 1, error)
    assert [item.ticker for item in scene.desk.broker.positions()] == ["AAA"], "not due yet"
    run(scene, 2, error)
    assert list(scene.desk.broker.positions()) == []


def test_what_has_lost_its_stop_is_sold_though_the_run_fails_on_its_data() -> None:
    scene = blinded(DataError("nothing to see"), horizon=9)
    (stop,) = [order for order in scene.world.exchange.orders("open") if order.order_type is OrderType.STOP]
    scene.world.exchange.cancel(stop.id)
    run(scene, 1, DataError)
    assert list(scene.desk.broker.positions()) == []
