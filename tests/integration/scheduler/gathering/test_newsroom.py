"""News by command: whom the desk asks, what it keeps, and settings of feeds that make no sense."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError
from tenthman_markets import small_market

from tenthman.config import FeedSettings, NewsSettings, load_config, with_sections
from tenthman.db.pool import Pool
from tenthman.domain.errors import ConfigError
from tenthman.domain.news import NewsItem, TimePrecision
from tenthman.news.storage import NewsStore
from tenthman.scheduler.gathering.feeds import configured_feeds
from tenthman.scheduler.gathering.newsroom import fetch_news, keep_headlines

NOW = datetime(2020, 7, 10, 14, 0, tzinfo=UTC)
FEED = "https://news.example.org/rss"


def settings(*feeds: object, contact: str | None = "desk@example.org") -> NewsSettings:
    told = {"archive_lag_minutes": 15, "lookback_days": 10, "sentiment_half_life_days": 3.0}
    return NewsSettings.model_validate({**told, "feeds": list(feeds), "contact": contact})


def test_a_feed_may_be_an_address_or_say_more() -> None:
    bare, full = configured_feeds(
        settings(FEED, {"address": f"{FEED}2", "silent_after_hours": None, "zone": "America/New_York"})
    )
    assert (bare.address, bare.silent_after, bare.zone) == (FEED, timedelta(hours=72), "UTC")
    assert (full.silent_after, full.zone) == (None, "America/New_York")


@pytest.mark.parametrize(
    ("feeds", "contact", "reason"),
    [
        ((FEED, FEED), "desk@example.org", "named .* twice"),
        ((FEED,), None, "`contact` must be an e-mail address"),
        (("https://www.sec.gov/feed",), "no-reply@example.org", "read by a person"),
        (({"address": "http://news.example.org"},), "desk@example.org", "must start with https://"),
        (({"address": FEED, "zone": "Mars/Olympus"},), "desk@example.org", "must be a time zone"),
        (({"address": FEED, "silent_after_hours": 0},), "desk@example.org", "greater than 0"),
        (({"address": FEED, "colour": "red"},), "desk@example.org", "Extra inputs"),
    ],
)
def test_feeds_that_make_no_sense_are_refused(feeds: tuple[object, ...], contact: str | None, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        settings(*feeds, contact=contact)


def test_with_nobody_to_ask_the_desk_says_what_to_configure(pool: Pool) -> None:
    config = load_config(None, os.environ)
    news = config.settings.news.model_copy(update={"feeds": ()})
    broker = config.settings.broker.model_copy(update={"endpoint": "exchange"})
    alone = with_sections(config, settings=config.settings.model_copy(update={"news": news, "broker": broker}))
    with pytest.raises(ConfigError, match=r"`news\.feeds` in settings\.yaml must name a feed"):
        fetch_news(alone, pool, NOW)


def test_the_headlines_of_a_market_are_kept_once_with_their_companies(pool: Pool) -> None:
    market = small_market({"ACME": [(10.0, 11.0, 9.0, 10.0)] * 4})
    listing = next(item for item in market.universe.listings if item.ticker != market.universe.index_ticker)
    at = market.hours[1].open_at
    item = NewsItem(
        id="one",
        headline=f"{listing.name} raises its forecast",
        summary="",
        source="wire",
        url="",
        published_at=at,
        known_at=at,
        precision=TimePrecision.INSTANT,
        tickers=(listing.ticker,),
    )
    told: list[str] = []
    market_id = keep_headlines(pool, replace(market, headlines=(item,)), told.append)
    assert keep_headlines(pool, replace(market, headlines=(item,)), told.append) == market_id
    assert len(told) == 1
    [kept] = NewsStore(pool, market_id).load()
    assert (kept.item, kept.tickers, kept.weight) == (item, (listing.ticker,), 1.0)


def test_a_feed_by_itself_knows_its_defaults() -> None:
    assert FeedSettings(address=FEED).silent_after_hours == 72.0
