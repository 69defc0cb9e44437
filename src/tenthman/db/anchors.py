"""Where the audit chain had got to, noted outside the database: a chain that was cut or written anew does not fit it.

A file of lines, each with the chain's first hash (its name), how many events it had, the last one's hash, the run and
market time that it was noted by, and the database that held it. It only grows, and each line is on disk before the desk
goes on.
"""

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from tenthman.domain.checks import require_aware

ANCHORS = "audit-anchors.jsonl"

UNNAMED = ""
"""The database of anchors that were noted before they named one: they are held against their own chain alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """The chain `chain` (the hash of its first event) had `events` events, the last of which had `hash`.

    `store` names the database that held it: a chain with another first event in there took its place.
    """

    chain: str
    events: int
    hash: str
    run_id: str
    at: datetime
    store: str

    def __post_init__(self) -> None:
        require_aware("at", self.at)
        if self.events < 1:
            raise ValueError(f"`events` must be at least 1, was {self.events}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchors:
    """What a file holds, in its order; `unreadable`: numbers of lines that are no anchors, one torn by a crash, say."""

    path: Path
    held: tuple[Anchor, ...]
    unreadable: tuple[int, ...]


def write_anchor(path: Path, anchor: Anchor) -> None:
    """Add a line, which is on disk when this returns. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps({**asdict(anchor), "at": anchor.at.isoformat()}).encode() + b"\n"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        size = os.fstat(descriptor).st_size
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        os.write(descriptor, b"\n" + line if torn else line)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_anchors(path: Path) -> Anchors | None:
    """What `path` holds; None where there is no such file. Raises OSError when it cannot be read."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return None
    found = [_anchor(line) for line in lines]
    return Anchors(
        path=path,
        held=tuple(anchor for anchor in found if anchor is not None),
        unreadable=tuple(number for number, anchor in enumerate(found, start=1) if anchor is None),
    )


def _anchor(line: bytes) -> Anchor | None:
    try:
        told = json.loads(line)
        return Anchor(
            chain=str(told["chain"]),
            events=int(told["events"]),
            hash=str(told["hash"]),
            run_id=str(told["run_id"]),
            at=datetime.fromisoformat(told["at"]),
            store=str(told.get("store", UNNAMED)),
        )
    except (ValueError, KeyError, TypeError, OverflowError):
        return None
