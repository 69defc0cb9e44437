"""Between appointments: the broker's order events are reasons to look at it, and never believed.

An event may be lost, told twice, late, or out of order. So it says nothing here but "look": settling asks the broker
and books each execution once, and a look that fails is made up for by the next appointment.
"""

from bisect import bisect_right
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date, datetime
from typing import Protocol

import structlog

from tenthman.domain.errors import BrokerUnavailable, DataError
from tenthman.domain.market import NEW_YORK, SessionHours
from tenthman.scheduler.clock import Clock
from tenthman.scheduler.orchestrator import Desk, settle
from tenthman.scheduler.timeline import Step, StepKind

log = structlog.get_logger(__name__)


class OrderEvents(Protocol):
    """Whoever hears the broker's order events."""

    def rings(self, timeout_s: float) -> bool:
        """Whether anything came within so many seconds."""
        ...


Listen = Callable[[], AbstractContextManager[OrderEvents]]
"""Begins to listen, until the end of the block."""


def wait_for(step: Step, desk: Desk, clock: Clock, events: OrderEvents | None) -> None:
    """Wait for `step`; settle with the broker whenever order events come meanwhile (None: nobody listens)."""
    bell = None if events is None else events.rings
    while not clock.wait_until(step.at, bell):
        look(desk, clock.now())


def look(desk: Desk, at: datetime) -> None:
    """Take over orders, fills and cash as they are. A broker that does not answer is left to the next appointment."""
    step = Step(at=at, session=_session_of(desk.hours, at), kind=StepKind.CHECK)
    try:
        book = settle(desk, step)
    except (BrokerUnavailable, DataError) as error:
        log.warning("look after an order event failed", cause=str(error))
        return
    log.info("looked after an order event", equity=f"{book.equity:.2f}", positions=len(book.positions))


def _session_of(hours: tuple[SessionHours, ...], at: datetime) -> date:
    """New York's day of `at` where it is a session, else the session before: an evening belongs to its day."""
    day = at.astimezone(NEW_YORK).date()
    found = bisect_right(hours, day, key=lambda item: item.session) - 1
    return hours[max(found, 0)].session
