"""Fuzz the feed parser, guided by coverage: python tools/fuzz_parser.py [--seconds 600] [--seeds FOLDER] [--out FOLDER]

Needs `atheris` (pip install atheris), which is no dependency of the desk. A crash is anything but headlines or
DataCorrupt, headlines that break their own rules, an attempt to open a file or an address, or more than two seconds of
processor time for one body; the body is kept in --out and the run ends with an error.
"""

import argparse
import importlib
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SEEN = datetime(2020, 7, 10, 18, 0, tzinfo=UTC)
SLOWEST_S = 2.0
FORBIDDEN = ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system", "urllib.Request")


class Touched(AssertionError):
    """The parser reached for the world outside."""


class Fuzz:
    """One body at a time, with counts."""

    def __init__(self, parse_feed: Any, refused: type[Exception]) -> None:
        self._parse_feed = parse_feed
        self._refused = refused
        self._within = False
        self.bodies = self.read = self.turned_down = 0
        self.slowest = 0.0
        sys.addaudithook(self._watch)

    def __call__(self, body: bytes) -> None:
        self.bodies += 1
        self._within = True
        begun = time.process_time()
        try:
            items = self._parse_feed(body, source="fuzz", seen_at=SEEN)
        except self._refused as error:
            items = ()
            self.turned_down += 1
            if not str(error):
                raise AssertionError("refused without a reason") from error
        finally:
            self._within = False
        taken = time.process_time() - begun
        self.slowest = max(self.slowest, taken)
        self.read += bool(items)
        if taken > SLOWEST_S:
            raise AssertionError(f"one body took {taken:.1f} s")
        for item in items:
            if not (item.headline.isprintable() and item.published_at <= item.known_at == SEEN):
                raise AssertionError(f"a headline breaks its rules: {item!r}")

    def _watch(self, event: str, arguments: tuple[object, ...]) -> None:
        reads_file = event == "open" and str(arguments[0]).endswith((".xml", ".rss", "passwd"))
        if self._within and (event in FORBIDDEN or reads_file):
            raise Touched(f"{event} {arguments!r}"[:200])


def main() -> None:
    """Fuzz for a while and print how much was tried."""
    parser = argparse.ArgumentParser(description="Fuzz the feed parser, guided by coverage (needs atheris).")
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--seeds", type=Path, help="folder of feeds to start from")
    parser.add_argument("--out", type=Path, default=Path("fuzz-parser"), help="what was found")
    arguments = parser.parse_args()
    try:
        atheris = importlib.import_module("atheris")
    except ImportError:
        sys.exit("atheris is not installed: pip install atheris")
    with atheris.instrument_imports(include=["tenthman.news", "feedparser", "sgmllib"]):
        parse_feed = importlib.import_module("tenthman.news.parser").parse_feed
        refused = importlib.import_module("tenthman.domain.errors").DataCorrupt
    arguments.out.mkdir(parents=True, exist_ok=True)
    fuzz = Fuzz(parse_feed, refused)
    ends = time.monotonic() + arguments.seconds

    def until_time_is_up(body: bytes) -> None:
        fuzz(body)
        if time.monotonic() > ends:
            sys.stdout.write(
                f"{fuzz.bodies:,} bodies: {fuzz.read:,} gave headlines, {fuzz.turned_down:,} were refused; "
                f"the slowest took {fuzz.slowest:.2f} s\n"
            )
            sys.stdout.flush()
            os._exit(0)

    folders = [str(arguments.out)] + ([str(arguments.seeds)] if arguments.seeds else [])
    options = ["-max_len=20000", f"-artifact_prefix={arguments.out}/crash-", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *options, *folders], until_time_is_up)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
