"""Seconds for 200 settings over 100 tickers x 2,520 sessions, in this process, in one other and in two others.

Efficiency is how near two processes come to halving the time: against this process alone, start of the workers
included, and once they are warm. It is worth what the machine had to spare, so the load is told beside it, and CPU
seconds, which a busy machine disturbs less.
"""

import os
import resource
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path

from bench_backtest import made_up_inputs

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from tenthman_sweep import children_of, settings_of

from tenthman.backtest.grid import Setting
from tenthman.backtest.kernel import simulate
from tenthman.backtest.ledger import Outcome, open_ledger
from tenthman.backtest.sweep import make_material, sweep
from tenthman.backtest.sweep_run import Material
from tenthman.backtest.workers import local_workers
from tenthman.config import load_config

WIDTH = 100
GRID = {
    "risk_rules.max_positions": [5, 8, 10, 12, 15],
    "models.signal.entry_fraction": [0.02, 0.04, 0.06, 0.08, 0.10],
    "settings.costs.slippage_bp": [0, 1, 2, 3, 4, 5, 6, 7],
}
MIB = 2**20


def cpu_seconds(process: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def own_memory(process: int) -> float:
    """MiB that a process shares with nobody: what a copy of the inputs in each worker would show up in."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private")) / 1024


def timed(material: Material, settings: tuple[Setting, ...], jobs: int, folder: Path) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds of all processes, and the most private MiB of a worker at the end."""
    before = {process: cpu_seconds(process) for process in (os.getpid(), *children_of(os.getpid()))}
    digests = set()

    def watch(outcome: Outcome) -> None:
        digests.add(outcome.digest)

    began = time.perf_counter()
    with open_ledger(folder / f"{jobs}-{time.monotonic_ns()}.jsonl") as ledger:
        sweep(material, settings, ledger, local_workers(jobs), watch)
    wall = time.perf_counter() - began
    assert len(digests) > len(settings) // 2
    workers = children_of(os.getpid())
    spent = sum(cpu_seconds(process) - before.get(process, 0.0) for process in (os.getpid(), *workers))
    return wall, spent, max((own_memory(process) for process in workers), default=0.0)


def main() -> None:
    """Print the figures."""
    folder = Path(tempfile.mkdtemp(prefix="tenthman-bench-"))
    settings = settings_of(folder, load_config(None, os.environ), GRID)
    inputs = made_up_inputs(WIDTH)
    material = make_material(inputs, Decimal(100_000), simulate)
    size = sum(getattr(inputs, name).nbytes for name in inputs.__slots__ if name != "tickers") / MIB
    timed(material, settings[:2], 1, folder)
    alone, alone_cpu, _ = timed(material, settings, 1, folder)
    bars = len(settings) * inputs.close.size
    print(f"{len(settings)} settings, {WIDTH} x {len(inputs.sessions)}; load {os.getloadavg()[0]:.1f}")
    print(f"1 process: {alone:.1f} s, {alone_cpu:.1f} CPU s, {bars / alone / 1e6:.2f} M ticker-bars/s")
    for name in ("2 processes, started", "2 processes, warm"):
        wall, cpu, private = timed(material, settings, 2, folder)
        print(
            f"{name}: {wall:.1f} s, {cpu:.1f} CPU s, efficiency {alone / wall / 2:.2f} (by CPU {alone_cpu / cpu:.2f}); "
            f"a worker keeps {private:.0f} MiB of its own, the shared inputs are {size:.0f} MiB; "
            f"load {os.getloadavg()[0]:.1f}"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak of this process {peak:.0f} MiB")


if __name__ == "__main__":
    main()
