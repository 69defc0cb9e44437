"""The gate of time: the world as it was known at an instant. No other code filters by date."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from tenthman.domain.checks import require_aware
from tenthman.domain.errors import DataCorrupt
from tenthman.domain.market import FIELDS, NEW_YORK, Bar, Listing, MarketData, Panel, SessionHours, Universe
from tenthman.domain.news import LinkedItem

Instants = NDArray[np.datetime64]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class _Items:
    """Items by (known_at, id), with their `known_at` in microseconds since 1970 for bisection."""

    items: tuple[LinkedItem, ...] = ()
    known: tuple[int, ...] = ()

    def until(self, instant: int) -> tuple[LinkedItem, ...]:
        return self.items[: bisect_right(self.known, instant)]

    def between(self, first: int, last: int) -> tuple[LinkedItem, ...]:
        return self.items[bisect_left(self.known, first) : bisect_right(self.known, last)]

    def merged(self, items: Sequence[LinkedItem]) -> "_Items":
        """With `items`, themselves in order. Appending at the end costs one copy, anything else a sort."""
        if not self.items or _order(items[0]) > _order(self.items[-1]):
            known = tuple(_micros(item.item.known_at) for item in items)
            return _Items(self.items + tuple(items), self.known + known)
        everything = tuple(sorted((*self.items, *items), key=_order))
        return _Items(everything, tuple(_micros(item.item.known_at) for item in everything))


@dataclass(frozen=True, slots=True)
class _Archive:
    """All news, and the same by ticker."""

    everything: _Items = field(default_factory=_Items)
    by_ticker: Mapping[str, _Items] = field(default_factory=dict)

    def with_items(self, items: Sequence[LinkedItem]) -> "_Archive":
        """With those of `items` that are not there yet. DataCorrupt when one differs from what is there."""
        fresh = self._fresh(sorted(items, key=_order))
        if not fresh:
            return self
        linked: dict[str, list[LinkedItem]] = {}
        for item in fresh:
            for ticker in item.tickers:
                linked.setdefault(ticker, []).append(item)
        merged = {ticker: self.by_ticker.get(ticker, _Items()).merged(found) for ticker, found in linked.items()}
        return _Archive(self.everything.merged(fresh), {**self.by_ticker, **merged})

    def _fresh(self, ordered: Sequence[LinkedItem]) -> list[LinkedItem]:
        there: dict[tuple[datetime, str], LinkedItem] = {}
        if ordered and self.everything.items and _order(ordered[0]) <= _order(self.everything.items[-1]):
            there = {_order(item): item for item in self.everything.items}
        fresh: list[LinkedItem] = []
        for item in ordered:
            before = there.setdefault(_order(item), item)
            if before is item:
                fresh.append(item)
            elif before != item:
                raise DataCorrupt(
                    f"headline {item.item.id!r}: two different items became known at {item.item.known_at}"
                )
        return fresh


@dataclass(frozen=True, slots=True, eq=False)
class _Bars:
    """A panel and when each of its bars became known.

    `known`: int64 microseconds since 1970, shape (sessions, tickers), NEVER where there is no bar. `first` and `last`
    are each session's earliest and latest.
    """

    panel: Panel
    known: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]

    @classmethod
    def checked(cls, panel: Panel, known_at: Instants, hours: tuple[SessionHours, ...]) -> "_Bars":
        """DataCorrupt for a bar without `known_at`, or known before its session's close, or in no session."""
        stamped = known_at.astype("datetime64[us]")
        stamped = stamped[:, np.newaxis] if stamped.ndim == 1 else stamped
        shape = (len(panel.sessions), len(panel.tickers))
        if stamped.shape not in {shape, (shape[0], 1)}:
            raise ValueError(f"`bar_known_at` must have shape {shape[:1]} or {shape}, was {known_at.shape}")
        has_bar = ~np.isnan(panel.close)
        wrong = has_bar & ~(stamped >= _closes(panel, hours)[:, np.newaxis])
        if bool(wrong.any()):
            row, column = (int(place[0]) for place in np.nonzero(wrong))
            raise DataCorrupt(
                f"{panel.tickers[column]} {panel.sessions[row]}: `known_at` of a bar must not be before its session's "
                f"close, was {np.broadcast_to(stamped, shape)[row, column]}"
            )
        known: NDArray[np.int64] = np.where(has_bar, stamped.astype(np.int64), NEVER)
        last = np.where(has_bar, known, -NEVER).max(axis=1, initial=-NEVER)
        return cls(panel, known, known.min(axis=1, initial=NEVER), last)

    def until(self, instant: int) -> Panel:
        """The bars known at `instant`: views of the whole where that is a plain beginning of it, else a copy."""
        rows = np.flatnonzero(self.first <= instant)
        count = len(rows)
        if count == 0 or (rows[-1] == count - 1 and bool(np.all(self.last[:count] <= instant))):
            return self.panel.rows(0, count)
        known = self.known[rows] <= instant
        cells = {name: np.where(known, getattr(self.panel, name)[rows], np.nan) for name in FIELDS}
        return Panel(sessions=self.panel.sessions[rows], tickers=self.panel.tickers, **cells)

    def extended(self, bars: Sequence[Bar]) -> tuple[Panel, Instants]:
        """The panel with `bars`, and when each cell became known."""
        days = np.array([bar.session for bar in bars], dtype="datetime64[D]")
        sessions = np.union1d(self.panel.sessions, days)
        tickers = (*self.panel.tickers, *sorted({bar.ticker for bar in bars} - set(self.panel.tickers)))
        column_of = {ticker: column for column, ticker in enumerate(tickers)}
        rows = np.searchsorted(sessions, days)
        columns = np.array([column_of[bar.ticker] for bar in bars], dtype=np.intp)
        kept = np.searchsorted(sessions, self.panel.sessions)
        width = len(self.panel.tickers)

        known = np.full((len(sessions), len(tickers)), NEVER, dtype=np.int64)
        known[kept, :width] = self.known
        cells = {name: np.full(known.shape, np.nan) for name in FIELDS}
        for name, array in cells.items():
            array[kept, :width] = getattr(self.panel, name)
        for bar, row, column in zip(bars, rows.tolist(), columns.tolist(), strict=True):
            if known[row, column] == NEVER:
                known[row, column] = _micros(bar.known_at)
                for name, array in cells.items():
                    array[row, column] = getattr(bar, name)
            elif any(array[row, column] != getattr(bar, name) for name, array in cells.items()):
                raise DataCorrupt(f"{bar.ticker} {bar.session}: a second, different bar came for this session")
        return Panel(sessions=sessions, tickers=tickers, **cells), known.astype("datetime64[us]")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MarketView:
    """The world as known at `as_of`: nothing in it became known later. Arrays are read-only.

    `panel` holds the sessions with at least one known bar; a cell not yet known is NaN in all five fields. `news` is
    ordered by (known_at, id). `universe` holds the listings that had begun, without an end that was still to come.
    `hours` is the published calendar, which may go on beyond `as_of`.
    """

    as_of: datetime
    panel: Panel
    news: tuple[LinkedItem, ...]
    universe: Universe
    hours: tuple[SessionHours, ...]
    _by_ticker: Mapping[str, _Items] = field(repr=False)

    @property
    def today(self) -> date:
        """New York's date at `as_of`."""
        return _new_york_date(self.as_of)

    @property
    def last_session(self) -> date | None:
        """The newest session with a known bar; None before the first."""
        if not len(self.panel.sessions):
            return None
        newest: date = self.panel.sessions[-1].item()
        return newest

    def members(self) -> tuple[Listing, ...]:
        """Members of the universe on New York's date at `as_of`, by ticker, without the index."""
        return self.universe.members(self.today)

    def news_for(self, ticker: str, since: datetime) -> tuple[LinkedItem, ...]:
        """Items linked to `ticker` that became known from `since` on, by (known_at, id)."""
        require_aware("since", since)
        return self._by_ticker.get(ticker, _Items()).between(_micros(since), _micros(self.as_of))


class MarketHistory:
    """All that is known of a market, each bar and headline with the instant at which it became known.

    Never changed: `with_bars` and `with_news` give new histories. `serve` is the only way out.
    """

    __slots__ = ("_archive", "_bars", "_hours", "_universe")

    def __init__(
        self,
        panel: Panel,
        bar_known_at: Instants,
        news: Sequence[LinkedItem],
        universe: Universe,
        hours: tuple[SessionHours, ...],
    ) -> None:
        """`bar_known_at`: UTC datetime64[us], shape (sessions,) or (sessions, tickers); cells without bar are ignored.

        Raises DataCorrupt for a bar without that instant or known before its session's close, for a session that is
        not in `hours`, and for two different items with one id and one `known_at`.
        """
        self._bars = _Bars.checked(_owned(panel), bar_known_at, hours)
        self._archive = _Archive().with_items(news)
        self._universe = universe
        self._hours = hours

    def with_bars(self, bars: Sequence[Bar]) -> "MarketHistory":
        """With `bars`, of old or new sessions and tickers; one already there is dropped.

        Raises DataCorrupt when a bar contradicts the one already there, and as the constructor does.
        """
        if not bars:
            return self
        panel, known_at = self._bars.extended(bars)
        return self._replaced(_Bars.checked(panel, known_at, self._hours), self._archive)

    def with_panel(self, panel: Panel, bar_known_at: Instants) -> "MarketHistory":
        """With these bars in place of all there were: their source has rewritten them. Raises as the constructor."""
        return self._replaced(_Bars.checked(_owned(panel), bar_known_at, self._hours), self._archive)

    def with_news(self, items: Sequence[LinkedItem]) -> "MarketHistory":
        """With `items`; one already there is dropped. Raises DataCorrupt when it differs from the one there."""
        return self._replaced(self._bars, self._archive.with_items(items))

    def serve(self, as_of: datetime) -> MarketView:
        """The world as known at `as_of` (aware): all with `known_at` up to and including it, nothing after."""
        require_aware("as_of", as_of)
        instant = _micros(as_of)
        return MarketView(
            as_of=as_of,
            panel=self._bars.until(instant),
            news=self._archive.everything.until(instant),
            universe=_universe_on(self._universe, _new_york_date(as_of)),
            hours=self._hours,
            _by_ticker=self._archive.by_ticker,
        )

    def _replaced(self, bars: _Bars, archive: _Archive) -> "MarketHistory":
        other = object.__new__(MarketHistory)
        other._bars, other._archive = bars, archive
        other._universe, other._hours = self._universe, self._hours
        return other


def known_at_close(market: MarketData) -> Instants:
    """When each session's bars become known if that is at its close: UTC datetime64[us] of shape (sessions,)."""
    closes = [item.close_at for item in market.hours[: len(market.panel.sessions)]]
    return np.array([_micros(close) for close in closes], dtype=np.int64).astype("datetime64[us]")


def _owned(panel: Panel) -> Panel:
    """A copy whose arrays nobody else can reach, so that a view of them can never be made writeable."""
    cells = {name: getattr(panel, name).copy() for name in FIELDS}
    return Panel(sessions=panel.sessions.copy(), tickers=panel.tickers, **cells)


def _closes(panel: Panel, hours: tuple[SessionHours, ...]) -> Instants:
    close_of = {item.session: item.close_at for item in hours}
    days: list[date] = panel.sessions.tolist()
    missing = next((day for day in days if day not in close_of), None)
    if missing is not None:
        raise DataCorrupt(f"session {missing} of the panel must be in the calendar's `hours`, was not")
    return np.array([_micros(close_of[day]) for day in days], dtype=np.int64).astype("datetime64[us]")


def _universe_on(universe: Universe, today: date) -> Universe:
    """The universe as it stood: what has not begun is absent, what has not ended has no end."""
    begun = (item for item in universe.listings if item.member_from <= today)
    listings = (
        item if item.member_to is None or item.member_to <= today else replace(item, member_to=None) for item in begun
    )
    return replace(universe, listings=tuple(listings))


def _new_york_date(instant: datetime) -> date:
    return instant.astimezone(NEW_YORK).date()


def _order(item: LinkedItem) -> tuple[datetime, str]:
    return item.item.known_at, item.item.id


def _micros(instant: datetime) -> int:
    return (instant - EPOCH) // MICROSECOND
