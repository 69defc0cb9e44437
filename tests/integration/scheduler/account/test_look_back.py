"""What the rules ask of the days before, of both records: PostgreSQL's and the one in memory."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from tenthman_trades import begin, decision_of, entry_of, fill_of, seed_market, told_of

from tenthman.backtest.memory import MemoryRecord
from tenthman.db.pool import Pool
from tenthman.domain.audit import Slot, client_order_id, decision_id
from tenthman.domain.errors import ConfigError
from tenthman.domain.order import (
    BrokerOrder,
    Fill,
    OrderStatus,
    OrderType,
    Side,
    SizedOrder,
    TradingState,
)
from tenthman.scheduler.account.recorded_book import recorded_book
from tenthman.scheduler.record import Record
from tenthman.scheduler.state.ledger import Ledger

MONDAY, NEXT_MONDAY = date(2020, 1, 6), date(2020, 1, 13)
CASH = Decimal(100_000)


def at(session: date, hour: int = 15) -> datetime:
    return datetime(session.year, session.month, session.day, hour, tzinfo=UTC)


@pytest.fixture(params=["postgresql", "memory"])
def record(request: pytest.FixtureRequest, pool: Pool) -> Iterator[Record]:
    if request.param == "memory":
        memory = MemoryRecord(starting_cash=CASH, begun=at(MONDAY, 13))
        memory.record_equity(at(MONDAY, 13), MONDAY, CASH, CASH, CASH, {})
        yield memory
        return
    seed_market(pool)
    with begin(pool, at_wall=at(MONDAY, 13), at_market=at(MONDAY, 13)) as ledger:
        yield ledger


def look(record: Record, session: date, equity: int, day_start: int, hour: int = 15) -> Decimal:
    """One point of the equity curve, and what the week began at then."""
    record.record_equity(at(session, hour), session, Decimal(equity), Decimal(equity), Decimal(day_start), {})
    return record.look_back(session).week_start


def test_a_week_begins_where_the_session_before_it_ended(record: Record) -> None:
    assert look(record, MONDAY, 100_500, 100_000) == 100_000
    assert look(record, MONDAY + timedelta(days=2), 99_000, 100_400) == 100_000
    assert look(record, NEXT_MONDAY, 98_000, 99_200) == 99_200
    assert look(record, NEXT_MONDAY, 97_000, 99_200, hour=17) == 99_200


def test_a_week_without_a_monday_begins_on_its_first_session(record: Record) -> None:
    assert look(record, MONDAY, 100_500, 100_000) == 100_000
    assert look(record, NEXT_MONDAY + timedelta(days=1), 98_000, 99_200) == 99_200


def test_a_desk_that_was_re_armed_measures_the_week_from_there(record: Record) -> None:
    look(record, MONDAY, 96_000, 100_000)
    record.set_trading_state(TradingState.REDUCING, "tested", "test", at(MONDAY, 15))
    record.set_trading_state(TradingState.HALTED, "tested", "test", at(MONDAY, 16))
    record.rearm("tested", "test", at(MONDAY, 17))
    assert look(record, MONDAY, 96_500, 100_000, hour=18) == 96_500
    assert look(record, MONDAY + timedelta(days=1), 95_000, 96_400) == 96_500
    assert look(record, NEXT_MONDAY, 95_000, 95_300) == 95_300


def test_before_the_first_point_after_a_re_arming_the_week_begins_at_the_last_one_there_is(record: Record) -> None:
    """A person may re-arm at any moment: also while a step is under way, whose point bears the time of the step."""
    look(record, MONDAY, 100_000, 100_000)
    look(record, MONDAY, 96_000, 100_000, hour=16)
    record.rearm("tested", "test", at(MONDAY, 18))
    assert record.look_back(MONDAY).week_start == 96_000
    assert look(record, MONDAY, 96_500, 100_000, hour=17) == 96_500


def test_what_was_sent_in_a_session_counts_as_bought_in_it_and_what_never_left_does_not(record: Record) -> None:
    look(record, MONDAY, 100_000, 100_000)
    assert record.look_back(MONDAY).bought == 0
    send(record, "AAPL", 10, "74.50")
    refused = intent(record, "MSFT", 99, "160")
    record.record_refused(refused.client_order_id, "the broker said no", at(MONDAY))
    assert record.look_back(MONDAY).bought == Decimal(745)
    assert record.look_back(MONDAY + timedelta(days=1)).bought == 0


def test_a_stop_that_filled_is_remembered_by_its_session_and_a_target_is_not(record: Record) -> None:
    look(record, MONDAY, 100_000, 100_000)
    for ticker, leg in (("AAPL", "stop"), ("MSFT", "limit")):
        sent = send(record, ticker, 10, "74.50")
        sold_at = at(MONDAY + timedelta(days=1), 20)
        record.record_fills([fill(f"{ticker}-b", sent.id, ticker, Side.BUY, at(MONDAY))], {}, at(MONDAY))
        record.record_fills([fill(f"{ticker}-s", f"{sent.id}-{leg}", ticker, Side.SELL, sold_at)], {}, sold_at)
    assert record.look_back(MONDAY).stopped == {"AAPL": MONDAY + timedelta(days=1)}


def test_the_book_on_record_is_what_was_last_seen_with_its_stops_and_what_waits(record: Record, pool: Pool) -> None:
    if not isinstance(record, Ledger):
        pytest.skip("memory keeps no book for others to read")
    with pytest.raises(ConfigError, match="no book"):
        recorded_book(pool, "00000000-0000-4000-8000-000000000000")
    look(record, MONDAY, 100_000, 100_000, hour=14)
    held = send(record, "AAPL", 10, "74.50")
    record.record_fills([fill("b", held.id, "AAPL", Side.BUY, at(MONDAY))], {}, at(MONDAY))
    done = replace(held, status=OrderStatus.FILLED, filled_quantity=Decimal(10), filled_avg_price=Decimal(74))
    record.sync_orders([done], at(MONDAY))
    send(record, "MSFT", 5, "160")
    holdings = {"AAPL": (Decimal(10), Decimal(75))}
    record.record_equity(at(MONDAY, 16), MONDAY, Decimal(100_010), Decimal(99_260), CASH, holdings)
    book = recorded_book(pool, record.run_id)
    assert (book.equity, book.cash, book.peak_equity, book.week_start_equity) == (100_010, 99_260, 100_010, CASH)
    assert [(item.ticker, item.quantity, item.current_price, item.stop_price) for item in book.positions] == [
        ("AAPL", 10, 75, Decimal("72.10"))
    ]
    assert [(item.ticker, item.quantity, item.limit_price, item.stop_price) for item in book.pending] == [
        ("MSFT", 5, 160, Decimal("72.10"))
    ]
    assert (book.state, book.bought) == (TradingState.ACTIVE, 745 + 800)
    look(record, MONDAY, 97_000, 100_000, hour=17)
    record.rearm("tested", "test", at(MONDAY, 18))
    book = recorded_book(pool, record.run_id)
    assert (book.peak_equity, book.week_start_equity) == (97_000, 97_000), "drawdown is measured anew"


def intent(record: Record, ticker: str, quantity: int, limit: str) -> SizedOrder:
    identity = decision_id(MONDAY, Slot.MORNING, ticker, "c", "v1", at(MONDAY))
    limit_price = Decimal(limit)
    order = entry_of(
        identity,
        ticker,
        client_order_id=client_order_id(identity, "entry"),
        quantity=Decimal(quantity),
        limit_price=limit_price,
        target_price=limit_price + 5,
    )
    decision = decision_of(identity, ticker, as_of=at(MONDAY), outcome=order)
    record.record_decision(decision, None)
    return order


def send(record: Record, ticker: str, quantity: int, limit: str) -> BrokerOrder:
    order = intent(record, ticker, quantity, limit)
    told = told_of(order, f"b-{ticker}", OrderType.STOP, OrderType.LIMIT, status=OrderStatus.NEW)
    whole = replace(told, status=OrderStatus.NEW)
    record.record_submitted(order.client_order_id, whole, at(MONDAY))
    return whole


def fill(name: str, order: str, ticker: str, side: Side, when: datetime) -> Fill:
    return fill_of(name, order, side, "74", when, quantity=10, ticker=ticker)
