"""What tests share: the private data when it is there, one embedded PostgreSQL, and a fresh database for each test."""

import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from xdist.scheduler import LoadFileScheduling

from tenthman.config import DatabaseSettings
from tenthman.db.embedded import open_embedded
from tenthman.db.migrate import migrate
from tenthman.db.pool import Pool, open_pool
from tenthman.db.supervisor import read_postmaster

DATABASE_SETTINGS = DatabaseSettings(pool_size=4, connect_timeout_s=10, statement_timeout_s=60)
MEMORY = Path("/dev/shm")
ROOMY_BYTES = 4 * 1024**3


class Parcels(LoadFileScheduling):
    """Hands a file's tests to one process, and all files of a folder whose `conftest.py` holds what they share."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        folder = Path(file).parent
        return str(folder) if (self.config.rootpath / folder / "conftest.py").is_file() else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Parcels:
    """How tests are shared out, whatever `--dist` says."""
    return Parcels(config, log)


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Bytes, which may be long and may hold what differs between two processes, are told apart by a number."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The private data folder: TENTHMAN_SHARED, else `../shared/data` beside the checkout."""
    checkout = Path(__file__).resolve().parents[1]
    folder = Path(os.environ.get("TENTHMAN_SHARED", checkout.parent / "shared" / "data"))
    if not (folder / "prices_daily_2010_2021.parquet").is_file():
        pytest.skip(
            f"NO PRIVATE DATA at {folder}: this test did NOT run; set TENTHMAN_SHARED to the folder that has it"
        )
    return folder


def _room() -> Path | None:
    """Memory where there is plenty: who waits for the disk learns nothing. None: where temporary files go."""
    roomy = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ROOMY_BYTES
    return MEMORY if roomy else None


@contextmanager
def _server_home() -> Iterator[Path]:
    """An empty home that the server's user can enter, which pytest's own folders are not when root runs the tests."""
    folder = Path(tempfile.mkdtemp(prefix="tenthman-tests-", dir=_room()))
    folder.chmod(0o755)
    yield folder
    deadline = time.monotonic() + 30.0
    while read_postmaster(folder / "postgres") is not None and time.monotonic() < deadline:
        time.sleep(0.05)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def reachable_home() -> Iterator[Path]:
    """A home of this test's own for an embedded server."""
    with _server_home() as folder:
        yield folder


@pytest.fixture(scope="module")
def module_home() -> Iterator[Path]:
    """A home that the tests of one module share."""
    with _server_home() as folder:
        yield folder


@pytest.fixture(scope="session")
def session_home() -> Iterator[Path]:
    """A home that tests of several modules share."""
    with _server_home() as folder:
        yield folder


@pytest.fixture(scope="session")
def database_url() -> Iterator[str]:
    """One embedded server for the whole session; its database holds the migrated schema and nothing else."""
    with _server_home() as folder, open_embedded(folder) as database:
        with open_pool(database.url, DATABASE_SETTINGS) as opened:
            migrate(opened)
            with opened.connection() as connection:
                # Who waits for the disk at each commit learns nothing here: this server is never cut off.
                connection.execute("ALTER ROLE ALL SET synchronous_commit = off")
        yield database.url


@pytest.fixture
def fresh_database_url(database_url: str) -> Iterator[str]:
    """A database of this test's own, copied from the migrated one and dropped afterwards."""
    name = f"test_{uuid.uuid4().hex}"
    template = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
    with psycopg.connect(make_conninfo(database_url, dbname="postgres"), autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(str(template)))
        )
        yield make_conninfo(database_url, dbname=name)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def pool(fresh_database_url: str) -> Iterator[Pool]:
    """A pool on this test's own database."""
    with open_pool(fresh_database_url, DATABASE_SETTINGS) as opened:
        yield opened
