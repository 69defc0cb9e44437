"""Reading the configured feeds, each by itself: which are asked, what they said, and which have fallen silent.

A feed that fails is left alone for a while, longer each time; after five failures in a row for an hour and more (a
circuit breaker), then one request decides. `Retry-After` is obeyed. All of it is stored, so that starting the desk
again asks no publisher more often. A round ends after two minutes; who was not asked then comes first in the next.
"""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import structlog
from psycopg import Connection
from psycopg_pool import ConnectionPool

from tenthman.db.sql import load_queries
from tenthman.domain.errors import DataError
from tenthman.domain.news import NewsItem
from tenthman.news.bounded_parser import BoundedParser
from tenthman.news.fetcher import FeedFetcher, NotServed
from tenthman.news.text import clean

log = structlog.get_logger(__name__)

SQL = load_queries("tenthman.news", "feeds.sql")

Row = tuple[Any, ...]

TOO_OLD = timedelta(days=7)
"""A story published longer ago than this when it is first seen is no news."""

BREAKS_AFTER = 5
FIRST_REST = timedelta(minutes=1)
BROKEN_REST = timedelta(hours=1)
LONGEST_REST = timedelta(hours=24)
JITTER = 0.25
"""Rests are longer by up to this share, so that feeds which failed together are not asked together."""

ROUND_S = 120.0
"""Who trades waits for the feeds: many that hang must not cost it half an hour."""

NEVER = datetime(1970, 1, 1, tzinfo=UTC)

WHOLE_AGAIN = timedelta(hours=24)
"""Validators are forgotten when a feed has said nothing new for so long: a cache may answer 304 for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A feed as configured. `silent_after` None: its silence is never told. `zone`: of dates that name none."""

    address: str
    silent_after: timedelta | None
    zone: str = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedState:
    """What is known of a feed; see the table `feeds`."""

    address: str
    home: str
    etag: str | None
    last_modified: str | None
    failures: int
    resume_at: datetime | None
    asked_at: datetime
    spoke_at: datetime
    alarmed_at: datetime | None
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedReport:
    """How one feed did: its state afterwards, what it holds that is not too old, an alarm if its silence is news."""

    state: FeedState
    items: tuple[NewsItem, ...]
    new: int
    alarm: str | None


class FeedReader:
    """Asks the feeds that may be asked. Ids of their items begin with "feed:"."""

    def __init__(
        self,
        pool: ConnectionPool[Connection[Row]],
        fetcher: FeedFetcher,
        feeds: Sequence[Feed],
        known: Callable[[Sequence[str]], set[str]],
        generator: random.Random | None = None,
        round_s: float = ROUND_S,
    ) -> None:
        """`known`: which of these ids the desk has already; what it has is nothing new. `round_s`: after so many
        seconds no further feed is asked in a round.
        """
        self._pool = pool
        self._fetcher = fetcher
        self._feeds = tuple(feeds)
        self._known = known
        self._random = generator or random.Random()  # noqa: S311 -- spreads requests, keeps no secret
        self._round_s = round_s

    def read(self, seen_at: datetime) -> tuple[FeedReport, ...]:
        """One report a feed, in the order of the configuration; the states are stored as they come.

        Those that were not asked for longest are asked first; once the round is over, the others wait for the next.
        """
        states, ends = self._load(), time.monotonic() + self._round_s
        turns = sorted(self._feeds, key=lambda feed: states[feed.address].asked_at if feed.address in states else NEVER)
        with BoundedParser() as parser:
            reports = {feed.address: self._one(feed, states.get(feed.address), seen_at, ends, parser) for feed in turns}
        return tuple(reports[feed.address] for feed in self._feeds)

    def _one(
        self, feed: Feed, state: FeedState | None, seen_at: datetime, ends: float, parser: BoundedParser
    ) -> FeedReport:
        state = state or _unknown(feed, seen_at)
        items: tuple[NewsItem, ...] = ()
        new = 0
        if state.resume_at is not None and state.resume_at > seen_at:
            state = replace(state, outcome=f"resting until {state.resume_at:%Y-%m-%d %H:%M} UTC; {_cause(state)}")
        elif time.monotonic() >= ends:
            state = replace(state, outcome=f"put off at {seen_at:%Y-%m-%d %H:%M} UTC; {_cause(state)}")
        else:
            try:
                state, items = self._ask(feed, state, seen_at, parser)
                new = len(items) - len(self._known([item.id for item in items]))
                if new:
                    # Nobody has stored them yet: whoever is stopped before must get them again, and no "unchanged".
                    state = replace(state, etag=None, last_modified=None)
            except DataError as error:
                state = self._failed(state, error, seen_at)
                log.warning("feed left out", feed=feed.address, cause=state.outcome)
        if new:
            state = replace(state, spoke_at=seen_at, alarmed_at=None)
        alarm = _silence(feed, state, seen_at)
        if alarm is not None:
            state = replace(state, alarmed_at=seen_at)
            log.warning("feed silent", feed=feed.address, alarm=alarm)
        self._save(state)
        return FeedReport(state=state, items=items, new=new, alarm=alarm)

    def _ask(
        self, feed: Feed, state: FeedState, seen_at: datetime, parser: BoundedParser
    ) -> tuple[FeedState, tuple[NewsItem, ...]]:
        stale = seen_at - state.spoke_at >= WHOLE_AGAIN
        etag, last_modified = (None, None) if stale else (state.etag, state.last_modified)
        answer = self._fetcher.fetch(state.home, etag=etag, last_modified=last_modified)
        fresh = replace(
            state,
            home=answer.url,
            etag=answer.etag,
            last_modified=answer.last_modified,
            failures=0,
            resume_at=None,
            asked_at=seen_at,
        )
        if answer.body is None:
            return replace(fresh, outcome="unchanged"), ()
        parsed = parser.parse(answer.body, source=feed.address, seen_at=seen_at, zone=feed.zone)
        items = tuple(replace(item, id=f"feed:{item.id}") for item in parsed if item.published_at > seen_at - TOO_OLD)
        outcome = f"{len(parsed)} items" if parsed else "empty: a feed without a single item"
        return replace(fresh, outcome=outcome), items

    def _failed(self, state: FeedState, error: DataError, seen_at: datetime) -> FeedState:
        failures = state.failures + 1
        base, steps = (BROKEN_REST, failures - BREAKS_AFTER) if failures >= BREAKS_AFTER else (FIRST_REST, failures - 1)
        rest = min(LONGEST_REST, base * 2 ** min(steps, 10)) * (1.0 + JITTER * self._random.random())
        asked_for = retry_after(error.retry_after, seen_at) if isinstance(error, NotServed) else None
        return replace(
            state,
            # Where it once moved to for good may be gone: then its own address is asked again.
            home=state.address if failures >= BREAKS_AFTER else state.home,
            failures=failures,
            resume_at=seen_at + max(rest, asked_for or timedelta()),
            asked_at=seen_at,
            outcome=clean(f"failed {failures} times: {error}", 500),
        )

    def _load(self) -> dict[str, FeedState]:
        with self._pool.connection() as connection:
            rows = connection.execute(SQL["load"], [[feed.address for feed in self._feeds]]).fetchall()
        return {str(row[0]): _state(row) for row in rows}

    def _save(self, state: FeedState) -> None:
        with self._pool.connection() as connection:
            connection.execute(
                SQL["save"],
                [
                    state.address,
                    state.home,
                    state.etag,
                    state.last_modified,
                    state.failures,
                    state.resume_at,
                    state.asked_at,
                    state.spoke_at,
                    state.alarmed_at,
                    state.outcome,
                ],
            )


def retry_after(header: str | None, seen_at: datetime) -> timedelta | None:
    """How long a server asks to be left alone (RFC 9110, section 10.2.3): seconds or a date; at most a day.

    None without the header, or with one that is neither.
    """
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(LONGEST_REST, timedelta(seconds=min(int(text[:9]), 10**8)))
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    until = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
    return min(LONGEST_REST, max(timedelta(), until - seen_at))


def _unknown(feed: Feed, seen_at: datetime) -> FeedState:
    return FeedState(
        address=feed.address,
        home=feed.address,
        etag=None,
        last_modified=None,
        failures=0,
        resume_at=None,
        asked_at=NEVER,
        spoke_at=seen_at,
        alarmed_at=None,
        outcome="never asked",
    )


def _cause(state: FeedState) -> str:
    """The failure behind a rest, without what earlier rests put before it."""
    return state.outcome.rpartition(" UTC; ")[2]


def _silence(feed: Feed, state: FeedState, seen_at: datetime) -> str | None:
    """Told once for each silence; a feed that speaks again may alarm again."""
    if feed.silent_after is None or state.alarmed_at is not None or seen_at - state.spoke_at < feed.silent_after:
        return None
    hours = feed.silent_after.total_seconds() / 3600.0
    return f"nothing new since {state.spoke_at:%Y-%m-%d %H:%M} UTC, {hours:g} hours are allowed; {_cause(state)}"


def _state(row: Row) -> FeedState:
    address, home, etag, last_modified, failures, resume_at, asked_at, spoke_at, alarmed_at, outcome = row
    return FeedState(
        address=address,
        home=home,
        etag=etag,
        last_modified=last_modified,
        failures=failures,
        resume_at=resume_at,
        asked_at=asked_at,
        spoke_at=spoke_at,
        alarmed_at=alarmed_at,
        outcome=outcome,
    )
