"""The limits on entries over whole numbers: one source for the desk, which calls it, and the backtest's compiled loop.

A gate passes or fails; a cap leaves room for so many shares. Units and manners are those of `arithmetic`: each function
stands alone, nothing is checked here, and unknown facts arrive as 0.
"""

from tenthman.risk.arithmetic import ACTIVE, LOST, LOST_MOST, ONE, Row, Sheet
from tenthman.risk.numbers import OFF, RuleNumbers

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

RISK_CAP, OPEN_RISK_CAP, BUDGET_CAP, POSITION_CAP, SECTOR_CAP, GROSS_CAP, CASH_CAP, VOLUME_CAP = range(8)
CLUSTER_CAP, TURNOVER_CAP = 8, 9

UNLIMITED = 10**15
"""Shares that a cap which is off leaves room for: more than any other."""

LONG_AGO = 10**6
"""Sessions since something that never happened."""

LINES, TAKEN, OF_ISSUER, EXPOSURE, OF_SECTOR, AT_RISK, RESERVED, OF_CLUSTER = range(8)
"""Places in the totals of a book."""


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
    observed[STATE], limits[STATE], passed[STATE] = state, ACTIVE, state <= ACTIVE
    observed[EQUITY], limits[EQUITY], passed[EQUITY] = equity, 1, equity >= 1
    lost, most = drawdown[LOST], drawdown[LOST_MOST]
    observed[DRAWDOWN], limits[DRAWDOWN], passed[DRAWDOWN] = lost, most, lost < most
    count, most = entries + 1, rules.max_entries_per_run
    observed[ENTRIES], limits[ENTRIES], passed[ENTRIES] = count, most, count <= most
    observed[FREE], limits[FREE], passed[FREE] = totals[TAKEN], 0, totals[TAKEN] <= 0
    count, most = totals[LINES] + 1, rules.max_positions
    observed[POSITIONS], limits[POSITIONS], passed[POSITIONS] = count, most, count <= most
    count, most = totals[OF_ISSUER] + 1, rules.max_positions_per_issuer
    observed[ISSUERS], limits[ISSUERS], passed[ISSUERS] = count, most, count <= most
    observed[PRICE], limits[PRICE], passed[PRICE] = limit, rules.min_price, limit >= rules.min_price
    # In shares: volume x price could be more than 64 bits hold.
    least = max(1, -(-rules.min_dollar_volume // max(1, limit)))
    observed[LIQUIDITY], limits[LIQUIDITY], passed[LIQUIDITY] = volume, least, volume >= least
    most = rules.max_faults
    observed[DATA], limits[DATA], passed[DATA] = faults, most, faults <= most or most == OFF
    barred = int(is_barred and rules.has_blackout)
    observed[BLACKOUT], limits[BLACKOUT], passed[BLACKOUT] = barred, 0, barred <= 0
    least = rules.cool_off + 1
    observed[COOL_OFF], limits[COOL_OFF], passed[COOL_OFF] = since_stop, least, since_stop >= least
    for place in range(COOL_OFF + 1):
        if not passed[place]:
            return place
    return -1


def allowances(
    equity: int, cash: int, left: int, bought: int, totals: Row, rules: RuleNumbers, used: Sheet, budgets: Sheet
) -> None:
    """What each cap allows of a book, and what its lines have taken of it: the same for every candidate.

    `totals` are those of `add_up`. `left` is the distance to the drawdown limit; `bought` is what entries were sent for
    in this session. `drawdown_budget`: open risk is kept within a share of that distance (Grossman and Zhou, 1993), so
    that stops alone can hardly carry equity there. Nothing yet is allowed by volume, or used in sector and cluster:
    that is a candidate's own.
    """
    budgets[RISK_CAP], used[RISK_CAP] = equity * rules.risk_fraction_per_trade // ONE, 0
    budgets[OPEN_RISK_CAP], used[OPEN_RISK_CAP] = equity * rules.max_open_risk_fraction // ONE, totals[AT_RISK]
    budget = min(ONE, rules.open_risk_per_distance * left // ONE)
    budgets[BUDGET_CAP], used[BUDGET_CAP] = equity * budget // ONE, totals[AT_RISK]
    budgets[POSITION_CAP], used[POSITION_CAP] = equity * rules.max_position_fraction // ONE, 0
    budgets[SECTOR_CAP], used[SECTOR_CAP] = equity * rules.max_sector_fraction // ONE, 0
    budgets[GROSS_CAP], used[GROSS_CAP] = equity * rules.max_gross_fraction // ONE, totals[EXPOSURE]
    budgets[CASH_CAP], used[CASH_CAP] = cash, totals[RESERVED] - (-equity * rules.min_cash_fraction // ONE)
    budgets[VOLUME_CAP], used[VOLUME_CAP] = 0, 0
    budgets[CLUSTER_CAP], used[CLUSTER_CAP] = equity * rules.max_cluster_fraction // ONE, 0
    budgets[TURNOVER_CAP], used[TURNOVER_CAP] = equity * rules.max_turnover_fraction // ONE, bought


def caps(
    limit: int, stop: int, volume: int, totals: Row, rules: RuleNumbers, used: Sheet, budgets: Sheet, shares: Sheet
) -> int:
    """The whole shares that each cap leaves room for at `limit` with `stop`; the place in CAPS of the tightest.

    The first in order among equals. `used` and `budgets` are those of `allowances`, to which the candidate's own are
    added; `totals` those of `compare`. The risk of a share is widened by the gap allowance.
    """
    used[SECTOR_CAP], used[CLUSTER_CAP] = totals[OF_SECTOR], totals[OF_CLUSTER]
    budgets[VOLUME_CAP] = volume * rules.max_volume_fraction // ONE
    at_risk = min(limit, limit - stop - (-limit * rules.gap // ONE)) if limit > stop else 0
    tightest = 0
    for place in range(TURNOVER_CAP + 1):
        free, a_share = budgets[place] - used[place], limit
        if place <= BUDGET_CAP:
            a_share = at_risk
        elif place == VOLUME_CAP:
            a_share = 1
        room = free // a_share if free > 0 and a_share > 0 else 0
        # Only the budget of a rule that is off can be below nothing.
        if budgets[place] < 0 and place >= CLUSTER_CAP:
            room = UNLIMITED
        shares[place] = room
        if room < shares[tightest]:
            tightest = place
    return tightest
