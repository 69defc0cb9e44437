"""A run held against a second desk: the session that has the lock is the session that writes the run's record.

PostgreSQL drops the lock with the session, however it ends: this process killed, the server restarted, the line cut.
From that moment another desk may take the run over, and this one can write nothing more to it. As everything is
recorded before it is done, a desk that has lost its run does nothing more either.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock

import psycopg
from psycopg.conninfo import make_conninfo

from tenthman.db.pool import Pool
from tenthman.db.sql import load_queries
from tenthman.domain.errors import SetupError
from tenthman.scheduler.state.run import Cursor

_SQL = load_queries("tenthman.scheduler.state", "hold.sql")
KEEPALIVE = {"keepalives_idle": 60, "keepalives_interval": 15, "keepalives_count": 4, "tcp_user_timeout": 120_000}
"""A session that is idle for hours is kept alive, and one whose server is gone is known to be after two minutes, also
where a statement is on its way to it."""


class Hold:
    """The lock on a run, and the one session that may write to it. Made by `hold_run`."""

    def __init__(self, connection: psycopg.Connection[tuple[object, ...]], run_id: str) -> None:
        self._connection = connection
        self._run_id = run_id
        self._turn = Lock()

    @contextmanager
    def recording(self) -> Iterator[Cursor]:
        """One transaction, committed at the end of the block. SetupError when the session, and so the run, was lost."""
        with self._turn:
            try:
                with self._connection.cursor() as cursor:
                    yield cursor
                self._connection.commit()
            except BaseException as error:
                with suppress(psycopg.OperationalError):
                    self._connection.rollback()
                if isinstance(error, psycopg.OperationalError) and self._connection.closed:
                    raise SetupError(
                        f"the database session that keeps other desks out of run {self._run_id} was lost (PostgreSQL "
                        "was restarted, or the line was cut): this desk stops; what was committed is kept, run the "
                        f"command again: {error}"
                    ) from error
                raise

    def close(self) -> None:
        """Let the run go."""
        self._connection.close()


def hold_run(pool: Pool, run_id: str) -> Hold:
    """Take the run, over a session of its own, waiting while another desk has it. SetupError when it keeps it."""
    with pool.connection() as connection:
        conninfo = make_conninfo(connection.info.dsn, password=connection.info.password, **KEEPALIVE)
    session = psycopg.connect(conninfo)
    try:
        session.execute(_SQL["hold_run"], [run_id])
        session.commit()
    except psycopg.errors.QueryCanceled:
        session.close()
        raise SetupError(f"run {run_id} is held by another desk, which must be stopped first") from None
    except BaseException:
        session.close()
        raise
    return Hold(session, run_id)
