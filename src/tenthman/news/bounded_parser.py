"""Parsing within bounds of time and memory: a small feed here, a large one in a process that can be ended.

The library looks for an author's address in time with the square of the text's length (80 kB: 50 s), and nothing
promises that nothing is slower. What is small can do little harm; what is large is read by a child, which knows no keys
of the desk, may use two gigabytes, and is killed when a feed's time is up. To start it takes longer than to read most
feeds, so it stays for those that follow.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from typing import Any, Self
from zoneinfo import ZoneInfo

from tenthman.domain.errors import DataCorrupt, DataMissing
from tenthman.domain.news import NewsItem, TimePrecision
from tenthman.news.parser import parse_feed
from tenthman.news.text import clean
from tenthman.utils.bounded_calls import NotDone, within

SMALL = 10_000
"""Bytes that are read in this process: under half a second, whatever they are."""

PATIENCE_S = 10.0
MEMORY = 2 * 1024**3
"""Bytes of address space; macOS takes note of this bound and does not keep it."""

LAST_WORDS = 2_000
ENDING_S = 1.0
"""What a child that says nothing more is given to be gone, so that it can be told how it ended."""

CHILD = "tenthman.news.bounded_parser"

# What an interpreter needs to find itself and its packages; keys and passwords stand in others.
PASSED_ON = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ")


class BoundedParser:
    """Parses feeds, one at a time. Close it, or use it as a context manager."""

    def __init__(self, *, seconds: float = PATIENCE_S, small: int = SMALL) -> None:
        """What has more than `small` bytes is read by a child, in at most `seconds`."""
        self._seconds = seconds
        self._small = small
        self._child: _Child | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the child. A large feed after that has another."""
        child, self._child = self._child, None
        if child is not None:
            child.end()

    def parse(self, body: bytes, *, source: str, seen_at: datetime, zone: str = "UTC") -> tuple[NewsItem, ...]:
        """As `parse_feed`, `zone` being the name of the zone of dates that name none.

        Raises DataCorrupt also for a large feed that is not read in time or ends its reader, and DataMissing when the
        system has no room for another process. The next feed is read all the same, by another child.
        """
        if len(body) <= self._small:
            return parse_feed(body, source=source, seen_at=seen_at, default_zone=ZoneInfo(zone))
        order = {"source": source, "seen_at": seen_at.isoformat(), "zone": zone, "seconds": self._seconds}
        told = self._told(order | {"bytes": len(body)}, body, source)
        if "refused" in told:
            raise DataCorrupt(told["refused"])
        return tuple(_from_json(fields) for fields in told["items"])

    def _told(self, order: dict[str, object], body: bytes, source: str) -> dict[str, Any]:
        try:
            child = self._child = self._child or _Child()
        except OSError as error:
            raise DataMissing(f"{source}: no process could be started to read the feed: {error}") from error
        try:
            told: dict[str, Any] = json.loads(within(self._seconds, lambda: child.ask(order, body), "reader of feeds"))
        except NotDone:
            self.close()
            raise DataCorrupt(
                f"{source}: the feed must be read in {self._seconds:g} s, had {len(body)} bytes"
            ) from None
        except ValueError:
            how = child.how_it_ended()
            self.close()
            raise DataCorrupt(f"{source}: the feed must be read within bounds, ended its reader {how}") from None
        return told


class _Child:
    """The reader's process, as its parent sees it. OSError when it cannot be started."""

    def __init__(self) -> None:
        known = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        # A pipe that nobody reads would hold it up once it is full.
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 -- open for as long as the process
        try:
            self._process = subprocess.Popen(  # noqa: S603 -- this very interpreter, no text from outside among its arguments
                [sys.executable, "-P", "-m", CHILD],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._complaints,
                env={**known, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            )
        except OSError:
            self._complaints.close()
            raise

    def ask(self, order: dict[str, object], body: bytes) -> bytes:
        """Its answer to the end of the line, or to its own end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(order).encode() + b"\n" + body)
            self._process.stdin.flush()
        return self._process.stdout.readline()

    def how_it_ended(self) -> str:
        """Its exit status, and the last line that it wrote."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(ENDING_S)
        self._complaints.seek(max(0, self._complaints.seek(0, os.SEEK_END) - LAST_WORDS))
        last = clean(self._complaints.read().decode("utf-8", "replace").strip().rpartition("\n")[2], 200)
        return f"({self._process.returncode}) {last}".rstrip()

    def end(self) -> None:
        """At once, whatever it does."""
        self._process.kill()
        self._process.communicate()
        self._complaints.close()


def _from_json(fields: dict[str, Any]) -> NewsItem:
    return NewsItem(
        **{
            **fields,
            "published_at": datetime.fromisoformat(fields["published_at"]),
            "known_at": datetime.fromisoformat(fields["known_at"]),
            "precision": TimePrecision(fields["precision"]),
            "tickers": tuple(fields["tickers"]),
        }
    )


def _to_json(item: NewsItem) -> dict[str, Any]:
    return {
        **asdict(item),
        "published_at": item.published_at.isoformat(),
        "known_at": item.known_at.isoformat(),
        "precision": item.precision.value,
    }


def _read_feeds() -> None:
    """The child: orders and bodies from standard input; for each the headlines, or why there are none, in a line."""
    _bound(resource.RLIMIT_AS, MEMORY)
    while line := sys.stdin.buffer.readline():
        order = json.loads(line)
        # Also where nobody is left to end it.
        _bound(resource.RLIMIT_CPU, int(time.process_time() + order["seconds"]) + 1)
        answer = _answer(order, sys.stdin.buffer.read(order["bytes"]))
        sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
        sys.stdout.buffer.flush()


def _answer(order: dict[str, Any], body: bytes) -> dict[str, object]:
    seen_at = datetime.fromisoformat(order["seen_at"])
    try:
        items = parse_feed(body, source=order["source"], seen_at=seen_at, default_zone=ZoneInfo(order["zone"]))
    except DataCorrupt as refusal:
        return {"refused": str(refusal)}
    return {"items": [_to_json(item) for item in items]}


def _bound(kind: int, most: int) -> None:
    with suppress(ValueError, OSError):  # a system that does not know this bound, or grants less already
        resource.setrlimit(kind, (most, resource.getrlimit(kind)[1]))


if __name__ == "__main__":
    _read_feeds()
