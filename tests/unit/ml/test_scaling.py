"""Levels scaled for a model that reads no ranks: fitted on training rows alone, kept with the model."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tenthman.config import SignalModelSettings
from tenthman.domain.errors import DataCorrupt
from tenthman.domain.features import FeaturePanel
from tenthman.ml.inference import open_model
from tenthman.ml.labels import Labels
from tenthman.ml.scaling import SCALING, Scaling, as_read, fit_scaling, parse
from tenthman.ml.training import TrainedModel, train

HORIZON = 5


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    values = np.random.default_rng(1).normal(3.0, 2.0, size=(4_000, 3))
    values[::7, 1] = np.nan
    values[:, 2] = 5.0
    return values


def test_ranks_need_no_scaling(rows: np.ndarray) -> None:
    assert fit_scaling("ranks", rows) is None


@pytest.mark.parametrize("kind", ["winsorised", "robust"])
def test_scaled_rows_have_no_unit_keep_what_is_undefined_and_cut_what_is_wild(kind: str, rows: np.ndarray) -> None:
    scaling = fit_scaling(kind, rows)  # type: ignore[arg-type] # parametrised
    assert scaling is not None
    scaled = scaling.scaled(rows)
    assert np.nanmean(scaled[:, :2], axis=0) == pytest.approx([0.0, 0.0], abs=0.05)
    assert np.nanstd(scaled[:, :2], axis=0) == pytest.approx([1.0, 1.0], abs=0.05)
    np.testing.assert_array_equal(np.isnan(scaled), np.isnan(rows))
    np.testing.assert_array_equal(scaled[:, 2], 0.0)
    wild = rows[:2].copy()
    wild[0, 0], wild[1, 0] = 1e9, -1e9
    assert np.abs(scaling.scaled(wild)[:, 0]).max() < 6.0


def test_one_wild_row_hardly_moves_a_robust_scaling(rows: np.ndarray) -> None:
    spoilt = rows.copy()
    spoilt[0, 0] = 1e12
    before, after = fit_scaling("robust", rows), fit_scaling("robust", spoilt)
    assert before is not None
    assert after is not None
    assert after.spread[0] == pytest.approx(before.spread[0], rel=1e-2)
    assert after.centre[0] == pytest.approx(before.centre[0], rel=1e-2)


def test_a_scaling_is_read_back_to_the_bit_and_anything_else_is_refused(rows: np.ndarray) -> None:
    scaling = fit_scaling("winsorised", rows)
    assert scaling is not None
    assert parse(scaling.dumped()) == scaling
    for text in ("", "[]", '{"low": [1]}', json.dumps({name: ["x"] for name in Scaling.__dataclass_fields__})):
        with pytest.raises(DataCorrupt, match="scaling"):
            parse(text)
    with pytest.raises(DataCorrupt, match="one number a feature"):
        parse('{"low": [0], "high": [1, 2], "centre": [0], "spread": [1]}')


@pytest.fixture(scope="module")
def scaled(features: FeaturePanel, labels: Labels, eligible: np.ndarray, settings: SignalModelSettings) -> TrainedModel:
    return train(features, labels, eligible, settings.model_copy(update={"scaling": "robust"}), HORIZON)


def test_a_model_carries_its_scaling_and_learns_as_much(
    scaled: TrainedModel, trained: TrainedModel, features: FeaturePanel
) -> None:
    model = open_model(
        scaled.artefact, version="m", feature_names=scaled.feature_names, feature_set_hash=scaled.feature_set_hash
    )
    values = features.values[3]
    kept = parse(model.booster.attr(SCALING))
    assert as_read(model.booster, values).tobytes() == kept.scaled(values).tobytes()
    assert scaled.metrics.validation_mlogloss == pytest.approx(trained.metrics.validation_mlogloss, rel=0.1)
    np.testing.assert_allclose(model.scores(values).sum(axis=1), 1.0, rtol=1e-6)
    told = model.contributions(values)
    odds = np.log(model.scores(values)[:, 2] / model.scores(values)[:, 0])
    assert np.ptp(odds - told.sum(axis=1)) < 1e-4


def test_the_scaling_sees_nothing_after_the_training_rows(
    scaled: TrainedModel, features: FeaturePanel, labels: Labels, eligible: np.ndarray, settings: SignalModelSettings
) -> None:
    values = features.values.copy()
    last = scaled.metrics.validation_sessions + HORIZON
    values[-last:] = values[-last:] * 100.0 + 50.0
    later = replace(features, values=values)
    again = train(later, labels, eligible, settings.model_copy(update={"scaling": "robust"}), HORIZON)
    opened = [
        open_model(item.artefact, version="m", feature_names=item.feature_names, feature_set_hash=item.feature_set_hash)
        for item in (scaled, again)
    ]
    assert opened[0].booster.attr(SCALING) == opened[1].booster.attr(SCALING)
