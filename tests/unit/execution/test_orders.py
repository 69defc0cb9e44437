"""Sending an order: once, whatever becomes of the answer."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from tenthman_broker_battery import BATTERY_CASH, BATTERY_COSTS, battery_market, battery_start, entry

from tenthman.domain.errors import BrokerUnavailable, OrderOutcomeUnknown
from tenthman.domain.order import BrokerOrder, SizedOrder
from tenthman.exchange.in_process import InProcessBroker
from tenthman.exchange.market import ReplayExchange
from tenthman.execution.orders import Refused, Sent, Unknown, send

ENTRY = entry("e", "AAA", 10, limit="101.00", stop="95.00", target="120.00")


def _exchange() -> ReplayExchange:
    market = battery_market()
    return ReplayExchange(market, BATTERY_COSTS, BATTERY_CASH, "orders", battery_start(market))


@dataclass
class _Line:
    """What the line to the broker does, and what was tried on it."""

    arrives: bool = True
    deaf_look_ups: int = 0
    submissions: int = 0
    pauses: list[float] = field(default_factory=list)


class _LosesAnswers(InProcessBroker):
    """A sound broker behind a line that never brings the answer to an order."""

    def __init__(self, exchange: ReplayExchange, line: _Line) -> None:
        super().__init__(exchange)
        self.line = line

    def submit(self, order: SizedOrder) -> BrokerOrder:
        self.line.submissions += 1
        if self.line.arrives:
            super().submit(order)
        raise OrderOutcomeUnknown("the answer was lost")

    def find(self, client_order_id: str) -> BrokerOrder | None:
        if self.line.deaf_look_ups > 0:
            self.line.deaf_look_ups -= 1
            raise BrokerUnavailable("the line is down")
        return super().find(client_order_id)


def _send(line: _Line, pauses_s: tuple[float, ...] = (0.0, 0.5, 2.0)) -> Sent | Refused | Unknown:
    pause: Callable[[float], None] = line.pauses.append
    return send(_LosesAnswers(_exchange(), line), ENTRY, pauses_s, pause)


def test_an_accepted_order_is_sent() -> None:
    result = send(InProcessBroker(_exchange()), ENTRY)
    assert isinstance(result, Sent)
    assert (result.order.client_order_id, result.looked_up) == ("e", False)


def test_a_refused_order_is_refused_with_the_brokers_words() -> None:
    dear = entry("e", "AAA", 10_000, limit="101.00", stop="95.00", target="120.00")
    result = send(InProcessBroker(_exchange()), dear)
    assert isinstance(result, Refused)
    assert "buying power" in result.reason


def test_an_order_whose_answer_was_lost_is_looked_up_and_not_sent_again() -> None:
    line = _Line()
    result = _send(line)
    assert isinstance(result, Sent)
    assert (result.looked_up, result.order.quantity, line.submissions) == (True, Decimal(10), 1)


def test_the_look_up_goes_on_while_the_line_is_down() -> None:
    line = _Line(deaf_look_ups=2)
    assert isinstance(_send(line), Sent)
    assert line.pauses == [0.0, 0.5, 2.0]


def test_an_order_that_cannot_be_found_stays_unknown_and_is_not_sent_again() -> None:
    line = _Line(arrives=False)
    result = _send(line)
    assert isinstance(result, Unknown)
    assert "lost" in result.reason
    assert (line.submissions, len(line.pauses)) == (1, 3)
