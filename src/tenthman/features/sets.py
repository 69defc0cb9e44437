"""Feature sets of whole markets in PostgreSQL: named by the hash of their definitions, built session by session.

Another formula makes another hash, so features of different versions lie beside each other and are never mixed.
"""

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenthman.db.copy import FLOAT8_OID, Column, Text, copy_binary
from tenthman.db.pool import Pool
from tenthman.db.sql import load_queries
from tenthman.domain.errors import DataCorrupt
from tenthman.domain.features import FeaturePanel
from tenthman.domain.market import Floats, Sessions

_SQL = load_queries("tenthman.features", "sets.sql")

KEY = ("market_id", "feature_set_hash")

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSet:
    """A stored set; `first` and `last` session are None while it holds no rows."""

    set_hash: str
    names: tuple[str, ...]
    definitions: tuple[str, ...]
    rows: int
    first: date | None
    last: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """How many rows are new, had other values before, or are of no member any more."""

    added: int
    changed: int
    removed: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FeatureRow:
    """One ticker's features in one session, in the order of the set's names; NaN where one is undefined."""

    ticker: str
    session: date
    values: Floats


class FeatureStore:
    """The feature sets of one market, which must be stored itself."""

    def __init__(self, pool: Pool, market_id: str) -> None:
        self._pool = pool
        self._market_id = market_id

    def add(self, features: FeaturePanel, member: Mask) -> int:
        """Store the sessions of `features` that are not there yet, cells of `member` alone; returns how many rows.

        All or nothing. DataCorrupt when a session that is there differs from the same one in `features`: then the
        market's past has changed, and `replace` stores what follows from it.
        """
        key = (self._market_id, features.set_hash)
        days = features.sessions.tolist()
        with self._pool.connection() as connection, connection.cursor() as cursor:
            cursor.execute(_SQL["lock"], [self._market_id])
            cursor.execute(_SQL["add_set"], [*key, list(features.names), list(features.definitions)])
            digests: dict[date, bytes] = dict(cursor.execute(_SQL["digests"], [*key, days[0], days[-1]]).fetchall())
            for row, day in enumerate(days):
                if day in digests and digests[day] != _digest(features, member, row):
                    held = cursor.execute(_SQL["session"], [*key, day]).fetchall()
                    _require_equal(features, member, row, dict(held))
            fresh = member & np.array([day not in digests for day in days])[:, np.newaxis]
            if not (added := int(np.count_nonzero(fresh))):
                return 0
            ones = np.zeros(added, dtype=np.intp)
            of_set = {name: Text(labels=(part,), codes=ones) for name, part in zip(KEY, key, strict=True)}
            copy_binary(cursor, "feature_values", of_set | _columns(features, fresh))
        self._analyse()
        return added

    def replace(self, features: FeaturePanel, member: Mask) -> Replaced:
        """Make what is stored of the sessions of `features`, from the first to the last, cells of `member` alone.

        All or nothing. Rows that are equal already stay untouched.
        """
        key = (self._market_id, features.set_hash)
        span = [day.item() for day in features.sessions[[0, -1]]]
        with self._pool.connection() as connection, connection.cursor() as cursor:
            cursor.execute(_SQL["lock"], [self._market_id])
            cursor.execute(_SQL["add_set"], [*key, list(features.names), list(features.definitions)])
            cursor.execute(_SQL["computed"])
            copy_binary(cursor, "computed", _columns(features, member))
            removed = cursor.execute(_SQL["remove_gone"], [*key, *span]).rowcount
            changed = cursor.execute(_SQL["replace_changed"], key).rowcount
            added = cursor.execute(_SQL["add_new"], key).rowcount
        self._analyse()
        return Replaced(added=added, changed=changed, removed=removed)

    def sets(self) -> list[FeatureSet]:
        """What is stored, the one that reaches furthest first."""
        with self._pool.connection() as connection:
            found = connection.execute(_SQL["sets"], [self._market_id]).fetchall()
        return [
            FeatureSet(
                set_hash=row[0], names=tuple(row[1]), definitions=tuple(row[2]), rows=row[3], first=row[4], last=row[5]
            )
            for row in found
        ]

    def forget(self, set_hash: str) -> int:
        """Remove a set with its rows and return how many those were; 0 where there is no such set."""
        key = [self._market_id, set_hash]
        with self._pool.connection() as connection:
            rows = connection.execute(_SQL["forget_values"], key).rowcount
            connection.execute(_SQL["forget_set"], key)
        return rows

    def read(self, set_hash: str, ticker: str, first: date, last: date) -> tuple[Sessions, Floats]:
        """Sessions `first`..`last` in which `ticker` was a member, and its features (sessions, names), bit for bit."""
        with self._pool.connection() as connection, connection.cursor(binary=True) as cursor:
            found = cursor.execute(_SQL["range"], [self._market_id, set_hash, ticker, first, last]).fetchall()
        sessions = np.array([row[0] for row in found], dtype="datetime64[D]")
        return sessions, np.array([row[1] for row in found], dtype=np.float64)

    def drawn(self, set_hash: str, count: int, seed: int) -> list[FeatureRow]:
        """`count` rows drawn without order, the same ones for the same seed."""
        with self._pool.connection() as connection, connection.cursor(binary=True) as cursor:
            found = cursor.execute(_SQL["random"], [self._market_id, set_hash, f" {seed}", count]).fetchall()
        return [FeatureRow(ticker=row[0], session=row[1], values=np.array(row[2], dtype=np.float64)) for row in found]

    def _analyse(self) -> None:
        with self._pool.connection() as connection:
            connection.execute(_SQL["analyse"])


def _columns(features: FeaturePanel, chosen: Mask) -> dict[str, Column]:
    rows, columns = np.nonzero(chosen)
    return {
        "ticker": Text(labels=features.tickers, codes=columns),
        "session": features.sessions[rows],
        "values": features.values[chosen],
    }


def _digest(features: FeaturePanel, member: Mask, row: int) -> bytes:
    """SHA-256 of one session's rows by ticker, each as PostgreSQL sends an array: no row need be read to compare it."""
    columns = sorted(np.flatnonzero(member[row]).tolist(), key=features.tickers.__getitem__)
    sent = np.empty((len(columns), len(features.names)), dtype=[("bytes", ">i4"), ("value", ">f8")])
    sent["bytes"], sent["value"] = 8, features.values[row, columns]
    head = struct.pack(">5i", 1, 0, FLOAT8_OID, len(features.names), 1)
    rows = (features.tickers[column].encode() + head + own.tobytes() for column, own in zip(columns, sent, strict=True))
    return hashlib.sha256(b"".join(rows)).digest()


def _require_equal(features: FeaturePanel, member: Mask, row: int, held: dict[str, Sequence[Any]]) -> None:
    computed = {
        ticker: features.values[row, column] for column, ticker in enumerate(features.tickers) if member[row, column]
    }
    wrong = sorted(held.keys() ^ computed.keys()) or sorted(
        ticker
        for ticker, values in computed.items()
        if not np.array_equal(values, np.array(held[ticker], dtype=np.float64), equal_nan=True)
    )
    if wrong:
        raise DataCorrupt(
            f"{wrong[0]} in {features.sessions[row]}: the stored features must equal those computed now, which differ: "
            "the market's past has changed since; `tenthman features build --replace` rewrites what differs"
        )
