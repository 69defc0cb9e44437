"""The `trade_updates` websocket: authenticate, listen, then receive each order event as a binary frame of JSON."""

import asyncio
import contextlib
import hmac
import json
from collections.abc import Iterable

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from tenthman.exchange.alpaca_wire import Json, event_body
from tenthman.exchange.orders import OrderEvent

_log = structlog.get_logger(__name__)

_LARGEST_MESSAGE = 16_384
_QUEUED = 20_000
_AUTHENTICATE_WITHIN_S = 10.0
_POLICY_VIOLATION = 1008
_TRY_AGAIN_LATER = 1013


class Broadcaster:
    """Listeners of the stream, each with its own queue. One that reads too slowly is disconnected."""

    def __init__(self, key: str, secret: str) -> None:
        self._key = key
        self._secret = secret
        self._queues: dict[WebSocket, asyncio.Queue[bytes | None]] = {}

    @property
    def listeners(self) -> int:
        """How many are listening."""
        return len(self._queues)

    def publish(self, events: Iterable[OrderEvent]) -> None:
        """Queue `events` for every listener, in order."""
        for event in events:
            frame = _encode(event_body(event))
            for socket, queue in tuple(self._queues.items()):
                try:
                    queue.put_nowait(frame)
                except asyncio.QueueFull:
                    _log.warning("stream listener too slow", queued=_QUEUED)
                    self._queues.pop(socket, None)
                    queue.get_nowait()
                    queue.put_nowait(None)

    async def serve(self, socket: WebSocket) -> None:
        """One connection from handshake to end."""
        await socket.accept()
        try:
            async with asyncio.timeout(_AUTHENTICATE_WITHIN_S):
                allowed = await self._authenticate(socket)
            if allowed:
                await self._converse(socket)
            await socket.close(_POLICY_VIOLATION)
        except TimeoutError:
            await socket.close(_POLICY_VIOLATION)
        except (WebSocketDisconnect, RuntimeError):
            return
        finally:
            self._queues.pop(socket, None)

    async def _authenticate(self, socket: WebSocket) -> bool:
        message = await _receive(socket)
        data = message.get("data")
        held = data if isinstance(data, dict) else {}
        allowed = message.get("action") == "authenticate" and self._are_keys(held.get("key_id"), held.get("secret_key"))
        status = "authorized" if allowed else "unauthorized"
        answer = {"stream": "authorization", "data": {"status": status, "action": "authenticate"}}
        await socket.send_bytes(_encode(answer))
        return allowed

    def _are_keys(self, key: object, secret: object) -> bool:
        given = f"{key}\n{secret}".encode(errors="replace")
        return hmac.compare_digest(given, f"{self._key}\n{self._secret}".encode())

    async def _converse(self, socket: WebSocket) -> None:
        sender: asyncio.Task[None] | None = None
        try:
            while True:
                message = await _receive(socket)
                if message.get("action") != "listen":
                    return
                data = message.get("data")
                asked = data.get("streams") if isinstance(data, dict) else None
                streams = ["trade_updates"] if isinstance(asked, list) and "trade_updates" in asked else []
                await socket.send_bytes(_encode({"stream": "listening", "data": {"streams": streams}}))
                if streams and sender is None:
                    queue: asyncio.Queue[bytes | None] = asyncio.Queue(_QUEUED)
                    self._queues[socket] = queue
                    sender = asyncio.create_task(_send(socket, queue))
        finally:
            if sender is not None:
                sender.cancel()


async def _send(socket: WebSocket, queue: asyncio.Queue[bytes | None]) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        while True:
            frame = await queue.get()
            if frame is None:
                await socket.close(_TRY_AGAIN_LATER)
                return
            await socket.send_bytes(frame)


async def _receive(socket: WebSocket) -> Json:
    """The next message, from a text or a binary frame; an empty one for whatever is not a small JSON object."""
    frame = await socket.receive()
    if frame["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(frame.get("code", 1000))
    raw = frame.get("bytes") or frame.get("text") or b""
    if len(raw) > _LARGEST_MESSAGE:
        return {}
    try:
        message = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}


def _encode(message: Json) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()
