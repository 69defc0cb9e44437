"""What must hold for every technical feature on any bars."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenthman.domain.market import FIELDS, Panel
from tenthman.features import fused
from tenthman.features.technical import atr, technical

TICKERS = ("A", "B", "C", "D", "INDEX")


def market(seed: int, length: int, missing: float = 0.0, flat: bool = False) -> Panel:
    """Seeded bars; a share `missing` of them absent; ticker D never moves and never trades when `flat`."""
    random = np.random.default_rng(seed)
    shape = (length, len(TICKERS))
    close = 50.0 * np.cumprod(1.0 + np.clip(random.normal(0.0, 0.03, shape), -0.5, 0.5), axis=0)
    opened = close * (1.0 + random.uniform(-0.01, 0.01, shape))
    high = np.maximum(opened, close) * (1.0 + random.uniform(0.0, 0.02, shape))
    low = np.minimum(opened, close) * (1.0 - random.uniform(0.0, 0.02, shape))
    volume = np.floor(random.lognormal(10.0, 1.0, shape))
    fields = dict(zip(FIELDS, (opened, high, low, close, volume), strict=True))
    if flat:
        for name in FIELDS:
            fields[name][:, 3] = 0.0 if name == "volume" else 20.0
    gone = random.uniform(size=shape) < missing
    for values in fields.values():
        values[gone] = np.nan
    return Panel(sessions=np.datetime64("2015-01-01") + np.arange(length), tickers=TICKERS, **fields)


@pytest.fixture(scope="module")
def long_panel() -> Panel:
    return market(3, 330, missing=0.02)


FEATURES = technical(market(1, 5), "INDEX").names


@pytest.mark.parametrize("name", FEATURES)
def test_history_cut_short_gives_the_same_bits(name: str, long_panel: Panel) -> None:
    column = FEATURES.index(name)
    full = technical(long_panel, "INDEX").values[:, :, column]
    assert np.isfinite(full).any()
    for cut in (1, 15, 29, 64, 130, 256, 301):
        short = technical(long_panel.rows(0, cut), "INDEX").values[:, :, column]
        assert short.tobytes() == np.ascontiguousarray(full[:cut]).tobytes()


def test_average_true_range_of_a_history_cut_short_has_the_same_bits(long_panel: Panel) -> None:
    full = atr(long_panel, 14)
    for cut in (1, 14, 15, 100, 251):
        assert atr(long_panel.rows(0, cut), 14).tobytes() == full[:cut].tobytes()


@given(seed=st.integers(0, 2**31), length=st.integers(0, 70), missing=st.sampled_from([0.0, 0.1, 0.9]))
@settings(max_examples=40, deadline=None)
def test_missing_and_flat_bars_never_make_an_infinity_and_a_missing_bar_has_no_feature(
    seed: int, length: int, missing: float
) -> None:
    panel = market(seed, length, missing=missing, flat=True)
    values = technical(panel, "INDEX").values
    assert not np.isinf(values).any()
    assert np.isnan(values[np.isnan(panel.close)]).all()


@given(seed=st.integers(0, 2**31))
@settings(max_examples=10, deadline=None)
def test_neither_the_unit_of_price_nor_of_volume_matters(seed: int) -> None:
    panel = market(seed, 270)
    fields = {name: getattr(panel, name) * 4.0 for name in FIELDS}
    other = Panel(sessions=panel.sessions.copy(), tickers=panel.tickers, **fields)
    assert technical(other, "INDEX").values.tobytes() == technical(panel, "INDEX").values.tobytes()


@given(seed=st.integers(0, 2**31))
@settings(max_examples=10, deadline=None)
def test_the_order_of_the_tickers_does_not_matter(seed: int) -> None:
    panel = market(seed, 140, missing=0.05)
    turned = ("C", "INDEX", "A", "D", "B")
    mine = technical(panel, "INDEX").values
    other = technical(panel.select(turned), "INDEX").values
    for column, ticker in enumerate(turned):
        np.testing.assert_array_equal(other[:, column], mine[:, panel.column(ticker)])


def test_a_ticker_has_the_same_bits_alone_and_among_many(long_panel: Panel) -> None:
    places = [0, 1, 2, 3, 1, 0, 2, 3, 2, 2, 0, 1, 4]
    fields = {name: np.ascontiguousarray(getattr(long_panel, name)[:, places]) for name in FIELDS}
    tickers = (*(f"T{number}" for number in range(12)), "INDEX")
    many = technical(Panel(sessions=long_panel.sessions.copy(), tickers=tickers, **fields), "INDEX").values
    few = technical(long_panel, "INDEX").values
    assert many.tobytes() == np.ascontiguousarray(few[:, places]).tobytes()


def test_the_compiled_rows_are_as_many_as_the_names() -> None:
    assert len(FEATURES) == fused.FEATURES
    assert len(set(FEATURES)) == len(FEATURES)


def test_bounded_features_keep_their_bounds(long_panel: Panel) -> None:
    features = technical(long_panel, "INDEX")
    bounds = {
        "rsi_14": (0, 100),
        "adx_14": (0, 100),
        "stochastic_14": (0, 100),
        "mfi_14": (0, 100),
        "obv_share_20": (-1, 1),
        "donchian_20": (0, 1),
        "distance_52w_high": (-1, 0),
    }
    for name, (lowest, highest) in bounds.items():
        values = features.values[:, :, features.names.index(name)]
        assert np.nanmin(values) >= lowest
        assert np.nanmax(values) <= highest + 1e-9
