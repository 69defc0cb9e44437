"""The drawdown stop from end to end: limits by reference, exits in order, a latch that stays, stops that stay."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from tenthman_crash_desk import decided
from tenthman_decision import CONFIG
from tenthman_markets import at, small_market
from tenthman_risk import a_book, a_position, a_proposal, assessed, house_rules
from tenthman_share_changes import bought, inside_scene

from tenthman.backtest.memory import MemoryRecord
from tenthman.config import Config, with_sections
from tenthman.decision import Decided
from tenthman.domain.audit import Decision, Slot, client_order_id, decision_id, is_own_entry, session_of_entry
from tenthman.domain.opinion import Enter
from tenthman.domain.order import OrderType, Side, SizedOrder, TimeInForce, TradingState
from tenthman.exchange.in_process import InProcessBroker
from tenthman.exchange.market import ReplayExchange
from tenthman.exchange.orders import OrderRequest
from tenthman.risk.emergency import next_state
from tenthman.risk.numbers import rule_numbers
from tenthman.scheduler.desk.intraday import check
from tenthman.scheduler.desk.orchestrator import Desk, act, take_over
from tenthman.scheduler.desk.timeline import Step, StepKind

FREE = {"half_spread_bp": 0.0, "slippage_bp": 0.0, "open_slippage_bp": 0.0, "stop_slippage_bp": 0.0}
FALLING = [(100.0, 100.0, 100.0, 100.0)] * 3 + [(100.0, 100.0, 93.0, 93.0), (93.0, 93.0, 93.0, 93.0)] * 2


@pytest.mark.parametrize(
    ("reference", "fallen"),
    [("peak", {"peak": "100000"}), ("day_start", {"day_start": "100000"}), ("week_start", {"week_start": "100000"})],
)
@pytest.mark.parametrize(("own", "equity", "acts"), [(None, "97000", True), (None, "97001", False),
                                                     (0.05, "95001", False), (0.05, "95000", True)])  # fmt: skip
def test_each_reference_has_its_limit_and_the_reason_names_it(
    reference: str, fallen: dict[str, str], own: float | None, equity: str, acts: bool
) -> None:
    limits = None if own is None else {reference: own}
    rules = house_rules(drawdown={"references": (reference,), "own_limits": limits})
    starts = {"peak": equity, "day_start": equity, "week_start": equity} | fallen
    change = next_state(a_book(equity=equity, **starts), rule_numbers(rules))
    assert (change is not None) is acts
    if change is not None:
        assert change.state is TradingState.REDUCING
        assert f"drawdown from {reference} must be below {own or 0.03:g}" in change.reason


@pytest.mark.parametrize("reference", ["peak", "day_start", "week_start"])
def test_a_reference_that_is_not_named_is_not_looked_at(reference: str) -> None:
    others = tuple(name for name in ("peak", "day_start", "week_start") if name != reference)
    rules = house_rules(drawdown={"references": others})
    starts = {"peak": "90000", "day_start": "90000", "week_start": "90000", reference: "100000"}
    assert next_state(a_book(equity="90000", **starts), rule_numbers(rules)) is None


@pytest.mark.parametrize("state", [TradingState.REDUCING, TradingState.HALTED])
def test_a_latch_stays_however_well_the_book_recovers(state: TradingState) -> None:
    book = a_book(equity="200000", peak="200000", state=state, positions=(a_position(),))
    assert next_state(book, rule_numbers(house_rules())) is None


def configured() -> Config:
    settings = CONFIG.settings
    costs = settings.costs.model_copy(update=FREE)
    changed = settings.model_copy(update={"costs": costs})
    return with_sections(CONFIG, settings=changed, risk_rules=house_rules())


class World:
    """A desk that holds ABC behind a bracket, on a market that falls by 7 %."""

    def __init__(self, quantity: int) -> None:
        config = configured()
        self.market = small_market(dict.fromkeys(("ABC", "ABC2", "ABC3", "ABC4"), FALLING))
        self.exchange = ReplayExchange(
            self.market, config.settings.costs, Decimal(100_000), "a", at(self.market, 1, 0.1)
        )
        self.record = MemoryRecord(starting_cash=Decimal(100_000), begun=self.exchange.now)
        self.broker = InProcessBroker(self.exchange)
        self.desk = Desk(
            config=config,
            broker=self.broker,
            sight=None,  # type: ignore[arg-type]  # checks look at no market
            ledger=self.record,
            model_of=lambda _session: _Model(),  # type: ignore[arg-type,return-value]  # only its name is asked
            holes=None,  # type: ignore[arg-type]  # nor do they ask anybody
            universe=self.market.universe,
            hours=self.market.hours,
            pause=lambda _seconds: None,
            rearm_after_sessions=None,
        )
        self._enter("ABC", "100.00", "50.00", quantity, self.market.hours[1].session)

    def wait(self, row: int) -> None:
        """Wait to buy ABC2 in a session."""
        self.exchange.advance(at(self.market, row, 0.01))
        self._enter("ABC2", "60.00", "50.00", 10, self.market.hours[row].session)

    def _enter(self, ticker: str, limit: str, stop: str, quantity: int, session: date) -> None:
        order = assessed(a_proposal(limit, stop, "190.00", ticker))
        assert isinstance(order, SizedOrder)
        identity = decision_id(session, Slot.MORNING, ticker, "c", "v", self.exchange.now)
        name = client_order_id(identity, "entry")
        order = replace(order, quantity=Decimal(quantity), decision_id=identity, client_order_id=name)
        decision = Decision(
            id=identity, session=session, slot=Slot.MORNING, as_of=self.exchange.now, ticker=ticker,
            case_hash=None, signal=None, critiques=(), verdict=Enter(size_fraction=1.0), outcome=order, shadow=None,
            config_hash="c", model_version="v",
        )  # fmt: skip
        assert act(self.desk, Decided(decision=decision, case=None), self.exchange.now)

    def check(self, row: int, fraction: float) -> None:
        when: datetime = at(self.market, row, fraction)
        self.exchange.advance(when)
        check(self.desk, Step(kind=StepKind.CHECK, session=self.market.hours[row].session, at=when))

    @property
    def resting(self) -> set[tuple[str, Side, OrderType]]:
        found = self.broker.open_orders()
        flat = [leg for order in found for leg in (order, *order.legs) if not leg.status.is_final]
        return {(leg.ticker, leg.side, leg.order_type) for leg in flat}


class _Model:
    version = "v"


PROTECTION = {("ABC", Side.SELL, OrderType.STOP), ("ABC", Side.SELL, OrderType.LIMIT)}


def test_the_stop_withdraws_entries_sells_everything_and_halts_once_flat() -> None:
    world = World(quantity=600)
    world.wait(2)
    world.check(2, 0.5)
    assert world.record.trading_state() is TradingState.ACTIVE
    assert world.resting > PROTECTION
    world.wait(3)
    world.check(3, 0.99)
    assert world.record.trading_state() is TradingState.REDUCING
    assert {ticker for ticker, side, _ in world.resting if side is Side.BUY} == set(), "nothing more is bought"
    assert world.broker.positions() == []
    assert [fill.side for fill, _ in world.record.fills] == [Side.BUY, Side.SELL]
    world.check(4, 0.5)
    assert world.record.trading_state() is TradingState.HALTED
    world.check(4, 0.9)
    assert world.record.trading_state() is TradingState.HALTED
    assert [change.state.value for change in world.record.states] == ["active", "reducing", "halted"]


def test_a_desk_that_was_halted_by_hand_sells_nothing_and_its_stops_stay_at_the_broker() -> None:
    world = World(quantity=600)
    world.check(2, 0.5)
    world.wait(3)
    world.record.set_trading_state(TradingState.HALTED, "by hand", "person: tester", world.exchange.now)
    world.check(3, 0.99)
    assert [item.ticker for item in world.broker.positions()] == ["ABC"]
    assert world.resting == PROTECTION, "the entry that waited is withdrawn, the bracket stays"


def test_a_fall_that_stays_within_the_limit_changes_nothing() -> None:
    world = World(quantity=400)
    world.check(2, 0.5)
    world.wait(3)
    world.check(3, 0.99)
    assert world.record.trading_state() is TradingState.ACTIVE
    assert world.resting > PROTECTION


def by_hand(ticker: str, order_type: OrderType, limit: str | None = None) -> OrderRequest:
    return OrderRequest(
        symbol=ticker,
        side=Side.BUY,
        order_type=order_type,
        time_in_force=TimeInForce.GTC,
        quantity=Decimal(5),
        limit_price=None if limit is None else Decimal(limit),
        client_order_id=f"tm-by-hand-{ticker}-entry",
    )


def test_what_others_have_on_the_account_is_neither_withdrawn_nor_sold_nor_waited_for() -> None:
    world = World(quantity=600)
    world.exchange.submit(by_hand("ABC3", OrderType.MARKET))
    waiting = world.exchange.submit(by_hand("ABC4", OrderType.LIMIT, "20.00"))
    world.check(2, 0.5)
    world.wait(3)
    world.check(3, 0.99)
    assert world.record.trading_state() is TradingState.REDUCING
    assert world.resting == {("ABC4", Side.BUY, OrderType.LIMIT)}, "the desk's own entry is withdrawn, the other stays"
    assert [item.ticker for item in world.broker.positions()] == ["ABC3"]
    world.check(4, 0.5)
    assert world.record.trading_state() is TradingState.HALTED
    assert [order.id for order in world.broker.open_orders()] == [waiting.id]


@pytest.mark.parametrize("ticker", ["A", "BRK.B", "ABC-entry"])
@pytest.mark.parametrize("slot", list(Slot))
def test_the_name_of_an_order_alone_tells_an_entry_of_the_desk(ticker: str, slot: Slot) -> None:
    identity = decision_id(date(2020, 1, 6), slot, ticker, "c", "v", datetime(2020, 1, 6, 14, tzinfo=UTC))
    assert is_own_entry(client_order_id(identity, "entry"))
    assert session_of_entry(client_order_id(identity, "entry")) == date(2020, 1, 6)
    others = [client_order_id(identity, "exit"), identity, client_order_id("d1", "entry"), f"{identity}-entry", ""]
    no_day = client_order_id(identity.replace("20200106", "20209906"), "entry")
    assert not any(is_own_entry(name) for name in (*others, no_day))


def test_an_entry_that_fills_while_the_desk_looks_is_at_work_or_held_and_never_neither() -> None:
    """Else a desk that sells everything would stop when it has just bought something."""
    scene = inside_scene()
    exchange = scene.world.exchange

    class WhileReading(InProcessBroker):
        """Time passes between two answers, the entry fills, and of orders that are done nothing is listed."""

        reads = 0

        def _read(self) -> None:
            self.reads += 1
            if self.reads == 2:
                exchange.advance(scene.market.hours[0].close_at)

        def positions(self):
            self._read()
            return super().positions()

        def open_orders(self):
            self._read()
            return [order for order in super().open_orders() if not order.status.is_final]

    desk = replace(scene.desk, broker=WhileReading(exchange))
    waiting = replace(bought(10), limit=Decimal("99.50"))
    act(desk, Decided(decision=decided(waiting, scene.market.hours[0].session, scene.now), case=None), scene.now)
    state, _ = take_over(desk, scene.now)
    assert [item.ticker for item in state.positions] == ["AAA"]
    assert [item.ticker for item in state.orders] == ["AAA"]
