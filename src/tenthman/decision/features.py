"""What decisions read: features of prices and news as known at an instant."""

from datetime import UTC, datetime, time

import numpy as np

from tenthman.config import Config
from tenthman.data.market import MarketView
from tenthman.domain.features import FeaturePanel
from tenthman.domain.market import NEW_YORK, Panel, Universe
from tenthman.features.panel import concat
from tenthman.features.relative import composite, relative
from tenthman.features.scaling import ranked
from tenthman.features.sentiment import sentiment_features
from tenthman.features.technical import technical
from tenthman.features.windows import Mask

Instants = np.ndarray[tuple[int], np.dtype[np.datetime64]]


def compute_features(view: MarketView, config: Config, last_rows: int | None = None) -> FeaturePanel:
    """Features of the sessions that `view` serves (all, or the last few), as decisions read them.

    The row of a session holds prices up to its close and news up to the next session's morning run, which is when it
    is first decided on; the last row holds news up to `view.as_of`. Levels come first, then their ranks among the
    members of the session (`rank_*`): the model reads ranks, people and the rules critic read levels.
    """
    panel = view.panel
    count = len(panel.sessions) if last_rows is None else min(last_rows, len(panel.sessions))
    prices = price_features(panel, view.universe)
    last = prices.rows(len(panel.sessions) - count, len(panel.sessions))
    half_life, scorer = config.settings.news.sentiment_half_life_days, config.settings.news.sentiment
    cutoffs = _cutoffs(view, config.settings.schedule.morning, count)
    news = sentiment_features(view.news, panel.tickers, last.sessions, cutoffs, half_life, scorer=scorer)
    return join_features(last, news, membership(panel, view.universe)[-count:])


def price_features(panel: Panel, universe: Universe) -> FeaturePanel:
    """Everything that bars alone say of each ticker: by itself, and against its sector."""
    sectors = tuple(universe.sector_of(ticker) for ticker in panel.tickers)
    return concat((technical(panel, universe.index_ticker), relative(panel, sectors, membership(panel, universe))))


def join_features(prices: FeaturePanel, news: FeaturePanel, among: Mask) -> FeaturePanel:
    """Levels of prices and news, the composite of both, then the ranks of all `among` the members of each session."""
    levels = concat((prices, news))
    levels = concat((levels, composite(levels, among)))
    return concat((levels, ranked(levels, among)))


def membership(panel: Panel, universe: Universe) -> Mask:
    """Which (session, ticker) belonged to the universe; the index never does."""
    member = np.zeros((len(panel.sessions), len(panel.tickers)), dtype=np.bool_)
    columns = {ticker: column for column, ticker in enumerate(panel.tickers)}
    for listing in universe.listings:
        column = columns.get(listing.ticker)
        if column is None or listing.ticker == universe.index_ticker:
            continue
        first = np.searchsorted(panel.sessions, np.datetime64(listing.member_from, "D"))
        last = len(panel.sessions)
        if listing.member_to is not None:
            last = int(np.searchsorted(panel.sessions, np.datetime64(listing.member_to, "D")))
        member[first:last, column] = True
    return member


def _cutoffs(view: MarketView, morning: time, count: int) -> Instants:
    """For each of the last `count` sessions, when the run that reads it as its last bar takes place."""
    days = view.panel.sessions
    following = days[len(days) - count + 1 :].tolist()
    mornings = [datetime.combine(day, morning, NEW_YORK).astimezone(UTC).replace(tzinfo=None) for day in following]
    return np.array([*mornings, view.as_of.astimezone(UTC).replace(tzinfo=None)], dtype="datetime64[us]")
