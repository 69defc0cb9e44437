"""How a model does on what has come since it was trained, measured on a view of the market."""

from datetime import date

import numpy as np

from tenthman.config import Config
from tenthman.data.market import MarketView
from tenthman.decision import compute_features, membership
from tenthman.domain.errors import ConfigError, DataMissing
from tenthman.domain.features import FeaturePanel
from tenthman.domain.market import Floats, Panel
from tenthman.ml.drift import Deciles, Drift, measure, rank_decay
from tenthman.ml.inference import SignalModel
from tenthman.ml.labels import BUY, SELL, UNKNOWN, Mask
from tenthman.ml.manifest import Manifest
from tenthman.scheduler.models.signal_model import outcome_labels

WARM_UP = 10
"""The first rows of a cut are left out: news features look back over so many sessions."""


def require_after_training(manifest: Manifest, view: MarketView) -> None:
    """ConfigError where `view` ends before the model's last training session: nothing can have drifted there yet."""
    if view.last_session is not None and view.last_session < date.fromisoformat(manifest["trained_until"]):
        raise ConfigError(
            f"`--as-of` must not be before {manifest['trained_until']}, until which model {manifest['version']} was "
            f"trained; the last session known at {view.as_of.isoformat()} was {view.last_session}"
        )


def drift_of(config: Config, model: SignalModel, manifest: Manifest, view: MarketView) -> Drift:
    """Drift of `model` over the last `drift.recent_sessions` sessions of `view`, and as many with known outcomes.

    The rank IC counts sessions after the model's last training session only. DataMissing when `view` holds no member
    with features, DataCorrupt when the model reads another feature set.
    """
    bounds, horizon = config.models.drift, config.risk_rules.stops.horizon_sessions
    rows = bounds.recent_sessions + horizon
    features = compute_features(view, config, rows + WARM_UP)
    features = features.rows(max(0, len(features.sessions) - rows), len(features.sessions))
    mine = model.read(features)
    among = membership(view.panel, view.universe)[-len(mine.sessions) :] & ~np.isnan(mine.values).all(axis=2)
    recent = features.values[-bounds.recent_sessions :][among[-bounds.recent_sessions :]]
    if not len(recent):
        raise DataMissing(f"drift needs at least one member with features at {view.as_of}, there was none")
    since = np.datetime64(date.fromisoformat(manifest["trained_until"]), "D")
    asked = among & (mine.sessions > since)[:, np.newaxis]
    decay = rank_decay(
        score_panel(model, mine, asked),
        outcomes(config, view.panel, membership(view.panel, view.universe))[-len(mine.sessions) :],
        horizon,
        _validated(manifest),
    )
    trained = {
        name: Deciles(edges=tuple(found["edges"]), shares=tuple(found["shares"]), missing=found["missing"])
        for name, found in manifest["deciles"].items()
    }
    return measure(trained, features.names, recent, mine.names, decay, bounds)


def score_panel(model: SignalModel, mine: FeaturePanel, asked: Mask) -> Floats:
    """p_buy - p_sell of the cells in `asked` (sessions, tickers), NaN elsewhere; `mine` is what the model reads."""
    result = np.full(asked.shape, np.nan)
    if asked.any():
        probabilities = model.scores(mine.values[asked])
        result[asked] = probabilities[:, BUY] - probabilities[:, SELL]
    return result


def outcomes(config: Config, panel: Panel, eligible: Mask) -> Floats:
    """The class that became of each entry as a number (SELL < HOLD < BUY), NaN while it is not known."""
    y = outcome_labels(config, panel, eligible).y
    return np.where(y == UNKNOWN, np.nan, y.astype(np.float64))


def _validated(manifest: Manifest) -> float | None:
    found: float | None = manifest["metrics"]["rank_ic"]
    return found
