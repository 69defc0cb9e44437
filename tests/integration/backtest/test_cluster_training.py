"""Training on a real Dask cluster gives a model like the local one, from rows that only the workers read."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from tenthman_sweep import Cluster
from tenthman_training import PLANTED, planted_features, planted_labels, signal_settings

from tenthman.config import SignalModelSettings, load_config
from tenthman.domain.errors import DataMissing, SetupError
from tenthman.domain.features import FeaturePanel
from tenthman.ml.cluster_training import GROWN_ON, Parts, growing_on, train_on_cluster
from tenthman.ml.inference import open_model
from tenthman.ml.labels import BUY, HOLD, SELL, Labels
from tenthman.ml.registry import TrainingInputs
from tenthman.ml.training import Part, TrainedModel, fit_rows, train, usable_rows

SESSIONS, TICKERS, HORIZON = 260, 12, 5


@pytest.fixture(scope="module")
def settings() -> SignalModelSettings:
    return signal_settings(history_sessions=260, validation_fraction=0.3, max_rounds=15, subsample=1.0)


@pytest.fixture(scope="module")
def features() -> FeaturePanel:
    return planted_features(SESSIONS, TICKERS)


@pytest.fixture(scope="module")
def labels(features: FeaturePanel) -> Labels:
    return planted_labels(features, HORIZON)


@pytest.fixture(scope="module")
def local(features: FeaturePanel, labels: Labels, settings: SignalModelSettings) -> TrainedModel:
    return train(features, labels, np.ones(labels.y.shape, dtype=bool), settings, HORIZON)


@pytest.fixture(scope="module")
def parts(features: FeaturePanel, labels: Labels, settings: SignalModelSettings) -> Parts:
    """The very rows of the local training, in parts of 700 rows; weights in another unit."""
    usable = usable_rows(features, labels, np.ones(labels.y.shape, dtype=bool))
    fitted = fit_rows(features, labels, usable, settings, HORIZON)
    split = {name: cut(getattr(fitted, name)) for name in ("training", "stopping", "validation")}
    return Parts(feature_names=PLANTED, feature_set_hash=features.set_hash, shared="what all parts read", **split)


def cut(rows: Part, size: int = 700) -> tuple[object, ...]:
    return tuple(
        Held(*(array[begin : begin + size] for array in (rows.values, rows.y, rows.weight, rows.row)))
        for begin in range(0, len(rows.y), size)
    )


class Held:
    """A part that is carried along; a real one would name a file."""

    def __init__(self, values: np.ndarray, y: np.ndarray, weight: np.ndarray, row: np.ndarray) -> None:
        self.held = values, y, weight, row

    def __call__(self, shared: object) -> Part:
        assert shared == "what all parts read"
        values, y, weight, row = self.held
        return Part(values=values, y=y, weight=4.0 * weight, row=row)


def test_a_model_trained_on_a_cluster_is_like_the_local_one(
    features: FeaturePanel, local: TrainedModel, parts: Parts, settings: SignalModelSettings, cluster: Cluster
) -> None:
    assert len(parts.training) > 2
    training = train_on_cluster(cluster.address, parts, settings, HORIZON)
    found = training.model
    assert len(training.drawn.y) == local.metrics.train_rows
    assert (found.feature_names, found.feature_set_hash) == (local.feature_names, local.feature_set_hash)
    for counted in ("train_rows", "train_sessions", "stopping_rows", "stopping_sessions", "validation_rows"):
        assert getattr(found.metrics, counted) == getattr(local.metrics, counted)
    assert found.metrics.class_shares == pytest.approx(local.metrics.class_shares)
    assert found.metrics.baselines["linear"].mlogloss == pytest.approx(
        local.metrics.baselines["linear"].mlogloss, abs=1e-4
    )
    opened = [
        open_model(item.artefact, version=name, feature_names=PLANTED, feature_set_hash=features.set_hash)
        for name, item in (("local", local), ("cluster", found))
    ]
    values = features.values.reshape(-1, len(PLANTED))
    mine, theirs = (model.scores(values) for model in opened)
    assert float(np.abs(mine - theirs).mean()) < 0.02
    assert float(np.corrcoef(mine[:, BUY] - mine[:, SELL], theirs[:, BUY] - theirs[:, SELL])[0, 1]) > 0.99
    assert opened[0].base_score == pytest.approx(opened[1].base_score)
    assert found.metrics.validation_mlogloss < 0.8 * found.metrics.prior_mlogloss


def test_trees_that_the_workers_grow_serve_a_whole_training_and_are_told_apart(
    features: FeaturePanel, labels: Labels, local: TrainedModel, settings: SignalModelSettings, cluster: Cluster
) -> None:
    """Levels are scaled before they are sent, and early stopping is the workers' too."""
    wanted = signal_settings(**{**settings.model_dump(), "scaling": "robust", "early_stopping_rounds": 5})
    everyone = np.ones(labels.y.shape, dtype=bool)
    with growing_on(cluster.address) as grow:
        found = train(features, labels, everyone, wanted, HORIZON, grow)
    assert found.artefact != local.artefact
    assert found.metrics.train_rows == local.metrics.train_rows
    assert found.metrics.calibrated.mlogloss == pytest.approx(local.metrics.calibrated.mlogloss, abs=0.02)
    model = open_model(found.artefact, version="x", feature_names=PLANTED, feature_set_hash=features.set_hash)
    here = train(features, labels, everyone, wanted, HORIZON)
    assert found.metrics.rounds == pytest.approx(here.metrics.rounds, abs=3)
    mine = open_model(here.artefact, version="y", feature_names=PLANTED, feature_set_hash=features.set_hash)
    values = features.values.reshape(-1, len(PLANTED))
    assert float(np.abs(model.scores(values) - mine.scores(values)).mean()) < 0.02


def test_a_model_grown_elsewhere_is_another_model_in_the_registry(settings: SignalModelSettings) -> None:
    inputs = TrainingInputs(
        content_hash="c", material_hash="m", trained_until=date(2020, 1, 2), feature_set_hash="f",
        settings=settings, rules=load_config(None, {}).risk_rules.stops,
    )  # fmt: skip
    elsewhere = replace(inputs, grown_on=GROWN_ON)
    assert (elsewhere.key, elsewhere.recipe) != (inputs.key, inputs.recipe)
    assert "grown_on" not in inputs.described()


def test_workers_with_another_xgboost_are_refused(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xgboost.__version__", "0.1")
    with pytest.raises(SetupError, match=r"must run XGBoost 0\.1 as here; not so: \{'tcp"), growing_on(cluster.address):
        pytest.fail("a training began")


def test_parts_that_cannot_train_a_model_are_refused_with_their_counts(
    parts: Parts, settings: SignalModelSettings, cluster: Cluster
) -> None:
    values, y, weight, row = parts.training[0].held  # type: ignore[attr-defined]
    none = Held(values[:0], y[:0], weight[:0], row[:0])
    few = Held(values[:100], y[:100], weight[:100], row[:100])
    one_class = Held(values, np.full_like(y, HOLD), weight, row)
    without_noise = Held(np.where([False, True, False], np.nan, values), y, weight, row)
    for training, complaint in (
        ((), r"`training` must have parts, all of them with rows; without were all"),
        ((few, none), r"without were \[1\]"),
        ((few,), r"at least 500 labelled rows, there were 100"),
        ((without_noise,), r"defined somewhere in the 700 training rows, not: \['noise'\]"),
        ((one_class,), r"rows of all 3 classes, there were \{'sell': 0, 'hold': 700, 'buy': 0\}"),
    ):
        with pytest.raises(DataMissing, match=complaint):
            train_on_cluster(cluster.address, replace(parts, training=training), settings, HORIZON)
