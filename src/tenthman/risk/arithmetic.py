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

GATES = (
    "trading_state",
    "equity_known",
    "drawdown",
    "max_entries_per_run",
    "not_already_held",
    "max_positions",
    "max_positions_per_issuer",
    "min_price_usd",
    "min_dollar_volume_usd",
    "data_quality",
    "blackout",
    "cool_off_sessions",
)
CAPS = (
    "risk_fraction_per_trade",
    "max_open_risk_fraction",
    "drawdown_budget",
    "max_position_fraction",
    "max_sector_fraction",
    "max_gross_fraction",
    "min_cash_fraction",
    "max_volume_fraction",
    "max_cluster_fraction",
    "max_turnover_fraction",
)
STATE, EQUITY, DRAWDOWN, ENTRIES, FREE, POSITIONS, ISSUERS, PRICE, LIQUIDITY, DATA, BLACKOUT, COOL_OFF = range(12)
AT_LEAST = (EQUITY, PRICE, LIQUIDITY, COOL_OFF)
"""Gates that ask for more, not for less."""

RISK_CAP, OPEN_RISK_CAP, BUDGET_CAP, POSITION_CAP, SECTOR_CAP, GROSS_CAP, CASH_CAP, VOLUME_CAP = range(8)
CLUSTER_CAP, TURNOVER_CAP = 8, 9

UNLIMITED = 10**15
"""Shares that a cap which is off leaves room for: more than any other."""

LONG_AGO = 10**6
"""Sessions since something that never happened."""

NOT_KNOWN = -(10**9)
"""In the place of a move: there was no bar at one of its ends."""

LINES, TAKEN, OF_ISSUER, EXPOSURE, OF_SECTOR, AT_RISK, RESERVED, OF_CLUSTER = range(8)
"""Places in the totals of a book."""

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


def add_up(values: Row, risks: Row, reserves: Row, totals: Sheet) -> None:
    """Add up what a book's lines (holdings and waiting entries) come to; `totals` must be zeros."""
    totals[LINES] = len(values)
    for line in range(len(values)):
        totals[EXPOSURE] += values[line]
        totals[AT_RISK] += risks[line]
        totals[RESERVED] += reserves[line]


def compare(
    tickers: Row,
    issuers: Row,
    sectors: Row,
    values: Row,
    clustered: Row,
    ticker: object,
    issuer: object,
    sector: object,
    totals: Sheet,
) -> None:
    """Add to the `totals` of `add_up` what a candidate has in common with each line.

    `clustered` tells which lines count as one bet with the candidate; empty where no rule asks.
    """
    for line in range(len(values)):
        if tickers[line] == ticker:
            totals[TAKEN] += 1
        if issuers[line] == issuer:
            totals[OF_ISSUER] += 1
        if sectors[line] == sector:
            totals[OF_SECTOR] += values[line]
    for line in range(len(clustered)):
        if clustered[line]:
            totals[OF_CLUSTER] += values[line]


def gates(
    state: int,
    equity: int,
    drawdown: Row,
    entries: int,
    limit: int,
    volume: int,
    faults: int,
    is_barred: bool,
    since_stop: int,
    totals: Row,
    rules: RuleNumbers,
    observed: Sheet,
    limits: Sheet,
    passed: Sheet,
) -> int:
    """Look through every gate for an entry at `limit`; the place in GATES of the first that failed, -1 for none.

    `equity` is 0 when it is not known; `drawdown` is what `drawdowns` found; `entries` were sized before in this run;
    `since_stop` sessions have passed since the last stop in this name (LONG_AGO: never).
    """
    observed[STATE], limits[STATE] = state, ACTIVE
    observed[EQUITY], limits[EQUITY] = equity, 1
    observed[DRAWDOWN], limits[DRAWDOWN] = drawdown[LOST], drawdown[LOST_MOST]
    observed[ENTRIES], limits[ENTRIES] = entries + 1, rules.max_entries_per_run
    observed[FREE], limits[FREE] = totals[TAKEN], 0
    observed[POSITIONS], limits[POSITIONS] = totals[LINES] + 1, rules.max_positions
    observed[ISSUERS], limits[ISSUERS] = totals[OF_ISSUER] + 1, rules.max_positions_per_issuer
    observed[PRICE], limits[PRICE] = limit, rules.min_price
    # In shares: volume x price could be more than 64 bits hold.
    observed[LIQUIDITY], limits[LIQUIDITY] = volume, max(1, -(-rules.min_dollar_volume // max(1, limit)))
    observed[DATA], limits[DATA] = faults, rules.max_faults
    observed[BLACKOUT], limits[BLACKOUT] = int(is_barred and rules.has_blackout), 0
    observed[COOL_OFF], limits[COOL_OFF] = since_stop, rules.cool_off + 1
    failed = -1
    for place in range(COOL_OFF, -1, -1):
        within = observed[place] <= limits[place] or (place == DATA and limits[DATA] == OFF)
        if place in AT_LEAST:
            within = observed[place] >= limits[place]
        elif place == DRAWDOWN:
            within = observed[place] < limits[place]
        passed[place] = within
        if not within:
            failed = place
    return failed


def caps(
    equity: int,
    cash: int,
    left: int,
    bought: int,
    limit: int,
    stop: int,
    volume: int,
    totals: Row,
    rules: RuleNumbers,
    used: Sheet,
    budgets: Sheet,
    shares: Sheet,
) -> int:
    """The whole shares that each cap leaves room for at `limit` with `stop`; the place in CAPS of the tightest.

    The first in order among equals. `left` is the distance to the drawdown limit; `bought` is what entries were sent
    for in this session. `drawdown_budget`: open risk is kept within a share of that distance (Grossman and Zhou, 1993),
    so that stops alone can hardly carry equity there. The risk of a share is widened by the gap allowance.
    """
    budgets[RISK_CAP], used[RISK_CAP] = equity * rules.risk_fraction_per_trade // ONE, 0
    budgets[OPEN_RISK_CAP], used[OPEN_RISK_CAP] = equity * rules.max_open_risk_fraction // ONE, totals[AT_RISK]
    budget = min(ONE, rules.open_risk_per_distance * left // ONE)
    budgets[BUDGET_CAP], used[BUDGET_CAP] = equity * budget // ONE, totals[AT_RISK]
    budgets[POSITION_CAP], used[POSITION_CAP] = equity * rules.max_position_fraction // ONE, 0
    budgets[SECTOR_CAP], used[SECTOR_CAP] = equity * rules.max_sector_fraction // ONE, totals[OF_SECTOR]
    budgets[GROSS_CAP], used[GROSS_CAP] = equity * rules.max_gross_fraction // ONE, totals[EXPOSURE]
    budgets[CASH_CAP], used[CASH_CAP] = cash, totals[RESERVED] - (-equity * rules.min_cash_fraction // ONE)
    budgets[VOLUME_CAP], used[VOLUME_CAP] = volume * rules.max_volume_fraction // ONE, 0
    budgets[CLUSTER_CAP], used[CLUSTER_CAP] = equity * rules.max_cluster_fraction // ONE, totals[OF_CLUSTER]
    budgets[TURNOVER_CAP], used[TURNOVER_CAP] = equity * rules.max_turnover_fraction // ONE, bought
    at_risk = min(limit, limit - stop - (-limit * rules.gap // ONE)) if limit > stop else 0
    tightest = 0
    for place in range(TURNOVER_CAP + 1):
        a_share = limit
        if place <= BUDGET_CAP:
            a_share = at_risk
        elif place == VOLUME_CAP:
            a_share = 1
        shares[place] = max(0, budgets[place] - used[place]) // a_share if a_share > 0 else 0
        # Only the budget of a rule that is off can be below nothing.
        if place >= CLUSTER_CAP and budgets[place] < 0:
            shares[place] = UNLIMITED
        if shares[place] < shares[tightest]:
            tightest = place
    return tightest
