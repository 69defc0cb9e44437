"""The desk's database: DATABASE_URL where it is set, the embedded server under TENTHMAN_HOME otherwise."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import structlog

from tenthman.config import Config
from tenthman.db.embedded import open_embedded
from tenthman.db.migrate import migrate
from tenthman.db.pool import Pool, open_pool
from tenthman.domain.errors import SetupError

log = structlog.get_logger(__name__)


@contextmanager
def open_storage(config: Config) -> Iterator[Pool]:
    """A pool on a migrated database, closed again (and the embedded server let go) at the end of the block.

    Raises SetupError when the database cannot be had, and when it is lost inside the block.
    """
    try:
        with _opened(config) as pool:
            yield pool
    except psycopg.OperationalError as error:
        log.exception("database lost")
        raise SetupError(
            f"the database does not answer any more; what was committed is kept, run the command again: {error}"
        ) from error


@contextmanager
def _opened(config: Config) -> Iterator[Pool]:
    if config.secrets.database_url is not None:
        with open_pool(config.secrets.database_url.get_secret_value(), config.settings.database) as pool:
            migrate(pool)
            yield pool
        return
    with open_embedded(config.home) as server, open_pool(server.url, config.settings.database) as pool:
        migrate(pool)
        yield pool
