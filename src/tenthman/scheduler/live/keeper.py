"""Keeping the live market's bars sound: history renewed where its source rewrote it, bars examined after the close."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta

import numpy as np
import structlog

from tenthman.config import DataSettings
from tenthman.data.bars import BarStore, Instants
from tenthman.data.flags import FlagStore
from tenthman.data.ingest import Ingested, Span, check_against, check_stored, ingest, ingest_actions
from tenthman.data.quality import on_calendar
from tenthman.data.sources import BarSource, Flag
from tenthman.data.spellings import SpellingStore
from tenthman.db.pool import Pool
from tenthman.domain.errors import BrokerUnavailable, DataCorrupt
from tenthman.domain.market import Panel, SessionHours, Universe

LOOK_BACK = timedelta(days=400)
"""More days than the longest settings ask sessions for."""

Rebase = Callable[[Panel, Instants], None]
"""Takes over a panel of stored bars, and when each session's became known, in place of what was in memory."""

log = structlog.get_logger(__name__)


class BarKeeper:
    """Keeps the stored bars of one market."""

    def __init__(
        self,
        pool: Pool,
        market_id: str,
        source: BarSource,
        second: BarSource | None,
        universe: Universe,
        hours: tuple[SessionHours, ...],
        settings: DataSettings,
    ) -> None:
        """`source` is the market's own; `second` is only compared with, None where nobody is."""
        self._store, self._flags = BarStore(pool, market_id), FlagStore(pool, market_id)
        self._spellings = SpellingStore(pool, market_id)
        self._source, self._second = source, second
        self._universe, self._hours, self._settings = universe, hours, settings
        self._refused: tuple[Flag, ...] = ()

    def fill(self, at: datetime) -> None:
        """Bring the store up to date: all history of names it lacks, and of the others what has closed since.

        What is stored under a name that was given up goes over to the new one first. Raises as the source does.
        """
        self._store.carry_over(self._spellings.carried(self._universe))
        self._spellings.give_over(self._universe)
        held = self._store.spans(self._tickers())
        unknown = [ticker for ticker in self._tickers() if ticker not in held]
        if unknown:
            first = self._hours[0].session
            self._ingest(tuple(unknown), Span.closed(first, at.date(), at), at)
        if held:
            oldest = min(last for _, last in held.values())
            behind = [item.session for item in self._hours if item.session <= oldest] or [oldest]
            since = behind[-self._settings.overlap_sessions :][0]
            self._ingest(tuple(held), Span.closed(since, at.date(), at), at)

    def renew(self, at: datetime, rebase: Rebase) -> tuple[str, ...]:
        """Fetch the last sessions again, and take over bars that came late; all history where the source rewrote it.

        Returns the tickers whose history was rewritten. Raises as the source does.
        """
        span = self._recent(at, self._settings.overlap_sessions)
        if span is None:
            return ()
        found = self._ingest(self._tickers(), span, at)
        if found.merged.new or found.merged.revised:
            rebase(*self.stored())
        return found.rewritten

    def examine(self, at: datetime) -> tuple[list[Flag], str]:
        """Examine the last sessions: alone, by the calendar, and against the second source.

        Returns the flags that are new, and why the second source told nothing of some or of all ("" where it did, or
        there is none).
        """
        span = self._recent(at, self._settings.sit_out_sessions)
        if span is None:
            return [], ""
        tickers = self._tickers()
        try:
            ingest_actions(self._flags, self._source, tickers, span, at)
        except (BrokerUnavailable, DataCorrupt) as error:
            log.warning("corporate actions left out", cause=str(error))
        raised = check_stored(self._store, self._flags, tickers, span, at, self._settings, self._refused)
        if self._second is None:
            return raised, ""
        try:
            found = check_against(self._store, self._flags, self._second, tickers, span, at, self._settings)
        except (BrokerUnavailable, DataCorrupt) as error:
            return raised, str(error)
        return [*raised, *found.flags], found.untold

    def standing(self, at: datetime) -> Mapping[str, str]:
        """Why each flagged ticker sits out at `at`: the newest flag of its last sessions."""
        span = self._recent(at, self._settings.sit_out_sessions)
        if span is None:
            return {}
        flags = self._flags.standing(span.first, span.last)
        return {flag.ticker: f"flagged: {flag.rule} on {flag.session}" for flag in flags}

    def stored(self) -> tuple[Panel, Instants]:
        """All stored bars of the calendar's sessions, each known at its session's close."""
        panel, _ = self._store.panel_until(None)
        close_of = {np.datetime64(item.session, "D"): item.close_at for item in self._hours}
        covered = [session for session in panel.sessions if session in close_of]
        closes = np.array([close_of[session].replace(tzinfo=None) for session in covered], dtype="datetime64[us]")
        return on_calendar(panel, np.array(covered, dtype="datetime64[D]")), closes

    def _ingest(self, tickers: tuple[str, ...], span: Span, at: datetime) -> Ingested:
        found = ingest(self._store, self._source, tickers, span, at, self._settings.overlap_sessions)
        self._refused = found.refused
        log.info("bars brought in", new=found.merged.new, revised=found.merged.revised, rewritten=found.rewritten)
        return found

    def _recent(self, at: datetime, count: int) -> Span | None:
        since: date = (at - LOOK_BACK).date()
        closed = [item.session for item in self._hours if item.close_at <= at and item.session >= since]
        return Span(sessions=tuple(closed[-count:])) if closed else None

    def _tickers(self) -> tuple[str, ...]:
        return tuple(sorted({self._universe.index_ticker, *(item.ticker for item in self._universe.listings)}))
