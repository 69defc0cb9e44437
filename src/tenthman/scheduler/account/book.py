"""The book: the broker's truth joined with what the desk knows of where each holding came from."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from tenthman.domain.audit import is_own_entry
from tenthman.domain.broker import Account, BrokerPosition
from tenthman.domain.market import SessionHours, Universe
from tenthman.domain.order import EXTERNAL, Book, BrokerOrder, OrderType, PendingEntry, Position, Side, TradingState
from tenthman.scheduler.record import LookBack, OpenTrade


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerState:
    """One look at the broker: account, holdings, and orders at work (bracket legs nested)."""

    account: Account
    positions: tuple[BrokerPosition, ...]
    orders: tuple[BrokerOrder, ...]


def build_book(
    state: BrokerState,
    trades: Mapping[str, OpenTrade],
    universe: Universe,
    hours: Sequence[SessionHours],
    session: date,
    as_of: datetime,
    peak_equity: Decimal,
    past: LookBack,
    trading_state: TradingState,
) -> Book:
    """What risk sees. A holding without a trade is external: it counts against every limit and is never sold."""
    resting = tuple(flatten(state.orders))
    account = state.account
    return Book(
        as_of=as_of,
        equity=account.equity,
        cash=account.cash,
        day_start_equity=account.last_equity,
        week_start_equity=past.week_start,
        bought=past.bought,
        since_stop={ticker: sessions_between(hours, day, session) for ticker, day in past.stopped.items()},
        peak_equity=max(peak_equity, account.equity),
        positions=tuple(
            _position(held, trades.get(held.ticker), resting, universe, hours, session) for held in state.positions
        ),
        pending=tuple(entry for order in state.orders if (entry := _pending(order, universe)) is not None),
        exiting=frozenset(
            order.ticker for order in resting if order.side is Side.SELL and order.order_type is OrderType.MARKET
        ),
        state=trading_state,
    )


def flatten(orders: Sequence[BrokerOrder]) -> list[BrokerOrder]:
    """Parents and legs in one list, those that are final left out."""
    flat = [item for order in orders for item in (order, *order.legs)]
    return [order for order in flat if not order.status.is_final]


def is_protective(order: BrokerOrder) -> bool:
    """Whether `order` sells once the price has fallen. Somebody's stop to buy protects nothing."""
    return order.order_type is OrderType.STOP and order.side is Side.SELL


def sessions_between(hours: Sequence[SessionHours], first: date, last: date) -> int:
    """How many sessions of `hours` (in order) after `first` up to and with `last`; 0 or less when `last` is before."""
    return bisect_right(hours, last, key=_session_of) - bisect_right(hours, first, key=_session_of)


def _session_of(item: SessionHours) -> date:
    return item.session


def _position(
    held: BrokerPosition,
    trade: OpenTrade | None,
    resting: Sequence[BrokerOrder],
    universe: Universe,
    hours: Sequence[SessionHours],
    session: date,
) -> Position:
    stops = [
        order.stop_price
        for order in resting
        if order.ticker == held.ticker and is_protective(order) and order.stop_price is not None
    ]
    opened = trade.opened_session if trade else session
    return Position(
        ticker=held.ticker,
        issuer=universe.issuer_of(held.ticker),
        sector=universe.sector_of(held.ticker),
        quantity=held.quantity,
        avg_entry_price=held.avg_entry_price,
        current_price=held.current_price,
        stop_price=max(stops) if stops else None,
        opened=opened,
        sessions_held=sessions_between(hours, opened, session),
        decision_id=trade.decision_id if trade else EXTERNAL,
    )


def _pending(order: BrokerOrder, universe: Universe) -> PendingEntry | None:
    """A buy still at work; without a stop leg its whole value is at risk, so its stop counts as one cent."""
    left = order.quantity - order.filled_quantity
    if order.status.is_final or order.side is not Side.BUY or order.limit_price is None or left <= 0:
        return None
    stops = [leg.stop_price for leg in order.legs if leg.stop_price is not None]
    return PendingEntry(
        ticker=order.ticker,
        issuer=universe.issuer_of(order.ticker),
        sector=universe.sector_of(order.ticker),
        quantity=left,
        limit_price=order.limit_price,
        stop_price=max(stops) if stops else Decimal("0.01"),
        is_own=is_own_entry(order.client_order_id),
    )


def empty_book(as_of: datetime, cash: Decimal) -> Book:
    """An account that holds nothing but `cash` (USD) and may enter."""
    return Book(
        as_of=as_of,
        equity=cash,
        cash=cash,
        day_start_equity=cash,
        week_start_equity=cash,
        peak_equity=cash,
        bought=Decimal(0),
        since_stop={},
        positions=(),
        pending=(),
        exiting=frozenset(),
        state=TradingState.ACTIVE,
    )
