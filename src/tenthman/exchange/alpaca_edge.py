"""What every call passes: keys, limits, size, the lock, the journal, faults, errors as Alpaca's bodies."""

import asyncio
import hmac
import json
from collections.abc import Callable, Mapping

from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from tenthman.exchange import faults as going_wrong
from tenthman.exchange.accounts import TradingAccount, Venue
from tenthman.exchange.alpaca_requests import read_body
from tenthman.exchange.alpaca_routes import Endpoint
from tenthman.exchange.alpaca_trading import Call, Reply
from tenthman.exchange.faults import INSTEAD, Fault, FaultKind, Faults
from tenthman.exchange.limits import Allowance
from tenthman.exchange.orders import Code, Refusal
from tenthman.exchange.state import State

_LARGEST_BODY = 65_536
_TOO_MANY = 42910000
_JSON_STATUS = {404: Code.NOT_FOUND.value, 405: Code.INVALID.value, 413: Code.INVALID.value}
_UNAUTHORIZED = Reply(status=401, body={"message": "unauthorized"})
_RATE_EXCEEDED = Reply(status=429, body={"code": _TOO_MANY, "message": "rate limit exceeded"})
_WITH_BODY = ("POST", "PATCH")
_to_json = json.JSONEncoder(separators=(",", ":")).encode


class Edge:
    """Calls on `venue`, one after the other. `state`, where there is one, keeps what changes before it is told."""

    def __init__(self, venue: Venue, control_token: str, state: State | None = None) -> None:
        self.venue = venue
        self.faults = Faults()
        self.lock = asyncio.Lock()
        self.state = state
        self.token = control_token.encode()

    async def no_route(self, _: Request, error: Exception) -> Response:
        """What answers a call that nobody knows."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        detail = error.detail if isinstance(error, HTTPException) else "internal error"
        allowance = self.venue.accounts[0].limits["trading"].show()
        return _respond(Reply(status=status, body={"code": _JSON_STATUS.get(status, 0), "message": detail}), allowance)


class TraderCall:
    """What answers one kind of a trader's calls, as an application of its own."""

    def __init__(self, edge: Edge, endpoint: Endpoint) -> None:
        self._edge = edge
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(scope, receive)
        await response(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        account = self._edge.venue.accounts[0] if self._endpoint.is_open else self._holder(scope)
        if account is None:
            return _respond(_UNAUTHORIZED)
        allowance = account.limits[self._endpoint.service].take()
        if not allowance.is_allowed:
            return _respond(_RATE_EXCEEDED, allowance)
        if not self._edge.faults:
            return _respond(await self._reply(account, scope, receive), allowance)
        acting = self._edge.faults.meet(scope["method"], scope["path"])
        before = next((fault for fault in acting if fault.kind in INSTEAD), None)
        if before is not None:
            return await _wrong(before, allowance)
        return await _shaped(await self._reply(account, scope, receive), acting, allowance)

    def _holder(self, scope: Scope) -> TradingAccount | None:
        headers = dict(scope["headers"])
        return self._edge.venue.holder(_text(headers, b"apca-api-key-id"), _text(headers, b"apca-api-secret-key"))

    async def _reply(self, account: TradingAccount, scope: Scope, receive: Receive) -> Reply:
        endpoint = self._endpoint
        try:
            sent = await _raw_body(receive) if endpoint.may_change else b""
            # A body that nothing reads is not checked either, and what was not checked must not be kept.
            raw = sent if endpoint.method in _WITH_BODY else b""
            call = _call(scope, raw)
            async with self._edge.lock:
                reply = endpoint.answer(account, call)
                if endpoint.may_change and self._edge.state is not None:
                    self._edge.state.keep_call(self._edge.venue, account, endpoint, call, raw)
        except Refusal as refusal:
            reply = Reply(status=refusal.http_status, body=refusal.body)
        except OSError:
            account.forget()
            raise
        account.publish()
        return reply


class ControlCall:
    """What answers the clock's owner, who has the control token."""

    def __init__(self, edge: Edge, handler: Callable[[Call], Reply]) -> None:
        self._edge = edge
        self._handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(scope, receive)
        await response(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        if not hmac.compare_digest(dict(scope["headers"]).get(b"x-control-token", b""), self._edge.token):
            return _respond(_UNAUTHORIZED)
        try:
            call = _call(scope, await _raw_body(receive) or b"{}")
            async with self._edge.lock:
                reply = self._handler(call)
        except Refusal as refusal:
            reply = Reply(status=refusal.http_status, body=refusal.body)
        except OSError:
            self._edge.venue.forget()
            raise
        self._edge.venue.publish()
        return _respond(reply)


def _text(headers: Mapping[bytes, bytes], name: bytes) -> str | None:
    value = headers.get(name)
    return None if value is None else value.decode("latin-1")


def _call(scope: Scope, raw: bytes) -> Call:
    query = QueryParams(scope["query_string"]) if scope["query_string"] else {}
    body = read_body(raw) if scope["method"] in _WITH_BODY else {}
    return Call(path=scope["path_params"], query=query, body=body)


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

    async def __call__(self, _: Scope, __: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", b"4096"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})


def _page(status: int) -> Response:
    return HTMLResponse(f"<html><body><h1>{status}</h1><p>The exchange was told to fail.</p></body></html>", status)


class _JsonResponse(Response):
    """A body with its headers laid out once."""

    def __init__(self, reply: Reply, allowance: Allowance | None) -> None:
        self.status_code = reply.status
        self.background = None
        self.body = b"" if reply.body is None else _to_json(reply.body).encode()
        self.raw_headers = [(b"content-type", b"application/json")]
        if reply.status != 204:
            self.raw_headers.append((b"content-length", b"%d" % len(self.body)))
        if allowance is not None:
            self.raw_headers += [
                (b"x-ratelimit-limit", b"%d" % allowance.limit),
                (b"x-ratelimit-remaining", b"%d" % allowance.remaining),
                (b"x-ratelimit-reset", b"%d" % allowance.reset),
            ]


def _respond(reply: Reply, allowance: Allowance | None = None) -> Response:
    return _JsonResponse(reply, allowance)


async def _raw_body(receive: Receive) -> bytes:
    """The whole body; Refusal 413 beyond the most that is read, 400 when the client leaves before its end."""
    raw = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Refusal(400, Code.INVALID, "request body ended early")
        raw += message.get("body", b"")
        if len(raw) > _LARGEST_BODY:
            raise Refusal(413, Code.INVALID, f"request body must have at most {_LARGEST_BODY} bytes")
        if not message.get("more_body", False):
            return bytes(raw)
