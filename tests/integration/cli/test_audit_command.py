"""`tenthman audit verify` holds the chain against the anchors in the home, or in a file that is named."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tenthman_command import CONFIG

from tenthman.cli.app import app
from tenthman.config import Config, load_config
from tenthman.db.anchors import ANCHORS
from tenthman.db.audit import append, note
from tenthman.db.pool import Pool
from tenthman.domain.audit import EventKind
from tenthman.domain.errors import AuditBroken, ConfigError
from tenthman.scheduler.doctor import examine
from tenthman.scheduler.live.anchoring import missing_from_chain, warn_of_misfit
from tenthman.scheduler.state.ledger import Ledger

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


def wipe(pool: Pool) -> None:
    cut(pool, 0)


def of_another_store(path: Path) -> None:
    """The anchors in `path` as those of another database and chain."""
    lines = [{**json.loads(line), "chain": "0" * 64, "store": "1/other"} for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_a_chain_that_was_wiped_or_written_anew_is_told_by_its_anchors(home: Path, pool: Pool) -> None:
    note(pool, home / ANCHORS, RUN, NOON)
    wipe(pool)
    with pytest.raises(AuditBroken, match=f"noted at 2020-01-06 12:00 of run {RUN}, with 4 events: it was wiped$"):
        verified()
    with pool.connection() as connection, connection.cursor() as cursor:
        for number in range(6):
            append(cursor, RUN, NOON, EventKind.ALERT, f"another story {number}", None)
    with pytest.raises(AuditBroken, match=r"with 4 events: it was wiped and written anew$"):
        verified()
    note(pool, home / ANCHORS, RUN, NOON)
    with pytest.raises(AuditBroken, match=r"it was wiped and written anew$"):
        verified("--json")
    config = load_config(None, os.environ)
    assert "wiped and written anew" in str(missing_from_chain(config, pool))
    chain = next(item for item in examine(config) if item.part == "audit chain")
    assert (chain.well, "wiped" in chain.found, "runbook" in chain.mend) == (False, True, True)


def test_a_database_restored_from_an_older_backup_is_told_as_that(home: Path, pool: Pool) -> None:
    note(pool, home / ANCHORS, RUN, NOON)
    config = load_config(None, os.environ)
    assert missing_from_chain(config, pool) is None
    cut(pool, 2)
    for told in (verified, lambda: raise_misfit(config, pool)):
        with pytest.raises(AuditBroken, match=r"events 3 to 4 were cut off the end: .* restored from an older backup"):
            told()
    with pool.connection() as connection, connection.cursor() as cursor:
        for number in range(3):
            append(cursor, RUN, NOON, EventKind.ALERT, f"since {number}", None)
    with pytest.raises(AuditBroken, match="audit event 4 is not the one that was noted"):
        raise_misfit(config, pool)


def raise_misfit(config: Config, pool: Pool) -> None:
    found = missing_from_chain(config, pool)
    assert found is not None
    raise AuditBroken(found)


def test_anchors_of_another_database_are_told_and_no_proof_where_they_are_asked_for(
    home: Path, pool: Pool, capsys: pytest.CaptureFixture[str]
) -> None:
    note(pool, home / ANCHORS, RUN, NOON)
    of_another_store(home / ANCHORS)
    verified()
    assert "holds no anchor of this chain, 1 of other databases: events cut off" in capsys.readouterr().out
    assert missing_from_chain(load_config(None, os.environ), pool) is None
    with pytest.raises(AuditBroken, match="none of its 1 anchors is of the chain of 4 events in this database"):
        verified("--anchor", str(home / ANCHORS))


@pytest.mark.parametrize("content", ["", "no anchor\n"])
def test_a_file_without_anchors_is_no_proof_where_it_is_asked_for(tmp_path: Path, content: str) -> None:
    copy = tmp_path / "copy.jsonl"
    copy.write_text(content)
    with pytest.raises(ConfigError, match=r"`--anchor` must be a file of anchors, .*copy.jsonl holds none"):
        verified("--anchor", str(copy))


def test_anchors_that_do_not_name_their_database_still_hold_their_chain(home: Path, pool: Pool) -> None:
    note(pool, home / ANCHORS, RUN, NOON)
    told = json.loads((home / ANCHORS).read_text())
    del told["store"]
    (home / ANCHORS).write_text(json.dumps(told) + "\n")
    verified()
    cut(pool, 2)
    with pytest.raises(AuditBroken, match="events 3 to 4 were cut off the end"):
        verified()
    assert "events 3 to 4" in str(missing_from_chain(load_config(None, os.environ), pool))


def test_lines_that_are_no_anchors_are_told(home: Path, pool: Pool, capsys: pytest.CaptureFixture[str]) -> None:
    note(pool, home / ANCHORS, RUN, NOON)
    (home / ANCHORS).write_text("torn\n" + (home / ANCHORS).read_text())
    verified()
    told = capsys.readouterr().out
    assert "line 1 is no anchor (1 such lines)" in told
    assert "held against anchors up to event 4" in told


def test_a_desk_that_starts_on_another_chain_puts_it_on_record_and_says_it(home: Path, pool: Pool) -> None:
    config, said, ledger = load_config(None, os.environ), list[str](), Ledger.attach(pool, RUN)
    warn_of_misfit(config, pool, ledger, NOON, said.append)
    note(pool, home / ANCHORS, RUN, NOON)
    warn_of_misfit(config, pool, ledger, NOON, said.append)
    assert said == []
    cut(pool, 2)
    warn_of_misfit(config, pool, ledger, NOON, said.append)
    assert len(said) == 1
    assert "events 3 to 4 were cut off the end" in said[0]
    with pool.connection() as connection:
        row = connection.execute("SELECT kind, subject FROM audit_events ORDER BY sequence DESC LIMIT 1").fetchone()
    assert row == ("alert", "chain does not fit its anchors")
