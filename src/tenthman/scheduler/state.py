"""The record of one run. Everything is in PostgreSQL; each change is committed together with its audit event."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

import psycopg
import structlog
from psycopg.conninfo import make_conninfo
from psycopg.types.json import Jsonb

from tenthman.db import audit
from tenthman.db.pool import Pool
from tenthman.db.sql import load_queries
from tenthman.domain.audit import Decision, EventKind, RunKey
from tenthman.domain.canonical import plain
from tenthman.domain.checks import require_text
from tenthman.domain.errors import DataCorrupt
from tenthman.domain.market import NEW_YORK, Period
from tenthman.domain.opinion import Case
from tenthman.domain.order import (
    BrokerOrder,
    Fill,
    OrderStatus,
    OrderType,
    Purpose,
    Side,
    SizedOrder,
    TradingState,
)
from tenthman.scheduler.demotion import worth_bp
from tenthman.scheduler.record import (
    NEVER_ARRIVED,
    CommitteeKey,
    Ending,
    Evidence,
    LookBack,
    OpenTrade,
    OrderInDoubt,
    Shadow,
    Unfinished,
)
from tenthman.scheduler.round_trip import RoundTrip, increased, opened, reduced
from tenthman.scheduler.rows import critique_row, decision_row, shadow_of, shadow_row

_SQL = load_queries("tenthman.scheduler", "state.sql")
_ZERO = Decimal(0)
_STRICTNESS = {TradingState.ACTIVE: 0, TradingState.REDUCING: 1, TradingState.HALTED: 2}

_log = structlog.get_logger(__name__)

Cursor = psycopg.Cursor[tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupted:
    """An earlier run of the same key that ended without saying so; `reached` is market time, None: nothing."""

    run_id: str
    reached: datetime | None


class Ledger:
    """One run's record. `start` begins a run and holds it; `attach` joins one that exists, for a person's command.

    Used as a context manager, or closed, it lets the run go: a run that is let go while still `running` counts as
    interrupted when the next one of its key starts. Methods raise psycopg errors when the database is lost.
    """

    def __init__(
        self,
        pool: Pool,
        run_id: str,
        hold: "psycopg.Connection[tuple[Any, ...]] | None",
        interrupted: tuple[Interrupted, ...] = (),
    ) -> None:
        self._pool = pool
        self._hold = hold
        self.run_id = run_id
        self.interrupted = interrupted

    @classmethod
    def start(
        cls,
        pool: Pool,
        *,
        market_id: str,
        world: str,
        account_id: str | None,
        period: Period,
        key: RunKey,
        starting_cash: Decimal,
        at_wall: datetime,
        at_market: datetime,
    ) -> Self:
        """Begin a run; earlier runs of the same key that nobody holds any more are marked as interrupted.

        A paper or live account keeps the trading state of its last run: only a person re-arms. Elsewhere it is
        ACTIVE. The starting cash is the first point of the equity curve.
        """
        run_id = str(uuid.uuid4())
        hold = _hold_run(pool, run_id)
        try:
            with pool.connection() as connection, connection.cursor() as cursor:
                cursor.execute(_SQL["lock_key"], [key.hash])
                interrupted = _mark_interrupted(cursor, key.hash, at_wall)
                row = [run_id, key.hash, market_id, world, account_id, period.first, period.last]
                cursor.execute(_SQL["insert_run"], [*row, key.config_hash, key.model_version, at_wall])
                started = {"world": world, "market": market_id, "period": period, "key": key, "cash": starting_cash}
                audit.append(cursor, run_id, at_wall, EventKind.RUN_STARTED, run_id, started)
                state, reason = _initial_state(cursor, account_id, world)
                _write_state(cursor, run_id, state, reason, "start", at_market)
                _write_equity(
                    cursor, run_id, at_market, period.first, starting_cash, starting_cash, starting_cash, holdings={}
                )
        except BaseException:
            hold.close()
            raise
        return cls(pool, run_id, hold, interrupted)

    @classmethod
    def join(cls, pool: Pool, run_id: str) -> Self:
        """Go on with a run that was let go: it is held again, and counts as running. Waits while another holds it."""
        hold = _hold_run(pool, run_id)
        with pool.connection() as connection:
            connection.execute(_SQL["resume_run"], [run_id])
        return cls(pool, run_id, hold)

    @classmethod
    def attach(cls, pool: Pool, run_id: str) -> Self:
        """The record of a run that exists, without holding it."""
        return cls(pool, run_id, None)

    def close(self) -> None:
        """Let the run go."""
        if self._hold is not None:
            self._hold.close()
            self._hold = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _recording(self) -> Iterator[Cursor]:
        with self._pool.connection() as connection, connection.cursor() as cursor:
            yield cursor

    def _append(self, cursor: Cursor, at: datetime, kind: EventKind, subject: str, payload: object) -> None:
        audit.append(cursor, self.run_id, at, kind, subject, payload)

    def _row(self, query: str, *values: object) -> tuple[Any, ...] | None:
        with self._recording() as cursor:
            return cursor.execute(_SQL[query], [self.run_id, *values]).fetchone()

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._recording() as cursor:
            return cursor.execute(_SQL[query], [self.run_id, *values]).fetchall()

    def event(self, kind: EventKind, subject: str, payload: object, at: datetime) -> None:
        """Record that something happened which has no table of its own."""
        with self._recording() as cursor:
            self._append(cursor, at, kind, subject, payload)

    def reached(self, at: datetime) -> None:
        """Note the market time of the last finished step (no event: the cycle's own events tell the story)."""
        with self._recording() as cursor:
            cursor.execute(_SQL["reached"], [at, self.run_id])

    def finish(self, at_wall: datetime, summary: Mapping[str, object]) -> None:
        """The run ended as planned; it is let go."""
        self._end("finished", at_wall, {"status": "finished", **summary})

    def fail(self, at_wall: datetime, reason: str) -> None:
        """The run ended on an error; it is let go."""
        self._end("failed", at_wall, {"status": "failed", "reason": reason})

    def _end(self, status: str, at_wall: datetime, summary: Mapping[str, object]) -> None:
        with self._recording() as cursor:
            cursor.execute(_SQL["end_run"], [status, at_wall, Jsonb(plain(summary)), self.run_id])
            if cursor.rowcount != 1:
                raise ValueError(f"run {self.run_id} must be running to be {status}")
            self._append(cursor, at_wall, EventKind.RUN_FINISHED, self.run_id, summary)
        self.close()

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

    def orders_in_doubt(self) -> tuple[OrderInDoubt, ...]:
        """Orders that were committed or sent and of which the broker's answer is not known, oldest first.

        Those of the last day that the broker did not know when they were looked up are among them.
        """
        asked = {"run": self.run_id, "never_arrived": NEVER_ARRIVED}
        with self._recording() as cursor:
            rows = cursor.execute(_SQL["orders_in_doubt"], asked).fetchall()
        return tuple(
            OrderInDoubt(
                client_order_id=client_order_id,
                decision_id=decision_id,
                ticker=ticker,
                purpose=Purpose(purpose),
                status=status,
                never_arrived=never_arrived,
            )
            for client_order_id, decision_id, ticker, purpose, status, never_arrived in rows
        )

    def unfinished_orders(self) -> tuple[Unfinished, ...]:
        """Entries and exits that may still change, themselves or through a leg; oldest first."""
        return tuple(
            Unfinished(client_order_id=ours, broker_order_id=theirs, waits_for_legs=OrderStatus(status).is_final)
            for ours, theirs, status in self._rows("unfinished_orders")
        )

    def record_fills(self, fills: Sequence[Fill], fees: Mapping[str, Decimal], at: datetime) -> tuple[Fill, ...]:
        """Book executions, oldest first, each once however often it is reported; the new ones.

        `fees` (USD) go by execution id; none is zero. An execution of an order that is not recorded as the broker's
        yet is left for a later call: bring the orders up to date first.
        """
        with self._recording() as cursor:
            return tuple(
                fill for fill in fills if self._book(cursor, fill, fees.get(fill.execution_id, Decimal(0)), at)
            )

    def _book(self, cursor: Cursor, fill: Fill, fees: Decimal, at: datetime) -> bool:
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
        if fill.side is Side.BUY:
            self._buy(cursor, decision_id, fill, fees)
        elif purpose in (Purpose.EXIT.value, Purpose.DELISTED.value):
            self._sell(cursor, self._trips(cursor, "open_trips_of_ticker", fill.ticker), fill, fees, reason or purpose)
        else:
            self._sell(cursor, self._trips(cursor, "trip_of_decision", decision_id), fill, fees, purpose)
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
            ticker: OpenTrade(decision_id=decision, opened_session=session, entry_client_order_id=order)
            for ticker, decision, session, order in self._rows("open_trades")
        }

    def record_equity(
        self,
        at: datetime,
        session: date,
        equity: Decimal,
        cash: Decimal,
        day_start: Decimal,
        holdings: Mapping[str, tuple[Decimal, Decimal]],
    ) -> Decimal:
        """One point of the equity curve (USD), with quantity and price of each holding.

        Returns the peak: the highest equity since the run began or was last re-armed.
        """
        with self._recording() as cursor:
            peak = _write_equity(cursor, self.run_id, at, session, equity, cash, day_start, holdings)
            payload = {"equity": equity, "cash": cash, "day_start": day_start, "peak": peak, "holdings": holdings}
            self._append(cursor, at, EventKind.RECONCILED, "equity", payload)
        return peak

    def settled_at(self) -> datetime | None:
        """Market time of the last point of the equity curve (aware UTC); None before the first."""
        row = self._row("settled_at")
        return None if row is None else row[0]

    def peak_equity(self) -> Decimal:
        """The peak (USD) as of the last point: the highest equity since the run began or was last re-armed."""
        row = self._row("peak_equity")
        peak: Decimal | None = None if row is None else row[0]
        if peak is None:
            raise ValueError(f"run {self.run_id} must have been started")
        return peak

    def day_start_equity(self, session: date) -> Decimal | None:
        """Equity at the start of `session` as first recorded; None when nothing was recorded in it."""
        row = self._row("day_start_equity", session)
        return None if row is None else row[0]

    def look_back(self, session: date) -> LookBack:
        """What the rules ask of the days before. ValueError when no equity was recorded since the run was re-armed."""
        asked = {"run": self.run_id, "session": session, "monday": session - timedelta(days=session.weekday())}
        with self._recording() as cursor:
            row = cursor.execute(_SQL["look_back"], asked).fetchone()
            stopped = cursor.execute(_SQL["last_stops"], [self.run_id]).fetchall()
        if row is None or row[0] is None:
            raise ValueError(f"equity of {session} must have been recorded for run {self.run_id}")
        days = {ticker: closed_at.astimezone(NEW_YORK).date() for ticker, closed_at in stopped}
        return LookBack(week_start=row[0], bought=row[1], stopped=days)

    def trading_state(self) -> TradingState:
        """The latch as it stands."""
        with self._recording() as cursor:
            return self._state(cursor)

    def idle_since(self) -> datetime:
        """When the account last held something, or the latch last moved, whichever is later (aware UTC)."""
        with self._recording() as cursor:
            row = cursor.execute(_SQL["idle_since"], [self.run_id, self.run_id]).fetchone()
        if row is None or row[0] is None:
            raise ValueError(f"run {self.run_id} must have been started")
        since: datetime = row[0]
        return since

    def is_below_peak(self) -> bool:
        """Whether the last point of the equity curve lies below the peak."""
        row = self._row("is_below_peak")
        return row is not None and bool(row[0])

    def _state(self, cursor: Cursor) -> TradingState:
        row = cursor.execute(_SQL["trading_state"], [self.run_id]).fetchone()
        if row is None:
            raise ValueError(f"run {self.run_id} must have been started")
        return TradingState(row[0])

    def set_trading_state(self, state: TradingState, reason: str, changed_by: str, at: datetime) -> bool:
        """Tighten the latch; False when it stands there already. ValueError for loosening it: `rearm` does that."""
        with self._recording() as cursor:
            cursor.execute(_SQL["lock_run"], [self.run_id])
            now = self._state(cursor)
            if _STRICTNESS[state] < _STRICTNESS[now]:
                raise ValueError(f"`state` must not be looser than {now.value} without a person, was {state.value}")
            if state is now:
                return False
            _write_state(cursor, self.run_id, state, reason, changed_by, at)
        return True

    def rearm(self, reason: str, person: str, at: datetime) -> None:
        """Back to ACTIVE, by a person or a stated rule. The peak that drawdown is measured from begins anew here."""
        require_text("reason", reason)
        require_text("person", person)
        with self._recording() as cursor:
            cursor.execute(_SQL["lock_run"], [self.run_id])
            _write_state(cursor, self.run_id, TradingState.ACTIVE, reason, person, at)

    def open_shadows(self) -> tuple[Shadow, ...]:
        """Shadow positions that have not ended, oldest first."""
        names = tuple(Shadow.__dataclass_fields__)
        return tuple(Shadow(**dict(zip(names, row, strict=True))) for row in self._rows("open_shadows"))

    def end_shadow(self, decision_id: str, ending: Ending, gained: Decimal, at: datetime) -> None:
        """A shadow position has ended, and brought `gained` after costs (USD); ended ones stay so."""
        change = [ending.entry, ending.exit, ending.session, ending.reason, gained, ending.fees]
        with self._recording() as cursor:
            cursor.execute(_SQL["end_shadow"], [*change, self.run_id, decision_id])
            if cursor.rowcount != 1:
                raise ValueError(f"`decision_id` must be an open shadow, was {decision_id!r}")
            self._append(cursor, at, EventKind.RECONCILED, decision_id, {"shadow": ending, "gained_usd": gained})

    def committee_evidence(self) -> tuple[Evidence, ...]:
        """What ended shadow positions say of committees that bound, each since it was last reinstated.

        A paper or live account remembers its earlier runs; a rehearsal begins with a clean record.
        """
        return tuple(_evidence(row) for row in self._rows("committee_evidence"))

    def demoted_committees(self) -> frozenset[CommitteeKey]:
        """Committees that are advisory by their own record; a paper or live account remembers its earlier runs."""
        return frozenset(
            CommitteeKey(model=model, model_digest=digest, template_hash=template)
            for model, digest, template, standing in self._rows("committee_standings")
            if standing == "demoted"
        )

    def demote_committee(
        self, committee: CommitteeKey, reason: str, evidence: Mapping[str, object], at: datetime
    ) -> None:
        """A committee is advisory from now on; the audit trail holds an alert."""
        told = {"model": committee.model, "reason": reason, **evidence}
        self._set_standing(committee, "demoted", reason, evidence, "rule: demotion", at, ("committee demoted", told))

    def reinstate_committee(self, committee: CommitteeKey, reason: str, person: str, at: datetime) -> None:
        """What its examination says counts again; its record begins anew here. ValueError when it is not demoted."""
        require_text("reason", reason)
        require_text("person", person)
        if committee not in self.demoted_committees():
            raise ValueError(f"`committee` must be demoted, was {committee.model} {committee.model_digest[:12]}")
        told = {"model": committee.model, "reason": reason, "changed_by": person}
        self._set_standing(committee, "reinstated", reason, {}, person, at, ("committee reinstated", told))

    def _set_standing(
        self,
        committee: CommitteeKey,
        standing: str,
        reason: str,
        evidence: Mapping[str, object],
        changed_by: str,
        at: datetime,
        alert: tuple[str, object],
    ) -> None:
        who = [committee.model, committee.model_digest, committee.template_hash]
        how = [standing, reason, Jsonb(plain(evidence)), changed_by, at]
        with self._recording() as cursor:
            cursor.execute(_SQL["insert_committee_standing"], [self.run_id, *who, *how])
            self._append(cursor, at, EventKind.ALERT, *alert)


def _evidence(row: tuple[Any, ...]) -> Evidence:
    model, digest, template, session, size_fraction, *rest = row
    shadow = Shadow(**dict(zip(Shadow.__dataclass_fields__, rest, strict=False)))
    entry, left, left_session, reason, fees = rest[len(Shadow.__dataclass_fields__) :]
    ending = Ending(entry=entry, exit=left, session=left_session, reason=reason, fees=fees)
    return Evidence(
        committee=CommitteeKey(model=model, model_digest=digest, template_hash=template),
        decision_id=shadow.decision_id,
        session=session,
        worth_bp=worth_bp(size_fraction, shadow, ending),
    )


def newest_run(pool: Pool, *, world: str, account_id: str | None = None) -> str | None:
    """Id of the run of `world` (and account) that began last, whatever became of it; None when there is none."""
    with pool.connection() as connection:
        row = connection.execute(_SQL["newest_run"], {"world": world, "account": account_id}).fetchone()
    return None if row is None else str(row[0])


def _hold_run(pool: Pool, run_id: str) -> "psycopg.Connection[tuple[Any, ...]]":
    """A connection of the run's own: the server drops its lock however this process ends."""
    with pool.connection() as connection:
        conninfo = make_conninfo(connection.info.dsn, password=connection.info.password)
    hold = psycopg.connect(conninfo, autocommit=True)
    hold.execute(_SQL["hold_run"], [run_id])
    return hold


def _mark_interrupted(cursor: Cursor, key_hash: str, at_wall: datetime) -> tuple[Interrupted, ...]:
    abandoned = []
    for run_id, reached in cursor.execute(_SQL["running_runs"], [key_hash]).fetchall():
        free = cursor.execute(_SQL["is_abandoned"], [run_id]).fetchone()
        if free is not None and free[0]:
            cursor.execute(_SQL["mark_interrupted"], [at_wall, run_id])
            audit.append(cursor, run_id, at_wall, EventKind.RUN_INTERRUPTED, run_id, {"reached": reached})
            abandoned.append(Interrupted(run_id=run_id, reached=reached))
    return tuple(abandoned)


def _initial_state(cursor: Cursor, account_id: str | None, world: str) -> tuple[TradingState, str]:
    row = cursor.execute(_SQL["inherited_state"], [account_id, world]).fetchone()
    if row is None or row[0] == TradingState.ACTIVE.value:
        return TradingState.ACTIVE, "run started"
    return TradingState(row[0]), f"as the account's last run left it: {row[1]}"


def _write_state(cursor: Cursor, run_id: str, state: TradingState, reason: str, changed_by: str, at: datetime) -> None:
    cursor.execute(_SQL["insert_trading_state"], [run_id, state.value, reason, changed_by, at])
    payload = {"reason": reason, "changed_by": changed_by}
    audit.append(cursor, run_id, at, EventKind.STATE_CHANGED, state.value, payload)


def _write_equity(
    cursor: Cursor,
    run_id: str,
    at: datetime,
    session: date,
    equity: Decimal,
    cash: Decimal,
    day_start: Decimal,
    holdings: Mapping[str, tuple[Decimal, Decimal]],
) -> Decimal:
    held = {
        ticker: {"quantity": plain(quantity), "price": plain(price)} for ticker, (quantity, price) in holdings.items()
    }
    point = {"run": run_id, "at": at, "session": session, "equity": equity, "cash": cash, "day_start": day_start}
    row = cursor.execute(_SQL["save_equity"], {**point, "positions": len(held), "holdings": Jsonb(held)}).fetchone()
    assert row is not None
    peak: Decimal = row[0]
    return peak
