"""Feeds beside the broker's news: RSS and Atom addresses from settings.yaml, each optional.

A feed that does not answer, or sends something else than a feed, costs nothing but its own headlines.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Protocol

from tenthman import __version__
from tenthman.config import NewsSettings
from tenthman.db.pool import Pool
from tenthman.domain.audit import EventKind
from tenthman.domain.market import Bar
from tenthman.domain.news import NewsItem
from tenthman.news.feeds import Feed, FeedReader
from tenthman.news.fetcher import FeedFetcher
from tenthman.news.storage import NewsStore
from tenthman.scheduler.gathering.gather import Source


class Alarms(Protocol):
    """Where alerts go: the run's ledger."""

    def event(self, kind: EventKind, subject: str, payload: object, at: datetime) -> None: ...


class WithFeeds:
    """A source whose news come from `source` and from feeds; bars and prices are the source's alone."""

    def __init__(self, source: Source, reader: FeedReader, alarms: Alarms) -> None:
        self._source = source
        self._reader = reader
        self._alarms = alarms

    def bars(self, tickers: Sequence[str], first: date, last: date, seen_at: datetime) -> Sequence[Bar]:
        """As the source has them."""
        return self._source.bars(tickers, first, last, seen_at)

    def latest_prices(self, tickers: Sequence[str]) -> dict[str, Decimal]:
        """As the source has them."""
        return self._source.latest_prices(tickers)

    def news(self, after: datetime, until: datetime, seen_at: datetime) -> Sequence[NewsItem]:
        """The source's news, then what each feed holds now that is not too old; a feed fallen silent is an alert."""
        found = list(self._source.news(after, until, seen_at))
        for report in self._reader.read(seen_at):
            found.extend(report.items)
            if report.alarm is not None:
                told = {"feed": report.state.address, "cause": report.alarm}
                self._alarms.event(EventKind.ALERT, "feed silent", told, seen_at)
        return found


@contextmanager
def open_reader(news: NewsSettings, pool: Pool, store: NewsStore) -> Iterator[FeedReader | None]:
    """Reads the feeds that `news` names; None when it names none."""
    if not news.feeds or news.contact is None:
        yield None
        return
    with FeedFetcher(user_agent=user_agent(news.contact)) as fetcher:
        yield FeedReader(pool, fetcher, configured_feeds(news), store.known_ids)


def configured_feeds(news: NewsSettings) -> tuple[Feed, ...]:
    """The feeds of settings.yaml."""
    return tuple(
        Feed(
            address=feed.address,
            silent_after=None if feed.silent_after_hours is None else timedelta(hours=feed.silent_after_hours),
            zone=feed.zone,
        )
        for feed in news.feeds
    )


def user_agent(contact: str) -> str:
    """How the desk introduces itself to publishers: what it is, and whom to write to."""
    return f"tenthman/{__version__} ({contact})"
