"""Ranks within a session."""

import numpy as np
import pytest

from tenthman.domain.features import FeaturePanel
from tenthman.features.scaling import ranked


def panel(values: np.ndarray) -> FeaturePanel:
    return FeaturePanel(
        sessions=np.datetime64("2020-01-01") + np.arange(len(values)),
        tickers=("A", "B", "C", "INDEX"),
        names=("x", "y"),
        values=values,
        definitions=("test-1",),
    )


def members(sessions: int) -> np.ndarray:
    """Everyone but the index."""
    return np.tile([True, True, True, False], (sessions, 1))


def test_who_is_no_member_in_a_session_is_neither_ranked_nor_compared_with() -> None:
    values = np.zeros((2, 4, 2))
    values[:, :, 0] = [5.0, 1.0, 3.0, 99.0]
    among = members(2)
    among[1, 0] = False
    found = ranked(panel(values), among)
    np.testing.assert_array_equal(found.values[0, :, 0], [1.0, 0.0, 0.5, np.nan])
    np.testing.assert_array_equal(found.values[1, :, 0], [np.nan, 0.0, 1.0, np.nan])
    with pytest.raises(ValueError, match="among"):
        ranked(panel(values), members(3))


def test_each_feature_is_ranked_within_its_session_without_the_index() -> None:
    values = np.zeros((2, 4, 2))
    values[0, :, 0] = [5.0, 1.0, 3.0, 99.0]
    values[1, :, 0] = [-1.0, np.nan, -2.0, 99.0]
    values[0, :, 1] = [7.0, 7.0, 9.0, 0.0]
    found = ranked(panel(values), members(2))
    assert found.names == ("rank_x", "rank_y")
    np.testing.assert_array_equal(found.values[0, :, 0], [1.0, 0.0, 0.5, np.nan])
    np.testing.assert_array_equal(found.values[1, :, 0], [1.0, np.nan, 0.0, np.nan])
    np.testing.assert_array_equal(found.values[0, :, 1], [0.25, 0.25, 1.0, np.nan])


def test_ranks_of_a_history_cut_short_have_the_same_bits() -> None:
    values = np.random.default_rng(2).normal(size=(30, 4, 2))
    values[np.random.default_rng(3).uniform(size=values.shape) < 0.1] = np.nan
    full = ranked(panel(values.copy()), members(30)).values
    for cut in (1, 9, 22):
        assert ranked(panel(values[:cut].copy()), members(cut)).values.tobytes() == full[:cut].tobytes()


def test_ranked_features_are_another_set_and_can_be_picked_out_again() -> None:
    raw = panel(np.random.default_rng(4).normal(size=(3, 4, 2)))
    found = ranked(raw, members(3))
    assert found.set_hash != raw.set_hash
    assert found.select(("rank_y",)).names == ("rank_y",)
    np.testing.assert_array_equal(found.select(("rank_y",)).values[:, :, 0], found.values[:, :, 1])
    with pytest.raises(KeyError, match="rank_z"):
        found.select(("rank_z",))
