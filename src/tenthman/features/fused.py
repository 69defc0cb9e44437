"""All technical features of a ticker in one pass over its bars, compiled. Importing this module imports numba.

Each family fills its rows of `out` (NAMES x bars) from a ticker's bars without gaps. `room` is rows to work in.
`features.technical` says what holds for all features.
"""

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from tenthman.domain.market import Floats
from tenthman.features.columns import (
    NAN,
    blank,
    change,
    entrance,
    exponential_mean,
    inner,
    ratio,
    rolling_high,
    rolling_sum,
    spread,
    squares,
    true_range,
    two_exponential_means,
    two_wilder_means,
    two_wilder_sums,
    typed,
    wilder_mean,
)
from tenthman.features.technical import NAMES

OPEN, HIGH, LOW, CLOSE, VOLUME, INDEX = range(6)
(
    RETURN_1, RETURN_5, RETURN_20, RETURN_60, MOMENTUM, RSI, MACD, ADX, STOCHASTIC, MFI, OBV, VOLUME_Z,
    ATR_FRACTION, VOL_20, VOL_60, GAP, MOVE, BOLLINGER, YEAR_HIGH, DONCHIAN, BETA, STRENGTH,
) = range(len(NAMES))  # fmt: skip
FEATURES, ROOM = len(NAMES), 12
TOGETHER = 8
"""So many tickers' values of one session fill a line of the processor's cache."""

Fields = tuple[Floats, ...]
Places = NDArray[np.int64]

RETURNS = ((RETURN_1, 1), (RETURN_5, 5), (RETURN_20, 20), (RETURN_60, 60))
YEAR = 252
ROOT_OF_YEAR = sqrt(YEAR)


@entrance
def fill(fields: Fields, index_close: Floats, values: Floats) -> None:
    """`values` (sessions x tickers x FEATURES) from `fields` (sessions x tickers each: open, high, low, close, volume)
    and the index's closes by session; NaN where a ticker has no bar.
    """
    sessions, tickers = fields[CLOSE].shape
    bars, places = np.empty((TOGETHER, 6, sessions)), np.empty((TOGETHER, sessions), dtype=np.int64)
    held = np.empty(TOGETHER, dtype=np.int64)
    all_room, all_out = np.empty(ROOM * sessions), np.empty(FEATURES * sessions)
    for first in range(0, tickers, TOGETHER):
        count = min(TOGETHER, tickers - first)
        gather(fields, index_close, first, count, bars, places, held)
        for lane in range(count):
            length = held[lane]
            # Rows of the very length: they lie side by side in memory, however many bars this ticker has.
            room = all_room[: ROOM * length].reshape((ROOM, length))
            out = all_out[: FEATURES * length].reshape((FEATURES, length))
            opens, high, low = bars[lane, OPEN, :length], bars[lane, HIGH, :length], bars[lane, LOW, :length]
            close, volume = bars[lane, CLOSE, :length], bars[lane, VOLUME, :length]
            returns(close, out)
            oscillators(close, room, out)
            directional(high, low, room, out[ADX])
            volumes(high, low, close, volume, room, out)
            ranges(opens, high, low, close, room, out)
            extremes(high, low, close, room, out)
            bands(close, room, out[BOLLINGER])
            index_relations(bars[lane, INDEX, :length], room, out)
            scatter(out, places[lane], first + lane, values)


@entrance
def average_true_ranges(fields: Fields, window: int, values: Floats) -> None:
    """`values` (sessions x tickers): Wilder's mean of the true range over `window` bars; NaN where there is no bar."""
    sessions, tickers = fields[CLOSE].shape
    work = np.empty((5, sessions))
    for ticker in range(tickers):
        length = 0
        for row in range(sessions):
            values[row, ticker] = NAN
            if not np.isnan(fields[CLOSE][row, ticker]):
                for field in (HIGH, LOW, CLOSE):
                    work[field, length] = fields[field][row, ticker]
                length += 1
        moved, means = work[OPEN, :length], work[VOLUME, :length]
        true_range(work[HIGH, :length], work[LOW, :length], work[CLOSE, :length], moved)
        wilder_mean(moved, 1, window, means)
        bar = 0
        for row in range(sessions):
            if not np.isnan(fields[CLOSE][row, ticker]):
                values[row, ticker] = means[bar]
                bar += 1


@inner
def gather(
    fields: Fields,
    index_close: Floats,
    first: int,
    count: int,
    bars: Floats,
    places: Places,
    held: Places,
) -> None:
    """The bars of `count` tickers from `first` on moved up without gaps; `places` says from which session each came."""
    closes = fields[CLOSE]
    for lane in range(count):
        length = 0
        for row in range(len(closes)):
            if not np.isnan(closes[row, first + lane]):
                places[lane, length] = row
                length += 1
        held[lane] = length
        for bar in range(length):
            bars[lane, INDEX, bar] = index_close[places[lane, bar]]
    for field in range(INDEX):
        values = fields[field]
        for lane in range(count):
            for bar in range(held[lane]):
                bars[lane, field, bar] = values[places[lane, bar], first + lane]


@inner
def scatter(mine: Floats, places: Places, ticker: int, values: Floats) -> None:
    """`mine` to the sessions it belongs to. Every NaN becomes the same one, so that equal features have equal bits."""
    length, bar = mine.shape[1], 0
    for row in range(len(values)):
        to = values[row, ticker]
        if bar < length and places[bar] == row:
            for name in range(FEATURES):
                value = mine[name, bar]
                to[name] = NAN if np.isnan(value) else value
            bar += 1
        else:
            blank(to, FEATURES)


@inner
def returns(close: Floats, out: Floats) -> None:
    """Simple returns over 1 to 60 bars, and the one from 120 to 20 bars ago (Jegadeesh and Titman, 1993: the last
    month left out, because it reverses)."""
    for name, back in RETURNS:
        change(close, back, out[name])
    blank(out[MOMENTUM], 20)
    late = out[MOMENTUM][20:]
    change(close[: late.size], 100, late)


@inner
def oscillators(close: Floats, room: Floats, out: Floats) -> None:
    """RSI (Wilder, 1978), and the MACD histogram (Appel) 12 / 26 / 9 as a fraction of the close: all its means begin
    so that the line's first value falls on the 26th bar, the signal's on the 34th."""
    rises, falls, gain, loss = room[0], room[1], room[2], room[3]
    blank(rises, 1)
    blank(falls, 1)
    now, up, down = close[1:], rises[1:], falls[1:]
    for row in range(up.size):
        step = now[row] - close[row]
        up[row] = max(0.0, step)
        down[row] = 0.0 if step >= 0.0 else -step
    two_wilder_means(rises, falls, 1, 14, gain, loss)
    for row in range(gain.size):
        out[RSI, row] = 100.0 * ratio(gain[row], gain[row] + loss[row])
    fast, slow, line, signal = room[0], room[1], room[2], room[3]
    two_exponential_means(close, 25, 12, 26, fast, slow)
    for row in range(line.size):
        line[row] = fast[row] - slow[row]
    exponential_mean(line, 25, 9, signal)
    for row in range(line.size):
        out[MACD, row] = ratio(line[row] - signal[row], close[row])


@inner
def directional(high: Floats, low: Floats, room: Floats, out: Floats) -> None:
    """Average directional index (Wilder, 1978), 0..100; a bar without any directional movement leaves it as it was."""
    rises, falls, plus, minus = room[0], room[1], room[2], room[3]
    blank(rises, 1)
    blank(falls, 1)
    top, bottom, to_up, to_down = high[1:], low[1:], rises[1:], falls[1:]
    for row in range(to_up.size):
        up, down = top[row] - high[row], low[row] - bottom[row]
        to_up[row] = up if up > down and up > 0.0 else 0.0 * up
        to_down[row] = down if down > up and down > 0.0 else 0.0 * up
    two_wilder_sums(rises, falls, 1, 14, plus, minus)
    index = room[4]
    for row in range(index.size):
        index[row] = 100.0 * ratio(abs(plus[row] - minus[row]), plus[row] + minus[row])
    smooth_known(index, out)


@inner
def smooth_known(index: Floats, out: Floats) -> None:
    """Wilder's mean of 14 rows from row 14; a NaN counts as 0 in the first 14, later it leaves the mean as it was."""
    start = 27
    blank(out, start)
    if start >= out.size:
        return
    total = 0.0
    for row in range(14, start + 1):
        total += 0.0 if np.isnan(index[row]) else index[row]
    state = total / 14
    out[start] = state
    for row in range(start + 1, out.size):
        if not np.isnan(index[row]):
            state = (state * 13 + index[row]) / 14
        out[row] = state


@inner
def volumes(high: Floats, low: Floats, close: Floats, volume: Floats, room: Floats, out: Floats) -> None:
    """Money flow index (Quong and Soudack, 1989), the share of 20 bars' volume that came on rising closes less that
    on falling ones (on-balance volume, Granville 1963, made a share), and how unusual the volume is."""
    typical, rising, falling, signed = room[4], room[5], room[6], room[7]
    blank(rising, 1)
    blank(falling, 1)
    blank(signed, 1)
    for row in range(typical.size):
        typical[row] = (high[row] + low[row] + close[row]) / 3.0
    now, late, traded = typical[1:], close[1:], volume[1:]
    up, down, sign = rising[1:], falling[1:], signed[1:]
    for row in range(up.size):
        flow, step = now[row] * traded[row], late[row] - close[row]
        up[row] = flow if now[row] > typical[row] else 0.0 * typical[row]
        down[row] = flow if now[row] < typical[row] else 0.0 * typical[row]
        sign[row] = traded[row] if step > 0.0 else (-traded[row] if step < 0.0 else step * traded[row])
    rolling_sum(rising, 14, room, room[8])
    rolling_sum(falling, 14, room, room[9])
    rolling_sum(signed, 20, room, room[10])
    flows(room[8], room[9], out[MFI])
    total, square = room[8], room[9]
    rolling_sum(volume, 20, room, total)
    squares(volume, room[4])
    rolling_sum(room[4], 20, room, square)
    balance, share, unusual = room[10], out[OBV], out[VOLUME_Z]
    for row in range(total.size):
        share[row] = ratio(balance[row], total[row])
        centre = total[row] / 20
        unusual[row] = ratio(volume[row] - centre, sqrt(spread(square[row] / 20, centre)))


@inner
def flows(rising: Floats, falling: Floats, out: Floats) -> None:
    """The rising part in percent."""
    for row in range(out.size):
        out[row] = 100.0 * ratio(rising[row], rising[row] + falling[row])


@inner
def ranges(opens: Floats, high: Floats, low: Floats, close: Floats, room: Floats, out: Floats) -> None:
    """How far prices move: ATR (Wilder, 1978) and volatility; this bar's gap and move in the last bar's ATR."""
    moved, average = room[0], room[1]
    true_range(high, low, close, moved)
    wilder_mean(moved, 1, 14, average)
    fraction = out[ATR_FRACTION]
    for row in range(fraction.size):
        fraction[row] = ratio(average[row], close[row])
    blank(out[GAP], 1)
    blank(out[MOVE], 1)
    opened, late, gap, move = opens[1:], close[1:], out[GAP][1:], out[MOVE][1:]
    for row in range(gap.size):
        gap[row] = ratio(opened[row] - close[row], average[row])
        move[row] = ratio(late[row] - close[row], average[row])
    daily, square = out[RETURN_1], room[4]
    squares(daily, square)
    rolling_sum(daily, 20, room, room[5])
    rolling_sum(square, 20, room, room[6])
    volatility(room[5], room[6], 20, out[VOL_20])
    # Left in place for the index's relations, which need the mean of daily returns as well.
    rolling_sum(daily, 60, room, room[11])
    rolling_sum(square, 60, room, room[6])
    volatility(room[11], room[6], 60, out[VOL_60])


@typed("void(f8[::1], f8[::1], i8, f8[::1])")
def volatility(total: Floats, square: Floats, bars: int, out: Floats) -> None:
    """Sample standard deviation from sums of daily returns and of their squares, times the root of 252."""
    sample = bars / (bars - 1)
    for row in range(out.size):
        out[row] = sqrt(spread(square[row] / bars, total[row] / bars) * sample) * ROOT_OF_YEAR


@inner
def extremes(high: Floats, low: Floats, close: Floats, room: Floats, out: Floats) -> None:
    """Where the close stands: below the highest high of 252 bars (a fraction, at most 0; George and Hwang, 2004),
    between the extremes of 14 bars (%K of Lane, without smoothing) and of 20 (Donchian, 0..1)."""
    negated, low_14, low_20 = room[2], room[3], room[4]
    for row in range(low.size):
        negated[row] = -low[row]
    rolling_high(negated, 14, room, low_14)
    rolling_high(negated, 20, room, low_20)
    high_14, high_20, high_252 = room[5], room[6], room[7]
    rolling_high(high, 14, room, high_14)
    rolling_high(high, 20, room, high_20)
    rolling_high(high, YEAR, room, high_252)
    stochastic, below, place = out[STOCHASTIC], out[YEAR_HIGH], out[DONCHIAN]
    for row in range(close.size):
        stochastic[row] = 100.0 * ratio(close[row] + low_14[row], high_14[row] + low_14[row])
        below[row] = ratio(close[row], high_252[row]) - 1.0
        place[row] = ratio(close[row] + low_20[row], high_20[row] + low_20[row])


@inner
def bands(close: Floats, room: Floats, out: Floats) -> None:
    """The close in standard deviations from its mean of 20 bars (Bollinger)."""
    total, square = room[4], room[5]
    rolling_sum(close, 20, room, total)
    squares(close, room[6])
    rolling_sum(room[6], 20, room, square)
    for row in range(out.size):
        centre = total[row] / 20
        out[row] = ratio(close[row] - centre, sqrt(spread(square[row] / 20, centre)))


@inner
def index_relations(index: Floats, room: Floats, out: Floats) -> None:
    """Slope of daily returns on the index's over 60 bars, and 20-bar return less the index's over the same sessions.

    NaN where the index has no bar in the window's sessions. The sum of 60 daily returns lies in the last row of `room`.
    """
    daily, longer, product, square = room[4], room[5], room[6], room[7]
    change(index, 1, daily)
    change(index, 20, longer)
    own, own_20 = out[RETURN_1], out[RETURN_20]
    for row in range(daily.size):
        product[row] = own[row] * daily[row]
    squares(daily, square)
    rolling_sum(product, 60, room, room[8])
    rolling_sum(daily, 60, room, room[9])
    rolling_sum(square, 60, room, room[10])
    products, totals, of_squares, owns = room[8], room[9], room[10], room[11]
    slope, relative = out[BETA], out[STRENGTH]
    for row in range(slope.size):
        centre = totals[row] / 60
        together = products[row] / 60 - owns[row] / 60 * centre
        slope[row] = ratio(together, spread(of_squares[row] / 60, centre))
        relative[row] = own_20[row] - longer[row]
