"""Drift: the index of a feature, and the decay of the rank IC."""

import math

import numpy as np
import pytest

from tenthman.config import DriftSettings
from tenthman.ml.drift import Deciles, RankDecay, deciles, measure, rank_decay, stability

BOUNDS = DriftSettings(recent_sessions=60, max_psi=0.25, max_rank_ic_decay=0.02)
NO_DECAY = RankDecay(validation=0.05, recent=None, low=None, high=None, sessions=0)


def test_deciles_hold_a_tenth_of_the_values_each_and_missing_ones_apart() -> None:
    found = deciles(np.append(np.random.default_rng(1).permutation(100).astype(float), [np.nan] * 25))
    assert found.edges == tuple(float(edge) for edge in range(9, 90, 10))
    assert found.shares == pytest.approx([0.1] * 10)
    assert found.missing == pytest.approx(0.2)


def test_tied_values_share_a_bin() -> None:
    found = deciles(np.array([0.0] * 70 + list(range(1, 31))))
    assert found.edges[0] == 0.0
    assert found.shares[0] == pytest.approx(0.7)
    assert sum(found.shares) == pytest.approx(1.0)
    assert stability(found, np.array([0.0] * 7 + [1.0, 11.0, 21.0])) == pytest.approx(0.0, abs=0.06)


def test_the_index_is_that_computed_by_hand() -> None:
    trained = Deciles(edges=(0.0,), shares=(0.5, 0.5), missing=0.0)
    recent = np.array([-1.0] * 8 + [1.0] * 2)
    assert stability(trained, recent) == pytest.approx(0.3 * math.log(1.6) + -0.3 * math.log(0.4))
    with_holes = np.append(recent, [np.nan] * 10)
    missing = (0.5 - 1e-4) * math.log(0.5 / 1e-4) + (0.5 - 1.0) * math.log(0.5 / 1.0)
    assert stability(trained, with_holes) == pytest.approx(stability(trained, recent) + missing)


def test_the_same_values_have_not_drifted_and_fewer_missing_ones_are_no_drift() -> None:
    values = np.random.default_rng(2).normal(size=500)
    trained = deciles(np.append(values, [np.nan] * 300))
    assert stability(trained, values) == pytest.approx(0.0, abs=1e-12)
    assert stability(trained, values + 1.0) > 0.5


def test_a_feature_that_is_all_missing_now_has_drifted() -> None:
    trained = deciles(np.random.default_rng(3).normal(size=500))
    assert stability(trained, np.full(50, np.nan)) > BOUNDS.max_psi


def test_only_what_the_model_reads_raises_an_alert() -> None:
    draw = np.random.default_rng(4)
    then, now = draw.normal(size=(900, 3)), draw.normal(size=(300, 3)) + np.array([0.0, 1.5, 1.5])
    names = ("calm", "moved", "behind")
    trained = {name: deciles(then[:, place]) for place, name in enumerate(names)}
    found = measure(trained, names, now, ("calm", "moved"), NO_DECAY, BOUNDS)
    assert [item.feature for item in found.features] == ["moved", "calm"]
    assert [item.feature for item in found.behind] == ["behind"]
    (alert,) = found.alerts
    assert alert.startswith("moved: population stability index")
    with pytest.raises(KeyError, match="calm"):
        measure({}, names, now, ("calm",), NO_DECAY, BOUNDS)
    with pytest.raises(ValueError, match="at least one row"):
        measure(trained, names, now[:0], names, NO_DECAY, BOUNDS)


def test_a_rank_ic_decays_only_when_its_whole_interval_lies_below() -> None:
    draw = np.random.default_rng(5)
    outcomes = draw.normal(size=(120, 40))
    values, names = np.zeros((5, 0)), ()
    same = rank_decay(0.5 * outcomes + draw.normal(size=outcomes.shape), outcomes, 5, 0.4)
    assert same.low is not None
    assert same.high is not None
    assert same.low < 0.42 < same.high
    assert measure({}, names, values, names, same, BOUNDS).alerts == ()
    lost = rank_decay(draw.normal(size=outcomes.shape), outcomes, 5, 0.4)
    (alert,) = measure({}, names, values, names, lost, BOUNDS).alerts
    assert "+0.4000 in validation" in alert
    unknown = rank_decay(outcomes[:5], outcomes[:5], 5, 0.4)
    assert (unknown.low, unknown.sessions) == (None, 5)
    assert measure({}, names, values, names, unknown, BOUNDS).alerts == ()
