"""What every part of a run's record is built on: one transaction a change, closed with its audit event."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, LiteralString

import psycopg

from tenthman.db import audit
from tenthman.db.pool import Pool
from tenthman.db.sql import load_queries
from tenthman.domain.audit import EventKind

_SQL = load_queries("tenthman.scheduler.state", "run.sql")

Cursor = psycopg.Cursor[tuple[Any, ...]]


class RunRecord:
    """The record of one run, without its tables. Methods raise psycopg errors when the database is lost."""

    def __init__(self, pool: Pool, run_id: str) -> None:
        self._pool = pool
        self.run_id = run_id

    @contextmanager
    def _recording(self) -> Iterator[Cursor]:
        with self._pool.connection() as connection, connection.cursor() as cursor:
            yield cursor

    def _append(self, cursor: Cursor, at: datetime, kind: EventKind, subject: str, payload: object) -> None:
        audit.append(cursor, self.run_id, at, kind, subject, payload)

    def _row(self, query: LiteralString, *values: object) -> tuple[Any, ...] | None:
        with self._recording() as cursor:
            return cursor.execute(query, [self.run_id, *values]).fetchone()

    def _rows(self, query: LiteralString, *values: object) -> list[tuple[Any, ...]]:
        with self._recording() as cursor:
            return cursor.execute(query, [self.run_id, *values]).fetchall()

    def event(self, kind: EventKind, subject: str, payload: object, at: datetime) -> None:
        """Record that something happened which has no table of its own."""
        with self._recording() as cursor:
            self._append(cursor, at, kind, subject, payload)

    def reached(self, at: datetime) -> None:
        """Note the market time of the last finished step (no event: the cycle's own events tell the story)."""
        with self._recording() as cursor:
            cursor.execute(_SQL["reached"], [at, self.run_id])
