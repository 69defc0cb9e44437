"""The market-data and news websockets: authenticate, subscribe, then receive arrays of messages as time moves.

Frames hold JSON, or MessagePack with its own time stamps where the handshake asked for it, as alpaca-py does.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from tenthman.exchange.alpaca_stream import (
    AUTHENTICATE_WITHIN_S,
    POLICY_VIOLATION,
    Codec,
    codec_of,
    receive,
    send_queued,
)
from tenthman.exchange.alpaca_wire import Json

_log = structlog.get_logger(__name__)

EVERYTHING = "*"
MARKET_CHANNELS = ("trades", "quotes", "bars", "updatedBars", "dailyBars", "statuses")
NEWS_CHANNELS = ("news",)
_QUEUED = 20_000
_LONGEST_SYMBOL = 16
_ERRORS = {
    400: "invalid syntax",
    401: "not authenticated",
    402: "auth failed",
    403: "already authenticated",
    404: "auth timeout",
    405: "symbol limit exceeded",
    406: "connection limit exceeded",
    410: "invalid subscribe action for this feed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one pair of keys may have of one address: so many connections, and on each so many symbols of trades and
    quotes together; None: as many as it likes. Bars are never limited.
    """

    connections: int | None = None
    symbols: int | None = None


UNLIMITED = Plan()
FREE = Plan(connections=1, symbols=30)
"""As Alpaca's free plan for market data."""

_COUNTED = ("trades", "quotes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of a feed, and who wants it: the channel, and the symbols it is about (none: everybody)."""

    channel: str
    symbols: tuple[str, ...]
    body: Json


@dataclass(eq=False, slots=True)
class _Subscriber:
    encode: Codec
    key: object
    queue: asyncio.Queue[bytes | None] = field(default_factory=lambda: asyncio.Queue(_QUEUED))
    wanted: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def wants(self, message: Message) -> bool:
        wanted = self.wanted.get(message.channel, set())
        return EVERYTHING in wanted or not wanted.isdisjoint(message.symbols)


class Feed:
    """One websocket address with its subscribers. `are_keys` says whether a key and a secret are somebody's."""

    def __init__(
        self, channels: Sequence[str], are_keys: Callable[[object, object], bool], plan: Plan = UNLIMITED
    ) -> None:
        self._channels = tuple(channels)
        self._plan = plan
        self._are_keys = are_keys
        self._subscribers: dict[WebSocket, _Subscriber] = {}

    @property
    def listeners(self) -> int:
        """How many connections have subscribed to anything."""
        return sum(any(subscriber.wanted.values()) for subscriber in self._subscribers.values())

    def wanted(self, channel: str) -> set[str]:
        """Symbols that anybody wants on `channel`; `*` among them means all."""
        return {symbol for subscriber in self._subscribers.values() for symbol in subscriber.wanted.get(channel, ())}

    def publish(self, messages: Iterable[Message]) -> None:
        """Queue one frame for each subscriber who wants any of `messages`."""
        told = tuple(messages)
        for socket, subscriber in tuple(self._subscribers.items()):
            mine = [message.body for message in told if subscriber.wants(message)]
            if not mine:
                continue
            if subscriber.queue.full():
                _log.warning("feed subscriber too slow", queued=_QUEUED)
                self._subscribers.pop(socket, None)
                subscriber.queue.get_nowait()
                subscriber.queue.put_nowait(None)
            else:
                subscriber.queue.put_nowait(subscriber.encode(mine))

    def cut(self) -> int:
        """Close every connection, after what waits for it; how many that were."""
        found, self._subscribers = tuple(self._subscribers.values()), {}
        for subscriber in found:
            if subscriber.queue.full():
                subscriber.queue.get_nowait()
            subscriber.queue.put_nowait(None)
        return len(found)

    async def serve(self, socket: WebSocket) -> None:
        """One connection from handshake to end."""
        await socket.accept()
        encode = codec_of(socket)
        try:
            await socket.send_bytes(encode([{"T": "success", "msg": "connected"}]))
            try:
                async with asyncio.timeout(AUTHENTICATE_WITHIN_S):
                    key = await self._authenticate(socket, encode)
            except TimeoutError:
                await socket.send_bytes(encode([_error(404)]))
                key = None
            if key is not None:
                await self._converse(socket, _Subscriber(encode, key))
            await socket.close(POLICY_VIOLATION)
        except (WebSocketDisconnect, RuntimeError, asyncio.QueueFull):
            return

    async def _authenticate(self, socket: WebSocket, encode: Codec) -> object:
        """The key of whoever may stay; None for who was told why not."""
        message = await receive(socket)
        key = message.get("key")
        refused = None
        if message.get("action") != "auth":
            refused = 401
        elif not self._are_keys(key, message.get("secret")):
            refused = 402
        elif self._plan.connections is not None and self._connected(key) >= self._plan.connections:
            refused = 406
        await socket.send_bytes(encode([_error(refused) if refused else {"T": "success", "msg": "authenticated"}]))
        return None if refused else key

    def _connected(self, key: object) -> int:
        return sum(subscriber.key == key for subscriber in self._subscribers.values())

    async def _converse(self, socket: WebSocket, subscriber: _Subscriber) -> None:
        self._subscribers[socket] = subscriber
        sender = asyncio.create_task(send_queued(socket, subscriber.queue))
        try:
            while True:
                answer = self._answer(subscriber, await receive(socket))
                subscriber.queue.put_nowait(subscriber.encode([answer]))
        finally:
            self._subscribers.pop(socket, None)
            sender.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sender

    def _answer(self, subscriber: _Subscriber, message: Json) -> Json:
        action = message.get("action")
        if action == "auth":
            return _error(403)
        if action not in ("subscribe", "unsubscribe"):
            return _error(400)
        asked = {name: symbols for name, symbols in message.items() if name != "action"}
        if not set(asked) <= set(self._channels):
            return _error(410)
        if not all(_are_symbols(symbols) for symbols in asked.values()):
            return _error(400)
        wanted = {name: set(symbols) for name, symbols in subscriber.wanted.items()}
        for name, symbols in asked.items():
            change = set(symbols) if isinstance(symbols, list | tuple) else set()
            held = wanted.get(name, set())
            wanted[name] = held | change if action == "subscribe" else held - change
        if self._is_too_much(wanted):
            return _error(405)
        subscriber.wanted.update(wanted)
        return _subscription(self._channels, subscriber.wanted)

    def _is_too_much(self, wanted: Mapping[str, set[str]]) -> bool:
        symbols = set().union(*(wanted.get(channel, set()) for channel in _COUNTED))
        return self._plan.symbols is not None and (EVERYTHING in symbols or len(symbols) > self._plan.symbols)


def _are_symbols(value: object) -> bool:
    """Whether `value` is a list of short ASCII texts: what is subscribed to is kept, and told again."""
    return isinstance(value, list | tuple) and all(
        isinstance(item, str) and item.isascii() and len(item) <= _LONGEST_SYMBOL for item in value
    )


def _subscription(channels: Sequence[str], wanted: Mapping[str, set[str]]) -> Json:
    return {"T": "subscription", **{name: sorted(wanted.get(name, ())) for name in channels}}


def _error(code: int) -> Json:
    return {"T": "error", "code": code, "msg": _ERRORS[code]}
