"""The exchange's record of orders: every order it ever took, by id and by client order id, and what happened to it."""

from collections import defaultdict
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID, uuid5

from tenthman.domain.order import Fill, OrderStatus, Side
from tenthman.exchange.book import Resting
from tenthman.exchange.orders import Code, EventName, ExchangeOrder, OrderEvent, Refusal

NAMES = UUID("6f2c3c8e-6a0b-5d0f-9a53-3d6f2b1c7e10")
_AVERAGE = 9


class Register:
    """Orders in order of submission, their executions, and the events that were not handed out yet."""

    def __init__(self, names: UUID) -> None:
        """Ids of executions follow from `names`, which are the account's own."""
        self._names = names
        self._orders: dict[str, ExchangeOrder] = {}
        self._open: dict[str, None] = {}
        self._open_by_side: defaultdict[tuple[str, Side], dict[str, None]] = defaultdict(dict)
        self._ids: dict[str, str] = {}
        self._places: dict[str, int] = {}
        self._executions: defaultdict[str, list[Fill]] = defaultdict(list)
        self._events: list[OrderEvent] = []
        self.fills: list[Fill] = []

    def __len__(self) -> int:
        return len(self._orders)

    def __getitem__(self, order_id: str) -> ExchangeOrder:
        return self._orders[order_id]

    def place(self, order_id: str) -> int:
        """The order's place in order of submission, from 1 on."""
        return self._places[order_id]

    def find(self, order_id: str) -> ExchangeOrder:
        """The order as it stands; Refusal 404."""
        found = self._orders.get(order_id)
        if found is None:
            raise Refusal(404, Code.NOT_FOUND, f"order not found for {order_id}")
        return found

    def find_named(self, client_order_id: str) -> ExchangeOrder:
        """The order of that client order id, legs included; Refusal 404."""
        found = self._ids.get(client_order_id)
        if found is None:
            raise Refusal(404, Code.NOT_FOUND, f"order not found for {client_order_id}")
        return self._orders[found]

    def require_unused(self, client_order_id: str | None) -> None:
        """Refusal 422 for a client order id that was ever used."""
        if client_order_id is not None and client_order_id in self._ids:
            raise Refusal(422, Code.INVALID, "client_order_id must be unique")

    def all(self) -> list[ExchangeOrder]:
        """Every order, oldest first."""
        return list(self._orders.values())

    def open(self) -> list[ExchangeOrder]:
        """Orders that are not final, oldest first."""
        return [self._orders[order_id] for order_id in self._open]

    def against(self, symbol: str, side: Side) -> list[ExchangeOrder]:
        """Orders in `symbol` of the side other than `side` that are not final, oldest first."""
        other = Side.SELL if side is Side.BUY else Side.BUY
        return [self._orders[order_id] for order_id in self._open_by_side.get((symbol, other), ())]

    def family(self, order: ExchangeOrder) -> list[ExchangeOrder]:
        """The head of an order's family, which may be itself, and the head's legs."""
        head = order if order.parent_id is None else self._orders[order.parent_id]
        return [head, *(self._orders[leg] for leg in head.legs)]

    def keep(self, order: ExchangeOrder) -> None:
        """Enter a new order."""
        self._ids[order.client_order_id] = order.id
        self._places[order.id] = len(self._orders) + 1
        self._open[order.id] = None
        self._open_by_side[order.symbol, order.side][order.id] = None
        self.write(order)

    def write(self, order: ExchangeOrder) -> None:
        """Put an order as it stands now in the place of what it was, without a word to anybody."""
        self._orders[order.id] = order
        if order.status.is_final:
            self._open.pop(order.id, None)
            self._open_by_side[order.symbol, order.side].pop(order.id, None)

    def tell(self, event: EventName, order: ExchangeOrder) -> None:
        """Write an order and tell that `event` happened to it when it was updated."""
        self.write(order)
        self._events.append(OrderEvent(event=event, order=order, at=order.updated_at))

    def change(self, event: EventName, order_id: str, at: datetime, status: OrderStatus) -> None:
        """Give an order another status, and tell."""
        self.tell(event, _changed(self._orders[order_id], status, at))

    def fill_of(self, resting: Resting, price: Decimal, quantity: Decimal, at: datetime) -> Fill:
        """The next execution of an order, which is not entered yet."""
        number = len(self._executions[resting.id]) + 1
        return Fill(
            execution_id=str(uuid5(self._names, f"{resting.id}/fill/{number}")),
            broker_order_id=resting.id,
            ticker=resting.symbol,
            side=resting.side,
            quantity=quantity,
            price=price,
            filled_at=at,
        )

    def enter(self, fill: Fill, held: Decimal, *, is_last: bool) -> None:
        """Enter an execution and tell; `held` is the position after it, `is_last` that the order is filled by it."""
        order = self._orders[fill.broker_order_id]
        executions = self._executions[order.id]
        executions.append(fill)
        filled = sum((item.quantity for item in executions), Decimal(0))
        spent = sum((item.quantity * item.price for item in executions), Decimal(0))
        estimate = order.quantity if order.notional is None else max(order.quantity, filled)
        order = replace(
            order,
            status=OrderStatus.FILLED if is_last else OrderStatus.PARTIALLY_FILLED,
            quantity=filled if is_last else estimate,
            filled_quantity=filled,
            filled_avg_price=fill.price if len(executions) == 1 else round(spent / filled, _AVERAGE),
            filled_at=fill.filled_at if is_last else None,
            updated_at=fill.filled_at,
        )
        self.fills.append(fill)
        self.write(order)
        self._events.append(
            OrderEvent(
                event="fill" if is_last else "partial_fill",
                order=order,
                at=fill.filled_at,
                execution_id=fill.execution_id,
                price=fill.price,
                quantity=fill.quantity,
                position_quantity=held,
            )
        )

    def drain(self) -> list[OrderEvent]:
        """Events not handed out yet, in order of time."""
        events, self._events = self._events, []
        return events


def _changed(order: ExchangeOrder, status: OrderStatus, at: datetime) -> ExchangeOrder:
    match status:
        case OrderStatus.CANCELED:
            return replace(order, status=status, updated_at=at, canceled_at=at)
        case OrderStatus.EXPIRED:
            return replace(order, status=status, updated_at=at, expired_at=at)
        case OrderStatus.REJECTED:
            return replace(order, status=status, updated_at=at, failed_at=at)
        case OrderStatus.REPLACED:
            return replace(order, status=status, updated_at=at, replaced_at=at)
        case _:
            return replace(order, status=status, updated_at=at)
