"""`tenthman features` where the set that is asked for is not there."""

import numpy as np
import pytest

from tenthman.cli import features
from tenthman.db.pool import Pool
from tenthman.domain.errors import ConfigError
from tenthman.domain.features import FeaturePanel
from tenthman.features.sets import FeatureStore


def test_a_set_that_is_not_stored_is_refused_with_those_that_are(pool: Pool) -> None:
    with pool.connection() as connection:
        connection.execute("INSERT INTO markets VALUES ('m1', 'practice', 'n', 'd', 's', 'p', 'l', 'h', 'SPY')")
    store = FeatureStore(pool, "m1")
    with pytest.raises(ConfigError, match=r"^no feature set of this market is stored: `tenthman features build` makes"):
        features._chosen(store, "zz")
    held = FeaturePanel(
        sessions=np.arange("2020-01-01", "2020-01-03", dtype="datetime64[D]"),
        tickers=("A", "SPY"),
        names=("x",),
        values=np.ones((2, 2, 1)),
        definitions=("d-1",),
    )
    store.add(held, np.ones((2, 2), dtype=np.bool_))
    with pytest.raises(ConfigError, match=f"begins with 'zz'; there are {held.set_hash[:12]}$"):
        features._chosen(store, "zz")
    assert features._chosen(store, None).set_hash == held.set_hash
