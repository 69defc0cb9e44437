"""Lots and expectations of a run as they are read from its record."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from tenthman_trades import MORNING, SESSION, begin, case_of, decision_of, entry_of, fill_of, seed_market, told_of

from tenthman.db.pool import Pool
from tenthman.domain.opinion import Exit
from tenthman.domain.order import OrderType, Purpose, Side, TimeInForce
from tenthman.scheduler.run_lots import lots_of_run
from tenthman.scheduler.slippage import read_fills, slippage_of
from tenthman.scheduler.state import Ledger

CASE = case_of()
BOUGHT_AT = MORNING + timedelta(minutes=31)
NEXT_DAY = date(2020, 1, 7)
NIGHT, CLOSE = MORNING + timedelta(hours=16), MORNING + timedelta(hours=31)
"""01:00 in New York and after the close."""
AT_MARKET = {
    "purpose": Purpose.EXIT,
    "side": Side.SELL,
    "order_type": OrderType.MARKET,
    "time_in_force": TimeInForce.DAY,
    "limit_price": None,
    "stop_price": None,
    "target_price": None,
}


@pytest.fixture
def market(pool: Pool) -> Pool:
    seed_market(pool)
    return pool


def _buy(ledger: Ledger) -> None:
    order = entry_of("d1", "AAPL", quantity=Decimal(100), client_order_id="d1-entry")
    ledger.record_decision(decision_of("d1", "AAPL", case_hash=CASE.hash, signal=CASE.signal, outcome=order), CASE)
    ledger.record_submitted("d1-entry", told_of(order, "b1"), MORNING)
    ledger.record_fills([fill_of("e1", "b1", Side.BUY, "74.00", BOUGHT_AT, 100)], {"e1": Decimal(1)}, BOUGHT_AT)


def test_a_split_counts_that_the_account_shows_by_the_close_though_not_in_the_night_before(market: Pool) -> None:
    with begin(market, at_wall=MORNING, world="paper", account="a") as ledger:
        _buy(ledger)
        for at, held in ((NIGHT, 100), (CLOSE, 200)):
            holdings = {"AAPL": (Decimal(held), Decimal(37))}
            ledger.record_equity(at, NEXT_DAY, Decimal(100_000), Decimal(92_600), Decimal(100_000), holdings)
        with market.connection() as connection:
            connection.execute(
                "INSERT INTO corporate_actions VALUES ('m', 'AAPL', '2020-01-07', 'split', 2, 's', now())"
            )
        book, _ = lots_of_run(market, ledger.run_id)
        assert [(lot.quantity, lot.cost) for lot in book.lots] == [(Decimal(200), Decimal(7400))]


def test_nothing_is_expected_of_what_was_worth_nothing_when_it_was_sold(market: Pool) -> None:
    with begin(market, at_wall=MORNING) as ledger:
        _buy(ledger)
        worthless = {"AAPL": (Decimal(100), Decimal(0))}
        ledger.record_equity(BOUGHT_AT, SESSION, Decimal(92_600), Decimal(92_600), Decimal(100_000), worthless)
        sold_at = BOUGHT_AT + timedelta(hours=1)
        sale = entry_of("d2", "AAPL", quantity=Decimal(100), client_order_id="d2-exit", **AT_MARKET)
        decided = decision_of("d2", "AAPL", as_of=sold_at, verdict=Exit(reason="time"), outcome=sale)
        ledger.record_decision(decided, None)
        ledger.record_submitted("d2-exit", told_of(sale, "b2"), sold_at)
        ledger.record_fills([fill_of("e2", "b2", Side.SELL, "0.01", sold_at, 100)], {"e2": Decimal("0.01")}, sold_at)
        found = read_fills(market, ledger.run_id)
        assert [(fill["purpose"], fill["expected_price"]) for fill in found] == [
            ("entry", Decimal("74.50")),
            ("exit", None),
        ]
        assert [item.purpose for item in slippage_of(found)] == ["entry"]
