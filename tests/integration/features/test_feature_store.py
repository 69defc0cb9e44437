"""Feature rows in PostgreSQL, bit for bit."""

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest

from tenthman.db.pool import Pool
from tenthman.domain.errors import DataCorrupt
from tenthman.domain.features import FeaturePanel
from tenthman.features.store import save_rows

AS_OF = datetime(2020, 1, 6, 14, 0, tzinfo=UTC)


@pytest.fixture
def market_id(pool: Pool) -> str:
    with pool.connection() as connection:
        connection.execute("INSERT INTO markets VALUES ('m1', 'practice', 'n', 'd', 's', 'p', 'l', 'h', 'SPY')")
    return "m1"


@pytest.fixture
def features() -> FeaturePanel:
    values = np.random.default_rng(4).normal(size=(3, 4, 2)) / 3.0
    values[1, 2, 0] = np.nan
    return FeaturePanel(
        sessions=np.datetime64("2020-01-01") + np.arange(3),
        tickers=("A", "B", "C", "D"),
        names=("x", "y"),
        values=values,
        definitions=("test-1",),
    )


def _stored(pool: Pool) -> dict[str, tuple[Any, ...]]:
    with pool.connection() as connection:
        rows = connection.execute("SELECT ticker, session, as_of, names, values FROM features").fetchall()
    return {row[0]: row[1:] for row in rows}


def test_stored_rows_come_back_bit_for_bit_with_their_undefined_values(
    pool: Pool, market_id: str, features: FeaturePanel
) -> None:
    assert save_rows(pool, market_id, features, 1, ("C", "A"), AS_OF) == 2
    told = _stored(pool)
    assert sorted(told) == ["A", "C"]
    assert told["C"][:3] == (date(2020, 1, 2), AS_OF, ["x", "y"])
    assert np.isnan(told["C"][3][0])
    np.testing.assert_array_equal(told["C"][3], features.values[1, 2])


def test_saving_equal_rows_again_adds_only_what_is_new(pool: Pool, market_id: str, features: FeaturePanel) -> None:
    save_rows(pool, market_id, features, 1, ("A", "C"), AS_OF)
    assert save_rows(pool, market_id, features, 1, ("A", "B", "C"), AS_OF) == 1


def test_a_row_that_differs_from_the_stored_one_is_refused_and_nothing_is_written(
    pool: Pool, market_id: str, features: FeaturePanel
) -> None:
    save_rows(pool, market_id, features, 1, ("A",), AS_OF)
    with pytest.raises(DataCorrupt, match="A: features read at"):
        save_rows(pool, market_id, features, 2, ("B", "A"), AS_OF)
    assert sorted(_stored(pool)) == ["A"]


def test_a_naive_instant_is_refused(pool: Pool, market_id: str, features: FeaturePanel) -> None:
    with pytest.raises(ValueError, match="aware"):
        save_rows(pool, market_id, features, 1, ("A",), datetime(2020, 1, 6, 14, 0))  # noqa: DTZ001 - the point
