"""A real HTTP server on loopback; the transport leads every address there, as the resolver leads hosts to it."""

import gzip
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler

import httpx
import pytest
from tenthman_feeds import PUBLIC, Loopback, Reply, Server, fetcher, reply

from tenthman.domain.errors import DataCorrupt, DataMissing
from tenthman.news.fetcher import FeedFetcher, FetchLimits, NotServed


@pytest.fixture
def server() -> Iterator[Server]:
    opened = Server()
    yield opened
    opened.close()


def test_a_feed_is_fetched_with_its_validators_and_an_honest_agent(server: Server) -> None:
    server.replies["/feed"] = reply(body=b"<rss/>", ETag='W/"1"', Last_Modified="Fri, 10 Jul 2020 09:00:00 GMT")
    with fetcher(server) as opened:
        got = opened.fetch("https://news.example.org/feed")
    assert (got.body, got.etag, got.last_modified) == (b"<rss/>", 'W/"1"', "Fri, 10 Jul 2020 09:00:00 GMT")
    assert got.url == "https://news.example.org/feed"
    (_, headers) = server.seen[0]
    assert headers["host"] == "news.example.org"
    assert headers["user-agent"] == "tenthman test (ops@example.org)"
    assert "if-none-match" not in headers


def test_the_connection_goes_to_the_address_that_was_checked(server: Server) -> None:
    server.replies["/feed"] = reply(body=b"<rss/>")
    transport = Loopback(server.port)
    with FeedFetcher(user_agent="t", resolver=lambda _: (PUBLIC,), transport=transport) as opened:
        opened.fetch("https://news.example.org/feed")
    assert transport.hosts == [PUBLIC]


def test_an_unchanged_feed_has_no_body_and_keeps_its_validators(server: Server) -> None:
    server.replies["/feed"] = reply(304)
    with fetcher(server) as opened:
        got = opened.fetch("https://n.example.org/feed", etag='"1"', last_modified="yesterday")
    assert (got.body, got.etag, got.last_modified) == (None, '"1"', "yesterday")
    assert server.seen[0][1]["if-none-match"] == '"1"'
    assert server.seen[0][1]["if-modified-since"] == "yesterday"


def test_a_compressed_feed_is_unfolded(server: Server) -> None:
    server.replies["/feed"] = reply(body=gzip.compress(b"<rss/>"), Content_Encoding="gzip")
    with fetcher(server) as opened:
        assert opened.fetch("https://n.example.org/feed").body == b"<rss/>"


def test_gzip_of_several_members_is_unfolded_and_padding_left_out(server: Server) -> None:
    members = gzip.compress(b"<rss>") + gzip.compress(b"</rss>")
    server.replies["/feed"] = reply(body=members + b"\0" * 9, Content_Encoding="gzip")
    with fetcher(server) as opened:
        assert opened.fetch("https://n.example.org/feed").body == b"<rss></rss>"


@pytest.mark.parametrize(
    "begun",
    [
        pytest.param(gzip.compress(b"<rss/>", mtime=0), id="a whole stream"),
        pytest.param(b"\x1f\x8b\x08\x08" + b"\0" * 6, id="a header without its name's end"),
    ],
)
def test_what_unfolds_to_nothing_counts_as_it_comes(server: Server, begun: bytes) -> None:
    """Bytes behind the end of gzip, and a name in its head that never ends."""
    server.replies["/feed"] = reply(body=begun + b"n" * 300_000, Content_Encoding="gzip")
    with fetcher(server) as opened, pytest.raises(DataCorrupt, match="at most 10000 bytes"):
        opened.fetch("https://n.example.org/feed")


def test_only_permanent_redirects_move_the_feed(server: Server) -> None:
    server.replies |= {
        "/old": reply(301, Location="/moved"),
        "/moved": reply(302, Location="https://other.example.org/now"),
        "/now": reply(body=b"<rss/>"),
    }
    with fetcher(server) as opened:
        got = opened.fetch("https://n.example.org/old")
    assert got.body == b"<rss/>"
    assert got.url == "https://n.example.org/moved"
    assert [headers["host"] for _, headers in server.seen] == ["n.example.org", "n.example.org", "other.example.org"]


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://n.example.org/feed", "https"),
        ("https://inside.example.org/feed", "public address"),
        ("https://169.254.169.254/latest", "public address"),
        ("https://n.example.org:8443/feed", "without user or port"),
        ("https://me:secret@n.example.org/feed", "without user or port"),
        ("file:///etc/passwd", "https"),
        ("/loop", "at most 3 redirects"),
        ("javascript:alert(1)", "must lead on to an address"),
        ("https://xn--a/feed", "must lead on to an address"),
    ],
)
def test_a_redirect_is_checked_like_the_first_address(server: Server, location: str, reason: str) -> None:
    server.replies["/loop"] = reply(302, Location=location)
    addresses = {"inside.example.org": "10.0.0.7", "169.254.169.254": "169.254.169.254"}
    with fetcher(server, addresses=addresses) as opened, pytest.raises(DataCorrupt, match=reason):
        opened.fetch("https://n.example.org/loop")


PRIVATE = ("127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1", "not one")
PRIVATE_6 = ("::1", "fe80::1", "fe80::1%eth0", "fd00::1", "fec0::1", "2001:db8::1", "3fff::1", "ff02::1")
CARRYING_4 = (
    *("::ffff:10.0.0.1", "::127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::1", "2002:a00:1::"),
    *("2001:0:1::1", "192.88.99.1", "2130706433", "0x7f.1", "127.1"),
)


@pytest.mark.parametrize("address", [*PRIVATE, *PRIVATE_6, *CARRYING_4])
def test_private_addresses_are_refused_before_anything_is_sent(server: Server, address: str) -> None:
    opened = fetcher(server, addresses={"n.example.org": address})
    with opened, pytest.raises(DataCorrupt, match="public address"):
        opened.fetch("https://n.example.org/feed")
    assert server.seen == []


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_feed_larger_than_the_bound_is_refused_also_when_it_comes_small(server: Server, encoding: str) -> None:
    body = b"x" * 2_000_000
    sent = gzip.compress(body) if encoding == "gzip" else body
    server.replies["/feed"] = reply(body=sent, Content_Encoding=encoding)
    with fetcher(server) as opened, pytest.raises(DataCorrupt, match="at most 10000 bytes"):
        opened.fetch("https://n.example.org/feed")


@pytest.mark.parametrize(
    ("answer", "error", "reason"),
    [
        (reply(403), DataMissing, "was 403"),
        (reply(410), DataMissing, "was 410"),
        (reply(200, b"abc", Content_Encoding="br"), DataCorrupt, "content encoding"),
        (reply(200, b"abc", Content_Encoding="gzip"), DataCorrupt, "damaged"),
        (reply(200, gzip.compress(b"<rss/>" * 99, mtime=0)[:-12], Content_Encoding="gzip"), DataMissing, "cut off"),
        (reply(302), DataMissing, "was 302"),
        (reply(304), DataMissing, "must be 200, was 304"),
        (reply(200, b"abc", Content_Encoding="gzip, gzip"), DataCorrupt, "content encoding"),
    ],
)
def test_other_answers_are_named(server: Server, answer: Reply, error: type[Exception], reason: str) -> None:
    server.replies["/feed"] = answer
    with fetcher(server) as opened, pytest.raises(error, match=reason):
        opened.fetch("https://n.example.org/feed")


def test_a_silent_server_is_given_up(server: Server) -> None:
    def silent(_: BaseHTTPRequestHandler) -> None:
        server.released.wait(5.0)

    server.replies["/feed"] = silent
    limits = FetchLimits(connect_s=2.0, read_s=0.3, total_s=5.0, max_bytes=10_000, pause_s=0.0)
    with fetcher(server, limits=limits) as opened, pytest.raises(DataMissing, match="ReadTimeout"):
        opened.fetch("https://n.example.org/feed")


def test_a_server_that_drips_is_given_up_after_the_total_time(server: Server) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        for _ in range(100):
            if server.released.wait(0.05):
                return
            try:
                handler.wfile.write(b"x")
            except OSError:
                return

    server.replies["/feed"] = drip
    limits = FetchLimits(connect_s=2.0, read_s=0.5, total_s=0.3, max_bytes=10_000, pause_s=0.0)
    with fetcher(server, limits=limits) as opened, pytest.raises(DataMissing, match="still sending"):
        opened.fetch("https://n.example.org/feed")


def test_a_host_without_an_address_is_missing() -> None:
    def nowhere(_: str) -> tuple[str, ...]:
        raise OSError("no such host")

    with FeedFetcher(user_agent="t", resolver=nowhere) as opened, pytest.raises(DataMissing, match="no such host"):
        opened.fetch("https://n.example.org/feed")
    with FeedFetcher(user_agent="t", resolver=lambda _: ()) as opened, pytest.raises(DataMissing, match="no address"):
        opened.fetch("https://n.example.org/feed")


def test_a_host_that_no_resolver_takes_has_no_address() -> None:
    address = f"https://{'a' * 64}.example.org/feed"
    with FeedFetcher(user_agent="t") as opened, pytest.raises(DataMissing, match="label empty or too long"):
        opened.fetch(address)


def test_a_validator_that_cannot_be_sent_back_is_left_out(server: Server) -> None:
    server.replies["/feed"] = reply(body=b"<rss/>")
    with fetcher(server) as opened:
        for unfit in ('"caf\xe9"', "a\nb", "", "a" * 2_000):
            got = opened.fetch("https://n.example.org/feed", etag=unfit, last_modified="yesterday")
            assert got.body == b"<rss/>"
    assert all("if-none-match" not in headers for _, headers in server.seen)
    assert {headers["if-modified-since"] for _, headers in server.seen} == {"yesterday"}


def test_an_unfit_validator_is_not_kept(server: Server) -> None:
    server.replies["/feed"] = reply(body=b"<rss/>", ETag='W/"' + "a" * 2_000 + '"', Last_Modified="caf\xe9")
    with fetcher(server) as opened:
        got = opened.fetch("https://n.example.org/feed")
    assert (got.etag, got.last_modified) == (None, None)


def test_a_host_with_letters_beyond_ascii_is_asked_under_its_ascii_name(server: Server) -> None:
    server.replies |= {
        "/feed": reply(302, Location="https://xn--mnchen-3ya.example.org/moved"),
        "/moved": reply(body=b"<rss/>"),
    }
    with fetcher(server) as opened:
        assert opened.fetch("https://n.example.org/feed").body == b"<rss/>"
    assert server.seen[1][1]["host"] == "xn--mnchen-3ya.example.org"


def test_what_is_no_address_is_refused_before_anything_is_sent() -> None:
    limits = FetchLimits(pause_s=0.0)
    with FeedFetcher(user_agent="t", limits=limits, resolver=lambda _: (PUBLIC,)) as opened:
        for address in ("https://n.example.org:x/", "feeds.example.org/rss", "https:///rss", "http://n.example.org/"):
            with pytest.raises(DataCorrupt, match="must"):
                opened.fetch(address)


def test_a_redirect_to_no_address_is_refused(server: Server) -> None:
    server.replies["/feed"] = reply(302, Location="https://n.example.org:x/")
    with fetcher(server) as opened, pytest.raises(DataMissing, match="Invalid URL"):
        opened.fetch("https://n.example.org/feed")


def test_a_server_that_drips_its_headers_is_given_up_after_the_total_time(server: Server) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        with suppress(OSError):
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            for _ in range(200):
                if server.released.wait(0.05):
                    return
                handler.wfile.write(b"x")

    server.replies["/feed"] = drip
    limits = FetchLimits(connect_s=2.0, read_s=2.0, total_s=0.4, max_bytes=10_000, pause_s=0.0)
    with fetcher(server, limits=limits) as opened:
        begun = time.monotonic()
        with pytest.raises(DataMissing, match=r"must answer in 0\.4 s"):
            opened.fetch("https://n.example.org/feed")
    assert time.monotonic() - begun < 6.0, "the headers alone take ten seconds"


def test_a_look_up_that_never_ends_is_given_up_after_the_total_time() -> None:
    released = threading.Event()

    def stuck(_: str) -> tuple[str, ...]:
        released.wait(20.0)
        return (PUBLIC,)

    limits = FetchLimits(total_s=0.2, pause_s=0.0)
    with FeedFetcher(user_agent="t", limits=limits, resolver=stuck) as opened, pytest.raises(DataMissing, match="look"):
        opened.fetch("https://n.example.org/feed")
    released.set()


def test_a_host_that_answers_otherwise_the_second_time_is_not_asked_again(server: Server) -> None:
    """DNS rebinding: the address that was checked is the one connected to, for the feed and for each redirect."""
    answers = iter([(PUBLIC,), ("127.0.0.1",)])
    server.replies["/feed"] = reply(302, Location="https://n.example.org/feed")
    transport = Loopback(server.port)
    limits = FetchLimits(pause_s=0.0)
    opened = FeedFetcher(user_agent="t", limits=limits, resolver=lambda _: next(answers), transport=transport)
    with opened, pytest.raises(DataCorrupt, match=r"leads to 127\.0\.0\.1"):
        opened.fetch("https://n.example.org/feed")
    assert transport.hosts == [PUBLIC]


def test_a_host_with_one_private_address_among_public_ones_is_refused(server: Server) -> None:
    opened = FeedFetcher(user_agent="t", resolver=lambda _: (PUBLIC, "10.0.0.1"), transport=Loopback(server.port))
    with opened, pytest.raises(DataCorrupt, match=r"leads to 10\.0\.0\.1"):
        opened.fetch("https://n.example.org/feed")
    assert server.seen == []


def test_requests_to_one_host_are_spread_and_those_to_others_are_not(server: Server) -> None:
    server.replies["/feed"] = reply(body=b"<rss/>")
    waits: list[float] = []
    opened = FeedFetcher(
        user_agent="t",
        limits=FetchLimits(pause_s=100.0),
        resolver=lambda _: (PUBLIC,),
        transport=Loopback(server.port),
        sleep=waits.append,
    )
    with opened:
        opened.fetch("https://one.example.org/feed")
        opened.fetch("https://two.example.org/feed")
        assert waits == []
        for _ in range(8):
            opened.fetch("https://one.example.org/feed")
    # No time passes while the desk pretends to sleep, so each wait adds to those before.
    steps = [later - before for before, later in zip([0.0, *waits], waits, strict=False)]
    assert all(99.0 < step <= 150.0 for step in steps)
    assert len({round(step) for step in steps}) > 1


def test_what_a_busy_server_asks_for_is_handed_on(server: Server) -> None:
    server.replies["/feed"] = reply(429, Retry_After="120")
    with fetcher(server) as opened, pytest.raises(NotServed) as caught:
        opened.fetch("https://n.example.org/feed")
    assert (caught.value.status, caught.value.retry_after) == (429, "120")


class Tls(Loopback):
    """Leads every address to the server, and speaks TLS with it."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(host="127.0.0.1", port=self._port)
        return self._inner.handle_request(request)


def test_a_handshake_that_drips_is_given_up_after_the_total_time() -> None:
    released = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            with suppress(OSError), listening.accept()[0] as connection:
                connection.sendall(b"\x16\x03\x03\x10\x00\x02")
                while not released.wait(0.05):
                    connection.sendall(b"\x00")

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        limits = FetchLimits(connect_s=5.0, read_s=5.0, total_s=0.3, pause_s=0.0)
        transport = Tls(listening.getsockname()[1])
        opened = FeedFetcher(user_agent="t", limits=limits, resolver=lambda _: (PUBLIC,), transport=transport)
        with opened:
            begun = time.monotonic()
            with pytest.raises(DataMissing, match=r"must answer in 0\.3 s"):
                opened.fetch("https://n.example.org/feed")
        assert time.monotonic() - begun < 4.0, "connecting alone may take five seconds"
        released.set()
        thread.join()


def test_a_host_is_asked_at_its_next_address_where_the_first_does_not_answer(server: Server) -> None:
    dead = "2606:4700::1"

    class Half(Loopback):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.host == dead:
                self.hosts.append(dead)
                raise httpx.ConnectError("no route to host")
            return super().handle_request(request)

    server.replies["/feed"] = reply(body=b"<rss/>")
    transport = Half(server.port)
    with FeedFetcher(user_agent="t", resolver=lambda _: (dead, PUBLIC), transport=transport) as opened:
        assert opened.fetch("https://n.example.org/feed").body == b"<rss/>"
    assert transport.hosts == [dead, PUBLIC]
