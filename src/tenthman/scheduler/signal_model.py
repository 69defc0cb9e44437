"""The signal models of a run: trained on what was known before them, or loaded when that was done before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from tenthman.config import Config
from tenthman.data.market import MarketHistory, MarketView
from tenthman.db.pool import Pool
from tenthman.decision import compute_features, membership
from tenthman.domain.canonical import content_hash
from tenthman.domain.errors import DataMissing
from tenthman.domain.features import FeaturePanel
from tenthman.features.scaling import PREFIX
from tenthman.features.technical import atr
from tenthman.ml.inference import SignalModel
from tenthman.ml.labels import triple_barrier
from tenthman.ml.registry import TrainingInputs, find, load, save
from tenthman.ml.training import TrainedModel, train
from tenthman.scheduler.clock import wall_now
from tenthman.scheduler.timeline import NEW_YORK


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelFrom:
    """The model that proposes from `first_session` on, until the next one takes over."""

    first_session: date
    model: SignalModel


def scheduled_models(
    config: Config, pool: Pool, market_id: str, data_hash: str, history: MarketHistory, sessions: Sequence[date]
) -> tuple[ModelFrom, ...]:
    """A model for the first of `sessions` and one for every `signal.retrain_sessions`-th after it, in order of time.

    Each knows what `history` serves as the New York day of its first session begins, and nothing later; one trained
    on the very same before is taken from the registry. Without `retrain_sessions` there is one. Raises ValueError
    without sessions, DataMissing when the history before a model's first session is too short to train on.
    """
    if not sessions:
        raise ValueError("`sessions` must not be empty")
    return tuple(
        ModelFrom(
            first_session=session,
            model=trained_model(config, pool, market_id, data_hash, history.serve(start_of(session))),
        )
        for session in retraining_sessions(sessions, config.models.signal.retrain_sessions)
    )


def retraining_sessions(sessions: Sequence[date], every: int | None) -> tuple[date, ...]:
    """Those of `sessions` at whose start a model is trained: the first and every `every`-th after it."""
    return tuple(sessions[:1] if every is None else sessions[::every])


def start_of(session: date) -> datetime:
    """The instant at which the New York day of `session` begins: what was known by then may serve in it."""
    return datetime.combine(session, time(), NEW_YORK).astimezone(UTC)


def trained_model(config: Config, pool: Pool, market_id: str, data_hash: str, view: MarketView) -> SignalModel:
    """The model for a run that starts at `view.as_of`, from the registry or newly trained and saved there.

    Only what `view` serves is read, so nothing after its last session is touched. Raises DataMissing when it holds
    no session.
    """
    if view.last_session is None:
        raise DataMissing(f"`view` must hold sessions to train on, held none at {view.as_of}")
    features = compute_features(view, config)
    features = features.select(tuple(name for name in features.names if name.startswith(PREFIX)))
    inputs = TrainingInputs(
        content_hash=_knowledge_hash(config, data_hash),
        trained_until=view.last_session,
        feature_set_hash=features.set_hash,
        settings=config.models.signal,
        rules=config.risk_rules.stops,
    )
    known = find(pool, market_id, inputs.key)
    if known is not None:
        return known
    return load(pool, save(pool, market_id, _train(config, view, features), inputs, wall_now()))


def _knowledge_hash(config: Config, data_hash: str) -> str:
    """The data, and the settings that say what of it was known when."""
    news, morning = config.settings.news, config.settings.schedule.morning
    return content_hash([data_hash, news.archive_lag_minutes, news.sentiment_half_life_days, morning.isoformat()])


def _train(config: Config, view: MarketView, features: FeaturePanel) -> TrainedModel:
    panel, stops = view.panel, config.risk_rules.stops
    labels = triple_barrier(panel, atr(panel, stops.atr_sessions), stops)
    return train(features, labels, membership(panel, view.universe), config.models.signal, stops.horizon_sessions)
