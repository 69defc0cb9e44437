"""The record of one run, from its start to its end, held against a second desk."""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Self

from psycopg.types.json import Jsonb

from tenthman.db import audit
from tenthman.db.pool import Pool
from tenthman.db.sql import load_queries
from tenthman.domain.audit import EventKind, RunKey
from tenthman.domain.canonical import plain
from tenthman.domain.errors import SetupError
from tenthman.domain.market import Period
from tenthman.scheduler.state.committees import CommitteeRecord
from tenthman.scheduler.state.equity import EquityRecord, write_equity
from tenthman.scheduler.state.hold import Hold, hold_run
from tenthman.scheduler.state.latch import LatchRecord, initial_state, write_state
from tenthman.scheduler.state.orders import OrderRecord
from tenthman.scheduler.state.run import Cursor
from tenthman.scheduler.state.shares import ShareRecord

_SQL = load_queries("tenthman.scheduler.state", "ledger.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupted:
    """An earlier run of the same key that ended without saying so; `reached` is market time, None: nothing."""

    run_id: str
    reached: datetime | None


class Ledger(OrderRecord, ShareRecord, EquityRecord, LatchRecord, CommitteeRecord):
    """One run's record. `start` begins a run and holds it; `attach` joins one that exists, for a person's command.

    Used as a context manager, or closed, it lets the run go: a run that is let go while still `running` counts as
    interrupted when the next one of its key starts. Methods raise SetupError when a held run was
    lost (`Hold`), and psycopg errors when the database is lost otherwise.
    """

    def __init__(
        self,
        pool: Pool,
        run_id: str,
        hold: Hold | None,
        interrupted: tuple[Interrupted, ...] = (),
    ) -> None:
        super().__init__(pool, run_id)
        self._hold = hold
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
        ACTIVE. The starting cash is the first point of the equity curve. Raises SetupError when another desk holds a
        run of that account.
        """
        run_id = str(uuid.uuid4())
        hold = hold_run(pool, run_id)
        try:
            with pool.connection() as connection, connection.cursor() as cursor:
                if account_id is not None:
                    _require_no_other_desk(cursor, account_id)
                cursor.execute(_SQL["lock_key"], [key.hash])
                interrupted = _mark_interrupted(cursor, key.hash, at_wall)
                row = [run_id, key.hash, market_id, world, account_id, period.first, period.last]
                cursor.execute(_SQL["insert_run"], [*row, key.config_hash, key.model_version, at_wall])
                started = {"world": world, "market": market_id, "period": period, "key": key, "cash": starting_cash}
                audit.append(cursor, run_id, at_wall, EventKind.RUN_STARTED, run_id, started)
                state, reason = initial_state(cursor, account_id, world)
                write_state(cursor, run_id, state, reason, "start", at_market)
                write_equity(
                    cursor, run_id, at_market, period.first, starting_cash, starting_cash, starting_cash, holdings={}
                )
        except BaseException:
            hold.close()
            raise
        return cls(pool, run_id, hold, interrupted)

    @classmethod
    def join(cls, pool: Pool, run_id: str) -> Self:
        """Go on with a run that was let go: it is held again, and counts as running. Waits while another holds it."""
        hold = hold_run(pool, run_id)
        try:
            with pool.connection() as connection:
                connection.execute(_SQL["resume_run"], [run_id])
        except BaseException:
            hold.close()
            raise
        return cls(pool, run_id, hold)

    @classmethod
    def attach(cls, pool: Pool, run_id: str) -> Self:
        """The record of a run that exists, without holding it."""
        return cls(pool, run_id, None)

    @contextmanager
    def _recording(self) -> Iterator[Cursor]:
        with super()._recording() if self._hold is None else self._hold.recording() as cursor:
            yield cursor

    def anchor(self, path: Path, at: datetime) -> None:
        """Note in `path`, outside the database, where the audit chain has got to; that it could not is an alert."""
        try:
            audit.note(self._pool, path, self.run_id, at)
        except OSError as error:
            self.event(EventKind.ALERT, "chain not anchored", {"file": path.name, "cause": error.strerror}, at)

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

    def finish(self, at_wall: datetime, summary: Mapping[str, object]) -> None:
        """The run ended as planned; it is let go. One that ends otherwise counts as interrupted."""
        told = {"status": "finished", **summary}
        with self._recording() as cursor:
            cursor.execute(_SQL["finish_run"], [at_wall, Jsonb(plain(told)), self.run_id])
            if cursor.rowcount != 1:
                raise ValueError(f"run {self.run_id} must be running to be finished")
            self._append(cursor, at_wall, EventKind.RUN_FINISHED, self.run_id, told)
        self.close()


def newest_run(pool: Pool, *, world: str, account_id: str | None = None) -> str | None:
    """Id of the run of `world` (and account) that began last, whatever became of it; None when there is none."""
    with pool.connection() as connection:
        row = connection.execute(_SQL["newest_run"], {"world": world, "account": account_id}).fetchone()
    return None if row is None else str(row[0])


def _require_no_other_desk(cursor: Cursor, account_id: str) -> None:
    """Two desks that find no run of an account at one moment would each begin one: the second is sent away."""
    cursor.execute(_SQL["lock_account"], [account_id])
    for (run_id,) in cursor.execute(_SQL["runs_of_account"], [account_id]).fetchall():
        if not _is_let_go(cursor, run_id):
            raise SetupError(f"another desk trades account {account_id} already, in run {run_id}: stop it first")


def _is_let_go(cursor: Cursor, run_id: str) -> bool:
    free = cursor.execute(_SQL["is_abandoned"], [run_id]).fetchone()
    return free is not None and bool(free[0])


def _mark_interrupted(cursor: Cursor, key_hash: str, at_wall: datetime) -> tuple[Interrupted, ...]:
    abandoned = []
    for run_id, reached in cursor.execute(_SQL["running_runs"], [key_hash]).fetchall():
        if _is_let_go(cursor, run_id):
            cursor.execute(_SQL["mark_interrupted"], [at_wall, run_id])
            audit.append(cursor, run_id, at_wall, EventKind.RUN_INTERRUPTED, run_id, {"reached": reached})
            abandoned.append(Interrupted(run_id=run_id, reached=reached))
    return tuple(abandoned)
