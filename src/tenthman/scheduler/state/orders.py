"""Decisions with what led to them, the orders they became, and what the broker said of those."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from tenthman.db.sql import load_queries
from tenthman.domain.audit import Decision, EventKind
from tenthman.domain.canonical import plain
from tenthman.domain.opinion import Case
from tenthman.domain.order import BrokerOrder, OrderStatus, OrderType, Purpose, SizedOrder
from tenthman.scheduler.record import NEVER_ARRIVED, OrderInDoubt, Unfinished
from tenthman.scheduler.state.rows import critique_row, decision_row, shadow_of, shadow_row
from tenthman.scheduler.state.run import Cursor, RunRecord

_SQL = load_queries("tenthman.scheduler.state", "orders.sql")


class OrderRecord(RunRecord):
    """Decisions and orders of a run."""

    def record_decision(self, decision: Decision, case: Case | None) -> None:
        """Commit a decision with its case, its critiques, what was taken away, and the intent to send its order.

        After this the order may leave, not before. Raises ValueError when `case` is not the decision's.
        """
        if decision.case_hash != (None if case is None else case.hash):
            raise ValueError(f"{decision.id}: `case` must be the one of `case_hash` {decision.case_hash}")
        with self._recording() as cursor:
            if case is not None:
                body = Jsonb(plain(case))
                cursor.execute(_SQL["insert_case"], [decision.case_hash, case.ticker, case.as_of, body])
            cursor.execute(_SQL["insert_decision"], decision_row(self.run_id, decision))
            for critique in decision.critiques:
                cursor.execute(_SQL["insert_critique"], critique_row(self.run_id, decision.id, critique))
            shadow = shadow_of(decision)
            if shadow is not None:
                cursor.execute(_SQL["insert_shadow"], shadow_row(self.run_id, shadow))
            self._append(cursor, decision.as_of, EventKind.DECISION, decision.id, decision)
            if isinstance(decision.outcome, SizedOrder):
                self._record_intent(cursor, decision.outcome, decision.as_of)

    def _record_intent(self, cursor: Cursor, order: SizedOrder, at: datetime) -> None:
        what = [order.client_order_id, order.decision_id, order.purpose.value, order.ticker, order.side.value]
        how = [order.quantity, order.order_type.value, order.time_in_force.value]
        prices = [order.limit_price, order.stop_price, order.target_price]
        cursor.execute(_SQL["insert_order"], [self.run_id, *what, *how, *prices, at, at])
        self._append(cursor, at, EventKind.ORDER_INTENT, order.client_order_id, order)

    def record_submitted(self, client_order_id: str, broker_order: BrokerOrder, at: datetime) -> None:
        """The broker has the order; its legs become rows of their own. Raises ValueError for an unknown order."""
        if broker_order.client_order_id != client_order_id:
            raise ValueError(
                f"`broker_order` must be {client_order_id!r}, was {broker_order.client_order_id!r} ({broker_order.id})"
            )
        with self._recording() as cursor:
            known = self._known_orders(cursor, [broker_order])
            if client_order_id not in known:
                raise ValueError(f"`client_order_id` must be a recorded order, was {client_order_id!r}")
            self._sync(cursor, broker_order, known, at)
            self._append(cursor, at, EventKind.ORDER_OUTCOME, client_order_id, broker_order)

    def record_refused(self, client_order_id: str, reason: str, at: datetime) -> None:
        """The broker said no; the order is over."""
        self._mark(client_order_id, OrderStatus.REJECTED.value, reason, at)

    def record_unknown(self, client_order_id: str, reason: str, at: datetime) -> None:
        """The order may have reached the broker; it stays in doubt until it has been looked up."""
        self._mark(client_order_id, OrderStatus.UNKNOWN.value, reason, at)

    def _mark(self, client_order_id: str, status: str, reason: str, at: datetime) -> None:
        with self._recording() as cursor:
            cursor.execute(_SQL["mark_order"], [status, reason, at, self.run_id, client_order_id])
            if cursor.rowcount != 1:
                raise ValueError(f"`client_order_id` must be a recorded order, was {client_order_id!r}")
            self._append(cursor, at, EventKind.ORDER_OUTCOME, client_order_id, {"status": status, "reason": reason})

    def record_cancel_requested(self, client_order_id: str, reason: str, at: datetime) -> None:
        """A cancel is about to be asked for; the order's row changes when the broker says so."""
        self.event(EventKind.CANCEL_REQUESTED, client_order_id, {"reason": reason}, at)

    def sync_orders(self, orders: Sequence[BrokerOrder], at: datetime) -> int:
        """Bring the rows up to what the broker says, legs included; the number of orders that changed.

        An order that this run never sent is left alone.
        """
        with self._recording() as cursor:
            known = self._known_orders(cursor, orders)
            changed = [found for order in orders for found in self._sync(cursor, order, known, at)]
            for order in changed:
                self._append(cursor, at, EventKind.ORDER_OUTCOME, order.client_order_id, order)
        return len(changed)

    def _known_orders(self, cursor: Cursor, orders: Sequence[BrokerOrder]) -> dict[str, tuple[Any, ...]]:
        every = [item for order in orders for item in (order, *order.legs)]
        names = [[item.client_order_id for item in every], [item.id for item in every]]
        rows = cursor.execute(_SQL["lock_orders"], [self.run_id, *names]).fetchall()
        return {str(row[0]): row[1:] for row in rows}

    def _sync(
        self, cursor: Cursor, order: BrokerOrder, known: Mapping[str, tuple[Any, ...]], at: datetime
    ) -> list[BrokerOrder]:
        """Write one order and its legs where they differ from what is `known`; those that did."""
        if order.client_order_id not in known:
            return []
        changed = [order] if self._update(cursor, order, known, at) else []
        for leg in order.legs:
            if leg.client_order_id in known:
                changed += [leg] if self._update(cursor, leg, known, at) else []
            else:
                self._insert_leg(cursor, order.client_order_id, leg, at)
                changed.append(leg)
        return changed

    def _update(self, cursor: Cursor, order: BrokerOrder, known: Mapping[str, tuple[Any, ...]], at: datetime) -> bool:
        said = (order.id, order.status.value, order.quantity, order.filled_quantity, order.filled_avg_price)
        if known[order.client_order_id] == said:
            return False
        cursor.execute(_SQL["update_order"], [*said, at, self.run_id, order.client_order_id])
        return True

    def _insert_leg(self, cursor: Cursor, parent: str, leg: BrokerOrder, at: datetime) -> None:
        purpose = Purpose.STOP if leg.order_type is OrderType.STOP else Purpose.TARGET
        what = [leg.client_order_id, purpose.value, leg.id, leg.ticker, leg.side.value, leg.quantity]
        how = [leg.order_type.value, leg.limit_price, leg.stop_price]
        state = [leg.status.value, leg.filled_quantity, leg.filled_avg_price, at, at]
        cursor.execute(_SQL["insert_leg"], [*what, *how, *state, self.run_id, parent])
        if not leg.status.is_final:
            cursor.execute(_SQL["supersede_legs"], [at, self.run_id, parent, purpose.value, leg.client_order_id])

    def orders_in_doubt(self) -> tuple[OrderInDoubt, ...]:
        """Orders that were committed or sent and of which the broker's answer is not known, oldest first.

        Those of the last day that the broker did not know when they were looked up are among them.
        """
        asked = {"run": self.run_id, "never_arrived": NEVER_ARRIVED}
        with self._recording() as cursor:
            rows = cursor.execute(_SQL["orders_in_doubt"], asked).fetchall()
        return tuple(OrderInDoubt(client_order_id=name, never_arrived=never_arrived) for name, never_arrived in rows)

    def unfinished_orders(self) -> tuple[Unfinished, ...]:
        """Entries and exits that may still change, themselves or through a leg; oldest first."""
        return tuple(
            Unfinished(client_order_id=ours, broker_order_id=theirs, waits_for_legs=OrderStatus(status).is_final)
            for ours, theirs, status in self._rows(_SQL["unfinished_orders"])
        )
