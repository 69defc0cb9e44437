"""A market and all that is known of it, for commands that look at it without trading: named, or the live one stored."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from tenthman.data.bars import BarStore
from tenthman.data.elsewhere import is_elsewhere
from tenthman.data.market import MarketHistory, known_at_close
from tenthman.data.universe import sp100
from tenthman.db.pool import Pool
from tenthman.domain.errors import ConfigError
from tenthman.domain.market import MarketData, MarketKind
from tenthman.news.linker import Linker
from tenthman.news.storage import NewsStore
from tenthman.scheduler.gathering.gather import link_items
from tenthman.scheduler.gathering.live_market import MARKET_ID, calendar_around, stored_history
from tenthman.scheduler.gathering.scoring import Score, lexicon_scores


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KnownMarket:
    """A market that is stored in the database, at least by name, and its history behind the gate of time."""

    market_id: str
    content_hash: str
    headline: str
    history: MarketHistory


def known_market(pool: Pool, market: MarketData, until: datetime, score: Score = lexicon_scores) -> KnownMarket:
    """What became known of `market` up to `until`; its provenance is stored, its bars are not.

    Bars are known from their session's close on, headlines as the archive stamps them.
    """
    market_id = market.provenance.content_hash[:12]
    BarStore(pool, market_id).save_market(market.provenance, market.universe)
    closes = known_at_close(market)
    rows = int(np.searchsorted(closes, np.datetime64(until.replace(tzinfo=None), "us"), side="right"))
    headlines = [item for item in market.headlines if item.known_at <= until]
    return KnownMarket(
        market_id=market_id,
        content_hash=market.provenance.content_hash,
        headline=market.provenance.headline,
        history=MarketHistory(
            market.panel.rows(0, rows),
            closes[:rows],
            link_items(Linker(market.universe), headlines, score),
            market.universe,
            market.hours,
        ),
    )


def live_market(pool: Pool, until: datetime, score: Score = lexicon_scores) -> KnownMarket:
    """What the live desk has stored up to `until`. ConfigError when it has not stored anything yet."""
    bars = BarStore(pool, MARKET_ID)
    if bars.last_session() is None:
        raise ConfigError("`--market live` has no bars yet: `tenthman trade` brings them in")
    history = stored_history(sp100(), bars, NewsStore(pool, MARKET_ID), calendar_around(until), until, score)
    return KnownMarket(
        market_id=MARKET_ID,
        content_hash=MARKET_ID,
        headline=_headline(bars),
        history=history,
    )


def _headline(bars: BarStore) -> str:
    """What is stored is real unless another server was asked in the sources' place, which is told then."""
    if elsewhere := sorted(name for name in bars.sources() if is_elsewhere(name)):
        return f"NOT REAL, or nobody knows: bars of {', '.join(elsewhere)}, as stored"
    return f"REAL market data ({MarketKind.LIVE.value}): Alpaca, as stored"
