"""Features, labels and training on real prices, briefly."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from tenthman_training import signal_settings

from tenthman.config import StopRules
from tenthman.domain.market import FIELDS, Panel
from tenthman.features.scaling import ranked
from tenthman.features.technical import atr, technical
from tenthman.ml.labels import BUY, HOLD, SELL, UNKNOWN, Labels, triple_barrier
from tenthman.ml.training import train

pytestmark = pytest.mark.shared_data

RULES = StopRules(atr_sessions=14, stop_atr=2.0, reward_risk=1.5, horizon_sessions=10, limit_offset_bp=30)
SETTINGS = signal_settings(
    seed=7,
    history_sessions=300,
    min_history_sessions=200,
    embargo_sessions=5,
    max_rounds=15,
    early_stopping_rounds=15,
    learning_rate=0.1,
    min_child_weight=50,
    subsample=0.7,
    colsample=0.7,
)


@pytest.fixture(scope="module")
def panel(shared_data: Path) -> Panel:
    table = pq.read_table(shared_data / "prices_daily_2010_2021.parquet").to_pandas()
    table = table[(table["date"] >= "2018-01-01") & (table["date"] < "2020-01-06")]
    wide = {name: table.pivot(index="date", columns="ticker", values=name).sort_index() for name in FIELDS}
    return Panel(
        sessions=wide["close"].index.to_numpy().astype("datetime64[D]"),
        tickers=tuple(wide["close"].columns),
        **{name: np.ascontiguousarray(frame.to_numpy(dtype=np.float64)) for name, frame in wide.items()},
    )


@pytest.fixture(scope="module")
def labels(panel: Panel) -> Labels:
    return triple_barrier(panel, atr(panel, RULES.atr_sessions), RULES)


def test_features_of_real_prices_have_the_same_bits_when_the_future_is_cut_off(panel: Panel) -> None:
    full = technical(panel, "SPY").values
    assert np.isfinite(full[-1]).all(axis=1).mean() > 0.9
    for cut in (137, 402):
        assert technical(panel.rows(0, cut), "SPY").values.tobytes() == full[:cut].tobytes()


def test_all_classes_occur_and_the_far_target_is_met_less_often_than_the_near_stop(labels: Labels) -> None:
    known = labels.y[labels.y != UNKNOWN]
    shares = {label: float((known == label).mean()) for label in (SELL, HOLD, BUY)}
    assert 0.05 < shares[BUY] < shares[SELL] < 0.6


def test_a_model_of_real_prices_trains_again_to_the_same_bytes(panel: Panel, labels: Labels) -> None:
    eligible = np.broadcast_to(np.array(panel.tickers) != "SPY", labels.y.shape)
    features = ranked(technical(panel, "SPY"), eligible)
    first = train(features, labels, eligible, SETTINGS, RULES.horizon_sessions)
    assert train(features, labels, eligible, SETTINGS, RULES.horizon_sessions).artefact == first.artefact
    shares = np.array(list(first.metrics.class_shares.values()))
    assert first.metrics.train_mlogloss < -(shares * np.log(shares)).sum()
    assert first.metrics.rank_ic_sessions == first.metrics.validation_sessions == 22
