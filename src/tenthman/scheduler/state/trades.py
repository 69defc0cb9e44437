"""Fills, and the trades that they open and close."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import structlog

from tenthman.db.sql import load_queries
from tenthman.domain.audit import EventKind
from tenthman.domain.market import NEW_YORK
from tenthman.domain.order import Fill, OrderStatus, Purpose, Side
from tenthman.domain.shares import ShareChange
from tenthman.scheduler.record import Holding, OpenTrade
from tenthman.scheduler.state.round_trip import Execution, RoundTrip, increased, opened, replayed, sold_from
from tenthman.scheduler.state.run import Cursor, RunRecord
from tenthman.scheduler.state.share_changes import group_of

_SQL = load_queries("tenthman.scheduler.state", "trades.sql")
_SELL_OLDEST = (Purpose.EXIT.value, Purpose.DELISTED.value, Purpose.FRACTION.value)

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
        names = [fill.execution_id for fill in fills]
        fresh = {row[0] for row in self._rows(_SQL["unbooked"], names, [fill.broker_order_id for fill in fills])}
        payouts = [fill for fill in fills if fill.is_payout]
        if payouts:
            told = [[fill.execution_id for fill in payouts], [fill.ticker for fill in payouts]]
            fresh |= {row[0] for row in self._rows(_SQL["unbooked_payouts"], *told)}
        return tuple(fill for fill in fills if fill.execution_id in fresh)

    def holdings(self, since: datetime) -> Mapping[str, Holding]:
        """What is held by the record, by ticker; nothing of names whose last trade closed after `since`."""
        return {
            ticker: Holding(quantity=quantity, opened_at=opened_at)
            for ticker, quantity, opened_at in self._rows(_SQL["holdings"], since)
        }

    def executions(self, tickers: Iterable[str]) -> tuple[Fill, ...]:
        """All executions of `tickers` that are booked, in order of time."""
        return tuple(_execution(*row).fill for row in self._rows(_SQL["executions"], sorted(tickers)))

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
        group = group_of(fill.ticker, changes)
        if any(item.ticker in group and item.since > fill.filled_at for item in changes):
            self._rebuild(cursor, group, changes)
        elif fill.side is Side.BUY:
            self._buy(cursor, decision_id, fill, fees)
        else:
            open_trips = self._trips(cursor, "open_trips_of_ticker", fill.ticker)
            if purpose not in _SELL_OLDEST:
                own = self._trips(cursor, "trip_of_decision", decision_id)
                open_trips = [*own, *(trip for trip in open_trips if trip not in own)]
            for trip in sold_from(open_trips, fill, fees, _why(purpose, reason)):
                self._save(cursor, trip)
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

    def _rebuild(self, cursor: Cursor, names: Iterable[str], changes: Sequence[ShareChange]) -> None:
        """Trades anew from their executions: a change came to light after executions that are later than it."""
        tickers = sorted(names)
        rows = cursor.execute(_SQL["executions"], [self.run_id, tickers]).fetchall()
        mine = [item for item in changes if item.ticker in tickers]
        for trip in replayed([_execution(*row) for row in rows], mine):
            self._save(cursor, trip)

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


def _why(purpose: str, reason: str | None) -> str:
    return reason or purpose if purpose in _SELL_OLDEST else purpose


def _execution(
    execution_id: str,
    broker_order_id: str,
    ticker: str,
    side: str,
    quantity: Decimal,
    price: Decimal,
    filled_at: datetime,
    fees: Decimal,
    decision_id: str,
    purpose: str,
    reason: str | None,
) -> Execution:
    fill = Fill(
        execution_id=execution_id,
        broker_order_id=broker_order_id,
        ticker=ticker,
        side=Side(side),
        quantity=quantity,
        price=price,
        filled_at=filled_at,
    )
    return Execution(
        fill=fill,
        fees=fees,
        decision_id=decision_id,
        reason=_why(purpose, None if purpose == Purpose.FRACTION.value else reason),
        sells_oldest=purpose in _SELL_OLDEST,
    )
