"""The arithmetic of risk over whole numbers: one source for the desk, which calls it, and the backtest's compiled loop.

Prices and sums are in 1/10,000 USD, fractions in millionths, shares whole. Each function stands alone (it calls none
of the others) and uses nothing but numbers and indexable rows, so that the backtest can compile this very source.
Nothing is checked here: callers see to it that prices are positive and that unknown facts arrive as 0.
"""

import math
from typing import Any, Protocol

from tenthman.risk.numbers import OFF, RuleNumbers

ONE = 1_000_000
CENT = 100
VOLUME_MOST = 10**12

ACTIVE, REDUCING, HALTED = 0, 1, 2
HOLD, HOLD_EXTERNAL, HOLD_EXITING, HOLD_HALTED = 0, -1, -2, -3
EXIT_DRAWDOWN, EXIT_UNPROTECTED, EXIT_TIME, EXIT_SIGNAL = 1, 2, 3, 4

NOT_KNOWN = -(10**9)
"""In the place of a move: there was no bar at one of its ends."""

PEAK, DAY_START, WEEK_START = 0, 1, 2
REFERENCES = ("peak", "day_start", "week_start")
LOST, LOST_MOST, LEFT, NEAREST = range(4)
"""Places in what `drawdowns` finds."""


class Row(Protocol):
    """A list, a tuple, or a row of an array."""

    def __len__(self) -> int: ...

    def __getitem__(self, place: int, /) -> Any: ...


class Sheet(Row, Protocol):
    """A row that is written into."""

    def __setitem__(self, place: int, value: Any, /) -> None: ...


def propose(price: int, atr: int, offset: int, stop_atr: int, reward_risk: int) -> tuple[int, int, int]:
    """Limit, stop and target around `price`, each rounded down to a cent; the stop is not positive if there is no room.

    limit = price * (1 + offset); stop = limit - stop_atr * atr; target = limit + reward_risk * (limit - stop), and at
    least a cent above the limit. `price` and `atr` must be positive.
    """
    limit = price * (ONE + offset) // (ONE * CENT) * CENT
    stop = (limit * ONE - stop_atr * atr) // (ONE * CENT) * CENT
    target = (limit * ONE + reward_risk * (limit - stop)) // (ONE * CENT) * CENT
    return limit, stop, max(target, limit + CENT)


def structured(limit: int, low: int, atr: int, least: int, most: int, reward_risk: int) -> tuple[int, int]:
    """Stop and target of an entry at `limit` whose stop hangs from `low`, the lowest of late, each to a cent.

    stop = a cent below `low`, from `least` to `most` ATR below the limit; not positive if there is no room. target as
    in `propose`. `low` and `atr` must be positive.
    """
    nearest = (limit * ONE - least * atr) // (ONE * CENT) * CENT
    farthest = (limit * ONE - most * atr) // (ONE * CENT) * CENT
    stop = max(farthest, min(nearest, (low - 1) // CENT * CENT))
    target = (limit * ONE + reward_risk * (limit - stop)) // (ONE * CENT) * CENT
    return stop, max(target, limit + CENT)


def trailed(stop: int, highest: int, close: int, atr: int, trailing_atr: int) -> int:
    """Where `stop` stands after a close: `trailing_atr` ATR below the highest close since the entry, to a cent, and
    at least a cent below this close, where a broker takes it; never lower than it was.

    The chandelier exit (LeBeau and Lucas, 1992), hung from closes. `atr` must be positive.
    """
    level = (highest * ONE - trailing_atr * atr) // (ONE * CENT) * CENT
    return max(stop, min(level, (close - 1) // CENT * CENT))


def whole_volume(volume: float) -> int:
    """A median volume in whole shares, rounded down; 0 when it is not known (NaN, infinite, not positive)."""
    if not 0.0 < volume < math.inf:
        return 0
    return VOLUME_MOST if volume >= VOLUME_MOST else int(math.floor(volume))  # noqa: RUF046 - compiled: gives a float


def drawdowns(equity: int, peak: int, day_start: int, week_start: int, rules: RuleNumbers, found: Sheet) -> None:
    """Look at every reference with a limit and write down the one nearest to it (the first among equals).

    found[LOST]: fraction of that start that equity lies below it, rounded down, at least 0 (ONE when the start is not
    positive); found[LOST_MOST]: its limit; found[LEFT]: the least that is left of any limit, rounded down, at least 0;
    found[NEAREST]: its place in REFERENCES.
    """
    found[LEFT], found[NEAREST] = ONE, OFF
    for place in range(WEEK_START + 1):
        start, limit = peak, rules.peak_limit
        if place == DAY_START:
            start, limit = day_start, rules.day_start_limit
        elif place == WEEK_START:
            start, limit = week_start, rules.week_start_limit
        if limit == OFF:
            continue
        lost, left = ONE, 0
        if start > 0:
            lost = max(0, (start - equity) * ONE // start)
            left = max(0, min(limit, (limit * start - (start - equity) * ONE) // start))
        found[LEFT] = min(found[LEFT], left)
        if found[NEAREST] == OFF or lost - limit > found[LOST] - found[LOST_MOST]:
            found[LOST], found[LOST_MOST], found[NEAREST] = lost, limit, place


def latch(state: int, is_flat: bool, lost: int, limit: int) -> int:
    """The trading state after a look: ACTIVE reduces once `lost` reaches `limit`, REDUCING halts once all is sold."""
    if state == REDUCING and is_flat:
        return HALTED
    if state == ACTIVE and lost >= limit:
        return REDUCING
    return state


def rearms(state: int, idle: int, is_below_peak: bool, after: int) -> bool:
    """Whether the stated rule re-arms after `idle` sessions in which nothing was held; `after` 0: it never does.

    A desk that is not halted is idle for good where its drawdown leaves no room for a share: it needs a new peak too.
    """
    return after > 0 and idle >= after and (state == HALTED or (state == ACTIVE and is_below_peak))


def holding_reason(
    state: int, is_external: bool, is_exiting: bool, is_protected: bool, held: int, horizon: int, says_sell: bool
) -> int:
    """Why a holding is sold (EXIT_*, above 0) or kept (HOLD*); `held` and `horizon` in sessions."""
    if is_external:
        return HOLD_EXTERNAL
    if is_exiting:
        return HOLD_EXITING
    if state == HALTED:
        return HOLD_HALTED
    if state == REDUCING:
        return EXIT_DRAWDOWN
    if not is_protected:
        return EXIT_UNPROTECTED
    if held >= horizon:
        return EXIT_TIME
    return EXIT_SIGNAL if says_sell else HOLD


def loss_a_share(price: int, stop: int, gap: int) -> int:
    """What a share loses from `price` if its stop (0: none) fills `gap` millionths of the price below it, rounded up.

    The whole price at most. Never negative: a stop above the price is given no credit.
    """
    return min(price, max(0, price - stop) - (-price * gap // ONE))


def is_apart(one: Row, other: Row, highest: int) -> bool:
    """Whether two names' moves (millionths, same sessions) correlate by `highest` millionths at most.

    Pearson's coefficient. False when it is not known: a move is NOT_KNOWN, or a name never moved.
    """
    count = len(one)
    sum_one = sum_other = squares_one = squares_other = products = 0
    for place in range(count):
        a, b = one[place], other[place]
        if a == NOT_KNOWN or b == NOT_KNOWN:
            return False
        sum_one += a
        sum_other += b
        squares_one += a * a
        squares_other += b * b
        products += a * b
    spread_one = count * squares_one - sum_one * sum_one
    spread_other = count * squares_other - sum_other * sum_other
    if spread_one <= 0 or spread_other <= 0:
        return False
    shared = float(count * products - sum_one * sum_other)
    return shared <= highest / ONE * math.sqrt(float(spread_one) * float(spread_other))
