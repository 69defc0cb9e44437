"""`tenthman audit verify` holds the chain against the anchors in the home, or in a file that is named."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tenthman_command import CONFIG

from tenthman.cli.app import app
from tenthman.db.anchors import ANCHORS
from tenthman.db.audit import append, note
from tenthman.db.pool import Pool
from tenthman.domain.audit import EventKind
from tenthman.domain.errors import AuditBroken

NOON = datetime(2020, 1, 6, 12, tzinfo=UTC)
RUN = "00000000-0000-0000-0000-000000000001"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pool: Pool, fresh_database_url: str) -> Path:
    """A home beside a database with four events, and no anchors yet."""
    monkeypatch.setenv("TENTHMAN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TENTHMAN_CONFIG", str(CONFIG))
    monkeypatch.setenv("DATABASE_URL", fresh_database_url)
    (tmp_path / "home").mkdir()
    with pool.connection() as connection, connection.cursor() as cursor:
        for number in range(4):
            append(cursor, RUN, NOON, EventKind.ALERT, f"event {number}", None)
    return tmp_path / "home"


def cut(pool: Pool, kept: int) -> None:
    with pool.connection() as connection:
        connection.execute("ALTER TABLE audit_events DISABLE TRIGGER audit_events_append_only")
        connection.execute("DELETE FROM audit_events WHERE sequence > %s", [kept])


def verified(*arguments: str) -> None:
    app(["audit", "verify", *arguments], standalone_mode=False)


def test_a_home_without_anchors_is_told_and_no_error(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    verified()
    told = capsys.readouterr().out
    assert "the chain of 4 audit events is intact" in told
    assert f"{home / ANCHORS}: no such file: events cut off its end would not be missed" in told
    verified("--json")
    answer = json.loads(capsys.readouterr().out)
    assert (answer["events"], answer["intact"], answer["anchored_events"]) == (4, True, None)
    assert len(answer["head"]) == 64


def test_a_cut_end_is_missed_by_the_anchors_of_the_home_and_by_a_copy(
    home: Path, tmp_path: Path, pool: Pool, capsys: pytest.CaptureFixture[str]
) -> None:
    note(pool, home / ANCHORS, RUN, NOON)
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes((home / ANCHORS).read_bytes())
    verified()
    assert f"{home / ANCHORS}: held against anchors up to event 4, 2020-01-06 12:00" in capsys.readouterr().out
    cut(pool, 3)
    with pytest.raises(AuditBroken, match="audit event 4 was cut off the end"):
        verified()
    (home / ANCHORS).unlink()
    verified()
    with pytest.raises(AuditBroken, match="audit event 4 was cut off the end"):
        verified("--anchor", str(copy))


def test_lines_that_are_no_anchors_and_anchors_of_another_chain_are_told(
    home: Path, pool: Pool, capsys: pytest.CaptureFixture[str]
) -> None:
    note(pool, home / ANCHORS, RUN, NOON)
    other = (home / ANCHORS).read_text().replace('"chain": "', '"chain": "0')
    (home / ANCHORS).write_text("torn\n" + other)
    verified()
    told = capsys.readouterr().out
    assert "line 1 is no anchor (1 such lines)" in told
    assert "holds no anchor of this chain" in told
