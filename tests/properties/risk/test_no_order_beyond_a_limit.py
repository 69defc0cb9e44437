"""Whatever the book, no sized order exceeds a limit; the limits are computed here again, in plain arithmetic."""

import os
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from tenthman_risk import a_book, a_candidate, a_position, a_proposal

from tenthman.config import load_config
from tenthman.domain.order import PendingEntry, SizedOrder
from tenthman.risk.controller import assess

RULES = load_config(None, os.environ).risk_rules
SECTORS = ["Energy", "Health Care", "Utilities"]
cents = st.integers(min_value=100, max_value=500_000).map(lambda n: Decimal(n) / 100)


@st.composite
def positions(draw):
    found = []
    for number in range(draw(st.integers(0, 16))):
        price = draw(cents)
        stop = draw(st.one_of(st.none(), st.integers(1, 120).map(lambda pct, p=price: p * pct / 100)))
        found.append(
            a_position(
                ticker=f"T{number}",
                quantity=str(draw(st.integers(1, 400))),
                price=str(price),
                stop=str(stop) if stop is not None else None,
                sector=draw(st.sampled_from(SECTORS)),
            )
        )
    return tuple(found)


@st.composite
def pending(draw):
    found = []
    for number in range(draw(st.integers(0, 5))):
        limit = draw(cents)
        found.append(
            PendingEntry(
                ticker=f"P{number}",
                issuer=f"P{number}",
                sector=draw(st.sampled_from(SECTORS)),
                quantity=Decimal(draw(st.integers(1, 300))),
                limit_price=limit,
                stop_price=limit * draw(st.integers(50, 99)) / 100,
            )
        )
    return tuple(found)


@given(
    equity=st.integers(1, 5_000_000),
    cash=st.integers(-100_000, 5_000_000),
    held=positions(),
    waiting=pending(),
    limit=cents,
    stop_pct=st.integers(1, 99),
    volume=st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True)),
    sector=st.sampled_from(SECTORS),
    entries=st.integers(0, 10),
    below_peak=st.integers(0, 40),
)
@settings(max_examples=300, deadline=None)
def test_no_input_yields_an_order_beyond_a_limit(
    equity, cash, held, waiting, limit, stop_pct, volume, sector, entries, below_peak
):
    stop = (limit * stop_pct / 100).quantize(Decimal("0.01"))
    if not 0 < stop < limit:
        return
    proposal = a_proposal(str(limit), str(stop), str(limit * 2))
    peak = Decimal(equity) * 1000 / (1000 - below_peak)
    book = a_book(equity=str(equity), cash=str(cash), positions=held, pending=waiting, peak=str(peak))
    order = assess(proposal, a_candidate(sector=sector, median_volume=volume), book, RULES, "d", entries)
    if not isinstance(order, SizedOrder):
        return
    cost, at_risk = order.quantity * limit, order.quantity * (limit - stop)
    exposed = sum(p.quantity * p.current_price for p in held) + sum(p.quantity * p.limit_price for p in waiting)
    in_sector = sum(p.quantity * p.current_price for p in held if p.sector == sector) + sum(
        p.quantity * p.limit_price for p in waiting if p.sector == sector
    )
    open_risk = sum(
        p.quantity * (p.current_price if p.stop_price is None else max(p.current_price - p.stop_price, Decimal(0)))
        for p in held
    ) + sum(p.quantity * (p.limit_price - p.stop_price) for p in waiting)
    reserved = sum(p.quantity * p.limit_price for p in waiting)
    assert order.quantity >= 1
    assert order.quantity == order.quantity.to_integral_value()
    assert at_risk <= equity * Decimal("0.005")
    assert open_risk + at_risk <= equity * Decimal("0.03")
    assert open_risk + at_risk <= equity * max(Decimal(0), Decimal("0.03") - Decimal(below_peak) / 1000)
    assert cost <= equity * Decimal("0.065")
    assert in_sector + cost <= equity * Decimal("0.30")
    assert exposed + cost <= equity * Decimal("0.95")
    assert cash - reserved - cost >= equity * Decimal("0.02")
    assert len(held) + len(waiting) + 1 <= 15
    assert order.quantity <= Decimal(repr(volume)) / 1000
    assert all(check.passed for check in order.checks)
