"""The floor of the exchange: one account's orders, from being taken to being final, and its cash and shares.

It knows no prices but those it is handed, and no time but the instants it is given.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from tenthman.domain.order import OrderStatus, OrderType, Side, TimeInForce
from tenthman.exchange import standing
from tenthman.exchange.book import Book, Resting
from tenthman.exchange.composition import at_work, resting_of, shares
from tenthman.exchange.holdings import Holdings
from tenthman.exchange.liquidity import Liquidity
from tenthman.exchange.matching import FillCosts, Outcome, Step, match
from tenthman.exchange.orders import Code, ExchangeOrder, OrderRequest, Refusal, Replacement
from tenthman.exchange.path import Path
from tenthman.exchange.register import Register
from tenthman.exchange.replacing import left_of

_EPHEMERAL = (TimeInForce.IOC, TimeInForce.FOK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A cancel (`successor` None) or a replacement that takes effect at `due`; `change` is what was asked for."""

    due: datetime
    order_id: str
    successor: str | None = None
    change: Replacement | None = None


class Floor:
    """Book, register and holdings of one account, kept in step."""

    def __init__(self, cash: Decimal, costs: FillCosts, liquidity: Liquidity, names: UUID) -> None:
        self.book = Book()
        self.register = Register(names)
        self.holdings = Holdings(cash)
        self.liquidity = liquidity
        self._costs = costs
        self._pending: list[Pending] = []
        self._fresh: list[str] = []

    @property
    def buying_power(self) -> Decimal:
        """Cash that open buys do not hold back, USD."""
        return self.holdings.cash - self.book.reserved

    def admit(self, request: OrderRequest, price: Decimal | None) -> Decimal:
        """What a buy has to hold back, USD; Refusal when the account or its other orders do not allow the order."""
        standing.require_no_wash(request, self.register.against(request.symbol, request.side))
        if request.side is Side.BUY:
            reserve = standing.reserve(request, price)
            standing.require_cash(reserve, self.buying_power)
            return reserve
        held = self.book.held(request.symbol)
        quantity = shares(request, price)
        standing.require_shares(request.symbol, quantity, self.holdings.quantity(request.symbol), held)
        return Decimal(0)

    def take(self, family: tuple[ExchangeOrder, ...], reserve: Decimal, now: float | None) -> None:
        """Put an order and its legs to work; `now` is the fraction of the session, None outside hours."""
        order = family[0]
        for member in family:
            self.register.keep(member)
        for resting in at_work(family, self.register.place(order.id), reserve, now):
            self.book.place(resting)
            self._fresh.append(resting.id)
        self.register.tell("accepted" if now is None else "pending_new", order)
        if now is not None:
            self.register.change("new", order.id, order.updated_at, OrderStatus.NEW)

    def walk(self, paths: Mapping[str, Path], start: float, stop: float, instant: Callable[[float], datetime]) -> None:
        """Let the book trade from `start` to `stop` of a session, whose fractions `instant` turns into time."""
        self._walk(None, paths, start, stop, instant)

    def fresh(self) -> list[Resting]:
        """What came to work since the book traded last: at the instant of then nothing else has anything to do."""
        return [resting for name in self._fresh if (resting := self.book.get(name)) is not None]

    def walk_fresh(self, paths: Mapping[str, Path], at: float, instant: Callable[[float], datetime]) -> None:
        """Let what is fresh trade at one instant of a session, up to which the book has traded."""
        self._walk(self.fresh(), paths, at, at, instant)

    def _walk(
        self,
        only: list[Resting] | None,
        paths: Mapping[str, Path],
        start: float,
        stop: float,
        instant: Callable[[float], datetime],
    ) -> None:
        self._fresh.clear()
        if paths:
            cash = self.holdings.cash
            for step in match(self.book, paths, start, stop, self._costs, cash, self.liquidity, only):
                self._apply(step, instant(step.fraction))
        for resting in self.book if only is None else filter(None, (self.book.get(order.id) for order in only)):
            if resting.trail is not None:
                self._follow(resting)

    def open_session(self, at: datetime) -> None:
        """What waited for the opening is at work."""
        for resting in self.book:
            if self.register[resting.id].status is OrderStatus.ACCEPTED:
                self.register.change("new", resting.id, at, OrderStatus.NEW)

    @property
    def awaits_opening(self) -> bool:
        """Whether an order is at work that may trade at the opening alone."""
        return any(resting.only_at == 0.0 for resting in self.book)

    def end_opening(self, at: datetime) -> None:
        """Cancel what may trade at the opening alone and did not."""
        self._cancel_all((resting for resting in self.book if resting.only_at == 0.0), at)

    def end_immediate(self, order_id: str, at: datetime) -> None:
        """Cancel what an immediate order did not get."""
        if self.register[order_id].time_in_force in _EPHEMERAL:
            self.withdraw(order_id, at)

    def close_session(self, at: datetime) -> None:
        """Day orders expire with their families; what was for the closing auction alone is cancelled."""
        day = [order.id for order in self.book if self.register[order.id].time_in_force is TimeInForce.DAY]
        for order_id in day:
            self.expire(order_id, at)
        self._cancel_all((order for order in self.book if order.only_at == 1.0), at)

    def expire(self, order_id: str, at: datetime) -> None:
        """An order and its family have lasted as long as they may."""
        self._end(order_id, at, "expired", OrderStatus.EXPIRED)

    def withdraw(self, order_id: str, at: datetime) -> None:
        """Cancel an order and its family."""
        self._end(order_id, at, "canceled", OrderStatus.CANCELED)

    def adjustable(self, symbol: str) -> list[ExchangeOrder]:
        """Plain limit orders in `symbol` that are good till cancelled and wait in the market, oldest first."""
        orders = [order for order in self.register.open() if order.symbol == symbol and order.order_class == "simple"]
        return [
            order
            for order in orders
            if order.order_type is OrderType.LIMIT
            and order.time_in_force is TimeInForce.GTC
            and order.status in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)
        ]

    def withdraw_sells(self, symbol: str, at: datetime) -> None:
        """Cancel what sells `symbol`, with its families; entries that wait keep their legs."""
        self._cancel_all((order for order in self.book if order.symbol == symbol and order.side is Side.SELL), at)

    def execute(self, resting: Resting, price: Decimal, quantity: Decimal, at: datetime, *, is_last: bool) -> None:
        """Book an execution and tell of it."""
        fill = self.register.fill_of(resting, price, quantity, at)
        held = self.holdings.book(fill)
        self.register.enter(fill, held, is_last=is_last)

    def ask_to_cancel(self, order_id: str, at: datetime, due: datetime) -> None:
        """Cancel at `due`, and at once if that is now.

        Refusal 422 when the order is final, a request is pending, or it waits to take the place of another.
        """
        order = self.register.find(order_id)
        waits = any(pending.successor == order_id for pending in self._pending)
        if waits or order.status.is_final or order.status in (OrderStatus.PENDING_CANCEL, OrderStatus.PENDING_REPLACE):
            message = f'order is already in "{order.status.value}" state'
            raise Refusal(422, Code.RULE, message, {"id": order_id})
        if due <= at:
            self.withdraw(order_id, at)
            return
        self._pending.append(Pending(due=due, order_id=order_id))
        self.register.change("pending_cancel", order_id, at, OrderStatus.PENDING_CANCEL)

    def ask_to_replace(self, successor: ExchangeOrder, change: Replacement, at: datetime, due: datetime) -> None:
        """Put `successor` in the place of the order it replaces at `due`, and at once if that is now.

        Refusal 403 when the account or its other orders do not allow it. Until then a buy holds back what the larger
        of the two can cost.
        """
        assert successor.replaces is not None
        old = self.register[successor.replaces]
        resting = self.book.find(old.id)
        if resting is None:
            raise Refusal(422, Code.RULE, f'cannot replace order in "{old.status.value}" state', {"id": old.id})
        reserve = self._admit_successor(successor, resting)
        if due <= at:
            self.put_in_place(successor, change, at)
            return
        self.register.keep(successor)
        pending = Pending(due=due, order_id=old.id, successor=successor.id, change=change)
        self.book.swap(old.id, replace(resting, reserve=max(reserve, resting.reserve)))
        self._pending.append(pending)
        self.register.change("pending_replace", old.id, at, OrderStatus.PENDING_REPLACE)

    def put_in_place(self, successor: ExchangeOrder, change: Replacement, at: datetime) -> None:
        """Let `successor` replace its order at once, whatever the account and its other orders say to it."""
        assert successor.replaces is not None
        self.register.keep(successor)
        self._replace(Pending(due=at, order_id=successor.replaces, successor=successor.id, change=change), at)

    def next_due(self) -> datetime | None:
        """When the next pending request takes effect; None without one."""
        return min((pending.due for pending in self._pending), default=None)

    def settle(self, at: datetime) -> None:
        """Let every request take effect that is due; one whose order is final by now is rejected, and told so."""
        due = [pending for pending in self._pending if pending.due <= at]
        self._pending = [pending for pending in self._pending if pending.due > at]
        for pending in due:
            if pending.successor is not None:
                self._replace(pending, at)
            elif self.register[pending.order_id].status.is_final:
                self._tell_again("order_cancel_rejected", pending.order_id, at)
            else:
                self.withdraw(pending.order_id, at)

    def _admit_successor(self, successor: ExchangeOrder, resting: Resting) -> Decimal:
        kin = (successor.replaces, successor.parent_id)
        against = self.register.against(successor.symbol, successor.side)
        others = (order for order in against if order.id not in kin)
        standing.require_no_wash(successor, others)
        if successor.side is Side.SELL:
            mine = resting.quantity
            held = self.book.held(successor.symbol) - mine
            if successor.order_class == "simple":
                existing = self.holdings.quantity(successor.symbol)
                standing.require_shares(successor.symbol, successor.quantity, existing, held)
            return Decimal(0)
        reserve = standing.reserve(_as_request(successor), resting.peak)
        standing.require_cash(reserve, self.buying_power + resting.reserve)
        return reserve

    def _replace(self, pending: Pending, at: datetime) -> None:
        assert pending.successor is not None
        assert pending.change is not None
        old, new = self.register[pending.order_id], self.register[pending.successor]
        left = left_of(old, pending.change.quantity)
        resting = self.book.find(old.id)
        if resting is None or left <= 0:
            self._tell_again("order_replace_rejected", old.id, at)
            self.register.change("rejected", new.id, at, OrderStatus.REJECTED)
            return
        new = replace(new, quantity=left, filled_quantity=Decimal(0), hwm=old.hwm, updated_at=at)
        told = replace(old, status=OrderStatus.REPLACED, replaced_by=new.id, replaced_at=at, updated_at=at)
        self._adopt(old, new)
        self.book.swap(old.id, self._successor_at_work(new, resting))
        self._fresh.append(new.id)
        self.register.tell("replaced", told)
        if new.status is OrderStatus.HELD:
            self.register.write(new)
        else:
            self.register.tell("new", replace(new, status=OrderStatus.NEW))

    def _successor_at_work(self, new: ExchangeOrder, old: Resting) -> Resting:
        reserve = Decimal(0)
        if new.side is Side.BUY:
            reserve = standing.reserve(_as_request(new), old.peak)
        fresh = resting_of(new, self.register.place(new.id))
        group = new.id if old.group == old.id else old.group
        return replace(fresh, reserve=reserve, group=group, only_at=old.only_at)

    def _adopt(self, old: ExchangeOrder, new: ExchangeOrder) -> None:
        """Let an order's children and parent know it by its new id."""
        for leg in old.legs:
            self.register.write(replace(self.register[leg], parent_id=new.id))
        if old.parent_id is not None:
            parent = self.register[old.parent_id]
            legs = tuple(new.id if leg == old.id else leg for leg in parent.legs)
            self.register.write(replace(parent, legs=legs))

    def _tell_again(
        self, event: Literal["order_cancel_rejected", "order_replace_rejected"], order_id: str, at: datetime
    ) -> None:
        self.register.tell(event, replace(self.register[order_id], updated_at=at))

    def _apply(self, step: Step, at: datetime) -> None:
        order_id = step.order.id
        match step.outcome:
            case Outcome.FILLED | Outcome.PARTIAL:
                assert step.price is not None
                assert step.quantity is not None
                if step.order.trail is not None:
                    self._follow(step.order)
                self.execute(step.order, step.price, step.quantity, at, is_last=step.outcome is Outcome.FILLED)
            case Outcome.ACTIVATED:
                if step.order.order_type is OrderType.LIMIT or self._is_alone(order_id):
                    self.register.change("new", order_id, at, OrderStatus.NEW)
            case Outcome.TRIGGERED:
                if self.register[order_id].status is OrderStatus.HELD:
                    self.register.change("new", order_id, at, OrderStatus.NEW)
            case Outcome.SHRUNK:
                self._shrink(step.order, at)
            case Outcome.CANCELED:
                self.register.change("canceled", order_id, at, OrderStatus.CANCELED)
            case Outcome.REJECTED:
                self._reject(order_id, at)

    def _is_alone(self, order_id: str) -> bool:
        parent = self.register[order_id].parent_id
        return parent is not None and len(self.register[parent].legs) == 1

    def _shrink(self, resting: Resting, at: datetime) -> None:
        order = self.register[resting.id]
        quantity = resting.quantity + order.filled_quantity
        self.register.tell("restated", replace(order, quantity=quantity, updated_at=at))

    def _reject(self, order_id: str, at: datetime) -> None:
        """A buy that cannot be paid for is rejected, or cancelled when part of it has filled."""
        if self.register[order_id].filled_quantity > 0:
            self.register.change("canceled", order_id, at, OrderStatus.CANCELED)
        else:
            self.register.change("rejected", order_id, at, OrderStatus.REJECTED)

    def _follow(self, resting: Resting) -> None:
        if resting.trail is None or resting.peak is None:
            return
        order = self.register[resting.id]
        stop = resting.trail.stop(resting.peak, resting.side)
        self.register.write(replace(order, hwm=resting.peak, stop_price=stop))

    def _cancel_all(self, orders: Iterable[Resting], at: datetime) -> None:
        for resting in tuple(orders):
            self.withdraw(resting.id, at)

    def _end(self, order_id: str, at: datetime, event: Literal["canceled", "expired"], status: OrderStatus) -> None:
        for member in self.book.family(order_id):
            self.book.take(member.id)
            self.register.change(event, member.id, at, status)


def _as_request(order: ExchangeOrder) -> OrderRequest:
    """What of an order decides what it can cost."""
    return OrderRequest(
        symbol=order.symbol,
        side=order.side,
        order_type=order.order_type,
        time_in_force=order.time_in_force,
        quantity=order.quantity,
        limit_price=order.limit_price,
        stop_price=None if order.order_type is OrderType.TRAILING_STOP else order.stop_price,
        trail_price=order.trail_price,
        trail_percent=order.trail_percent,
    )
