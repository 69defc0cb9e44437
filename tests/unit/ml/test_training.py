"""Training: what it learns, what it leaves out, and what it refuses."""

import numpy as np
import pytest

from tenthman.config import SignalModelSettings
from tenthman.domain.errors import DataMissing
from tenthman.domain.features import FeaturePanel
from tenthman.ml.labels import BUY, HOLD, UNKNOWN, Labels
from tenthman.ml.training import TrainedModel, train

HORIZON = 5


def changed(features: FeaturePanel, values: np.ndarray) -> FeaturePanel:
    return FeaturePanel(
        sessions=features.sessions.copy(),
        tickers=features.tickers,
        names=features.names,
        values=values,
        definitions=features.definitions,
    )


def relabelled(labels: Labels, y: np.ndarray) -> Labels:
    return Labels(y=y, end_row=np.where(y == UNKNOWN, -1, np.maximum(labels.end_row, 0)).astype(np.int32))


def test_a_planted_relation_is_found(trained: TrainedModel) -> None:
    metrics = trained.metrics
    assert metrics.validation_mlogloss < 0.8 * metrics.prior_mlogloss
    assert metrics.rank_ic is not None
    assert metrics.rank_ic > 0.5
    assert metrics.rank_ic_sessions == metrics.validation_sessions


def test_labels_without_relation_are_not_learnt(
    features: FeaturePanel, labels: Labels, eligible: np.ndarray, settings: SignalModelSettings
) -> None:
    y = labels.y.copy()
    y[:-HORIZON] = np.random.default_rng(5).permutation(y[:-HORIZON].ravel()).reshape(y[:-HORIZON].shape)
    metrics = train(features, relabelled(labels, y), eligible, settings, HORIZON).metrics
    assert metrics.validation_mlogloss > metrics.prior_mlogloss - 0.01
    assert metrics.rank_ic is not None
    assert abs(metrics.rank_ic) < 0.15


def test_training_again_gives_the_same_bytes(
    trained: TrainedModel,
    features: FeaturePanel,
    labels: Labels,
    eligible: np.ndarray,
    settings: SignalModelSettings,
) -> None:
    assert train(features, labels, eligible, settings, HORIZON) == trained


def test_each_part_begins_a_horizon_and_an_embargo_after_the_one_before_it(trained: TrainedModel) -> None:
    # 200 sessions of history, of which 5 have no label yet: 195; a fifth is 39; 8 are dropped before it and inside it.
    assert trained.metrics.validation_sessions == 16
    assert trained.metrics.stopping_sessions == 39 - 8 - 16
    assert trained.metrics.train_sessions == 195 - 39 - 8
    assert trained.metrics.train_rows == (195 - 39 - 8) * 11


def test_rows_between_training_and_validation_and_before_the_history_change_nothing(
    trained: TrainedModel,
    features: FeaturePanel,
    labels: Labels,
    eligible: np.ndarray,
    settings: SignalModelSettings,
) -> None:
    values = features.values.copy()
    values[:20] = 99.0
    values[168:176] = 99.0
    values[:, 0] = 99.0
    assert train(changed(features, values), labels, eligible, settings, HORIZON).artefact == trained.artefact
    first_of_validation = values.copy()
    first_of_validation[176] = 99.0
    assert train(changed(features, first_of_validation), labels, eligible, settings, HORIZON).metrics != trained.metrics


def test_rows_without_a_label_are_never_used_whatever_their_features_say(
    trained: TrainedModel,
    features: FeaturePanel,
    labels: Labels,
    eligible: np.ndarray,
    settings: SignalModelSettings,
) -> None:
    values = features.values.copy()
    values[labels.y == UNKNOWN] = 99.0
    assert train(changed(features, values), labels, eligible, settings, HORIZON) == trained


def test_rows_without_any_feature_are_left_out_and_counted_as_such(
    trained: TrainedModel,
    features: FeaturePanel,
    labels: Labels,
    eligible: np.ndarray,
    settings: SignalModelSettings,
) -> None:
    values = features.values.copy()
    values[100, 1:4] = np.nan
    metrics = train(changed(features, values), labels, eligible, settings, HORIZON).metrics
    assert metrics.train_rows == trained.metrics.train_rows - 3


def test_a_validation_part_too_short_to_be_halved_is_refused_with_the_counts(
    features: FeaturePanel, labels: Labels, eligible: np.ndarray, settings: SignalModelSettings
) -> None:
    short = settings.model_copy(update={"validation_fraction": 0.045})
    with pytest.raises(DataMissing, match=r"0\.045 of 195 sessions .* at least 10 sessions .*, was 9"):
        train(features, labels, eligible, short, HORIZON)


def test_without_calibration_the_trees_speak_for_themselves(
    trained: TrainedModel, features: FeaturePanel, labels: Labels, eligible: np.ndarray, settings: SignalModelSettings
) -> None:
    plain = train(features, labels, eligible, settings.model_copy(update={"calibration": "none"}), HORIZON).metrics
    assert plain.slope == 1.0
    assert plain.calibrated == plain.uncalibrated == trained.metrics.uncalibrated
    assert trained.metrics.slope != 1.0


def test_too_little_history_is_refused_with_the_counts(
    features: FeaturePanel, labels: Labels, eligible: np.ndarray, settings: SignalModelSettings
) -> None:
    wanting = settings.model_copy(update={"min_history_sessions": 196})
    with pytest.raises(DataMissing, match=r"asks for 196 sessions .* there were 195"):
        train(features, labels, eligible, wanting, HORIZON)


def test_too_few_rows_are_refused_with_the_counts(
    features: FeaturePanel, labels: Labels, eligible: np.ndarray, settings: SignalModelSettings
) -> None:
    few = eligible & (np.arange(eligible.shape[1]) < 3)
    with pytest.raises(DataMissing, match="at least 500 labelled rows, there were 296"):
        train(features, labels, few, settings, HORIZON)


def test_a_class_without_rows_is_refused(
    features: FeaturePanel, labels: Labels, eligible: np.ndarray, settings: SignalModelSettings
) -> None:
    y = np.where(labels.y == BUY, HOLD, labels.y).astype(np.int8)
    with pytest.raises(DataMissing, match=r"all 3 classes, there were .*'buy': 0"):
        train(features, relabelled(labels, y), eligible, settings, HORIZON)


def test_a_feature_that_is_never_defined_is_refused_by_name(
    features: FeaturePanel, labels: Labels, eligible: np.ndarray, settings: SignalModelSettings
) -> None:
    values = features.values.copy()
    values[:, :, 1] = np.nan
    with pytest.raises(DataMissing, match=r"not: \['noise'\]"):
        train(changed(features, values), labels, eligible, settings, HORIZON)


def test_panels_of_different_shapes_are_refused(
    features: FeaturePanel, labels: Labels, eligible: np.ndarray, settings: SignalModelSettings
) -> None:
    with pytest.raises(ValueError, match="must be of shape"):
        train(features, labels, eligible[:-1], settings, HORIZON)
