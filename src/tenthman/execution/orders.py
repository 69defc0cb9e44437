"""Sending one order once, and naming what became of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from tenthman.domain.broker import Broker
from tenthman.domain.errors import BrokerUnavailable, OrderOutcomeUnknown, OrderRejected
from tenthman.domain.order import BrokerOrder, SizedOrder

_log = structlog.get_logger(__name__)

LOOK_UP_PAUSES_S = (0.0, 0.5, 2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The broker has the order. `looked_up`: its answer was lost and the order was found by its client order id."""

    order: BrokerOrder
    looked_up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The broker said no; `reason` is its message."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Nobody knows yet whether the broker has the order: reconcile before anything else is sent for this ticker."""

    reason: str


def send(
    broker: Broker,
    order: SizedOrder,
    pauses_s: tuple[float, ...] = LOOK_UP_PAUSES_S,
    pause: Callable[[float], None] = time.sleep,
) -> Sent | Refused | Unknown:
    """Submit `order` once. When the answer is lost, look it up once after each of `pauses_s`; never send again."""
    try:
        return Sent(order=broker.submit(order), looked_up=False)
    except OrderRejected as refusal:
        return Refused(reason=str(refusal))
    except (OrderOutcomeUnknown, BrokerUnavailable) as lost:
        _log.warning("order outcome unknown", client_order_id=order.client_order_id, cause=str(lost))
        return _look_up(broker, order, pauses_s, pause, str(lost))


def _look_up(
    broker: Broker, order: SizedOrder, pauses_s: tuple[float, ...], pause: Callable[[float], None], cause: str
) -> Sent | Unknown:
    for seconds in pauses_s:
        pause(seconds)
        try:
            found = broker.find(order.client_order_id)
        except BrokerUnavailable:
            continue
        if found is not None:
            return Sent(order=found, looked_up=True)
    return Unknown(reason=cause)
