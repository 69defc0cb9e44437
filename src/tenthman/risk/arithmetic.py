"""The arithmetic of risk over whole numbers: one source for the desk, which calls it, and the backtest's compiled loop.

Prices and sums are in 1/10,000 USD, fractions in millionths, shares whole. Each function stands alone (it calls none
of the others) and uses nothing but numbers and indexable rows, so that the backtest can compile this very source.
Nothing is checked here: callers see to it that prices are positive and that unknown facts arrive as 0.
"""

import math
from typing import Any, Protocol

from tenthman.risk.numbers import RuleNumbers

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
)
STATE, EQUITY, DRAWDOWN, ENTRIES, FREE, POSITIONS, ISSUERS, PRICE, LIQUIDITY = range(9)
RISK_CAP, OPEN_RISK_CAP, BUDGET_CAP, POSITION_CAP, SECTOR_CAP, GROSS_CAP, CASH_CAP, VOLUME_CAP = range(8)

LINES, TAKEN, OF_ISSUER, EXPOSURE, OF_SECTOR, AT_RISK, RESERVED = range(7)
"""Places in the totals of a book."""


class Row(Protocol):
    """A list, or a row of an array."""

    def __len__(self) -> int: ...

    def __getitem__(self, place: int, /) -> Any: ...

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


def whole_volume(volume: float) -> int:
    """A median volume in whole shares, rounded down; 0 when it is not known (NaN, infinite, not positive)."""
    if not 0.0 < volume < math.inf:
        return 0
    return VOLUME_MOST if volume >= VOLUME_MOST else int(math.floor(volume))  # noqa: RUF046 - compiled: gives a float


def drawdown(equity: int, start: int) -> int:
    """Fraction of `start` that `equity` lies below it, rounded down, at least 0; ONE when `start` is not positive."""
    if start <= 0:
        return ONE
    return max(0, (start - equity) * ONE // start)


def distance(equity: int, start: int, limit: int) -> int:
    """What is left of the drawdown `limit` (a fraction of `start`), rounded down, in 0..limit."""
    if start <= 0:
        return 0
    return max(0, min(limit, (limit * start - (start - equity) * ONE) // start))


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


def open_risk(quantity: int, price: int, stop: int) -> int:
    """What is lost from `price` if the stop fills at its price; with `stop` 0 (none) the whole value."""
    return max(0, price - stop) * quantity


def tally(
    tickers: Row,
    issuers: Row,
    sectors: Row,
    values: Row,
    risks: Row,
    reserves: Row,
    ticker: object,
    issuer: object,
    sector: object,
    totals: Row,
) -> None:
    """Add up a book's lines (holdings and waiting entries) as a candidate meets them; `totals` must be zeros."""
    totals[LINES] = len(values)
    for line in range(len(values)):
        totals[TAKEN] += tickers[line] == ticker
        totals[OF_ISSUER] += issuers[line] == issuer
        totals[EXPOSURE] += values[line]
        if sectors[line] == sector:
            totals[OF_SECTOR] += values[line]
        totals[AT_RISK] += risks[line]
        totals[RESERVED] += reserves[line]


def gates(
    state: int,
    equity: int,
    lost: int,
    entries: int,
    limit: int,
    volume: int,
    totals: Row,
    rules: RuleNumbers,
    observed: Row,
    limits: Row,
    passed: Row,
) -> int:
    """Look through every gate for an entry at `limit`; the place in GATES of the first that failed, -1 for none.

    `equity` is 0 when it is not known; `entries` were sized before in this run.
    """
    observed[STATE], limits[STATE] = state, ACTIVE
    observed[EQUITY], limits[EQUITY] = equity, 1
    observed[DRAWDOWN], limits[DRAWDOWN] = lost, rules.drawdown_limit
    observed[ENTRIES], limits[ENTRIES] = entries + 1, rules.max_entries_per_run
    observed[FREE], limits[FREE] = totals[TAKEN], 0
    observed[POSITIONS], limits[POSITIONS] = totals[LINES] + 1, rules.max_positions
    observed[ISSUERS], limits[ISSUERS] = totals[OF_ISSUER] + 1, rules.max_positions_per_issuer
    observed[PRICE], limits[PRICE] = limit, rules.min_price
    # In shares: volume x price could be more than 64 bits hold.
    observed[LIQUIDITY], limits[LIQUIDITY] = volume, max(1, -(-rules.min_dollar_volume // max(1, limit)))
    failed = -1
    for place in range(LIQUIDITY, -1, -1):
        within = observed[place] <= limits[place]
        if place in (EQUITY, PRICE, LIQUIDITY):
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
    limit: int,
    stop: int,
    volume: int,
    totals: Row,
    rules: RuleNumbers,
    used: Row,
    budgets: Row,
    shares: Row,
) -> int:
    """The whole shares that each cap leaves room for at `limit` with `stop`; the place in CAPS of the tightest.

    The first in order among equals. `left` is the distance to the drawdown limit. `drawdown_budget`: open risk is
    kept within a share of that distance (Grossman and Zhou, 1993), so that stops alone can hardly carry equity there.
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
    tightest = 0
    for place in range(VOLUME_CAP + 1):
        a_share = limit
        if place <= BUDGET_CAP:
            a_share = limit - stop
        elif place == VOLUME_CAP:
            a_share = 1
        shares[place] = max(0, budgets[place] - used[place]) // a_share if a_share > 0 else 0
        if shares[place] < shares[tightest]:
            tightest = place
    return tightest
