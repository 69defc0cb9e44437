"""Demotions and reinstatements of committees, for a person to see and to undo."""

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from tenthman.db.pool import Pool
from tenthman.db.sql import load_queries
from tenthman.domain.errors import ConfigError
from tenthman.scheduler.outcomes.story import require_paper_run
from tenthman.scheduler.record import CommitteeKey
from tenthman.scheduler.state.ledger import Ledger

_SQL = load_queries("tenthman.scheduler.committee", "standings.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingChange:
    """One demotion or reinstatement ("demoted", "reinstated")."""

    model: str
    model_digest: str
    template_hash: str
    standing: str
    reason: str
    evidence: dict[str, object]
    changed_by: str
    changed_at: datetime


def standings(pool: Pool, run: str | None) -> tuple[StandingChange, ...]:
    """Every change in `run` (None: the newest paper run), or in all runs of its account, oldest first."""
    with pool.connection() as connection, connection.cursor(row_factory=class_row(StandingChange)) as cursor:
        return tuple(cursor.execute(_SQL["standings"], {"run": require_paper_run(pool, run)}).fetchall())


def reinstate(
    pool: Pool, run: str | None, digest: str, reason: str, person: str, at: datetime
) -> tuple[CommitteeKey, ...]:
    """Reinstate every demoted committee whose model digest begins with `digest`. ConfigError when there is none."""
    ledger = Ledger.attach(pool, require_paper_run(pool, run))
    chosen = [item for item in sorted(ledger.demoted_committees()) if item.model_digest.startswith(digest)]
    if not chosen:
        raise ConfigError(
            f"no demoted committee has a digest beginning with {digest!r}: see `tenthman committee status`"
        )
    for committee in chosen:
        ledger.reinstate_committee(committee, reason, person, at)
    return tuple(chosen)
