"""What every call passes: keys, limits, size, the lock, the journal, faults, errors as Alpaca's bodies."""

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from tenthman.exchange import faults as going_wrong
from tenthman.exchange.accounts import TradingAccount, Venue
from tenthman.exchange.alpaca_requests import read_body
from tenthman.exchange.alpaca_routes import Endpoint
from tenthman.exchange.alpaca_trading import Call, Reply
from tenthman.exchange.faults import INSTEAD, Fault, FaultKind, Faults
from tenthman.exchange.limits import Allowance
from tenthman.exchange.orders import Code, Refusal

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from tenthman.exchange.state import State

_log = structlog.get_logger(__name__)

Answer = Callable[[Request], Awaitable[Response]]

_LARGEST_BODY = 65_536
_TOO_MANY = 42910000
_CONTROL_HEADER = "x-control-token"
_JSON_STATUS = {404: Code.NOT_FOUND.value, 405: Code.INVALID.value, 413: Code.INVALID.value}
_UNAUTHORIZED = Reply(status=401, body={"message": "unauthorized"})
_RATE_EXCEEDED = Reply(status=429, body={"code": _TOO_MANY, "message": "rate limit exceeded"})


class Edge:
    """Calls on `venue`, one after the other. `state`, where there is one, keeps what changes before it is told."""

    def __init__(self, venue: Venue, control_token: str, state: "State | None" = None) -> None:
        self.venue = venue
        self.faults = Faults()
        self.lock = asyncio.Lock()
        self._token = control_token.encode()
        self._state = state

    def trader(self, endpoint: Endpoint) -> Answer:
        """What answers a trader's call."""

        async def answer(request: Request) -> Response:
            account = self.venue.authorised(request.headers)
            if account is None:
                return _respond(_UNAUTHORIZED)
            allowance = account.limits[endpoint.service].take()
            if not allowance.is_allowed:
                return _respond(_RATE_EXCEEDED, allowance)
            acting = self.faults.meet(request.method, request.url.path) if self.faults else []
            before = next((fault for fault in acting if fault.kind in INSTEAD), None)
            if before is not None:
                return await _wrong(before, allowance)
            return await _shaped(await self._reply(account, endpoint, request), acting, allowance)

        return answer

    def controller(self, handler: Callable[[Call], Reply]) -> Answer:
        """What answers the clock's owner, who has the control token."""

        async def answer(request: Request) -> Response:
            given = request.headers.get(_CONTROL_HEADER, "").encode("latin-1", "replace")
            if not hmac.compare_digest(given, self._token):
                return _respond(_UNAUTHORIZED)
            try:
                body = read_body(await _raw_body(request)) if request.method == "POST" else {}
                async with self.lock:
                    return _respond(handler(Call(path=request.path_params, query=request.query_params, body=body)))
            except Refusal as refusal:
                return _respond(Reply(status=refusal.http_status, body=refusal.body))
            finally:
                self.venue.publish()

        return answer

    async def no_route(self, _: Request, error: Exception) -> Response:
        """What answers a call that nobody knows."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        detail = error.detail if isinstance(error, HTTPException) else "internal error"
        allowance = self.venue.accounts[0].limits["trading"].show()
        return _respond(Reply(status=status, body={"code": _JSON_STATUS.get(status, 0), "message": detail}), allowance)

    async def _reply(self, account: TradingAccount, endpoint: Endpoint, request: Request) -> Reply:
        try:
            raw = await _raw_body(request) if endpoint.may_change else b""
            body = read_body(raw) if request.method in ("POST", "PATCH") else {}
            call = Call(path=request.path_params, query=request.query_params, body=body)
            async with self.lock:
                reply = endpoint.handler(account, call)
                if endpoint.may_change:
                    self._keep(account, endpoint, call, raw)
                return reply
        except Refusal as refusal:
            return Reply(status=refusal.http_status, body=refusal.body)
        finally:
            account.publish()

    def _keep(self, account: TradingAccount, endpoint: Endpoint, call: Call, raw: bytes) -> None:
        if self._state is not None:
            self._state.keep_call(self.venue, account, endpoint, call, raw)


async def _shaped(reply: Reply, acting: list[Fault], allowance: Allowance) -> Response:
    body = reply.body
    for fault in acting:
        match fault.kind:
            case FaultKind.DROP_FIELDS:
                body = going_wrong.without(body, fault.names)
            case FaultKind.CLOCK_SKEW:
                body = going_wrong.skewed(body, fault.seconds)
            case _:
                return await _wrong(fault, allowance)
    return _respond(Reply(status=reply.status, body=body), allowance)


async def _wrong(fault: Fault, allowance: Allowance) -> Response:
    match fault.kind:
        case FaultKind.TOO_MANY_REQUESTS:
            return _respond(_RATE_EXCEEDED, allowance)
        case FaultKind.SERVER_ERROR:
            return _page(fault.status)
        case FaultKind.SILENCE | FaultKind.UNHEARD_SILENCE:
            await asyncio.sleep(max(fault.seconds, 0.0))
            return _page(504)
        case FaultKind.CUT | FaultKind.UNHEARD_CUT:
            return _CutResponse()
        case _:
            return _page(504)


class _CutResponse(Response):
    """The beginning of an answer, after which the connection breaks."""

    async def __call__(self, _: "Scope", __: "Receive", send: "Send") -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", b"4096"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})


def _page(status: int) -> Response:
    return HTMLResponse(f"<html><body><h1>{status}</h1><p>The exchange was told to fail.</p></body></html>", status)


def _respond(reply: Reply, allowance: Allowance | None = None) -> Response:
    content = b"" if reply.body is None else json.dumps(reply.body, separators=(",", ":")).encode()
    return Response(content, reply.status, _rate_headers(allowance), media_type="application/json")


def _rate_headers(allowance: Allowance | None) -> Mapping[str, str] | None:
    if allowance is None:
        return None
    return {
        "X-RateLimit-Limit": str(allowance.limit),
        "X-RateLimit-Remaining": str(allowance.remaining),
        "X-RateLimit-Reset": str(allowance.reset),
    }


async def _raw_body(request: Request) -> bytes:
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > _LARGEST_BODY:
            raise Refusal(413, Code.INVALID, f"request body must have at most {_LARGEST_BODY} bytes")
    return bytes(raw)
