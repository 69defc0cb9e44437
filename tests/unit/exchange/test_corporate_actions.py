"""Dividends, delistings and splits on the replayed market: who is paid what, when, and what stays as it was."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, cast
from uuid import uuid4

import numpy as np
import pytest
from tenthman_markets import HALT, OHLC, at, small_market

from tenthman.config import CostSettings
from tenthman.domain.market import MarketData
from tenthman.domain.order import OrderStatus, OrderType, Side, TimeInForce, payout_order_id
from tenthman.exchange.alpaca_account import get_activities
from tenthman.exchange.alpaca_history import get_portfolio_history
from tenthman.exchange.alpaca_positions import get_asset, get_assets, get_positions
from tenthman.exchange.alpaca_trading import Call
from tenthman.exchange.market import OrderRequest, Refusal, ReplayExchange

FREE = CostSettings(half_spread_bp=0.0, slippage_bp=0.0, open_slippage_bp=0.0, stop_slippage_bp=0.0)
CASH = Decimal(100_000)
FLAT: OHLC = (100.0, 101.0, 99.0, 100.0)


def exchange_on(market: MarketData, *, pays_dividends: bool = True) -> ReplayExchange:
    start = market.hours[0].open_at - timedelta(minutes=30)
    return ReplayExchange(market, FREE, CASH, "unit", start, pays_dividends=pays_dividends)


def buy(symbol: str, quantity: str, *, stop: str | None = None, target: str = "900") -> OrderRequest:
    """A bracket with a limit far above the market, or without `stop` a plain market order."""
    return OrderRequest(
        symbol=symbol,
        side=Side.BUY,
        quantity=Decimal(quantity),
        order_type=OrderType.MARKET if stop is None else OrderType.LIMIT,
        time_in_force=TimeInForce.DAY if stop is None else TimeInForce.GTC,
        limit_price=None if stop is None else Decimal(500),
        take_profit_limit=None if stop is None else Decimal(target),
        stop_loss_stop=None if stop is None else Decimal(stop),
    )


def payer(amounts: Mapping[int, float]) -> MarketData:
    return small_market({"AAA": [FLAT] * 4}, dividends={"AAA": amounts})


def holding(market: MarketData, quantity: str = "10", *, pays_dividends: bool = True) -> ReplayExchange:
    """AAA bought at 100 in the first session, and that session over."""
    exchange = exchange_on(market, pays_dividends=pays_dividends)
    exchange.advance(at(market, 0, 0.0))
    exchange.submit(buy("AAA", quantity))
    exchange.advance(at(market, 0, 1.0))
    return exchange


@pytest.mark.parametrize(
    ("per_share", "quantity", "paid"),
    [
        (0.1425, "10", "1.4250"),
        (0.00004, "10", "0.0004"),
        (0.00001, "7", "0.0001"),
        (0.3333333, "3", "1.0000"),
        (0.25, "1.5", "0.3750"),
    ],
)
def test_a_dividend_is_amount_times_shares_to_the_ten_thousandth(per_share: float, quantity: str, paid: str) -> None:
    market = payer({2: per_share})
    exchange = holding(market, quantity)
    before = exchange.account().cash
    exchange.advance(at(market, 3, 1.0))
    assert exchange.account().cash - before == Decimal(paid)
    (payment,) = exchange.dividends()
    assert (payment.symbol, payment.quantity, payment.amount) == ("AAA", Decimal(quantity), Decimal(paid))
    assert (payment.session, payment.paid_at) == (market.hours[2].session, market.hours[2].open_at)


def test_less_than_half_a_ten_thousandth_is_not_paid() -> None:
    market = payer({2: 0.000004})
    exchange = holding(market)
    exchange.advance(at(market, 3, 1.0))
    assert exchange.dividends() == []


@pytest.mark.parametrize("known", [True, False])
def test_without_being_asked_to_or_without_knowing_them_the_exchange_pays_no_dividends(known: bool) -> None:
    market = payer({1: 0.5}) if known else small_market({"AAA": [FLAT] * 4})
    exchange = holding(market, pays_dividends=not known)
    before = exchange.account().cash
    exchange.advance(at(market, 3, 1.0))
    assert exchange.account().cash == before
    assert exchange.dividends() == []


def test_who_sold_the_day_before_is_not_paid() -> None:
    market = payer({2: 0.5})
    exchange = holding(market)
    exchange.submit(
        OrderRequest(
            symbol="AAA",
            side=Side.SELL,
            quantity=Decimal(10),
            order_type=OrderType.MARKET,
            time_in_force=TimeInForce.DAY,
        )
    )
    exchange.advance(at(market, 3, 1.0))
    assert exchange.account().cash == CASH
    assert exchange.dividends() == []


def test_a_dividend_counts_in_the_equity_of_the_day_it_is_paid() -> None:
    market = payer({1: 0.5})
    exchange = holding(market)
    exchange.advance(at(market, 1, 0.0))
    assert exchange.account().equity == CASH + 5
    assert exchange.account().last_equity == CASH
    exchange.advance(at(market, 2, 0.0))
    assert exchange.account().last_equity == CASH + 5


def test_dividends_are_told_as_alpacas_activities_beside_fills_and_alone() -> None:
    market = payer({1: 0.25, 2: 0.5})
    exchange = holding(market)
    exchange.advance(at(market, 3, 1.0))
    rows = get_activities(exchange, Call(path={"kind": "DIV"}, query={"direction": "asc"})).body
    assert isinstance(rows, list)
    assert rows[0] == {
        "activity_type": "DIV",
        "id": f"20200107093000000::{exchange.dividends()[0].id}",
        "date": "2020-01-07",
        "net_amount": "2.5",
        "symbol": "AAA",
        "qty": "10",
        "per_share_amount": "0.25",
        "status": "executed",
    }

    def kinds(**query: str) -> list[str]:
        found = get_activities(exchange, Call(query=query)).body
        assert isinstance(found, list)
        return [row["activity_type"] for row in found]

    assert kinds() == ["DIV", "DIV", "FILL"]
    assert kinds(category="trade_activity") == ["FILL"]
    assert kinds(category="non_trade_activity") == ["DIV", "DIV"]
    assert kinds(activity_types="FILL,DIV", direction="asc") == ["FILL", "DIV", "DIV"]
    assert kinds(activity_types="FEE") == []


def ending() -> MarketData:
    """END trades twice and never again; LATE begins in the third session."""
    return small_market({"END": [FLAT, (100.0, 120.0, 99.0, 110.0), HALT, HALT], "LATE": [HALT, HALT, FLAT, FLAT]})


def test_a_delisted_holding_leaves_a_filled_order_of_the_exchanges_own_and_its_event() -> None:
    market = ending()
    exchange = exchange_on(market)
    exchange.submit(buy("END", "10", stop="50"))
    exchange.advance(at(market, 1, 1.0))
    events = exchange.advance(at(market, 2, 0.0))
    assert [(item.event, item.order.order_type) for item in events] == [
        ("canceled", OrderType.STOP),
        ("canceled", OrderType.LIMIT),
        ("fill", OrderType.MARKET),
    ]
    assert (events[-1].price, events[-1].quantity, events[-1].position_quantity) == (
        Decimal(110),
        Decimal(10),
        Decimal(0),
    )
    order = exchange.order(payout_order_id("END"))
    assert order.status is OrderStatus.FILLED
    assert (order.client_order_id, order.parent_id, order.filled_at) == (order.id, None, market.hours[2].open_at)
    assert exchange.orders("open") == []
    assert exchange.account().cash == exchange.account().equity == CASH + 100
    exchange.advance(at(market, 3, 1.0))
    assert len(exchange.fills()) == 2


def test_two_accounts_that_are_paid_out_have_activities_of_their_own() -> None:
    market = ending()
    told = []
    for names in (uuid4(), uuid4()):
        exchange = ReplayExchange(market, FREE, CASH, "account", market.hours[0].open_at, names=names)
        exchange.submit(buy("END", "10"))
        exchange.advance(market.hours[2].open_at)
        told.append({fill.execution_id for fill in exchange.fills()})
        assert [fill.is_payout for fill in exchange.fills()] == [False, True]
    assert len(told[0] | told[1]) == 4


def test_a_holding_keeps_its_value_until_the_open_that_it_does_not_see() -> None:
    market = ending()
    exchange = exchange_on(market)
    exchange.submit(buy("END", "10", stop="50"))
    exchange.advance(market.hours[2].open_at - timedelta(minutes=30))
    assert not exchange.is_delisted("END")
    assert exchange.account().equity == CASH + 100
    assert [item.ticker for item in exchange.positions()] == ["END"]


def test_who_comes_after_the_delisting_finds_the_name_inactive() -> None:
    market = ending()
    late = ReplayExchange(market, FREE, CASH, "unit", at(market, 3, 0.5))
    with pytest.raises(Refusal, match='asset "END" is not active') as caught:
        late.submit(buy("END", "1"))
    assert (caught.value.http_status, caught.value.code) == (422, 42210000)
    active, inactive = (get_assets(late, Call(query={"status": name})).body for name in ("active", "inactive"))
    assert isinstance(active, list)
    assert isinstance(inactive, list)
    assert [row["symbol"] for row in active] == ["LATE", "SPY"]
    assert [(row["symbol"], row["status"], row["tradable"]) for row in inactive] == [("END", "inactive", False)]
    one = get_asset(late, Call(path={"symbol": "END"})).body
    assert isinstance(one, dict)
    assert one["status"] == "inactive"


def test_a_name_is_not_delisted_before_its_first_bar_nor_where_the_market_ends() -> None:
    market = ending()
    exchange = exchange_on(market)
    assert not exchange.is_delisted("LATE")
    exchange.advance(market.hours[-1].close_at)
    assert len(market.hours) > len(market.panel.sessions)
    assert [symbol for symbol in market.panel.tickers if exchange.is_delisted(symbol)] == ["END"]


def test_a_dividend_of_the_day_of_delisting_is_paid_with_the_last_close() -> None:
    market = small_market({"END": [FLAT, FLAT, HALT]}, dividends={"END": {2: 2.0}})
    exchange = exchange_on(market)
    exchange.submit(buy("END", "10", stop="50"))
    exchange.advance(at(market, 2, 0.0))
    assert exchange.account().cash == CASH + 20


RAW: list[OHLC] = [(400.0, 404.0, 396.0, 404.0), (102.0, 105.0, 100.0, 104.0)]
"""Bars of a share that is split 4:1 between its two sessions."""


def test_a_split_adjusted_market_earns_per_dollar_what_the_unadjusted_shares_did() -> None:
    """10,000 USD bought 25 shares at 400, which became 100, worth 104 each: 10,400 USD; the stop at 360 was not hit."""
    adjusted: list[OHLC] = [(RAW[0][0] / 4, RAW[0][1] / 4, RAW[0][2] / 4, RAW[0][3] / 4), RAW[1]]
    market = small_market({"AAA": adjusted})
    exchange = exchange_on(market)
    entry = exchange.submit(buy("AAA", "100", stop="90"))
    exchange.advance(at(market, 0, 0.0))
    assert exchange.account().cash == CASH - 10_000
    exchange.advance(at(market, 1, 1.0))
    assert exchange.account().equity - CASH == 25 * 4 * 104 - 25 * 400
    stop = exchange.order(entry.legs[1])
    assert (stop.status, stop.stop_price, stop.quantity) == (OrderStatus.HELD, Decimal(90), Decimal(100))


def test_on_unadjusted_bars_the_same_split_would_look_like_a_crash_and_fill_the_stop() -> None:
    market = small_market({"AAA": RAW})
    exchange = exchange_on(market)
    exchange.submit(buy("AAA", "25", stop="360"))
    exchange.advance(at(market, 1, 1.0))
    assert [fill.price for fill in exchange.fills()] == [Decimal(400), Decimal(102)]


def test_the_history_of_an_account_and_the_last_close_of_a_holding_go_on_through_a_split() -> None:
    """5 shares become 7.5 at two thirds of the price, of which half a share is paid in cash."""
    market = small_market({"AAA": [(300.0, 303.0, 297.0, 300.0), (200.0, 202.0, 198.0, 201.0)]})
    exchange = holding(market, "5")
    exchange.advance(market.hours[1].open_at - timedelta(microseconds=1))
    exchange.split_shares("AAA", Fraction(3, 2), whole=True)
    exchange.advance(at(market, 1, 1.0))
    ((split,), equity) = exchange.splits(), exchange.account().equity
    assert (split.gained, split.paid, equity) == (2, 100, CASH - 1500 + 100 + 7 * 201)
    asked = {"period": "5D", "timeframe": "1H", "pnl_reset": "no_reset"}
    told = cast("dict[str, Any]", get_portfolio_history(exchange, Call(query=asked)).body)
    closes = [float(value) for _, value in exchange.equity_at_closes()]
    assert [told["equity"][place] for place in (6, -1)] == closes == [float(CASH), float(equity)]
    held = cast("list[dict[str, Any]]", get_positions(exchange, Call()).body)
    assert [(row["lastday_price"], row["change_today"]) for row in held] == [("200", "0.005")]


def test_the_small_market_of_these_tests_lays_dividends_out_by_row_and_ticker() -> None:
    dividends = payer({1: 0.25}).dividends
    assert dividends is not None
    assert np.argwhere(dividends).tolist() == [[1, 0]]
