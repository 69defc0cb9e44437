"""Labels agree with a plain walk through the bars, and never look beyond their window."""

from datetime import date

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tenthman.config import StopRules
from tenthman.domain.market import FIELDS, Panel
from tenthman.domain.opinion import Action, Signal
from tenthman.ml.labels import BUY, HOLD, SELL, UNKNOWN, Labels, average_uniqueness, barriers, triple_barrier
from tenthman.risk.stops import propose

RULES = StopRules(atr_sessions=14, stop_atr=1.5, reward_risk=1.2, horizon_sessions=4, limit_offset_bp=20.0)


def market(seed: int, length: int = 40, missing: float = 0.05) -> tuple[Panel, np.ndarray]:
    random = np.random.default_rng(seed)
    shape = (length, 3)
    close = 50.0 * np.cumprod(1.0 + random.normal(0.0, 0.02, shape), axis=0)
    opened = close * (1.0 + random.normal(0.0, 0.02, shape))
    high = np.maximum(opened, close) * (1.0 + random.uniform(0.0, 0.02, shape))
    low = np.minimum(opened, close) * (1.0 - random.uniform(0.0, 0.02, shape))
    fields = dict(zip(FIELDS, (opened, high, low, close, np.ones(shape)), strict=True))
    gone = random.uniform(size=shape) < missing
    for values in fields.values():
        values[gone] = np.nan
    panel = Panel(sessions=np.datetime64("2020-01-01") + np.arange(length), tickers=("A", "B", "C"), **fields)
    return panel, random.uniform(0.3, 2.0, shape)


def walk(panel: Panel, atr: float, row: int, column: int) -> tuple[int, int]:
    """The same label, told bar by bar along open, low, high."""
    limit = panel.close[row, column] * (1.0 + RULES.limit_offset_bp / 10_000.0)
    stop = limit - RULES.stop_atr * atr
    target = limit + RULES.reward_risk * (limit - stop)
    if row + RULES.horizon_sessions >= len(panel.sessions) or np.isnan(limit):
        return UNKNOWN, -1
    entered = False
    for at in range(row + 1, row + RULES.horizon_sessions + 1):
        if np.isnan(panel.close[at, column]):
            return UNKNOWN, -1
        for price in (panel.open[at, column], panel.low[at, column], panel.high[at, column]):
            entered = entered or price <= limit
            if entered and price <= stop:
                return SELL, at
            if entered and price >= target:
                return BUY, at
        if not entered:
            return UNKNOWN, -1
    return HOLD, row + RULES.horizon_sessions


@given(seed=st.integers(0, 2**31))
@settings(max_examples=40, deadline=None)
def test_labels_agree_with_a_walk_along_open_low_and_high(seed: int) -> None:
    panel, atr = market(seed)
    labels = triple_barrier(panel, atr, RULES)
    for row in range(len(panel.sessions)):
        for column in range(3):
            assert (labels.y[row, column], labels.end_row[row, column]) == walk(panel, atr[row, column], row, column)


@given(seed=st.integers(0, 2**31), cut=st.integers(5, 39))
@settings(max_examples=40, deadline=None)
def test_a_label_known_in_a_shorter_history_stays_what_it_was(seed: int, cut: int) -> None:
    panel, atr = market(seed)
    full = triple_barrier(panel, atr, RULES)
    short = triple_barrier(panel.rows(0, cut), atr[:cut], RULES)
    complete = cut - RULES.horizon_sessions
    np.testing.assert_array_equal(short.y[:complete], full.y[:complete])
    assert (short.y[complete:] == UNKNOWN).all()
    assert short.end_row.max() < cut


@given(seed=st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_uniqueness_equals_its_definition(seed: int) -> None:
    panel, atr = market(seed)
    labels = triple_barrier(panel, atr, RULES)
    used = (labels.y != UNKNOWN) & (np.random.default_rng(seed).uniform(size=labels.y.shape) < 0.7)
    weights = average_uniqueness(labels, used)
    assert (weights[~used] == 0.0).all()
    for row, column in zip(*np.nonzero(used), strict=True):
        alive = [
            np.count_nonzero(used[:at, column] & (labels.end_row[:at, column] >= at))
            for at in range(row + 1, labels.end_row[row, column] + 1)
        ]
        np.testing.assert_allclose(weights[row, column], np.mean(1.0 / np.array(alive)), rtol=1e-12)


def test_a_panel_shorter_than_the_horizon_has_no_labels() -> None:
    panel, atr = market(1, length=3)
    labels: Labels = triple_barrier(panel, atr, RULES)
    assert (labels.y == UNKNOWN).all()


@given(
    close=st.floats(5.0, 2000.0),
    fraction=st.floats(0.005, 0.1),
    stop_atr=st.integers(50, 300).map(lambda hundredths: hundredths / 100),
    reward_risk=st.integers(50, 300).map(lambda hundredths: hundredths / 100),
    offset_bp=st.integers(0, 10_000).map(lambda hundredths: hundredths / 100),
)
@settings(max_examples=100, deadline=None)
def test_labels_and_orders_stand_at_the_same_prices_to_a_few_cents(
    close: float, fraction: float, stop_atr: float, reward_risk: float, offset_bp: float
) -> None:
    rules = StopRules(
        atr_sessions=14, stop_atr=stop_atr, reward_risk=reward_risk, horizon_sessions=5, limit_offset_bp=offset_bp
    )
    # What an order starts from: the quoted price and an average range of four decimals each.
    price, atr = round(close, 4), round(close * fraction, 4)
    signal = Signal(
        ticker="A",
        session=date(2020, 1, 6),
        action=Action.BUY,
        p_buy=0.4,
        p_hold=0.3,
        p_sell=0.3,
        horizon_sessions=5,
        model_version="m",
    )
    order = propose(signal, price, atr, rules)
    limit, stop, target = barriers(np.array([price]), np.array([atr]), rules)
    assert -1e-9 <= limit[0] - float(order.limit_price) <= 0.01 + 1e-9
    assert -1e-9 <= stop[0] - float(order.stop_price) <= 0.02 + 1e-9
    assert abs(target[0] - float(order.target_price)) <= 0.02 + 0.02 * reward_risk
