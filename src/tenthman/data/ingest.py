"""Bringing bars into the store: only what is missing, with an overlap that tells whether history was rewritten."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import structlog

from tenthman.config import DataSettings
from tenthman.data import quality
from tenthman.data.bars import TOLERANCE, BarStore, BarTable, Fetch, Merged, Prices, table_of
from tenthman.data.calendar import sessions_between
from tenthman.data.flags import FlagStore
from tenthman.data.sources import IMPOSSIBLE, ActionKind, BarSource, Daily, Flag
from tenthman.domain.errors import DataMissing
from tenthman.domain.market import Bar

_log = structlog.get_logger(__name__)

MOST_NAMED = 5
"""So many tickers are named where many have the same trouble."""

MISSED_AFTER = timedelta(hours=12)
"""So long after a close a second source may still lack the session's bar: Yahoo's newest row can come hours late."""

OWN_RULES = (quality.GAP, quality.STALE, quality.NO_VOLUME, quality.JUMP, quality.UNITS, quality.TWO_HISTORIES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """What came in from one source: `answered` tickers of those asked, and what became of their bars.

    `rewritten`: tickers whose stored history the source had changed, so that all of it was fetched again.
    """

    fetch: Fetch
    asked: int
    answered: int
    first: date
    last: date
    merged: Merged
    rewritten: tuple[str, ...]
    silent: Mapping[str, str]
    refused: tuple[Flag, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What a second source said of stored bars: new flags, how many bars it has, and of what it told nothing.

    `untold` says of how many names it has not the newest bar that it must have by now, and why; "" where it has them.
    """

    flags: tuple[Flag, ...]
    bars: int
    untold: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Sessions that have closed, oldest first; never empty."""

    sessions: tuple[date, ...]

    @classmethod
    def closed(cls, first: date, last: date, at: datetime) -> "Span":
        """The sessions of `first`..`last` that had closed at `at`. DataMissing when there are none."""
        days = tuple(item.session for item in sessions_between(first, last) if item.close_at <= at)
        if not days:
            raise DataMissing(f"no session of {first}..{last} has closed by {at:%Y-%m-%d %H:%M} UTC")
        return cls(sessions=days)

    @property
    def first(self) -> date:
        """The oldest."""
        return self.sessions[0]

    @property
    def last(self) -> date:
        """The newest."""
        return self.sessions[-1]


def ingest(
    store: BarStore, source: BarSource, tickers: Sequence[str], span: Span, at: datetime, overlap: int
) -> Ingested:
    """Fetch what the store lacks of `tickers` in `span`, with `overlap` sessions it has, and merge all at once.

    Where a stored price of the overlap differs from what the source now says, it has rewritten its history, as it
    does after a split: then everything stored of that ticker is fetched again. The newest stored bar alone may differ
    without that: trades are reported late. Everything is asked of the source before anything is written, so a failure
    leaves the store as it was. Raises as the source does.
    """
    found = [
        _in_session(source.daily(group, start, span.last, at), start, span.last)
        for start, group in _wanted(store, tickers, span, overlap)
    ]
    bars = [bar for daily in found for bar in daily.bars]
    stored = store.prices_of(source.name, tickers, span.first, span.last)
    rewritten = _rewritten(bars, stored)
    if rewritten:
        spans = store.spans(rewritten)
        start = min(span.first, *(first for first, _ in spans.values()))
        again = _in_session(source.daily(rewritten, start, span.last, at), start, span.last)
        found.append(again)
        bars = [*(bar for bar in bars if bar.ticker not in rewritten), *again.bars]
    fetch = Fetch(source=source.name, price_basis=source.price_basis, fetched_at=at)
    merged = store.merge(table_of(sorted(bars, key=lambda bar: (bar.ticker, bar.session))), fetch)
    return Ingested(
        fetch=fetch,
        asked=len(tickers),
        answered=len({bar.ticker for bar in bars}),
        first=span.first,
        last=span.last,
        merged=merged,
        rewritten=rewritten,
        silent={ticker: cause for daily in found for ticker, cause in daily.silent.items()},
        refused=tuple({(flag.ticker, flag.session): flag for daily in found for flag in daily.refused}.values()),
    )


def ingest_table(store: BarStore, table: BarTable, fetch: Fetch) -> Ingested:
    """Merge bars that are at hand, such as a file's."""
    return Ingested(
        fetch=fetch,
        asked=len(table.tickers),
        answered=len(table.tickers),
        first=_day(table.sessions.min()),
        last=_day(table.sessions.max()),
        merged=store.merge(table, fetch),
        rewritten=(),
        silent={},
        refused=(),
    )


def ingest_actions(flags: FlagStore, source: BarSource, tickers: Sequence[str], span: Span, at: datetime) -> int:
    """Store the splits and dividends that `source` knows in `span`; how many. Raises as the source does."""
    actions = source.actions(tickers, span.first, span.last)
    flags.save_actions(actions, source.name, at)
    return len(actions)


def check_stored(
    store: BarStore,
    flags: FlagStore,
    tickers: Sequence[str],
    span: Span,
    at: datetime,
    settings: DataSettings,
    refused: Sequence[Flag] = (),
) -> list[Flag]:
    """Examine the stored bars of `tickers` in `span` by themselves and by the calendar; returns the new flags.

    Flags of bars that have been mended since are cleared. `refused`: rows that a source gave and that were no bars;
    they are mended once another fetch brings a bar.
    """
    held = store.spans(tickers)
    if not held:
        return []
    earlier = sessions_between(min(first for first, _ in held.values()), span.last)
    days = np.array([item.session for item in earlier if item.close_at <= at], dtype="datetime64[D]")
    since = int(np.searchsorted(days, np.datetime64(span.first, "D")))
    panel, _ = store.panel_until(span.last)
    stored = panel.select(tuple(sorted(held)))
    returned = quality.reunited(quality.on_calendar(stored, days), since)
    days = days[max(0, since - settings.stale_sessions) :]
    known = quality.on_calendar(stored, days)
    splits = {
        (action.ticker, action.ex_date): action.value
        for action in flags.actions(list(held), span.first, span.last)
        if action.kind is ActionKind.SPLIT
    }
    first_row = int(np.searchsorted(days, np.datetime64(span.first, "D")))
    raised = [*quality.examine(known, first_row, settings.stale_sessions, splits), *returned, *refused]
    return flags.settle(raised, (*OWN_RULES, IMPOSSIBLE), tickers, (span.first, span.last), at)


def check_against(
    store: BarStore,
    flags: FlagStore,
    second: BarSource,
    tickers: Sequence[str],
    span: Span,
    at: datetime,
    settings: DataSettings,
) -> Compared:
    """Compare what is stored with what `second` says of `span`. Raises as it does.

    Bars that came from `second` themselves agree with it and prove nothing. Where it is silent of a bar that it
    contradicted, it has taken nothing back: the flag stands. It must have a bar from MISSED_AFTER its close on.
    """
    answer = second.daily(tickers, span.first, span.last, at)
    theirs: Prices = {(bar.ticker, bar.session): (bar.open, bar.high, bar.low, bar.close) for bar in answer.bars}
    ours = stored_prices(store, tickers, span.first, span.last)
    allowed = quality.Tolerances(close_bp=settings.close_tolerance_bp, range_bp=settings.range_tolerance_bp)
    raised = quality.compare(ours, theirs, allowed)
    raised += (flag for flag in flags.standing(span.first, span.last) if (flag.ticker, flag.session) not in theirs)
    answered = sorted({bar.ticker for bar in answer.bars})
    fresh = flags.settle(raised, (quality.TWO_SOURCES,), answered, (span.first, span.last), at)
    due = {item.session for item in sessions_between(span.first, span.last) if item.close_at + MISSED_AFTER <= at}
    expected = [(ticker, session) for ticker, session in ours if session in due]
    return Compared(flags=tuple(fresh), bars=len(answer.bars), untold=_untold(expected, theirs, answer.silent))


def _untold(expected: Iterable[tuple[str, date]], theirs: Prices, causes: Mapping[str, str]) -> str:
    newest: dict[str, date] = {}
    for ticker, session in expected:
        newest[ticker] = max(session, newest.get(ticker, session))
    missing = sorted(ticker for ticker, session in newest.items() if (ticker, session) not in theirs)
    if not missing:
        return ""
    named = ", ".join(missing[:MOST_NAMED]) + (", ..." if len(missing) > MOST_NAMED else "")
    told = Counter(causes.get(ticker, "no bar of its newest session") for ticker in missing)
    return f"no answer for {len(missing)} of {len(newest)} names ({named}): {told.most_common(1)[0][0]}"


def _in_session(daily: Daily, first: date, last: date) -> Daily:
    """Each bar once, and none of a day without a session: such rows are refused.

    Bars of other days than `first`..`last`, which nobody asked for, are left out: one of today is not finished.
    """
    bars = {(bar.ticker, bar.session): bar for bar in daily.bars if first <= bar.session <= last}
    if others := len({(bar.ticker, bar.session) for bar in daily.bars}) - len(bars):
        _log.warning("bars of days that were not asked for left out", number=others, first=str(first), last=str(last))
    sessions = {item.session for item in sessions_between(first, last)}
    strays = tuple(
        Flag(ticker=ticker, session=session, rule=IMPOSSIBLE, detail="a bar on a day without a session")
        for ticker, session in bars
        if session not in sessions
    )
    kept = tuple(bar for bar in bars.values() if bar.session in sessions)
    return Daily(bars=kept, refused=(*daily.refused, *strays), silent=daily.silent)


def stored_prices(store: BarStore, tickers: Sequence[str], first: date, last: date) -> Prices:
    """Prices of the stored bars of `tickers` in `first`..`last`, whatever their source."""
    prices: Prices = {}
    for ticker in tickers:
        found = store.ticker_bars(ticker, first, last)
        rows = zip(*(found[name].tolist() for name in ("open", "high", "low", "close")), strict=True)
        prices.update({(ticker, day): row for day, row in zip(found["session"].tolist(), rows, strict=True)})
    return prices


def _wanted(
    store: BarStore, tickers: Sequence[str], span: Span, overlap: int
) -> Iterable[tuple[date, tuple[str, ...]]]:
    """Tickers by the session from which on they are to be fetched."""
    held = store.spans(tickers)
    groups: dict[date, list[str]] = {}
    for ticker in sorted(set(tickers)):
        start = span.first
        if ticker in held and held[ticker][0] <= span.first:
            behind = [day for day in span.sessions if day <= held[ticker][1]]
            start = behind[-overlap:][0] if behind else span.first
        groups.setdefault(start, []).append(ticker)
    return [(start, tuple(group)) for start, group in sorted(groups.items())]


def _rewritten(bars: Sequence[Bar], stored: Prices) -> tuple[str, ...]:
    """Tickers with a changed price before their newest stored session, whose bar is corrected as a matter of course."""
    newest: dict[str, date] = {}
    for ticker, session in stored:
        newest[ticker] = max(session, newest.get(ticker, session))
    changed = set()
    for bar in bars:
        before = stored.get((bar.ticker, bar.session))
        if before is None or bar.session == newest[bar.ticker]:
            continue
        now = (bar.open, bar.high, bar.low, bar.close)
        if any(abs(a / b - 1.0) > TOLERANCE for a, b in zip(now, before, strict=True)):
            changed.add(bar.ticker)
    return tuple(sorted(changed))


def _day(session: np.datetime64) -> date:
    day: date = session.astype("datetime64[D]").item()
    return day
