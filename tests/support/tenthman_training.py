"""What training needs, small: settings that learn in a second, and a panel whose labels follow one feature."""

import numpy as np

from tenthman.config import SignalModelSettings
from tenthman.domain.features import FeaturePanel
from tenthman.ml.labels import BUY, HOLD, SELL, UNKNOWN, Labels

PLANTED = ("signal", "noise", "rare")

_SETTINGS: dict[str, object] = {
    "seed": 3,
    "history_sessions": 200,
    "min_history_sessions": 150,
    "validation_fraction": 0.2,
    "embargo_sessions": 3,
    "max_rounds": 25,
    "early_stopping_rounds": 5,
    "max_depth": 3,
    "learning_rate": 0.2,
    "min_child_weight": 5,
    "subsample": 0.8,
    "colsample": 1.0,
    "threads": 1,
    "entry_fraction": 0.1,
    "exit_fraction": 0.1,
    "retrain_sessions": None,
    "expires_after_sessions": 126,
    "calibration": "temperature",
    "walk_forward": {"folds": 3, "window": "rolling"},
    "tuning": {
        "max_depth": (2, 4),
        "learning_rate": (0.05, 0.3),
        "min_child_weight": (1, 50),
        "subsample": (0.5, 1.0),
        "colsample": (0.5, 1.0),
    },
}


def signal_settings(**changes: object) -> SignalModelSettings:
    """Settings for a small panel, with `changes`."""
    return SignalModelSettings.model_validate({**_SETTINGS, **changes})


def planted_features(sessions: int, tickers: int) -> FeaturePanel:
    """Three features drawn at random, the third known for half of the rows."""
    values = np.random.default_rng(8).normal(size=(sessions, tickers, len(PLANTED)))
    values[np.random.default_rng(9).uniform(size=values.shape[:2]) < 0.5, 2] = np.nan
    return FeaturePanel(
        sessions=np.datetime64("2019-01-01") + np.arange(sessions),
        tickers=tuple(f"T{number:02}" for number in range(tickers)),
        names=PLANTED,
        values=values,
        definitions=("planted-1",),
    )


def planted_labels(features: FeaturePanel, horizon: int) -> Labels:
    """Labels that follow the first feature, through noise; the last `horizon` sessions are not known."""
    wished = features.values[:, :, 0] + np.random.default_rng(10).normal(scale=0.5, size=features.values.shape[:2])
    y = np.select([wished > 1.0, wished < -0.5], [BUY, SELL], HOLD).astype(np.int8)
    y[-horizon:] = UNKNOWN
    rows = np.broadcast_to(np.arange(len(y), dtype=np.int32)[:, None], y.shape)
    return Labels(y=y, end_row=np.where(y == UNKNOWN, -1, rows + horizon).astype(np.int32))
