"""Daily bars in PostgreSQL: written by COPY, read back as a panel."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from tenthman.db.copy import Text, copy_binary, read_binary
from tenthman.db.pool import Pool
from tenthman.db.sql import load_queries
from tenthman.domain.errors import DataCorrupt
from tenthman.domain.market import FIELDS, Bar, Panel, Provenance, Universe

_SQL = load_queries("tenthman.data", "bars.sql")
_COLUMNS = {"session": "date", "place": "int4", **dict.fromkeys(FIELDS, "float8"), "known_at": "timestamptz"}

MANY = 10_000
"""So many rows at once change what a good query plan is."""

Instants = NDArray[np.datetime64]


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

    def last_session(self) -> date | None:
        """The newest session that has a bar; None when there is none."""
        with self._pool.connection() as connection:
            row = connection.execute(_SQL["last_session"], [self._market_id]).fetchone()
        newest: date | None = None if row is None else row[0]
        return newest

    def load_panel(self, panel: Panel, known_at: Instants) -> int:
        """Store the sessions that are not there yet, all or nothing, and return the number of bars written.

        `known_at` has one instant (UTC) a session; cells that are NaN in the panel are not stored. A session of which
        any bar is stored counts as stored. Raises ValueError for another shape, DataCorrupt for a bar that is half
        NaN or that the schema refuses.
        """
        if known_at.shape != panel.sessions.shape:
            raise ValueError(f"`known_at` must have shape {panel.sessions.shape}, was {known_at.shape}")
        # Rows in the order of the primary key go to the end of its index, which halves the cost of keeping it.
        panel = panel.select(tuple(sorted(panel.tickers)))
        present = _present(panel)
        with self._pool.connection() as connection, connection.cursor() as cursor:
            cursor.execute(_SQL["lock_market"], [self._market_id])
            stored = cursor.execute(_SQL["sessions"], [self._market_id]).fetchall()
            known = np.array([row[0] for row in stored], dtype="datetime64[D]")
            present[np.isin(panel.sessions, known)] = False
            rows, columns = np.nonzero(present)
            if len(rows) == 0:
                return 0
            laid = {
                "market_id": Text(labels=(self._market_id,), codes=np.zeros(len(rows), dtype=np.intp)),
                "session": panel.sessions[rows],
                "ticker": Text(labels=panel.tickers, codes=columns),
                **{name: getattr(panel, name)[present] for name in FIELDS},
                "known_at": known_at.astype("datetime64[us]")[rows],
            }
            try:
                written = copy_binary(cursor, "bars", laid)
            except psycopg.errors.CheckViolation as error:
                raise DataCorrupt(f"market {self._market_id!r} holds an impossible bar: {error.diag.context}") from None
        if written >= MANY:
            self._analyse()
        return written

    def _analyse(self) -> None:
        """Tell the planner at once: of a market that it takes for empty it makes plans that never end."""
        with self._pool.connection() as connection:
            connection.execute(_SQL["analyse"])

    def append(self, bars: Sequence[Bar]) -> int:
        """Store bars one statement for all; a bar that is already there stays as it was first known.

        Returns the number of new bars.
        """
        if not bars:
            return 0
        columns: list[list[Any]] = [[bar.session for bar in bars], [bar.ticker for bar in bars]]
        columns += [[getattr(bar, name) for bar in bars] for name in FIELDS]
        columns.append([bar.known_at for bar in bars])
        with self._pool.connection() as connection:
            return connection.execute(_SQL["append"], [self._market_id, *columns]).rowcount

    def panel_until(self, last: date | None) -> tuple[Panel, Instants]:
        """Every bar up to and including session `last` (None: all), tickers in alphabetical order.

        The second array has the panel's shape: when each bar became known (datetime64[us], UTC), NaT where there is
        no bar.
        """
        until = date.max if last is None else last
        with self._pool.connection() as connection, connection.cursor() as cursor:
            cursor.execute(_SQL["snapshot"])
            found = cursor.execute(_SQL["tickers"], [self._market_id, until]).fetchall()
            tickers = tuple(sorted(str(row[0]) for row in found))
            rows = read_binary(cursor, _SQL["read"], [list(tickers), self._market_id, until], _COLUMNS)
        return _panel(tickers, rows)


def _present(panel: Panel) -> NDArray[np.bool_]:
    """Cells that hold a bar; DataCorrupt where only some of the five fields are NaN."""
    missing = np.stack([np.isnan(getattr(panel, name)) for name in FIELDS])
    torn = missing.any(axis=0) & ~missing.all(axis=0)
    if bool(torn.any()):
        row, column = np.argwhere(torn)[0]
        raise DataCorrupt(f"{panel.tickers[column]} {panel.sessions[row]}: some of the bar's fields are NaN")
    present: NDArray[np.bool_] = ~missing[0]
    return present


def _panel(tickers: tuple[str, ...], rows: dict[str, NDArray[Any]]) -> tuple[Panel, Instants]:
    sessions, row = np.unique(rows["session"], return_inverse=True)
    shape, column = (len(sessions), len(tickers)), rows["place"] - 1
    fields = {name: np.full(shape, np.nan) for name in FIELDS}
    for name, values in fields.items():
        values[row, column] = rows[name]
    known_at = np.full(shape, np.datetime64("NaT"), dtype="datetime64[us]")
    known_at[row, column] = rows["known_at"]
    return Panel(sessions=sessions.astype("datetime64[D]"), tickers=tickers, **fields), known_at
