"""Fetching a feed from a server that may be slow, broken or hostile.

Only https, only public addresses (looked up here and then connected to, so that no second look-up can point
elsewhere), few redirects, each checked like the first address, a bound on time (the look-up and the headers included)
and on bytes after decompression, a conditional request when the feed was fetched before, and a pause between two
requests to one host.
"""

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
from tenthman.news.addresses import Resolver, is_public, resolve
from tenthman.utils.bounded_calls import NotDone, within

MAX_REDIRECTS = 3
MAX_ADDRESSES = 3
VALIDATOR_CAP = 1_000
GZIP = 16 + zlib.MAX_WBITS
GZIP_MARK = b"\x1f"
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
        self._asked: dict[bytes, float] = {}
        self._random = random.Random()  # noqa: S311 -- spreads requests, keeps no secret
        self._client = httpx.Client(
            transport=transport,
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
        headers = {name: value for name, value in conditions.items() if value is not None and _can_be_sent(value)}
        here, home, settled = _parse(url, None), url, True
        deadline = time.monotonic() + self._limits.total_s
        for _ in range(MAX_REDIRECTS + 1):
            deadline += self._pace(here.raw_host)
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
        addresses = self._public_addresses(url, deadline)
        watch = _Watch()
        alarm = threading.Timer(max(0.0, deadline - time.monotonic()), watch.shut)
        alarm.daemon = True
        alarm.start()
        try:
            for address in addresses[:-1]:
                with suppress(httpx.ConnectError, httpx.ConnectTimeout):
                    return self._ask_at(address, url, headers, deadline, watch)
            return self._ask_at(addresses[-1], url, headers, deadline, watch)
        except httpx.HTTPError as error:
            if time.monotonic() > deadline:
                raise DataMissing(f"{url}: must answer in {self._limits.total_s} s, was still sending") from error
            raise DataMissing(f"{url}: did not answer: {type(error).__name__}: {error}") from error
        except (httpx.InvalidURL, ValueError) as error:  # httpx reads the address that a redirect leads to
            raise DataCorrupt(f"{url}: must lead on to an address: {error}") from error
        finally:
            alarm.cancel()

    def _ask_at(
        self, address: str, url: httpx.URL, headers: dict[str, str], deadline: float, watch: "_Watch"
    ) -> "_Answer":
        with self._client.stream(
            "GET",
            url.copy_with(host=address),
            headers={**headers, "Host": url.netloc.decode("ascii")},
            timeout=self._time_left(deadline),
            extensions={"sni_hostname": url.raw_host.decode("ascii"), "trace": watch.trace},
        ) as response:
            return self._read(url, response, deadline, conditional=bool(headers))

    def _time_left(self, deadline: float) -> httpx.Timeout:
        """No single wait, that of connecting or shaking hands among them, goes beyond the deadline."""
        left = max(0.01, deadline - time.monotonic())
        return httpx.Timeout(min(self._limits.read_s, left), connect=min(self._limits.connect_s, left))

    def _pace(self, host: bytes) -> float:
        """Wait until `host` may be asked again; returns the seconds waited, which count against no limit."""
        now = time.monotonic()
        ready = self._asked.get(host, now)
        waited = max(0.0, ready - now)
        if waited > 0.0:
            self._sleep(waited)
        # Redirects may name ever new hosts: those that may be asked at once need not be remembered.
        self._asked = {other: due for other, due in self._asked.items() if due > now}
        self._asked[host] = max(ready, now) + self._limits.pause_s * (1.0 + 0.5 * self._random.random())
        return waited

    def _read(self, url: httpx.URL, response: httpx.Response, deadline: float, *, conditional: bool) -> "_Answer":
        validators = (_validator(response, "etag"), _validator(response, "last-modified"))
        status = response.status_code
        if status in MOVED and "location" in response.headers:
            return _Answer(status, response.headers["location"], None, *validators)
        if status == httpx.codes.NOT_MODIFIED and conditional:
            return _Answer(status, None, None, *validators)
        if status != httpx.codes.OK:
            told = response.headers.get("retry-after")
            expected = "200 or 304" if conditional else "200"
            raise NotServed(f"{url}: the status must be {expected}, was {status}", status=status, retry_after=told)
        body = b"".join(self._bounded(url, response, deadline))
        return _Answer(status, None, body, *validators)

    def _bounded(self, url: httpx.URL, response: httpx.Response, deadline: float) -> Iterator[bytes]:
        """The body in pieces, decompressed here, so that a small answer cannot unfold into a large one uncounted."""
        encoding = response.headers.get("content-encoding", "").lower() or "identity"
        if encoding not in ("identity", "gzip", "x-gzip"):
            raise DataCorrupt(f"{url}: the content encoding must be gzip or none, was {encoding!r}")
        inflater = None if encoding == "identity" else _Inflater(url)
        room = received = self._limits.max_bytes
        for raw in response.iter_raw():
            if time.monotonic() > deadline:
                raise DataMissing(f"{url}: must answer in {self._limits.total_s} s, was still sending")
            piece = raw if inflater is None else inflater.inflate(raw, room)
            room -= len(piece)
            received -= len(raw)
            if min(room, received) < 0:
                raise DataCorrupt(f"{url}: must have at most {self._limits.max_bytes} bytes, had more")
            yield piece
        if inflater is not None and not inflater.ended:
            raise DataMissing(f"{url}: the compressed answer was cut off")

    def _public_addresses(self, url: httpx.URL, deadline: float) -> Sequence[str]:
        if url.scheme != "https" or url.port not in (None, 443) or url.userinfo or not url.raw_host:
            raise DataCorrupt(f"{url}: a feed must have an https address without user or port")
        try:
            host = url.raw_host.decode("ascii")
            addresses = within(deadline - time.monotonic(), lambda: self._resolver(host), "look-up of a feed")
        except NotDone as error:
            raise DataMissing(
                f"{url}: must answer in {self._limits.total_s} s, was still looking up the host"
            ) from error
        except (OSError, ValueError) as error:
            raise DataMissing(f"{url}: the host has no address: {error}") from error
        if not addresses:
            raise DataMissing(f"{url}: the host has no address")
        for address in addresses:
            if not is_public(address):
                raise DataCorrupt(f"{url}: must lead to a public address, leads to {address}")
        return addresses[:MAX_ADDRESSES]


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


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    location: str | None
    body: bytes | None
    etag: str | None
    last_modified: str | None


def _validator(response: httpx.Response, name: str) -> str | None:
    told = response.headers.get(name)
    return told if told is not None and _can_be_sent(told) else None


def _can_be_sent(validator: str) -> bool:
    """It is the server's own text: what could not be sent back is left out, and the feed comes whole."""
    return validator.isascii() and validator.isprintable() and 0 < len(validator) <= VALIDATOR_CAP


class _Inflater:
    """Unfolds gzip, of one member or several, and never more than is asked for and one byte."""

    def __init__(self, url: httpx.URL) -> None:
        self._url = url
        self._member = zlib.decompressobj(wbits=GZIP)

    @property
    def ended(self) -> bool:
        """Whether the last member is complete."""
        return self._member.eof

    def inflate(self, raw: bytes, room: int) -> bytes:
        """What `raw` unfolds to, at most `room` + 1 bytes of it; DataCorrupt when it is damaged."""
        unfolded = b""
        try:
            while raw and len(unfolded) <= room:
                if self._member.eof:
                    if not raw.startswith(GZIP_MARK):
                        break  # padding
                    self._member = zlib.decompressobj(wbits=GZIP)
                unfolded += self._member.decompress(raw, room + 1 - len(unfolded))
                raw = self._member.unused_data
        except zlib.error as error:
            raise DataCorrupt(f"{self._url}: the compressed answer is damaged: {error}") from error
        return unfolded


def _parse(text: str, base: httpx.URL | None) -> httpx.URL:
    try:
        return httpx.URL(text) if base is None else base.join(text)
    except (httpx.InvalidURL, ValueError, UnicodeError) as error:
        raise DataCorrupt(f"{text[:200]!r} must be an address: {error}") from None
