"""Features that a worker makes of a block of sessions, and of those that it looks back on."""

from datetime import timedelta
from pathlib import Path

import numpy as np
from tenthman_markets import small_market
from tenthman_rehearsal import small_config

from tenthman.config import Config
from tenthman.data.market import MarketHistory, MarketView, known_at_close
from tenthman.decision import compute_features
from tenthman.domain.market import MarketData
from tenthman.domain.news import LinkedItem, NewsItem, TimePrecision
from tenthman.scheduler.models.spread import LEAD_SESSIONS, Block, Ground, block_features

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


def headlines(market: MarketData) -> list[LinkedItem]:
    """One headline every third session, two hours before its close: good ones and bad ones, on each name in turn."""
    found = []
    for place, hours in enumerate(market.hours[:SESSIONS:3]):
        at, ticker = hours.close_at - timedelta(hours=2), f"T{place % 5}"
        item = NewsItem(
            id=f"n{place}", headline="Said", summary="", source="Wire", url="", published_at=at, known_at=at,
            precision=TimePrecision.INSTANT, tickers=(ticker,),
        )  # fmt: skip
        found.append(LinkedItem(item=item, tickers=(ticker,), weight=1.0, sentiment=(-1.0) ** place * 0.5))
    return found


def seen_by_a_worker(folder: Path) -> tuple[MarketView, Config]:
    """All of `walks`, after the last close."""
    market = walks()
    history = MarketHistory(market.panel, known_at_close(market), headlines(market), market.universe, market.hours)
    return history.serve(market.hours[SESSIONS - 1].close_at + timedelta(hours=1)), small_config(folder)


def test_features_of_a_block_are_those_of_the_whole(tmp_path: Path) -> None:
    view, config = seen_by_a_worker(tmp_path)
    whole = compute_features(view, config)
    assert np.isfinite(whole.values[-1, 0, whole.names.index("same_month_3y")]), "the longest look back is reached"
    assert np.count_nonzero(whole.values[:, :, whole.names.index("sentiment")]) > SESSIONS, (
        "there is news to look back on"
    )
    for first, until in ((0, 40), (SESSIONS - 30, SESSIONS - 10), (SESSIONS - 10, SESSIONS)):
        found = block_features(view, config, first, until)
        assert (found.names, found.set_hash) == (whole.names, whole.set_hash)
        assert found.sessions.tolist() == whole.sessions[first:until].tolist()
        np.testing.assert_allclose(found.values, whole.values[first:until], rtol=1e-6, atol=1e-7)


def test_a_block_leaves_out_who_has_none_of_the_features_yet(tmp_path: Path) -> None:
    view, config = seen_by_a_worker(tmp_path)
    shape = view.panel.close.shape
    chosen = np.ones(shape, dtype=np.bool_)
    chosen[:, view.panel.column(view.universe.index_ticker)] = False
    y, weight = np.ones(shape, dtype=np.int8), np.ones(shape)
    ground = Ground(config=config, view=view, names=("rank_realised_vol_60",), chosen=chosen, y=y, weight=weight)
    part = Block(first=50, until=70)(ground)
    assert np.isfinite(part.values).all()
    assert np.unique(part.row).tolist() == list(range(60, 70))
    assert len(part.y) == len(part.weight) == len(part.row) == 50
