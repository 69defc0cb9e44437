"""Lines in a file that survive whatever happens next: each is on disk before the next, a torn one is cut off."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedRandom
from pathlib import Path

from tenthman.domain.errors import SetupError


class Journal:
    """The whole lines of a file, without their ends, and the way to add more. Made by `open_journal`."""

    def __init__(self, file: BufferedRandom) -> None:
        self._file = file
        whole, end, _ = file.read().rpartition(b"\n")
        self.lines: list[bytes] = whole.split(b"\n") if end else []
        self._cut()

    def append(self, line: bytes) -> None:
        """Write `line`, which must not hold a line end (ValueError); it is on disk when this returns."""
        if b"\n" in line:
            raise ValueError("`line` must not hold a line end")
        self._file.write(line + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.lines.append(line)

    def drop_last(self) -> None:
        """Forget the last line."""
        self.lines.pop()
        self._cut()

    def _cut(self) -> None:
        self._file.seek(sum(len(line) + 1 for line in self.lines))
        self._file.truncate()


@contextmanager
def open_journal(path: Path) -> Iterator[Journal]:
    """The journal in `path`, made if it is not there, for this process alone; what follows its last whole line is cut.

    Raises SetupError when the file cannot be written or another process is writing it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise SetupError(f"{path}: nothing can be written there: {error.strerror}") from None
    with os.fdopen(descriptor, "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SetupError(
                f"{path}: another process is writing there (a sweep, a control or an exchange); name another file"
            ) from None
        _sync_folder(path.parent)
        yield Journal(file)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
