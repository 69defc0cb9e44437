"""Feeds beside the broker's news: a real server on loopback, good days and bad."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from tenthman_feeds import Server, fetcher, reply

from tenthman.db.pool import Pool
from tenthman.domain.audit import EventKind
from tenthman.domain.news import NewsItem, TimePrecision
from tenthman.news.feeds import Feed, FeedReader
from tenthman.scheduler.gathering.feeds import WithFeeds, user_agent

NOW = datetime(2020, 7, 10, 14, 0, tzinfo=UTC)
ADDRESS = "https://news.example.org/feed"
FEED = b"""<?xml version="1.0"?><rss version="2.0"><channel><title>t</title>
<item><guid>a</guid><title>Apple raises its forecast</title><pubDate>Fri, 10 Jul 2020 09:00:00 GMT</pubDate></item>
<item><guid>b</guid><title>An old story</title><pubDate>Mon, 01 Jun 2020 09:00:00 GMT</pubDate></item>
</channel></rss>"""


class BrokersNews:
    """A source with one story of its own."""

    def bars(self, tickers, first, last, seen_at):
        return ()

    def latest_prices(self, tickers):
        return {"AAPL": Decimal("1.00")}

    def news(self, after, until, seen_at):
        story = {"id": "alpaca:1", "headline": "h", "summary": "", "source": "s", "url": ""}
        return [NewsItem(**story, published_at=NOW, known_at=seen_at, precision=TimePrecision.INSTANT)]


@pytest.fixture
def server() -> Iterator[Server]:
    opened = Server()
    yield opened
    opened.close()


class Alarms:
    def __init__(self):
        self.heard = []

    def event(self, kind, subject, payload, at):
        self.heard.append((kind, subject, payload, at))


def with_feeds(
    pool: Pool, opened, *addresses: str, silent_after: timedelta | None = None, known=lambda _: set()
) -> WithFeeds:
    feeds = [Feed(address=address, silent_after=silent_after) for address in addresses]
    return WithFeeds(BrokersNews(), FeedReader(pool, opened, feeds, known), Alarms())


def _news(source: WithFeeds) -> list[str]:
    return [item.id for item in source.news(NOW - timedelta(hours=1), NOW, NOW)]


def test_stories_of_a_feed_come_after_the_brokers_and_old_ones_are_left_out(pool, server):
    server.replies["/feed"] = reply(body=FEED, ETag='"1"')
    with fetcher(server) as opened:
        source = with_feeds(pool, opened, ADDRESS)
        first, *rest = source.news(NOW - timedelta(hours=1), NOW, NOW)
    assert first.id == "alpaca:1"
    assert [(item.headline, item.known_at) for item in rest] == [("Apple raises its forecast", NOW)]
    assert rest[0].id.startswith("feed:")


def test_a_feed_that_did_not_change_is_asked_with_its_validator_and_adds_nothing(pool, server):
    server.replies["/feed"] = reply(body=FEED, ETag='"1"')
    with fetcher(server) as opened:
        source = with_feeds(pool, opened, ADDRESS, known=set)
        assert len(_news(source)) == 2
        server.replies["/feed"] = reply(status=304)
        assert _news(source) == ["alpaca:1"]
    assert server.seen[1][1]["if-none-match"] == '"1"'


@pytest.mark.parametrize("answer", [reply(status=503), reply(body=b"<html>consent</html>"), reply(body=b"")])
def test_a_feed_that_fails_costs_only_its_own_headlines(pool, server, answer):
    server.replies["/bad"] = answer
    server.replies["/feed"] = reply(body=FEED)
    with fetcher(server) as opened:
        source = with_feeds(pool, opened, "https://news.example.org/bad", ADDRESS)
        assert len(_news(source)) == 2


def test_prices_and_bars_are_the_sources_alone(pool, server):
    with fetcher(server) as opened:
        source = with_feeds(pool, opened, ADDRESS)
        assert source.latest_prices(["AAPL"]) == {"AAPL": Decimal("1.00")}
        assert source.bars(["AAPL"], NOW.date(), NOW.date(), NOW) == ()
    assert server.seen == []


def test_publishers_are_told_whom_to_write_to():
    assert "ops@example.org" in user_agent("ops@example.org")


def test_a_feed_fallen_silent_is_an_alert_of_the_run_once(pool, server):
    server.replies["/feed"] = reply(body=FEED)
    with fetcher(server) as opened:
        source = with_feeds(pool, opened, ADDRESS, silent_after=timedelta(hours=48))
        source.news(NOW, NOW, NOW)
        server.replies["/feed"] = reply(status=304)
        for hours in (24, 48, 72):
            source.news(NOW, NOW, NOW + timedelta(hours=hours))
        [(kind, subject, payload, at)] = source._alarms.heard
    assert (kind, subject, at) == (EventKind.ALERT, "feed silent", NOW + timedelta(hours=48))
    assert payload["feed"] == ADDRESS
    assert "nothing new since 2020-07-10 14:00 UTC, 48 hours are allowed" in payload["cause"]
