"""Connections that give a whole call so many seconds: a read time-out alone begins anew with each byte that comes."""

import io
import time
from http.client import HTTPResponse
from socket import socket
from typing import Any, ClassVar

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError

from tenthman.utils.bounded_calls import NotDone, await_address


class _BoundedReader(io.RawIOBase):
    """Reads a socket's file until `until` (monotonic seconds); TimeoutError after that, as for silence."""

    def __init__(self, inner: io.RawIOBase, sock: socket, until: float) -> None:
        super().__init__()
        self._inner, self._sock, self._until = inner, sock, until

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """As the socket's file, with what is left of the time where that is less than its own time-out."""
        left = self._until - time.monotonic()
        if left <= 0.0:
            raise TimeoutError("the answer was not complete in time")
        own = self._sock.gettimeout()
        self._sock.settimeout(left if own is None else min(own, left))
        return self._inner.readinto(buffer)

    def close(self) -> None:
        """Let go of the socket too."""
        if not self.closed:
            self._inner.close()
        super().close()


class _Response(HTTPResponse):
    """An answer that is read through `_BoundedReader`, headers included."""

    def bound(self, sock: socket, until: float) -> None:
        """Read by `until`, or not at all."""
        self.fp = io.BufferedReader(_BoundedReader(self.fp.detach(), sock, until))


class _Bounded(HTTPConnection):
    """A connection whose every call, from sending to the answer's last byte, takes `whole_s` at most."""

    whole_s: ClassVar[float]
    _until = 0.0

    def connect(self) -> None:
        """As HTTPConnection.connect; a proxy's answer to being asked for a tunnel is read within the time, too."""
        self._until = time.monotonic() + self.whole_s
        super().connect()

    def _new_conn(self) -> socket:
        """As HTTPConnection's, whose time-out is not for the look-up of the host: the system's resolver has none."""
        try:
            await_address(self._dns_host, self.port, self.whole_s if self.timeout is None else self.timeout)
        except NotDone:
            raise ConnectTimeoutError(self, f"{self.host} was not looked up in time") from None
        return super()._new_conn()

    def request(self, *arguments: Any, **options: Any) -> None:
        """As HTTPConnection.request; the time begins."""
        self._until = time.monotonic() + self.whole_s
        super().request(*arguments, **options)

    def response_class(  # type: ignore[override]  # http.client calls whatever stands here
        self, sock: socket, **options: Any
    ) -> HTTPResponse:
        """What http.client makes an answer with."""
        response = _Response(sock, **options)
        response.bound(sock, self._until)
        return response


def bounded_pools(whole_s: float) -> dict[str, type[HTTPConnectionPool]]:
    """Pools for urllib3's managers, by scheme, whose calls take `whole_s` at most; connecting has its own time-out."""

    class Plain(_Bounded):
        pass

    class Secure(_Bounded, HTTPSConnection):
        pass

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    Plain.whole_s = Secure.whole_s = whole_s
    return {"http": PlainPool, "https": SecurePool}
