"""Shadow positions are settled in the record, each once."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

from tenthman_markets import small_market
from tenthman_reports import begin, seed, vetoed

from tenthman.db.audit import verify
from tenthman.db.pool import Pool
from tenthman.domain.market import Period
from tenthman.scheduler.shadows import settle_shadows

PERIOD = Period(first=date(2020, 1, 6), last=date(2020, 1, 8))


def test_open_shadows_are_walked_over_the_bars_and_recorded_once(pool: Pool) -> None:
    seed(pool)
    panel = small_market({"AAPL": [(74, 75, 73, 74.2), (74, 79, 73.5, 78), (78, 80, 77, 79)]}).panel
    with begin(pool) as ledger:
        ledger.record_decision(*vetoed("AAPL"))
        assert settle_shadows(ledger, panel, PERIOD) == 1
        assert settle_shadows(ledger, panel, PERIOD) == 0
    with pool.connection() as connection:
        row = connection.execute(
            "SELECT entry_price, exit_price, exit_session, exit_reason, pnl_usd FROM shadow_positions"
        ).fetchone()
    assert row == (Decimal("74.0000"), Decimal("78.1000"), date(2020, 1, 7), "target", Decimal("410.00"))
    assert verify(pool) > 0


def test_a_shadow_still_held_is_valued_at_the_last_close_of_the_period(pool: Pool) -> None:
    seed(pool)
    panel = small_market({"AAPL": [(74, 75, 73, 74), (74, 75, 73, 74), (74, 75, 73, 74.5), (60, 61, 59, 60)]}).panel
    with begin(pool) as ledger:
        ledger.record_decision(*vetoed("AAPL"))
        settle_shadows(ledger, panel, PERIOD)
    with pool.connection() as connection:
        row = connection.execute("SELECT exit_reason, exit_session, pnl_usd FROM shadow_positions").fetchone()
    assert row == ("run_end", date(2020, 1, 8), Decimal("50.00"))


def test_a_ticker_without_bars_never_filled(pool: Pool) -> None:
    seed(pool)
    panel = small_market({"MSFT": [(74, 75, 73, 74)] * 3}).panel
    with begin(pool) as ledger:
        decision, case = vetoed("AAPL")
        ledger.record_decision(replace(decision, as_of=datetime(2020, 1, 6, 14, 0, tzinfo=UTC)), case)
        settle_shadows(ledger, panel, PERIOD)
    with pool.connection() as connection:
        row = connection.execute("SELECT exit_reason, entry_price, pnl_usd FROM shadow_positions").fetchone()
    assert row == ("never_filled", None, Decimal("0.00"))
