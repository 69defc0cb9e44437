"""Exits that come too late, on the exchange in the same process."""

from dataclasses import replace

from tenthman_crash_desk import decided
from tenthman_share_changes import bought, inside_scene, sold

from tenthman.backtest.memory import MemoryRecord
from tenthman.decision import Decided
from tenthman.domain.order import BrokerOrder, SizedOrder
from tenthman.exchange.in_process import InProcessBroker
from tenthman.scheduler.desk.orchestrator import act


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
