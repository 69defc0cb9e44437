"""Daily bars in PostgreSQL: written by COPY, read back as a panel or ticker by ticker.

Each bar belongs to a fetch, which says where it came from, on what basis its prices are, and when it was brought in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from tenthman.data.bar_panels import panel_of, present_cells
from tenthman.db.copy import Cursor, Text, copy_binary, read_binary
from tenthman.db.pool import Pool
from tenthman.db.sql import load_queries
from tenthman.domain.checks import require_aware, require_text
from tenthman.domain.errors import DataCorrupt
from tenthman.domain.market import FIELDS, Bar, Floats, Panel, Provenance, Rename, Sessions, Universe

_SQL = load_queries("tenthman.data", "bars.sql")
_COLUMNS = {"session": "date", "place": "int4", **dict.fromkeys(FIELDS, "float8"), "known_at": "timestamptz"}

MANY = 10_000
"""So many rows at once change what a good query plan is."""

TOLERANCE = 1e-6
"""Prices and volumes that differ by less than this fraction are the same: sources round."""

Instants = NDArray[np.datetime64]
Prices = dict[tuple[str, date], tuple[float, float, float, float]]
"""Open, high, low and close by ticker and session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """What every bar of one fetch says of itself."""

    source: str
    price_basis: str
    fetched_at: datetime

    def __post_init__(self) -> None:
        require_text("source", self.source)
        require_aware("fetched_at", self.fetched_at)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BarTable:
    """Bars row by row in columns of one length: `tickers[codes[i]]` in `sessions[i]`, prices in USD.

    One row a ticker and session. `known_at`: UTC datetime64[us].
    """

    tickers: tuple[str, ...]
    codes: NDArray[np.intp]
    sessions: Sessions
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    known_at: Instants

    def __len__(self) -> int:
        return len(self.codes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What a merge did: rows that were new, that replaced a bar of the same source, and that another source has."""

    new: int
    revised: int
    others: int
    same: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBar:
    """A bar as it is stored: the fetch that it is from, and how often its source has replaced it."""

    bar: Bar
    fetch: Fetch
    replaced: int


def table_of(bars: Sequence[Bar]) -> BarTable:
    """`bars` in columns, in their order."""
    tickers = tuple(sorted({bar.ticker for bar in bars}))
    place = {ticker: code for code, ticker in enumerate(tickers)}
    return BarTable(
        tickers=tickers,
        codes=np.array([place[bar.ticker] for bar in bars], dtype=np.intp),
        sessions=np.array([bar.session for bar in bars], dtype="datetime64[D]"),
        known_at=np.array([bar.known_at.astimezone(UTC).replace(tzinfo=None) for bar in bars], dtype="datetime64[us]"),
        **{name: np.array([getattr(bar, name) for bar in bars], dtype=np.float64) for name in FIELDS},
    )


def prices_in(table: BarTable) -> Prices:
    """The prices of `table` by ticker and session."""
    fields = (getattr(table, name).tolist() for name in ("open", "high", "low", "close"))
    rows = zip(table.codes.tolist(), table.sessions.tolist(), zip(*fields, strict=True), strict=True)
    return {(table.tickers[code], day): prices for code, day, prices in rows}


class BarStore:
    """The bars of one market."""

    def __init__(self, pool: Pool, market_id: str) -> None:
        self._pool = pool
        self._market_id = market_id

    def save_market(self, provenance: Provenance, universe: Universe) -> None:
        """Record what the market is and its dated membership; doing so again changes nothing.

        Raises DataCorrupt when this id already stands for other data. Only a live market's data may change.
        """
        described = [provenance.kind.value, provenance.name, provenance.description, provenance.source]
        described += [provenance.price_basis, provenance.licence, provenance.content_hash, universe.index_ticker]
        listings = [
            (
                self._market_id,
                item.ticker,
                item.name,
                item.issuer,
                item.sector,
                list(item.aliases),
                item.member_from,
                item.member_to,
            )
            for item in universe.listings
        ]
        with self._pool.connection() as connection, connection.cursor() as cursor:
            cursor.execute(_SQL["save_market"], [self._market_id, *described])
            if cursor.rowcount == 0:
                raise DataCorrupt(
                    f"market {self._market_id!r} is already stored with other data than {provenance.content_hash}"
                )
            cursor.execute(_SQL["forget_universe"], [self._market_id])
            cursor.executemany(_SQL["save_listing"], listings)

    def carry_over(self, renames: Sequence[Rename]) -> int:
        """Put stored bars, daily and inside the session, and corporate actions under their security's latest name.

        What is said of daily bars, that they are flagged or took another's place, goes with them. `renames` are carried
        out one after the other, as they stand. What the new name has from before its day already stays as it is, and so
        does what the old name has then. Returns how many daily bars went over.
        """
        moved = 0
        with self._pool.connection() as connection, connection.cursor() as cursor:
            lock_market(cursor, self._market_id)
            for item in renames:
                told = {"market_id": self._market_id, "old": item.old, "new": item.new, "on": item.on}
                for said in ("rename_flags", "rename_revisions"):
                    cursor.execute(_SQL[said], told)
                moved += cursor.execute(_SQL["rename_bars"], told).rowcount
                cursor.execute(_SQL["rename_intraday_bars"], told)
                cursor.execute(_SQL["rename_actions"], told)
        return moved

    def last_session(self) -> date | None:
        """The newest session that has a bar; None when there is none."""
        with self._pool.connection() as connection:
            row = connection.execute(_SQL["last_session"], [self._market_id]).fetchone()
        newest: date | None = None if row is None else row[0]
        return newest

    def sources(self) -> frozenset[str]:
        """Who has ever brought bars in."""
        with self._pool.connection() as connection:
            return frozenset(str(row[0]) for row in connection.execute(_SQL["sources"], [self._market_id]))

    def load_panel(self, panel: Panel, known_at: Instants) -> int:
        """Store the sessions that are not there yet, all or nothing, and return the number of bars written.

        `known_at` has one instant (UTC) a session; cells that are NaN in the panel are not stored. A session of which
        any bar is stored counts as stored. Raises ValueError for another shape, DataCorrupt for a bar that is half
        NaN or that the schema refuses.
        """
        if known_at.shape != panel.sessions.shape:
            raise ValueError(f"`known_at` must have shape {panel.sessions.shape}, was {known_at.shape}")
        # Rows in the order of the primary key go to the end of its index, which halves the cost of keeping it.
        ordered = tuple(sorted(panel.tickers))
        panel = panel if panel.tickers == ordered else panel.select(ordered)
        present = present_cells(panel)
        with self._pool.connection() as connection, connection.cursor() as cursor:
            lock_market(cursor, self._market_id)
            stored = cursor.execute(_SQL["sessions"], [self._market_id]).fetchall()
            known = np.array([row[0] for row in stored], dtype="datetime64[D]")
            present[np.isin(panel.sessions, known)] = False
            columns, rows = np.nonzero(present.T)
            if len(rows) == 0:
                return 0
            table = BarTable(
                tickers=panel.tickers,
                codes=columns,
                sessions=panel.sessions[rows],
                known_at=known_at.astype("datetime64[us]")[rows],
                **{name: getattr(panel, name).T[present.T] for name in FIELDS},
            )
            # Under a fetch of this very transaction the rows need not go past the triggers of `bars`.
            written = self._copy(cursor, "bar_rows", table, begin_fetch(cursor, self._market_id, None))
        if written >= MANY:
            self._analyse()
        return written

    def _analyse(self) -> None:
        """Tell the planner at once: of a market that it takes for empty it makes plans that never end."""
        with self._pool.connection() as connection:
            connection.execute(_SQL["small_sample"])
            connection.execute(_SQL["analyse"])

    def append(self, bars: Sequence[Bar]) -> int:
        """Store bars one statement for all; a bar that is already there stays as it was first known.

        They count as fetched from the market's own source when the first of them became known. Returns the number of
        new bars.
        """
        if not bars:
            return 0
        columns: list[list[Any]] = [[bar.session for bar in bars], [bar.ticker for bar in bars]]
        columns += [[getattr(bar, name) for bar in bars] for name in FIELDS]
        columns.append([bar.known_at for bar in bars])
        with self._pool.connection() as connection, connection.cursor() as cursor:
            fetch = begin_fetch(cursor, self._market_id, None, bars[0].known_at)
            return cursor.execute(_SQL["append"], [self._market_id, fetch, *columns]).rowcount

    def merge(self, table: BarTable, fetch: Fetch) -> Merged:
        """Bring `table` in, all of it or nothing.

        A bar that is not there is added. One that the same source gave with other numbers is replaced, and what it
        was is kept. One of another source stays: two sources are compared, never mixed. DataCorrupt for an impossible
        bar.
        """
        if len(table) == 0:
            return Merged(new=0, revised=0, others=0, same=0)
        with self._pool.connection() as connection, connection.cursor() as cursor:
            lock_market(cursor, self._market_id)
            cursor.execute(_SQL["stage"])
            staged = self._copy(cursor, "incoming", table, begin_fetch(cursor, self._market_id, fetch))
            cursor.execute(_SQL["incoming_is_known"])
            row = cursor.execute(_SQL["count_others"], [fetch.source]).fetchone()
            others = 0 if row is None else int(row[0])
            try:
                revised = cursor.execute(_SQL["revise"], {"source": fetch.source, "tolerance": TOLERANCE}).rowcount
                new = cursor.execute(_SQL["add_new"]).rowcount
            except psycopg.errors.CheckViolation as error:
                raise DataCorrupt(
                    f"market {self._market_id!r}: an impossible bar: {error.diag.message_detail}"
                ) from None
        if new >= MANY:
            self._analyse()
        return Merged(new=new, revised=revised, others=others, same=staged - new - revised - others)

    def prices_of(self, source: str, tickers: Sequence[str], first: date, last: date) -> Prices:
        """Prices that `source` gave for the sessions `first`..`last`."""
        with self._pool.connection() as connection:
            rows = connection.execute(
                _SQL["of_source"], [self._market_id, list(tickers), first, last, source]
            ).fetchall()
        return {(str(row[0]), row[1]): row[2:] for row in rows}

    def spans(self, tickers: Sequence[str]) -> Mapping[str, tuple[date, date]]:
        """First and last stored session of each ticker that has any."""
        with self._pool.connection() as connection:
            rows = connection.execute(_SQL["spans"], [self._market_id, list(tickers)]).fetchall()
        return {str(row[0]): (row[1], row[2]) for row in rows}

    def stored(self, ticker: str, first: date, last: date) -> list[StoredBar]:
        """The bars of `ticker` in `first`..`last`, oldest first, with what each says of itself."""
        with self._pool.connection() as connection:
            rows = connection.execute(_SQL["stored"], [self._market_id, ticker, first, last]).fetchall()
        return [
            StoredBar(
                bar=Bar(ticker=ticker, session=row[0], known_at=row[6], **dict(zip(FIELDS, row[1:6], strict=True))),
                fetch=Fetch(source=row[7], price_basis=row[8], fetched_at=row[9]),
                replaced=row[10],
            )
            for row in rows
        ]

    def ticker_bars(self, ticker: str, first: date, last: date) -> dict[str, NDArray[Any]]:
        """One ticker's bars in `first`..`last`, oldest first: "session" (as days), the five fields, "known_at"."""
        kinds = {name: kind for name, kind in _COLUMNS.items() if name != "place"}
        with self._pool.connection() as connection, connection.cursor() as cursor:
            return read_binary(cursor, _SQL["read_ticker"], [self._market_id, ticker, first, last], kinds)

    def _copy(self, cursor: Cursor, name: str, table: BarTable, fetch: int) -> int:
        """COPY `table` into the table `name`, which has the columns of `bars`."""
        count = len(table)
        laid = {
            "market_id": Text(labels=(self._market_id,), codes=np.zeros(count, dtype=np.intp)),
            "session": table.sessions,
            "ticker": Text(labels=table.tickers, codes=table.codes),
            **{field: getattr(table, field) for field in FIELDS},
            "known_at": table.known_at,
            "fetch_id": np.full(count, fetch, dtype=np.int64),
        }
        try:
            return copy_binary(cursor, name, laid)
        except psycopg.errors.CheckViolation as error:
            raise DataCorrupt(f"market {self._market_id!r} holds an impossible bar: {error.diag.context}") from None

    def panel_until(self, last: date | None) -> tuple[Panel, Instants]:
        """Every bar up to and including session `last` (None: all), tickers in alphabetical order.

        The second array has the panel's shape: when each bar became known (datetime64[us], UTC), NaT where there is
        no bar.
        """
        until = date.max if last is None else last
        with self._pool.connection() as connection, connection.cursor() as cursor:
            cursor.execute(_SQL["snapshot"])
            found = cursor.execute(_SQL["tickers"], {"market_id": self._market_id, "until": until}).fetchall()
            tickers = tuple(sorted(str(row[0]) for row in found))
            asked = [list(tickers), self._market_id, until]
            rows = read_binary(cursor, _SQL["read"], asked, _COLUMNS, block="place")
        return panel_of(tickers, rows)


def lock_market(cursor: Cursor, market_id: str) -> None:
    """Let nobody else bring in bars of this market, of days or of minutes, until the transaction ends."""
    cursor.execute(_SQL["lock_market"], [market_id])


def begin_fetch(cursor: Cursor, market_id: str, fetch: Fetch | None, fetched_at: datetime | None = None) -> int:
    """Note a new fetch, by default of the market's own source and basis; its id. DataCorrupt without the market."""
    told = {
        "market_id": market_id,
        "source": None if fetch is None else fetch.source,
        "price_basis": None if fetch is None else fetch.price_basis,
        "fetched_at": fetched_at if fetch is None else fetch.fetched_at,
    }
    row = cursor.execute(_SQL["begin_fetch"], told).fetchone()
    if row is None:
        raise DataCorrupt(f"market {market_id!r} must be stored before its bars, was not")
    return int(row[0])
