"""Entries that outlive their session, because nobody was there at its close, on the exchange in the same process."""

from dataclasses import replace
from decimal import Decimal

import pytest
from tenthman_crash_desk import Intent, decided
from tenthman_decision import CONFIG
from tenthman_share_changes import Scene, bought, inside_scene

from tenthman.decision import Decided, Prepared
from tenthman.domain.order import OrderType, Side, TimeInForce
from tenthman.exchange.in_process import InProcessBroker
from tenthman.exchange.orders import OrderRequest
from tenthman.scheduler.account.book import flatten
from tenthman.scheduler.committee.holes import nobody
from tenthman.scheduler.desk.intraday import run_step
from tenthman.scheduler.desk.orchestrator import act
from tenthman.scheduler.desk.timeline import Step, StepKind

BEYOND_REACH = Intent(ticker="BBB", quantity=5, limit=Decimal(40), stop=Decimal(30), target=Decimal(60))
BY_HAND = OrderRequest(
    symbol="BBB",
    side=Side.BUY,
    order_type=OrderType.LIMIT,
    time_in_force=TimeInForce.GTC,
    quantity=Decimal(1),
    limit_price=Decimal(35),
)


class Nothing:
    """Sees a market that says nothing, and is the model of it, too."""

    version = "v1"

    def prepare(self, at, _model, _book):
        return Prepared(as_of=at, features=None, signals=(), facts={}, skipped={})


@pytest.fixture
def scene() -> Scene:
    """A desk that holds AAA behind a bracket and waits for BBB, as somebody else does."""
    made = inside_scene()
    nothing = Nothing()
    made.desk = replace(made.desk, config=CONFIG, sight=nothing, model_of=lambda _session: nothing, holes=nobody)
    made.act(bought(10))
    session = made.market.hours[0].session
    assert act(made.desk, Decided(decision=decided(BEYOND_REACH, session, made.now), case=None), made.now)
    made.world.exchange.submit(BY_HAND)
    return made


def buying(scene: Scene) -> list[Decimal | None]:
    """Limits of what waits to be bought."""
    return sorted(order.limit_price for order in flatten(scene.desk.broker.open_orders()) if order.side is Side.BUY)


def step(scene: Scene, row: int, minutes: int, kind: StepKind):
    scene.into(row, minutes, settles=False)
    return run_step(scene.desk, Step(at=scene.now, session=scene.market.hours[row].session, kind=kind))


@pytest.mark.parametrize("kind", [StepKind.MORNING, StepKind.CHECK, StepKind.AFTERNOON])
def test_an_entry_whose_close_was_missed_is_withdrawn_at_the_next_step_and_nothing_else_is(
    scene: Scene, kind: StepKind
) -> None:
    assert buying(scene) == [35, 40]
    book = step(scene, 1, -60 if kind is StepKind.MORNING else 30, kind)
    assert buying(scene) == [35]
    assert [item.is_own for item in book.pending] == [False], "the step decides on a book without it"
    assert [(item.ticker, item.stop_price) for item in book.positions] == [("AAA", 20)]


def test_an_entry_of_the_session_itself_goes_on_waiting(scene: Scene) -> None:
    step(scene, 0, 30, StepKind.CHECK)
    assert buying(scene) == [35, 40]


def test_a_leftover_that_cannot_be_cancelled_at_once_still_counts(scene: Scene) -> None:
    class Slow(InProcessBroker):
        """Takes its time to cancel."""

        def cancel(self, order_id: str) -> bool:
            return True

    scene.desk = replace(scene.desk, broker=Slow(scene.world.exchange))
    assert sorted(item.limit_price for item in step(scene, 1, 30, StepKind.CHECK).pending) == [35, 40]
