"""The desk's database: DATABASE_URL where it is set, the embedded server under TENTHMAN_HOME otherwise."""

from collections.abc import Iterator
from contextlib import contextmanager

from tenthman.config import Config
from tenthman.db.embedded import open_embedded
from tenthman.db.migrate import migrate
from tenthman.db.pool import Pool, open_pool


@contextmanager
def open_storage(config: Config) -> Iterator[Pool]:
    """A pool on a migrated database, closed again (and the embedded server let go) at the end of the block."""
    if config.secrets.database_url is not None:
        with open_pool(config.secrets.database_url.get_secret_value(), config.settings.database) as pool:
            migrate(pool)
            yield pool
        return
    with open_embedded(config.home) as server, open_pool(server.url, config.settings.database) as pool:
        migrate(pool)
        yield pool
