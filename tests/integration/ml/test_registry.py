"""The registry: models come back to the bit, and altered ones do not come back at all."""

from datetime import UTC, date, datetime

import numpy as np
import pytest

from tenthman.config import SignalModelSettings, StopRules, TuningSettings, WalkForwardSettings
from tenthman.db.pool import Pool
from tenthman.domain.errors import DataCorrupt, DataMissing
from tenthman.domain.features import FeaturePanel
from tenthman.ml.inference import open_model
from tenthman.ml.labels import UNKNOWN, Labels
from tenthman.ml.registry import TrainingInputs, find, load, manifest_of, save
from tenthman.ml.training import TrainedModel, train

AT = datetime(2020, 1, 5, 12, 0, tzinfo=UTC)
RULES = StopRules(atr_sessions=14, stop_atr=2.0, reward_risk=1.5, horizon_sessions=2, limit_offset_bp=30)
SETTINGS = SignalModelSettings(
    seed=3,
    history_sessions=150,
    min_history_sessions=100,
    validation_fraction=0.2,
    embargo_sessions=1,
    max_rounds=5,
    early_stopping_rounds=5,
    max_depth=2,
    learning_rate=0.3,
    min_child_weight=1,
    subsample=1.0,
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


@pytest.fixture(scope="module")
def features() -> FeaturePanel:
    return FeaturePanel(
        sessions=np.datetime64("2019-01-01") + np.arange(120),
        tickers=tuple(f"T{number}" for number in range(10)),
        names=("x", "y"),
        values=np.random.default_rng(1).normal(size=(120, 10, 2)),
        definitions=("test-1",),
    )


@pytest.fixture(scope="module")
def trained(features: FeaturePanel) -> TrainedModel:
    y = np.digitize(features.values[:, :, 0], (-0.5, 0.5)).astype(np.int8)
    y[-2:] = UNKNOWN
    rows = np.broadcast_to(np.arange(120, dtype=np.int32)[:, None], y.shape)
    labels = Labels(y=y, end_row=np.where(y == UNKNOWN, -1, rows + 2).astype(np.int32))
    return train(features, labels, np.ones(y.shape, dtype=bool), SETTINGS, 2)


@pytest.fixture(scope="module")
def inputs(features: FeaturePanel) -> TrainingInputs:
    return TrainingInputs(
        content_hash="c" * 64,
        trained_until=date(2019, 4, 30),
        feature_set_hash=features.set_hash,
        settings=SETTINGS,
        rules=RULES,
    )


@pytest.fixture
def market_id(pool: Pool) -> str:
    with pool.connection() as connection:
        connection.execute("INSERT INTO markets VALUES ('m1', 'practice', 'n', 'd', 's', 'p', 'l', 'h', 'SPY')")
    return "m1"


def test_a_model_is_found_by_its_inputs_and_answers_the_same_bits(
    pool: Pool, market_id: str, trained: TrainedModel, inputs: TrainingInputs, features: FeaturePanel
) -> None:
    assert find(pool, market_id, inputs.key) is None
    version = save(pool, market_id, trained, inputs, AT)
    fresh = open_model(
        trained.artefact, version=version, feature_names=("x", "y"), feature_set_hash=trained.feature_set_hash
    )
    for model in (load(pool, version), find(pool, market_id, inputs.key)):
        assert model is not None
        assert (model.version, model.feature_names) == (version, ("x", "y"))
        assert model.read(features).names == model.feature_names
        assert model.base_score == fresh.base_score
        assert model.scores(features.values[7]).tobytes() == fresh.scores(features.values[7]).tobytes()
        assert model.contributions(features.values[7]).tobytes() == fresh.contributions(features.values[7]).tobytes()
    assert find(pool, "m2", inputs.key) is None
    assert manifest_of(pool, version)["metrics"]["train_rows"] == trained.metrics.train_rows


def test_saving_the_same_model_again_changes_nothing(
    pool: Pool, market_id: str, trained: TrainedModel, inputs: TrainingInputs
) -> None:
    assert save(pool, market_id, trained, inputs, AT) == save(pool, market_id, trained, inputs, AT) == inputs.version


def test_other_bytes_under_the_same_inputs_are_refused(
    pool: Pool, market_id: str, trained: TrainedModel, inputs: TrainingInputs
) -> None:
    save(pool, market_id, trained, inputs, AT)
    other = TrainedModel(
        feature_names=trained.feature_names,
        feature_set_hash=trained.feature_set_hash,
        artefact=trained.artefact + b" ",
        metrics=trained.metrics,
    )
    with pytest.raises(DataCorrupt, match="must have SHA-256"):
        save(pool, market_id, other, inputs, AT)


def test_an_altered_artefact_is_refused(
    pool: Pool, market_id: str, trained: TrainedModel, inputs: TrainingInputs
) -> None:
    version = save(pool, market_id, trained, inputs, AT)
    with pool.connection() as connection:
        connection.execute("UPDATE models SET artefact = set_byte(artefact, 100, 255 - get_byte(artefact, 100))")
    with pytest.raises(DataCorrupt, match=f"model {version}: `artefact` must have SHA-256"):
        load(pool, version)


def test_a_version_that_is_not_there_is_named(pool: Pool) -> None:
    with pytest.raises(DataMissing, match="xgb-none"):
        load(pool, "xgb-none")


def test_every_input_changes_the_key_except_the_thresholds(inputs: TrainingInputs) -> None:
    def key(**changes: object) -> str:
        fields = {
            "content_hash": inputs.content_hash,
            "trained_until": inputs.trained_until,
            "feature_set_hash": inputs.feature_set_hash,
            "settings": SETTINGS,
            "rules": RULES,
            **changes,
        }
        return TrainingInputs(**fields).key

    keys = {
        key(),
        key(content_hash="d" * 64),
        key(trained_until=date(2019, 5, 1)),
        key(feature_set_hash="e" * 64),
        key(settings=SETTINGS.model_copy(update={"seed": 4})),
        key(rules=RULES.model_copy(update={"reward_risk": 2.0})),
    }
    assert len(keys) == 6
    assert key(settings=SETTINGS.model_copy(update={"entry_fraction": 0.5})) == key()
