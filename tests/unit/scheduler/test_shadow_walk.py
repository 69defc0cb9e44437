"""What a shadow position comes to, bar by bar, worked out by hand."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from tenthman.domain.audit import Slot
from tenthman.scheduler.shadows import DayBar, Ending, walk
from tenthman.scheduler.state import Shadow

FIRST = date(2020, 1, 6)


def shadow(slot: Slot = Slot.MORNING, horizon: int = 3) -> Shadow:
    return Shadow(
        decision_id="d1",
        slot=slot,
        ticker="AAPL",
        cause="veto",
        quantity=Decimal(10),
        limit_price=Decimal(100),
        stop_price=Decimal(95),
        target_price=Decimal(107),
        horizon_sessions=horizon,
        opened_session=FIRST,
        entry_price=None,
    )


def bars(*prices: tuple[float, float, float, float]) -> tuple[DayBar, ...]:
    """Bars of (open, high, low, close), one a day from the first session on."""
    return tuple(
        DayBar(session=FIRST + timedelta(days=day), open=o, high=h, low=low, close=c)
        for day, (o, h, low, c) in enumerate(prices)
    )


def ending(entry: float | None, left: float | None, day: int, reason: str) -> Ending:
    return Ending(entry=entry, exit=left, session=FIRST + timedelta(days=day), reason=reason)


QUIET = (99.0, 101.0, 98.0, 100.0)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (bars(QUIET, (99, 108, 98, 107)), ending(99, 107, 1, "target")),
        (bars(QUIET, (99, 100, 94, 96)), ending(99, 95, 1, "stop")),
        (bars(QUIET, (99, 108, 94, 100)), ending(99, 95, 1, "stop")),
        (bars(QUIET, (90, 92, 88, 91)), ending(99, 90, 1, "stop")),
        (bars(QUIET, (110, 112, 94, 100)), ending(99, 110, 1, "target")),
        (bars((99, 108, 94, 100)), ending(99, 95, 0, "stop")),
        (bars((94, 96, 93, 95)), ending(94, 94, 0, "stop")),
        (bars((103, 108, 100, 104)), ending(100, 107, 0, "target")),
        (bars((103, 108, 101, 104), QUIET), ending(None, None, 0, "never_filled")),
        (bars(QUIET, QUIET, QUIET, (98, 110, 90, 100)), ending(99, 98, 3, "time")),
        (bars(QUIET, QUIET), ending(99, 100, 1, "run_end")),
    ],
)
def test_a_morning_shadow_ends_as_its_bars_say(path: tuple[DayBar, ...], expected: Ending) -> None:
    assert walk(shadow(), path, path[-1].session) == expected


def test_an_afternoon_shadow_enters_at_the_close_and_is_not_touched_by_what_came_before_it() -> None:
    path = bars((99, 120, 80, 100), (99, 108, 98, 107))
    assert walk(shadow(Slot.AFTERNOON), path, path[-1].session) == ending(100, 107, 1, "target")


def test_an_afternoon_shadow_with_a_close_above_its_limit_never_fills() -> None:
    path = bars((99, 120, 80, 101), QUIET)
    assert walk(shadow(Slot.AFTERNOON), path, path[-1].session) == ending(None, None, 0, "never_filled")


def test_a_shadow_whose_ticker_was_halted_in_its_session_never_fills() -> None:
    assert walk(shadow(), bars(QUIET, QUIET)[1:], FIRST) == ending(None, None, 0, "never_filled")
    assert walk(shadow(), (), FIRST).reason == "never_filled"
