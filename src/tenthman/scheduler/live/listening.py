"""Between appointments: the broker's order events are reasons to look at it, and never believed.

An event may be lost, told twice, late, or out of order. So it says nothing here but "look": orders and executions are
taken over as the broker has them, each once, and a look that fails is made up for by the next appointment.

A look adds a point to the equity curve in regular hours alone, and at most one a minute unless something was executed:
prices of the night lift no peak that the drawdown is measured from, and a stream of events fills no table.
"""

from bisect import bisect_right
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from tenthman.domain.errors import BrokerUnavailable, DataError
from tenthman.domain.market import NEW_YORK, SessionHours
from tenthman.scheduler.clock import Clock
from tenthman.scheduler.desk.orchestrator import Desk, add_point, take_over
from tenthman.scheduler.desk.timeline import Step, StepKind

BETWEEN_POINTS = timedelta(minutes=1)
"""How much later than the last point of the equity curve a look adds one where nothing was executed."""

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
    try:
        state, has_traded = take_over(desk, at)
        hours = desk.hours[_place_of(desk.hours, at)]
        if hours.open_at <= at < hours.close_at and (has_traded or _is_due(desk, at)):
            add_point(desk, state, Step(at=at, session=hours.session, kind=StepKind.CHECK))
    except (BrokerUnavailable, DataError) as error:
        log.warning("look after an order event failed", cause=str(error))
        return
    log.info("looked after an order event")


def _is_due(desk: Desk, at: datetime) -> bool:
    settled = desk.ledger.settled_at()
    return settled is None or at - settled >= BETWEEN_POINTS


def _place_of(hours: tuple[SessionHours, ...], at: datetime) -> int:
    """Of New York's day of `at` where it is a session, else the session before: an evening belongs to its day."""
    day = at.astimezone(NEW_YORK).date()
    return max(bisect_right(hours, day, key=lambda item: item.session) - 1, 0)
