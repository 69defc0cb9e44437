"""Whatever order entries are decided in, they are given what they would be given if the largest were debated first."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tenthman.config import LadderSettings
from tenthman.scheduler.committee.ladder import QUESTIONS, SHORT_QUESTIONS, Ladder, Rung

DEBATE_S = 10.0
TAKES = {Rung.FULL: DEBATE_S, Rung.SHORT: DEBATE_S * SHORT_QUESTIONS / QUESTIONS, Rung.UNREVIEWED: 0.0}
WORTH = {Rung.FULL: 2, Rung.SHORT: 1, Rung.UNREVIEWED: 0}

stakes = st.lists(st.integers(1, 1_000_000), min_size=1, max_size=9, unique=True)


class Watch:
    """Seconds as the debates take them."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def given_to(order: list[int], seconds: float, short_below: float) -> dict[int, Rung]:
    """The rung of each stake where they are decided in `order` and every debate takes what it is thought to."""
    watch = Watch()
    settings = LadderSettings(debate_s=DEBATE_S, short_below=short_below, before_open_s=1.0)
    ladder = Ladder(settings, seconds, watch)
    ladder.expect({str(stake): Decimal(stake) for stake in order})
    found = {}
    for stake in order:
        found[stake] = ladder.allot(str(stake)).rung
        watch.now += TAKES[found[stake]]
    return found


@given(stakes.flatmap(st.permutations), st.integers(0, 100), st.sampled_from([0.0, 0.25, 0.5, 0.75]))
def test_the_order_of_decision_takes_nothing_from_the_largest(
    order: list[int], seconds: int, short_below: float
) -> None:
    found = given_to(order, float(seconds), short_below)
    assert found == given_to(sorted(order, reverse=True), float(seconds), short_below)
    by_stake = [WORTH[found[stake]] for stake in sorted(order, reverse=True)]
    assert by_stake == sorted(by_stake, reverse=True), "nobody is given more than somebody larger"
    assert sum(TAKES[rung] for rung in found.values()) <= max(seconds, 0.0) + 1e-9


def test_smaller_entries_that_are_decided_first_leave_the_largest_its_whole_debate() -> None:
    """32 s: the largest, decided last, is whole, as is the next; of the other three the time is enough for all but one.

    Had the seconds of the smaller ones counted against it, half of the time would have been gone when its turn came.
    """
    found = given_to([40, 10, 20, 30, 50], 32.0, 0.5)
    assert found == {50: Rung.FULL, 40: Rung.FULL, 30: Rung.SHORT, 20: Rung.SHORT, 10: Rung.SHORT}
