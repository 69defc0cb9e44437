"""Shadow positions are settled in the record, each once."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from tenthman_markets import OHLC, small_market
from tenthman_reports import CLOSE, begin, seed, vetoed

from tenthman.config import CostSettings
from tenthman.db.audit import verify
from tenthman.db.pool import Pool
from tenthman.domain.order import TradingState
from tenthman.scheduler.outcomes.shadows import ShadowMarket, settle_shadows
from tenthman.scheduler.record import Sales

COSTS = CostSettings(half_spread_bp=1.0, slippage_bp=1.0, open_slippage_bp=3.0, stop_slippage_bp=9.0)
QUIET = [(74, 75, 73, 74), (74, 75, 73, 74), (74, 75, 73, 74)]
PAID = {date(2020, 1, 6): 9.0, date(2020, 1, 7): 0.25, date(2020, 1, 8): 9.0}
"""USD a share: only what goes ex after the entry and by the exit is paid."""
RISING = [(74, 75, 73, 74.2), (74, 79, 73.5, 78), (78, 80, 77, 79)]


def bars(rows: list[OHLC], ticker: str = "AAPL") -> ShadowMarket:
    market = small_market({ticker: rows})
    return ShadowMarket(market.panel, market.hours, COSTS)


def test_open_shadows_are_walked_over_the_bars_and_recorded_once_after_costs(pool: Pool) -> None:
    """100 shares bought at 74 + 4 bp = 74.0296, so 74.03, and sold at the target, below which it never sells."""
    seed(pool)
    with begin(pool) as ledger:
        ledger.record_decision(*vetoed("AAPL"))
        assert settle_shadows(ledger, bars(RISING[:1]), CLOSE, final=False) == 0
        assert settle_shadows(ledger, bars(RISING), CLOSE, final=False) == 1
        assert settle_shadows(ledger, bars(RISING), CLOSE, final=True) == 0
    with pool.connection() as connection:
        row = connection.execute(
            "SELECT entry_price, exit_price, exit_session::text, exit_reason, pnl_usd, fees_usd FROM shadow_positions"
        ).fetchone()
    assert row == (Decimal("74.03"), Decimal("78.10"), "2020-01-07", "target", Decimal("406.81"), Decimal("0.19"))
    assert verify(pool) > 0


def test_a_shadow_still_held_is_valued_at_the_last_close_when_the_run_is_over(pool: Pool) -> None:
    seed(pool)
    held = [(74, 75, 73, 74), (74, 75, 73, 74), (74, 75, 73, 74.5)]
    with begin(pool) as ledger:
        ledger.record_decision(*vetoed("AAPL"))
        settle_shadows(ledger, bars(held), CLOSE, final=True)
    with pool.connection() as connection:
        row = connection.execute("SELECT exit_reason, exit_session::text, pnl_usd FROM shadow_positions").fetchone()
    assert row == ("run_end", "2020-01-08", Decimal("47.00"))


@pytest.mark.parametrize("final", [True, False])
def test_a_ticker_without_bars_never_filled(pool: Pool, final: bool) -> None:
    seed(pool)
    with begin(pool) as ledger:
        ledger.record_decision(*vetoed("AAPL"))
        settle_shadows(ledger, bars(RISING, "MSFT"), CLOSE, final=final)
    with pool.connection() as connection:
        row = connection.execute("SELECT exit_reason, entry_price, pnl_usd FROM shadow_positions").fetchone()
    assert row == ("never_filled", None, Decimal("0.00"))


def test_a_shadow_is_sold_by_the_signals_and_the_latch_on_record(pool: Pool) -> None:
    """Bought at 74.03 on the first day; the model says SELL before the second opens at 74: 74 - 4 bp = 73.9704."""
    seed(pool)
    market = small_market({"AAPL": QUIET})
    first, second = market.hours[:2]
    with begin(pool) as ledger:
        ledger.record_decision(*vetoed("AAPL"))
        ledger.record_sell_signals(["MSFT"], first.open_at + timedelta(hours=1))
        ledger.record_sell_signals([], first.open_at + timedelta(hours=2))
        for said in (["AAPL", "MSFT"], ["TSLA"]):
            ledger.record_sell_signals(said, second.open_at - timedelta(hours=1))
        ledger.set_trading_state(TradingState.REDUCING, "drawdown", "rule", second.close_at)
        ledger.set_trading_state(TradingState.HALTED, "flat", "rule", second.close_at + timedelta(hours=1))
        ledger.rearm("rested", "rule", second.close_at + timedelta(hours=2))
        sales = ledger.sales()
        walked = ShadowMarket(market.panel, market.hours, COSTS, sales=sales, dividends=lambda _ticker: PAID)
        assert settle_shadows(ledger, walked, CLOSE, final=False) == 1
    assert sales == Sales(
        signals={
            "MSFT": (first.open_at + timedelta(hours=1), second.open_at - timedelta(hours=1)),
            "AAPL": (second.open_at - timedelta(hours=1),),
        },
        latched=(second.close_at, second.close_at + timedelta(hours=1)),
        sold_out=(second.close_at,),
    )
    with pool.connection() as connection:
        row = connection.execute(
            "SELECT exit_price, exit_session::text, exit_reason, pnl_usd, dividends_usd FROM shadow_positions"
        ).fetchone()
    assert row == (Decimal("73.97"), "2020-01-07", "signal", Decimal("18.82"), Decimal("25.0000"))
