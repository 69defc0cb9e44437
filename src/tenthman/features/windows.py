"""Windows along sessions, for all tickers at once.

Arrays are float64 of shape (sessions, tickers). A row depends only on rows at or above it, and by operations that
round the same wherever they run (no transcendental function, no reduction whose order could change), so a history cut
short gives the very same bits.
"""

from collections.abc import Callable

import numpy as np

from tenthman.domain.market import Floats

Combine = Callable[[Floats, Floats], Floats]


def shift(values: Floats, sessions: int) -> Floats:
    """`values` moved down by `sessions` rows; NaN above."""
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


def ranks(values: Floats) -> Floats:
    """Rank of each ticker within its row, 0 (lowest) to 1 (highest), among those with a value; ties share their mean.

    NaN where the value is NaN, and in a row with a single value.
    """
    # numba takes half a second to import, which a command that ranks nothing need not wait for.
    from tenthman.features.ranking import places

    result = np.empty(values.shape)
    places(np.ascontiguousarray(values), np.sort(values, axis=1), result)
    return result
