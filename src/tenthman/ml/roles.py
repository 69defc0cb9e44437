"""What models are to their market: one champion, challengers in its shadow, and the retired. Nothing is forgotten."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from tenthman.db.pool import Pool
from tenthman.db.sql import load_queries
from tenthman.domain.canonical import plain
from tenthman.domain.errors import DataMissing
from tenthman.ml.promotion import GateCheck

_SQL = load_queries("tenthman.ml", "registry.sql")

Cursor = psycopg.Cursor[tuple[Any, ...]]


class ModelRole(Enum):
    """CHAMPION proposes, CHALLENGER is only watched, RETIRED was either."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleEvent:
    """A model was given a role: when, by whom, why, and what the gate saw where it was asked.

    `restored`: by a rollback, which undoes the promotion before it.
    """

    version: str
    role: ModelRole
    reason: str
    checks: Sequence[dict[str, Any]]
    restored: bool
    changed_by: str
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Who gives a role, why and when."""

    reason: str
    changed_by: str
    at: datetime
    checks: tuple[GateCheck, ...] = ()


def champion(pool: Pool, market_id: str) -> str | None:
    """The version that proposes on the market; None when no model was ever promoted there."""
    return next(iter(_holding(_roles(pool, market_id), ModelRole.CHAMPION)), None)


def challengers(pool: Pool, market_id: str) -> tuple[str, ...]:
    """The versions that are watched on the market, by name."""
    return _holding(_roles(pool, market_id), ModelRole.CHALLENGER)


def markets_with_champion(pool: Pool) -> tuple[str, ...]:
    """The markets on which a model was ever champion, by id."""
    with pool.connection() as connection:
        return tuple(row[0] for row in connection.execute(_SQL["markets_with_champion"]).fetchall())


def challenge(pool: Pool, market_id: str, version: str, change: Change) -> None:
    """Have `version` watched in the champion's shadow; nothing changes for one that has a role already."""
    with pool.connection() as connection, connection.cursor() as cursor:
        cursor.execute(_SQL["serialise_roles"])
        if _current(cursor, market_id).get(version) in (None, ModelRole.RETIRED):
            _give(cursor, market_id, version, ModelRole.CHALLENGER, change)


def promote(pool: Pool, market_id: str, version: str, change: Change) -> str | None:
    """Make `version` champion and retire the one before, whose version is returned (None: there was none)."""
    with pool.connection() as connection, connection.cursor() as cursor:
        cursor.execute(_SQL["serialise_roles"])
        return _crown(cursor, market_id, version, change)


def rollback(pool: Pool, market_id: str, change: Change) -> tuple[str, str]:
    """Give the role of champion back to the one before; returns (retired now, champion now).

    A second rollback goes one further back: champions that were rolled back from do not count. DataMissing when there
    is none to go back to.
    """
    with pool.connection() as connection, connection.cursor() as cursor:
        cursor.execute(_SQL["serialise_roles"])
        cursor.execute(_SQL["role_events"], {"market_id": market_id})
        line = _succession([_event(row) for row in cursor.fetchall()])
        if len(line) < 2:
            raise DataMissing(f"market {market_id} must have had two champions to roll back, had {len(line)}")
        _crown(cursor, market_id, line[-2], change, restored=True)
        return line[-1], line[-2]


def role_events(pool: Pool, market_id: str) -> tuple[RoleEvent, ...]:
    """Everything that happened to the roles of the market's models, in order."""
    with pool.connection() as connection:
        rows = connection.execute(_SQL["role_events"], {"market_id": market_id}).fetchall()
    return tuple(_event(row) for row in rows)


def _succession(events: Sequence[RoleEvent]) -> list[str]:
    """The champions as if those that were rolled back from had never been."""
    line: list[str] = []
    for event in events:
        if event.role is not ModelRole.CHAMPION:
            continue
        if event.restored:
            line.pop()
        else:
            line.append(event.version)
    return line


def _crown(cursor: Cursor, market_id: str, version: str, change: Change, *, restored: bool = False) -> str | None:
    roles = _current(cursor, market_id)
    before = next((name for name, role in roles.items() if role is ModelRole.CHAMPION), None)
    if before == version:
        return None
    if before is not None:
        _give(cursor, market_id, before, ModelRole.RETIRED, change)
    _give(cursor, market_id, version, ModelRole.CHAMPION, change, restored=restored)
    return before


def _give(
    cursor: Cursor, market_id: str, version: str, role: ModelRole, change: Change, *, restored: bool = False
) -> None:
    row = {
        "market_id": market_id,
        "version": version,
        "role": role.value,
        "reason": change.reason,
        "checks": Jsonb(plain(change.checks)),
        "restored": restored,
        "changed_by": change.changed_by,
        "changed_at": change.at,
    }
    cursor.execute(_SQL["insert_role"], row)


def _roles(pool: Pool, market_id: str) -> dict[str, ModelRole]:
    with pool.connection() as connection, connection.cursor() as cursor:
        return _current(cursor, market_id)


def _current(cursor: Cursor, market_id: str) -> dict[str, ModelRole]:
    cursor.execute(_SQL["roles"], {"market_id": market_id})
    return {version: ModelRole(role) for version, role in cursor.fetchall()}


def _holding(roles: dict[str, ModelRole], wanted: ModelRole) -> tuple[str, ...]:
    return tuple(version for version, role in roles.items() if role is wanted)


def _event(row: tuple[Any, ...]) -> RoleEvent:
    version, role, reason, checks, restored, changed_by, changed_at = row
    return RoleEvent(
        version=version,
        role=ModelRole(role),
        reason=reason,
        checks=checks,
        restored=restored,
        changed_by=changed_by,
        changed_at=changed_at,
    )
