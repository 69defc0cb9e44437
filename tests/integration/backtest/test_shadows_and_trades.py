"""A shadow of an entry ends exactly as the trade that the desk made of the same entry, however that one ended."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from tenthman_settings import busy
from tenthman_studies import random_market, study_on, with_changes

from tenthman.backtest.memory import MemoryRecord, purpose_of
from tenthman.backtest.result import BacktestResult
from tenthman.backtest.stepwise import run_stepwise
from tenthman.config import load_config
from tenthman.domain.audit import Decision
from tenthman.domain.opinion import Exit
from tenthman.domain.order import Fill, Purpose, Side, SizedOrder
from tenthman.scheduler.committee.holes import nobody
from tenthman.scheduler.outcomes.corporate_actions import dividends_of
from tenthman.scheduler.outcomes.shadows import ShadowMarket, shadow_market
from tenthman.scheduler.record import Ending
from tenthman.scheduler.state.rows import bracket_of

BASE = busy(load_config(Path(__file__).parents[3] / "config", {"TENTHMAN_HOME": "/nonexistent"}))
ENDS = {Purpose.STOP: "stop", Purpose.TARGET: "target", Purpose.DELISTED: "run_end"}
SOLD = {"signal": "signal", "time": "time", "drawdown stop": "drawdown", "unprotected": "tried before"}
"""A sale that found its name halted is tried again, by then without a stop; a shadow is sold for the first reason."""


@dataclass(frozen=True, kw_only=True)
class Trade:
    """An entry that was bought whole: its decision, its fill, and the fill that sold it, with the fees of both."""

    decision: Decision
    bought: Fill
    sold: Fill | None
    fees: Decimal
    how: str


def trades(record: MemoryRecord) -> Iterator[Trade]:
    """Every entry that filled, in the order of the fills."""
    by_id = {item.id: item for item in record.decisions}
    open_: dict[str, tuple[Decision, Fill, Decimal]] = {}
    for fill, fees in record.fills:
        sent = record.order_of(fill)
        if fill.side is Side.BUY:
            assert sent is not None
            open_[fill.ticker] = (by_id[sent.order.decision_id], fill, fees)
            continue
        decision, bought, paid = open_.pop(fill.ticker)
        assert bought.quantity == fill.quantity
        purpose = purpose_of(sent, fill)
        if purpose in ENDS:
            how = ENDS[purpose]
        else:
            assert sent is not None
            verdict = by_id[sent.order.decision_id].verdict
            assert isinstance(verdict, Exit)
            how = SOLD[verdict.reason]
        yield Trade(decision=decision, bought=bought, sold=fill, fees=paid + fees, how=how)
    for decision, bought, paid in open_.values():
        yield Trade(decision=decision, bought=bought, sold=None, fees=paid, how="run_end")


@pytest.fixture(scope="module")
def run() -> tuple[BacktestResult, MemoryRecord, ShadowMarket]:
    """A desk that raises its stops, sells by signal, and is stopped by a drawdown after which a rule re-arms it."""
    config = with_changes(
        BASE,
        signal={"entry_fraction": 0.4, "exit_fraction": 0.15, "min_history_sessions": 60},
        rules={
            "max_open_risk_fraction": 0.5,
            "max_sector_fraction": 0.9,
            "max_positions_per_issuer": 2,
            "trailing_stop_atr": 1.2,
        },
        drawdown={"limit_fraction": 0.006, "rearm_after_sessions": 2},
        stops={"stop_atr": 1.0, "horizon_sessions": 4},
        costs={"half_spread_bp": 3.0, "slippage_bp": 3.0, "open_slippage_bp": 9.0, "stop_slippage_bp": 15.0},
        rehearsal={"dividends": True},
    )
    study = study_on(random_market(5), config)
    result, record = run_stepwise(study, config, nobody)
    market = shadow_market(config, study.market.panel, study.market.hours, record.sales(), dividends_of(study.market))
    return result, record, market


def ending_of(market: ShadowMarket, trade: Trade) -> Ending:
    order = trade.decision.outcome
    assert isinstance(order, SizedOrder)
    found = market.ending_of(bracket_of(trade.decision, order, order.quantity, "twin"), final=True)
    assert found is not None
    return found


def test_a_shadow_and_a_trade_of_the_same_entry_are_the_same_to_the_cent(
    run: tuple[BacktestResult, MemoryRecord, ShadowMarket],
) -> None:
    _, record, market = run
    made = list(trades(record))
    assert {item.how for item in made} >= {"stop", "target", "signal", "time", "drawdown"}
    assert {item.decision.slot.value for item in made} == {"morning", "afternoon"}
    stops = [(item.sold.price, item.decision.outcome) for item in made if item.how == "stop" and item.sold is not None]
    assert any(isinstance(order, SizedOrder) and price > (order.stop_price or price) for price, order in stops), (
        "raised"
    )
    for trade in made:
        ending = ending_of(market, trade)
        how = ending.reason if trade.how == "tried before" else trade.how
        assert (ending.entry, ending.reason) == (trade.bought.price, how), (trade.decision.id, trade.sold)
        if trade.sold is not None and trade.how != "run_end":
            assert (ending.exit, ending.fees) == (trade.sold.price, trade.fees), (trade.decision.id, trade.sold)


def test_an_entry_that_the_desk_withdrew_or_that_never_filled_is_a_shadow_that_never_filled(
    run: tuple[BacktestResult, MemoryRecord, ShadowMarket],
) -> None:
    _, record, market = run
    filled = {item.decision.id for item in trades(record)}
    sent = {item.order.decision_id for item in record.sent.values() if item.order.purpose is Purpose.ENTRY}
    unfilled = [item for item in record.decisions if item.id in sent - filled]
    assert unfilled
    for decision in unfilled:
        order = decision.outcome
        assert isinstance(order, SizedOrder)
        ending = market.ending_of(bracket_of(decision, order, order.quantity, "twin"), final=True)
        assert ending is not None
        assert ending.reason == "never_filled", decision.id


def test_shadows_of_all_trades_are_paid_the_dividends_of_the_account(
    run: tuple[BacktestResult, MemoryRecord, ShadowMarket],
) -> None:
    result, record, market = run
    paid = sum((ending_of(market, trade).dividends for trade in trades(record)), Decimal(0))
    assert paid > 0
    assert float(paid) == pytest.approx(float(result.dividends.sum()), abs=1e-6)
