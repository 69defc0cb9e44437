"""Places of values among the others of their session, compiled. Importing this module imports numba.

A sort costs the more for each value the more there are. Here the span of a session's values is cut into far more cells
than there are values, and a bit set for each cell that holds one: the bits set below a value's own are how many values
are lower, at the same cost for each of 100 and of 1,000. Values that meet in one cell are compared with all others.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tenthman.domain.market import Floats
from tenthman.utils.compiling import compiler

_COMPILER = compiler((Path(__file__),), divides_freely=True)
NAN = float(np.nan)
SHIFT = 6
WORD = 1 << SHIFT
WORDS_EACH = 2
"""So many words of 64 cells for each value: with more, fewer values meet, and the bits leave the nearest cache."""
MOST_COMPARED = 128
"""When more values than this meet others, comparing each with all costs more than a sort."""

Bits = NDArray[np.uint64]
Counts = NDArray[np.int32]
Flags = NDArray[np.bool_]
Places = NDArray[np.int64]
Room = tuple[Bits, Counts, Counts, Places, Counts]


@_COMPILER.entrance
def fill_ranks(values: Floats, among: Flags, out: Floats, left: Places) -> int:
    """`out`: rank of each of `values` (sessions x tickers x features) among the tickers of its session that `among`
    (sessions x tickers) names, 0 to 1, ties sharing their mean; NaN for all others, for NaN and for a value alone.

    Returns how many pairs of session and feature are left to a sort; `left` holds session * features + feature of each.
    """
    sessions, tickers, features = values.shape
    held = np.empty(features, dtype=np.int64)
    # Rows an odd number of cache lines apart: 1,024 tickers' rows else all fall into the same few places of the cache.
    mine, ends = np.empty((features, tickers // 16 * 16 + 24)), np.empty((2, features))
    words = WORDS_EACH * tickers + 1
    bits, below = np.empty(words, dtype=np.uint64), np.empty(words, dtype=np.int32)
    cells, met = np.empty(tickers, dtype=np.int32), np.empty(MOST_COMPARED + 1, dtype=np.int64)
    room = bits, below, cells, met, np.empty(MOST_COMPARED, dtype=np.int32)
    count = 0
    for session in range(sessions):
        members = gather(values[session], among[session], mine, ends, held)
        for feature in range(features):
            row = mine[feature, :members]
            if held[feature] < 2:
                row[:] = NAN
            elif ends[0, feature] == ends[1, feature]:
                share(row, held[feature])
            elif not place(row, held[feature], (ends[0, feature], ends[1, feature]), room):
                left[count] = session * features + feature
                count += 1
            else:
                divide(cells, held[feature], row)
        scatter(mine, among[session], out[session])
    return count


@_COMPILER.inner
def gather(values: Floats, among: Flags, mine: Floats, ends: Floats, held: Places) -> int:
    """One session's values by feature, those of `among` alone; the lowest and highest, and how many are no NaN."""
    features = held.size
    ends[0] = np.inf
    ends[1] = -np.inf
    held[:] = 0
    members = 0
    for ticker in range(among.size):
        if not among[ticker]:
            continue
        for feature in range(features):
            mine[feature, members] = values[ticker, feature]
        for feature in range(features):
            value = values[ticker, feature]
            ends[0, feature] = min(ends[0, feature], value)
            ends[1, feature] = max(ends[1, feature], value)
            held[feature] += value == value
        members += 1
    return members


@_COMPILER.inner
def place(row: Floats, held: int, ends: tuple[float, float], room: Room) -> bool:
    """The first and the last place of each value's equals in `row`, added, in `room`; anything for NaN. False, without
    an answer, when the span is no number to divide by or too many values meet in one cell. `held`: who is no NaN.
    """
    bits, below, cells, met, own = room
    words = WORDS_EACH * row.size
    lowest, highest = ends
    scale = (WORD * words - 1) / (highest - lowest)
    if not scale < np.inf or scale == 0.0:
        return False
    # A lower value never gets a higher cell, for each step rounds the same way for both. NaN has the word at the end.
    for column in range(row.size):
        value = row[column]
        cells[column] = np.int32((value - lowest) * scale) if value == value else WORD * words
    bits[: words + 1] = np.uint64(0)
    meeting = 0
    for column in range(row.size):
        word, bit = cells[column] >> SHIFT, np.uint64(1) << np.uint64(cells[column] & (WORD - 1))
        known = bits[word]
        met[meeting] = column
        meeting += (word < words) & ((known & bit) != np.uint64(0))
        if meeting > MOST_COMPARED:
            return False
        bits[word] = known | bit
    total = np.int32(0)
    for word in range(words):
        below[word] = total
        total += np.int32(ones(bits[word]))
    for column in range(row.size):
        word, bit = cells[column] >> SHIFT, np.uint64(1) << np.uint64(cells[column] & (WORD - 1))
        cells[column] = 2 * (below[word] + np.int32(ones(bits[word] & (bit - np.uint64(1)))))
    compare(row, held, met[:meeting], own, cells)
    return True


@_COMPILER.inner
def compare(row: Floats, held: int, met: Places, room: Counts, twice: Counts) -> None:
    """`twice` made right, where no cell counts for the values of `met`: these were met by another in theirs."""
    for number in range(met.size):
        value = row[met[number]]
        total = np.int32(0)
        for column in range(row.size):
            # Two for a value above, one for an equal: what is missing of two for each is this value's own.
            above = np.int32(row[column] > value) + np.int32(row[column] >= value)
            twice[column] += above
            total += above
        room[number] = 2 * held - 1 - total
    for number in range(met.size):
        twice[met[number]] = room[number]


@_COMPILER.inner
def divide(twice: Counts, held: int, row: Floats) -> None:
    """Ranks 0 to 1 of `held` values in place of the values; NaN stays."""
    for column in range(row.size):
        row[column] = (twice[column] / 2.0) / (held - 1.0) if row[column] == row[column] else NAN


@_COMPILER.inner
def share(row: Floats, held: int) -> None:
    """As `divide`, of values that are all equal."""
    for column in range(row.size):
        row[column] = ((held - 1) / 2.0) / (held - 1.0) if row[column] == row[column] else NAN


@_COMPILER.inner
def scatter(mine: Floats, among: Flags, out: Floats) -> None:
    """The ranks back to their tickers; NaN for who is not among them."""
    features, member = len(mine), 0
    for ticker in range(among.size):
        if among[ticker]:
            for feature in range(features):
                out[ticker, feature] = mine[feature, member]
            member += 1
        else:
            for feature in range(features):
                out[ticker, feature] = NAN


@_COMPILER.inner
def ones(word: np.uint64) -> np.uint64:
    """How many bits of 64 are set; the compiler knows this by its shape as one instruction (Warren, 2003)."""
    pairs = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    fours = (pairs & np.uint64(0x3333333333333333)) + ((pairs >> np.uint64(2)) & np.uint64(0x3333333333333333))
    bytes_of = (fours + (fours >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (bytes_of * np.uint64(0x0101010101010101)) >> np.uint64(56)


@_COMPILER.entrance
def places(values: Floats, ordered: Floats, out: Floats) -> None:
    """As `fill_ranks` of rows that all belong together (rows x tickers): the way of a sort, for any values.

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
        share_sorted(here[:held], shared)
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
def share_sorted(ordered: Floats, shared: Floats) -> None:
    """Ranks of sorted values by place, 0 to 1; the first of a run of equals, the one looked up, has its mean."""
    held = ordered.size
    last = held - 1
    for place in range(held - 1, -1, -1):
        if ordered[place] != ordered[last]:
            last = place
        shared[place] = ((place + last) / 2.0) / (held - 1.0)
