"""The book that risk sees, from what a broker tells and what the desk remembers."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from tenthman_markets import session_hours, weekdays

from tenthman.domain.broker import Account, BrokerPosition
from tenthman.domain.market import Listing, Universe
from tenthman.domain.order import EXTERNAL, Book, BrokerOrder, OrderStatus, OrderType, PendingEntry, Side, TradingState
from tenthman.scheduler.account.book import BrokerState, build_book, flatten, sessions_between
from tenthman.scheduler.record import LookBack, OpenTrade

DAYS = weekdays(20)
HOURS = tuple(session_hours(day) for day in DAYS)
TODAY = DAYS[10]
PAST = LookBack(week_start=Decimal("98765.43"), bought=Decimal(500), stopped={"GOOG": DAYS[7], "MSFT": DAYS[10]})
AS_OF = datetime(2020, 1, 20, 14, 0, tzinfo=UTC)
ACCOUNT = Account(
    id="a",
    cash=Decimal(60_000),
    equity=Decimal(100_000),
    last_equity=Decimal(99_500),
    buying_power=Decimal(60_000),
    blocked=False,
)
UNIVERSE = Universe(
    listings=tuple(
        Listing(
            ticker=ticker,
            name=f"{ticker} Inc",
            issuer=issuer,
            sector="Communication",
            aliases=(),
            member_from=date(2000, 1, 3),
            member_to=None,
        )
        for ticker, issuer in (("GOOG", "Alphabet"), ("GOOGL", "Alphabet"), ("SPY", "SPY"))
    ),
    index_ticker="SPY",
)


def a_holding(ticker: str = "GOOG", quantity: str = "10") -> BrokerPosition:
    return BrokerPosition(
        ticker=ticker, quantity=Decimal(quantity), avg_entry_price=Decimal(100), current_price=Decimal(110)
    )


def an_order(
    name: str,
    side: Side,
    order_type: OrderType,
    *,
    ticker: str = "GOOG",
    status: OrderStatus = OrderStatus.NEW,
    limit: str | None = None,
    stop: str | None = None,
    filled: str = "0",
    legs: tuple[BrokerOrder, ...] = (),
    parent: str | None = None,
) -> BrokerOrder:
    return BrokerOrder(
        id=name,
        client_order_id=f"c-{name}",
        ticker=ticker,
        side=side,
        order_type=order_type,
        status=status,
        quantity=Decimal(10),
        filled_quantity=Decimal(filled),
        filled_avg_price=None,
        limit_price=None if limit is None else Decimal(limit),
        stop_price=None if stop is None else Decimal(stop),
        submitted_at=AS_OF,
        updated_at=AS_OF,
        parent_id=parent,
        legs=legs,
    )


def a_bracket(status: OrderStatus, legs_status: OrderStatus, filled: str = "0") -> BrokerOrder:
    stop = an_order("e-s", Side.SELL, OrderType.STOP, status=legs_status, stop="95.00", parent="e")
    target = an_order("e-t", Side.SELL, OrderType.LIMIT, status=legs_status, limit="110.00", parent="e")
    return an_order("e", Side.BUY, OrderType.LIMIT, status=status, limit="101.00", filled=filled, legs=(stop, target))


def the_book(
    *orders: BrokerOrder,
    positions: tuple[BrokerPosition, ...] = (),
    trades: dict[str, OpenTrade] | None = None,
    session: date = TODAY,
    peak: str = "100000",
    state: TradingState = TradingState.ACTIVE,
) -> Book:
    seen = BrokerState(account=ACCOUNT, positions=positions, orders=orders)
    return build_book(seen, trades or {}, UNIVERSE, HOURS, session, AS_OF, Decimal(peak), PAST, state)


def test_the_account_is_the_brokers_and_the_latch_is_the_desks() -> None:
    book = the_book(state=TradingState.REDUCING)
    assert (book.equity, book.cash, book.day_start_equity) == (ACCOUNT.equity, ACCOUNT.cash, ACCOUNT.last_equity)
    assert (book.as_of, book.state) == (AS_OF, TradingState.REDUCING)


def test_what_the_record_remembers_is_counted_in_sessions() -> None:
    book = the_book()
    assert (book.week_start_equity, book.bought) == (PAST.week_start, PAST.bought)
    assert book.since_stop == {"GOOG": 3, "MSFT": 0}


@pytest.mark.parametrize(("recorded", "peak"), [("90000", 100_000), ("100000", 100_000), ("120000.55", "120000.55")])
def test_the_peak_is_never_below_the_equity_of_the_moment(recorded: str, peak: int | str) -> None:
    assert the_book(peak=recorded).peak_equity == Decimal(peak)


def test_a_holding_that_the_desk_did_not_open_is_external() -> None:
    (position,) = the_book(positions=(a_holding(),)).positions
    assert position.decision_id == EXTERNAL
    assert (position.opened, position.sessions_held) == (TODAY, 0)
    assert (position.issuer, position.sector) == ("Alphabet", "Communication")


def test_somebodys_stop_to_buy_protects_nothing() -> None:
    theirs = an_order("b", Side.BUY, OrderType.STOP, stop="120.00")
    assert [item.stop_price for item in the_book(theirs, positions=(a_holding(),)).positions] == [None]
    ours = an_order("s", Side.SELL, OrderType.STOP, stop="95.00")
    assert [item.stop_price for item in the_book(theirs, ours, positions=(a_holding(),)).positions] == [Decimal(95)]


def test_a_holding_outside_the_universe_is_its_own_issuer_in_an_unknown_sector() -> None:
    (position,) = the_book(positions=(a_holding("XXX"),)).positions
    assert (position.issuer, position.sector) == ("XXX", "Unknown")


def test_a_holding_of_the_desk_knows_its_decision_and_how_long_it_is_held() -> None:
    trades = {"GOOG": OpenTrade(decision_id="d1", opened_session=DAYS[3])}
    (position,) = the_book(positions=(a_holding(),), trades=trades).positions
    assert (position.decision_id, position.opened, position.sessions_held) == ("d1", DAYS[3], 7)


def test_the_session_of_the_entry_is_not_counted_and_todays_is() -> None:
    assert [sessions_between(HOURS, DAYS[3], DAYS[n]) for n in (3, 4, 5)] == [0, 1, 2]
    over_the_weekend = sessions_between(HOURS, date(2020, 1, 10), date(2020, 1, 13))
    assert over_the_weekend == 1


def test_legs_nested_in_a_filled_entry_protect_the_holding() -> None:
    entry = a_bracket(OrderStatus.FILLED, OrderStatus.NEW, filled="10")
    book = the_book(entry, positions=(a_holding(),), trades={"GOOG": OpenTrade(decision_id="d1", opened_session=TODAY)})
    assert book.positions[0].stop_price == Decimal("95.00")
    assert book.pending == ()
    assert book.exiting == frozenset()


def test_a_stop_that_stands_alone_protects_the_holding_too() -> None:
    stop = an_order("s", Side.SELL, OrderType.STOP, stop="97.50")
    assert the_book(stop, positions=(a_holding(),)).positions[0].stop_price == Decimal("97.50")


def test_the_nearest_of_several_stops_counts() -> None:
    stops = [an_order(f"s{n}", Side.SELL, OrderType.STOP, stop=price) for n, price in enumerate(("90", "97", "93"))]
    assert the_book(*stops, positions=(a_holding(),)).positions[0].stop_price == Decimal(97)


@pytest.mark.parametrize("status", [item for item in OrderStatus if item.is_final])
def test_a_stop_that_is_over_protects_nothing(status: OrderStatus) -> None:
    stop = an_order("s", Side.SELL, OrderType.STOP, stop="97", status=status)
    assert the_book(stop, positions=(a_holding(),)).positions[0].stop_price is None


def test_another_tickers_stop_protects_nothing_here() -> None:
    stop = an_order("s", Side.SELL, OrderType.STOP, stop="97", ticker="GOOGL")
    assert the_book(stop, positions=(a_holding(),)).positions[0].stop_price is None


def test_an_entry_at_work_is_pending_with_the_stop_of_its_leg() -> None:
    book = the_book(a_bracket(OrderStatus.NEW, OrderStatus.HELD))
    assert book.pending == (
        PendingEntry(
            ticker="GOOG",
            issuer="Alphabet",
            sector="Communication",
            quantity=Decimal(10),
            limit_price=Decimal("101.00"),
            stop_price=Decimal("95.00"),
            is_own=False,
        ),
    ), "its name is not one that the desk gives"


def test_what_is_left_of_a_partly_filled_entry_is_pending() -> None:
    entry = a_bracket(OrderStatus.PARTIALLY_FILLED, OrderStatus.HELD, filled="4")
    book = the_book(entry, positions=(a_holding(quantity="4"),))
    assert [item.quantity for item in book.pending] == [Decimal(6)]


def test_an_entry_without_legs_has_its_whole_value_at_risk() -> None:
    bare = an_order("b", Side.BUY, OrderType.LIMIT, limit="101.00")
    (pending,) = the_book(bare).pending
    assert pending.stop_price == Decimal("0.01")


@pytest.mark.parametrize("status", [item for item in OrderStatus if item.is_final])
def test_an_entry_that_is_over_is_not_pending(status: OrderStatus) -> None:
    assert the_book(a_bracket(status, OrderStatus.CANCELED)).pending == ()


def test_a_sell_at_the_market_is_an_exit_at_work_and_a_leg_is_none() -> None:
    sale = an_order("x", Side.SELL, OrderType.MARKET, ticker="GOOGL")
    entry = a_bracket(OrderStatus.FILLED, OrderStatus.NEW, filled="10")
    assert the_book(sale, entry).exiting == {"GOOGL"}


def test_an_exit_that_is_over_is_no_longer_at_work() -> None:
    sale = an_order("x", Side.SELL, OrderType.MARKET, status=OrderStatus.EXPIRED)
    assert the_book(sale).exiting == frozenset()


def test_flatten_gives_parents_and_legs_and_leaves_out_what_is_final() -> None:
    entry = a_bracket(OrderStatus.FILLED, OrderStatus.NEW, filled="10")
    over = replace(entry, legs=tuple(replace(leg, status=OrderStatus.CANCELED) for leg in entry.legs))
    alone = an_order("s", Side.SELL, OrderType.STOP, stop="97")
    assert [order.id for order in flatten([entry, alone])] == ["e-s", "e-t", "s"]
    assert flatten([over]) == []
