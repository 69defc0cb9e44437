"""The feature rows that decisions were made on, in PostgreSQL: written once, never changed."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np

from tenthman.db.pool import Pool
from tenthman.db.sql import load_queries
from tenthman.domain.checks import require_aware
from tenthman.domain.errors import DataCorrupt
from tenthman.domain.features import FeaturePanel
from tenthman.domain.market import Floats

_SQL = load_queries("tenthman.features", "store.sql")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FeatureRow:
    """One ticker's features as a decision read them; NaN where one was undefined. `session` is the last bar read."""

    ticker: str
    session: date
    as_of: datetime
    names: tuple[str, ...]
    values: Floats


def save_rows(
    pool: Pool, market_id: str, features: FeaturePanel, row: int, tickers: tuple[str, ...], as_of: datetime
) -> int:
    """Store the features of `tickers` in `row` as read at `as_of`; returns how many rows were new.

    A row that is there already must be equal, to the bit: DataCorrupt otherwise, and nothing is stored.
    """
    require_aware("as_of", as_of)
    where = {"market_id": market_id, "feature_set_hash": features.set_hash, "as_of": as_of}
    session: date = features.sessions[row].astype(date)
    with pool.connection() as connection, connection.cursor() as cursor:
        stored = {found[0]: _row(found) for found in cursor.execute(_SQL["select_rows"], where)}
        fresh = []
        for ticker in tickers:
            values = features.values[row, features.tickers.index(ticker)]
            held = stored.get(ticker)
            if held is None:
                fresh.append({**where, "ticker": ticker, "session": session, "names": list(features.names)})
                fresh[-1]["values"] = values.tolist()
            elif not np.array_equal(held.values, values, equal_nan=True) or held.session != session:
                raise DataCorrupt(f"{ticker}: features read at {as_of} must equal the stored ones, which differ")
        cursor.executemany(_SQL["insert_row"], fresh)
    return len(fresh)


def _row(found: tuple[Any, ...]) -> FeatureRow:
    ticker, session, as_of, names, values = found
    return FeatureRow(
        ticker=ticker, session=session, as_of=as_of, names=tuple(names), values=np.array(values, dtype=np.float64)
    )
