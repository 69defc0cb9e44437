"""The audit chain: append-only, and every kind of tampering is found and named."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from tenthman.db.anchors import Anchor, read_anchors
from tenthman.db.audit import append, note, verify, verify_anchored
from tenthman.db.pool import Pool
from tenthman.domain.audit import EventKind
from tenthman.domain.errors import AuditBroken

RUN = "00000000-0000-0000-0000-000000000001"
NOON = datetime(2020, 1, 6, 12, 0, 0, 123456, tzinfo=UTC)


def record(pool: Pool, count: int) -> None:
    with pool.connection() as connection, connection.cursor() as cursor:
        for number in range(count):
            payload = {"number": number, "price": Decimal("10.10"), "text": "Zürich “quoted”"}
            append(cursor, RUN, NOON + timedelta(seconds=number), EventKind.DECISION, f"d-{number}", payload)


def tamper(pool: Pool, *statements: str) -> None:
    with pool.connection() as connection:
        connection.execute("ALTER TABLE audit_events DISABLE TRIGGER audit_events_append_only")
        for statement in statements:
            connection.execute(statement.encode())
        connection.execute("ALTER TABLE audit_events ENABLE TRIGGER audit_events_append_only")


def test_an_untouched_chain_verifies(pool: Pool) -> None:
    assert verify(pool) == 0
    record(pool, 5)
    record(pool, 3)
    assert verify(pool) == 8


def test_the_time_of_an_event_is_kept_in_utc_whatever_zone_it_came_in(pool: Pool) -> None:
    new_york = NOON.astimezone(timezone(timedelta(hours=-5)))
    with pool.connection() as connection, connection.cursor() as cursor:
        event = append(cursor, RUN, new_york, EventKind.ALERT, "clock", None)
    assert event.at.utcoffset() == timedelta(0)
    assert event.at == NOON
    assert verify(pool) == 1


def test_an_event_of_a_transaction_that_fails_is_not_there(pool: Pool) -> None:
    record(pool, 1)
    with pool.connection() as connection, connection.cursor() as cursor:
        append(cursor, RUN, NOON, EventKind.ALERT, "never", None)
        connection.rollback()
    record(pool, 1)
    assert verify(pool) == 2


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_events SET payload = '{}'", "DELETE FROM audit_events", "TRUNCATE audit_events"],
)
def test_the_table_refuses_everything_but_new_events(pool: Pool, statement: str) -> None:
    record(pool, 2)
    with (
        pytest.raises(psycopg.errors.RaiseException, match="append-only"),
        pool.connection() as connection,
    ):
        connection.execute(statement.encode())
    assert verify(pool) == 2


@pytest.mark.parametrize(
    "change",
    [
        "payload = replace(payload, '10.10', '10.11')",
        "subject = 'somebody-else'",
        "at = at + interval '1 microsecond'",
        "kind = 'fill'",
        "kind = 'no-such-kind'",
        "run_id = '00000000-0000-0000-0000-000000000002'",
    ],
)
def test_a_changed_event_is_named(pool: Pool, change: str) -> None:
    record(pool, 6)
    tamper(pool, f"UPDATE audit_events SET {change} WHERE sequence = 4")
    with pytest.raises(AuditBroken, match=r"audit event 4 .*was changed"):
        verify(pool)


@pytest.mark.parametrize("removed", [1, 3, 5])
def test_a_removed_event_is_named(pool: Pool, removed: int) -> None:
    record(pool, 6)
    tamper(pool, f"DELETE FROM audit_events WHERE sequence = {removed}")
    with pytest.raises(AuditBroken, match=f"audit event {removed} is missing"):
        verify(pool)


def test_a_removed_event_is_found_when_the_rest_is_renumbered(pool: Pool) -> None:
    record(pool, 6)
    tamper(
        pool,
        "DELETE FROM audit_events WHERE sequence = 3",
        "UPDATE audit_events SET sequence = 1000 + sequence - 1 WHERE sequence > 3",
        "UPDATE audit_events SET sequence = sequence - 1000 WHERE sequence > 1000",
    )
    with pytest.raises(AuditBroken, match="audit event 3 does not link"):
        verify(pool)


def test_an_inserted_event_is_named(pool: Pool) -> None:
    record(pool, 6)
    tamper(
        pool,
        "UPDATE audit_events SET sequence = 1000 + sequence + 1 WHERE sequence >= 3",
        "UPDATE audit_events SET sequence = sequence - 1000 WHERE sequence > 1000",
        "INSERT INTO audit_events SELECT 3, run_id, at, kind, 'forged', payload, hash, repeat('a', 64) "
        "FROM audit_events WHERE sequence = 2",
    )
    with pytest.raises(AuditBroken, match=r"audit event 3 \(decision, forged\) was changed"):
        verify(pool)


def test_two_events_that_changed_places_are_found(pool: Pool) -> None:
    record(pool, 6)
    tamper(
        pool,
        "UPDATE audit_events SET sequence = 1003 WHERE sequence = 3",
        "UPDATE audit_events SET sequence = 3 WHERE sequence = 4",
        "UPDATE audit_events SET sequence = 4 WHERE sequence = 1003",
    )
    with pytest.raises(AuditBroken, match="audit event 3 does not link"):
        verify(pool)


def test_writers_at_the_same_time_make_one_chain(pool: Pool) -> None:
    def write() -> None:
        for _ in range(10):
            record(pool, 2)

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert verify(pool) == 80


def cut(pool: Pool, kept: int) -> None:
    tamper(pool, f"DELETE FROM audit_events WHERE sequence > {kept}")


def noted(pool: Pool, path: Path) -> tuple[Anchor, ...]:
    note(pool, path, RUN, NOON)
    found = read_anchors(path)
    assert found is not None
    assert found.unreadable == ()
    return found.held


def test_a_chain_that_grew_fits_every_note_of_it(pool: Pool, tmp_path: Path) -> None:
    path = tmp_path / "new" / "anchors.jsonl"
    note(pool, path, RUN, NOON)
    assert read_anchors(path) is None, "there is nothing to note yet"
    for count in (1, 2, 4):
        record(pool, count)
        note(pool, path, RUN, NOON)
    held = noted(pool, path)
    assert [item.events for item in held] == [1, 3, 7, 7]
    record(pool, 2)
    found = verify_anchored(pool, held)
    assert (found.events, found.anchor) == (9, held[-1])


def test_a_tail_that_was_cut_off_is_missed(pool: Pool, tmp_path: Path) -> None:
    record(pool, 8)
    held = noted(pool, tmp_path / "anchors.jsonl")
    cut(pool, 5)
    assert verify(pool) == 5, "what is left verifies by itself"
    told = f"events 6 to 8 were cut off the end: at 2020-01-06 12:00 of run {RUN} the chain was noted to have 8"
    with pytest.raises(AuditBroken, match=told):
        verify_anchored(pool, held)


def test_a_tail_that_was_cut_off_is_missed_after_the_chain_has_grown_past_it(pool: Pool, tmp_path: Path) -> None:
    record(pool, 8)
    held = noted(pool, tmp_path / "anchors.jsonl")
    cut(pool, 5)
    with pool.connection() as connection, connection.cursor() as cursor:
        for _ in range(6):
            append(cursor, RUN, NOON, EventKind.ALERT, "another history", None)
    with pytest.raises(AuditBroken, match="event 8 is not the one that was noted"):
        verify_anchored(pool, held)


def test_notes_of_another_database_say_nothing_of_this_one(pool: Pool, tmp_path: Path) -> None:
    record(pool, 8)
    held = [replace(item, store="1/another") for item in noted(pool, tmp_path / "anchors.jsonl")]
    cut(pool, 0)
    with pool.connection() as connection, connection.cursor() as cursor:
        append(cursor, RUN, NOON, EventKind.ALERT, "a new database", None)
    assert verify_anchored(pool, held).anchor is None


def test_a_torn_line_is_told_and_the_next_one_is_whole(pool: Pool, tmp_path: Path) -> None:
    path = tmp_path / "anchors.jsonl"
    record(pool, 1)
    (first,) = noted(pool, path)
    with path.open("ab") as file:
        file.write(path.read_bytes()[:40])
    record(pool, 1)
    note(pool, path, RUN, NOON)
    found = read_anchors(path)
    assert found is not None
    assert found.unreadable == (2,)
    assert [item.events for item in found.held] == [first.events, 2]


NO_ANCHORS = ["[]", "{}", "null", '{"chain": 1}', "\ud800", '{"events": "many"}', "\x00"]
NO_ANCHORS += ['{"chain": "a", "events": 1e999, "hash": "b", "run_id": "c", "at": "2026-11-23T12:00:00+00:00"}']


@pytest.mark.parametrize("line", NO_ANCHORS)
def test_a_line_that_is_no_anchor_is_told(tmp_path: Path, line: str) -> None:
    path = tmp_path / "anchors.jsonl"
    path.write_bytes(line.encode("utf-8", "surrogatepass") + b"\n")
    found = read_anchors(path)
    assert found is not None
    assert (found.held, found.unreadable) == ((), (1,))
