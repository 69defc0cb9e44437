"""Places of values among the sorted values of their row, compiled. Importing this module imports numba."""

from pathlib import Path

import numpy as np

from tenthman.domain.market import Floats
from tenthman.utils.compiling import compiler

_COMPILER = compiler((Path(__file__),), divides_freely=True)
NAN = float(np.nan)


@_COMPILER.entrance
def places(values: Floats, ordered: Floats, out: Floats) -> None:
    """`out`: rank of each value within its row, 0 to 1, ties sharing their mean; NaN for NaN and for a value alone.

    `ordered` holds the rows of `values` sorted, NaN last. All three are C-contiguous.
    """
    rows, width = values.shape
    low, shared = np.empty(width, dtype=np.int64), np.empty(width)
    for row in range(rows):
        here, mine, to = ordered[row], values[row], out[row]
        held = width
        while held > 0 and np.isnan(here[held - 1]):
            held -= 1
        if held < 2:
            to[:] = NAN
            continue
        share(here[:held], shared)
        # All values take the same steps, so that they take each together: a search by itself waits at every step.
        low[:] = 0
        left = held
        while left > 1:
            half = left // 2
            for column in range(width):
                low[column] += half * (here[low[column] + half - 1] < mine[column])
            left -= half
        for column in range(width):
            to[column] = NAN if np.isnan(mine[column]) else shared[low[column]]


@_COMPILER.inner
def share(ordered: Floats, shared: Floats) -> None:
    """Ranks of sorted values by place, 0 to 1; the first of a run of equals, the one looked up, has its mean."""
    held = ordered.size
    last = held - 1
    for place in range(held - 1, -1, -1):
        if ordered[place] != ordered[last]:
            last = place
        shared[place] = ((place + last) / 2.0) / (held - 1.0)
