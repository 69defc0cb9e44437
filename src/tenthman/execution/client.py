"""The broker's promise kept through alpaca-py: against Alpaca, or against anything that speaks its wire."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TypeVar

import requests
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderClass, OrderSide
from alpaca.trading.enums import TimeInForce as WireTimeInForce
from alpaca.trading.requests import (
    GetCalendarRequest,
    LimitOrderRequest,
    MarketOrderRequest,
    OrderRequest,
    StopLossRequest,
    TakeProfitRequest,
)

from tenthman.config import BrokerSettings
from tenthman.domain.broker import Account, BrokerClock, BrokerPosition, PriceChange, is_changed
from tenthman.domain.errors import BrokerUnavailable, OrderOutcomeUnknown, OrderRejected, SetupError
from tenthman.domain.market import SessionHours
from tenthman.domain.order import BrokerOrder, Fill, Purpose, SizedOrder
from tenthman.execution.answers import (
    read_account,
    read_clock,
    read_dividend,
    read_fill,
    read_order,
    read_position,
    read_row,
    read_rows,
    read_session,
)
from tenthman.utils.deadlines import set_deadlines
from tenthman.utils.symbols import to_wire

_ORDERS_PER_PAGE = 500
_ACTIVITIES_PER_PAGE = 100
_REFUSALS = frozenset({400, 403, 404, 422})
_DUPLICATE = "client_order_id must be unique"

AnswerT = TypeVar("AnswerT")


class _TimedClient(TradingClient):
    """alpaca-py sets no time-out and offers no public way to its session; a subclass may reach it."""

    def __init__(self, url: str | None, key: str, secret: str, settings: BrokerSettings) -> None:
        super().__init__(api_key=key, secret_key=secret, paper=True, raw_data=True, url_override=url)
        limits = (settings.connect_timeout_s, settings.read_timeout_s, settings.answer_timeout_s)
        set_deadlines(self._session, *limits)


class AlpacaBroker:
    """`domain.order.Broker` over HTTP. `trading_url` None means Alpaca's paper endpoint.

    alpaca-py sends a request again by itself, up to three times, after a 429 or a 504, orders included. That is safe
    because each order carries its client order id: if the first send did arrive, the second is refused as a duplicate,
    and the order is looked up. SetupError when the keys are refused.
    """

    def __init__(self, trading_url: str | None, key: str, secret: str, settings: BrokerSettings) -> None:
        self._client = _TimedClient(trading_url, key, secret, settings)

    def clock(self) -> BrokerClock:
        """The broker's clock."""
        return self._read("clock", lambda: read_clock(read_row(self._client.get_clock())))

    def calendar(self, first: date, last: date) -> tuple[SessionHours, ...]:
        """The broker's own sessions of `first`..`last`, in order."""
        asked = GetCalendarRequest(start=first, end=last)
        return self._read(
            "calendar", lambda: tuple(read_session(row) for row in read_rows(self._client.get_calendar(asked)))
        )

    def account(self) -> Account:
        """Cash, equity and buying power."""
        return self._read("account", lambda: read_account(read_row(self._client.get_account())))

    def positions(self) -> Sequence[BrokerPosition]:
        """All holdings."""
        return self._read(
            "positions", lambda: [read_position(row) for row in read_rows(self._client.get_all_positions())]
        )

    def open_orders(self) -> Sequence[BrokerOrder]:
        """Orders that are not final, oldest first; legs stand in their parent while it is open, then by themselves.

        A leg that is listed without its parent hides its waiting sibling, so its family is then read by name.
        """
        rows = self._read("open orders", lambda: self._order_pages({"status": "open", "nested": True}))
        orphans = sorted({str(row.get("symbol")) for row in rows if _is_orphan_leg(row)})
        if orphans:
            family: dict[str, object] = {"status": "all", "nested": True, "symbols": ",".join(orphans)}
            others = [row for row in rows if row.get("symbol") not in orphans]
            rows = others + self._read("orders of brackets", lambda: self._order_pages(family))
        orders = self._read("open orders", lambda: [read_order(row) for row in rows])
        return [member for order in orders for member in _open_members(order)]

    def submit(self, order: SizedOrder) -> BrokerOrder:
        """Send `order`; one that the broker has already is handed back, not sent again.

        OrderRejected: refused. OrderOutcomeUnknown: look it up with `find`.
        """
        name = order.client_order_id
        try:
            return read_order(read_row(self._client.submit_order(_to_request(order))))
        except APIError as error:
            return self._after_refusal(order, error)
        except requests.RequestException as error:
            raise OrderOutcomeUnknown(f"order {name}: no answer from the broker: {_cause(error)}") from error
        except ValueError as error:
            raise OrderOutcomeUnknown(f"order {name}: the broker's answer is unreadable: {error}") from error

    def find(self, client_order_id: str) -> BrokerOrder | None:
        """The order of that id, legs nested, whatever its status; None if the broker never had it."""

        def look_up() -> BrokerOrder | None:
            try:
                row = read_row(self._client.get_order_by_client_id(client_order_id))
            except APIError as error:
                if error.status_code == requests.codes.not_found:
                    return None
                raise
            nested = self._client.get(f"/orders/{read_order(row).id}", {"nested": True})
            return read_order(read_row(nested))

        return self._read("order", look_up)

    def cancel(self, order_id: str) -> bool:
        """Ask to cancel; False if it was already final. OrderRejected if the broker does not know the order."""

        def ask() -> bool:
            try:
                self._client.delete(f"/orders/{order_id}")
            except APIError as error:
                if error.status_code == requests.codes.unprocessable_entity:
                    return False
                if error.status_code == requests.codes.not_found:
                    raise OrderRejected(f"cannot cancel order {order_id}: {_message(error)}") from error
                raise
            return True

        return self._read("cancel", ask)

    def replace(self, order_id: str, change: PriceChange) -> BrokerOrder:
        """Ask for other prices; the same change asked for again is the order that there is.

        OrderRejected: refused, a fill may have won. OrderOutcomeUnknown: look the new name up with `find`.
        """
        prices = {"limit_price": change.limit_price, "stop_price": change.stop_price}
        body = {name: float(price) for name, price in prices.items() if price is not None}
        what = f"replacement {change.client_order_id}"
        try:
            answer = self._client.patch(f"/orders/{order_id}", {**body, "client_order_id": change.client_order_id})
            return read_order(read_row(answer))
        except APIError as error:
            message = self._refused(what, error)
            there = self._found(change.client_order_id, what, message)
            if there is not None and is_changed(there, change):
                return there
            raise OrderRejected(f"{what}: the broker refused ({error.status_code}): {message}") from error
        except requests.RequestException as error:
            raise OrderOutcomeUnknown(f"{what}: no answer from the broker: {_cause(error)}") from error
        except ValueError as error:
            raise OrderOutcomeUnknown(f"{what}: the broker's answer is unreadable: {error}") from error

    def fills(self, after: datetime | None) -> Sequence[Fill]:
        """Executions after that instant (None: all), oldest first."""
        fills = self._read("fills", lambda: [read_fill(row) for row in self._activities("FILL", after)])
        return [fill for fill in fills if after is None or fill.filled_at > after]

    def dividends_paid(self) -> Decimal:
        """All dividends that the account has been paid so far, USD."""
        paid = self._read("dividends", lambda: [read_dividend(row) for row in self._activities("DIV", None)])
        return sum(paid, Decimal(0))

    def _after_refusal(self, order: SizedOrder, error: APIError) -> BrokerOrder:
        what = f"order {order.client_order_id}"
        message = self._refused(what, error)
        if _DUPLICATE not in message:
            raise OrderRejected(f"{what}: the broker refused ({error.status_code}): {message}") from error
        found = self._found(order.client_order_id, what, message)
        if found is None or (found.ticker, found.side, found.quantity) != (order.ticker, order.side, order.quantity):
            raise OrderRejected(f"{what}: another order has this id: {message}")
        return found

    def _refused(self, what: str, error: APIError) -> str:
        """The broker's words where it refused; SetupError and OrderOutcomeUnknown for any other answer."""
        status, message = error.status_code, _message(error)
        if status == requests.codes.unauthorized:
            raise SetupError("the broker refuses the keys; check ALPACA_API_KEY and ALPACA_SECRET_KEY") from error
        if status not in _REFUSALS:
            raise OrderOutcomeUnknown(f"{what}: the broker answered {status}: {message}") from error
        return message

    def _found(self, client_order_id: str, what: str, message: str) -> BrokerOrder | None:
        try:
            return self.find(client_order_id)
        except BrokerUnavailable as error:
            raise OrderOutcomeUnknown(f"{what}: {message}; {error}") from error

    def _order_pages(self, query: Mapping[str, object]) -> list[Mapping[str, object]]:
        rows: list[Mapping[str, object]] = []
        token: dict[str, object] = {}
        seen: set[str] = set()
        while True:
            page = read_rows(
                self._client.get("/orders", {**query, "direction": "asc", "limit": _ORDERS_PER_PAGE, **token})
            )
            rows.extend(page)
            if len(page) < _ORDERS_PER_PAGE:
                return rows
            token = {"after_order_id": _new_page(page, seen)}

    def _activities(self, kind: str, after: datetime | None) -> list[Mapping[str, object]]:
        query: dict[str, object] = {"direction": "asc", "page_size": _ACTIVITIES_PER_PAGE}
        seen: set[str] = set()
        if after is not None:
            query["after"] = after.astimezone(UTC).isoformat()
        rows: list[Mapping[str, object]] = []
        while True:
            page = read_rows(self._client.get(f"/account/activities/{kind}", dict(query)))
            rows.extend(page)
            if len(page) < _ACTIVITIES_PER_PAGE:
                return rows
            query["page_token"] = _new_page(page, seen)

    def _read(self, what: str, call: Callable[[], AnswerT]) -> AnswerT:
        try:
            return call()
        except APIError as error:
            if error.status_code == requests.codes.unauthorized:
                raise SetupError("the broker refuses the keys; check ALPACA_API_KEY and ALPACA_SECRET_KEY") from error
            raise BrokerUnavailable(f"{what}: the broker answered {error.status_code}: {_message(error)}") from error
        except requests.RequestException as error:
            raise BrokerUnavailable(f"{what}: no answer from the broker: {_cause(error)}") from error
        except ValueError as error:
            raise BrokerUnavailable(f"{what}: the broker's answer is unreadable: {error}") from error


def _new_page(page: Sequence[Mapping[str, object]], seen: set[str]) -> str:
    """The id after which the next page begins, noted in `seen`; ValueError where one began there before."""
    last = str(page[-1].get("id"))
    if last in seen:
        raise ValueError(f"the page after {last[:80]!r} must end with another id, did with one seen before")
    seen.add(last)
    return last


def _to_request(order: SizedOrder) -> OrderRequest:
    common = {
        "symbol": to_wire(order.ticker),
        "qty": float(order.quantity),
        "side": OrderSide(order.side.value),
        "time_in_force": WireTimeInForce(order.time_in_force.value),
        "client_order_id": order.client_order_id,
    }
    if order.purpose is Purpose.EXIT:
        return MarketOrderRequest(**common)
    assert order.limit_price is not None
    assert order.target_price is not None
    assert order.stop_price is not None
    return LimitOrderRequest(
        **common,
        limit_price=float(order.limit_price),
        order_class=OrderClass.BRACKET,
        take_profit=TakeProfitRequest(limit_price=float(order.target_price)),
        stop_loss=StopLossRequest(stop_price=float(order.stop_price)),
    )


def _is_orphan_leg(row: Mapping[str, object]) -> bool:
    return row.get("order_class") == "bracket" and row.get("side") == "sell" and not row.get("legs")


def _open_members(order: BrokerOrder) -> Sequence[BrokerOrder]:
    return [member for member in (order.legs if order.status.is_final else (order,)) if not member.status.is_final]


def _message(error: APIError) -> str:
    """The broker's own words; a gateway may answer in HTML, and `APIError.message` then raises."""
    text = str(error)
    try:
        body = json.loads(text)
    except ValueError:
        return text[:200]
    return str(body.get("message", text))[:500] if isinstance(body, dict) else text[:200]


def _cause(error: requests.RequestException) -> str:
    """What went wrong, without the address."""
    return type(error).__name__
