"""Training the signal model: purged, embargoed, weighted by uniqueness, calibrated, the same bits on every run.

The caller cuts the data: nothing after the last session before the first one traded may be in the panels. Labels whose
window reaches beyond the cut are unknown and never used.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tenthman.config import SignalModelSettings
from tenthman.domain.errors import DataMissing
from tenthman.domain.features import FeaturePanel
from tenthman.domain.market import Floats
from tenthman.ml import baselines
from tenthman.ml.calibration import Calibration, fit, uncalibrated
from tenthman.ml.inference import BASE_SCORE, CALIBRATION, margins
from tenthman.ml.labels import BUY, SELL, UNKNOWN, Labels, Mask, average_uniqueness
from tenthman.ml.measures import Integers
from tenthman.ml.scaling import SCALING, fit_scaling
from tenthman.ml.training_metrics import CLASS_NAMES, Answers, Learnt, Metrics, metrics_of

CODE = "training-2"
"""Changes whenever the same inputs would train another model."""

MIN_ROWS = 500
MAX_BINS = 64  # 256 took a fifth longer and changed the validation loss in the fourth digit


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedModel:
    """A trained booster as UBJSON bytes, what it reads, and how it did."""

    feature_names: tuple[str, ...]
    feature_set_hash: str
    artefact: bytes
    metrics: Metrics


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """Labelled rows, session by session: `values` (rows, features), classes, weights (mean 1 over a whole training).

    `values` are float64, and float32 where they are handed over to trees. `row` is the session of each, counted from
    the first of the market.
    """

    values: Floats
    y: Integers
    weight: Floats
    row: Integers


Grow = Callable[[Part, Part, tuple[str, ...], SignalModelSettings], Any]
"""Grows the trees: rows to learn from, rows that decide when to stop, names of the features; an xgboost.Booster of all
rounds that were made. `grow_here` does it in this process."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitted:
    """A booster and its calibration, with the rows that trained it, stopped it, and calibrated it, in that order."""

    booster: Any
    calibration: Calibration
    training: Part
    stopping: Part
    validation: Part

    @property
    def shares(self) -> Floats:
        """Class shares (SELL, HOLD, BUY) of the training rows, by weight."""
        return np.array(self.calibration.shares)


def grow_here(training: Part, stopping: Part, names: tuple[str, ...], settings: SignalModelSettings) -> Any:
    """Trees grown by this process; the same bits for the same rows."""
    import xgboost

    options = {"feature_names": list(names), "nthread": settings.threads, "max_bin": MAX_BINS}
    matrix = xgboost.QuantileDMatrix(training.values, training.y, weight=training.weight, **options)
    check = xgboost.QuantileDMatrix(stopping.values, stopping.y, ref=matrix, **options)
    return xgboost.train(
        booster_parameters(settings),
        matrix,
        num_boost_round=settings.max_rounds,
        evals=[(check, "stopping")],
        early_stopping_rounds=settings.early_stopping_rounds,
        verbose_eval=False,
    )


def train(
    features: FeaturePanel,
    labels: Labels,
    eligible: Mask,
    settings: SignalModelSettings,
    horizon_sessions: int,
    grow: Grow = grow_here,
) -> TrainedModel:
    """A model of the last `settings.history_sessions` sessions of `features`.

    `eligible` (bool, sessions x tickers) says who belonged to the universe. The last `settings.validation_fraction` of
    the labelled sessions decide when to stop (first half) and calibrate (second half). Each part begins
    `horizon_sessions` + `settings.embargo_sessions` after the one before it, so that no label window reaches in.
    Raises DataMissing with the counts when there are too few sessions or rows, a class without rows, or a feature
    that is undefined throughout.
    """
    usable = usable_rows(features, labels, eligible)
    usable[: max(0, len(usable) - settings.history_sessions)] = False
    fitted = fit_rows(features, labels, usable, settings, horizon_sessions, grow)
    fitted.booster.set_attr(
        **{
            BASE_SCORE: repr(float(fitted.shares[BUY] - fitted.shares[SELL])),
            CALIBRATION: fitted.calibration.dumped(),
        }
    )
    training, validation = fitted.training, fitted.validation
    drawn = baselines.sample(len(training.y), settings.seed)
    linear = baselines.linear(training.values, training.y, training.weight, validation.values, settings.seed)
    learnt = Learnt(
        train_rows=len(training.y),
        train_sessions=len(np.unique(training.row)),
        stopping_rows=len(fitted.stopping.y),
        stopping_sessions=len(np.unique(fitted.stopping.row)),
        rounds=fitted.booster.num_boosted_rounds(),
        margins=margins(fitted.booster, training.values[drawn]),
        y=training.y[drawn],
    )
    raw = margins(fitted.booster, validation.values)
    answers = Answers(margins=raw, linear=linear, y=validation.y, row=validation.row)
    return TrainedModel(
        feature_names=features.names,
        feature_set_hash=features.set_hash,
        artefact=bytes(fitted.booster.save_raw(raw_format="ubj")),
        metrics=metrics_of(learnt, answers, fitted.calibration, settings, horizon_sessions),
    )


def usable_rows(features: FeaturePanel, labels: Labels, eligible: Mask) -> Mask:
    """Who belonged to the universe, has a known label and at least one feature. ValueError for unlike shapes."""
    shape = features.values.shape[:2]
    if labels.y.shape != shape or eligible.shape != shape:
        raise ValueError(f"`labels` and `eligible` must be of shape {shape}, were {labels.y.shape}, {eligible.shape}")
    usable: Mask = eligible & (labels.y != UNKNOWN) & ~np.isnan(features.values).all(axis=2)
    return usable


def fit_rows(
    features: FeaturePanel,
    labels: Labels,
    usable: Mask,
    settings: SignalModelSettings,
    horizon_sessions: int,
    grow: Grow = grow_here,
) -> Fitted:
    """Trees and calibration from the rows in `usable`, split as `train` says; it raises what `train` raises."""
    parts = split(usable, settings, horizon_sessions)
    training, stopping, validation = (_rows(features, labels, part) for part in parts)
    _require_enough(training, features.names)
    booster = _boost(training, stopping, features.names, settings, grow)
    shares = np.bincount(training.y, weights=training.weight, minlength=3) / training.weight.sum()
    calibration = uncalibrated(shares)
    if settings.calibration == "temperature":
        calibration = fit(margins(booster, validation.values), validation.y, shares)
    return Fitted(booster=booster, calibration=calibration, training=training, stopping=stopping, validation=validation)


def split(usable: Mask, settings: SignalModelSettings, horizon_sessions: int) -> tuple[Mask, Mask, Mask]:
    """What of `usable` (sessions, tickers) trains, what stops and what calibrates; DataMissing as `train` says."""
    sessions = np.flatnonzero(usable.any(axis=1))
    if len(sessions) < settings.min_history_sessions:
        raise DataMissing(
            f"`min_history_sessions` asks for {settings.min_history_sessions} sessions with labels before the first "
            f"one traded, there were {len(sessions)}; begin later or use a longer history"
        )
    # By the whole horizon, not by where each window ends: near a cut only the quick ends would be left to learn from.
    gap = horizon_sessions + settings.embargo_sessions
    held = sessions[len(sessions) - round(len(sessions) * settings.validation_fraction) :]
    half = (len(held) - gap) // 2
    if half < 1:
        raise DataMissing(
            f"`validation_fraction` {settings.validation_fraction} of {len(sessions)} sessions with labels must be at "
            f"least {gap + 2} sessions (horizon and embargo lie between its halves), was {len(held)}"
        )
    row = np.arange(len(usable))[:, np.newaxis]
    return (
        usable & (row < held[0] - gap),
        usable & (row >= held[0]) & (row <= held[half - 1]),
        usable & (row >= held[half + gap]),
    )


def _rows(features: FeaturePanel, labels: Labels, chosen: Mask) -> Part:
    weight = average_uniqueness(labels, chosen)[chosen]
    return Part(
        values=features.values[chosen],
        y=labels.y[chosen].astype(np.intp),
        weight=weight / weight.mean() if len(weight) else weight,
        row=np.nonzero(chosen)[0],
    )


def _require_enough(training: Part, names: tuple[str, ...]) -> None:
    if len(training.y) < MIN_ROWS:
        raise DataMissing(f"training needs at least {MIN_ROWS} labelled rows, there were {len(training.y)}")
    counts = {name: int(np.count_nonzero(training.y == label)) for label, name in enumerate(CLASS_NAMES)}
    if min(counts.values()) == 0:
        raise DataMissing(f"training needs rows of all 3 classes, there were {counts}")
    undefined = [name for column, name in enumerate(names) if np.isnan(training.values[:, column]).all()]
    if undefined:
        raise DataMissing(
            f"features must be defined somewhere in the {len(training.y)} training rows, not: {undefined}"
        )


def booster_parameters(settings: SignalModelSettings) -> dict[str, object]:
    """What XGBoost is told, wherever it runs."""
    return {
        "objective": "multi:softprob",
        "num_class": len(CLASS_NAMES),
        "eval_metric": "mlogloss",
        "tree_method": "hist",
        "max_bin": MAX_BINS,
        "max_depth": settings.max_depth,
        "learning_rate": settings.learning_rate,
        "min_child_weight": settings.min_child_weight,
        "subsample": settings.subsample,
        "colsample_bytree": settings.colsample,
        "seed": settings.seed,
        "nthread": settings.threads,
    }


def _boost(training: Part, stopping: Part, names: tuple[str, ...], settings: SignalModelSettings, grow: Grow) -> Any:
    scaling = fit_scaling(settings.scaling, training.values)
    learnt, stop = (
        replace(part, values=(part.values if scaling is None else scaling.scaled(part.values)).astype(np.float32))
        for part in (training, stopping)
    )
    booster = grow(learnt, stop, names, settings)
    best = booster if settings.early_stopping_rounds is None else booster[: booster.best_iteration + 1]
    best.set_param({"nthread": settings.threads})
    if scaling is not None:
        best.set_attr(**{SCALING: scaling.dumped()})
    return best
