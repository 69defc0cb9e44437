"""The exchange as a web application that speaks Alpaca's wire, and a small control of its clock.

One account, one pair of keys, one virtual clock. Calls are answered one after the other.
"""

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from tenthman.exchange import alpaca_data as data
from tenthman.exchange import alpaca_trading as trading
from tenthman.exchange.alpaca_requests import invalid, read_body, read_instant
from tenthman.exchange.alpaca_stream import Broadcaster
from tenthman.exchange.alpaca_trading import Call, Reply
from tenthman.exchange.market import ReplayExchange
from tenthman.exchange.orders import Code, Refusal

_log = structlog.get_logger(__name__)

Handler = Callable[[ReplayExchange, Call], Reply]

_LARGEST_BODY = 65_536
_RATE_LIMIT = 200
_CONTROL_HEADER = "x-control-token"
_JSON_STATUS = {404: Code.NOT_FOUND.value, 405: Code.INVALID.value, 413: Code.INVALID.value}

_ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/v2/account", trading.get_account),
    ("GET", "/v2/account/activities", trading.get_activities),
    ("GET", "/v2/account/activities/{kind}", trading.get_activities),
    ("GET", "/v2/clock", trading.get_clock),
    ("GET", "/v2/calendar", trading.get_calendar),
    ("GET", "/v2/orders:by_client_order_id", trading.get_order_by_client_id),
    ("GET", "/v2/orders", trading.get_orders),
    ("POST", "/v2/orders", trading.post_order),
    ("DELETE", "/v2/orders", trading.delete_orders),
    ("GET", "/v2/orders/{order_id}", trading.get_order),
    ("DELETE", "/v2/orders/{order_id}", trading.delete_order),
    ("PATCH", "/v2/orders/{order_id}", trading.patch_order),
    ("GET", "/v2/positions", trading.get_positions),
    ("GET", "/v2/positions/{symbol}", trading.get_position),
    ("DELETE", "/v2/positions/{symbol}", trading.delete_position),
    ("GET", "/v2/assets", trading.get_assets),
    ("GET", "/v2/assets/{symbol}", trading.get_asset),
    ("GET", "/v2/stocks/bars", data.get_bars),
    ("GET", "/v2/stocks/quotes/latest", data.get_latest_quotes),
    ("GET", "/v2/stocks/trades/latest", data.get_latest_trades),
    ("GET", "/v2/stocks/snapshots", data.get_snapshots),
    ("GET", "/v2/stocks/{symbol}/bars", data.get_symbol_bars),
    ("GET", "/v1beta1/news", data.get_news),
)


def build_app(exchange: ReplayExchange, key: str, secret: str, control_token: str) -> Starlette:
    """The application. `key` and `secret` are what traders must send, `control_token` what the clock's owner must."""
    return _Edge(exchange, key, secret, control_token).app()


class _Edge:
    """What every call passes: keys, size, the lock, errors as Alpaca's bodies, events to the stream."""

    def __init__(self, exchange: ReplayExchange, key: str, secret: str, control_token: str) -> None:
        self._exchange = exchange
        self._keys = {"apca-api-key-id": key, "apca-api-secret-key": secret}
        self._control = {_CONTROL_HEADER: control_token}
        self._stream = Broadcaster(key, secret)
        self._lock = asyncio.Lock()

    def app(self) -> Starlette:
        routes: list[BaseRoute] = [
            Route(path, self._answer(handler, self._keys), methods=[method]) for method, path, handler in _ROUTES
        ]
        routes += [
            Route("/control/advance", self._answer(self._advance, self._control), methods=["POST"]),
            Route("/control/health", self._answer(self._health, self._control), methods=["GET"]),
            WebSocketRoute("/stream", self._stream.serve),
        ]
        return Starlette(routes=routes, exception_handlers={HTTPException: self._no_route})

    def _answer(self, handler: Handler, required: Mapping[str, str]) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            if not _has_headers(request, required):
                return self._respond(Reply(status=401, body={"message": "unauthorized"}))
            try:
                body = read_body(await _raw_body(request)) if request.method == "POST" else {}
                call = Call(path=request.path_params, query=request.query_params, body=body)
                async with self._lock:
                    return self._respond(handler(self._exchange, call))
            except Refusal as refusal:
                said = {"code": refusal.code, "message": refusal.message, **refusal.extra}
                return self._respond(Reply(status=refusal.http_status, body=said))
            finally:
                self._stream.publish(self._exchange.drain())

        return endpoint

    def _advance(self, exchange: ReplayExchange, call: Call) -> Reply:
        to = call.body.get("to")
        at = read_instant({"to": to if isinstance(to, str) else ""}, "to")
        if at is None:
            raise invalid("to must be a time in RFC 3339")
        if at < exchange.now:
            raise invalid(f"to must not be before {exchange.now.isoformat()}, was {at.isoformat()}")
        events = exchange.advance(at)
        self._stream.publish(events)
        return Reply(body={"now": exchange.now.astimezone(UTC).isoformat(), "events": len(events)})

    def _health(self, exchange: ReplayExchange, _: Call) -> Reply:
        return Reply(body={"now": exchange.now.astimezone(UTC).isoformat(), "listeners": self._stream.listeners})

    async def _no_route(self, _: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        detail = error.detail if isinstance(error, HTTPException) else "internal error"
        return self._respond(Reply(status=status, body={"code": _JSON_STATUS.get(status, 0), "message": detail}))

    def _respond(self, reply: Reply) -> Response:
        """Rate limits are announced as Alpaca does and never enforced: the exchange's minutes are virtual."""
        content = b"" if reply.body is None else json.dumps(reply.body, separators=(",", ":")).encode()
        headers = {
            "X-RateLimit-Limit": str(_RATE_LIMIT),
            "X-RateLimit-Remaining": str(_RATE_LIMIT - 1),
            "X-RateLimit-Reset": str(int(self._exchange.now.timestamp()) + 60),
        }
        return Response(content, reply.status, headers, media_type="application/json")


def _has_headers(request: Request, required: Mapping[str, str]) -> bool:
    checks = [
        hmac.compare_digest(request.headers.get(name, "").encode("latin-1", "replace"), value.encode())
        for name, value in required.items()
    ]
    return all(checks)


async def _raw_body(request: Request) -> bytes:
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > _LARGEST_BODY:
            raise Refusal(413, Code.INVALID, f"request body must have at most {_LARGEST_BODY} bytes")
    return bytes(raw)
