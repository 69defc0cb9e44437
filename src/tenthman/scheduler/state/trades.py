"""Fills, and the trades that they open and close."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import structlog

from tenthman.db.sql import load_queries
from tenthman.domain.audit import EventKind
from tenthman.domain.errors import DataCorrupt
from tenthman.domain.market import NEW_YORK
from tenthman.domain.order import Fill, OrderStatus, Purpose, Side
from tenthman.domain.shares import ShareChange
from tenthman.scheduler.record import Holding, OpenTrade
from tenthman.scheduler.round_trip import RoundTrip, increased, opened, reduced, restated
from tenthman.scheduler.state.run import Cursor, RunRecord

_SQL = load_queries("tenthman.scheduler.state", "trades.sql")
_ZERO = Decimal(0)

_log = structlog.get_logger(__name__)


class TradeRecord(RunRecord):
    """Fills and trades of a run."""

    def record_fills(self, fills: Sequence[Fill], fees: Mapping[str, Decimal], at: datetime) -> tuple[Fill, ...]:
        """Book executions, oldest first, each once however often it is reported; the new ones.

        `fees` (USD) go by execution id; none is zero. An execution of an order that is not recorded as the broker's
        yet is left for a later call: bring the orders up to date first.
        """
        with self._recording() as cursor:
            changes = self._share_changes(cursor) if fills else ()
            return tuple(
                fill for fill in fills if self._book(cursor, fill, fees.get(fill.execution_id, Decimal(0)), changes, at)
            )

    def unbooked(self, fills: Sequence[Fill]) -> tuple[Fill, ...]:
        """Those executions of the run's own orders that `record_fills` would book."""
        if not fills:
            return ()
        told = [[fill.execution_id for fill in fills], [fill.broker_order_id for fill in fills]]
        fresh = {row[0] for row in self._rows(_SQL["unbooked"], *told)}
        payouts = {row[0] for row in self._rows(_SQL["unbooked_payouts"], told[0])}
        return tuple(
            fill
            for fill in fills
            if fill.execution_id in fresh or (fill.is_payout and fill.execution_id not in payouts)
        )

    def holdings(self) -> Mapping[str, Holding]:
        """What is held by the record, by ticker."""
        return {
            ticker: Holding(quantity=quantity, opened_at=opened_at)
            for ticker, quantity, opened_at in self._rows(_SQL["holdings"])
        }

    def _book(self, cursor: Cursor, fill: Fill, fees: Decimal, changes: tuple[ShareChange, ...], at: datetime) -> bool:
        row = cursor.execute(_SQL["order_of_broker"], [self.run_id, fill.broker_order_id]).fetchone()
        if row is None and fill.is_payout:
            row = self._enter_payout(cursor, fill, at)
        if row is None:
            _log.warning("fill of an unknown order", execution_id=fill.execution_id, order_id=fill.broker_order_id)
            return False
        client_order_id, decision_id, purpose, reason = row
        what = [fill.ticker, fill.side.value, fill.quantity, fill.price, fees, fill.filled_at]
        cursor.execute(_SQL["insert_fill"], [self.run_id, fill.execution_id, client_order_id, *what])
        if cursor.rowcount == 0:
            return False
        now = restated(fill, changes)
        if fill.side is Side.BUY:
            self._buy(cursor, decision_id, now, fees)
        elif purpose in (Purpose.EXIT.value, Purpose.DELISTED.value):
            self._sell(cursor, self._trips(cursor, "open_trips_of_ticker", now.ticker), now, fees, reason or purpose)
        else:
            self._sell(cursor, self._trips(cursor, "trip_of_decision", decision_id), now, fees, purpose)
        payload = {"fill": fill, "fees_usd": fees, "client_order_id": client_order_id, "decision_id": decision_id}
        self._append(cursor, at, EventKind.FILL, fill.execution_id, payload)
        return True

    def _enter_payout(self, cursor: Cursor, fill: Fill, at: datetime) -> tuple[Any, ...] | None:
        """A row for the exchange's own order, under the decision of the oldest trade it closes; None without one."""
        trips = self._trips(cursor, "open_trips_of_ticker", fill.ticker)
        if not trips:
            return None
        what = {"run": self.run_id, "order": fill.broker_order_id, "decision": trips[0].decision_id, "at": at}
        how = {"ticker": fill.ticker, "side": fill.side.value, "quantity": fill.quantity, "price": fill.price}
        cursor.execute(_SQL["insert_payout"], {**what, **how})
        payload = {"status": OrderStatus.FILLED.value, "reason": "delisted: paid out by the exchange"}
        self._append(cursor, at, EventKind.ORDER_OUTCOME, fill.broker_order_id, payload)
        return fill.broker_order_id, trips[0].decision_id, Purpose.DELISTED.value, None

    def _share_changes(self, cursor: Cursor) -> tuple[ShareChange, ...]:
        rows = cursor.execute(_SQL["share_changes"], [self.run_id]).fetchall()
        return tuple(
            ShareChange(ticker=ticker, on=on, becomes=becomes, ratio=Fraction(new, old))
            for ticker, on, becomes, new, old in rows
        )

    def _trips(self, cursor: Cursor, query: str, subject: str) -> list[RoundTrip]:
        names = tuple(RoundTrip.__dataclass_fields__)
        rows = cursor.execute(_SQL[query], [self.run_id, subject]).fetchall()
        return [RoundTrip(**dict(zip(names, row, strict=True))) for row in rows]

    def _buy(self, cursor: Cursor, decision_id: str, fill: Fill, fees: Decimal) -> None:
        found = self._trips(cursor, "trip_of_decision", decision_id)
        self._save(cursor, increased(found[0], fill, fees) if found else opened(decision_id, fill, fees))

    def _sell(self, cursor: Cursor, trips: list[RoundTrip], fill: Fill, fees: Decimal, reason: str) -> None:
        """Take a sell from the given trades, oldest first; its fees go with the first."""
        left = fill.quantity
        for number, trip in enumerate(trips):
            taken = left if number == len(trips) - 1 else min(left, trip.quantity)
            if taken > 0:
                self._save(cursor, reduced(trip, taken, fill, fees if number == 0 else _ZERO, reason))
                left -= taken
        if left > 0:
            raise DataCorrupt(
                f"fill {fill.execution_id} sells {fill.quantity} {fill.ticker}, of which no trade is open"
            )

    def _save(self, cursor: Cursor, trip: RoundTrip) -> None:
        size = [trip.decision_id, trip.ticker, trip.quantity, trip.bought, trip.avg_entry_price]
        times = [trip.opened_at, trip.opened_at.astimezone(NEW_YORK).date(), trip.closed_at]
        end = [trip.exit_reason, trip.avg_exit_price, trip.fees_usd, trip.realised_usd]
        cursor.execute(_SQL["save_trip"], [self.run_id, *size, *times, *end])

    def open_trades(self) -> Mapping[str, OpenTrade]:
        """Trades that are on, by ticker; the oldest one where a ticker has several."""
        return {
            ticker: OpenTrade(decision_id=decision, opened_session=session)
            for ticker, decision, session in self._rows(_SQL["open_trades"])
        }
