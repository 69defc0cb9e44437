"""The further order types, classes and replacements, sent by alpaca-py and told in its own models."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderClass, OrderSide, OrderStatus, TimeInForce
from alpaca.trading.requests import (
    GetOrderByIdRequest,
    LimitOrderRequest,
    MarketOrderRequest,
    ReplaceOrderRequest,
    StopLimitOrderRequest,
    StopLossRequest,
    TakeProfitRequest,
    TrailingStopOrderRequest,
)
from tenthman_exchange import served
from tenthman_markets import at, small_market
from tenthman_serving import in_thread

from tenthman.exchange.orders import VenueRules
from tenthman.exchange.process import ExchangeProcess

MARKET = small_market({"AAA": [(100.0, 105.0, 95.0, 102.0)] * 3})
NESTED = GetOrderByIdRequest(nested=True)


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExchangeProcess]:
    """The middle of a session, with 40 shares held."""
    folder: Path = tmp_path_factory.mktemp("orders")
    with served(MARKET, at(MARKET, 0, 0.5), folder) as process:
        _client(process).submit_order(
            MarketOrderRequest(symbol="AAA", qty=40, side=OrderSide.BUY, time_in_force=TimeInForce.DAY)
        )
        yield process


@pytest.fixture
def client(exchange: ExchangeProcess) -> Iterator[TradingClient]:
    """Whatever a test leaves at work is cancelled."""
    client = _client(exchange)
    yield client
    client.cancel_orders()


def _client(process: ExchangeProcess) -> TradingClient:
    return TradingClient(process.key, process.secret, paper=True, url_override=process.rest_url)


def test_a_limit_order_is_replaced_by_one_with_another_id(client: TradingClient) -> None:
    sent = client.submit_order(
        LimitOrderRequest(symbol="AAA", qty=3, side=OrderSide.BUY, time_in_force=TimeInForce.GTC, limit_price=90)
    )
    new = client.replace_order_by_id(sent.id, ReplaceOrderRequest(qty=4, limit_price=91.5))
    was, now = client.get_order_by_id(sent.id), client.get_order_by_id(new.id)
    assert (was.status, was.replaced_by, was.replaced_at is None) == (OrderStatus.REPLACED, new.id, False)
    assert (now.status, now.replaces, now.qty, now.limit_price) == (OrderStatus.NEW, sent.id, "4", "91.5")
    with pytest.raises(APIError) as refused:
        client.replace_order_by_id(sent.id, ReplaceOrderRequest(qty=5))
    assert (refused.value.status_code, refused.value.code) == (422, 42210000)


def test_an_oco_is_its_target_with_the_stop_as_its_leg(client: TradingClient) -> None:
    sent = client.submit_order(
        LimitOrderRequest(
            symbol="AAA",
            qty=10,
            side=OrderSide.SELL,
            time_in_force=TimeInForce.GTC,
            order_class=OrderClass.OCO,
            take_profit=TakeProfitRequest(limit_price=120),
            stop_loss=StopLossRequest(stop_price=90, limit_price=89.5),
        )
    )
    told = client.get_order_by_id(sent.id, NESTED)
    assert (told.order_class, told.limit_price, told.status) == (OrderClass.OCO, "120", OrderStatus.NEW)
    assert [(leg.type.value, leg.stop_price, leg.limit_price, leg.status.value) for leg in told.legs] == [
        ("stop_limit", "90", "89.5", "held")
    ]
    assert client.get_open_position("AAA").qty_available == "30"


def test_an_oto_has_one_leg(client: TradingClient) -> None:
    sent = client.submit_order(
        LimitOrderRequest(
            symbol="AAA",
            qty=1,
            side=OrderSide.BUY,
            time_in_force=TimeInForce.DAY,
            limit_price=99,
            order_class=OrderClass.OTO,
            stop_loss=StopLossRequest(stop_price=90),
        )
    )
    assert (sent.order_class, [leg.type.value for leg in sent.legs]) == (OrderClass.OTO, ["stop"])


def test_a_trailing_stop_and_a_stop_limit_tell_their_levels(client: TradingClient) -> None:
    common = {"symbol": "AAA", "qty": 2, "side": OrderSide.SELL, "time_in_force": TimeInForce.GTC}
    trailing = client.submit_order(TrailingStopOrderRequest(**common, trail_percent=10))
    told = client.get_order_by_id(trailing.id)
    assert (told.trail_percent, told.hwm, told.stop_price) == ("10", "100", "90")
    moved = client.replace_order_by_id(trailing.id, ReplaceOrderRequest(trail=5))
    assert client.get_order_by_id(moved.id).stop_price == "95"
    limited = client.submit_order(StopLimitOrderRequest(**common, stop_price=90, limit_price=89.99))
    assert (limited.stop_price, limited.limit_price) == ("90", "89.99")


def test_a_notional_order_has_no_quantity_until_it_filled(client: TradingClient) -> None:
    sent = client.submit_order(
        MarketOrderRequest(symbol="AAA", notional=250.5, side=OrderSide.BUY, time_in_force=TimeInForce.DAY)
    )
    assert (sent.qty, sent.notional) == (None, "250.5")
    assert client.get_order_by_id(sent.id).filled_qty == "2.5044991", "250.50 / 100.02, rounded down"


def test_a_wash_trade_is_refused_with_the_order_in_its_way(client: TradingClient) -> None:
    there = client.submit_order(
        LimitOrderRequest(symbol="AAA", qty=1, side=OrderSide.SELL, time_in_force=TimeInForce.GTC, limit_price=110)
    )
    with pytest.raises(APIError) as refused:
        client.submit_order(MarketOrderRequest(symbol="AAA", qty=1, side=OrderSide.BUY, time_in_force=TimeInForce.DAY))
    assert (refused.value.status_code, refused.value.code) == (403, 40310000)
    assert str(there.id) in str(refused.value)


def test_with_latency_a_cancel_can_lose_against_the_fill() -> None:
    with in_thread(MARKET, rules=VenueRules(latency=timedelta(minutes=1))) as server:
        client = server.client()
        sent = client.submit_order(
            LimitOrderRequest(symbol="AAA", qty=3, side=OrderSide.BUY, time_in_force=TimeInForce.DAY, limit_price=99.9)
        )
        client.cancel_order_by_id(sent.id)
        assert client.get_order_by_id(sent.id).status is OrderStatus.PENDING_CANCEL
        with pytest.raises(APIError) as refused:
            client.cancel_order_by_id(sent.id)
        assert refused.value.status_code == 422
        server.control("POST", "advance", {"to": "2020-01-06T15:00:00Z"})
        assert client.get_order_by_id(sent.id).status is OrderStatus.CANCELED, "its limit is reached after 156 seconds"
        quick = client.submit_order(
            LimitOrderRequest(symbol="AAA", qty=3, side=OrderSide.BUY, time_in_force=TimeInForce.DAY, limit_price=98.8)
        )
        server.control("POST", "advance", {"to": "2020-01-06T15:00:30Z"})
        client.cancel_order_by_id(quick.id)
        server.control("POST", "advance", {"to": "2020-01-06T15:02:00Z"})
        assert client.get_order_by_id(quick.id).status is OrderStatus.FILLED


def test_with_a_share_of_the_volume_an_order_fills_step_by_step_and_its_activities_sum_up() -> None:
    with in_thread(MARKET, rules=VenueRules(volume_share=0.00014)) as server:
        client = server.client()
        sent = client.submit_order(
            MarketOrderRequest(symbol="AAA", qty=25, side=OrderSide.BUY, time_in_force=TimeInForce.DAY)
        )
        assert client.get_order_by_id(sent.id).status is OrderStatus.PARTIALLY_FILLED
        server.control("POST", "advance", {"to": "2020-01-06T16:00:00Z"})
        assert client.get_order_by_id(sent.id).status is OrderStatus.FILLED
        rows = client.get("/account/activities/FILL", {"direction": "asc"})
        assert [(row["type"], row["qty"], row["cum_qty"], row["leaves_qty"]) for row in rows] == [
            ("partial_fill", "10", "10", "15"),
            ("partial_fill", "10", "20", "5"),
            ("fill", "5", "25", "0"),
        ]
