"""Stored critiques, found by ticker, agent, stance, verdict, run and date: of runs, and those asked for by hand."""

from dataclasses import asdict, dataclass
from datetime import date, datetime

from psycopg.rows import class_row

from tenthman.db.pool import Pool
from tenthman.db.sql import load_queries

_SQL = load_queries("tenthman.scheduler.committee", "critiques.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What to look for; None leaves nothing out. `run` is the beginning of a run's id, dates are sessions, included.

    `asked`: only debates that a person asked for, or only those of runs.
    """

    ticker: str | None = None
    role: str | None = None
    stance: str | None = None
    verdict: str | None = None
    run: str | None = None
    first: date | None = None
    last: date | None = None
    asked: bool | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCritique:
    """One critic's opinion of one entry, and the `verdict` that the entry came to. `asked`: by hand, in no run."""

    run_id: str
    decision_id: str
    session: date
    slot: str
    as_of: datetime
    ticker: str
    role: str
    model: str
    template_hash: str
    binding: bool
    state: str
    stance: str
    size_fraction: float
    reasons: list[str]
    cited: list[str]
    confidence_pct: int
    latency_ms: int
    verdict: str
    asked: bool
    detail: str


def find_critiques(pool: Pool, search: Search) -> tuple[StoredCritique, ...]:
    """The critiques that `search` asks for, the newest first."""
    with pool.connection() as connection, connection.cursor(row_factory=class_row(StoredCritique)) as cursor:
        return tuple(cursor.execute(_SQL["critiques"], asdict(search), prepare=False).fetchall())


def count_critiques(pool: Pool, search: Search) -> int:
    """How many there are, whatever `search.limit` says."""
    with pool.connection() as connection:
        row = connection.execute(_SQL["count_critiques"], asdict(search), prepare=False).fetchone()
    assert row is not None
    return int(row[0])
