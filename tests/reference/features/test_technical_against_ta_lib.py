"""The technical features equal TA-Lib's, warm-up rows included."""

import numba
import numpy as np
import pytest
import talib

from tenthman.domain.market import Floats, Panel
from tenthman.features import columns as compiled
from tenthman.features.technical import atr, technical
from tenthman.features.windows import mean

LENGTH = 320
NAMES = ("GAPS", "LATE", "PLAIN", "INDEX")


@pytest.fixture(scope="module")
def panel() -> Panel:
    random = np.random.default_rng(11)
    shape = (LENGTH, len(NAMES))
    close = 80.0 * np.cumprod(1.0 + random.normal(0.0003, 0.018, shape), axis=0)
    opened = close * (1.0 + random.normal(0.0, 0.006, shape))
    high = np.maximum(opened, close) * (1.0 + random.uniform(0.0, 0.01, shape))
    low = np.minimum(opened, close) * (1.0 - random.uniform(0.0, 0.01, shape))
    volume = np.round(random.lognormal(13.0, 0.5, shape))
    fields = [opened, high, low, close, volume]
    for field in fields:
        field[[40, 41, 200], 0] = np.nan
        field[:37, 1] = np.nan
    return Panel(
        sessions=np.datetime64("2018-01-01") + np.arange(LENGTH),
        tickers=NAMES,
        **dict(zip(("open", "high", "low", "close", "volume"), fields, strict=True)),
    )


@pytest.fixture(scope="module")
def columns(panel: Panel) -> dict[str, Floats]:
    features = technical(panel, "INDEX")
    return {name: features.values[:, :, index] for index, name in enumerate(features.names)}


def own(panel: Panel, column: int) -> list[Floats]:
    held = ~np.isnan(panel.close[:, column])
    return [
        np.ascontiguousarray(getattr(panel, name)[held, column]) for name in ("open", "high", "low", "close", "volume")
    ]


def reference(name: str, bars: list[Floats]) -> Floats:
    opened, high, low, close, volume = bars
    before = np.concatenate([[np.nan], close[:-1]])
    average = talib.ATR(high, low, close, 14)
    usual = np.concatenate([[np.nan], average[:-1]])
    upper, middle, _ = talib.BBANDS(close, 20, 2.0, 2.0)
    formulas: dict[str, Floats] = {
        "return_1": talib.ROCP(close, 1),
        "return_5": talib.ROCP(close, 5),
        "return_20": talib.ROCP(close, 20),
        "return_60": talib.ROCP(close, 60),
        "rsi_14": talib.RSI(close, 14),
        "macd_hist": talib.MACD(close, 12, 26, 9)[2] / close,
        "adx_14": talib.ADX(high, low, close, 14),
        "stochastic_14": talib.STOCHF(high, low, close, 14, 1)[0],
        "mfi_14": talib.MFI(high, low, close, volume, 14),
        "volume_z_20": (volume - talib.SMA(volume, 20)) / talib.STDDEV(volume, 20),
        "atr_fraction_14": average / close,
        "realised_vol_20": talib.STDDEV(talib.ROCP(close, 1), 20) * np.sqrt(20 / 19 * 252),
        "realised_vol_60": talib.STDDEV(talib.ROCP(close, 1), 60) * np.sqrt(60 / 59 * 252),
        "gap_atr": (opened - before) / usual,
        "move_atr": (close - before) / usual,
        "bollinger_z_20": (close - middle) / ((upper - middle) / 2.0),
        "distance_52w_high": close / talib.MAX(high, 252) - 1.0,
        "donchian_20": (close - talib.MIN(low, 20)) / (talib.MAX(high, 20) - talib.MIN(low, 20)),
    }
    return formulas[name]


@pytest.mark.parametrize("column", range(3), ids=NAMES[:3])
@pytest.mark.parametrize(
    "name",
    [
        "return_1",
        "return_5",
        "return_20",
        "return_60",
        "rsi_14",
        "macd_hist",
        "adx_14",
        "stochastic_14",
        "mfi_14",
        "volume_z_20",
        "atr_fraction_14",
        "realised_vol_20",
        "realised_vol_60",
        "gap_atr",
        "move_atr",
        "bollinger_z_20",
        "distance_52w_high",
        "donchian_20",
    ],
)
def test_a_feature_equals_ta_lib_on_the_bars_that_the_ticker_has(
    panel: Panel, columns: dict[str, Floats], name: str, column: int
) -> None:
    held = ~np.isnan(panel.close[:, column])
    mine = columns[name][:, column]
    expected = reference(name, own(panel, column))
    np.testing.assert_allclose(mine[held], expected, rtol=1e-7, atol=1e-9)
    assert np.isfinite(expected).sum() > 20
    assert np.isnan(mine[~held]).all()


@pytest.mark.parametrize("sessions", [2, 14, 50])
def test_average_true_range_equals_ta_lib_for_any_length(panel: Panel, sessions: int) -> None:
    mine = atr(panel, sessions)
    for column in range(3):
        held = ~np.isnan(panel.close[:, column])
        _, high, low, close, _ = own(panel, column)
        np.testing.assert_allclose(mine[held, column], talib.ATR(high, low, close, sessions), rtol=1e-12)


def test_beta_is_the_slope_of_a_least_squares_fit_on_the_index(panel: Panel, columns: dict[str, Floats]) -> None:
    close = panel.close[100:161]
    daily = close[1:] / close[:-1] - 1.0
    slope = np.polyfit(daily[:, 3], daily[:, 2], 1)[0]
    assert columns["beta_60"][160, 2] == pytest.approx(slope, rel=1e-9)
    assert columns["beta_60"][160, 3] == pytest.approx(1.0)


@pytest.mark.parametrize("column", range(3), ids=NAMES[:3])
def test_beta_and_relative_strength_equal_ta_lib_on_the_sessions_that_the_ticker_has(
    panel: Panel, columns: dict[str, Floats], column: int
) -> None:
    held = ~np.isnan(panel.close[:, column])
    close, index = (np.ascontiguousarray(panel.close[held, place]) for place in (column, 3))
    mine, expected = columns["beta_60"][:, column], talib.BETA(index, close, 60)
    np.testing.assert_allclose(mine[held], expected, rtol=1e-7, atol=1e-9)
    stronger = talib.ROCP(close, 20) - talib.ROCP(index, 20)
    np.testing.assert_allclose(columns["relative_strength_20"][held, column], stronger, rtol=1e-9, atol=1e-12)
    assert np.isnan(mine[~held]).all()
    assert np.isfinite(expected).sum() > 200


def test_share_of_on_balance_volume_equals_the_rise_of_ta_lib_obv(panel: Panel, columns: dict[str, Floats]) -> None:
    _, _, _, close, volume = own(panel, 2)
    balance = talib.OBV(close, volume)
    expected = (balance[20:] - balance[:-20]) / (talib.SMA(volume, 20)[20:] * 20)
    np.testing.assert_allclose(columns["obv_share_20"][20:, 2], expected, rtol=1e-9, atol=1e-12)


def test_momentum_leaves_out_the_last_twenty_bars(panel: Panel, columns: dict[str, Floats]) -> None:
    _, _, _, close, _ = own(panel, 2)
    assert columns["momentum_120_20"][300, 2] == pytest.approx(close[280] / close[180] - 1.0)
    assert np.isnan(columns["momentum_120_20"][119, 2])
    assert np.isfinite(columns["momentum_120_20"][120, 2])


@numba.njit
def exponential_mean(close: Floats, bars: int, out: Floats) -> None:
    compiled.exponential_mean(close, 0, bars, out)


@pytest.mark.parametrize("sessions", [2, 12, 50])
def test_simple_and_exponential_means_equal_ta_lib_warm_up_included(panel: Panel, sessions: int) -> None:
    close = np.ascontiguousarray(panel.close[:, 2])
    exponential = np.empty_like(close)
    exponential_mean(close, sessions, exponential)
    for mine, expected in (
        (mean(close[:, np.newaxis], sessions)[:, 0], talib.SMA(close, sessions)),
        (exponential, talib.EMA(close, sessions)),
    ):
        np.testing.assert_allclose(mine, expected, rtol=1e-12)
        assert np.isnan(mine[: sessions - 1]).all()
