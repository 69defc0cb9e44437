"""Markets: sessions, bars, panels, listings, and a whole market in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from tenthman.domain.checks import require_aware, require_positive, require_text
from tenthman.domain.news import NewsItem

Floats = NDArray[np.float64]
Sessions = NDArray[np.datetime64]

FIELDS = ("open", "high", "low", "close", "volume")

NEW_YORK = ZoneInfo("America/New_York")
"""Where sessions, their days and the times of the schedule are reckoned."""


class MarketKind(Enum):
    """Where a market comes from; tables and reports say it first."""

    PACK = "pack"
    YAHOO = "yahoo"
    PRACTICE = "practice"
    LIVE = "live"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionHours:
    """One exchange session: its date in New York, and when it opens and closes (aware UTC)."""

    session: date
    open_at: datetime
    close_at: datetime

    def __post_init__(self) -> None:
        require_aware("open_at", self.open_at)
        require_aware("close_at", self.close_at)
        if self.close_at <= self.open_at:
            raise ValueError(f"`close_at` must be after `open_at` {self.open_at}, was {self.close_at}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One ticker's session: prices in USD, volume in shares, and when the desk could know it."""

    ticker: str
    session: date
    open: float
    high: float
    low: float
    close: float
    volume: float
    known_at: datetime

    def __post_init__(self) -> None:
        for name in ("open", "high", "low", "close"):
            require_positive(name, getattr(self, name))
        require_aware("known_at", self.known_at)
        if self.low > min(self.open, self.close) or self.high < max(self.open, self.close):
            raise ValueError(
                f"{self.ticker} {self.session}: `open` {self.open} and `close` {self.close} must lie in "
                f"`low`..`high` {self.low}..{self.high}"
            )
        if not self.volume >= 0:
            raise ValueError(f"{self.ticker} {self.session}: `volume` must be at least 0, was {self.volume!r}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panel:
    """Aligned daily bars: five float64 arrays of shape (sessions, tickers), C order, read-only.

    NaN in all five fields means that the ticker has no bar in that session. Sessions rise strictly.
    """

    sessions: Sessions
    tickers: tuple[str, ...]
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    def __post_init__(self) -> None:
        shape = (len(self.sessions), len(self.tickers))
        if len(set(self.tickers)) != len(self.tickers):
            raise ValueError("`tickers` must be unique")
        if self.sessions.dtype != np.dtype("datetime64[D]"):
            raise ValueError(f"`sessions` must be datetime64[D], was {self.sessions.dtype}")
        if len(self.sessions) > 1 and not bool(np.all(np.diff(self.sessions) > np.timedelta64(0, "D"))):
            raise ValueError("`sessions` must rise strictly")
        for name in FIELDS:
            array: Floats = getattr(self, name)
            if array.shape != shape or array.dtype != np.float64:
                raise ValueError(f"`{name}` must be float64 of shape {shape}, was {array.dtype} {array.shape}")
            array.flags.writeable = False
        self.sessions.flags.writeable = False

    def column(self, ticker: str) -> int:
        """Column of `ticker`; KeyError with its name when it is not in the panel."""
        try:
            return self.tickers.index(ticker)
        except ValueError:
            raise KeyError(ticker) from None

    def rows(self, start: int, stop: int) -> "Panel":
        """The sessions `start:stop` as a panel of views (no copy)."""
        return self._take(slice(start, stop), slice(None), self.tickers)

    def select(self, tickers: tuple[str, ...]) -> "Panel":
        """The named columns, in that order (a copy)."""
        columns = [self.column(ticker) for ticker in tickers]
        return self._take(slice(None), columns, tickers)

    def _take(self, rows: slice, columns: "slice | list[int]", tickers: tuple[str, ...]) -> "Panel":
        taken = {name: np.ascontiguousarray(getattr(self, name)[rows][:, columns]) for name in FIELDS}
        return Panel(sessions=self.sessions[rows].copy(), tickers=tickers, **taken)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A ticker's membership of the universe, from `member_from` until before `member_to` (None: still a member)."""

    ticker: str
    name: str
    issuer: str
    sector: str
    aliases: tuple[str, ...]
    member_from: date
    member_to: date | None

    def __post_init__(self) -> None:
        require_text("ticker", self.ticker)
        require_text("issuer", self.issuer)
        if self.member_to is not None and self.member_to <= self.member_from:
            raise ValueError(
                f"{self.ticker}: `member_to` must be after `member_from` {self.member_from}, was {self.member_to}"
            )

    def is_member(self, session: date) -> bool:
        """Whether the ticker belonged to the universe on `session`."""
        return self.member_from <= session and (self.member_to is None or session < self.member_to)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rename:
    """What was called `old` before the day `on` is called `new` from then on, and stays one security."""

    old: str
    new: str
    on: date

    def __post_init__(self) -> None:
        require_text("old", self.old)
        require_text("new", self.new)
        if self.old == self.new:
            raise ValueError(f"`new` must be another name than `old` {self.old!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Universe:
    """Dated membership, and the index that results are compared with (never traded).

    A security has one ticker for all time, its latest; `renames` say how others spelled it earlier.
    """

    listings: tuple[Listing, ...]
    index_ticker: str
    renames: tuple[Rename, ...] = ()

    def ticker_of(self, symbol: str, on: date) -> str:
        """The ticker of what was called `symbol` on the day `on`; `symbol` itself where no rename speaks of it."""
        return latest_name(self.renames, symbol, on)

    def members(self, session: date) -> tuple[Listing, ...]:
        """Listings that were members on `session`, by ticker, without the index."""
        now = [item for item in self.listings if item.is_member(session) and item.ticker != self.index_ticker]
        return tuple(sorted(now, key=lambda item: item.ticker))

    def issuer_of(self, ticker: str) -> str:
        """Issuer of `ticker`; the ticker itself when it is not listed."""
        return next((item.issuer for item in self.listings if item.ticker == ticker), ticker)

    def sector_of(self, ticker: str) -> str:
        """Sector of `ticker`; "Unknown" when it is not listed."""
        return next((item.sector for item in self.listings if item.ticker == ticker), "Unknown")


def latest_name(renames: tuple[Rename, ...], symbol: str, on: date) -> str:
    """What is called `symbol` on the day `on`, by the last of its names.

    A name that was given up may be another security's later, so the day decides: FB of 2021 is META, FB of 2026 is not.
    """
    for item in sorted(renames, key=lambda item: item.on):
        if item.old == symbol and on < item.on:
            symbol, on = item.new, item.on
    return symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What a market is, for the first line of every table and report.

    `content_hash` is the SHA-256 of the data itself; `data_version` of anything trained on it starts there.
    """

    kind: MarketKind
    name: str
    description: str
    source: str
    price_basis: str
    licence: str
    content_hash: str

    @property
    def headline(self) -> str:
        """One line: real or practice, and which."""
        if self.kind is MarketKind.PRACTICE:
            return f"PRACTICE market (fictional, never real prices): {self.name}"
        return f"REAL market data ({self.kind.value}): {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """First and last session of a run, both included."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError(f"`last` must not be before `first` {self.first}, was {self.last}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MarketData:
    """A whole market in memory: what a pack holds, what Yahoo gave, or what the practice generator made.

    `hours` has one entry per session of `panel`, in order, and may go on beyond its end (the following sessions).
    `scenarios` names periods ("default", "crash"). `truth` is the practice market's answer key, empty elsewhere.
    `dividends` is of the panel's shape: USD a share, in the price basis of the panel, in the session in which the
    share first trades without it (the ex-date), 0 where there is none; None when dividends are not known.
    """

    provenance: Provenance
    panel: Panel
    hours: tuple[SessionHours, ...]
    headlines: tuple[NewsItem, ...]
    universe: Universe
    scenarios: Mapping[str, Period] = field(default_factory=dict)
    truth: Mapping[str, str] = field(default_factory=dict)
    dividends: Floats | None = None

    def __post_init__(self) -> None:
        if len(self.hours) < len(self.panel.sessions):
            raise ValueError(
                f"`hours` must cover all {len(self.panel.sessions)} sessions of the panel, had {len(self.hours)}"
            )
        if self.universe.index_ticker not in self.panel.tickers:
            raise ValueError(f"the index {self.universe.index_ticker!r} must be a column of the panel")
        if self.dividends is not None:
            _require_dividends(self.dividends, self.panel)


def _require_dividends(dividends: Floats, panel: Panel) -> None:
    shape = panel.close.shape
    if dividends.shape != shape or dividends.dtype != np.float64:
        raise ValueError(f"`dividends` must be float64 of shape {shape}, was {dividends.dtype} {dividends.shape}")
    wrong = ~(np.isfinite(dividends) & (dividends >= 0))
    if bool(wrong.any()):
        row, column = (int(place[0]) for place in np.nonzero(wrong))
        raise ValueError(
            f"{panel.tickers[column]} {panel.sessions[row]}: `dividends` must be finite and at least 0, "
            f"was {dividends[row, column]}"
        )
    dividends.flags.writeable = False
