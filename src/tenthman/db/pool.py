"""Connections: one pool, with timeouts, and the vector type known on every connection."""

from collections.abc import Mapping
from typing import Any, LiteralString

import psycopg
from pgvector.psycopg import register_vector
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool, PoolTimeout

from tenthman.config import DatabaseSettings
from tenthman.domain.errors import SetupError

APPLICATION = "tenthman"
EXTENSION_LOCK = 7_305_001

Pool = ConnectionPool[psycopg.Connection[tuple[Any, ...]]]


def named_rows(pool: Pool, query: LiteralString, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
    """Every row that `query` finds, by the names of its columns, in a transaction of its own."""
    with pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, parameters).fetchall()


def open_pool(url: str, settings: DatabaseSettings) -> Pool:
    """Open connections to `url` and wait until they stand; close the pool, or use it as a context manager.

    Transactions begin on their own and end with `pool.connection()`. Filtered vector searches go on until they have
    found enough (`hnsw.iterative_scan`). Raises SetupError, naming the server without its password, when it cannot be
    reached or lacks pgvector.
    """
    conninfo = _conninfo(url, settings)
    _ensure_vector(conninfo, url)
    pool: Pool = ConnectionPool(
        conninfo,
        min_size=1,
        max_size=settings.pool_size,
        timeout=settings.connect_timeout_s,
        configure=_configure,
        check=ConnectionPool.check_connection,
        name=APPLICATION,
        open=False,
    )
    try:
        pool.open(wait=True, timeout=settings.connect_timeout_s)
    except PoolTimeout as error:
        pool.close()
        raise SetupError(f"no connection to {masked(url)} within {settings.connect_timeout_s} s: {error}") from None
    return pool


def masked(url: str) -> str:
    """`url` for people to read: where and as whom, never the password."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        return "the address in DATABASE_URL (it cannot be read)"
    user = parts.get("user", "(default user)")
    host, port = parts.get("host", "(local socket)"), parts.get("port", 5432)
    return f"postgresql://{user}:***@{host}:{port}/{parts.get('dbname', '')}"


def _conninfo(url: str, settings: DatabaseSettings) -> str:
    try:
        return make_conninfo(
            url,
            connect_timeout=max(2, round(settings.connect_timeout_s)),
            application_name=APPLICATION,
            options=f"-c statement_timeout={round(settings.statement_timeout_s * 1000)} -c timezone=UTC "
            "-c hnsw.iterative_scan=strict_order",
        )
    except psycopg.ProgrammingError:
        # What libpq says of it may quote the password.
        raise SetupError(
            "DATABASE_URL must be an address such as postgresql://user:password@host:5432/database; it cannot be read"
        ) from None


def _ensure_vector(conninfo: str, url: str) -> None:
    """The vector type must exist before the first pooled connection, which looks up its number."""
    try:
        with psycopg.connect(conninfo) as connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [EXTENSION_LOCK])
            found = connection.execute("SELECT 1 FROM pg_extension WHERE extname = 'vector'").fetchone()
            if found is None:
                connection.execute("CREATE EXTENSION vector")
    except psycopg.OperationalError as error:
        raise SetupError(f"the database {masked(url)} cannot be reached: {error}") from None
    except (psycopg.errors.FeatureNotSupported, psycopg.errors.UndefinedFile):
        raise SetupError(f"the server of {masked(url)} has no pgvector: install it there (0.8 or newer)") from None
    except psycopg.errors.InsufficientPrivilege:
        raise SetupError(
            f"the user of {masked(url)} may not install pgvector: have its owner run `CREATE EXTENSION vector` there"
        ) from None


def _configure(connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    register_vector(connection)
    connection.commit()
