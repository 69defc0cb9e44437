"""How feeds are asked over time: rests, the circuit breaker, Retry-After, silence; a real server on loopback."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from tenthman_feeds import Server, fetcher, reply

from tenthman.db.pool import Pool
from tenthman.news.feeds import Feed, FeedReader, FeedReport, retry_after
from tenthman.news.fetcher import FeedFetcher

NOW = datetime(2020, 7, 10, 14, 0, tzinfo=UTC)
ADDRESS = "https://news.example.org/feed"


def feed_of(*names: str) -> bytes:
    items = "".join(f"<item><guid>{name}</guid><title>Story {name}</title></item>" for name in names)
    return f'<rss version="2.0"><channel><title>t</title>{items}</channel></rss>'.encode()


@pytest.fixture
def server() -> Iterator[Server]:
    opened = Server()
    yield opened
    opened.close()


@pytest.fixture
def opened(server: Server) -> Iterator[FeedFetcher]:
    with fetcher(server) as client:
        yield client


class Desk:
    """A reader made anew for every look, as after a restart; it remembers ids as the store would."""

    def __init__(self, pool: Pool, opened: FeedFetcher, silent_after: timedelta | None = None) -> None:
        self._pool, self._opened = pool, opened
        self._feed = Feed(address=ADDRESS, silent_after=silent_after)
        self._ids: set[str] = set()

    def look(self, at: datetime) -> FeedReport:
        reader = FeedReader(self._pool, self._opened, [self._feed], lambda ids: self._ids & set(ids), random.Random(1))
        (report,) = reader.read(at)
        self._ids |= {item.id for item in report.items}
        return report


def test_what_a_feed_said_is_remembered_beyond_a_restart(pool: Pool, server: Server, opened: FeedFetcher) -> None:
    desk = Desk(pool, opened)
    server.replies["/feed"] = reply(body=feed_of("a", "b"), ETag='W/"1"')
    first = desk.look(NOW)
    assert (first.new, len(first.items), first.state.outcome) == (2, 2, "2 items")
    # Not before it is known to be stored does the desk say that it has the feed.
    assert desk.look(NOW + timedelta(minutes=30)).new == 0
    assert "if-none-match" not in server.seen[1][1]
    server.replies["/feed"] = reply(304)
    second = desk.look(NOW + timedelta(minutes=45))
    assert (second.new, second.state.outcome) == (0, "unchanged")
    assert server.seen[2][1]["if-none-match"] == 'W/"1"'
    server.replies["/feed"] = reply(body=feed_of("b", "c"))
    assert desk.look(NOW + timedelta(minutes=60)).new == 1


def test_a_cache_that_says_unchanged_for_a_day_is_asked_for_the_whole(
    pool: Pool, server: Server, opened: FeedFetcher
) -> None:
    desk = Desk(pool, opened)
    server.replies["/feed"] = reply(body=feed_of("a"), ETag='"1"')
    for hours in (0, 1, 2, 25):
        desk.look(NOW + timedelta(hours=hours))
    assert ["if-none-match" in headers for _, headers in server.seen] == [False, False, True, False]


def test_a_failing_feed_rests_longer_each_time_and_for_hours_after_five(
    pool: Pool, server: Server, opened: FeedFetcher
) -> None:
    desk = Desk(pool, opened)
    server.replies["/feed"] = reply(503)
    at, rests = NOW, []
    for _ in range(7):
        state = desk.look(at).state
        assert state.resume_at is not None
        rests.append(state.resume_at - at)
        asked = len(server.seen)
        resting = desk.look(state.resume_at - timedelta(seconds=1))
        assert len(server.seen) == asked
        assert resting.state.outcome.startswith("resting until")
        at = state.resume_at
    minutes = [rest.total_seconds() / 60 for rest in rests]
    for rest, least in zip(minutes, (1, 2, 4, 8, 60, 120, 240), strict=True):
        assert least <= rest <= 1.25 * least
    server.replies["/feed"] = reply(body=feed_of("a"))
    healed = desk.look(at)
    assert (healed.state.failures, healed.state.resume_at, healed.new) == (0, None, 1)


def test_a_server_that_asks_for_time_gets_it(pool: Pool, server: Server, opened: FeedFetcher) -> None:
    desk = Desk(pool, opened)
    server.replies["/feed"] = reply(429, Retry_After="1800")
    assert desk.look(NOW).state.resume_at == NOW + timedelta(minutes=30)


@pytest.mark.parametrize(
    ("header", "rest"),
    [
        (None, None),
        ("120", timedelta(minutes=2)),
        ("Fri, 10 Jul 2020 14:05:00 GMT", timedelta(minutes=5)),
        ("Fri, 10 Jul 2020 13:00:00 GMT", timedelta(0)),
        ("99999999999999999999", timedelta(hours=24)),
        ("soon", None),
        ("Fri, 10 Jul 2020 99999999999999999999:00:00 GMT", None),
        ("-5", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_at_most_a_day(header: str | None, rest: timedelta | None) -> None:
    assert retry_after(header, NOW) == rest


def test_silence_is_told_once_until_the_feed_speaks_again(pool: Pool, server: Server, opened: FeedFetcher) -> None:
    desk = Desk(pool, opened, silent_after=timedelta(hours=48))
    server.replies["/feed"] = reply(body=feed_of("a"))
    days = [desk.look(NOW + timedelta(days=day)).alarm for day in range(5)]
    assert [alarm is not None for alarm in days] == [False, False, True, False, False]
    server.replies["/feed"] = reply(body=feed_of("b"))
    assert desk.look(NOW + timedelta(days=5)).new == 1
    later = [desk.look(NOW + timedelta(days=day)).alarm for day in (6, 7, 8)]
    assert [alarm is not None for alarm in later] == [False, True, False]


def test_a_page_that_is_no_feed_and_a_feed_without_items_are_told_apart(
    pool: Pool, server: Server, opened: FeedFetcher
) -> None:
    desk = Desk(pool, opened)
    server.replies["/feed"] = reply(body=b"<html>Please accept our cookies</html>")
    refused = desk.look(NOW).state
    assert refused.failures == 1
    assert "must start as a feed" in refused.outcome
    server.replies["/feed"] = reply(body=feed_of())
    empty = desk.look(NOW + timedelta(hours=1)).state
    assert (empty.failures, empty.outcome) == (0, "empty: a feed without a single item")


def test_a_feed_that_was_read_but_not_stored_comes_again(pool: Pool, server: Server, opened: FeedFetcher) -> None:
    server.replies["/feed"] = reply(body=feed_of("a"), ETag='"1"')
    for _ in range(2):  # each dies before it stores what it read
        assert Desk(pool, opened).look(NOW).new == 1
    assert all("if-none-match" not in headers for _, headers in server.seen)


def test_a_feed_whose_new_home_is_gone_is_asked_at_its_own_address_again(
    pool: Pool, server: Server, opened: FeedFetcher
) -> None:
    desk = Desk(pool, opened)
    server.replies |= {"/feed": reply(301, Location="/new"), "/new": reply(body=feed_of("a"))}
    assert desk.look(NOW).state.home == "https://news.example.org/new"
    server.replies |= {"/feed": reply(body=feed_of("b")), "/new": reply(404)}
    found = [desk.look(NOW + timedelta(days=day)).new for day in range(1, 7)]
    assert found == [0, 0, 0, 0, 0, 1]


def test_when_a_round_takes_too_long_the_rest_comes_first_in_the_next(
    pool: Pool, server: Server, opened: FeedFetcher
) -> None:
    paths = ("/one", "/two", "/three")
    server.replies |= {path: reply(body=feed_of(path)) for path in paths}
    feeds = [Feed(address=f"https://news.example.org{path}", silent_after=None) for path in paths]

    def read(feeds: list[Feed], at: datetime, seconds: float) -> list[str]:
        reader = FeedReader(pool, opened, feeds, lambda _: set(), random.Random(1), round_s=seconds)
        return [report.state.outcome for report in reader.read(at)]

    read(feeds[:1], NOW, 60.0)
    put_off = read(feeds, NOW + timedelta(minutes=1), 0.0)
    assert put_off[1:] == ["put off at 2020-07-10 14:01 UTC; never asked"] * 2
    assert [path for path, _ in server.seen] == ["/one"]
    assert read(feeds, NOW + timedelta(minutes=2), 60.0) == ["1 items"] * 3
    assert [path for path, _ in server.seen] == ["/one", "/two", "/three", "/one"]
