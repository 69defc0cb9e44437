"""A small panel whose labels follow one feature, and the settings to learn it in a second."""

import numpy as np
import pytest

from tenthman.config import SignalModelSettings, TuningSettings, WalkForwardSettings
from tenthman.domain.features import FeaturePanel
from tenthman.ml.labels import BUY, HOLD, SELL, UNKNOWN, Labels
from tenthman.ml.training import TrainedModel, train

SESSIONS, TICKERS, HORIZON = 220, 12, 5
NAMES = ("signal", "noise", "rare")


@pytest.fixture(scope="session")
def settings() -> SignalModelSettings:
    return SignalModelSettings(
        seed=3,
        history_sessions=200,
        min_history_sessions=150,
        validation_fraction=0.2,
        embargo_sessions=3,
        max_rounds=25,
        early_stopping_rounds=5,
        max_depth=3,
        learning_rate=0.2,
        min_child_weight=5,
        subsample=0.8,
        colsample=1.0,
        threads=1,
        entry_fraction=0.1,
        exit_fraction=0.1,
        retrain_sessions=None,
        expires_after_sessions=126,
        calibration="temperature",
        walk_forward=WalkForwardSettings(folds=3, window="rolling"),
        tuning=TuningSettings(
            max_depth=(2, 4),
            learning_rate=(0.05, 0.3),
            min_child_weight=(1, 50),
            subsample=(0.5, 1.0),
            colsample=(0.5, 1.0),
        ),
    )


@pytest.fixture(scope="session")
def features() -> FeaturePanel:
    values = np.random.default_rng(8).normal(size=(SESSIONS, TICKERS, len(NAMES)))
    values[np.random.default_rng(9).uniform(size=values.shape[:2]) < 0.5, 2] = np.nan
    values[-1, 4] = np.nan
    return FeaturePanel(
        sessions=np.datetime64("2019-01-01") + np.arange(SESSIONS),
        tickers=tuple(f"T{number:02}" for number in range(TICKERS)),
        names=NAMES,
        values=values,
        definitions=("planted-1",),
    )


@pytest.fixture(scope="session")
def labels(features: FeaturePanel) -> Labels:
    wished = features.values[:, :, 0] + np.random.default_rng(10).normal(scale=0.5, size=(SESSIONS, TICKERS))
    y = np.select([wished > 1.0, wished < -0.5], [BUY, SELL], HOLD).astype(np.int8)
    y[-HORIZON:] = UNKNOWN
    rows = np.broadcast_to(np.arange(SESSIONS, dtype=np.int32)[:, None], y.shape)
    return Labels(y=y, end_row=np.where(y == UNKNOWN, -1, rows + HORIZON).astype(np.int32))


@pytest.fixture(scope="session")
def eligible(labels: Labels) -> np.ndarray:
    members = np.ones(labels.y.shape, dtype=bool)
    members[:, 0] = False
    return members


@pytest.fixture(scope="session")
def trained(
    features: FeaturePanel, labels: Labels, eligible: np.ndarray, settings: SignalModelSettings
) -> TrainedModel:
    return train(features, labels, eligible, settings, HORIZON)
