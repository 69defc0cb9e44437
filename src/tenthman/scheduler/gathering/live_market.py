"""The live market as it is stored: its name, its keys, its calendar, its history, and the tickers it goes by."""

from datetime import datetime, timedelta

import numpy as np

from tenthman.config import Config
from tenthman.data.bars import BarStore
from tenthman.data.calendar import sessions_between
from tenthman.data.market import MarketHistory
from tenthman.data.quality import on_calendar
from tenthman.data.spellings import SpellingStore
from tenthman.db.pool import Pool
from tenthman.domain.errors import ConfigError
from tenthman.domain.market import MarketKind, Provenance, SessionHours, Universe
from tenthman.news.storage import NewsStore
from tenthman.scheduler.account.reconcile import PayingBroker
from tenthman.scheduler.clock import wall_now
from tenthman.scheduler.gathering.scoring import Score, lexicon_scores, rescored
from tenthman.scheduler.gathering.spelled import Names, SpelledBroker

MARKET_ID = "live"
YEARS_OF_HISTORY = 6
YEAR = timedelta(days=365)


def paper_keys(config: Config) -> tuple[str, str]:
    """Key and secret of the paper account; ConfigError when the environment does not hold them."""
    key, secret = config.secrets.alpaca_key, config.secrets.alpaca_secret
    if key is None or secret is None:
        raise ConfigError(
            "ALPACA_API_KEY and ALPACA_SECRET_KEY must be set in the environment to trade a paper account"
        )
    return key.get_secret_value(), secret.get_secret_value()


def in_our_names(broker: PayingBroker, pool: Pool, universe: Universe) -> SpelledBroker:
    """`broker` by the renames that the store knows."""
    return SpelledBroker(broker, Names(SpellingStore(pool, MARKET_ID).load(universe), wall_now))


def calendar_around(begun: datetime) -> tuple[SessionHours, ...]:
    """The sessions of the live desk's history, and of a year to come."""
    today = begun.date()
    return sessions_between(today - YEARS_OF_HISTORY * YEAR, today + YEAR)


def stored_history(
    universe: Universe,
    bars: BarStore,
    news: NewsStore,
    hours: tuple[SessionHours, ...],
    begun: datetime,
    score: Score = lexicon_scores,
) -> MarketHistory:
    """What is stored, as the desk may know it: a bar counts as known at its session's close, news is scored anew."""
    panel, _ = bars.panel_until(None)
    stored = {np.datetime64(item.session, "D"): item for item in hours}
    covered = tuple(stored[session] for session in panel.sessions if session in stored)
    closes = np.array([item.close_at.replace(tzinfo=None) for item in covered], dtype="datetime64[us]")
    recent = on_calendar(panel, np.array([item.session for item in covered], dtype="datetime64[D]"))
    return MarketHistory(recent, closes, rescored(score, news.load(begun)), universe, hours)


def live_provenance() -> Provenance:
    return Provenance(
        kind=MarketKind.LIVE,
        name="Alpaca",
        description="Daily bars and headlines from Alpaca's data service, as they were seen.",
        source="Alpaca",
        price_basis="split-adjusted as of each fetch",
        licence="Alpaca's terms; not to be passed on",
        content_hash=MARKET_ID,
    )
