"""Parsing within bounds of time and memory: a small feed here, a large one in a process that can be ended.

The library looks for an author's address in time with the square of the text's length (80 kB: 50 s), and nothing
promises that nothing is slower. What is small can do little harm; what is large is read by a child, which knows no keys
of the desk, may use two gigabytes, and is killed when its time is up.
"""

import json
import os
import resource
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from tenthman.domain.errors import DataCorrupt, DataMissing
from tenthman.domain.news import NewsItem, TimePrecision
from tenthman.news.parser import parse_feed
from tenthman.news.text import clean

SMALL = 10_000
"""Bytes that are read in this process: under half a second, whatever they are."""

PATIENCE_S = 10.0
MEMORY = 2 * 1024**3
"""Bytes of address space; macOS takes note of this bound and does not keep it."""

CHILD = "tenthman.news.bounded_parser"

# What an interpreter needs to find itself and its packages; keys and passwords stand in others.
PASSED_ON = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ")


def parse_within(
    body: bytes, *, source: str, seen_at: datetime, zone: str = "UTC", seconds: float = PATIENCE_S, small: int = SMALL
) -> tuple[NewsItem, ...]:
    """As `parse_feed`, `zone` being the name of the zone of dates that name none.

    Raises DataCorrupt also for a feed of more than `small` bytes that is not read in `seconds`, and DataMissing when
    the system has no room for another process.
    """
    if len(body) <= small:
        return parse_feed(body, source=source, seen_at=seen_at, default_zone=ZoneInfo(zone))
    order = {"source": source, "seen_at": seen_at.isoformat(), "zone": zone, "seconds": seconds}
    known = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    try:
        done = subprocess.run(  # noqa: S603 -- this very interpreter, no text from outside among its arguments
            [sys.executable, "-P", "-m", CHILD],
            input=json.dumps(order).encode() + b"\n" + body,
            capture_output=True,
            timeout=seconds,
            check=False,
            env={**known, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )
    except subprocess.TimeoutExpired:
        raise DataCorrupt(f"{source}: the feed must be read in {seconds:g} s, had {len(body)} bytes") from None
    except OSError as error:
        raise DataMissing(f"{source}: no process could be started to read the feed: {error}") from error
    try:
        told = json.loads(done.stdout)
    except ValueError:
        last = clean(done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2], 200)
        raise DataCorrupt(
            f"{source}: the feed must be read within bounds, ended its reader ({done.returncode}) {last}".rstrip()
        ) from None
    if "refused" in told:
        raise DataCorrupt(told["refused"])
    return tuple(_from_json(fields) for fields in told["items"])


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


def _child() -> None:
    """Read an order and a body from standard input, and write the headlines, or why there are none."""
    order = json.loads(sys.stdin.buffer.readline())
    # Also where nobody is left to end it.
    processor = int(order["seconds"]) + 1
    for kind, most in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CPU, processor)):
        with suppress(ValueError, OSError):  # a system that does not know this bound, or grants less already
            resource.setrlimit(kind, (most, most))
    seen_at = datetime.fromisoformat(order["seen_at"])
    told: dict[str, object]
    try:
        items = parse_feed(
            sys.stdin.buffer.read(), source=order["source"], seen_at=seen_at, default_zone=ZoneInfo(order["zone"])
        )
        told = {"items": [_to_json(item) for item in items]}
    except DataCorrupt as refusal:
        told = {"refused": str(refusal)}
    sys.stdout.buffer.write(json.dumps(told).encode())


if __name__ == "__main__":
    _child()
