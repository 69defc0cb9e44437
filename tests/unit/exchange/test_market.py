"""The replayed market: refusals in Alpaca's words, the life of orders, what can be seen, and when."""

import sys
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from types import FrameType

import pytest
from tenthman_markets import HALT, OHLC, at, small_market

from tenthman.config import CostSettings
from tenthman.domain.market import MarketData
from tenthman.domain.news import NewsItem, TimePrecision
from tenthman.domain.order import OrderStatus, OrderType, Side, TimeInForce
from tenthman.exchange.alpaca_wire import calendar_row
from tenthman.exchange.market import OrderRequest, Refusal, ReplayExchange

COSTS = CostSettings(half_spread_bp=1.0, slippage_bp=1.0, open_slippage_bp=3.0, stop_slippage_bp=5.0)
BAR: OHLC = (100.0, 105.0, 95.0, 102.0)
CASH = Decimal(10_000)

BRACKET = OrderRequest(
    symbol="AAA",
    side=Side.BUY,
    quantity=Decimal(10),
    order_type=OrderType.LIMIT,
    time_in_force=TimeInForce.GTC,
    client_order_id="e",
    limit_price=Decimal(101),
    take_profit_limit=Decimal(120),
    stop_loss_stop=Decimal(90),
)
SIMPLE = replace(BRACKET, take_profit_limit=None, stop_loss_stop=None)
SELL = replace(SIMPLE, side=Side.SELL, client_order_id="x", order_type=OrderType.MARKET, limit_price=None)


def exchange_on(market: MarketData) -> ReplayExchange:
    return ReplayExchange(market, COSTS, CASH, "unit", market.hours[0].open_at - timedelta(minutes=30))


@pytest.fixture
def exchange() -> ReplayExchange:
    return exchange_on(small_market({"AAA": [BAR] * 3, "HLT": [BAR, HALT, BAR]}))


@pytest.mark.parametrize(
    ("request_", "status", "code", "message"),
    [
        (replace(SIMPLE, quantity=Decimal(0)), 422, 40010001, "qty must be > 0"),
        (replace(SIMPLE, quantity=Decimal("NaN")), 422, 40010001, "qty must be > 0"),
        (replace(SIMPLE, client_order_id="e" * 129), 422, 40010001, "128 characters"),
        (replace(SIMPLE, client_order_id=""), 422, 40010001, "128 characters"),
        (replace(SIMPLE, limit_price=None), 422, 40010001, "limit orders require limit_price"),
        (replace(SIMPLE, order_type=OrderType.MARKET), 422, 40010001, "market orders must not have limit_price"),
        (replace(SIMPLE, stop_price=Decimal(99)), 422, 40010001, "limit orders must not have stop_price"),
        (replace(SIMPLE, limit_price=Decimal(0)), 422, 40010001, "limit price must be > 0"),
        (replace(SIMPLE, limit_price=Decimal("99.999")), 422, 42210000, "invalid limit_price 99.999. sub-penny"),
        (replace(SIMPLE, limit_price=Decimal("0.99999")), 422, 42210000, "sub-penny"),
        (replace(BRACKET, stop_loss_stop=Decimal("89.991")), 422, 42210000, "invalid stop_loss.stop_price"),
        (replace(BRACKET, stop_loss_stop=None), 422, 42210000, "require take_profit.limit_price and stop_loss"),
        (replace(BRACKET, take_profit_limit=None), 422, 42210000, "require take_profit.limit_price and stop_loss"),
        (replace(BRACKET, take_profit_limit=Decimal(89)), 422, 42210000, "must be > stop_loss.stop_price"),
        (replace(BRACKET, take_profit_limit=Decimal(101)), 422, 42210000, ">= base_price + 0.01"),
        (replace(BRACKET, stop_loss_stop=Decimal(101)), 422, 42210000, "<= base_price - 0.01"),
        (replace(BRACKET, side=Side.SELL), 422, 42210000, "must be entry orders"),
        (replace(BRACKET, quantity=Decimal("1.5")), 422, 42210000, "fractional orders must be simple"),
        (replace(SIMPLE, quantity=Decimal("1.5")), 422, 42210000, "fractional orders must be DAY"),
        (replace(SIMPLE, symbol="NOPE"), 422, 42210000, 'asset "NOPE" not found'),
        (replace(SIMPLE, order_type=OrderType.MARKET, limit_price=None), 422, 42210000, "no price is known"),
        (replace(SIMPLE, quantity=Decimal(100)), 403, 40310000, "insufficient buying power"),
        (SELL, 403, 40310000, "account is not allowed to short"),
    ],
)
def test_what_breaks_a_rule_is_refused_in_alpacas_words_and_leaves_nothing_behind(
    exchange: ReplayExchange, request_: OrderRequest, status: int, code: int, message: str
) -> None:
    with pytest.raises(Refusal) as caught:
        exchange.submit(request_)
    assert (caught.value.http_status, caught.value.code) == (status, code)
    assert message in caught.value.message
    assert exchange.orders("all") == []
    assert exchange.drain() == []
    assert exchange.account().buying_power == CASH


def test_the_refusal_for_cash_says_what_there_is_and_what_it_would_take(exchange: ReplayExchange) -> None:
    with pytest.raises(Refusal) as caught:
        exchange.submit(replace(SIMPLE, quantity=Decimal(100)))
    assert caught.value.extra == {"buying_power": "10000", "cost_basis": "10100"}


def test_the_refusal_for_shares_says_what_is_held_and_what_is_promised(exchange: ReplayExchange) -> None:
    exchange.submit(BRACKET)
    exchange.advance(at(exchange.market, 0, 0.5))
    with pytest.raises(Refusal) as caught:
        exchange.submit(replace(SELL, quantity=Decimal(4)))
    expected = {"available": "0", "existing_qty": "10", "held_for_orders": "10", "symbol": "AAA"}
    assert (caught.value.http_status, caught.value.code, caught.value.extra) == (403, 40310000, expected)
    assert exchange.quantity_available("AAA") == 0


def test_a_used_client_order_id_is_refused_even_after_its_order_was_cancelled(exchange: ReplayExchange) -> None:
    exchange.cancel(exchange.submit(BRACKET).id)
    with pytest.raises(Refusal, match="client_order_id must be unique") as caught:
        exchange.submit(BRACKET)
    assert (caught.value.http_status, caught.value.code) == (422, 40010001)


def test_unknown_orders_are_404_and_final_ones_cannot_be_cancelled(exchange: ReplayExchange) -> None:
    for call in (exchange.order, exchange.order_by_client_id, exchange.cancel):
        with pytest.raises(Refusal) as caught:
            call("nobody")
        assert (caught.value.http_status, caught.value.code) == (404, 40410000)
    entry = exchange.submit(BRACKET)
    exchange.cancel(entry.id)
    with pytest.raises(Refusal, match="canceled") as again:
        exchange.cancel(entry.id)
    assert again.value.http_status == 422


def test_an_order_outside_hours_is_accepted_and_new_at_the_opening(exchange: ReplayExchange) -> None:
    sent = exchange.submit(replace(BRACKET, limit_price=Decimal(96)))
    assert sent.status is OrderStatus.ACCEPTED
    events = exchange.advance(at(exchange.market, 0, 0.1))
    assert [(event.event, event.order.status.value) for event in events] == [("accepted", "accepted"), ("new", "new")]
    assert events[1].at == exchange.market.hours[0].open_at


def test_an_order_inside_hours_is_answered_before_it_fills(exchange: ReplayExchange) -> None:
    exchange.advance(at(exchange.market, 0, 0.5))
    sent = exchange.submit(BRACKET)
    assert (sent.status, sent.filled_quantity) == (OrderStatus.PENDING_NEW, Decimal(0))
    events = exchange.drain()
    assert [event.event for event in events] == ["pending_new", "new", "fill", "new"]
    fill = events[2]
    assert (fill.price, fill.quantity, fill.position_quantity) == (Decimal("100.02"), Decimal(10), Decimal(10))
    assert fill.at == exchange.now
    assert exchange.order(sent.id).status is OrderStatus.FILLED
    target, stop = (exchange.order(leg) for leg in sent.legs)
    assert (target.status, target.limit_price) == (OrderStatus.NEW, Decimal(120))
    assert (stop.status, stop.stop_price) == (OrderStatus.HELD, Decimal(90))
    assert exchange.drain() == []


@pytest.mark.parametrize("leg", [0, 1])
def test_cancelling_a_waiting_leg_cancels_the_whole_bracket(exchange: ReplayExchange, leg: int) -> None:
    entry = exchange.submit(BRACKET)
    exchange.cancel(entry.legs[leg])
    assert {order.status for order in exchange.orders("all")} == {OrderStatus.CANCELED}
    assert exchange.orders("open") == []


def test_a_day_bracket_expires_with_its_legs_at_the_close(exchange: ReplayExchange) -> None:
    exchange.submit(replace(BRACKET, limit_price=Decimal(94), time_in_force=TimeInForce.DAY))
    exchange.advance(at(exchange.market, 0, 1.0))
    assert [order.status for order in exchange.orders("closed")] == [OrderStatus.EXPIRED] * 3
    assert exchange.orders("all")[0].expired_at == exchange.market.hours[0].close_at


def test_the_legs_of_a_filled_day_bracket_expire_at_the_close_and_leave_the_shares(exchange: ReplayExchange) -> None:
    exchange.submit(replace(BRACKET, time_in_force=TimeInForce.DAY))
    exchange.advance(at(exchange.market, 0, 1.0))
    assert [order.status.value for order in exchange.orders("all")] == ["filled", "expired", "expired"]
    assert exchange.quantity_available("AAA") == 10


def test_a_day_order_sent_after_the_close_lives_through_the_next_session(exchange: ReplayExchange) -> None:
    exchange.advance(at(exchange.market, 0, 1.0))
    sent = exchange.submit(replace(SIMPLE, limit_price=Decimal(90), time_in_force=TimeInForce.DAY))
    exchange.advance(at(exchange.market, 1, 0.9))
    assert exchange.order(sent.id).status is OrderStatus.NEW
    exchange.advance(at(exchange.market, 1, 1.0))
    assert exchange.order(sent.id).status is OrderStatus.EXPIRED


def test_ids_depend_on_the_client_order_id_and_not_on_the_account_or_the_moment() -> None:
    market = small_market({"AAA": [BAR] * 3})
    early = exchange_on(market)
    late = ReplayExchange(market, COSTS, CASH, "another", market.hours[1].open_at - timedelta(minutes=30))
    first, second = early.submit(BRACKET), late.submit(BRACKET)
    assert (first.id, first.legs) == (second.id, second.legs)
    early.advance(at(market, 0, 0.5))
    late.advance(at(market, 1, 0.5))
    assert early.fills()[0].execution_id == late.fills()[0].execution_id


def test_time_never_goes_back(exchange: ReplayExchange) -> None:
    exchange.advance(at(exchange.market, 0, 0.5))
    with pytest.raises(ValueError, match="`to` must not be before"):
        exchange.advance(at(exchange.market, 0, 0.4))


def test_the_price_walks_the_path_and_rests_at_the_last_close(exchange: ReplayExchange) -> None:
    assert exchange.price("AAA") is None
    assert exchange.price("NOPE") is None
    seen = []
    for row, fraction in ((0, 0.0), (0, 1 / 6), (0, 0.5), (0, 1.0), (1, -0.1), (1, 0.5)):
        exchange.advance(at(exchange.market, row, fraction))
        seen.append((exchange.price("AAA"), exchange.price("HLT")))
    bars = [Decimal(text) for text in ("100", "97.5", "100", "102", "102", "100")]
    assert [aaa for aaa, _ in seen] == bars
    assert [hlt for _, hlt in seen] == [*bars[:5], Decimal(102)]


def test_the_last_equity_is_that_of_the_close_before_today(exchange: ReplayExchange) -> None:
    exchange.submit(BRACKET)
    exchange.advance(at(exchange.market, 0, 1.0))
    closed = exchange.account()
    assert closed.equity == CASH + 10 * (102 - Decimal("100.04"))
    assert closed.last_equity == CASH
    for fraction in (-0.05, 1.0):
        exchange.advance(at(exchange.market, 1, fraction))
        assert exchange.account().last_equity == closed.equity


def test_a_partial_sale_leaves_the_average_entry_price_as_it_was(exchange: ReplayExchange) -> None:
    exchange.submit(SIMPLE)
    exchange.advance(at(exchange.market, 0, 0.5))
    exchange.submit(replace(SELL, quantity=Decimal(4)))
    (position,) = exchange.positions()
    assert (position.quantity, position.avg_entry_price) == (Decimal(6), Decimal("100.04"))
    assert exchange.quantity_available("AAA") == 6


def test_a_market_buy_may_not_spend_the_cash_that_another_buy_holds_back() -> None:
    exchange = exchange_on(small_market({"AAA": [BAR, (250.0, 260.0, 240.0, 250.0)], "BBB": [BAR] * 2}))
    exchange.advance(at(exchange.market, 0, 1.0))
    resting = exchange.submit(replace(SIMPLE, symbol="BBB", quantity=Decimal(100), limit_price=Decimal(80)))
    buy = exchange.submit(replace(SIMPLE, client_order_id="m", order_type=OrderType.MARKET, limit_price=None))
    exchange.advance(at(exchange.market, 1, 0.5))
    assert exchange.order(buy.id).status is OrderStatus.REJECTED
    assert exchange.order(resting.id).status is OrderStatus.NEW
    assert exchange.account().buying_power == CASH - 8_000


def test_a_bar_is_shown_from_its_close_on_and_a_halt_has_none(exchange: ReplayExchange) -> None:
    first, last = exchange.market.hours[0].session, exchange.market.hours[2].session
    exchange.advance(at(exchange.market, 0, 0.99))
    assert exchange.bars("AAA", first, last) == []
    exchange.advance(at(exchange.market, 0, 1.0))
    (bar,) = exchange.bars("AAA", first, last)
    assert (bar.open, bar.high, bar.low, bar.close, bar.known_at) == (*BAR, exchange.market.hours[0].close_at)
    exchange.advance(at(exchange.market, 2, 1.0))
    assert [bar.session for bar in exchange.bars("HLT", first, last)] == [first, last]
    assert [bar.session for bar in exchange.bars("AAA", last, date(2030, 1, 1))] == [last]
    assert exchange.bars("NOPE", first, last) == []


def test_news_is_shown_once_it_is_known_and_by_symbol() -> None:
    market = small_market({"AAA": [BAR] * 2})
    moments = [market.hours[0].open_at + timedelta(hours=hour) for hour in range(3)]
    items = [
        NewsItem(
            id=f"n{number}",
            headline=f"headline {number}",
            summary="",
            source="test",
            url="",
            published_at=moment - timedelta(hours=5),
            known_at=moment,
            precision=TimePrecision.INSTANT,
            tickers=("AAA",) if number != 1 else ("SPY", "BBB"),
        )
        for number, moment in enumerate(moments)
    ]
    exchange = exchange_on(replace(market, headlines=tuple(reversed(items))))
    exchange.advance(moments[1])
    assert [item.id for item in exchange.news(None, None)] == ["n0", "n1"]
    assert [item.id for item in exchange.news(None, moments[2] + timedelta(days=9), ("AAA",))] == ["n0"]
    assert [item.id for item in exchange.news(moments[1], None, ("AAA", "BBB"))] == ["n1"]
    assert [item.id for item in exchange.news(None, moments[0])] == ["n0"]


def test_the_calendar_knows_early_closes_and_the_clock_goes_on_after_the_last_session() -> None:
    market = small_market({"AAA": [BAR] * 5}, sessions_beyond=0, early_closes=(date(2020, 1, 7),))
    exchange = exchange_on(market)
    exchange.advance(market.hours[1].open_at)
    assert exchange.clock().next_close - exchange.clock().now == timedelta(hours=3, minutes=30)
    days = exchange.calendar(date(2020, 1, 7), date(2020, 1, 8))
    assert [item.session.day for item in days] == [7, 8]
    told = [calendar_row(item, item.session) for item in days]
    assert [(row["close"], row["session_close"]) for row in told] == [("13:00", "1700"), ("16:00", "2000")]
    exchange.advance(market.hours[4].close_at)
    clock = exchange.clock()
    assert not clock.is_open
    assert (clock.next_open, clock.next_close) == (
        market.hours[0].open_at + timedelta(days=7),
        market.hours[0].close_at + timedelta(days=7),
    )


def test_an_order_costs_as_many_steps_in_a_full_book_as_in_an_empty_one(exchange: ReplayExchange) -> None:
    exchange.advance(at(exchange.market, 0, 0.5))
    far = replace(SIMPLE, quantity=Decimal(1), limit_price=Decimal(1), time_in_force=TimeInForce.GTC)

    def steps(number: int) -> int:
        """Calls of functions while an order is sent and cancelled."""
        count = 0

        def profile(_frame: FrameType, event: str, _argument: object) -> None:
            nonlocal count
            count += event == "call"

        sys.setprofile(profile)
        try:
            exchange.cancel(exchange.submit(replace(far, client_order_id=f"counted-{number}")).id)
        finally:
            sys.setprofile(None)
        return count

    steps(0)
    empty = steps(1)
    for number in range(100):
        exchange.submit(replace(far, client_order_id=f"resting-{number}"))
    assert steps(2) <= empty + 10
