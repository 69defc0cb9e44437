"""Laws of the replayed market, on drawn markets and drawn orders."""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tenthman_markets import HALT, OHLC, at, small_market

from tenthman.config import CostSettings
from tenthman.domain.market import MarketData
from tenthman.domain.order import OrderStatus, OrderType, Side, TimeInForce
from tenthman.exchange.market import OrderEvent, OrderRequest, Refusal, ReplayExchange

COSTS = CostSettings(half_spread_bp=1.0, slippage_bp=2.0, open_slippage_bp=3.0, stop_slippage_bp=5.0)
WORST = Decimal("0.0006")
CENT = Decimal("0.01")
CASH = Decimal(5_000)
TICKERS = ("AAA", "BBB")
SESSIONS = 4

LAWS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@dataclass(frozen=True, kw_only=True)
class Action:
    """At `fraction` of session `row` (-0.1: before the opening): send `request`, or cancel the order at `target`."""

    row: int
    fraction: float
    request: OrderRequest | None
    target: int


@st.composite
def bar(draw: st.DrawFn) -> OHLC:
    cents = sorted(draw(st.lists(st.integers(800, 1200), min_size=4, max_size=4)))
    inner = draw(st.permutations(cents[1:3]))
    return (inner[0] / 100, cents[3] / 100, cents[0] / 100, inner[1] / 100)


@st.composite
def markets(draw: st.DrawFn) -> MarketData:
    rows = st.lists(st.one_of(bar(), bar(), bar(), st.just(HALT)), min_size=SESSIONS, max_size=SESSIONS)
    return small_market({ticker: draw(rows) for ticker in TICKERS})


@st.composite
def requests(draw: st.DrawFn, name: str) -> OrderRequest:
    prices = [Decimal(cents) / 100 for cents in sorted(draw(st.sets(st.integers(780, 1220), min_size=3, max_size=3)))]
    kind = draw(st.sampled_from(OrderType))
    bracket = draw(st.booleans())
    return OrderRequest(
        symbol=draw(st.sampled_from(TICKERS)),
        side=Side.BUY if bracket else draw(st.sampled_from(Side)),
        quantity=Decimal(draw(st.integers(1, 300))),
        order_type=kind,
        time_in_force=draw(st.sampled_from(TimeInForce)),
        client_order_id=name,
        limit_price=prices[1] if kind is OrderType.LIMIT else None,
        stop_price=prices[1] if kind is OrderType.STOP else None,
        stop_loss_stop=prices[0] if bracket else None,
        take_profit_limit=prices[2] if bracket else None,
    )


@st.composite
def scripts(draw: st.DrawFn) -> list[Action]:
    moments = st.tuples(st.integers(0, SESSIONS - 1), st.sampled_from([-0.1, 0.0, 0.2, 1 / 3, 0.5, 0.8, 1.0]))
    times = sorted(draw(st.lists(moments, min_size=1, max_size=12)))
    sent = [draw(st.one_of(requests(f"o{n}"), requests(f"o{n}"), st.none())) for n in range(len(times))]
    targets = [draw(st.integers(0, 30)) for _ in times]
    return [
        Action(row=row, fraction=fraction, request=request, target=target)
        for (row, fraction), request, target in zip(times, sent, targets, strict=True)
    ]


def opened(market: MarketData) -> ReplayExchange:
    return ReplayExchange(market, COSTS, CASH, "laws", market.hours[0].open_at - timedelta(hours=2))


def act(exchange: ReplayExchange, action: Action) -> None:
    try:
        if action.request is not None:
            exchange.submit(action.request)
        else:
            orders = exchange.orders("all")
            if orders:
                exchange.cancel(orders[action.target % len(orders)].id)
    except Refusal:
        pass


def play(
    market: MarketData, script: Sequence[Action], stops: Sequence[datetime] = ()
) -> tuple[ReplayExchange, list[OrderEvent]]:
    """Run the script to the end of the panel, pausing at `stops` too; the exchange and all its events."""
    exchange = opened(market)
    events: list[OrderEvent] = []
    todo = [(at(market, action.row, action.fraction), action) for action in script]
    for moment, action in todo:
        for pause in sorted(stops):
            if exchange.now < pause < moment:
                events += exchange.advance(pause)
        events += exchange.advance(moment)
        act(exchange, action)
        require_solvent(exchange)
    end = market.hours[SESSIONS - 1].close_at
    for pause in sorted(stops):
        if exchange.now < pause < end:
            events += exchange.advance(pause)
    events += exchange.advance(max(end, exchange.now))
    require_solvent(exchange)
    return exchange, events


def require_solvent(exchange: ReplayExchange) -> None:
    account = exchange.account()
    worth = sum((item.quantity * item.current_price for item in exchange.positions()), Decimal(0))
    assert account.cash >= 0
    assert account.buying_power >= 0
    assert account.equity == account.cash + worth
    assert all(item.quantity > 0 for item in exchange.positions())
    assert all(exchange.quantity_available(item.ticker) >= 0 for item in exchange.positions())


@LAWS
@given(markets(), scripts())
def test_cash_and_shares_are_conserved(market: MarketData, script: list[Action]) -> None:
    exchange, _ = play(market, script)
    cash, shares = CASH, Counter[str]()
    for fill in exchange.fills():
        sign = 1 if fill.side is Side.BUY else -1
        cash -= sign * fill.price * fill.quantity
        shares[fill.ticker] += sign * int(fill.quantity)
    assert exchange.account().cash == cash
    assert {item.ticker: int(item.quantity) for item in exchange.positions()} == {k: v for k, v in shares.items() if v}


@LAWS
@given(markets(), scripts())
def test_no_fill_lies_outside_its_bar_widened_by_costs_nor_beyond_its_limit(
    market: MarketData, script: list[Action]
) -> None:
    exchange, _ = play(market, script)
    panel = market.panel
    for fill in exchange.fills():
        inside = [n for n, item in enumerate(market.hours) if item.open_at <= fill.filled_at <= item.close_at]
        (row,), column = inside, panel.column(fill.ticker)
        if fill.is_payout:
            assert fill.price == Decimal(str(panel.close[row - 1, column])), "a delisted holding is paid its last close"
            continue
        low, high = Decimal(str(panel.low[row, column])), Decimal(str(panel.high[row, column]))
        assert low * (1 - WORST) - CENT <= fill.price <= high * (1 + WORST) + CENT
        limit = exchange.order(fill.broker_order_id).limit_price
        if limit is not None:
            assert fill.price <= limit if fill.side is Side.BUY else fill.price >= limit


@LAWS
@given(markets(), scripts())
def test_nothing_fills_before_it_was_sent_and_no_leg_before_its_entry(market: MarketData, script: list[Action]) -> None:
    exchange, events = play(market, script)
    assert [event.at for event in events] == sorted(event.at for event in events)
    for order in exchange.orders("all"):
        if order.filled_at is None:
            continue
        assert order.filled_at >= order.submitted_at
        if order.parent_id is not None:
            entered = exchange.order(order.parent_id).filled_at
            assert entered is not None
            assert order.filled_at >= entered


@LAWS
@given(markets(), scripts())
def test_a_bracket_sells_at_most_what_it_bought_through_one_leg_alone(market: MarketData, script: list[Action]) -> None:
    exchange, _ = play(market, script)
    for entry in exchange.orders("all"):
        legs = [exchange.order(leg) for leg in entry.legs]
        sold = sum((leg.filled_quantity for leg in legs), Decimal(0))
        assert sold in {Decimal(0), entry.filled_quantity}
        if sold:
            assert sorted(leg.status.value for leg in legs) == ["canceled", "filled"]


@LAWS
@given(markets(), scripts(), st.lists(st.tuples(st.integers(0, SESSIONS - 1), st.floats(0.0, 1.0)), max_size=12))
def test_the_same_orders_give_the_same_events_however_time_is_cut(
    market: MarketData, script: list[Action], cuts: list[tuple[int, float]]
) -> None:
    _, whole = play(market, script)
    _, again = play(market, script)
    _, cut = play(market, script, [at(market, row, fraction) for row, fraction in cuts])
    assert whole == again == cut


@LAWS
@given(markets(), scripts(), st.integers(1, SESSIONS - 1), st.lists(bar(), min_size=2, max_size=2))
def test_what_comes_later_changes_nothing_that_came_before(
    market: MarketData, script: list[Action], row: int, later: list[OHLC]
) -> None:
    columns = [market.panel.column(ticker) for ticker in TICKERS]
    # Without a further bar a name is delisted, which an exchange knows on the day, as it knows a halt from it.
    assume(bool(np.isfinite(market.panel.close[row:, columns]).any(axis=0).all()))
    changed = {name: getattr(market.panel, name).copy() for name in ("open", "high", "low", "close")}
    for name, place in (("open", 0), ("high", 1), ("low", 2), ("close", 3)):
        changed[name][row:, columns] = [values[place] for values in later]
    volume = market.panel.volume.copy()
    volume[row:, columns] = 1.0
    other = replace(market, panel=replace(market.panel, **changed, volume=volume))
    before = market.hours[row].open_at
    first = [event for event in play(market, script)[1] if event.at < before]
    second = [event for event in play(other, script)[1] if event.at < before]
    assert first == second


@LAWS
@given(markets(), scripts())
def test_orders_of_one_ticker_that_fill_at_one_instant_fill_in_order_of_submission(
    market: MarketData, script: list[Action]
) -> None:
    exchange, events = play(market, script)
    places = {order.id: place for place, order in enumerate(exchange.orders("all"))}
    fills = [event for event in events if event.event == "fill" and event.order.parent_id is None]
    for first, second in itertools.pairwise(fills):
        if (first.at, first.order.symbol) == (second.at, second.order.symbol):
            assert places[first.order.id] < places[second.order.id]


@LAWS
@given(markets(), scripts())
def test_a_final_order_stays_as_it_is_and_every_day_order_is_final_after_its_session(
    market: MarketData, script: list[Action]
) -> None:
    exchange, events = play(market, script)
    ended: set[str] = set()
    for event in events:
        assert event.order.id not in ended
        if event.order.status.is_final:
            ended.add(event.order.id)
    for order in exchange.orders("open"):
        late = order.submitted_at >= market.hours[SESSIONS - 1].close_at
        assert order.time_in_force is TimeInForce.GTC or late


@LAWS
@given(bar(), st.integers(1, 50), st.integers(1, 50))
def test_the_stop_comes_before_the_target_in_a_bar_that_reaches_both(first: OHLC, below: int, above: int) -> None:
    open_, high, low, _ = first
    stop, target = Decimal(str(open_)) - Decimal(below) / 100, Decimal(str(open_)) + Decimal(above) / 100
    market = small_market({"AAA": [first]})
    exchange = opened(market)
    request = OrderRequest(
        symbol="AAA",
        side=Side.BUY,
        quantity=Decimal(1),
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        client_order_id="e",
        limit_price=Decimal(str(open_)),
        take_profit_limit=target,
        stop_loss_stop=stop,
    )
    entry = exchange.submit(request)
    exchange.advance(market.hours[0].close_at)
    status = {exchange.order(leg).order_type: exchange.order(leg).status for leg in entry.legs}
    stopped, reached = Decimal(str(low)) <= stop, Decimal(str(high)) >= target
    assert (status[OrderType.STOP] is OrderStatus.FILLED) == stopped
    assert (status[OrderType.LIMIT] is OrderStatus.FILLED) == (reached and not stopped)
