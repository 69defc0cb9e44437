"""A small panel whose labels follow one feature, and the settings to learn it in a second."""

from dataclasses import replace

import numpy as np
import pytest
from tenthman_training import planted_features, planted_labels, signal_settings

from tenthman.config import SignalModelSettings
from tenthman.domain.features import FeaturePanel
from tenthman.ml.labels import Labels
from tenthman.ml.training import TrainedModel, train

SESSIONS, TICKERS, HORIZON = 220, 12, 5


@pytest.fixture(scope="session")
def settings() -> SignalModelSettings:
    return signal_settings()


@pytest.fixture(scope="session")
def features() -> FeaturePanel:
    planted = planted_features(SESSIONS, TICKERS)
    values = planted.values.copy()
    values[-1, 4] = np.nan
    return replace(planted, values=values)


@pytest.fixture(scope="session")
def labels(features: FeaturePanel) -> Labels:
    return planted_labels(features, HORIZON)


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
