"""The embedded server's promises: shared, never orphaned, mended after every way of dying."""

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

from tenthman.db import embedded
from tenthman.db.embedded import open_embedded
from tenthman.db.supervisor import Layout, read_postmaster
from tenthman.domain.errors import SetupError

CLIENT = """
import sys
from pathlib import Path
from tenthman.db.embedded import open_embedded
database = open_embedded(Path(sys.argv[1]))
print(database.url, flush=True)
sys.stdin.readline()
database.close()
"""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another user")


def eventually(condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@contextmanager
def client(home: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Another process that shares the server until its input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", CLIENT, str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        url = next(line for line in process.stdout if line.startswith("postgresql://")).strip()
        try:
            yield process, url
        finally:
            process.kill()


def answers(url: str) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=2) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False


def server_pid(home: Path) -> int:
    server = read_postmaster(home / "postgres")
    assert server is not None
    return server.pid


def parent_of(pid: int) -> int:
    shown = subprocess.run(["ps", "-o", "ppid=", "-p", str(pid)], capture_output=True, text=True, check=True)
    return int(shown.stdout)


def is_down(home: Path) -> bool:
    return read_postmaster(home / "postgres") is None


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def remember(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept (id int)")
        connection.execute("INSERT INTO kept VALUES (7)")


def remembered(url: str) -> bool:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT id FROM kept").fetchall() == [(7,)]


def test_the_server_stops_cleanly_when_nobody_uses_it_and_keeps_its_data(reachable_home: Path) -> None:
    with open_embedded(reachable_home) as database:
        remember(database.url)
        pid = server_pid(reachable_home)
        supervisor = parent_of(pid)
    assert eventually(lambda: is_down(reachable_home) and not is_alive(pid) and not is_alive(supervisor))
    assert "database system is shut down" in (reachable_home / "postgres.log").read_text()
    with open_embedded(reachable_home) as database:
        assert remembered(database.url)


def test_the_process_that_started_the_server_may_leave_first(reachable_home: Path) -> None:
    with client(reachable_home) as (first, first_url), open_embedded(reachable_home) as database:
        assert database.url == first_url
        assert first.stdin is not None
        first.stdin.close()
        assert first.wait(10) == 0
        pid = server_pid(reachable_home)
        assert not eventually(lambda: not is_alive(pid), seconds=3.0)
        assert answers(database.url)


def test_a_killed_client_leaves_no_server_behind(reachable_home: Path) -> None:
    with client(reachable_home) as (process, _url):
        pid = server_pid(reachable_home)
        supervisor = parent_of(pid)
        process.kill()
        assert eventually(lambda: not is_alive(pid) and not is_alive(supervisor), seconds=10.0)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's signal on a parent's death is Linux only")
def test_a_killed_supervisor_takes_the_server_down_and_the_next_start_mends_it(reachable_home: Path) -> None:
    with open_embedded(reachable_home) as database:
        remember(database.url)
        pid = server_pid(reachable_home)
        os.kill(parent_of(pid), signal.SIGKILL)
        assert eventually(lambda: not is_alive(pid), seconds=10.0)
        with open_embedded(reachable_home) as again:
            assert remembered(again.url)


def test_opening_right_after_the_supervisor_was_killed_waits_for_the_old_server(reachable_home: Path) -> None:
    with open_embedded(reachable_home) as database:
        remember(database.url)
        os.kill(parent_of(server_pid(reachable_home)), signal.SIGKILL)
        with open_embedded(reachable_home) as again:
            assert remembered(again.url)


def test_a_killed_server_comes_back_at_the_same_address_with_committed_rows(reachable_home: Path) -> None:
    with open_embedded(reachable_home) as database:
        remember(database.url)
        pid = server_pid(reachable_home)
        os.kill(pid, signal.SIGKILL)
        assert eventually(lambda: answers(database.url))
        assert server_pid(reachable_home) != pid
        assert remembered(database.url)


def test_a_stale_pid_file_that_names_another_program_is_mended(reachable_home: Path) -> None:
    with open_embedded(reachable_home) as database:
        remember(database.url)
    assert eventually(lambda: is_down(reachable_home))
    stale = reachable_home / "postgres" / "postmaster.pid"
    stale.write_text(f"{os.getpid()}\n{reachable_home / 'postgres'}\n1\n5432\n\n127.0.0.1\n  1 1\nready   \n")
    with open_embedded(reachable_home) as database:
        assert remembered(database.url)


def test_first_starts_at_the_same_time_end_with_one_server(reachable_home: Path) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-c", CLIENT, str(reachable_home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    outputs = [process.communicate("\n", timeout=60)[0] for process in started]
    urls = {line for output in outputs for line in output.splitlines() if line.startswith("postgresql://")}
    assert [process.returncode for process in started] == [0, 0, 0]
    assert len(urls) == 1


def test_the_password_is_private_and_needed(reachable_home: Path) -> None:
    with open_embedded(reachable_home) as database:
        layout = Layout(home=reachable_home)
        password = layout.password.read_text().strip()
        assert stat.S_IMODE(layout.password.stat().st_mode) == 0o600
        assert password in database.url
        assert password not in repr(database)
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(database.url.replace(password, "guess"))


def test_a_server_that_cannot_start_is_reported_with_the_end_of_its_log(reachable_home: Path) -> None:
    with open_embedded(reachable_home):
        pass
    assert eventually(lambda: is_down(reachable_home))
    with (reachable_home / "postgres" / "postgresql.conf").open("a") as settings:
        settings.write("no_such_setting = 1\n")
    with pytest.raises(SetupError, match='unrecognized configuration parameter "no_such_setting"'):
        open_embedded(reachable_home)


def test_a_folder_with_other_files_in_it_is_never_taken_for_a_database(reachable_home: Path) -> None:
    (reachable_home / "postgres").mkdir()
    (reachable_home / "postgres" / "thesis.txt").write_text("mine")
    with pytest.raises(SetupError, match="holds files but no database"):
        open_embedded(reachable_home)
    assert (reachable_home / "postgres" / "thesis.txt").read_text() == "mine"


def test_an_interrupted_first_start_is_begun_again(reachable_home: Path) -> None:
    (reachable_home / "postgres.new-halfway").mkdir()
    (reachable_home / "postgres.new-halfway" / "PG_VERSION").write_text("18")
    with open_embedded(reachable_home) as database:
        assert answers(database.url)
    assert not list(reachable_home.glob("postgres.new-*"))


def test_a_copy_of_the_installation_runs_by_itself(reachable_home: Path) -> None:
    spec = find_spec(embedded.PACKAGE)
    assert spec is not None
    assert spec.origin is not None
    (reachable_home / "copies").mkdir(mode=0o755)
    copy = reachable_home / "copies" / "1.0"
    embedded._copy_installation(Path(spec.origin).parent, copy)
    programs = copy / embedded.PACKAGE / embedded.INSTALLATION / "bin"
    for program in ("postgres", "initdb"):
        shown = subprocess.run([str(programs / program), "--version"], capture_output=True, text=True)
        assert "PostgreSQL" in shown.stdout


@as_root
def test_a_home_that_the_servers_user_cannot_enter_is_named(reachable_home: Path) -> None:
    closed = reachable_home / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(SetupError, match=rf"cannot enter {closed}: set TENTHMAN_HOME"):
        open_embedded(closed / "home")
