"""What a rehearsal keeps of its market in PostgreSQL: bars and headlines known before it, and what will be paid."""

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from tenthman.config import Config
from tenthman.data.bars import BarStore
from tenthman.data.flags import FlagStore
from tenthman.data.market import MarketHistory, known_at_close
from tenthman.data.sources import ActionKind, CorporateAction
from tenthman.db.pool import Pool
from tenthman.domain.market import MarketData
from tenthman.ml.trials import record_ground
from tenthman.news.linker import Linker
from tenthman.news.storage import NewsStore
from tenthman.scheduler.clock import wall_now
from tenthman.scheduler.gathering.gather import link_items
from tenthman.scheduler.gathering.scoring import Score, lexicon_scores
from tenthman.scheduler.outcomes.corporate_actions import Dividends, dividends_of, no_dividends


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """Where bars and headlines of one market are kept, and who links them."""

    pool: Pool
    market_id: str
    bars: BarStore
    news: NewsStore
    linker: Linker


def open_stores(pool: Pool, market: MarketData) -> Stores:
    """The stores of `market`, which is entered in the database if it is new there."""
    market_id = market.provenance.content_hash[:12]
    bars = BarStore(pool, market_id)
    bars.save_market(market.provenance, market.universe)
    record_ground(pool, market_id, market.panel)
    return Stores(
        pool=pool,
        market_id=market_id,
        bars=bars,
        news=NewsStore(pool, market_id),
        linker=Linker(market.universe),
    )


def store_history(
    stores: Stores, market: MarketData, first: date, start: datetime, score: Score = lexicon_scores
) -> MarketHistory:
    """Store bars of the sessions before `first` and headlines known before `start`; return them as history.

    Bars are read back from PostgreSQL; headlines keep the archive's stamps, so that a run's knowledge does not depend
    on which runs came before it.
    """
    rows = int(np.searchsorted(market.panel.sessions, np.datetime64(first, "D")))
    past = market.panel.rows(0, rows)
    closes = known_at_close(market)[:rows]
    stores.bars.load_panel(past, closes)
    known = link_items(stores.linker, [item for item in market.headlines if item.known_at < start], score)
    stores.news.save(known)
    return MarketHistory(past, closes, known, market.universe, market.hours)


def store_dividends(config: Config, stores: Stores, market: MarketData) -> Dividends:
    """What the exchange will pay. It is kept with the market, so that a scorecard can be made again from the record."""
    if not config.settings.rehearsal.dividends:
        return no_dividends
    paid = dividends_of(market)
    actions = [
        CorporateAction(ticker=ticker, ex_date=ex_date, kind=ActionKind.DIVIDEND, value=amount)
        for ticker in market.panel.tickers
        for ex_date, amount in paid(ticker).items()
    ]
    FlagStore(stores.pool, stores.market_id).save_actions(actions, "market", wall_now())
    return paid
