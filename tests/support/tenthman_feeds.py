"""A feed server on loopback, and a fetcher whose every address leads there."""

import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

from tenthman.news.fetcher import FeedFetcher, FetchLimits

Reply = Callable[[BaseHTTPRequestHandler], None]
PUBLIC = "93.184.215.14"


class Server:
    """Answers by path, and remembers the headers it was sent."""

    def __init__(self) -> None:
        self.replies: dict[str, Reply] = {}
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.released = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:  # the library's name
                outer.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                outer.replies[self.path](self)

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        # A client that hangs up early is what some tests are about.
        self._server.handle_error = lambda request, client_address: None  # type: ignore[method-assign]
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Loopback(httpx.BaseTransport):
    def __init__(self, port: int) -> None:
        self._port = port
        self._inner = httpx.HTTPTransport()
        self.hosts: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.hosts.append(request.url.host)
        request.url = request.url.copy_with(scheme="http", host="127.0.0.1", port=self._port)
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


LIMITS = FetchLimits(connect_s=10.0, read_s=10.0, total_s=20.0, max_bytes=10_000, pause_s=0.0)


def fetcher(server: Server, *, limits: FetchLimits = LIMITS, addresses: dict[str, str] | None = None) -> FeedFetcher:
    known = addresses or {}
    return FeedFetcher(
        user_agent="tenthman test (ops@example.org)",
        limits=limits,
        resolver=lambda host: (known.get(host, PUBLIC),),
        transport=Loopback(server.port),
    )


def reply(status: int = 200, body: bytes = b"", **headers: str) -> Reply:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        with suppress(OSError):
            handler.wfile.write(body)

    return answer
