"""An HTTP transport that no server can hold for ever or drown: a deadline and a size for each whole response."""

import time
from collections.abc import Iterator

import httpx

from tenthman.utils.bounded_calls import NotDone, await_address, within

REPLY_BYTES = 1 << 20


class ReplyTooLarge(Exception):
    """The server sent more than any answer needs, or packed it so that its size cannot be known."""


class BoundedTransport(httpx.BaseTransport):
    """Plain HTTP with each response bounded in bytes and in seconds, from the look-up of the host to the last byte.

    httpx's own time-outs bound single reads only, and no look-up: the system's resolver has none, so it gets that of
    connecting.
    Proxies named in the environment are not used: model servers stand on this machine or network.
    """

    def __init__(self, deadline_s: float, max_bytes: int = REPLY_BYTES) -> None:
        self._inner = httpx.HTTPTransport()
        self._deadline_s = deadline_s
        self._max_bytes = max_bytes

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """As httpx asks; ReadTimeout when the headers are late, ConnectTimeout when the host's address is.

        The response's stream raises httpx.ReadTimeout or ReplyTooLarge beyond its bounds.
        """
        ends = time.monotonic() + self._deadline_s
        request.headers["Accept-Encoding"] = "identity"
        self._look_up(request)
        response = self._headers(request, ends)
        if response.headers.get("Content-Encoding", "identity") != "identity":
            response.close()
            raise ReplyTooLarge("the reply must not be compressed: a little can unpack to any size")
        stream = response.stream
        if not isinstance(stream, httpx.SyncByteStream):
            raise httpx.ProtocolError("the response has no stream to read")
        return httpx.Response(
            status_code=response.status_code,
            headers=response.headers,
            stream=_BoundedStream(stream, ends, self._max_bytes, request),
            extensions=response.extensions,
        )

    def _look_up(self, request: httpx.Request) -> None:
        connect_s = request.extensions.get("timeout", {}).get("connect")
        bound = self._deadline_s if connect_s is None else min(connect_s, self._deadline_s)
        try:
            await_address(request.url.raw_host.decode("ascii"), request.url.port, bound)
        except NotDone:
            raise httpx.ConnectTimeout("the host was not looked up in time", request=request) from None

    def _headers(self, request: httpx.Request, ends: float) -> httpx.Response:
        def send() -> httpx.Response:
            response = self._inner.handle_request(request)
            if time.monotonic() > ends:  # nobody waits for it any more
                response.close()
            return response

        try:
            return within(ends - time.monotonic(), send, "call of a server")
        except NotDone:
            raise httpx.ReadTimeout("the reply did not begin within its deadline", request=request) from None

    def close(self) -> None:
        """Close all connections."""
        self._inner.close()


class _BoundedStream(httpx.SyncByteStream):
    def __init__(self, inner: httpx.SyncByteStream, ends: float, max_bytes: int, request: httpx.Request) -> None:
        self._inner = inner
        self._ends = ends
        self._max_bytes = max_bytes
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        seen = 0
        for chunk in self._inner:
            seen += len(chunk)
            if seen > self._max_bytes:
                raise ReplyTooLarge(f"the reply must have at most {self._max_bytes} bytes, had at least {seen}")
            if time.monotonic() > self._ends:
                raise httpx.ReadTimeout("the reply went on beyond its deadline", request=self._request)
            yield chunk

    def close(self) -> None:
        self._inner.close()
