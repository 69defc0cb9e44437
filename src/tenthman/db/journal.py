"""Lines in a file that survive whatever happens next: each is on disk before the next, a torn one is cut off."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tenthman.domain.errors import SetupError

_BLOCK = 65_536


class Journal:
    """The whole lines of a file, and the way to add more; none of them is kept in memory. Made by `open_journal`."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._end = self._line_end_before(os.fstat(descriptor).st_size)
        self._cut()

    def lines(self) -> Iterator[bytes]:
        """The lines as they are now, without their ends, oldest first, read as they are asked for."""
        left = self._end
        with os.fdopen(os.dup(self._descriptor), "rb") as file:
            file.seek(0)
            while left > 0 and (line := file.readline()):
                left -= len(line)
                yield line[:-1]

    def append(self, line: bytes) -> None:
        """Write `line`, which must not hold a line end (ValueError); it is on disk when this returns."""
        if b"\n" in line:
            raise ValueError("`line` must not hold a line end")
        unwritten, at = memoryview(line + b"\n"), self._end
        while unwritten:
            written = os.pwrite(self._descriptor, unwritten, at)
            unwritten, at = unwritten[written:], at + written
        os.fsync(self._descriptor)
        self._end = at

    def drop_last(self) -> None:
        """Forget the last line; nothing where there is none."""
        self._end = self._line_end_before(self._end - 1)
        self._cut()

    def _line_end_before(self, position: int) -> int:
        """Where the last line that ends at or before `position` ends; 0 where none does."""
        while position > 0:
            begin = max(0, position - _BLOCK)
            found = os.pread(self._descriptor, position - begin, begin).rfind(b"\n")
            if found >= 0:
                return begin + found + 1
            position = begin
        return 0

    def _cut(self) -> None:
        os.ftruncate(self._descriptor, self._end)


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
        yield Journal(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
