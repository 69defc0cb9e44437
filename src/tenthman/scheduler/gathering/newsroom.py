"""News by command: fetch what the feeds and the broker have now, and find what is stored."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tenthman.config import Config
from tenthman.data.alpaca import AlpacaMarketSource
from tenthman.data.bars import BarStore
from tenthman.data.spellings import SpellingStore
from tenthman.data.universe import sp100
from tenthman.db.pool import Pool
from tenthman.domain.errors import BrokerError, ConfigError, DataError, SetupError
from tenthman.domain.market import MarketData
from tenthman.domain.news import NewsItem
from tenthman.news.feeds import FeedReport
from tenthman.news.linker import Linker
from tenthman.news.storage import NewsStore
from tenthman.scheduler.gathering.feeds import open_reader
from tenthman.scheduler.gathering.gather import Source, link_items
from tenthman.scheduler.gathering.live_market import MARKET_ID, live_provenance, paper_keys
from tenthman.scheduler.gathering.spelled import Names, SpelledSource

ALPACA_WINDOW = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedNews:
    """What a round brought: how each feed did, what Alpaca said (None: it was not asked), and how much was stored."""

    feeds: tuple[FeedReport, ...]
    alpaca: str | None
    stored: int


def fetch_news(config: Config, pool: Pool, at: datetime) -> FetchedNews:
    """Ask every feed that may be asked, and Alpaca where the desk trades paper; link and store what they have.

    Raises ConfigError when there is nobody to ask.
    """
    paper = config.settings.broker.endpoint == "paper"
    if not config.settings.news.feeds and not paper:
        raise ConfigError(
            "`news.feeds` in settings.yaml must name a feed (and `news.contact` a person), or `broker.endpoint` must "
            "be 'paper' for Alpaca's news: there is nobody to ask"
        )
    BarStore(pool, MARKET_ID).save_market(live_provenance(), sp100())
    store = NewsStore(pool, MARKET_ID)
    with open_reader(config.settings.news, pool, store) as reader:
        reports = () if reader is None else reader.read(at)
    items = [item for report in reports for item in report.items]
    told = None
    if paper:
        key, secret = paper_keys(config)
        names = Names(SpellingStore(pool, MARKET_ID).load(sp100()), lambda: at)
        source = SpelledSource(AlpacaMarketSource(None, key, secret, config.settings.broker), names)
        told, stories = _from_alpaca(source, at)
        items.extend(stories)
    stored = store.save(link_items(Linker(sp100()), items))
    return FetchedNews(feeds=reports, alpaca=told, stored=stored)


def _from_alpaca(source: Source, at: datetime) -> tuple[str, Sequence[NewsItem]]:
    try:
        stories = source.news(at - ALPACA_WINDOW, at, at)
    except (BrokerError, DataError, SetupError) as error:
        return f"failed: {error}", []
    return f"{len(stories)} items", stories


def keep_headlines(pool: Pool, market: MarketData, say: Callable[[str], None]) -> str:
    """Store the headlines of a market that is not live, unless they are; returns the id it is stored under."""
    market_id = market.provenance.content_hash[:12]
    BarStore(pool, market_id).save_market(market.provenance, market.universe)
    store = NewsStore(pool, market_id)
    if store.size() < len({item.id for item in market.headlines}):
        say(f"storing {len(market.headlines):,} headlines of {market.provenance.name}")
        store.save(link_items(Linker(market.universe), market.headlines))
    return market_id
