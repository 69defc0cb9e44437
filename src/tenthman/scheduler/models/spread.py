"""A training whose rows lie in no one place: workers of a cluster make the features of their sessions, and keep them.

Bars, headlines and labels are in memory here and go to each worker once. Features, by far the most of a training, are
made by the workers, block by block, and never come here.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

import numpy as np

from tenthman.config import Config
from tenthman.config.environment import load_secrets
from tenthman.data.market import MarketView
from tenthman.db.pool import Pool
from tenthman.decision import compute_features, membership
from tenthman.domain.canonical import canonical_json
from tenthman.domain.errors import DataMissing
from tenthman.domain.features import FeaturePanel
from tenthman.domain.market import FIELDS, Floats
from tenthman.ml import roles
from tenthman.ml.cluster import ROOMS
from tenthman.ml.cluster_training import SPREAD_ON, ClusterTraining, Parts, train_on_cluster
from tenthman.ml.drift import deciles
from tenthman.ml.labels import UNKNOWN, Classes, Mask, average_uniqueness
from tenthman.ml.manifest import Manifest
from tenthman.ml.registry import Registry, TrainingInputs
from tenthman.ml.roles import Change
from tenthman.ml.training import Part, split
from tenthman.ml.training_metrics import shortfalls
from tenthman.ml.trials import record_ground
from tenthman.scheduler.clock import wall_now
from tenthman.scheduler.gathering.known import KnownMarket
from tenthman.scheduler.models.drift import WARM_UP
from tenthman.scheduler.models.signal_model import (
    expiry_of,
    knowledge_hash,
    outcome_labels,
    read_by_the_model,
    registry_of,
)
from tenthman.scheduler.models.trainer import Span, Watcher, start_after, with_signal

LEAD_SESSIONS = 800
"""Sessions that features of a block look back on: the longest window is of 756 and 20, and what recursive features
remember of the sessions before is below their rounding to 32 bits by then."""

BLOCK_SESSIONS = 504
"""Sessions that a worker makes at a time: with fewer, most of the work would be the sessions looked back on."""

WORKING_ROOMS = (*ROOMS, "data", "decision", "features", "news", "scheduler")
"""Where the code lives that a worker runs to make its rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A model in the registry, whether it was there before, and its manifest."""

    version: str
    known_before: bool
    manifest: Manifest


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ground:
    """What every worker is sent: what was known, the features to make of it, and arrays of shape (sessions, tickers).

    `chosen` are the rows that the training reads, `y` their classes, `weight` their uniqueness; `config` holds no
    secrets.
    """

    config: Config
    view: MarketView
    names: tuple[str, ...]
    chosen: Mask
    y: Classes
    weight: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The rows of the sessions `first` until before `until` that have a feature, made where it is called."""

    first: int
    until: int

    def __call__(self, ground: Ground) -> Part:
        features = block_features(ground.view, ground.config, self.first, self.until).select(ground.names)
        chosen = ground.chosen[self.first : self.until] & ~np.isnan(features.values).all(axis=2)
        return Part(
            values=features.values[chosen],
            y=ground.y[self.first : self.until][chosen].astype(np.intp),
            weight=ground.weight[self.first : self.until][chosen],
            row=np.nonzero(chosen)[0] + self.first,
        )


def block_features(view: MarketView, config: Config, first: int, until: int) -> FeaturePanel:
    """Features of the sessions `first` until before `until` of `view`, looking back on `LEAD_SESSIONS` before them."""
    # A session's headlines reach up to the next session's morning, so that the next session must be seen.
    seen = min(until + 1, len(view.panel.sessions))
    before = min(first, WARM_UP)
    part = replace(view, panel=view.panel.rows(max(0, first - LEAD_SESSIONS), seen))
    return compute_features(part, config, seen - first + before).rows(before, before + until - first)


def train_spread(
    config: Config, pool: Pool, market: KnownMarket, span: Span, *, whole: bool, watcher: Watcher, cluster: str
) -> Spread:
    """A model of `span`, made by the workers of the Dask scheduler at `cluster`, in the registry and a challenger.

    Nothing later than `trainer.train_market` does is touched, and `whole` says the same. It is judged by the rows kept
    for validation and not by walk-forward, so that the gate of promotion, which asks for that, stays shut. Training
    again on the same finds the model again. Raises what `cluster_training.train_on_cluster` raises.
    """
    config = config if whole else with_signal(config, history_sessions=span.count)
    view = market.history.serve(start_after(span.last))
    if view.last_session is None:
        raise DataMissing(f"`market` must hold sessions to train on, held none at {view.as_of}")
    watcher.stage("computing labels")
    eligible = membership(view.panel, view.universe)
    eligible[view.panel.sessions < np.datetime64(span.first, "D")] = False
    count = len(view.panel.sessions)
    newest = block_features(view, config, count - 1, count)
    newest = newest.select(read_by_the_model(newest.names, config.models.signal))
    inputs = TrainingInputs(
        content_hash=knowledge_hash(config, market.content_hash),
        material_hash=_material_hash(config, view, eligible),
        trained_until=view.last_session,
        feature_set_hash=newest.set_hash,
        settings=config.models.signal,
        rules=config.risk_rules.stops,
        grown_on=SPREAD_ON,
    )
    record_ground(pool, market.market_id, view.panel)
    registry = registry_of(config, pool)
    known = registry.find(market.market_id, inputs.key)
    if known is None:
        parts = _parts(config, view, eligible, newest)
        blocks = len(parts.training)
        watcher.stage(f"training on {blocks} {'block' if blocks == 1 else 'blocks'} of rows")
        horizon = config.risk_rules.stops.horizon_sessions
        done = train_on_cluster(cluster, parts, config.models.signal, horizon, WORKING_ROOMS)
        version = _save(config, registry, market.market_id, inputs, done)
    else:
        version = known.version
    change = Change(reason="trained by command", changed_by="command: train", at=wall_now())
    roles.challenge(pool, market.market_id, version, change)
    return Spread(version=version, known_before=known is not None, manifest=registry.manifest(version))


def _save(config: Config, registry: Registry, market_id: str, inputs: TrainingInputs, done: ClusterTraining) -> str:
    """Keep the model, with the deciles of what it reads among the rows that were drawn: levels are with the workers."""
    names, drawn = done.model.feature_names, done.drawn.values.astype(np.float64)
    return registry.save(
        market_id,
        done.model,
        inputs,
        wall_now(),
        expires=expiry_of(inputs.trained_until, config.models.signal.expires_after_sessions),
        extra={
            "shortfalls": list(shortfalls(done.model.metrics)),
            "deciles": {name: asdict(deciles(drawn[:, place])) for place, name in enumerate(names)},
        },
    )


def _parts(config: Config, view: MarketView, eligible: Mask, newest: FeaturePanel) -> Parts:
    """The blocks of each part, as `training.train` cuts them; DataMissing when there are too few sessions."""
    signal, horizon = config.models.signal, config.risk_rules.stops.horizon_sessions
    labels = outcome_labels(config, view.panel, eligible)
    usable = eligible & (labels.y != UNKNOWN)
    usable[: max(0, len(usable) - signal.history_sessions)] = False
    masks = split(usable, signal, horizon)
    chosen, weight = np.zeros_like(usable), np.zeros(usable.shape)
    for mask in masks:
        chosen |= mask
        weight += average_uniqueness(labels, mask)
    training, stopping, validation = (tuple(_blocks(mask)) for mask in masks)
    return Parts(
        feature_names=newest.names,
        feature_set_hash=newest.set_hash,
        training=training,
        stopping=stopping,
        validation=validation,
        shared=Ground(
            config=replace(config, secrets=load_secrets({})),
            view=view,
            names=newest.names,
            chosen=chosen,
            y=labels.y,
            weight=weight,
        ),
    )


def _blocks(mask: Mask) -> Iterator[Block]:
    """The sessions with rows in `mask`, so many at a time."""
    sessions = np.flatnonzero(mask.any(axis=1))
    for begin in range(0, len(sessions), BLOCK_SESSIONS):
        part = sessions[begin : begin + BLOCK_SESSIONS]
        yield Block(first=int(part[0]), until=int(part[-1]) + 1)


def _material_hash(config: Config, view: MarketView, eligible: Mask) -> str:
    """SHA-256 of all that features and labels are made of; NaN is NaN, whatever its bits."""
    news = [[item.item.id, item.item.known_at, item.tickers, item.weight, item.sentiment] for item in view.news]
    cut = [
        view.panel.sessions.tolist(),
        view.panel.tickers,
        LEAD_SESSIONS,
        BLOCK_SESSIONS,
        config.settings.news.sentiment,
    ]
    sectors = [[item.ticker, item.sector] for item in view.universe.listings]
    digest = hashlib.sha256(canonical_json([cut, sectors, news]).encode())
    for name in FIELDS:
        array = getattr(view.panel, name)
        digest.update(np.where(np.isnan(array), np.nan, array).astype("<f8").tobytes())
    digest.update(eligible.tobytes())
    return digest.hexdigest()
