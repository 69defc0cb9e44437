"""Training the signal model: purged, embargoed, weighted by uniqueness, the same bits on every run.

The caller cuts the data: nothing after the last session before the first one traded may be in the panels. Labels whose
window reaches beyond the cut are unknown and never used.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tenthman.config import SignalModelSettings
from tenthman.domain.errors import DataMissing
from tenthman.domain.features import FeaturePanel
from tenthman.domain.market import Floats
from tenthman.ml.inference import BASE_SCORE
from tenthman.ml.labels import BUY, SELL, UNKNOWN, Labels, Mask, average_uniqueness

CODE = "training-1"
"""Changes whenever the same inputs would train another model."""

CLASS_NAMES = ("sell", "hold", "buy")
MIN_ROWS = 500
MAX_BINS = 64  # 256 took a fifth longer and changed the validation loss in the fourth digit


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """What the validation block says. Losses are multi-class log loss (nats), lower is better.

    `prior_mlogloss` is what the class shares of the training rows alone would score. `rank_ic` is the mean over
    `rank_ic_sessions` sessions of Spearman's correlation between score and class (SELL < HOLD < BUY) across tickers;
    None when no session has both spread in scores and in classes. `class_shares` are of the training rows, by weight.
    """

    train_rows: int
    train_sessions: int
    validation_rows: int
    validation_sessions: int
    rounds: int
    train_mlogloss: float
    validation_mlogloss: float
    prior_mlogloss: float
    rank_ic: float | None
    rank_ic_sessions: int
    class_shares: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedModel:
    """A trained booster as UBJSON bytes, what it reads, and how it did."""

    feature_names: tuple[str, ...]
    feature_set_hash: str
    artefact: bytes
    metrics: Metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    values: Floats
    y: Floats
    weight: Floats
    row: np.ndarray[tuple[int, ...], np.dtype[np.intp]]


def train(
    features: FeaturePanel, labels: Labels, eligible: Mask, settings: SignalModelSettings, horizon_sessions: int
) -> TrainedModel:
    """A model of the last `settings.history_sessions` sessions of `features`.

    `eligible` (bool, sessions x tickers) says who belonged to the universe. The last `settings.validation_fraction` of
    the labelled sessions decide when to stop; training rows end `horizon_sessions` + `settings.embargo_sessions`
    before them, so that no label window reaches in. Raises DataMissing with the counts when there are too few
    sessions or rows, a class without rows, or a feature that is undefined throughout.
    """
    shape = features.values.shape[:2]
    if labels.y.shape != shape or eligible.shape != shape:
        raise ValueError(f"`labels` and `eligible` must be of shape {shape}, were {labels.y.shape}, {eligible.shape}")
    usable = eligible & (labels.y != UNKNOWN) & ~np.isnan(features.values).all(axis=2)
    usable[: max(0, shape[0] - settings.history_sessions)] = False
    in_training, in_validation = _split(usable, settings, horizon_sessions)
    training = _block(features, labels, in_training)
    validation = _block(features, labels, in_validation)
    _require_enough(training, validation, features.names)
    booster, history = _fit(training, validation, features.names, settings)
    shares = np.bincount(training.y.astype(np.intp), weights=training.weight, minlength=3) / training.weight.sum()
    booster.set_attr(**{BASE_SCORE: repr(float(shares[BUY] - shares[SELL]))})
    return TrainedModel(
        feature_names=features.names,
        feature_set_hash=features.set_hash,
        artefact=bytes(booster.save_raw(raw_format="ubj")),
        metrics=_metrics(booster, history, training, validation, shares),
    )


def _split(usable: Mask, settings: SignalModelSettings, horizon_sessions: int) -> tuple[Mask, Mask]:
    sessions = np.flatnonzero(usable.any(axis=1))
    if len(sessions) < settings.min_history_sessions:
        raise DataMissing(
            f"`min_history_sessions` asks for {settings.min_history_sessions} sessions with labels before the first "
            f"one traded, there were {len(sessions)}; begin later or use a longer history"
        )
    first_validation = sessions[len(sessions) - max(1, round(len(sessions) * settings.validation_fraction))]
    first_dropped = first_validation - horizon_sessions - settings.embargo_sessions
    training, validation = usable.copy(), usable.copy()
    training[max(0, first_dropped) :] = False
    validation[:first_validation] = False
    return training, validation


def _block(features: FeaturePanel, labels: Labels, chosen: Mask) -> _Block:
    weight = average_uniqueness(labels, chosen)[chosen]
    return _Block(
        values=features.values[chosen],
        y=labels.y[chosen].astype(np.float64),
        weight=weight / weight.mean() if len(weight) else weight,
        row=np.nonzero(chosen)[0],
    )


def _require_enough(training: _Block, validation: _Block, names: tuple[str, ...]) -> None:
    if len(training.y) < MIN_ROWS or len(validation.y) < 1:
        raise DataMissing(
            f"training needs at least {MIN_ROWS} labelled rows and 1 to validate on, there were {len(training.y)} "
            f"and {len(validation.y)}"
        )
    counts = {name: int(np.count_nonzero(training.y == label)) for label, name in enumerate(CLASS_NAMES)}
    if min(counts.values()) == 0:
        raise DataMissing(f"training needs rows of all 3 classes, there were {counts}")
    undefined = [name for column, name in enumerate(names) if np.isnan(training.values[:, column]).all()]
    if undefined:
        raise DataMissing(
            f"features must be defined somewhere in the {len(training.y)} training rows, not: {undefined}"
        )


def _fit(
    training: _Block, validation: _Block, names: tuple[str, ...], settings: SignalModelSettings
) -> tuple[Any, dict[str, list[float]]]:
    import xgboost

    options = {"feature_names": list(names), "nthread": settings.threads, "max_bin": MAX_BINS}
    matrix = xgboost.QuantileDMatrix(training.values.astype(np.float32), training.y, weight=training.weight, **options)
    check = xgboost.QuantileDMatrix(validation.values.astype(np.float32), validation.y, ref=matrix, **options)
    record: dict[str, dict[str, list[float]]] = {}
    booster = xgboost.train(
        {
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
        },
        matrix,
        num_boost_round=settings.max_rounds,
        evals=[(matrix, "training"), (check, "validation")],
        early_stopping_rounds=settings.early_stopping_rounds,
        evals_result=record,
        verbose_eval=False,
    )
    rounds = booster.best_iteration + 1
    return booster[:rounds], {name: losses["mlogloss"][:rounds] for name, losses in record.items()}


def _metrics(
    booster: Any, history: dict[str, list[float]], training: _Block, validation: _Block, shares: Floats
) -> Metrics:
    import xgboost

    values = xgboost.DMatrix(validation.values.astype(np.float32), feature_names=booster.feature_names, nthread=1)
    probabilities = booster.predict(values).astype(np.float64)
    rank_ic, sessions = _rank_ic(probabilities[:, BUY] - probabilities[:, SELL], validation)
    return Metrics(
        train_rows=len(training.y),
        train_sessions=len(np.unique(training.row)),
        validation_rows=len(validation.y),
        validation_sessions=len(np.unique(validation.row)),
        rounds=len(history["validation"]),
        train_mlogloss=history["training"][-1],
        validation_mlogloss=history["validation"][-1],
        prior_mlogloss=float(-np.log(shares)[validation.y.astype(np.intp)].mean()),
        rank_ic=rank_ic,
        rank_ic_sessions=sessions,
        class_shares={name: float(share) for name, share in zip(CLASS_NAMES, shares, strict=True)},
    )


def _rank_ic(score: Floats, validation: _Block) -> tuple[float | None, int]:
    found = []
    for row in np.unique(validation.row):
        here = validation.row == row
        a, b = _ranks(score[here]), _ranks(validation.y[here])
        if np.ptp(a) > 0 and np.ptp(b) > 0:
            found.append(float(np.corrcoef(a, b)[0, 1]))
    return (float(np.mean(found)), len(found)) if found else (None, 0)


def _ranks(values: Floats) -> Floats:
    """Ranks from 1, ties at their mean."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranked: Floats = (np.cumsum(counts) - (counts - 1) / 2.0)[place]
    return ranked
