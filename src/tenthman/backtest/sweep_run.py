"""One run of a sweep, where it is computed. Little is imported here: every worker process does it anew."""

import hashlib
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TypeVar

import numpy as np

from tenthman.backtest.inputs import Inputs
from tenthman.backtest.result import BacktestResult, PurposeCode
from tenthman.config import CostSettings, RiskRules, SignalModelSettings
from tenthman.domain.market import Floats

ORPHAN_LOOKS_S = 1.0

Shared = TypeVar("Shared")
Task = TypeVar("Task")
Answer = TypeVar("Answer")

Engine = Callable[[Inputs, RiskRules, SignalModelSettings, CostSettings, Decimal], BacktestResult]
"""`kernel.simulate`, or another engine that gives the same."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Material:
    """What all runs of a sweep share; `fingerprint` is the hash of the inputs, `code` that of what runs them."""

    inputs: Inputs
    fingerprint: str
    code: str
    cash: Decimal
    engine: Engine


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a single run is told beside what all share."""

    rules: RiskRules
    signal: SignalModelSettings
    costs: CostSettings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Played:
    """What is kept of a run: net return of each session, and counts. `digest` is of equity, fees, orders and fills."""

    returns: Floats
    entries: int
    fills: int
    fees_usd: float
    halts: int
    digest: str


def play(material: Material, told: Told) -> Played:
    """Run the backtest once."""
    # What travelled to a worker comes out writable there; the engine is compiled for arrays that are not.
    inputs = replace(material.inputs)
    result = material.engine(inputs, told.rules, told.signal, told.costs, material.cash)
    return Played(
        returns=result.net_returns,
        entries=int(np.count_nonzero(result.fills["purpose"] == PurposeCode.ENTRY)),
        fills=len(result.fills),
        fees_usd=float(result.fees.sum()),
        halts=sum(move.state == "halted" for move in result.latch),
        digest=_digest(result),
    )


def call(function: Callable[[Shared, Task], Answer], shared: Shared, place: int, task: Task) -> tuple[int, Answer]:
    """The answer to a task, with its place."""
    return place, function(shared, task)


def end_with(parent: int) -> None:
    """From now on this process ends with its parent, however that ends; else it would wait for work for minutes."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(ORPHAN_LOOKS_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _digest(result: BacktestResult) -> str:
    digest = hashlib.sha256()
    for part in (result.equity, result.fees, result.orders, result.fills):
        digest.update(part.tobytes())
    return digest.hexdigest()
