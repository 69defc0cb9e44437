"""Lots and expectations of a run as they are read from its record."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from tenthman_trades import MORNING, SESSION, begin, case_of, decision_of, entry_of, fill_of, seed_market, told_of

from tenthman.db.pool import Pool
from tenthman.domain.opinion import Exit
from tenthman.domain.order import OrderType, Purpose, Side, TimeInForce
from tenthman.domain.shares import ShareChange, ratio_of
from tenthman.scheduler.account.run_lots import lots_of_run
from tenthman.scheduler.outcomes.slippage import read_fills, slippage_of
from tenthman.scheduler.state.ledger import Ledger

CASE = case_of()
BOUGHT_AT = MORNING + timedelta(minutes=31)
NEXT_DAY = date(2020, 1, 7)
CLOSE = MORNING + timedelta(hours=31)
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


def test_lots_follow_the_splits_on_record_as_the_trades_do(market: Pool) -> None:
    with begin(market, at_wall=MORNING, world="paper", account="a") as ledger:
        _buy(ledger)
        split = ShareChange(ticker="AAPL", on=NEXT_DAY, ratio=ratio_of(2), becomes="AAPL")
        for _ in range(2):
            ledger.record_share_change(split, Decimal(0), Decimal(0), CLOSE)
        book, _ = lots_of_run(market, ledger.run_id)
        assert [(lot.quantity, lot.cost) for lot in book.lots] == [(Decimal(200), Decimal(7400))]
        assert ledger.holdings(CLOSE)["AAPL"].quantity == 200


def test_an_execution_that_is_told_after_a_later_split_counts_in_todays_shares(market: Pool) -> None:
    with begin(market, at_wall=MORNING) as ledger:
        _buy(ledger)
        split = ShareChange(ticker="AAPL", on=NEXT_DAY, ratio=ratio_of(2), becomes="AAPL")
        ledger.record_share_change(split, Decimal(0), Decimal(0), CLOSE)
        late = fill_of("e0", "b1", Side.BUY, "70.00", BOUGHT_AT + timedelta(minutes=1), 50)
        assert ledger.unbooked([late]) == (late,)
        ledger.record_fills([late], {}, CLOSE)
        assert ledger.unbooked([late]) == ()
        book, _ = lots_of_run(market, ledger.run_id)
        with market.connection() as connection:
            ((quantity, cost),) = connection.execute(
                "SELECT quantity, quantity * avg_entry_price FROM positions"
            ).fetchall()
        assert (quantity, cost.quantize(Decimal("1e-9"))) == (Decimal(300), Decimal(10_900))
        assert (book.quantity("AAPL"), sum(lot.cost for lot in book.lots)) == (Decimal(300), Decimal(10_900))


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
