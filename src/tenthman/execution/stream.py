"""A listener on the broker's stream of order events. It only wakes the desk up: polling the broker is the truth.

The stream repeats nothing after a cut, so each connection is told too: a reason to look as good as an event. Cut or
refused, it connects again by itself, after pauses that grow from one second to thirty.
"""

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import structlog
from alpaca.trading.stream import TradingStream

_log = structlog.get_logger(__name__)

_STOP_WITHIN_S = 10.0
_GATHER_S = 5.0
_MOST_KEPT = 1000
"""Notices that wait to be heard. What is beyond them is dropped: one of them is reason enough to look."""

CONNECTED = "connected"
"""Not the broker's word: the stream is on (again), and what happened before is not told by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderNotice:
    """Something happened to an order; ask the broker what. `CONNECTED` has no order: anything may have happened."""

    event: str
    order_id: str
    client_order_id: str


class _Listener(TradingStream):
    """alpaca-py's stream, made to say when its loop runs, and to stop at once instead of at its next tick of 5 s."""

    def __init__(self, url: str | None, key: str, secret: str, connected: Callable[[], None]) -> None:
        super().__init__(api_key=key, secret_key=secret, paper=True, raw_data=True, url_override=url or "")
        self._tell_connected = connected
        self.entered = threading.Event()
        self._entered_loop: asyncio.AbstractEventLoop | None = None

    async def _run_forever(self) -> None:
        self._entered_loop = asyncio.get_running_loop()
        self.entered.set()
        await super()._run_forever()  # type: ignore[no-untyped-call]  # alpaca-py leaves it untyped

    async def _start_ws(self) -> None:
        await super()._start_ws()  # type: ignore[no-untyped-call]  # alpaca-py leaves it untyped
        self._tell_connected()

    async def _leave(self) -> None:
        await self.stop_ws()
        await self.close()

    def leave(self) -> None:
        """Ask the loop to end; the thread that runs it returns soon after."""
        if self._entered_loop is not None and self._entered_loop.is_running():
            asyncio.run_coroutine_threadsafe(self._leave(), self._entered_loop)


class TradeUpdates:
    """Listens in a thread of its own between `__enter__` and `__exit__`; reconnects by itself.

    `stream_url` None means Alpaca's paper stream. Events that cannot be read are dropped with a log line.
    """

    def __init__(self, stream_url: str | None, key: str, secret: str, gather_s: float = _GATHER_S) -> None:
        """`gather_s`: for how long `rings` lets what belongs together come in."""
        self._notices: queue.Queue[OrderNotice] = queue.Queue(_MOST_KEPT)
        self._gather_s = gather_s
        self._listener = _Listener(stream_url, key, secret, self._connected)
        self._listener.subscribe_trade_updates(self._receive)
        self._thread = threading.Thread(target=self._listener.run, name="trade-updates", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._listener.entered.wait(_STOP_WITHIN_S):
            self._listener.leave()
        self._thread.join(_STOP_WITHIN_S)

    def wait(self, timeout_s: float) -> OrderNotice | None:
        """The next notice, or None when there was none for `timeout_s` seconds."""
        with contextlib.suppress(queue.Empty):
            return self._notices.get(timeout=timeout_s)
        return None

    def rings(self, timeout_s: float) -> bool:
        """Whether anything came within `timeout_s`; what comes in the next `gather_s` seconds belongs to it.

        So a burst of events, however long, is one reason to look, and the broker's limit on calls is kept.
        """
        if self.wait(timeout_s) is None:
            return False
        until = time.monotonic() + self._gather_s
        while (left := until - time.monotonic()) > 0:
            self.wait(left)
        return True

    def _connected(self) -> None:
        self._keep(OrderNotice(event=CONNECTED, order_id="", client_order_id=""))

    def _keep(self, notice: OrderNotice) -> None:
        with contextlib.suppress(queue.Full):
            self._notices.put_nowait(notice)

    async def _receive(self, message: object) -> None:
        notice = _read_notice(message)
        if notice is None:
            _log.warning("trade update dropped", cause="unreadable")
            return
        self._keep(notice)


def _read_notice(message: object) -> OrderNotice | None:
    data = message.get("data") if isinstance(message, Mapping) else None
    order = data.get("order") if isinstance(data, Mapping) else None
    if not isinstance(data, Mapping) or not isinstance(order, Mapping):
        return None
    texts = (data.get("event"), order.get("id"), order.get("client_order_id"))
    event, order_id, client_order_id = texts
    if not isinstance(event, str) or not isinstance(order_id, str) or not isinstance(client_order_id, str):
        return None
    return OrderNotice(event=event, order_id=order_id, client_order_id=client_order_id)
