"""Migrations: numbered SQL files, applied once each, in order, in one transaction."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files

from tenthman.db.pool import Pool
from tenthman.domain.errors import SetupError

MIGRATIONS_LOCK = 7_305_002

_FORMER = {"0016_grounds": "64b46756f85b16b96d92d0b20234284973162287971e9bf4a8012240336784b5"}
"""What a migration was before it was mended for stores that it failed on; where it went through, that stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One file of `db/migrations`."""

    name: str
    sql: bytes

    @property
    def sha256(self) -> str:
        """Hash of the file, kept with the name: an applied migration must never change."""
        return hashlib.sha256(self.sql).hexdigest()


def shipped_migrations() -> tuple[Migration, ...]:
    """The migrations of this version, by number."""
    folder = files("tenthman.db") / "migrations"
    found = [item for item in folder.iterdir() if item.name.endswith(".sql")]
    return tuple(
        Migration(name=item.name.removesuffix(".sql"), sql=item.read_bytes())
        for item in sorted(found, key=lambda item: item.name)
    )


def migrate(pool: Pool, migrations: tuple[Migration, ...] | None = None) -> list[str]:
    """Apply what is missing and return its names; several processes may do so at once.

    Raises SetupError when the database holds a migration that this version does not know, or knows otherwise.
    """
    shipped = shipped_migrations() if migrations is None else migrations
    with pool.connection() as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [MIGRATIONS_LOCK])
        connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations (name text PRIMARY KEY, sha256 text NOT NULL, "
            "applied_at timestamptz NOT NULL DEFAULT now())"
        )
        rows = connection.execute("SELECT name, sha256 FROM schema_migrations").fetchall()
        missing = _missing(shipped, {str(name): str(sha256) for name, sha256 in rows})
        # The bound is for a desk at work; a large store that takes longer would never get through.
        connection.execute("SET LOCAL statement_timeout = 0")
        for migration in missing:
            connection.execute(migration.sql)
            connection.execute(
                "INSERT INTO schema_migrations (name, sha256) VALUES (%s, %s)", [migration.name, migration.sha256]
            )
    return [migration.name for migration in missing]


def _missing(shipped: tuple[Migration, ...], applied: dict[str, str]) -> list[Migration]:
    unknown = sorted(set(applied) - {migration.name for migration in shipped})
    if unknown:
        raise SetupError(
            f"the database was migrated by a newer version (it has {', '.join(unknown)}): upgrade this one, "
            "or point it at another database"
        )
    for migration in shipped:
        if applied.get(migration.name, migration.sha256) not in (migration.sha256, _FORMER.get(migration.name)):
            raise SetupError(
                f"migration {migration.name} was changed after it had been applied: restore the file, "
                "or point this version at another database"
            )
    missing = [migration for migration in shipped if migration.name not in applied]
    if missing and applied and missing[0].name < max(applied):
        raise SetupError(f"migration {missing[0].name} comes before {max(applied)}, which is already applied")
    return missing
