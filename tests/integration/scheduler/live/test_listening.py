"""Order events between appointments: reasons to look, whatever becomes of the events themselves."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from psycopg import connect
from tenthman_crash import begin
from tenthman_crash_desk import Intent, decided, desk_of
from tenthman_exchange import SETTINGS
from tenthman_serving import MARKET, Running, in_thread

from tenthman.db.pool import Pool
from tenthman.decision import Decided
from tenthman.execution.client import AlpacaBroker
from tenthman.execution.stream import TradeUpdates
from tenthman.scheduler.clock import Bell
from tenthman.scheduler.desk.orchestrator import Desk, act, settle
from tenthman.scheduler.desk.timeline import Step, StepKind
from tenthman.scheduler.live.listening import look, wait_for
from tenthman.scheduler.state.ledger import Ledger

HOURS = MARKET.hours[0]
TOUCHED = HOURS.open_at + timedelta(hours=2, minutes=10)
NOON = Step(at=HOURS.open_at + timedelta(hours=3), session=HOURS.session, kind=StepKind.CHECK)
RESTS = Intent(ticker="AAA", quantity=10, limit=Decimal("99.00"), stop=Decimal("80.00"), target=Decimal("150.00"))


@dataclass
class Halting:
    """Market time of a served exchange, which halts at given instants and listens there before it goes on."""

    move: Callable[[datetime], object]
    time: datetime
    halts: list[datetime]
    listens_s: float = 15.0
    rang: list[bool] = field(default_factory=list)

    def now(self) -> datetime:
        return self.time

    def wait_until(self, at: datetime, bell: Bell | None = None, /) -> bool:
        while self.halts:
            self.time = self.halts.pop(0)
            self.move(self.time)
            assert bell is not None
            self.rang.append(bell(self.listens_s))
            if self.rang[-1]:
                return False
        self.move(at)
        self.time = at
        return True


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A served exchange, a desk that trades it, and whoever hears its order events."""

    server: Running
    desk: Desk
    updates: TradeUpdates
    database: str

    def clock(self, *halts: datetime, listens_s: float = 15.0) -> Halting:
        def move(to: datetime) -> None:
            self.server.control("POST", "advance", {"to": to.isoformat()})

        return Halting(move, HOURS.open_at, list(halts), listens_s)

    def fills(self) -> list[tuple[Decimal, datetime]]:
        with connect(self.database) as connection:
            return connection.execute("SELECT quantity, filled_at FROM fills").fetchall()

    def looks(self) -> list[datetime]:
        """When the account was looked at, without the start of the run."""
        with connect(self.database) as connection:
            rows = connection.execute("SELECT at FROM equity ORDER BY at").fetchall()
        return [at for (at,) in rows if at > HOURS.open_at]


@pytest.fixture
def scene(fresh_database_url: str, pool: Pool) -> Iterator[Scene]:
    with _scene(fresh_database_url, pool) as found:
        yield found


@contextmanager
def _scene(database: str, pool: Pool) -> Iterator[Scene]:
    with in_thread() as server:
        keys = server.told["accounts"][0]
        broker = AlpacaBroker(server.rest, keys["key"], keys["secret"], SETTINGS)
        stream = f"{server.rest.replace('http', 'ws')}/stream"
        run = begin(database, MARKET)
        with (
            Ledger.join(pool, run) as ledger,
            TradeUpdates(stream, keys["key"], keys["secret"], gather_s=0.2) as updates,
        ):
            desk = desk_of(ledger, broker, HOURS.session)
            assert updates.rings(15), "the first connection is told"
            act(desk, Decided(decision=decided(RESTS, HOURS.session, HOURS.open_at), case=None), HOURS.open_at)
            assert updates.rings(15), "the order was taken"
            yield Scene(server=server, desk=desk, updates=updates, database=database)


def test_a_fill_is_booked_when_its_event_comes_and_once_however_it_is_told(scene: Scene) -> None:
    for kind in ("duplicate_events", "reorder_events"):
        scene.server.control("POST", "faults", {"kind": kind, "times": 0})
    clock = scene.clock(TOUCHED)
    wait_for(NOON, scene.desk, clock, scene.updates)
    assert clock.rang == [True]
    assert scene.looks() == [TOUCHED]
    settle(scene.desk, NOON)
    assert [quantity for quantity, _ in scene.fills()] == [Decimal(10)]


def test_a_lost_event_costs_nothing_but_time(scene: Scene) -> None:
    scene.server.control("POST", "faults", {"kind": "lose_events", "times": 0})
    clock = scene.clock(TOUCHED, listens_s=0.3)
    wait_for(NOON, scene.desk, clock, scene.updates)
    assert (clock.rang, scene.looks(), scene.fills()) == ([False], [], [])
    settle(scene.desk, NOON)
    assert [quantity for quantity, _ in scene.fills()] == [Decimal(10)]


def test_a_cut_stream_connects_again_and_what_happened_meanwhile_is_booked(scene: Scene) -> None:
    scene.server.control("POST", "faults", {"kind": "lose_events", "times": 0})
    scene.server.control("POST", "cut")
    clock = scene.clock(TOUCHED)
    wait_for(NOON, scene.desk, clock, scene.updates)
    assert clock.rang == [True], "the new connection is a reason to look"
    assert [quantity for quantity, _ in scene.fills()] == [Decimal(10)]


def test_a_broker_that_does_not_answer_a_look_is_asked_again_at_the_appointment(scene: Scene) -> None:
    scene.server.control("POST", "faults", {"kind": "server_error", "path": "/v2/*", "times": 1})
    look(scene.desk, TOUCHED)
    assert scene.looks() == []
    look(scene.desk, TOUCHED)
    assert scene.looks() == [TOUCHED]


def test_looks_add_points_to_the_equity_curve_in_regular_hours_alone_and_one_a_minute_at_most(scene: Scene) -> None:
    night = HOURS.close_at + timedelta(hours=3)
    for at in (TOUCHED, TOUCHED + timedelta(seconds=6), TOUCHED + timedelta(seconds=61)):
        look(scene.desk, at)
    scene.server.control("POST", "advance", {"to": night.isoformat()})
    look(scene.desk, night)
    look(scene.desk, night + timedelta(hours=8))
    assert scene.looks() == [TOUCHED, TOUCHED + timedelta(seconds=61)]
    assert [quantity for quantity, _ in scene.fills()] == [Decimal(10)], "what was executed is booked all the same"


def test_a_look_that_books_an_execution_adds_a_point_however_short_after_the_last(scene: Scene) -> None:
    """What reads the record between appointments would else see a holding neither waiting nor held."""
    executed = HOURS.open_at + timedelta(hours=1, minutes=5)
    early, late = executed - timedelta(seconds=20), executed + timedelta(seconds=10)
    for at in (early, late):
        scene.server.control("POST", "advance", {"to": at.isoformat()})
        look(scene.desk, at)
    assert scene.fills() == [(Decimal(10), executed)]
    assert scene.looks() == [early, late]
