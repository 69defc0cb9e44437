"""The audit chain: every event links to the one before it by a hash, and the table only grows."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from tenthman.db.anchors import Anchor, write_anchor
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A chain that is whole: its `events`, the hash of the last one (None without any), and who had noted it before.

    `anchor`: the furthest note that the chain was held against; None when nobody noted this chain.
    """

    events: int
    head: str | None
    anchor: Anchor | None


def note(pool: Pool, path: Path, run_id: str, at: datetime) -> None:
    """Write down in `path`, outside the database, where the chain has got to. Raises OSError."""
    with pool.connection() as connection:
        ends, store = connection.execute(_SQL["ends"]).fetchone(), _store(connection)
    if ends is not None and ends[0] is not None:
        chain, events, last = ends
        write_anchor(path, Anchor(chain=chain, events=events, hash=last, run_id=run_id, at=at, store=store))


def verify(pool: Pool) -> int:
    """Recompute the whole chain, page by page, and return how many events it has.

    Raises AuditBroken naming the first sequence at which the stored chain is not what was written. Events cut off
    from the end leave a shorter chain that verifies: `verify_anchored` finds them.
    """
    return verify_anchored(pool, ()).events


def verify_anchored(pool: Pool, anchors: Sequence[Anchor]) -> Verified:
    """Recompute the whole chain and hold it against what was noted of it; notes of other databases say nothing.

    Raises AuditBroken as `verify` does, when the chain is shorter than, or another than, a note says, and when another
    chain was noted to be in this very database.
    """
    with pool.connection() as connection, connection.cursor(name="audit_chain") as cursor:
        store = _store(connection)
        cursor.itersize = _PAGE
        cursor.execute(_SQL["chain"])
        found = _held_against(_verified_links(cursor), anchors)
        ends = connection.execute(_SQL["ends"]).fetchone()
    replaced = _replaced(None if ends is None else ends[0], store, anchors)
    if replaced is not None:
        raise AuditBroken(replaced)
    return found


def misfit(pool: Pool, anchors: Sequence[Anchor]) -> str | None:
    """What of `anchors` the chain does not hold, at a glance: single links are looked up, no hash is computed."""
    with pool.connection() as connection:
        ends, store = connection.execute(_SQL["ends"]).fetchone(), _store(connection)
        chain = None if ends is None else ends[0]
        mine = [item for item in anchors if item.chain == chain]
        furthest = max(mine, key=lambda item: item.events, default=None)
        link = None if furthest is None else connection.execute(_SQL["link"], [furthest.events]).fetchone()
    if furthest is None or (link is not None and link[0] == furthest.hash):
        return _replaced(chain, store, anchors)
    return _cut(furthest, ends[1]) if link is None and ends is not None else _rewritten(furthest)


def _store(connection: psycopg.Connection[tuple[Any, ...]]) -> str:
    """A name of this database that outlives all that is in it."""
    row = connection.execute(_SQL["store"]).fetchone()
    assert row is not None
    return str(row[0])


def _replaced(chain: str | None, store: str, anchors: Sequence[Anchor]) -> str | None:
    """That `store` held another chain than the one that begins with `chain` (None: it has no event)."""
    others = [item for item in anchors if item.store == store and item.chain != chain]
    if not others:
        return None
    furthest = max(others, key=lambda item: item.events)
    return (
        f"the audit chain of this database is not the one that was noted {_when(furthest)}, with {furthest.events} "
        f"events: it was wiped{'' if chain is None else ' and written anew'}"
    )


def _cut(anchor: Anchor, events: int) -> str:
    lost = anchor.events - events
    which = f"event {anchor.events} was" if lost == 1 else f"events {events + 1} to {anchor.events} were"
    return (
        f"audit {which} cut off the end: {_when(anchor)} the chain was noted to have {anchor.events}; a database "
        "restored from an older backup looks the same"
    )


def _rewritten(anchor: Anchor) -> str:
    return (
        f"audit event {anchor.events} is not the one that was noted {_when(anchor)}: the chain was cut before "
        "it and written on"
    )


def _held_against(links: Iterator[tuple[int, str]], anchors: Sequence[Anchor]) -> Verified:
    events, head, furthest = 0, None, None
    due: deque[Anchor] = deque()
    for events, head in links:
        if events == 1:
            due.extend(sorted((item for item in anchors if item.chain == head), key=lambda item: item.events))
        while due and due[0].events == events:
            furthest = due.popleft()
            if furthest.hash != head:
                raise AuditBroken(_rewritten(furthest))
    if due:
        raise AuditBroken(_cut(due[-1], events))
    return Verified(events=events, head=head, anchor=furthest)


def _when(anchor: Anchor) -> str:
    return f"at {anchor.at:%Y-%m-%d %H:%M} of run {anchor.run_id}"


def _verified_links(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[int, str]]:
    """Sequence and hash of each event, once it has been proved."""
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
        yield sequence, stored
