"""Trials and looks: how often something was tried on a market, and how often the data kept aside was looked at.

The best of many tries looks good by luck (Bailey and Lopez de Prado, 2014), so every try is counted, and only once.
They count for a history, not for one version of its data: markets, however they are stamped, are one history when at
least half the names of the smaller have prices in both at the same time; practice markets, when they have one name.
"""

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from tenthman.db.pool import Pool
from tenthman.db.sql import load_queries
from tenthman.domain.checks import require_text
from tenthman.domain.market import Panel, Period

_SQL = load_queries("tenthman.ml", "registry.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialCount:
    """`n` distinct trials on one history; `variance_of_sharpes` over the `with_sharpe` whose Sharpe ratio is known.

    Sharpe ratios are of one session, not annualised; the variance is the sample's, None with fewer than two.
    """

    n: int
    with_sharpe: int
    variance_of_sharpes: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at a period that was kept out of sample, and at what of it."""

    period: Period
    key: str
    at: datetime


def record_ground(pool: Pool, market_id: str, panel: Panel) -> None:
    """Keep which names the market has bars of, and from when to when. The market must be stored."""
    present = ~np.isnan(panel.close)
    days: list[date] = panel.sessions.tolist()
    rows = [
        {
            "market_id": market_id,
            "ticker": ticker,
            "first": days[int(present[:, column].argmax())],
            "last": days[len(days) - 1 - int(present[::-1, column].argmax())],
        }
        for column, ticker in enumerate(panel.tickers)
        if present[:, column].any()
    ]
    with pool.connection() as connection, connection.cursor() as cursor:
        cursor.executemany(_SQL["widen_ground"], rows)


def same_history(pool: Pool, market_id: str) -> tuple[str, ...]:
    """The stored markets whose history is that of this one, itself among them; none when it is not stored."""
    with pool.connection() as connection:
        rows = connection.execute(_SQL["same_history"], {"market_id": market_id}).fetchall()
    return tuple(row[0] for row in rows)


def record_trial(pool: Pool, market_id: str, key: str, kind: str, at: datetime, sharpe: float | None = None) -> None:
    """Count the trial `key` on the market's history, with its Sharpe ratio of one session if known.

    A key counts once however often it is recorded, and keeps the first Sharpe ratio given. The market must be stored.
    """
    require_text("key", key)
    with pool.connection() as connection:
        row = {"market_id": market_id, "key": key, "kind": kind, "at": at, "sharpe": sharpe}
        connection.execute(_SQL["insert_trial"], row)
        if sharpe is not None:
            connection.execute(_SQL["insert_sharpe"], row)


def trials(pool: Pool, market_id: str) -> TrialCount:
    """How many distinct trials the history of the market has seen."""
    where = {"markets": list(same_history(pool, market_id))}
    with pool.connection() as connection:
        row = connection.execute(_SQL["count_trials"], where).fetchone()
    n, known, variance = row or (0, 0, None)
    return TrialCount(n=n, with_sharpe=known, variance_of_sharpes=variance)


def record_look(pool: Pool, market_id: str, period: Period, key: str, at: datetime) -> int:
    """Count a look at `period`, a repeated one too; tells how many looks at any part of it there were."""
    require_text("key", key)
    with pool.connection() as connection:
        row = {"market_id": market_id, "first": period.first, "last": period.last, "key": key, "at": at}
        connection.execute(_SQL["insert_look"], row)
    return len(looks(pool, market_id, period))


def looks(pool: Pool, market_id: str, period: Period | None = None) -> tuple[Look, ...]:
    """Every look at any part of `period` (None: at anything) in the history of the market, in order."""
    first: date | None = period.first if period else None
    last: date | None = period.last if period else None
    where = {"markets": list(same_history(pool, market_id)), "first": first, "last": last}
    with pool.connection() as connection:
        rows = connection.execute(_SQL["looks"], where).fetchall()
    return tuple(Look(period=Period(first=row[0], last=row[1]), key=row[2], at=row[3]) for row in rows)
