"""Technical features of daily bars.

A missing session is skipped: windows count the bars that a ticker has, and a return spans the gap. The feature itself
is NaN in a session without a bar, and until its window is full. Recursive features begin at a ticker's first bar of
the panel, as TA-Lib's do, so they depend (ever less) on where the panel begins. Ratios whose denominator is zero (a
flat price, no volume) are NaN. Returns are simple, not logarithmic.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

import numpy as np

from tenthman.domain.features import FeaturePanel
from tenthman.domain.market import FIELDS, Floats, Panel
from tenthman.features.windows import (
    exponential_mean,
    mean,
    ratio,
    rolling,
    shift,
    variance,
    wilder_mean,
    wilder_sum,
)

DEFINITIONS = "technical-1"
SESSIONS_A_YEAR = 252

BLOCK = 25
"""So many tickers at once: what is computed of them then stays in the processor's cache."""

Columns = Mapping[str, Floats]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bars:
    """Each ticker's own bars moved up without gaps; `order` says from which session each came (None: all
    have a bar in every session). NaN below the last."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    index_close: Floats
    order: np.ndarray[tuple[int, ...], np.dtype[np.intp]] | None

    def back(self, values: Floats) -> Floats:
        """`values` at the sessions they belong to; NaN where there is no bar."""
        if self.order is None:
            return values
        placed = np.empty_like(values)
        np.put_along_axis(placed, self.order, np.where(np.isnan(self.close), np.nan, values), axis=0)
        return placed


def technical(panel: Panel, index_ticker: str) -> FeaturePanel:
    """All technical features of `panel`. `index_ticker` must be one of its columns (KeyError otherwise).

    Fractions and ratios have no unit; oscillators run from 0 to 100; volatility is an annual fraction.
    """
    index_close = panel.close[:, panel.column(index_ticker)]
    values: Floats | None = None
    names: tuple[str, ...] = ()
    for begin in range(0, len(panel.tickers), BLOCK):
        tickers = panel.tickers[begin : begin + BLOCK]
        columns = _columns(_own_bars(panel.select(tickers), index_close))
        if values is None:
            names = tuple(columns)
            values = np.empty((*panel.close.shape, len(names)))
        values[:, begin : begin + BLOCK] = np.stack(tuple(columns.values())).transpose(1, 2, 0)
    if values is None:
        raise ValueError("`panel` must hold at least the index, held no ticker")
    return FeaturePanel(
        sessions=panel.sessions.copy(), tickers=panel.tickers, names=names, values=values, definitions=(DEFINITIONS,)
    )


def _columns(bars: _Bars) -> dict[str, Floats]:
    columns: dict[str, Floats] = {}
    for block in (_returns, _oscillators, _volumes, _spreads, _channels, _index_relations):
        columns.update({name: bars.back(values) for name, values in block(bars).items()})
    return columns


def atr(panel: Panel, sessions: int) -> Floats:
    """Average true range in USD, shape (sessions, tickers) (Wilder, 1978: the first is a mean, then smoothed).

    NaN without a bar and for the first `sessions` bars of a ticker.
    """
    bars = _own_bars(panel, np.full(len(panel.sessions), np.nan))
    return bars.back(_atr(bars, sessions))


def _own_bars(panel: Panel, index_close: Floats) -> _Bars:
    absent = np.isnan(panel.close)
    if not absent.any():
        whole = {name: getattr(panel, name) for name in FIELDS}
        return _Bars(index_close=np.broadcast_to(index_close[:, np.newaxis], absent.shape), order=None, **whole)
    order = np.argsort(absent, axis=0, kind="stable")
    moved = {name: np.take_along_axis(getattr(panel, name), order, axis=0) for name in FIELDS}
    return _Bars(index_close=index_close[order], order=order, **moved)


def _change(values: Floats, sessions: int) -> Floats:
    return ratio(values, shift(values, sessions)) - 1.0


def _true_range(bars: _Bars) -> Floats:
    before = shift(bars.close, 1)
    return np.maximum(bars.high, before) - np.minimum(bars.low, before)


def _atr(bars: _Bars, sessions: int) -> Floats:
    return wilder_mean(_true_range(bars), 1, sessions)


def _returns(bars: _Bars) -> Columns:
    """Simple returns over 1 to 60 bars, and the one from 120 to 20 bars ago (Jegadeesh and Titman, 1993: the last
    month left out, because it reverses)."""
    return {
        "return_1": _change(bars.close, 1),
        "return_5": _change(bars.close, 5),
        "return_20": _change(bars.close, 20),
        "return_60": _change(bars.close, 60),
        "momentum_120_20": _change(shift(bars.close, 20), 100),
    }


def _oscillators(bars: _Bars) -> Columns:
    """RSI and ADX (Wilder, 1978), %K without smoothing (Lane), MACD histogram as a fraction of the close (Appel)."""
    step = bars.close - shift(bars.close, 1)
    gain = wilder_mean(np.maximum(step, 0.0), 1, 14)
    loss = wilder_mean(np.maximum(-step, 0.0), 1, 14)
    lowest = rolling(np.minimum, bars.low, 14)
    return {
        "rsi_14": 100.0 * ratio(gain, gain + loss),
        "macd_hist": ratio(_macd_histogram(bars.close), bars.close),
        "adx_14": _adx(bars, 14),
        "stochastic_14": 100.0 * ratio(bars.close - lowest, rolling(np.maximum, bars.high, 14) - lowest),
    }


def _macd_histogram(close: Floats) -> Floats:
    """12 / 26 / 9; all means begin so that the line's first value falls on the 26th bar, the signal's on the 34th."""
    line = exponential_mean(close, 14, 12) - exponential_mean(close, 0, 26)
    return line - exponential_mean(line, 25, 9)


def _adx(bars: _Bars, sessions: int) -> Floats:
    """Average directional index, 0..100; a bar without any directional movement leaves it as it was."""
    up = bars.high - shift(bars.high, 1)
    down = shift(bars.low, 1) - bars.low
    plus = wilder_sum(_where_known(up, (up > down) & (up > 0.0), up), 1, sessions)
    minus = wilder_sum(_where_known(up, (down > up) & (down > 0.0), down), 1, sessions)
    index = 100.0 * ratio(np.abs(plus - minus), plus + minus)
    start = 2 * sessions - 1
    if start >= len(index):
        return np.full_like(index, np.nan)
    absent = np.isnan(index)
    known = np.where(absent, 0.0, index)
    state = wilder_mean(known[: start + 1], sessions, sessions)[start]
    result = np.full_like(index, np.nan)
    result[start] = state
    kept: list[bool] = np.any(absent, axis=1).tolist()
    for row in range(start + 1, len(index)):
        smoothed = result[row]
        np.multiply(result[row - 1], sessions - 1, out=smoothed)
        np.add(smoothed, known[row], out=smoothed)
        np.divide(smoothed, sessions, out=smoothed)
        if kept[row]:
            np.copyto(smoothed, result[row - 1], where=absent[row])
    return result


def _volumes(bars: _Bars) -> Columns:
    """Money flow index (Quong and Soudack, 1989), the share of 20 bars' volume that came on rising closes less that
    on falling ones (on-balance volume, Granville 1963, made a share), and how unusual the volume is."""
    typical = (bars.high + bars.low + bars.close) / 3.0
    before = shift(typical, 1)
    flow = typical * bars.volume
    rising = rolling(np.add, _where_known(before, typical > before, flow), 14)
    falling = rolling(np.add, _where_known(before, typical < before, flow), 14)
    signed = np.sign(bars.close - shift(bars.close, 1)) * bars.volume
    spread = np.sqrt(variance(bars.volume, 20))
    return {
        "mfi_14": 100.0 * ratio(rising, rising + falling),
        "obv_share_20": ratio(rolling(np.add, signed, 20), rolling(np.add, bars.volume, 20)),
        "volume_z_20": ratio(bars.volume - mean(bars.volume, 20), spread),
    }


def _spreads(bars: _Bars) -> Columns:
    """How far prices move: ATR and volatility; and this bar's gap and move in units of the last bar's ATR."""
    daily = _change(bars.close, 1)
    before = shift(bars.close, 1)
    average = _atr(bars, 14)
    usual = shift(average, 1)
    return {
        "atr_fraction_14": ratio(average, bars.close),
        "realised_vol_20": _volatility(daily, 20),
        "realised_vol_60": _volatility(daily, 60),
        "gap_atr": ratio(bars.open - before, usual),
        "move_atr": ratio(bars.close - before, usual),
    }


def _volatility(daily: Floats, sessions: int) -> Floats:
    """Sample standard deviation of daily returns, times the root of 252."""
    return np.sqrt(variance(daily, sessions) * (sessions / (sessions - 1))) * sqrt(SESSIONS_A_YEAR)


def _channels(bars: _Bars) -> Columns:
    """Where the close stands: in standard deviations from its mean (Bollinger), below the highest high of 252 bars (a
    fraction, at most 0; George and Hwang, 2004), and between the extremes of 20 bars (Donchian, 0..1)."""
    lowest = rolling(np.minimum, bars.low, 20)
    return {
        "bollinger_z_20": ratio(bars.close - mean(bars.close, 20), np.sqrt(variance(bars.close, 20))),
        "distance_52w_high": ratio(bars.close, rolling(np.maximum, bars.high, SESSIONS_A_YEAR)) - 1.0,
        "donchian_20": ratio(bars.close - lowest, rolling(np.maximum, bars.high, 20) - lowest),
    }


def _index_relations(bars: _Bars) -> Columns:
    """Slope of daily returns on the index's over 60 bars, and 20-bar return less the index's over the same sessions.

    NaN where the index has no bar in the window's sessions.
    """
    own, index = _change(bars.close, 1), _change(bars.index_close, 1)
    together = mean(own * index, 60) - mean(own, 60) * mean(index, 60)
    return {
        "beta_60": ratio(together, variance(index, 60)),
        "relative_strength_20": _change(bars.close, 20) - _change(bars.index_close, 20),
    }


def _where_known(known: Floats, condition: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], values: Floats) -> Floats:
    """`values` where `condition` holds, else 0; NaN where `known` is NaN."""
    return np.where(np.isnan(known), np.nan, np.where(condition, values, 0.0))
