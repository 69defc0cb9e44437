"""Feeds beside the broker's news: RSS and Atom addresses from settings.yaml, each optional.

A feed that does not answer, or sends something else than a feed, costs nothing but its own headlines.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import structlog

from tenthman import __version__
from tenthman.domain.errors import DataError
from tenthman.domain.market import Bar
from tenthman.domain.news import NewsItem
from tenthman.news.fetcher import FeedFetcher, FetchedFeed
from tenthman.news.parser import parse_feed
from tenthman.scheduler.gather import Source

TOO_OLD = timedelta(days=7)
"""A story published longer ago than this when it is first seen is no news."""

log = structlog.get_logger(__name__)


class WithFeeds:
    """A source whose news come from `source` and from feeds; bars and prices are the source's alone."""

    def __init__(self, source: Source, fetcher: FeedFetcher, addresses: Sequence[str]) -> None:
        self._source = source
        self._fetcher = fetcher
        self._known = {
            address: FetchedFeed(url=address, body=None, etag=None, last_modified=None) for address in addresses
        }

    def bars(self, tickers: Sequence[str], first: date, last: date, seen_at: datetime) -> Sequence[Bar]:
        """As the source has them."""
        return self._source.bars(tickers, first, last, seen_at)

    def latest_prices(self, tickers: Sequence[str]) -> dict[str, Decimal]:
        """As the source has them."""
        return self._source.latest_prices(tickers)

    def news(self, after: datetime, until: datetime, seen_at: datetime) -> Sequence[NewsItem]:
        """The source's news, then what each feed holds now that is not too old; ids of feeds begin with "feed:"."""
        found = list(self._source.news(after, until, seen_at))
        for address in self._known:
            found.extend(item for item in self._read(address, seen_at) if item.published_at > seen_at - TOO_OLD)
        return found

    def _read(self, address: str, seen_at: datetime) -> tuple[NewsItem, ...]:
        known = self._known[address]
        try:
            answer = self._fetcher.fetch(known.url, etag=known.etag, last_modified=known.last_modified)
            if answer.body is None:
                return ()
            items = parse_feed(answer.body, source=address, seen_at=seen_at)
        except DataError as error:
            log.warning("feed left out", feed=address, cause=str(error))
            return ()
        self._known[address] = replace(answer, body=None)
        return tuple(replace(item, id=f"feed:{item.id}") for item in items)


def user_agent(contact: str) -> str:
    """How the desk introduces itself to publishers: what it is, and whom to write to."""
    return f"tenthman/{__version__} ({contact})"
