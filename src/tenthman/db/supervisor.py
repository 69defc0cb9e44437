"""Owns the embedded PostgreSQL server: starts it, restarts it after a crash, stops it when nobody uses it any more.

Run as `python -m tenthman.db.supervisor`. It detaches from whoever started it and holds the lock of the server for
its whole life. Clients hold a shared lock on another file: the kernel drops it however a client ends, so the server
never outlives its users by more than a moment.
"""

import argparse
import ctypes
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

POLL_SECONDS = 0.1
STOP_SECONDS = 60.0
RESTART_WINDOW_SECONDS = 60.0
RESTARTS_IN_WINDOW = 5
PR_SET_PDEATHSIG = 1

SERVER_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "on",
    "shared_buffers": "256MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "max_connections": "60",
    "max_wal_size": "512MB",
    "min_wal_size": "80MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "autovacuum_max_workers": "1",
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where the embedded server keeps its things under a home."""

    home: Path

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.home / "postgres"

    @property
    def password(self) -> Path:
        """The superuser's password, mode 0600."""
        return self.home / "postgres.password"

    @property
    def log(self) -> Path:
        """What PostgreSQL and its supervisor say."""
        return self.home / "postgres.log"

    @property
    def users_lock(self) -> Path:
        """Held shared by every client; the supervisor stops the server once it can hold it alone."""
        return self.home / "postgres.users"

    @property
    def start_lock(self) -> Path:
        """Held by the one client that prepares and starts the server."""
        return self.home / "postgres.start"

    @property
    def supervisor_lock(self) -> Path:
        """Held by the supervisor for its whole life."""
        return self.home / "postgres.supervisor"

    @property
    def binaries(self) -> Path:
        """Private copies of the installation, used only when the server's user cannot reach the original."""
        return self.home / "postgres-bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The user that PostgreSQL runs as when we are root; PostgreSQL refuses to run as root."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Postmaster:
    """What `postmaster.pid` says of the running server."""

    pid: int
    port: int
    ready: bool


def read_postmaster(data: Path) -> Postmaster | None:
    """The server that runs in `data`; None if there is none, or if the file names a process that is something else."""
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return None
    try:
        pid = int(lines[0])
        port = int(lines[3]) if len(lines) > 3 else 0
    except (IndexError, ValueError):
        return None
    if not runs_in(pid, data):
        return None
    return Postmaster(pid=pid, port=port, ready=len(lines) > 7 and lines[7].strip() == "ready")


def runs_in(pid: int, data: Path) -> bool:
    """Whether `pid` is a live PostgreSQL server of this very data directory, not a reused process id."""
    if Path("/proc/self/cwd").exists():
        try:
            return Path(f"/proc/{pid}/cwd").readlink() == data.resolve()
        except OSError:
            return False
    command = ["/bin/ps", "-p", str(pid), "-o", "command="]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed program, a number
    return "postgres" in answer.stdout and str(data) in answer.stdout


def mend_stale_pid(data: Path) -> None:
    """Remove a `postmaster.pid` whose process is gone or is another program: PostgreSQL would refuse to start on it."""
    if read_postmaster(data) is None:
        (data / "postmaster.pid").unlink(missing_ok=True)


def die_with_parent(signal_number: int) -> Callable[[], None]:
    """A `preexec_fn` by which the kernel signals the child when the thread that started it ends (Linux only)."""
    if sys.platform != "linux":
        return lambda: None
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def arrange() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal_number)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal_number)

    return arrange


def server_environment() -> dict[str, str]:
    """The environment of the server's programs: nothing of ours that could leak or mislead, such as PGDATA."""
    kept = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR")
    return {"LC_ALL": "C"} | {name: os.environ[name] for name in kept if name in os.environ}


def spawn_as(
    account: Account | None, command: list[str], *, cwd: Path, log: int, death_signal: int
) -> "subprocess.Popen[bytes]":
    """Start a server program, as `account` when we are root, writing to the descriptor `log`."""
    return subprocess.Popen(  # noqa: S603 - programs of the installed wheel, no shell
        command,
        cwd=cwd,
        env=server_environment(),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        user=None if account is None else account.uid,
        group=None if account is None else account.gid,
        extra_groups=None if account is None else [],
        preexec_fn=die_with_parent(death_signal),  # noqa: PLW1509 - we have one thread, and nothing else survives exec
    )


def try_lock(descriptor: int, operation: int) -> bool:
    """Take a flock without waiting; False when somebody else holds it."""
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def open_lock(path: Path) -> int:
    """Descriptor of a lock file, made when absent; programs that we start do not inherit it."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


class Supervisor:
    """One server and the watch over it."""

    def __init__(self, layout: Layout, bin_dir: Path, account: Account | None, grace_seconds: float) -> None:
        self._layout = layout
        self._bin_dir = bin_dir
        self._account = account
        self._grace_seconds = grace_seconds
        self._stopping = False
        self._starts: list[float] = []
        self._port = _free_port()

    def run(self) -> int:
        """Keep the server up until nobody has used it for `grace_seconds`; the exit status of the supervisor."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        users = open_lock(self._layout.users_lock)
        server = self._start()
        unused_since = time.monotonic()
        while not self._stopping:
            time.sleep(POLL_SECONDS)
            if server.poll() is not None:
                if not self._may_restart():
                    self._say(f"postgres ended {len(self._starts)} times within a minute; giving up")
                    return 1
                self._say(f"postgres ended with status {server.returncode}; starting it again")
                server = self._start()
            if not try_lock(users, fcntl.LOCK_EX):
                unused_since = time.monotonic()
            elif time.monotonic() - unused_since >= self._grace_seconds:
                break
            else:
                fcntl.flock(users, fcntl.LOCK_UN)
        _stop(server)
        return 0

    def _start(self) -> "subprocess.Popen[bytes]":
        self._starts.append(time.monotonic())
        mend_stale_pid(self._layout.data)
        settings = [part for name, value in SERVER_SETTINGS.items() for part in ("-c", f"{name}={value}")]
        program = str(self._bin_dir / "postgres")
        command = [program, "-D", str(self._layout.data), "-p", str(self._port), *settings]
        return spawn_as(
            self._account, command, cwd=self._layout.home, log=sys.stderr.fileno(), death_signal=signal.SIGINT
        )

    def _may_restart(self) -> bool:
        now = time.monotonic()
        self._starts = [at for at in self._starts if now - at < RESTART_WINDOW_SECONDS]
        if len(self._starts) >= RESTARTS_IN_WINDOW:
            return False
        # Backends of a killed server hold its shared memory for a moment, and somebody may have taken the port.
        time.sleep(0.2 * len(self._starts))
        if not _is_free(self._port):
            self._port = _free_port()
        return True

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._stopping = True

    def _say(self, message: str) -> None:
        print(f"supervisor: {message}", file=sys.stderr, flush=True)  # noqa: T201 - stderr is postgres' own log


def _stop(server: "subprocess.Popen[bytes]") -> None:
    """Fast shutdown: sessions are ended, everything is written. Immediate shutdown (recovered later) if that hangs."""
    if server.poll() is not None:
        return
    server.send_signal(signal.SIGINT)
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.send_signal(signal.SIGQUIT)
        server.wait()


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def main(arguments: list[str]) -> int:
    """Take the supervisor's lock, detach, and watch. The caller's wait ends once the lock is held."""
    parser = argparse.ArgumentParser(prog="tenthman.db.supervisor")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--bin", type=Path, required=True)
    parser.add_argument("--account", default="", help="NAME:UID:GID to run postgres as")
    parser.add_argument("--grace", type=float, default=2.0, help="seconds without users before the server stops")
    options = parser.parse_args(arguments)
    account = None
    if options.account:
        name, uid, gid = options.account.split(":")
        account = Account(name=name, uid=int(uid), gid=int(gid))
    layout = Layout(home=options.home)
    held = open_lock(layout.supervisor_lock)
    if not try_lock(held, fcntl.LOCK_EX):
        return 0
    if os.fork() > 0:
        os._exit(0)
    os.setsid()
    os.chdir(layout.home)
    return Supervisor(layout, options.bin, account, options.grace).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
