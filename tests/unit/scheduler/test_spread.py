"""Features that a worker makes of a block of sessions, and of those that it looks back on."""

from datetime import timedelta
from pathlib import Path

import numpy as np
from tenthman_markets import small_market
from tenthman_rehearsal import small_config

from tenthman.data.market import MarketHistory, known_at_close
from tenthman.decision import compute_features
from tenthman.domain.market import MarketData
from tenthman.scheduler.spread import LEAD_SESSIONS, block_features

SESSIONS = LEAD_SESSIONS + 60


def walks() -> MarketData:
    """Five names whose prices walk at random."""
    draws = np.random.default_rng(4).normal(0.0, 0.015, size=(SESSIONS, 5))
    closes = 50.0 * np.exp(np.cumsum(draws, axis=0))
    bars = {
        f"T{column}": [(close * 0.995, close * 1.01, close * 0.98, close) for close in closes[:, column].tolist()]
        for column in range(closes.shape[1])
    }
    return small_market(bars)


def test_features_of_a_block_are_those_of_the_whole(tmp_path: Path) -> None:
    market, config = walks(), small_config(tmp_path)
    history = MarketHistory(market.panel, known_at_close(market), (), market.universe, market.hours)
    view = history.serve(market.hours[SESSIONS - 1].close_at + timedelta(hours=1))
    whole = compute_features(view, config)
    assert np.isfinite(whole.values[-1, 0, whole.names.index("same_month_3y")]), "the longest look back is reached"
    for first, until in ((0, 40), (SESSIONS - 30, SESSIONS - 10), (SESSIONS - 10, SESSIONS)):
        found = block_features(view, config, first, until)
        assert (found.names, found.set_hash) == (whole.names, whole.set_hash)
        assert found.sessions.tolist() == whole.sessions[first:until].tolist()
        np.testing.assert_allclose(found.values, whole.values[first:until], rtol=1e-6, atol=1e-7)
