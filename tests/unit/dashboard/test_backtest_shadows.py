"""Entries that a committee took away are told by cause and ending, with what they would have brought after costs."""

from dataclasses import replace
from decimal import Decimal

import pytest
from tenthman_markets import small_market
from tenthman_reports import AS_OF, CLOSE, decided, entry, vetoed

from tenthman.backtest.memory import MemoryRecord
from tenthman.config import CostSettings
from tenthman.dashboard.backtest_shadows import shadow_facts
from tenthman.domain.audit import Decision
from tenthman.domain.opinion import Enter
from tenthman.scheduler.outcomes.shadows import ShadowMarket, settle_shadows

FREE = CostSettings(half_spread_bp=0.0, slippage_bp=0.0, open_slippage_bp=0.0, stop_slippage_bp=0.0)
BARS = {"AAPL": [(74, 75, 73, 74), (73, 73, 70, 71)], "MSFT": [(74, 75, 73, 74), (75, 79, 74, 78.5)]}
"""AAPL falls through its stop at 72.10 on the second day, MSFT rises through its target at 78.10."""


def settled(*decisions: Decision) -> MemoryRecord:
    record = MemoryRecord(starting_cash=Decimal(100_000), begun=AS_OF)
    for decision in decisions:
        record.record_decision(decision, None)
    market = small_market(BARS)
    settle_shadows(record, ShadowMarket(market.panel, market.hours, FREE), CLOSE, final=True)
    assert record.open_shadows() == ()
    return record


def test_what_was_taken_away_is_told_by_cause_and_ending() -> None:
    first, second = vetoed("AAPL")[0], vetoed("MSFT")[0]
    again = replace(first, id="d-again")
    stopped, reached = shadow_facts(settled(first, decided("MSFT")[0], second, again).ended_shadows)
    assert (stopped.cause, stopped.ended, stopped.number, stopped.tickers) == ("veto", "stop", 2, 1)
    assert stopped.result_usd == pytest.approx(2 * (100 * (72.10 - 74.0) - 0.17))
    assert (reached.cause, reached.ended, reached.number, reached.tickers) == ("veto", "target", 1, 1)
    assert reached.result_usd == pytest.approx(100 * (78.10 - 74.0) - 0.19)


def test_only_the_part_that_a_shrink_took_away_lives_on() -> None:
    whole = entry("d-AAPL", "AAPL")
    shrunk = replace(
        decided("AAPL")[0],
        verdict=Enter(size_fraction=0.4),
        outcome=replace(whole, quantity=whole.quantity * 4 / 10),
        shadow=whole,
    )
    (fact,) = shadow_facts(settled(shrunk).ended_shadows)
    assert (fact.cause, fact.number) == ("shrink", 1)
    assert fact.result_usd == pytest.approx(60 * (72.10 - 74.0) - 0.10)


def test_nothing_taken_away_is_nothing_told() -> None:
    assert shadow_facts(settled(decided("AAPL")[0]).ended_shadows) == ()
