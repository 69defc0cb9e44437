"""A journal's lines survive, a torn one is cut off, and none is kept in memory."""

import os
import tracemalloc
from itertools import islice
from pathlib import Path

import pytest

from tenthman.db.journal import open_journal
from tenthman.domain.errors import SetupError


def lines_in(path: Path) -> list[bytes]:
    with open_journal(path) as journal:
        return list(journal.lines())


def test_what_was_added_is_there_after_each_start(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "journal"
    with open_journal(path) as journal:
        assert list(journal.lines()) == []
        journal.append(b"one")
        journal.append(b"")
    with open_journal(path) as journal:
        journal.append(b"three")
        assert list(journal.lines()) == [b"one", b"", b"three"]
    assert path.read_bytes() == b"one\n\nthree\n"


@pytest.mark.parametrize("torn", [b"half", b"h" * 200_000])
@pytest.mark.parametrize("whole", [b"", b"one\n", b"one\n" + b"t" * 150_000 + b"\n"])
def test_what_follows_the_last_whole_line_is_cut_off(tmp_path: Path, whole: bytes, torn: bytes) -> None:
    path = tmp_path / "journal"
    path.write_bytes(whole + torn)
    assert lines_in(path) == whole.split(b"\n")[:-1]
    assert path.read_bytes() == whole


def test_the_last_line_can_be_dropped_until_none_is_left(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_bytes(b"one\n" + b"t" * 150_000 + b"\n")
    with open_journal(path) as journal:
        journal.drop_last()
        journal.append(b"two")
        assert list(journal.lines()) == [b"one", b"two"]
        for _ in range(3):
            journal.drop_last()
        assert list(journal.lines()) == []
    assert path.read_bytes() == b""


def test_a_file_that_was_cut_behind_the_journals_back_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_bytes(b"one\ntwo\n")
    with open_journal(path) as journal:
        os.truncate(path, 4)
        assert list(islice(journal.lines(), 9)) == [b"one"]


def test_a_line_with_a_line_end_is_refused(tmp_path: Path) -> None:
    with open_journal(tmp_path / "journal") as journal:
        with pytest.raises(ValueError, match="must not hold a line end"):
            journal.append(b"one\ntwo")
        assert list(journal.lines()) == []


def test_one_process_writes_a_journal_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with open_journal(path), pytest.raises(SetupError, match="another process"), open_journal(path):
        pass


def test_what_was_added_takes_no_memory(tmp_path: Path) -> None:
    with open_journal(tmp_path / "journal") as journal:
        line = b"x" * 100_000
        journal.append(line)
        tracemalloc.start()
        try:
            for _ in range(20):
                journal.append(line)
            assert sum(len(held) for held in journal.lines()) == 21 * len(line)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 10 * len(line)
