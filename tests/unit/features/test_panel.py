"""Blocks of features side by side."""

import numpy as np
import pytest

from tenthman.domain.features import FeaturePanel
from tenthman.features.panel import concat

SESSIONS = np.array(["2020-01-02", "2020-01-03"], dtype="datetime64[D]")


def block(*names: str, value: float = 1.0, definitions: tuple[str, ...] = ("a-1",)) -> FeaturePanel:
    values = np.full((2, 3, len(names)), value)
    return FeaturePanel(
        sessions=SESSIONS.copy(), tickers=("A", "B", "C"), names=names, values=values, definitions=definitions
    )


def test_blocks_are_joined_in_order_with_their_definitions() -> None:
    joined = concat((block("x", "y", value=1.0), block("z", value=2.0, definitions=("b-1",))))
    assert joined.names == ("x", "y", "z")
    assert joined.definitions == ("a-1", "b-1")
    assert joined.values[0, 0].tolist() == [1.0, 1.0, 2.0]


def test_the_set_hash_depends_on_names_their_order_and_definitions() -> None:
    panels = (block("x", "y"), block("y", "x"), block("x"), block("x", "y", definitions=("a-2",)))
    assert len({panel.set_hash for panel in panels}) == 4
    assert block("x", value=5.0).set_hash == block("x", value=6.0).set_hash


def test_values_cannot_be_changed_after_building() -> None:
    with pytest.raises(ValueError, match="read-only"):
        block("x").values[0, 0, 0] = 3.0


def test_an_infinite_value_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"infinite in \['x'\]"):
        block("x", value=np.inf)


def test_a_name_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="must be unique"):
        concat((block("x"), block("x")))


def test_blocks_of_other_sessions_are_refused() -> None:
    other = FeaturePanel(
        sessions=SESSIONS + np.timedelta64(7, "D"),
        tickers=("A", "B", "C"),
        names=("z",),
        values=np.zeros((2, 3, 1)),
        definitions=("b-1",),
    )
    with pytest.raises(ValueError, match="share their sessions"):
        concat((block("x"), other))


def test_a_wrong_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(2, 1, 1\)"):
        FeaturePanel(
            sessions=SESSIONS.copy(), tickers=("A",), names=("x",), values=np.zeros((2, 1)), definitions=("a-1",)
        )
