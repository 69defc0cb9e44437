"""Who is given how much of a debate when time is short."""

from decimal import Decimal

import pytest

from tenthman.config import LadderSettings
from tenthman.scheduler.committee.ladder import Ladder, Rung

SETTINGS = LadderSettings(debate_s=10.0, short_below=0.5, before_open_s=30.0)


class Watch:
    """Seconds as the test sets them."""

    def __init__(self) -> None:
        self.now = 7.0

    def __call__(self) -> float:
        return self.now


def ladder(seconds: float, watch: Watch, **stakes: int) -> Ladder:
    made = Ladder(SETTINGS, seconds, watch)
    made.expect({name: Decimal(stake) for name, stake in stakes.items()})
    return made


def test_the_largest_have_the_first_claim_on_the_time() -> None:
    """30 s: C (3) is debated whole, for B (2) half the time is left: 4 s for a short one, and as much for A, then D."""
    found = ladder(30.0, Watch(), a=1, b=2, c=3)
    assert [found.allot(name).rung for name in "abc"] == [Rung.SHORT, Rung.FULL, Rung.FULL]
    tight = ladder(15.0, Watch(), a=1, b=2, c=3)
    assert [tight.allot(name).rung for name in "abc"] == [Rung.UNREVIEWED, Rung.SHORT, Rung.FULL]


def test_a_debate_may_take_what_nobody_larger_is_waiting_for() -> None:
    found = ladder(30.0, Watch(), a=1, b=2, c=3)
    assert [found.allot(name).seconds for name in "abc"] == [10.0, 20.0, 30.0]


def test_entries_that_were_decided_wait_no_longer() -> None:
    found = ladder(15.0, Watch(), c=3, b=2, a=1)
    assert [found.allot(name).rung for name in "cba"] == [Rung.FULL] * 3, "each as if those before it took no time"


def test_time_that_passes_and_debates_that_take_longer_are_counted() -> None:
    watch = Watch()
    found = ladder(60.0, watch, a=1, b=1)
    assert found.allot("a").rung is Rung.FULL
    watch.now += 25.0
    found.held(Rung.FULL, 25.0)
    assert found.allot("b").rung is Rung.FULL
    found.held(Rung.FULL, 40.0)
    assert found.allot("b").rung is Rung.SHORT
    found.held(Rung.SHORT, 36.0)
    assert found.allot("b").rung is Rung.UNREVIEWED


def test_equal_stakes_go_in_the_order_of_decision_and_an_unexpected_entry_comes_last() -> None:
    found = ladder(15.0, Watch(), a=2, b=2)
    assert [found.allot("a").rung, found.allot("x").rung] == [Rung.FULL, Rung.UNREVIEWED]


@pytest.mark.parametrize("seconds", [0.0, -5.0])
def test_without_time_nobody_is_asked(seconds: float) -> None:
    found = ladder(seconds, Watch(), a=1).allot("a")
    assert (found.rung, found.seconds) == (Rung.UNREVIEWED, 0.0)
