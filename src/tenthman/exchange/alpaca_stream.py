"""The `trade_updates` websocket: authenticate, listen, then receive each order event as a binary frame.

Frames hold JSON, or MessagePack where the handshake asked for it with `Content-Type: application/msgpack`.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import msgpack
import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from tenthman.exchange.alpaca_wire import Json, event_body, stamp
from tenthman.exchange.orders import OrderEvent, SymbolChange
from tenthman.exchange.renaming import outward_message

_log = structlog.get_logger(__name__)

_LARGEST_MESSAGE = 16_384
_QUEUED = 20_000
AUTHENTICATE_WITHIN_S = 10.0
MOST_CONNECTIONS = 10
"""Of one account, listening or not. Alpaca publishes no figure for this stream; a client that leaks them meets it."""

POLICY_VIOLATION = 1008
_TRY_AGAIN_LATER = 1013


Codec = Callable[[object], bytes]


@dataclass(eq=False, slots=True)
class _Listener:
    """One connection: how it wants its frames, and those that wait for it; None ends it."""

    socket: WebSocket
    encode: Codec
    queue: asyncio.Queue[bytes | None] = field(default_factory=lambda: asyncio.Queue(_QUEUED))


class Broadcaster:
    """Listeners of one account's stream, each with its own queue. One that reads too slowly is disconnected.

    `told_as` makes of a batch of messages what is really told; nothing else, unless something shall go wrong.
    """

    def __init__(self) -> None:
        self.told_as: Callable[[Sequence[Json]], Sequence[Json]] = tuple
        self._listeners: dict[WebSocket, _Listener] = {}
        self._connections = 0

    def enter(self) -> bool:
        """Count a connection in, until it leaves; False where there are as many as there may be."""
        if self._connections >= MOST_CONNECTIONS:
            return False
        self._connections += 1
        return True

    def leave(self) -> None:
        """Count a connection out that was counted in."""
        self._connections -= 1

    @property
    def listeners(self) -> int:
        """How many are listening."""
        return len(self._listeners)

    def publish(self, events: Iterable[OrderEvent], changes: Sequence[SymbolChange] = ()) -> None:
        """Queue `events` for every listener, in order; symbols by the names that `changes` gave them."""
        if not self._listeners:
            return
        for message in self.told_as([outward_message(changes, event_body(event)) for event in events]):
            self._queue(message)

    def cut(self) -> int:
        """Close every listener's connection, after what waits for it; how many that were."""
        found, self._listeners = tuple(self._listeners.values()), {}
        for listener in found:
            _end(listener)
        return len(found)

    async def converse(self, socket: WebSocket, encode: Codec) -> None:
        """Serve a connection whose keys were right, until it leaves or asks for what is not there."""
        listener = _Listener(socket, encode)
        sender: asyncio.Task[None] | None = None
        try:
            while True:
                message = await receive(socket)
                if message.get("action") != "listen":
                    return
                data = message.get("data")
                asked = data.get("streams") if isinstance(data, dict) else None
                streams = ["trade_updates"] if isinstance(asked, list) and "trade_updates" in asked else []
                await socket.send_bytes(encode({"stream": "listening", "data": {"streams": streams}}))
                if not streams:
                    self._listeners.pop(socket, None)
                    continue
                self._listeners[socket] = listener
                if sender is None:
                    sender = asyncio.create_task(send_queued(socket, listener.queue))
        finally:
            self._listeners.pop(socket, None)
            if sender is not None:
                sender.cancel()

    def _queue(self, message: Json) -> None:
        frames: dict[Codec, bytes] = {}
        for socket, listener in tuple(self._listeners.items()):
            if listener.encode not in frames:
                frames[listener.encode] = listener.encode(message)
            try:
                listener.queue.put_nowait(frames[listener.encode])
            except asyncio.QueueFull:
                _log.warning("stream listener too slow", queued=_QUEUED)
                self._listeners.pop(socket, None)
                _end(listener)


class StreamDoor:
    """The one address of the order events: it finds the account whose keys a connection shows."""

    def __init__(self, find: Callable[[object, object], Broadcaster | None]) -> None:
        self._find = find

    async def serve(self, socket: WebSocket) -> None:
        """One connection from handshake to end."""
        await socket.accept()
        encode = codec_of(socket)
        try:
            async with asyncio.timeout(AUTHENTICATE_WITHIN_S):
                stream = self._shown(await receive(socket))
            await self._admit(socket, encode, stream)
            await socket.close(POLICY_VIOLATION)
        except TimeoutError:
            await socket.close(POLICY_VIOLATION)
        except (WebSocketDisconnect, RuntimeError):
            return

    async def _admit(self, socket: WebSocket, encode: Codec, stream: Broadcaster | None) -> None:
        """Say whether the connection may stay, and serve it if so."""
        if stream is None:
            await socket.send_bytes(encode(_authorization("unauthorized")))
        elif not stream.enter():
            await socket.send_bytes(encode(_authorization("unauthorized", "connection limit exceeded")))
        else:
            try:
                await socket.send_bytes(encode(_authorization("authorized")))
                await stream.converse(socket, encode)
            finally:
                stream.leave()

    def _shown(self, message: Json) -> Broadcaster | None:
        """The stream whose keys the message shows."""
        data = message.get("data")
        held = data if isinstance(data, dict) else {}
        if message.get("action") == "authenticate":
            return self._find(held.get("key_id"), held.get("secret_key"))
        if message.get("action") == "auth":
            return self._find(message.get("key"), message.get("secret"))
        return None


def _authorization(status: str, why: str | None = None) -> Json:
    data = {"status": status, "action": "authenticate"}
    return {"stream": "authorization", "data": data if why is None else {**data, "message": why}}


def codec_of(socket: WebSocket) -> Codec:
    """How a connection wants its frames, by the content type of its handshake."""
    return to_msgpack if "msgpack" in socket.headers.get("content-type", "") else to_json


def to_json(message: object) -> bytes:
    """Compact JSON; aware datetimes become RFC 3339."""
    return json.dumps(message, separators=(",", ":"), default=stamp).encode()


def to_msgpack(message: object) -> bytes:
    """MessagePack; aware datetimes become its time stamps."""
    return bytes(msgpack.packb(message, datetime=True))


def _end(listener: _Listener) -> None:
    """Let a listener go after what waits for it; where there is no room left, in place of the oldest."""
    if listener.queue.full():
        listener.queue.get_nowait()
    listener.queue.put_nowait(None)


async def send_queued(socket: WebSocket, queue: asyncio.Queue[bytes | None]) -> None:
    """Send what comes into `queue` until None comes, which closes the connection."""
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        while True:
            frame = await queue.get()
            if frame is None:
                await socket.close(_TRY_AGAIN_LATER)
                return
            await socket.send_bytes(frame)


async def receive(socket: WebSocket) -> Json:
    """The next message, from a text or a binary frame; an empty one for whatever is not a small object.

    A binary frame is MessagePack unless it begins like JSON. Raises WebSocketDisconnect at the end.
    """
    frame = await socket.receive()
    if frame["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(frame.get("code", 1000))
    raw = frame.get("bytes") or frame.get("text") or b""
    if len(raw) > _LARGEST_MESSAGE:
        return {}
    try:
        is_json = isinstance(raw, str) or raw.lstrip()[:1] == b"{"
        message = json.loads(raw) if is_json else msgpack.unpackb(raw)
    except (ValueError, RecursionError, msgpack.UnpackException):
        return {}
    return message if isinstance(message, dict) else {}
