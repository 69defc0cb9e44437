"""Grids, settings and material of sweeps; a Dask cluster of real processes on loopback."""

import os
import re
import signal as signals
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import yaml
from tenthman_backtests import toy_inputs

from tenthman.backtest.grid import Setting, read_grid
from tenthman.backtest.kernel import simulate
from tenthman.backtest.sweep import make_material
from tenthman.backtest.sweep_run import Material
from tenthman.config import Config

MANY = {
    "risk_rules.max_positions": [2, 4, 6, 8],
    "models.signal.entry_fraction": [0.1, 0.2, 0.3, 0.4],
    "settings.costs.slippage_bp": [0.0, 2.0, 4.0, 6.0],
}


def grid_file(path: Path, grid: object, **more: object) -> Path:
    """A grid's YAML file."""
    path.write_text(yaml.safe_dump({"grid": grid, **more}, sort_keys=False), encoding="utf-8")
    return path


def settings_of(folder: Path, config: Config, grid: object = MANY, **more: object) -> tuple[Setting, ...]:
    """The settings of a grid."""
    return read_grid(grid_file(folder / "grid.yaml", grid, **more), config)


@dataclass
class Cluster:
    """A scheduler and its workers, each a process of its own with one thread."""

    address: str
    scheduler: subprocess.Popen[str]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def alive(self) -> list[subprocess.Popen[bytes]]:
        return [item for item in self.workers if item.poll() is None]

    def fill_up(self, count: int = 2) -> None:
        """Start workers until there are `count`, and wait until the scheduler knows them and no other."""
        from distributed import Client

        while len(self.alive()) < count:
            command = [sys.executable, "-m", "distributed.cli.dask_worker", self.address, "--no-nanny"]
            options = ["--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1"]
            started = subprocess.Popen([*command, *options], env=environment(), stderr=subprocess.DEVNULL)
            self.workers.append(started)
        with Client(self.address, timeout=20, set_as_default=False) as client:
            client.wait_for_workers(count, timeout=20)

    def kill_one(self) -> None:
        """SIGKILL one of the workers."""
        victim = self.alive()[0]
        victim.send_signal(signals.SIGKILL)
        victim.wait()


def environment() -> dict[str, str]:
    """That of this process, with the support of the tests: what they hand over is defined in their own modules."""
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}


@contextmanager
def a_cluster() -> Iterator[Cluster]:
    """A scheduler on a free port of loopback, without workers yet."""
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    command += ["--no-dashboard", "--no-show"]
    with subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True) as scheduler:
        assert scheduler.stderr is not None
        found = None
        for line in scheduler.stderr:
            if found := re.search(r"Scheduler at:\s+(tcp://\S+)", line):
                break
        assert found is not None
        cluster = Cluster(address=found[1], scheduler=scheduler)
        try:
            yield cluster
        finally:
            for process in (*cluster.alive(), scheduler):
                process.kill()
                process.wait()


def children_of(pid: int) -> list[int]:
    """Process ids of the running children of `pid`."""
    numbers = [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit()]
    return [number for number in numbers if _state_and_parent(number)[1] == pid and is_running(number)]


def is_running(pid: int) -> bool:
    """Whether the process is there and has not ended."""
    return _state_and_parent(pid)[0] not in ("", "Z")


def _state_and_parent(pid: int) -> tuple[str, int]:
    try:
        state, parent = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[:2]
    except OSError:
        return "", 0
    return state, int(parent)


def toy_material(count: int = 80, width: int = 6, seed: int = 3) -> Material:
    """Small inputs, and the engine."""
    return make_material(toy_inputs(count, width, seed), Decimal(100_000), simulate)
