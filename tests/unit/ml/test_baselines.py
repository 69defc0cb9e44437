"""Baselines: what they say, and that the verdict on the model is said plainly."""

from dataclasses import replace

import numpy as np
import pytest

from tenthman.ml.baselines import MAX_ROWS, always_hold, linear, prior
from tenthman.ml.labels import BUY, HOLD, SELL
from tenthman.ml.training import TrainedModel
from tenthman.ml.training_metrics import shortfalls


@pytest.fixture(scope="module")
def rows() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    values = rng.uniform(size=(4000, 2))
    y = np.digitize(values[:, 0] + rng.normal(scale=0.2, size=4000), (0.35, 0.65))
    values[:500, 1] = np.nan
    return values, y


def test_the_linear_model_finds_a_linear_relation_and_reads_nothing_into_what_is_undefined(
    rows: tuple[np.ndarray, np.ndarray],
) -> None:
    values, y = rows
    middle = np.nanmean(values, axis=0)
    asked = np.array([[0.95, 0.5], [0.05, 0.5], [np.nan, np.nan], middle])
    found = linear(values, y, np.ones(len(y)), asked, 1)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-9)
    assert found[0, BUY] > 0.7
    assert found[1, SELL] > 0.7
    np.testing.assert_allclose(found[2], found[3])


def test_of_many_rows_the_same_sample_is_drawn_every_time() -> None:
    rng = np.random.default_rng(2)
    values = rng.uniform(size=(MAX_ROWS + 5000, 1))
    y = rng.integers(0, 3, size=len(values))
    first, second = (linear(values, y, np.ones(len(y)), values[:9], 5) for _ in range(2))
    assert first.tobytes() == second.tobytes()
    assert linear(values, y, np.ones(len(y)), values[:9], 6).tobytes() != first.tobytes()


def test_the_others_say_the_same_of_everyone() -> None:
    np.testing.assert_array_equal(prior(np.array([0.5, 0.3, 0.2]), 2), [[0.5, 0.3, 0.2]] * 2)
    np.testing.assert_array_equal(always_hold(3)[:, HOLD], 1.0)


def test_every_baseline_is_scored_on_the_model_s_own_rows(trained: TrainedModel) -> None:
    metrics = trained.metrics
    assert set(metrics.baselines) == {"linear", "prior", "always_hold"}
    assert metrics.baselines["prior"].mlogloss == pytest.approx(metrics.prior_mlogloss)
    assert metrics.baselines["prior"].rank_ic is None
    assert metrics.baselines["always_hold"].mlogloss is None
    assert metrics.baselines["linear"].rank_ic.sessions == metrics.validation_sessions
    assert metrics.calibrated.mlogloss == pytest.approx(metrics.validation_mlogloss)


def test_a_model_no_better_than_a_baseline_is_said_to_be_so(trained: TrainedModel) -> None:
    metrics = trained.metrics
    beaten = replace(metrics, baselines={**metrics.baselines, "linear": metrics.baselines["prior"]})
    assert list(shortfalls(beaten)) == ["rank IC 0.7954 of 16 sessions: too few to tell it from none"]
    sure = replace(metrics.calibrated, rank_ic=replace(metrics.calibrated.rank_ic, low=0.7, high=0.9))
    assert not list(shortfalls(replace(beaten, calibrated=sure)))
    poor = replace(metrics, calibrated=metrics.baselines["prior"])
    said = " | ".join(shortfalls(poor))
    assert "log loss no better than prior" in said
    assert "log loss no better than linear" in said
    assert "its order says nothing" in said
    unsure = replace(metrics.calibrated, rank_ic=replace(metrics.calibrated.rank_ic, mean=0.01, low=-0.02, high=0.04))
    said = " | ".join(shortfalls(replace(metrics, calibrated=unsure)))
    assert "rank IC no better than linear: 0.0100 against" in said
    assert "rank IC 0.0100 not told from none: its 95 % interval is -0.0200 to 0.0400" in said
