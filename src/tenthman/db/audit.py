"""The audit chain: every event links to the one before it by a hash, and the table only grows."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import psycopg

from tenthman.db.pool import Pool
from tenthman.db.sql import load_queries
from tenthman.domain.audit import GENESIS_HASH, AuditEvent, EventKind, chain_hash
from tenthman.domain.canonical import canonical_json
from tenthman.domain.checks import require_aware, require_text
from tenthman.domain.errors import AuditBroken

_SQL = load_queries("tenthman.db", "audit.sql")
_PAGE = 2000


def append(
    cursor: psycopg.Cursor[tuple[Any, ...]], run_id: str, at: datetime, kind: EventKind, subject: str, payload: object
) -> AuditEvent:
    """Add one event in the caller's transaction: it is recorded together with what it records, or not at all.

    Writers take turns: from here to the end of the transaction no other process appends. `at` is stored in UTC.
    """
    require_aware("at", at)
    require_text("subject", subject)
    cursor.execute(_SQL["serialise"])
    cursor.execute(_SQL["last_link"])
    last = cursor.fetchone()
    sequence, previous = (1, GENESIS_HASH) if last is None else (int(last[0]) + 1, str(last[1]))
    instant = at.astimezone(UTC)
    body = canonical_json(payload)
    event = AuditEvent(
        sequence=sequence,
        run_id=run_id,
        at=instant,
        kind=kind,
        subject=subject,
        payload_json=body,
        previous_hash=previous,
        hash=chain_hash(previous, sequence, run_id, instant, kind, subject, body),
    )
    values = [sequence, run_id, instant, kind.value, subject, body, previous, event.hash]
    cursor.execute(_SQL["append"], values)
    return event


def verify(pool: Pool) -> int:
    """Recompute the whole chain, page by page, and return how many events it has.

    Raises AuditBroken naming the first sequence at which the stored chain is not what was written. Events cut off
    from the end leave a shorter chain that verifies: compare the count with one noted elsewhere.
    """
    with pool.connection() as connection, connection.cursor(name="audit_chain") as cursor:
        cursor.itersize = _PAGE
        cursor.execute(_SQL["chain"])
        return _verify_rows(cursor)


def _verify_rows(rows: Iterable[tuple[Any, ...]]) -> int:
    expected, previous = 1, GENESIS_HASH
    for sequence, run_id, at, kind, subject, payload, previous_hash, stored in rows:
        if sequence != expected:
            raise AuditBroken(f"audit event {expected} is missing: the next one stored is {sequence}")
        if previous_hash != previous:
            raise AuditBroken(f"audit event {sequence} does not link to the one before it: it was replaced or moved")
        try:
            known = EventKind(kind)
        except ValueError:
            raise AuditBroken(f"audit event {sequence} was changed: its kind {kind!r} does not exist") from None
        if chain_hash(previous, sequence, run_id, at.astimezone(UTC), known, subject, payload) != stored:
            raise AuditBroken(f"audit event {sequence} ({kind}, {subject}) was changed after it was written")
        expected, previous = sequence + 1, stored
    return expected - 1
