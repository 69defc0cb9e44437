"""Windows along sessions, for all tickers at once.

Arrays are float64 of shape (sessions, tickers). A row depends only on rows at or above it, and by operations that
round the same wherever they run (no transcendental function, no reduction whose order could change), so a history cut
short gives the very same bits.
"""

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from tenthman.domain.market import Floats

Combine = Callable[[Floats, Floats], Floats]
Mask = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
Array = TypeVar("Array", Floats, Mask)

AT_ONCE = 2**16
"""So many values are sorted together: they stay near the processor, and need little memory beside the output."""


def shift(values: Floats, sessions: int) -> Floats:
    """`values` moved down by `sessions` rows, all of them where these are more; NaN above."""
    if sessions == 0:
        return values
    moved = np.full_like(values, np.nan)
    moved[sessions:] = values[:-sessions]
    return moved


def rolling(combine: Combine, values: Floats, sessions: int) -> Floats:
    """`combine` (associative: np.add, np.maximum, np.minimum) over the last `sessions` rows, this one included.

    NaN while the window is not full and wherever it holds a NaN. Takes about 2 log2(`sessions`) passes: windows of
    1, 2, 4, ... rows are joined to the length asked for.
    """
    joined: Floats | None = None
    covered, width, power, left = 0, 1, values, sessions
    while left:
        if left & 1:
            joined = power if joined is None else _joined(combine, joined, power, covered)
            covered += width
        left >>= 1
        if left:
            power = _joined(combine, power, power, width)
            width *= 2
    if joined is None:
        raise ValueError(f"`sessions` must be at least 1, was {sessions}")
    return joined


def _joined(combine: Combine, late: Floats, early: Floats, sessions: int) -> Floats:
    """`combine` of `late` and of `early` so many rows before; NaN above."""
    result = np.empty_like(late)
    result[:sessions] = np.nan
    if sessions < len(late):
        result[sessions:] = combine(late[sessions:], early[:-sessions])
    return result


def mean(values: Floats, sessions: int) -> Floats:
    """Mean over the last `sessions` rows; NaN as in `rolling`."""
    return rolling(np.add, values, sessions) / sessions


def variance(values: Floats, sessions: int) -> Floats:
    """Population variance over the last `sessions` rows; NaN as in `rolling`.

    Below 1e-10 of the mean square it is rounding and comes out as 0.
    """
    square = mean(values * values, sessions)
    centre = mean(values, sessions)
    spread = square - centre * centre
    return np.where(spread <= 1e-10 * square, 0.0, spread)


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """`numerator` / `denominator`; NaN where the denominator is 0."""
    result = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=result, where=denominator != 0)
    return result


def ranks(values: Floats, among: Mask) -> Floats:
    """Rank of each of `values` (sessions, tickers, features) among the tickers of its session that `among` (sessions,
    tickers) names: 0 (lowest) to 1 (highest) among those with a value; ties share their mean.

    NaN for all others, where the value is NaN, and where only one ticker has one.
    """
    # numba takes half a second to import, which a command that ranks nothing need not wait for.
    from tenthman.features.ranking import fill_ranks, places

    values, among = _read_only(values), _read_only(among)
    tickers, features = values.shape[1:]
    result = np.empty(values.shape)
    left = np.empty(len(values) * features, dtype=np.int64)
    left = left[: fill_ranks(values, among, result, left)]
    for first in range(0, len(left), step := max(1, AT_ONCE // max(1, tickers))):
        sessions, feature = np.divmod(left[first : first + step], features)
        rows = np.where(among[sessions], values[sessions, :, feature], np.nan)
        ranked = np.empty(rows.shape)
        places(rows, np.sort(rows, axis=1), ranked)
        result[sessions, :, feature] = ranked
    return result


def _read_only(array: Array) -> Array:
    """Contiguous and not to be written to, for which alone the compiled code is made; a view where it is contiguous."""
    view = np.ascontiguousarray(array)[...]
    view.flags.writeable = False
    return view
