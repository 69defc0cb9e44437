"""Fetching a feed from a server that may be slow, broken or hostile.

Only https, only public addresses (looked up here and then connected to, so that no second look-up can point
elsewhere), few redirects, each checked like the first address, a bound on time (the look-up and the headers included)
and on bytes after decompression, a conditional request when the feed was fetched before, and a pause between two
requests to one host.
"""

import ipaddress
import random
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

import httpx

from tenthman.domain.errors import DataCorrupt, DataMissing

Resolver = Callable[[str], Sequence[str]]

MAX_REDIRECTS = 3
PERMANENT = frozenset({301, 308})
MOVED = PERMANENT | {302, 303, 307}


class NotServed(DataMissing):
    """A server answered, but not with the feed. `retry_after` is its header of that name, verbatim."""

    def __init__(self, message: str, *, status: int, retry_after: str | None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLimits:
    """Bounds of one fetch: seconds to connect, between two reads, and in all; bytes after decompression.

    `pause_s` lies between two requests to one host, and up to half as much again by chance.
    """

    connect_s: float = 5.0
    read_s: float = 10.0
    total_s: float = 30.0
    max_bytes: int = 5_000_000
    pause_s: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedFeed:
    """What a server answered. `body` is None when it says that nothing changed (304).

    `url` is where the feed lives now: another than asked for only after permanent redirects. Keep `etag` and
    `last_modified` and hand them to the next fetch, verbatim.
    """

    url: str
    body: bytes | None
    etag: str | None
    last_modified: str | None


def resolve(host: str) -> tuple[str, ...]:
    """The addresses of `host` by the system's resolver; OSError when there are none."""
    found = socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


class FeedFetcher:
    """Fetches feeds one at a time. Close it, or use it as a context manager."""

    def __init__(
        self,
        *,
        user_agent: str,
        limits: FetchLimits = FetchLimits(),
        resolver: Resolver = resolve,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`user_agent` names the desk and a contact, as publishers ask; `resolver` and `transport` are the network."""
        self._limits = limits
        self._resolver = resolver
        self._sleep = sleep
        self._asked: dict[str, float] = {}
        self._random = random.Random()  # noqa: S311 -- spreads requests, keeps no secret
        self._client = httpx.Client(
            transport=transport,
            timeout=httpx.Timeout(limits.read_s, connect=limits.connect_s),
            headers={"User-Agent": user_agent, "Accept-Encoding": "gzip", "Accept": "application/rss+xml, */*;q=0.5"},
            follow_redirects=False,
            trust_env=False,
            # A connection kept from the fetch before could not be shut at this one's deadline.
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def fetch(self, url: str, *, etag: str | None = None, last_modified: str | None = None) -> FetchedFeed:
        """Fetch `url`, unless the server says that it is what it was at `etag` or `last_modified`.

        Raises DataMissing when the feed cannot be had (no answer in time, a status other than 200 or 304), and
        DataCorrupt when what it points to or sends is refused (not https, a private address, too many redirects or
        bytes, an encoding other than gzip).
        """
        conditions = {"If-None-Match": etag, "If-Modified-Since": last_modified}
        # A validator is the server's own text: what could not be sent back is left out, and the feed comes whole.
        headers = {name: value for name, value in conditions.items() if value is not None and value.isascii()}
        here, home, settled = _parse(url, None), url, True
        deadline = time.monotonic() + self._limits.total_s
        for _ in range(MAX_REDIRECTS + 1):
            deadline += self._pace(here.host)
            answer = self._ask(here, headers, deadline)
            if answer.location is None:
                kept = answer.body is None
                return FetchedFeed(
                    url=home,
                    body=answer.body,
                    etag=answer.etag or (etag if kept else None),
                    last_modified=answer.last_modified or (last_modified if kept else None),
                )
            here = _parse(answer.location, here)
            settled = settled and answer.status in PERMANENT
            home = str(here) if settled else home
        raise DataCorrupt(f"{url}: must be reached by at most {MAX_REDIRECTS} redirects")

    def _ask(self, url: httpx.URL, headers: dict[str, str], deadline: float) -> "_Answer":
        if time.monotonic() > deadline:
            raise DataMissing(f"{url}: must answer in {self._limits.total_s} s, was still redirecting")
        address = self._public_address(url, deadline)
        pinned = url.copy_with(host=address)
        name = url.raw_host.decode("ascii")
        watch = _Watch()
        alarm = threading.Timer(max(0.0, deadline - time.monotonic()), watch.shut)
        alarm.daemon = True
        alarm.start()
        try:
            with self._client.stream(
                "GET",
                pinned,
                headers={**headers, "Host": name},
                extensions={"sni_hostname": name, "trace": watch.trace},
            ) as response:
                return self._read(url, response, deadline)
        except httpx.HTTPError as error:
            if time.monotonic() > deadline:
                raise DataMissing(f"{url}: must answer in {self._limits.total_s} s, was still sending") from error
            raise DataMissing(f"{url}: did not answer: {type(error).__name__}: {error}") from error
        finally:
            alarm.cancel()

    def _pace(self, host: str) -> float:
        """Wait until `host` may be asked again; returns the seconds waited, which count against no limit."""
        now = time.monotonic()
        ready = self._asked.get(host, now)
        waited = max(0.0, ready - now)
        if waited > 0.0:
            self._sleep(waited)
        self._asked[host] = max(ready, now) + self._limits.pause_s * (1.0 + 0.5 * self._random.random())
        return waited

    def _read(self, url: httpx.URL, response: httpx.Response, deadline: float) -> "_Answer":
        validators = (response.headers.get("etag"), response.headers.get("last-modified"))
        status = response.status_code
        if status in MOVED and "location" in response.headers:
            return _Answer(status, response.headers["location"], None, *validators)
        if status == httpx.codes.NOT_MODIFIED:
            return _Answer(status, None, None, *validators)
        if status != httpx.codes.OK:
            told = response.headers.get("retry-after")
            raise NotServed(f"{url}: the status must be 200 or 304, was {status}", status=status, retry_after=told)
        body = b"".join(self._bounded(url, response, deadline))
        return _Answer(status, None, body, *validators)

    def _bounded(self, url: httpx.URL, response: httpx.Response, deadline: float) -> Iterator[bytes]:
        """The body in pieces, decompressed here, so that a small answer cannot unfold into a large one uncounted."""
        encoding = response.headers.get("content-encoding", "identity").lower()
        if encoding not in ("identity", "gzip", "x-gzip"):
            raise DataCorrupt(f"{url}: the content encoding must be gzip or none, was {encoding!r}")
        inflater = None if encoding == "identity" else zlib.decompressobj(wbits=31)
        room = self._limits.max_bytes
        for raw in response.iter_raw():
            if time.monotonic() > deadline:
                raise DataMissing(f"{url}: must answer in {self._limits.total_s} s, was still sending")
            piece = raw if inflater is None else _inflate(url, inflater, raw, room + 1)
            room -= len(piece)
            if room < 0:
                raise DataCorrupt(f"{url}: must have at most {self._limits.max_bytes} bytes, had more")
            yield piece
        if inflater is not None and not inflater.eof:
            raise DataMissing(f"{url}: the compressed answer was cut off")

    def _public_address(self, url: httpx.URL, deadline: float) -> str:
        if url.scheme != "https" or url.port not in (None, 443) or url.userinfo or not url.host:
            raise DataCorrupt(f"{url}: a feed must have an https address without user or port")
        try:
            addresses = _within(lambda: self._resolver(url.raw_host.decode("ascii")), deadline)
        except TimeoutError as error:
            raise DataMissing(
                f"{url}: must answer in {self._limits.total_s} s, was still looking up the host"
            ) from error
        except (OSError, UnicodeError) as error:
            raise DataMissing(f"{url}: the host has no address: {error}") from error
        if not addresses:
            raise DataMissing(f"{url}: the host has no address")
        for address in addresses:
            if not _is_public(address):
                raise DataCorrupt(f"{url}: must lead to a public address, leads to {address}")
        return addresses[0]


class _Watch:
    """Shuts the connection of one request when its time is up, wherever the request stands: a server that sends its
    headers a byte at a time resets the read time-out with each of them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._late = False
        self._sockets: list[socket.socket] = []

    def trace(self, event: str, info: dict[str, Any]) -> None:
        """What httpx tells of the request's progress: here, which sockets it opened."""
        stream = info.get("return_value")
        if event not in ("connection.connect_tcp.complete", "connection.start_tls.complete") or stream is None:
            return
        with self._lock:
            self._sockets.append(stream.get_extra_info("socket"))
            if self._late:
                self._shut_all()

    def shut(self) -> None:
        """The time is up."""
        with self._lock:
            self._late = True
            self._shut_all()

    def _shut_all(self) -> None:
        for opened in self._sockets:
            # The plain socket's own method: that of a TLS socket would pull its state from under the reading thread.
            with suppress(OSError):
                socket.socket.shutdown(opened, socket.SHUT_RDWR)


def _within(call: Callable[[], Sequence[str]], deadline: float) -> Sequence[str]:
    """What `call` returns or raises; TimeoutError when it is not done by `deadline` (the system offers no time-out)."""
    done: list[Sequence[str]] = []
    failed: list[OSError | UnicodeError] = []

    def run() -> None:
        try:
            done.append(call())
        except (OSError, UnicodeError) as error:  # the second where a label of the name is too long
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(max(0.0, deadline - time.monotonic()))
    if failed:
        raise failed[0]
    if not done:
        raise TimeoutError("the look-up took too long")
    return done[0]


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    location: str | None
    body: bytes | None
    etag: str | None
    last_modified: str | None


def _inflate(url: httpx.URL, inflater: "zlib._Decompress", raw: bytes, room: int) -> bytes:
    try:
        return inflater.decompress(raw, room)
    except zlib.error as error:
        raise DataCorrupt(f"{url}: the compressed answer is damaged: {error}") from error


def _parse(text: str, base: httpx.URL | None) -> httpx.URL:
    try:
        return httpx.URL(text) if base is None else base.join(text)
    except (httpx.InvalidURL, ValueError, UnicodeError) as error:
        raise DataCorrupt(f"{text[:200]!r} must be an address: {error}") from None


# IPv6 ranges that carry an IPv4 address inside, which could be a private one.
_TUNNELS = tuple(
    map(ipaddress.IPv6Network, ("2002::/16", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "::ffff:0:0/96"))
)


def _is_public(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    tunnelled = isinstance(parsed, ipaddress.IPv6Address) and any(parsed in network for network in _TUNNELS)
    return parsed.is_global and not parsed.is_multicast and not tunnelled
