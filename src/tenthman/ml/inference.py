"""From one session's features to signals.

A model answers the same bits for the same values, freshly trained or loaded again, whatever else is in the batch.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from tenthman.domain.errors import DataCorrupt
from tenthman.domain.features import FeaturePanel
from tenthman.domain.market import Floats
from tenthman.domain.money import whole_share
from tenthman.domain.opinion import Action, Contribution, Signal
from tenthman.ml.calibration import Calibration, parse
from tenthman.ml.labels import BUY, HOLD, SELL
from tenthman.ml.scaling import as_read

BASE_SCORE = "base_score_of_classes"
"""The booster's attribute that holds p_buy - p_sell of the training rows as a whole."""

CALIBRATION = "calibration"
"""The booster's attribute that holds how its margins become probabilities."""

EXPLAINED = frozenset({Action.BUY, Action.SELL})
"""Whose contributions are computed unless asked: what may be traded. They take a hundred times as long as scores."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SignalModel:
    """A trained classifier and the features that it reads, in order. `booster` is an xgboost.Booster (untyped).

    `base_score` is p_buy - p_sell of the training rows as a whole, what a model without an opinion would say. It lies
    below 0 when the target is further away than the stop, so scores are judged by how far they lie from it.
    """

    version: str
    feature_names: tuple[str, ...]
    feature_set_hash: str
    base_score: float
    calibration: Calibration
    booster: Any

    def scores(self, values: Floats) -> Floats:
        """Calibrated probabilities (SELL, HOLD, BUY), shape (rows, 3), for `values` of shape (rows, features).

        A single undefined feature is the model's to handle; a row without any gives NaN. ValueError for another width.
        """
        known = self._known_rows(values)
        result = np.full((len(values), 3), np.nan)
        if known.any():
            result[known] = self.calibration.probabilities(margins(self.booster, values[known]))
        return result

    def contributions(self, values: Floats) -> Floats:
        """How much each feature moved BUY against SELL (log-odds), shape (rows, features); NaN as in `scores`.

        Tree SHAP (Lundberg et al., 2020): with one constant of the model they add up to log(p_buy / p_sell).
        """
        known = self._known_rows(values)
        result = np.full(values.shape, np.nan)
        if known.any():
            parts = self.booster.predict(self._matrix(values[known]), pred_contribs=True, strict_shape=True)
            result[known] = self.calibration.slope * (parts[:, BUY, :-1].astype(np.float64) - parts[:, SELL, :-1])
        return result

    def read(self, features: FeaturePanel) -> FeaturePanel:
        """The part of `features` that this model reads. DataCorrupt when it is not what the model was trained on."""
        if not set(self.feature_names) <= set(features.names):
            missing = sorted(set(self.feature_names) - set(features.names))
            raise DataCorrupt(f"model {self.version}: `features` must hold {missing}")
        mine = features.select(self.feature_names)
        if mine.set_hash != self.feature_set_hash:
            raise DataCorrupt(
                f"model {self.version}: `features` must be set {self.feature_set_hash[:12]}, was {mine.set_hash[:12]}"
            )
        return mine

    def _known_rows(self, values: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        if values.ndim != 2 or values.shape[1] != len(self.feature_names):
            raise ValueError(f"`values` must have shape (rows, {len(self.feature_names)}), was {values.shape}")
        return np.asarray(~np.isnan(values).all(axis=1))

    def _matrix(self, values: Floats) -> Any:
        from xgboost import DMatrix

        return DMatrix(
            as_read(self.booster, values).astype(np.float32), feature_names=list(self.feature_names), nthread=1
        )


def margins(booster: Any, values: Floats) -> Floats:
    """The trees' margins (rows, 3), float32: the same bits for a row whatever else is in `values` (rows, features)."""
    return np.asarray(booster.inplace_predict(as_read(booster, values).astype(np.float32), predict_type="margin"))


def open_model(artefact: bytes, *, version: str, feature_names: tuple[str, ...], feature_set_hash: str) -> SignalModel:
    """The model in `artefact` (XGBoost's UBJSON). DataCorrupt when it is none, or reads others than `feature_names`."""
    from xgboost import Booster
    from xgboost.core import XGBoostError

    try:
        booster = Booster({"nthread": 1}, model_file=bytearray(artefact))
    except XGBoostError as error:
        raise DataCorrupt(f"model {version}: `artefact` is not a model: {str(error).splitlines()[0]}") from error
    if tuple(booster.feature_names or ()) != feature_names:
        raise DataCorrupt(f"model {version}: `feature_names` must be {booster.feature_names}, were {feature_names}")
    base_score, calibration = booster.attr(BASE_SCORE), booster.attr(CALIBRATION)
    if base_score is None or calibration is None:
        raise DataCorrupt(
            f"model {version}: `artefact` must hold {BASE_SCORE} and {CALIBRATION}, held {sorted(booster.attributes())}"
        )
    return SignalModel(
        version=version,
        feature_names=feature_names,
        feature_set_hash=feature_set_hash,
        base_score=float(base_score),
        calibration=parse(calibration),
        booster=booster,
    )


def signals(
    model: SignalModel,
    features: FeaturePanel,
    row: int,
    tickers: tuple[str, ...],
    *,
    horizon_sessions: int,
    entry_fraction: float,
    exit_fraction: float,
    top_contributions: int = 5,
    explained: Collection[Action] = EXPLAINED,
) -> tuple[Signal, ...]:
    """One signal for each of `tickers` that has features in `row`, in their order.

    BUY for the best `entry_fraction` of the tickers by p_buy - p_sell, as far as it lies above the model's base score;
    SELL for the worst `exit_fraction`, as far as it lies below; HOLD between. Fractions are rounded up to whole
    tickers, ties go by ticker. Signals whose action is in `explained` carry their `top_contributions` largest
    contributions. `features` may hold more than the model reads. DataCorrupt when they are not what it was trained on,
    KeyError for a ticker that they do not hold.
    """
    mine = model.read(_session_of(features, row))
    values = np.ascontiguousarray(mine.values[0][[_column(mine, ticker) for ticker in tickers]])
    probabilities = model.scores(values)
    session: date = mine.sessions[0].astype(date)
    excess = probabilities[:, BUY] - probabilities[:, SELL] - model.base_score
    actions = _actions(excess, tickers, entry_fraction, exit_fraction)
    shown = [place for place, action in enumerate(actions) if action in explained]
    contributions = dict(zip(shown, model.contributions(values[shown]), strict=True))
    found = []
    for place, ticker in enumerate(tickers):
        sell, hold, buy = (float(probabilities[place, label]) for label in (SELL, HOLD, BUY))
        if np.isnan(buy):
            continue
        found.append(
            Signal(
                ticker=ticker,
                session=session,
                action=actions[place],
                p_buy=buy,
                p_hold=hold,
                p_sell=sell,
                horizon_sessions=horizon_sessions,
                model_version=model.version,
                base_score=model.base_score,
                contributions=()
                if place not in contributions
                else _largest(mine.names, values[place], contributions[place], top_contributions),
            )
        )
    return tuple(found)


def _session_of(features: FeaturePanel, row: int) -> FeaturePanel:
    """One session of `features`: looking at the others would cost more than scoring this one."""
    only = [row]
    return FeaturePanel(
        sessions=features.sessions[only],
        tickers=features.tickers,
        names=features.names,
        values=features.values[only],
        definitions=features.definitions,
    )


def _column(features: FeaturePanel, ticker: str) -> int:
    try:
        return features.tickers.index(ticker)
    except ValueError:
        raise KeyError(ticker) from None


def _actions(
    excess: Floats, tickers: tuple[str, ...], entry_fraction: float, exit_fraction: float
) -> tuple[Action, ...]:
    known = sorted(
        (place for place in range(len(tickers)) if not np.isnan(excess[place])),
        key=lambda place: (-excess[place], tickers[place]),
    )
    actions = [Action.HOLD] * len(tickers)
    for place in known[: whole_share(entry_fraction, len(known))]:
        if excess[place] > 0:
            actions[place] = Action.BUY
    for place in known[len(known) - whole_share(exit_fraction, len(known)) :]:
        if excess[place] < 0:
            actions[place] = Action.SELL
    return tuple(actions)


def _largest(names: tuple[str, ...], values: Floats, parts: Floats, count: int) -> tuple[Contribution, ...]:
    order = np.argsort(-np.abs(parts), kind="stable")[:count]
    return tuple(
        Contribution(
            feature=names[column],
            value=None if np.isnan(values[column]) else float(values[column]),
            contribution=float(parts[column]),
        )
        for column in order
    )
