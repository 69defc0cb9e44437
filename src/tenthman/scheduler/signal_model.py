"""The signal model of a run: trained on what was known before it, or loaded when that was done before."""

from datetime import UTC, date, datetime

import numpy as np

from tenthman.config import Config
from tenthman.data.market import MarketView
from tenthman.db.pool import Pool
from tenthman.decision import compute_features
from tenthman.domain.canonical import content_hash
from tenthman.domain.errors import DataMissing
from tenthman.domain.market import Panel, Universe
from tenthman.features.technical import atr
from tenthman.ml.inference import SignalModel
from tenthman.ml.labels import triple_barrier
from tenthman.ml.registry import find, load, save
from tenthman.ml.training import TrainedModel, train
from tenthman.scheduler.clock import wall_now
from tenthman.scheduler.timeline import NEW_YORK

Booleans = np.ndarray[tuple[int, int], np.dtype[np.bool_]]
Instants = np.ndarray[tuple[int], np.dtype[np.datetime64]]


def trained_model(config: Config, pool: Pool, market_id: str, data_hash: str, view: MarketView) -> SignalModel:
    """The model for a run that starts at `view.as_of`, from the registry or newly trained and saved there.

    Only what `view` serves is read, so nothing after its last session is touched. Raises DataMissing when it holds
    no session.
    """
    if view.last_session is None:
        raise DataMissing(f"`view` must hold sessions to train on, held none at {view.as_of}")
    key = training_key(config, data_hash, view.last_session)
    known = find(pool, market_id, key)
    if known is not None:
        return known
    trained = train_on(config, view)
    version = save(pool, market_id, trained, key, view.last_session, wall_now())
    return load(pool, version)


def training_key(config: Config, data_hash: str, last_session: date) -> str:
    """Everything a trained model depends on, as one hash."""
    return content_hash(
        [
            data_hash,
            last_session,
            config.models.signal.model_dump(mode="json"),
            config.risk_rules.stops.model_dump(mode="json"),
            config.settings.news.model_dump(mode="json"),
            config.settings.schedule.model_dump(mode="json"),
        ]
    )


def train_on(config: Config, view: MarketView) -> TrainedModel:
    """Features and labels of every session served, and a model fitted to them."""
    panel, stops = view.panel, config.risk_rules.stops
    features = compute_features(
        panel, view, morning_cutoffs(config, view), config.settings.news.sentiment_half_life_days
    )
    labels = triple_barrier(panel, atr(panel, stops.atr_sessions), stops)
    return train(features, labels, membership(panel, view.universe), config.models.signal, stops.horizon_sessions)


def morning_cutoffs(config: Config, view: MarketView) -> Instants:
    """For each session of the panel, when the run that reads it as its last bar takes place: the next morning.

    The last session's is `view.as_of`.
    """
    following = [item.session for item in view.hours[1 : len(view.panel.sessions)]]
    at = config.settings.schedule.morning
    mornings = [datetime.combine(day, at, NEW_YORK).astimezone(UTC).replace(tzinfo=None) for day in following]
    return np.array([*mornings, view.as_of.astimezone(UTC).replace(tzinfo=None)], dtype="datetime64[us]")


def membership(panel: Panel, universe: Universe) -> Booleans:
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
