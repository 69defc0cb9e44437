"""The words of one trade as tests put them on record: an entry, its decision, the broker's answer, its fills, a run."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from tenthman.db.pool import Pool
from tenthman.domain.audit import Decision, RunKey, Slot
from tenthman.domain.findings import Check
from tenthman.domain.market import Period
from tenthman.domain.opinion import Action, Case, Critique, Enter, ReplyState, Role, Signal, Stance
from tenthman.domain.order import BrokerOrder, Fill, OrderStatus, OrderType, Purpose, Side, SizedOrder, TimeInForce
from tenthman.scheduler.state.ledger import Ledger

MORNING = datetime(2020, 1, 6, 14, 0, tzinfo=UTC)
SESSION = date(2020, 1, 6)
KEY = RunKey(config_hash="c", model_version="v1", data_hash="d")
CHECK = Check(rule="risk_per_trade", observed="240", limit="500", passed=True, bound=True)


def signal_of(ticker: str = "AAPL", **changes: Any) -> Signal:
    """A signal to buy, made on the Friday before."""
    signal = Signal(
        ticker=ticker,
        session=date(2020, 1, 3),
        action=Action.BUY,
        p_buy=0.6,
        p_hold=0.3,
        p_sell=0.1,
        horizon_sessions=10,
        model_version="v1",
    )
    return replace(signal, **changes)


def case_of(ticker: str = "AAPL", **changes: Any) -> Case:
    """What is known of `ticker` that Monday morning: a price, and nothing else."""
    case = Case(
        ticker=ticker,
        name=ticker,
        sector="Technology",
        as_of=MORNING,
        signal=signal_of(ticker),
        last_close=74.3,
        atr=1.2,
        figures=(),
        passages=(),
    )
    return replace(case, **changes)


def critique_of(**changes: Any) -> Critique:
    """The rules critic's approval."""
    critique = Critique(
        role=Role.RULES,
        model="rules",
        binding=True,
        state=ReplyState.ANSWERED,
        stance=Stance.APPROVE,
        size_fraction=1.0,
        reasons=(),
        cited=(),
        confidence_pct=70,
        invalid_citations=(),
        prompt_hash=None,
        latency_ms=3,
    )
    return replace(critique, **changes)


def entry_of(decision: str, ticker: str = "AAPL", **changes: Any) -> SizedOrder:
    """A bracket for 100 shares: limit 74.50, stop 72.10, target 78.10."""
    order = SizedOrder(
        client_order_id=f"tm-{decision}-entry",
        decision_id=decision,
        purpose=Purpose.ENTRY,
        ticker=ticker,
        side=Side.BUY,
        quantity=Decimal(100),
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        limit_price=Decimal("74.50"),
        stop_price=Decimal("72.10"),
        target_price=Decimal("78.10"),
        checks=(CHECK,),
    )
    return replace(order, **changes)


def decision_of(identity: str, ticker: str = "AAPL", **changes: Any) -> Decision:
    """A decision to enter, without a case, critics or an order unless `changes` bring them."""
    decision = Decision(
        id=identity,
        session=SESSION,
        slot=Slot.MORNING,
        as_of=MORNING,
        ticker=ticker,
        case_hash=None,
        signal=signal_of(ticker),
        critiques=(),
        verdict=Enter(size_fraction=1.0),
        outcome=None,
        shadow=None,
        config_hash="c",
        model_version="v1",
    )
    return replace(decision, **changes)


def told_of(order: SizedOrder, broker_id: str, *legs: OrderType, status: OrderStatus = OrderStatus.HELD) -> BrokerOrder:
    """The broker's word on `order`, accepted, with `legs` that sell at its stop (STOP) and its target (LIMIT)."""
    whole = BrokerOrder(
        id=broker_id,
        client_order_id=order.client_order_id,
        ticker=order.ticker,
        side=order.side,
        order_type=order.order_type,
        status=OrderStatus.ACCEPTED,
        quantity=order.quantity,
        filled_quantity=Decimal(0),
        filled_avg_price=None,
        limit_price=order.limit_price,
        stop_price=None,
        submitted_at=MORNING,
        updated_at=MORNING,
        parent_id=None,
    )
    children = tuple(
        replace(
            whole,
            id=f"{broker_id}-{kind.value}",
            client_order_id=f"{broker_id}-{kind.value}-client",
            side=Side.SELL,
            order_type=kind,
            status=status,
            limit_price=order.target_price if kind is OrderType.LIMIT else None,
            stop_price=order.stop_price if kind is OrderType.STOP else None,
            parent_id=broker_id,
        )
        for kind in legs
    )
    return replace(whole, legs=children)


def filled(told: BrokerOrder, price: str) -> BrokerOrder:
    """`told`, legs included, with all of it filled at `price`."""
    done = {"status": OrderStatus.FILLED, "filled_quantity": told.quantity, "filled_avg_price": Decimal(price)}
    return replace(told, **done, legs=tuple(replace(leg, **done) for leg in told.legs))


def fill_of(
    execution: str, broker_id: str, side: Side, price: str, at: datetime, quantity: int = 100, ticker: str = "AAPL"
) -> Fill:
    """An execution of `broker_id`'s order."""
    return Fill(
        execution_id=execution,
        broker_order_id=broker_id,
        ticker=ticker,
        side=side,
        quantity=Decimal(quantity),
        price=Decimal(price),
        filled_at=at,
    )


def seed_market(pool: Pool) -> None:
    """The market and the model that a run must name."""
    with pool.connection() as connection:
        connection.execute("INSERT INTO markets VALUES ('m', 'pack', 'real pack', 'd', 's', 'split', 'l', 'h', 'SPY')")
        connection.execute("INSERT INTO models VALUES ('v1', 'm', '2020-01-03', 'f', '{}', '', repeat('0', 64), now())")


def begin(
    pool: Pool,
    *,
    at_wall: datetime,
    world: str = "rehearsal",
    account: str | None = None,
    key: RunKey = KEY,
    last: date = date(2020, 1, 31),
    at_market: datetime = MORNING,
) -> Ledger:
    """A run that has just started with 100,000 USD."""
    return Ledger.start(
        pool,
        market_id="m",
        world=world,
        account_id=account,
        period=Period(first=SESSION, last=last),
        key=key,
        starting_cash=Decimal(100_000),
        at_wall=at_wall,
        at_market=at_market,
    )
