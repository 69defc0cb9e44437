"""The whole-number sums against the formulas of docs/risk.md written in decimals."""

import os
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from hypothesis import given
from hypothesis import strategies as st

from tenthman.config import load_config
from tenthman.exchange import arithmetic as fills
from tenthman.risk import arithmetic as risk
from tenthman.risk.numbers import rule_numbers

RULES = load_config(None, os.environ).risk_rules
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
    left=st.integers(0, NUMBERS.drawdown_limit),
    limit=st.integers(2, 10**8),
    stop_share=st.integers(1, 999),
    volume=st.integers(0, 10**9),
    used=st.tuples(*[st.integers(0, 10**12)] * 4),
)
def test_caps_are_those_of_the_formula(
    equity: int, cash: int, left: int, limit: int, stop_share: int, volume: int, used: tuple[int, int, int, int]
) -> None:
    stop = max(limit * stop_share // 1_000, 1)
    exposed, in_sector, at_risk, reserved = used
    totals = [0, 0, 0, exposed, in_sector, at_risk, reserved]
    shares = [0] * len(risk.CAPS)
    rows = [0] * len(risk.CAPS), [0] * len(risk.CAPS)
    tightest = risk.caps(equity, cash, left, limit, stop, volume, totals, NUMBERS, *rows, shares)

    def room(fraction: float, spent: int, a_share: int) -> int:
        free = usd(equity) * Decimal(str(fraction)) - usd(spent)
        return int((max(free, Decimal(0)) / usd(a_share)).to_integral_value(rounding=ROUND_FLOOR))

    budget = min(ONE, Decimal(str(RULES.drawdown.open_risk_per_distance)) * share(left))
    free_cash = usd(cash) - usd(reserved) - usd(equity) * Decimal(str(RULES.min_cash_fraction))
    expected = [
        room(RULES.risk_fraction_per_trade, 0, limit - stop),
        room(RULES.max_open_risk_fraction, at_risk, limit - stop),
        room(float(budget), at_risk, limit - stop),
        room(RULES.max_position_fraction, 0, limit),
        room(RULES.max_sector_fraction, in_sector, limit),
        room(RULES.max_gross_fraction, exposed, limit),
        int((max(free_cash, Decimal(0)) / usd(limit)).to_integral_value(rounding=ROUND_FLOOR)),
        int(volume * Decimal(str(RULES.max_volume_fraction))),
    ]
    assert shares == expected
    assert tightest == expected.index(min(expected))


@given(st.integers(1, 5 * 10**12), st.integers(1, 5 * 10**12), st.integers(1, 1_000_000))
def test_a_drawdown_reaches_its_limit_exactly_when_it_does_in_decimals(equity: int, start: int, limit: int) -> None:
    exact = max(Decimal(0), (usd(start) - usd(equity)) / usd(start))
    reached = (start - equity) * 1_000_000 >= limit * start
    assert (risk.drawdown(equity, start) >= limit) == reached
    assert abs(share(risk.drawdown(equity, start)) - exact) <= share(1)
    assert (
        risk.distance(equity, start, limit)
        == max(0, min(limit, int(((share(limit) - exact) * 1_000_000).to_integral_value(rounding=ROUND_FLOOR))))
        or not equity <= start
    )
