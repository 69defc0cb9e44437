"""The broker through alpaca-py when the other side misbehaves: silence, gateways, lost answers, unknown words."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from tenthman_broker_battery import entry, exit_order
from tenthman_wire import listening

from tenthman.config import BrokerSettings
from tenthman.domain.errors import BrokerUnavailable, OrderOutcomeUnknown, OrderRejected, SetupError
from tenthman.domain.order import OrderStatus
from tenthman.execution.client import AlpacaBroker

Endpoint = Callable[[Request], Awaitable[Response]]

HASTY = BrokerSettings(endpoint="exchange", connect_timeout_s=2, read_timeout_s=0.3, answer_timeout_s=5)
PATIENT = BrokerSettings(endpoint="exchange", connect_timeout_s=10, read_timeout_s=10, answer_timeout_s=20)
ENTRY = entry("e", "AAA", 10, limit="101.00", stop="95.00", target="120.00")
PARENT = "11111111-1111-1111-1111-111111111111"
ERRORS = {
    401: {"message": "unauthorized"},
    403: {"code": 40310000, "message": "insufficient buying power"},
    422: {"code": 42210000, "message": "no such thing"},
    500: {"message": "oops"},
}


def _row(identity: str, **changes: Any) -> dict[str, Any]:
    row = {
        "id": identity,
        "client_order_id": "e",
        "symbol": "AAA",
        "side": "buy",
        "type": "limit",
        "status": "new",
        "qty": "10",
        "filled_qty": "0",
        "filled_avg_price": None,
        "limit_price": "101",
        "stop_price": None,
        "submitted_at": "2020-01-06T14:30:00.123456789Z",
        "updated_at": "2020-01-06T09:30:00-05:00",
        "order_class": "bracket",
        "legs": None,
    }
    return row | changes


def _orders(endpoint: Endpoint) -> Starlette:
    return Starlette(
        routes=[
            Route("/v2/orders", endpoint, methods=["GET", "POST"]),
            Route("/v2/{rest:path}", endpoint, methods=["GET", "DELETE"]),
        ]
    )


def _always(answer: Response) -> Starlette:
    async def endpoint(_: Request) -> Response:
        return answer

    return _orders(endpoint)


async def _silence(_: Request) -> Response:
    await asyncio.sleep(1.0)
    return Response()


def test_silence_while_reading_is_unavailability_and_on_an_order_an_unknown_outcome() -> None:
    with listening(_orders(_silence)) as url:
        broker = AlpacaBroker(url, "key", "secret", HASTY)
        with pytest.raises(BrokerUnavailable, match="ReadTimeout"):
            broker.account()
        with pytest.raises(OrderOutcomeUnknown, match="ReadTimeout"):
            broker.submit(ENTRY)


def test_a_refused_connection_is_unavailability_and_on_an_order_an_unknown_outcome() -> None:
    broker = AlpacaBroker("http://127.0.0.1:9", "key", "secret", PATIENT)
    with pytest.raises(BrokerUnavailable):
        broker.clock()
    with pytest.raises(OrderOutcomeUnknown):
        broker.submit(ENTRY)


@pytest.mark.parametrize(
    ("status", "reading", "sending"),
    [
        (401, SetupError, SetupError),
        (403, BrokerUnavailable, OrderRejected),
        (422, BrokerUnavailable, OrderRejected),
        (500, BrokerUnavailable, OrderOutcomeUnknown),
    ],
)
def test_each_refusal_has_its_meaning(status: int, reading: type[Exception], sending: type[Exception]) -> None:
    with listening(_always(JSONResponse(ERRORS[status], status))) as url:
        broker = AlpacaBroker(url, "key", "secret", PATIENT)
        with pytest.raises(reading):
            broker.positions()
        with pytest.raises(sending) as caught:
            broker.submit(exit_order("x", "AAA", 1))
        assert "secret" not in str(caught.value)


def test_a_refusal_carries_the_brokers_own_words() -> None:
    with listening(_always(JSONResponse(ERRORS[403], 403))) as url:
        broker = AlpacaBroker(url, "key", "secret", PATIENT)
        with pytest.raises(OrderRejected, match="insufficient buying power"):
            broker.submit(ENTRY)


@pytest.mark.parametrize("status", [502, 200])
def test_a_page_of_html_is_no_answer(status: int) -> None:
    with listening(_always(HTMLResponse("<html>Bad gateway</html>", status))) as url:
        broker = AlpacaBroker(url, "key", "secret", PATIENT)
        with pytest.raises(BrokerUnavailable):
            broker.fills(None)
        with pytest.raises(OrderOutcomeUnknown):
            broker.submit(ENTRY)


@pytest.mark.parametrize("answer", [None, [], {"id": 5}, [{"qty": "ten"}], {"id": "a", "cash": "NaN"}])
def test_an_answer_of_another_shape_is_no_answer(answer: object) -> None:
    with listening(_always(JSONResponse(answer))) as url:
        broker = AlpacaBroker(url, "key", "secret", PATIENT)
        with pytest.raises(BrokerUnavailable, match="unreadable"):
            broker.account()
        with pytest.raises(OrderOutcomeUnknown, match="unreadable"):
            broker.submit(ENTRY)


def test_full_pages_that_end_where_an_earlier_one_did_are_no_answer_and_not_asked_for_ever() -> None:
    page = [_row(f"{number:08d}-1111-1111-1111-111111111111") for number in range(500)]
    fills = [{"id": f"20200106::{number}"} for number in range(100)]
    asked: list[str] = []

    async def endpoint(request: Request) -> Response:
        asked.append(request.url.path)
        return JSONResponse(page if request.url.path == "/v2/orders" else fills)

    with listening(_orders(endpoint)) as url:
        broker = AlpacaBroker(url, "key", "secret", PATIENT)
        for ask in (broker.open_orders, broker.dividends_paid):
            with pytest.raises(BrokerUnavailable, match="must end with another id"):
                ask()
    assert asked == ["/v2/orders"] * 2 + ["/v2/account/activities/DIV"] * 2


def test_a_status_that_is_not_known_is_unknown_and_counts_as_open() -> None:
    with listening(_always(JSONResponse([_row(PARENT, status="pending_review")]))) as url:
        (order,) = AlpacaBroker(url, "key", "secret", PATIENT).open_orders()
        assert order.status is OrderStatus.UNKNOWN


@pytest.mark.parametrize(
    ("terms", "quantity"),
    [
        ({"notional": "500", "limit_price": "125"}, "4"),
        ({"notional": "500", "limit_price": None, "type": "market"}, "0"),
        ({"notional": "500", "limit_price": None, "type": "market", "filled_qty": "1.5"}, "1.5"),
    ],
)
def test_an_order_that_a_person_gave_over_a_sum_of_money_keeps_nobody_from_reading_the_others(
    terms: dict[str, Any], quantity: str
) -> None:
    with listening(_always(JSONResponse([_row(PARENT, qty=None, **terms), _row(PARENT)]))) as url:
        broker = AlpacaBroker(url, "key", "secret", PATIENT)
        assert [order.quantity for order in broker.open_orders()] == [Decimal(quantity), 10]


def test_an_order_over_neither_shares_nor_money_cannot_be_read() -> None:
    with listening(_always(JSONResponse([_row(PARENT, qty=None)]))) as url:
        broker = AlpacaBroker(url, "key", "secret", PATIENT)
        with pytest.raises(BrokerUnavailable, match="`notional` must be a number"):
            broker.open_orders()


def test_an_order_that_arrived_before_the_gateway_gave_up_is_found_when_it_is_sent_again() -> None:
    posts: list[object] = []

    async def endpoint(request: Request) -> Response:
        if request.method == "POST":
            posts.append(await request.json())
            if len(posts) == 1:
                return HTMLResponse("gateway timeout", 504)
            return JSONResponse({"code": 40010001, "message": "client_order_id must be unique"}, 422)
        return JSONResponse(_row(PARENT))

    with listening(_orders(endpoint)) as url:
        order = AlpacaBroker(url, "key", "secret", PATIENT).submit(ENTRY)
    assert order.id == PARENT
    assert posts[0] == posts[1]
    assert len(posts) == 2


def test_a_leg_listed_without_its_bracket_brings_its_waiting_sibling_along() -> None:
    target = _row("22222222-2222-2222-2222-222222222222", side="sell", client_order_id="t", limit_price="120")
    stop = _row(
        "33333333-3333-3333-3333-333333333333",
        side="sell",
        client_order_id="s",
        type="stop",
        status="held",
        limit_price=None,
        stop_price="95",
    )
    bracket = _row(PARENT, status="filled", legs=[target, stop])

    async def endpoint(request: Request) -> Response:
        return JSONResponse([target] if request.query_params["status"] == "open" else [bracket])

    with listening(_orders(endpoint)) as url:
        orders = AlpacaBroker(url, "key", "secret", PATIENT).open_orders()
    assert [(order.id, order.parent_id) for order in orders] == [(target["id"], PARENT), (stop["id"], PARENT)]
