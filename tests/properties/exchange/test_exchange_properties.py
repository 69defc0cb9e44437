"""Laws of the replayed market, on drawn markets and drawn orders."""

import itertools
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
from tenthman.exchange.market import OrderEvent, OrderRequest, Refusal, Replacement, ReplayExchange, VenueRules

COSTS = CostSettings(half_spread_bp=1.0, slippage_bp=2.0, open_slippage_bp=3.0, stop_slippage_bp=5.0)
WORST = Decimal("0.0006")
CENT = Decimal("0.01")
CASH = Decimal(9_000)
TICKERS = ("AAA", "BBB")
SESSIONS = 4
AFTERWARDS = timedelta(hours=12)
"""Long enough for every request that was sent before the last close to be settled."""

SEED = OrderRequest(
    symbol="AAA",
    side=Side.BUY,
    quantity=Decimal(150),
    order_type=OrderType.LIMIT,
    time_in_force=TimeInForce.DAY,
    limit_price=Decimal("12.50"),
)
"""Bought at the first opening, so that there is something to sell."""

TOO_LATE = ("order_cancel_rejected", "order_replace_rejected")

LAWS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@dataclass(frozen=True, kw_only=True)
class Action:
    """At `fraction` of session `row` (-0.1: before the opening): send `request`, or do something to what is there.

    `change` replaces the order at `target`; `share` lets the next fill in AAA be partial; else the order is cancelled.
    """

    row: int
    fraction: float
    target: int
    request: OrderRequest | None = None
    change: Replacement | None = None
    share: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class Script:
    """What a trader does, in order of time, and by which rules the exchange plays."""

    actions: list[Action]
    rules: VenueRules


@st.composite
def bar(draw: st.DrawFn) -> OHLC:
    cents = sorted(draw(st.lists(st.integers(800, 1200), min_size=4, max_size=4)))
    inner = draw(st.permutations(cents[1:3]))
    return (inner[0] / 100, cents[3] / 100, cents[0] / 100, inner[1] / 100)


@st.composite
def markets(draw: st.DrawFn) -> MarketData:
    rows = st.lists(st.one_of(bar(), bar(), bar(), st.just(HALT)), min_size=SESSIONS, max_size=SESSIONS)
    return small_market({ticker: draw(rows) for ticker in TICKERS})


LEGS = ("take_profit_limit", "stop_loss_stop", "stop_loss_limit")


@st.composite
def requests(draw: st.DrawFn, name: str) -> OrderRequest:
    """Any order that could be meant: most are taken, some refused."""
    prices = [Decimal(cents) / 100 for cents in sorted(draw(st.sets(st.integers(780, 1220), min_size=3, max_size=3)))]
    klass = draw(st.sampled_from(["simple", "simple", "simple", "bracket", "bracket", "oto", "oco"]))
    kind = OrderType.LIMIT if klass == "oco" else draw(st.sampled_from(OrderType))
    common = OrderRequest(
        symbol=draw(st.sampled_from(TICKERS)),
        side={"simple": draw(st.sampled_from(Side)), "oco": Side.SELL}.get(klass, Side.BUY),
        quantity=Decimal(draw(st.integers(1, 300))),
        order_type=kind,
        time_in_force=draw(st.sampled_from([TimeInForce.DAY, TimeInForce.GTC, *TimeInForce])),
        client_order_id=name,
        order_class=klass,
        limit_price=prices[1] if kind in (OrderType.LIMIT, OrderType.STOP_LIMIT) and klass != "oco" else None,
        stop_price=prices[draw(st.integers(0, 2))] if kind in (OrderType.STOP, OrderType.STOP_LIMIT) else None,
    )
    if kind is OrderType.TRAILING_STOP:
        field = draw(st.sampled_from(["trail_price", "trail_percent"]))
        return replace(common, **{field: Decimal(draw(st.integers(1, 300))) / 100})
    legs = dict(zip(LEGS, (prices[2], prices[0], draw(st.sampled_from([None, prices[0]]))), strict=True))
    if klass == "simple":
        amount = {"quantity": None, "notional": Decimal(draw(st.integers(1, 4_000)))}
        return replace(common, **amount) if kind is OrderType.MARKET and draw(st.booleans()) else common
    if klass == "oto":
        legs = {LEGS[0]: prices[2]} if draw(st.booleans()) else {LEGS[1]: prices[0]}
    return replace(common, **legs)


@st.composite
def changes(draw: st.DrawFn) -> Replacement:
    price = Decimal(draw(st.integers(780, 1220))) / 100
    change = draw(st.sampled_from(["quantity", "limit_price", "stop_price", "trail", "time_in_force"]))
    values = {"quantity": Decimal(draw(st.integers(1, 300))), "trail": Decimal(1), "time_in_force": TimeInForce.DAY}
    return Replacement(**{change: values.get(change, price)})


RULES = st.builds(
    VenueRules,
    gtc_days=st.sampled_from([None, 1, 2]),
    latency=st.sampled_from([timedelta(0), timedelta(0), timedelta(minutes=10)]),
    volume_share=st.sampled_from([None, None, 0.0003, 0.00002]),
    partial_chance=st.sampled_from([0.0, 0.0, 0.5]),
)


@st.composite
def scripts(draw: st.DrawFn, rules: st.SearchStrategy[VenueRules] = RULES) -> Script:
    moments = st.tuples(st.integers(0, SESSIONS - 1), st.sampled_from([-0.1, 0.0, 0.2, 1 / 3, 0.5, 0.8, 1.0, 1.7]))
    times = sorted(draw(st.lists(moments, min_size=4, max_size=12)))
    actions = []
    for number, (row, fraction) in enumerate(times):
        action = Action(row=row, fraction=fraction, target=draw(st.integers(0, 30)))
        what = draw(st.sampled_from(["send", "send", "send", "send", "cancel", "replace", "replace", "part"]))
        if what == "send":
            action = replace(action, request=draw(requests(f"o{number}")))
        elif what == "replace":
            action = replace(action, change=draw(changes()))
        elif what == "part":
            action = replace(action, share=Decimal(draw(st.integers(1, 99))) / 100)
        actions.append(action)
    return Script(actions=actions, rules=draw(rules))


def opened(market: MarketData, rules: VenueRules | None = None) -> ReplayExchange:
    return ReplayExchange(market, COSTS, CASH, "laws", market.hours[0].open_at - timedelta(hours=2), rules=rules)


def act(exchange: ReplayExchange, action: Action) -> None:
    orders = exchange.orders("all")
    try:
        if action.share is not None:
            exchange.fill_in_part("AAA", action.share)
        elif action.request is not None:
            exchange.submit(action.request)
        elif orders and action.change is not None:
            exchange.replace(orders[action.target % len(orders)].id, action.change)
        elif orders:
            exchange.cancel(orders[action.target % len(orders)].id)
    except Refusal:
        pass


def play(market: MarketData, script: Script, stops: Sequence[datetime] = ()) -> tuple[ReplayExchange, list[OrderEvent]]:
    """Run the script to the end of the panel, pausing at `stops` too; the exchange and all its events."""
    exchange = opened(market, script.rules)
    for ticker in TICKERS:
        exchange.submit(replace(SEED, symbol=ticker))
    events: list[OrderEvent] = []
    todo = [(at(market, action.row, action.fraction), action) for action in script.actions]
    for moment, action in todo:
        for pause in sorted(stops):
            if exchange.now < pause < moment:
                events += exchange.advance(pause)
        events += exchange.advance(moment)
        act(exchange, action)
        require_solvent(exchange)
    end = market.hours[SESSIONS - 1].close_at + AFTERWARDS
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
def test_cash_and_shares_are_conserved(market: MarketData, script: Script) -> None:
    exchange, _ = play(market, script)
    cash, shares = CASH, dict.fromkeys(TICKERS, Decimal(0))
    for fill in exchange.fills():
        sign = 1 if fill.side is Side.BUY else -1
        cash -= sign * fill.price * fill.quantity
        shares[fill.ticker] += sign * fill.quantity
    assert exchange.account().cash == cash
    assert {item.ticker: item.quantity for item in exchange.positions()} == {k: v for k, v in shares.items() if v}


@LAWS
@given(markets(), scripts())
def test_no_fill_lies_outside_its_bar_widened_by_costs_nor_beyond_its_limit(market: MarketData, script: Script) -> None:
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
def test_nothing_fills_before_it_was_sent_and_no_leg_before_its_entry(market: MarketData, script: Script) -> None:
    exchange, events = play(market, script)
    assert [event.at for event in events] == sorted(event.at for event in events)
    for order in exchange.orders("all"):
        if order.filled_at is None:
            continue
        assert order.filled_at >= order.submitted_at
        if order.parent_id is not None and order.order_class != "oco":
            entered = exchange.order(order.parent_id).filled_at
            assert entered is not None
            assert order.filled_at >= entered


@LAWS
@given(markets(), scripts())
def test_a_family_sells_at_most_what_its_entry_bought_or_what_one_of_an_oco_was_for(
    market: MarketData, script: Script
) -> None:
    exchange, _ = play(market, script)
    everything = exchange.orders("all")
    sent = [action.request for action in script.actions if action.request is not None]
    asked = {request.client_order_id: request.quantity for request in sent}
    for head in everything:
        if not head.legs:
            continue
        chain = [head]
        while chain[-1].replaces is not None:
            chain.append(exchange.order(chain[-1].replaces))
        heads = {order.id for order in chain}
        bought = sum((order.filled_quantity for order in chain), Decimal(0))
        sold = sum((order.filled_quantity for order in everything if order.parent_id in heads), Decimal(0))
        if head.order_class == "oco":
            assert bought + sold <= asked[chain[-1].client_order_id]
        else:
            assert sold <= bought
            assert not sold or head.status is OrderStatus.FILLED


@LAWS
@given(markets(), scripts())
def test_executions_sum_up_to_what_their_order_filled_and_say_so_one_after_the_other(
    market: MarketData, script: Script
) -> None:
    exchange, events = play(market, script)
    fills = exchange.fills()
    assert len({fill.execution_id for fill in fills}) == len(fills)
    for order in exchange.orders("all"):
        mine = [fill for fill in fills if fill.broker_order_id == order.id]
        done = sum((fill.quantity for fill in mine), Decimal(0))
        cost = sum((fill.quantity * fill.price for fill in mine), Decimal(0))
        assert done == order.filled_quantity <= order.quantity
        assert (order.status is OrderStatus.FILLED) == (done == order.quantity)
        if order.filled_avg_price is not None:
            assert abs(order.filled_avg_price * done - cost) < Decimal("0.00001")
        if order.notional is not None and order.side is Side.BUY:
            assert cost <= order.notional
        told = [event for event in events if event.order.id == order.id and event.quantity is not None]
        assert [event.quantity for event in told] == [fill.quantity for fill in mine]
        last = ["fill"] if order.status is OrderStatus.FILLED else ["partial_fill"]
        assert [event.event for event in told] == (["partial_fill"] * (len(mine) - 1) + last if mine else [])
        running = list(itertools.accumulate(fill.quantity for fill in mine))
        assert [event.order.filled_quantity for event in told] == running


@LAWS
@given(markets(), scripts(st.builds(VenueRules, volume_share=st.sampled_from([0.0003, 0.00002]))))
def test_a_session_never_gives_more_than_the_share_of_its_volume(market: MarketData, script: Script) -> None:
    assert script.rules.volume_share is not None
    exchange, _ = play(market, script)
    for hours, ticker in itertools.product(market.hours, TICKERS):
        inside = [f for f in exchange.fills() if f.ticker == ticker and hours.open_at <= f.filled_at <= hours.close_at]
        traded = sum((fill.quantity for fill in inside if not fill.is_payout), Decimal(0))
        assert traded <= Decimal(str(script.rules.volume_share)) * 1_000_000


@LAWS
@given(markets(), scripts())
def test_a_trailing_stop_stands_behind_the_best_price_it_saw_and_never_gives_way(
    market: MarketData, script: Script
) -> None:
    _, events = play(market, script)
    stands: dict[str, Decimal] = {}
    for event in events:
        order = event.order
        if order.order_type is not OrderType.TRAILING_STOP or order.stop_price is None:
            continue
        assert order.hwm is not None
        assert order.stop_price < order.hwm if order.side is Side.SELL else order.stop_price > order.hwm
        before = stands.get(order.id, order.stop_price)
        assert order.stop_price >= before if order.side is Side.SELL else order.stop_price <= before
        stands[order.id] = order.stop_price


@LAWS
@given(markets(), scripts(), st.lists(st.tuples(st.integers(0, SESSIONS - 1), st.floats(0.0, 1.0)), max_size=12))
def test_the_same_orders_give_the_same_events_however_time_is_cut(
    market: MarketData, script: Script, cuts: list[tuple[int, float]]
) -> None:
    _, whole = play(market, script)
    _, again = play(market, script)
    _, cut = play(market, script, [at(market, row, fraction) for row, fraction in cuts])
    assert whole == again == cut


@LAWS
@given(markets(), scripts(), st.integers(1, SESSIONS - 1), st.lists(bar(), min_size=2, max_size=2))
def test_what_comes_later_changes_nothing_that_came_before(
    market: MarketData, script: Script, row: int, later: list[OHLC]
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
    market: MarketData, script: Script
) -> None:
    exchange, events = play(market, script)
    places = {order.id: place for place, order in enumerate(exchange.orders("all"))}
    fills = [event for event in events if event.quantity is not None and event.order.parent_id is None]
    for first, second in itertools.pairwise(fills):
        if (first.at, first.order.symbol) == (second.at, second.order.symbol):
            assert places[first.order.id] < places[second.order.id]


@LAWS
@given(markets(), scripts())
def test_a_final_order_stays_as_it_is_and_every_day_order_is_final_after_its_session(
    market: MarketData, script: Script
) -> None:
    exchange, events = play(market, script)
    ended: set[str] = set()
    for event in events:
        assert event.order.id not in ended or event.event in TOO_LATE
        if event.order.status.is_final:
            ended.add(event.order.id)
    for order in exchange.orders("open"):
        assert order.status.value not in ("pending_cancel", "pending_replace", "pending_new")
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
