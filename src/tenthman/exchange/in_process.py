"""The replayed market as a broker in the same process: for backtests, and for parity with the server."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime

from tenthman.domain.broker import Account, BrokerClock, BrokerPosition, PriceChange, is_changed
from tenthman.domain.errors import OrderRejected
from tenthman.domain.market import SessionHours
from tenthman.domain.order import BrokerOrder, Fill, Purpose, SizedOrder
from tenthman.exchange.market import ReplayExchange
from tenthman.exchange.orders import Code, ExchangeOrder, OrderRequest, Refusal, Replacement


class InProcessBroker:
    """Keeps the promise of `Broker` on a ReplayExchange; whoever owns the exchange moves its time."""

    def __init__(self, exchange: ReplayExchange) -> None:
        self._exchange = exchange

    def clock(self) -> BrokerClock:
        """The exchange's clock."""
        return self._exchange.clock()

    def calendar(self, first: date, last: date) -> Sequence[SessionHours]:
        """The exchange's sessions of `first`..`last`."""
        return self._exchange.calendar(first, last)

    def account(self) -> Account:
        """Cash, equity and buying power now."""
        return self._exchange.account()

    def positions(self) -> Sequence[BrokerPosition]:
        """Holdings now, by ticker."""
        return self._exchange.positions()

    def open_orders(self) -> Sequence[BrokerOrder]:
        """Orders that are not final, and final entries with a leg that is not, oldest first; legs in their parents."""
        families = dict.fromkeys(order.parent_id or order.id for order in self._exchange.orders("open"))
        return [self._told(self._exchange.order(identity)) for identity in families]

    def submit(self, order: SizedOrder) -> BrokerOrder:
        """Send once; OrderRejected with the exchange's reason. The same order sent again is the one already there."""
        is_entry = order.purpose is Purpose.ENTRY
        request = OrderRequest(
            symbol=order.ticker,
            side=order.side,
            quantity=order.quantity,
            order_type=order.order_type,
            time_in_force=order.time_in_force,
            client_order_id=order.client_order_id,
            limit_price=order.limit_price,
            stop_price=None if is_entry else order.stop_price,
            take_profit_limit=order.target_price if is_entry else None,
            stop_loss_stop=order.stop_price if is_entry else None,
        )
        try:
            return self._told(self._exchange.submit(request))
        except Refusal as refusal:
            there = self.find(order.client_order_id)
            if there is not None and _is_same(there, order):
                return there
            raise OrderRejected(f"order {order.client_order_id}: {refusal.message}") from refusal

    def find(self, client_order_id: str) -> BrokerOrder | None:
        """The order of that id with its legs, whatever its status; None if the exchange never had it."""
        try:
            return self._told(self._exchange.order_by_client_id(client_order_id))
        except Refusal:
            return None

    def cancel(self, order_id: str) -> bool:
        """Cancel an order and its bracket; False if it was already final; OrderRejected for an unknown id."""
        try:
            self._exchange.cancel(order_id)
        except Refusal as refusal:
            if refusal.code == Code.NOT_FOUND.value:
                raise OrderRejected(refusal.message) from refusal
            return False
        return True

    def replace(self, order_id: str, change: PriceChange) -> BrokerOrder:
        """The order that takes the place of another; OrderRejected when the exchange refuses that."""
        asked = Replacement(
            limit_price=change.limit_price, stop_price=change.stop_price, client_order_id=change.client_order_id
        )
        try:
            return self._told(self._exchange.replace(order_id, asked))
        except Refusal as refusal:
            there = self.find(change.client_order_id)
            if there is not None and is_changed(there, change):
                return there
            raise OrderRejected(f"cannot replace order {order_id}: {refusal.message}") from refusal

    def fills(self, after: datetime | None) -> Sequence[Fill]:
        """Executions after that instant (None: all), oldest first."""
        every = self._exchange.fills()
        return every if after is None else every[bisect_right(every, after, key=lambda fill: fill.filled_at) :]

    def _told(self, order: ExchangeOrder) -> BrokerOrder:
        legs = tuple(self._told(self._exchange.order(leg)) for leg in order.legs)
        told = BrokerOrder(
            id=order.id,
            client_order_id=order.client_order_id,
            ticker=order.symbol,
            side=order.side,
            order_type=order.order_type,
            status=order.status,
            quantity=order.quantity,
            filled_quantity=order.filled_quantity,
            filled_avg_price=order.filled_avg_price,
            limit_price=order.limit_price,
            stop_price=order.stop_price,
            submitted_at=order.submitted_at,
            updated_at=order.updated_at,
            parent_id=order.parent_id,
        )
        return replace(told, legs=legs)


def _is_same(there: BrokerOrder, order: SizedOrder) -> bool:
    return (there.ticker, there.side, there.quantity) == (order.ticker, order.side, order.quantity)
