"""What must hold for the features against the sector, and for their composite, on any bars."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenthman.domain.features import FeaturePanel
from tenthman.domain.market import FIELDS, Panel
from tenthman.features.panel import concat
from tenthman.features.relative import COMPOSITE, SIGNS, composite, relative

TICKERS = ("A", "B", "C", "D", "E", "INDEX")
SECTORS = ("X", "X", "X", "Y", "Y", "Unknown")
Mask = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


def market(seed: int, length: int, missing: float = 0.0, flat: bool = False) -> tuple[Panel, Mask]:
    random = np.random.default_rng(seed)
    shape = (length, len(TICKERS))
    close = 50.0 * np.cumprod(1.0 + np.clip(random.normal(0.0, 0.03, shape), -0.5, 0.5), axis=0)
    opened = close * (1.0 + random.uniform(-0.01, 0.01, shape))
    fields = {
        "open": opened,
        "high": np.maximum(opened, close) * 1.01,
        "low": np.minimum(opened, close) * 0.99,
        "close": close,
        "volume": np.floor(random.lognormal(10.0, 1.0, shape)),
    }
    if flat:
        for name in FIELDS:
            fields[name][:, 3] = 0.0 if name == "volume" else 20.0
    gone = random.uniform(size=shape) < missing
    for values in fields.values():
        values[gone] = np.nan
    members = np.ones(shape, dtype=bool)
    members[:, -1] = False
    return Panel(sessions=np.datetime64("2015-01-01") + np.arange(length), tickers=TICKERS, **fields), members


def with_news(levels: FeaturePanel) -> FeaturePanel:
    """`levels` beside a sentiment that says nothing of anyone."""
    quiet = FeaturePanel(
        sessions=levels.sessions.copy(), tickers=levels.tickers, names=("sentiment",),
        values=np.zeros((*levels.values.shape[:2], 1)), definitions=("quiet",),
    )  # fmt: skip
    return concat((levels, quiet))


@pytest.fixture(scope="module")
def long_market() -> tuple[Panel, Mask]:
    return market(3, 560, missing=0.02)


@pytest.fixture(scope="module")
def values(long_market: tuple[Panel, Mask]) -> np.ndarray:
    panel, members = long_market
    return relative(panel, SECTORS, members).values


@pytest.mark.parametrize("cut", [1, 5, 62, 251, 330, 525])
def test_history_cut_short_gives_the_same_bits(cut: int, long_market: tuple[Panel, Mask], values: np.ndarray) -> None:
    panel, members = long_market
    short = relative(panel.rows(0, cut), SECTORS, members[:cut])
    assert short.values.tobytes() == np.ascontiguousarray(values[:cut]).tobytes()
    whole = composite(with_news(relative(panel, SECTORS, members)), members).values
    assert composite(with_news(short), members[:cut]).values.tobytes() == np.ascontiguousarray(whole[:cut]).tobytes()


def test_each_feature_is_known_once_its_window_is_full_and_not_before() -> None:
    panel, members = market(5, 300)
    first = {
        name: int(np.argmax(np.isfinite(relative(panel, SECTORS, members).values[:, 0, place])))
        for place, name in enumerate(relative(panel, SECTORS, members).names)
    }
    assert first == {
        "sector_momentum_250_20": 250,
        "sector_return_5": 5,
        "report_reaction_60": 61,
        "same_month_3y": 252,
        "volume_ratio_5_60": 64,
    }


@given(seed=st.integers(0, 2**31), length=st.integers(0, 90), missing=st.sampled_from([0.0, 0.1, 0.9]))
@settings(max_examples=30, deadline=None)
def test_missing_and_flat_bars_never_make_an_infinity_and_a_missing_bar_has_no_feature(
    seed: int, length: int, missing: float
) -> None:
    panel, members = market(seed, length, missing=missing, flat=True)
    found = relative(panel, SECTORS, members).values
    assert not np.isinf(found).any()
    assert np.isnan(found[np.isnan(panel.close)]).all()


@given(seed=st.integers(0, 2**31))
@settings(max_examples=10, deadline=None)
def test_neither_the_unit_of_price_nor_of_volume_matters(seed: int) -> None:
    panel, members = market(seed, 270)
    fields = {name: getattr(panel, name) * 4.0 for name in FIELDS}
    other = Panel(sessions=panel.sessions.copy(), tickers=panel.tickers, **fields)
    mine, theirs = (relative(item, SECTORS, members).values for item in (panel, other))
    assert mine.tobytes() == theirs.tobytes()


def test_what_a_whole_sector_does_is_taken_out_and_a_sector_of_two_is_held_against_all_members() -> None:
    panel, members = market(8, 30)
    close = np.repeat(100.0 * 1.02 ** np.arange(30)[:, np.newaxis], len(TICKERS), axis=1)
    close[-1, 3:5] *= 1.1
    moved = Panel(
        sessions=panel.sessions.copy(), tickers=TICKERS, open=close, high=close, low=close, close=close.copy(),
        volume=np.ones_like(close),
    )  # fmt: skip
    found = relative(moved, SECTORS, members).values[-1, :, 1]
    assert found[:3] == pytest.approx([0.0, 0.0, 0.0], abs=1e-12)
    assert found[3:5] == pytest.approx(2 * [1.02 * 0.1 * 3 / 5], rel=1e-9)


def test_the_largest_move_on_unusual_volume_is_remembered_and_fades() -> None:
    panel, members = market(9, 200)
    shocked = {name: getattr(panel, name).copy() for name in FIELDS}
    for name in ("open", "high", "low", "close"):
        shocked[name][150:, 0] *= 1.4
    shocked["volume"][150, 0] *= 300.0
    found = relative(Panel(sessions=panel.sessions.copy(), tickers=TICKERS, **shocked), SECTORS, members)
    reaction = found.values[:, 0, 2]
    assert reaction[150] == pytest.approx(8.0, abs=1.0)
    assert reaction[180] == pytest.approx(reaction[150] / 2)


def test_the_composite_is_the_mean_of_signed_ranks_and_an_unknown_part_is_the_middle() -> None:
    panel, members = market(4, 300, missing=0.05)
    levels = relative(panel, SECTORS, members)
    found = composite(with_news(levels), members)
    assert found.names == (COMPOSITE,)
    known = found.values[~np.isnan(found.values)]
    assert np.abs(known).max() <= 0.5
    assert np.isnan(found.values[:, -1]).all()
    best = np.nanargmax(levels.values[10, :5, 1])
    assert found.values[10, best, 0] == pytest.approx(-0.5 / len(SIGNS))


def test_a_sector_for_each_ticker_and_a_mask_of_the_panels_shape_are_asked_for() -> None:
    panel, members = market(1, 10)
    with pytest.raises(ValueError, match="sectors"):
        relative(panel, SECTORS[:2], members)
    with pytest.raises(ValueError, match="among"):
        relative(panel, SECTORS, members[:5])
    with pytest.raises(ValueError, match="among"):
        composite(with_news(relative(panel, SECTORS, members)), members[:5])
    with pytest.raises(ValueError, match="sentiment"):
        composite(relative(panel, SECTORS, members), members)
