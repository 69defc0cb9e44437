"""The signal models of a run: trained on what was known before them, or loaded when that was done before."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np

from tenthman.config import Config, SignalModelSettings
from tenthman.data.calendar import sessions_between
from tenthman.data.market import MarketHistory, MarketView
from tenthman.db.pool import Pool
from tenthman.decision import compute_features, membership
from tenthman.domain.canonical import canonical_json, content_hash
from tenthman.domain.errors import ConfigError, DataMissing
from tenthman.domain.features import FeaturePanel
from tenthman.domain.market import NEW_YORK, Panel
from tenthman.features.scaling import PREFIX
from tenthman.features.technical import atr
from tenthman.ml.drift import deciles
from tenthman.ml.inference import SignalModel
from tenthman.ml.labels import Labels, Mask, thirds, triple_barrier
from tenthman.ml.registry import Registry, TrainingInputs
from tenthman.ml.training import Grow, TrainedModel, grow_here, train
from tenthman.scheduler.clock import wall_now


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
    registry = registry_of(config, pool)
    material = training_material(config, data_hash, view)
    known = registry.find(market_id, material.inputs.key)
    if known is not None:
        return known
    return registry.load(save_trained(config, registry, market_id, material, train_on(config, material)))


def registry_of(config: Config, pool: Pool) -> Registry:
    """The registry of this home and database."""
    return Registry(pool=pool, folder=config.home / "models")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Material:
    """What one model is trained on: arrays of shape (sessions, tickers[, names]), and what they are described by.

    `levels` holds everything that was computed; `features` is the part of it that the model reads.
    """

    inputs: TrainingInputs
    levels: FeaturePanel
    features: FeaturePanel
    panel: Panel
    eligible: Mask


def training_material(config: Config, data_hash: str, view: MarketView) -> Material:
    """Features and membership of everything that `view` serves. DataMissing when it holds no session."""
    if view.last_session is None:
        raise DataMissing(f"`view` must hold sessions to train on, held none at {view.as_of}")
    levels = compute_features(view, config)
    features = levels.select(read_by_the_model(levels.names, config.models.signal))
    eligible = membership(view.panel, view.universe)
    inputs = TrainingInputs(
        content_hash=knowledge_hash(config, data_hash),
        material_hash=_material_hash(features, view.panel, eligible),
        trained_until=view.last_session,
        feature_set_hash=features.set_hash,
        settings=config.models.signal,
        rules=config.risk_rules.stops,
    )
    return Material(
        inputs=inputs,
        levels=levels,
        features=features,
        panel=view.panel,
        eligible=eligible,
    )


def labels_of(config: Config, material: Material) -> Labels:
    """What became of each entry, as far as the material reaches."""
    return outcome_labels(config, material.panel, material.eligible)


def outcome_labels(config: Config, panel: Panel, eligible: Mask) -> Labels:
    """What became of the entry of each session and ticker of `panel`, as `signal.labels` tells it."""
    stops = config.risk_rules.stops
    spread = atr(panel, stops.atr_sessions)
    if config.models.signal.labels == "thirds":
        return thirds(panel, spread, stops, eligible)
    return triple_barrier(panel, spread, stops)


def train_on(config: Config, material: Material, grow: Grow = grow_here) -> TrainedModel:
    """A model of `material`."""
    horizon, settings = config.risk_rules.stops.horizon_sessions, material.inputs.settings
    return train(material.features, labels_of(config, material), material.eligible, settings, horizon, grow)


def save_trained(
    config: Config,
    registry: Registry,
    market_id: str,
    material: Material,
    trained: TrainedModel,
    extra: Mapping[str, object] | None = None,
) -> str:
    """Put `trained` into the registry, with its expiry and the deciles of what it was trained on."""
    return registry.save(
        market_id,
        trained,
        material.inputs,
        wall_now(),
        expires=expiry_of(material.inputs.trained_until, config.models.signal.expires_after_sessions),
        extra={**(extra or {}), "deciles": _deciles(config, material)},
    )


def expiry_of(trained_until: date, sessions: int) -> date:
    """The `sessions`-th session of the exchange after `trained_until`: the last one a model may enter positions in."""
    begin = trained_until + timedelta(days=1)
    return sessions_between(begin, begin + timedelta(days=2 * sessions + 14))[sessions - 1].session


def _deciles(config: Config, material: Material) -> dict[str, dict[str, object]]:
    chosen = material.eligible.copy()
    chosen[: max(0, len(chosen) - config.models.signal.history_sessions)] = False
    rows = material.levels.values[chosen]
    return {name: asdict(deciles(rows[:, place])) for place, name in enumerate(material.levels.names)}


def read_by_the_model(names: tuple[str, ...], settings: SignalModelSettings) -> tuple[str, ...]:
    """Ranks, or levels where these are scaled for the model."""
    prefix, wanted = PREFIX if settings.scaling == "ranks" else "", settings.features
    if wanted is None:
        return tuple(name for name in names if name.startswith(PREFIX) == bool(prefix))
    unknown = [name for name in wanted if f"{PREFIX}{name}" not in names]
    if unknown:
        known = ", ".join(name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX))
        raise ConfigError(f"models: `signal.features` must name known features, was {unknown}; known: {known}")
    return tuple(f"{prefix}{name}" for name in wanted)


def knowledge_hash(config: Config, data_hash: str) -> str:
    """The data, and the settings that say what of it was known when."""
    news, morning = config.settings.news, config.settings.schedule.morning
    return content_hash([data_hash, news.archive_lag_minutes, news.sentiment_half_life_days, morning.isoformat()])


def _material_hash(features: FeaturePanel, panel: Panel, eligible: Mask) -> str:
    """SHA-256 of every number that training reads; NaN is NaN, whatever its bits."""
    digest = hashlib.sha256(canonical_json([panel.sessions.tolist(), panel.tickers]).encode())
    for array in (features.values, panel.open, panel.high, panel.low, panel.close):
        digest.update(np.where(np.isnan(array), np.nan, array).astype("<f8").tobytes())
    digest.update(eligible.tobytes())
    return digest.hexdigest()
