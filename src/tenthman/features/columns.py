"""Windows and recursions down one ticker's bars, compiled. Importing this module imports numba.

Arrays are contiguous float64 of one length; every function writes all of `out`. A bar depends only on bars at or above
it, and by operations that round the same wherever they run (sums in a fixed order, no fused or reordered arithmetic),
so a history cut short gives the very same bits. Windows hold the same sums in the same order as those of `windows`.
"""

from pathlib import Path

import numpy as np

from tenthman.domain.market import Floats
from tenthman.utils.compiling import compiler

_HERE = Path(__file__)
_COMPILER = compiler((_HERE, _HERE.with_name("fused.py"), _HERE.with_name("technical.py")), divides_freely=True)
NAN = float(np.nan)

inner, typed, entrance = _COMPILER.inner, _COMPILER.typed, _COMPILER.entrance


@inner
def ratio(numerator: float, denominator: float) -> float:
    """`numerator` / `denominator`; NaN where the denominator is 0."""
    return numerator / denominator if denominator != 0.0 else NAN


@inner
def higher(one: float, other: float) -> float:
    """The larger; NaN when either is."""
    return one if one > other or np.isnan(one) else other


@inner
def lower(one: float, other: float) -> float:
    """The smaller; NaN when either is."""
    return one if one < other or np.isnan(one) else other


@typed("void(f8[::1], i8)")
def blank(out: Floats, rows: int) -> None:
    """NaN in the first `rows`, or in all."""
    for row in range(min(rows, out.size)):
        out[row] = NAN


@inner
def copy(values: Floats, out: Floats) -> None:
    """`out` becomes `values`."""
    for row in range(out.size):
        out[row] = values[row]


# Each loop runs over views that begin where it begins: an index that may be negative would keep it from the
# processor's wide registers.


@typed("void(f8[::1], i8, f8[::1])")
def change(values: Floats, back: int, out: Floats) -> None:
    """Simple return over `back` bars; NaN above, and where the earlier value is 0."""
    blank(out, back)
    late, to = values[back:], out[back:]
    for row in range(to.size):
        to[row] = ratio(late[row], values[row]) - 1.0


@typed("void(f8[::1], f8[::1], i8, f8[::1])")
def added(late: Floats, early: Floats, back: int, out: Floats) -> None:
    """`late` and `early` of `back` bars before, added; NaN above. `out` must be neither."""
    blank(out, back)
    now, to = late[back:], out[back:]
    for row in range(to.size):
        to[row] = now[row] + early[row]


@typed("void(f8[::1], i8, f8[::1])")
def join(early: Floats, back: int, out: Floats) -> None:
    """`early` of `back` bars before is added to `out`; NaN above. `out` must not be `early`."""
    blank(out, back)
    to = out[back:]
    for row in range(to.size):
        to[row] += early[row]


@typed("void(f8[::1], i8, f8[:, ::1], f8[::1])")
def rolling_sum(values: Floats, bars: int, room: Floats, out: Floats) -> None:
    """Sum of `bars` bars; NaN until they are there and while one is NaN. `room`: two rows to work in.

    Sums of 1, 2, 4, ... bars are joined to the length asked for, in the order of `windows.rolling`.
    """
    power, spare, other = values, room[0], room[1]
    covered, width, left = 0, 1, bars
    while left > 0:
        if left & 1:
            if covered == 0:
                copy(power, out)
            else:
                join(power, covered, out)
            covered += width
        left >>= 1
        if left > 0:
            added(power, power, width, spare)
            power, spare, other = spare, other, spare
            width *= 2


@typed("void(f8[::1], i8, f8[::1])")
def highest_of(values: Floats, back: int, out: Floats) -> None:
    """The higher of each value and the one `back` bars before; NaN above. `out` must not be `values`."""
    blank(out, back)
    now, to = values[back:], out[back:]
    for row in range(to.size):
        to[row] = higher(now[row], values[row])


@typed("void(f8[::1], i8, f8[:, ::1], f8[::1])")
def rolling_high(values: Floats, bars: int, room: Floats, out: Floats) -> None:
    """Highest of `bars` bars; NaN until they are there and while one is NaN. `room`: two rows to work in."""
    power, spare, other = values, room[0], room[1]
    width = 1
    while 2 * width <= bars:
        highest_of(power, width, spare)
        power, spare, other = spare, other, spare
        width *= 2
    # Windows of one width that overlap: a value that both hold is no higher for it.
    highest_of(power, bars - width, out)


@inner
def squares(values: Floats, out: Floats) -> None:
    """Each value times itself."""
    for row in range(out.size):
        out[row] = values[row] * values[row]


@inner
def spread(square: float, centre: float) -> float:
    """Population variance from the means of squares and of values; below 1e-10 of the former it is rounding, so 0."""
    variance = square - centre * centre
    return 0.0 if variance <= 1e-10 * square else variance


@typed("f8(f8[::1], i8, i8)")
def seed(values: Floats, first: int, rows: int) -> float:
    """Sum of so many rows from `first` on, in their order; NaN where there are fewer."""
    if first + rows > values.size:
        return NAN
    total = 0.0
    for row in range(first, first + rows):
        total += values[row]
    return total


@inner
def recursion(values: Floats, start: int, begin: float, keep: float, gain: float, out: Floats) -> None:
    """out[start] = `begin`, then out[t] = keep * out[t-1] + gain * values[t]; NaN above `start`."""
    blank(out, start)
    if start >= out.size:
        return
    state = begin
    out[start] = state
    for row in range(start + 1, out.size):
        state = keep * state + gain * values[row]
        out[row] = state


@inner
def two_recursions(
    values: tuple[Floats, Floats],
    start: int,
    begin: tuple[float, float],
    keep: tuple[float, float],
    gain: tuple[float, float],
    out: tuple[Floats, Floats],
) -> None:
    """Two of `recursion` side by side: each step waits for the last one's result, and meanwhile the other is done."""
    first, second = out
    blank(first, start)
    blank(second, start)
    if start >= first.size:
        return
    one, other = begin
    first[start], second[start] = one, other
    for row in range(start + 1, first.size):
        one = keep[0] * one + gain[0] * values[0][row]
        other = keep[1] * other + gain[1] * values[1][row]
        first[row], second[row] = one, other


@typed("void(f8[::1], i8, i8, f8[::1])")
def wilder_mean(values: Floats, first: int, bars: int, out: Floats) -> None:
    """Wilder's smoothing (1978): the mean of `bars` rows from row `first`, then 1/`bars` of each new one."""
    start = first + bars - 1
    recursion(values, start, seed(values, first, bars) / bars, (bars - 1) / bars, 1.0 / bars, out)


@typed("void(f8[::1], f8[::1], i8, i8, f8[::1], f8[::1])")
def two_wilder_means(one: Floats, other: Floats, first: int, bars: int, out: Floats, out_other: Floats) -> None:
    """`wilder_mean` of both."""
    begin = seed(one, first, bars) / bars, seed(other, first, bars) / bars
    keep, gain = (bars - 1) / bars, 1.0 / bars
    two_recursions((one, other), first + bars - 1, begin, (keep, keep), (gain, gain), (out, out_other))


@typed("void(f8[::1], f8[::1], i8, i8, f8[::1], f8[::1])")
def two_wilder_sums(one: Floats, other: Floats, first: int, bars: int, out: Floats, out_other: Floats) -> None:
    """Wilder's running sums (1978): `bars` - 1 rows from row `first`; then less 1/`bars`, plus the new."""
    begin = seed(one, first, bars - 1), seed(other, first, bars - 1)
    keep = (bars - 1) / bars
    two_recursions((one, other), first + bars - 2, begin, (keep, keep), (1.0, 1.0), (out, out_other))


@typed("void(f8[::1], i8, i8, f8[::1])")
def exponential_mean(values: Floats, first: int, bars: int, out: Floats) -> None:
    """Exponential mean with weight 2 / (`bars` + 1), begun at the mean of `bars` rows from row `first`."""
    weight = 2.0 / (bars + 1)
    recursion(values, first + bars - 1, seed(values, first, bars) / bars, 1.0 - weight, weight, out)


@typed("void(f8[::1], i8, i8, i8, f8[::1], f8[::1])")
def two_exponential_means(values: Floats, last: int, fast: int, slow: int, out: Floats, out_slow: Floats) -> None:
    """`exponential_mean` over `fast` and over `slow` bars, both begun at the means of the rows that end with `last`."""
    weights = 2.0 / (fast + 1), 2.0 / (slow + 1)
    begin = seed(values, last + 1 - fast, fast) / fast, seed(values, last + 1 - slow, slow) / slow
    keep = 1.0 - weights[0], 1.0 - weights[1]
    two_recursions((values, values), last, begin, keep, weights, (out, out_slow))


@inner
def true_range(high: Floats, low: Floats, close: Floats, out: Floats) -> None:
    """From the lower of this low and the last close to the higher of this high and the last close; NaN on bar one."""
    blank(out, 1)
    top, bottom, to = high[1:], low[1:], out[1:]
    for row in range(to.size):
        to[row] = higher(top[row], close[row]) - lower(bottom[row], close[row])
