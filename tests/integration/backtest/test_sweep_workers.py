"""Sweeps in processes of this machine and on a real Dask cluster: the same results, whoever dies on the way."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tenthman_sweep import Cluster, children_of, environment, is_running, settings_of, toy_material

from tenthman.backtest.grid import Setting
from tenthman.backtest.ledger import Outcome, open_ledger
from tenthman.backtest.sweep import sweep
from tenthman.backtest.sweep_run import Material, Told
from tenthman.backtest.workers import Workers, cluster_workers, local_workers
from tenthman.config import load_config
from tenthman.domain.errors import ConfigError, SetupError


@pytest.fixture(scope="module")
def material() -> Material:
    return toy_material(count=120, width=12)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> tuple[Setting, ...]:
    return settings_of(tmp_path_factory.mktemp("grid"), load_config(None, {}))


class Watch:
    """Counts outcomes, and does something once at one of them."""

    def __init__(self, at: int, what: object = None) -> None:
        self.seen: list[Outcome] = []
        self._at, self._what = at, what

    def __call__(self, outcome: Outcome) -> None:
        self.seen.append(outcome)
        if len(self.seen) == self._at and callable(self._what):
            self._what()


def run(path: Path, material: Material, settings: tuple[Setting, ...], workers: Workers, watch: Watch) -> list[Outcome]:
    with open_ledger(path) as ledger:
        sweep(material, settings, ledger, workers, watch)
    with open_ledger(path) as ledger:
        found = list(ledger.outcomes.values())
    assert len(path.read_text().splitlines()) == len(found)
    return sorted(found, key=lambda item: item.setting)


@pytest.fixture(scope="module")
def expected(
    material: Material, settings: tuple[Setting, ...], tmp_path_factory: pytest.TempPathFactory
) -> list[Outcome]:
    path = tmp_path_factory.mktemp("alone") / "r.jsonl"
    return run(path, material, settings, local_workers(1), Watch(0))


def test_the_settings_of_this_test_differ_in_what_they_come_to(expected: list[Outcome]) -> None:
    assert len(expected) == 64
    assert len({item.digest for item in expected}) > 32


def test_two_processes_give_the_results_of_one(
    tmp_path: Path, material: Material, settings: tuple[Setting, ...], expected: list[Outcome]
) -> None:
    assert run(tmp_path / "r.jsonl", material, settings, local_workers(2), Watch(0)) == expected


def where(material: Material, told: Told) -> tuple[int, bool, bool]:
    """The process, and whether what all share is a file mapped into its memory that it cannot change."""
    arrays = [material.inputs.close, material.inputs.excess, material.inputs.order]
    return (
        os.getpid(),
        all(isinstance(item, np.memmap) for item in arrays),
        any(item.flags.writeable for item in arrays),
    )


def test_local_processes_map_what_they_share_instead_of_copying_it(
    material: Material, settings: tuple[Setting, ...]
) -> None:
    told = [Told(rules=item.rules, signal=item.signal, costs=item.costs) for item in settings]
    found = [answer for _, answer in local_workers(2)(where, material, told)]
    assert os.getpid() not in {pid for pid, _, _ in found}
    assert {(mapped, writeable) for _, mapped, writeable in found} == {(True, False)}


def a_worker() -> int:
    return next(pid for pid in children_of(os.getpid()) if b"LokyProcess" in Path(f"/proc/{pid}/cmdline").read_bytes())


def test_a_local_worker_that_is_killed_loses_no_result_and_repeats_none(
    tmp_path: Path, material: Material, settings: tuple[Setting, ...], expected: list[Outcome]
) -> None:
    watch = Watch(5, lambda: os.kill(a_worker(), signal.SIGKILL))
    assert run(tmp_path / "r.jsonl", material, settings, local_workers(2), watch) == expected
    assert len({item.setting for item in watch.seen}) == len(watch.seen) == len(settings)


def die(material: Material, told: Told) -> None:
    """Ends the process that runs it."""
    os.kill(os.getpid(), signal.SIGKILL)


def test_workers_that_die_again_and_again_end_the_sweep_with_a_reason(
    material: Material, settings: tuple[Setting, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenthman.backtest.workers.DEATHS", 1)
    told = [Told(rules=item.rules, signal=item.signal, costs=item.costs) for item in settings[:4]]
    with pytest.raises(SetupError, match="worker processes die again and again"):
        list(local_workers(2)(die, material, told))


SWEEP = """
import sys
import time
from pathlib import Path
from tenthman_sweep import settings_of, toy_material
from tenthman.backtest.ledger import open_ledger
from tenthman.backtest.sweep import sweep
from tenthman.backtest.workers import local_workers
from tenthman.config import load_config
folder = Path(sys.argv[1])
with open_ledger(folder / "r.jsonl") as ledger:
    settings = settings_of(folder, load_config(None, {}))
    sweep(toy_material(120, 12), settings, ledger, local_workers(2), lambda outcome: print(outcome.setting, flush=True))
"""


def gone(pids: list[int]) -> bool:
    """Whether none of the processes is there any more, after some seconds' patience."""
    deadline = time.monotonic() + 15.0
    while any(is_running(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(is_running(pid) for pid in pids)


def test_a_sweep_that_is_killed_goes_on_where_it_was_and_leaves_no_process_behind(
    tmp_path: Path, material: Material, settings: tuple[Setting, ...], expected: list[Outcome]
) -> None:
    command = [sys.executable, "-c", SWEEP, str(tmp_path)]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [process.stdout.readline().strip() for _ in range(10)]
        children = children_of(process.pid)
        process.send_signal(signal.SIGKILL)
        told += process.stdout.read().split()
    assert process.returncode == -signal.SIGKILL
    assert len(children) >= 2
    assert gone(children)
    watch = Watch(0)
    assert run(tmp_path / "r.jsonl", material, settings, local_workers(1), watch) == expected
    assert 0 < len(watch.seen) <= len(settings) - len(told)
    assert {item.setting for item in watch.seen}.isdisjoint(told)


def test_a_cluster_gives_the_results_of_one_process(
    tmp_path: Path, material: Material, settings: tuple[Setting, ...], expected: list[Outcome], cluster: Cluster
) -> None:
    with cluster_workers(cluster.address) as workers:
        assert run(tmp_path / "r.jsonl", material, settings, workers, Watch(0)) == expected


def test_a_worker_of_a_cluster_that_is_killed_loses_no_result_and_repeats_none(
    tmp_path: Path, material: Material, settings: tuple[Setting, ...], expected: list[Outcome], cluster: Cluster
) -> None:
    watch = Watch(5, cluster.kill_one)
    with cluster_workers(cluster.address) as workers:
        assert run(tmp_path / "r.jsonl", material, settings, workers, watch) == expected
    assert len({item.setting for item in watch.seen}) == len(watch.seen) == len(settings)
    assert len(cluster.alive()) == 1


def test_a_cluster_that_is_lost_ends_the_sweep_with_a_reason_and_what_was_computed_stays(
    tmp_path: Path, material: Material, settings: tuple[Setting, ...], expected: list[Outcome], cluster: Cluster
) -> None:
    def lose() -> None:
        while cluster.alive():
            cluster.kill_one()

    watch = Watch(5, lose)
    with (
        cluster_workers(cluster.address) as workers,
        pytest.raises(SetupError, match="was lost; what was computed is kept"),
    ):
        run(tmp_path / "r.jsonl", material, settings, workers, watch)
    with open_ledger(tmp_path / "r.jsonl") as ledger:
        assert list(ledger.outcomes.values()) == watch.seen
    assert run(tmp_path / "r.jsonl", material, settings, local_workers(1), Watch(0)) == expected


@pytest.mark.parametrize("address", ["127.0.0.1:8786", "http://127.0.0.1:8786", "tcp://", "tcp://host", "tcp://h:1/x"])
def test_an_address_that_is_none_of_a_scheduler_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="`--cluster` must look like tcp://host:port"), cluster_workers(address):
        pass


def test_the_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(SetupError, match=r'pip install "tenthman\[cluster\]"'),
        cluster_workers("tcp://127.0.0.1:1"),
    ):
        pass


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenthman.ml.cluster.CONNECT_TIMEOUT_S", 0.5)
    told = re.escape("no Dask scheduler answers at tcp://127.0.0.1:1")
    with pytest.raises(SetupError, match=told), cluster_workers("tcp://127.0.0.1:1"):
        pass


def test_workers_with_other_code_are_refused(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenthman.ml.cluster.sources_hash", lambda package, rooms: "another")
    with pytest.raises(SetupError, match="must run the same tenthman as here"), cluster_workers(cluster.address):
        pass
