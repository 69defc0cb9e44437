"""Trials and looks: how often something was tried on a market, and how often the data kept aside was looked at.

The best of many tries looks good by luck (Bailey and Lopez de Prado, 2014), so every try is counted, and only once.
"""

from dataclasses import dataclass
from datetime import date, datetime

from tenthman.db.pool import Pool
from tenthman.db.sql import load_queries
from tenthman.domain.checks import require_text
from tenthman.domain.market import Period

_SQL = load_queries("tenthman.ml", "registry.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialCount:
    """`n` distinct trials on a market; `variance_of_sharpes` over the `with_sharpe` whose Sharpe ratio is known.

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


def record_trial(
    pool: Pool, market_id: str, key: str, kind: str, at: datetime, sharpe: float | None = None
) -> TrialCount:
    """Count the trial `key` on the market, with its Sharpe ratio of one session where it is known; tells the count.

    A key counts once however often it is recorded, and keeps the first Sharpe ratio given. The market must be stored.
    """
    require_text("key", key)
    with pool.connection() as connection:
        row = {"market_id": market_id, "key": key, "kind": kind, "at": at, "sharpe": sharpe}
        connection.execute(_SQL["insert_trial"], row)
        if sharpe is not None:
            connection.execute(_SQL["insert_sharpe"], row)
    return trials(pool, market_id)


def trials(pool: Pool, market_id: str) -> TrialCount:
    """How many distinct trials the market has seen."""
    with pool.connection() as connection:
        row = connection.execute(_SQL["count_trials"], {"market_id": market_id}).fetchone()
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
    """Every look at any part of `period` (None: at anything) on the market, in order."""
    first: date | None = period.first if period else None
    last: date | None = period.last if period else None
    with pool.connection() as connection:
        where = {"market_id": market_id, "first": first, "last": last}
        rows = connection.execute(_SQL["looks"], where).fetchall()
    return tuple(Look(period=Period(first=row[0], last=row[1]), key=row[2], at=row[3]) for row in rows)
