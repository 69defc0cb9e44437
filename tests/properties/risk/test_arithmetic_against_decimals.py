"""The whole-number sums against the formulas of docs/risk.md written in decimals."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tenthman_risk import house_rules

from tenthman.exchange import arithmetic as fills
from tenthman.risk import arithmetic as risk
from tenthman.risk import limits
from tenthman.risk.numbers import OFF, rule_numbers

RULES = house_rules(
    gap_allowance_fraction=0.012345,
    max_turnover_fraction=0.4,
    cluster={"correlation": 0.7, "sessions": 60, "max_fraction": 0.21},
)
NUMBERS = rule_numbers(RULES)
CENT, TICK, ONE = Decimal("0.01"), Decimal("0.0001"), Decimal(1)

prices = st.integers(1, 10**9)
millionths = st.integers(0, 20_000_000)


def usd(amount: int) -> Decimal:
    return Decimal(amount) / 10_000


def share(value: int) -> Decimal:
    return Decimal(value) / 1_000_000


def cents(price: Decimal) -> Decimal:
    return price.quantize(CENT, rounding=ROUND_FLOOR)


@given(prices, prices, st.integers(0, 100_000), st.integers(1, 20_000_000), st.integers(1, 20_000_000))
def test_proposals_are_those_of_the_formula(price: int, atr: int, offset: int, stop_atr: int, reward: int) -> None:
    limit = cents(usd(price) * (1 + share(offset)))
    stop = cents(limit - share(stop_atr) * usd(atr))
    target = max(cents(limit + share(reward) * (limit - stop)), limit + CENT)
    assert tuple(usd(level) for level in risk.propose(price, atr, offset, stop_atr, reward)) == (limit, stop, target)


@given(prices, st.integers(0, 200_000), st.booleans())
def test_fill_prices_are_those_of_the_formula(raw: int, cost: int, buys: bool) -> None:
    exact = usd(raw) * (1 + share(cost) if buys else 1 - share(cost))
    tick = CENT if exact >= 1 else TICK
    expected = max(exact.quantize(tick, rounding=ROUND_CEILING if buys else ROUND_FLOOR), tick)
    assert usd(fills.fill_price(raw, cost, buys)) == expected


@given(
    equity=st.integers(1, 5 * 10**12),
    cash=st.integers(0, 5 * 10**12),
    left=st.integers(0, NUMBERS.peak_limit),
    bought=st.integers(0, 10**12),
    limit=st.integers(2, 10**8),
    stop_share=st.integers(1, 999),
    volume=st.integers(0, 10**9),
    used=st.tuples(*[st.integers(0, 10**12)] * 5),
)
def test_caps_are_those_of_the_formula(
    equity: int, cash: int, left: int, bought: int, limit: int, stop_share: int, volume: int, used: tuple[int, ...]
) -> None:
    stop = max(limit * stop_share // 1_000, 1)
    exposed, in_sector, at_risk, reserved, clustered = used
    totals = [0, 0, 0, exposed, in_sector, at_risk, reserved, clustered]
    taken, budgets, shares = ([0] * len(limits.CAPS) for _ in range(3))
    limits.allowances(equity, cash, left, bought, totals, NUMBERS, taken, budgets)
    tightest = limits.caps(limit, stop, volume, totals, NUMBERS, taken, budgets, shares)

    def room(fraction: float, spent: int, a_share: int) -> int:
        free = usd(equity) * Decimal(str(fraction)) - usd(spent)
        return int((max(free, Decimal(0)) / usd(a_share)).to_integral_value(rounding=ROUND_FLOOR))

    budget = min(ONE, Decimal(str(RULES.drawdown.open_risk_per_distance)) * share(left))
    free_cash = usd(cash) - usd(reserved) - usd(equity) * Decimal(str(RULES.min_cash_fraction))
    gap = (Decimal(limit) * Decimal("0.012345")).to_integral_value(rounding=ROUND_CEILING)
    lost = min(limit, limit - stop + int(gap))
    expected = [
        room(RULES.risk_fraction_per_trade, 0, lost),
        room(RULES.max_open_risk_fraction, at_risk, lost),
        room(float(budget), at_risk, lost),
        room(RULES.max_position_fraction, 0, limit),
        room(RULES.max_sector_fraction, in_sector, limit),
        room(RULES.max_gross_fraction, exposed, limit),
        int((max(free_cash, Decimal(0)) / usd(limit)).to_integral_value(rounding=ROUND_FLOOR)),
        int(volume * Decimal(str(RULES.max_volume_fraction))),
        room(0.21, clustered, limit),
        room(0.4, bought, limit),
    ]
    assert shares == expected
    assert tightest == expected.index(min(expected))


@given(st.integers(1, 5 * 10**12), st.integers(1, 5 * 10**12), st.integers(1, 1_000_000))
def test_a_drawdown_reaches_its_limit_exactly_when_it_does_in_decimals(equity: int, start: int, limit: int) -> None:
    found = [0, 0, 0, 0]
    rules = NUMBERS._replace(peak_limit=limit, day_start_limit=OFF)
    risk.drawdowns(equity, start, 1, 1, rules, found)
    exact = max(Decimal(0), (usd(start) - usd(equity)) / usd(start))
    reached = (start - equity) * 1_000_000 >= limit * start
    assert (found[risk.LOST] >= limit) == reached
    assert abs(share(found[risk.LOST]) - exact) <= share(1)
    left = min(limit, int(((share(limit) - exact) * 1_000_000).to_integral_value(rounding=ROUND_FLOOR)))
    assert found[risk.LEFT] == max(0, left)


@given(st.lists(st.tuples(st.integers(-500_000, 500_000), st.integers(-500_000, 500_000)), min_size=3, max_size=60))
def test_a_correlation_is_that_of_a_library(moves: list[tuple[int, int]]) -> None:
    one, other = ([pair[place] for pair in moves] for place in (0, 1))
    known = len(set(one)) > 1 and len(set(other)) > 1
    coefficient = float(np.corrcoef(one, other)[0, 1]) if known else 1.0
    for highest in (100_000, 500_000, 900_000):
        if abs(coefficient * 1_000_000 - highest) > 1.0:
            assert risk.is_apart(one, other, highest) == (coefficient * 1_000_000 < highest)
