"""Many settings over the same inputs: features and scores are computed once, each setting is one trial.

The best of many trials looks good by luck, so a sweep ends with the number of trials and the Sharpe ratio deflated by
it; its best is a candidate for a test on data that no trial has seen, not a result.
"""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import fields
from decimal import Decimal

import numpy as np

from tenthman.backtest.grid import Setting
from tenthman.backtest.inputs import Inputs
from tenthman.backtest.ledger import Ledger, Outcome
from tenthman.backtest.sweep_run import Engine, Material, Played, Told, play
from tenthman.backtest.workers import Workers
from tenthman.domain.canonical import canonical_json, content_hash
from tenthman.ml.cluster import code_hash
from tenthman.ml.registry import THRESHOLDS
from tenthman.ml.sharpe import sharpe_moments
from tenthman.ml.statistics import drawdowns, total_return


def make_material(inputs: Inputs, cash: Decimal, engine: Engine) -> Material:
    """What the runs share, with the hash of every number in it."""
    digest = hashlib.sha256()
    for item in fields(inputs):
        value = getattr(inputs, item.name)
        digest.update(item.name.encode())
        if isinstance(value, np.ndarray):
            digest.update(f"{value.dtype}{value.shape}".encode())
            digest.update(value.tobytes())
        else:
            digest.update(canonical_json(value).encode())
    return Material(inputs=inputs, fingerprint=digest.hexdigest(), code=code_hash(), cash=cash, engine=engine)


def setting_hash(material: Material, setting: Setting) -> str:
    """SHA-256 of all that a run depends on: the numbers, the rules, the thresholds, the costs, the cash, the code."""
    thresholds = setting.signal.model_dump(mode="json", include=THRESHOLDS)
    sections = [item.model_dump(mode="json") for item in (setting.rules, setting.costs)]
    return content_hash([material.code, material.fingerprint, material.cash, thresholds, *sections])


def sweep(
    material: Material,
    settings: Sequence[Setting],
    ledger: Ledger,
    workers: Workers[Material, Told, Played],
    watch: Callable[[Outcome], None],
) -> int:
    """Run every one of `settings` that `ledger` does not hold, and write it there; tells how many were run.

    `watch` is told of each outcome once it is on disk. Whatever ends this early, the next call goes on from there.
    """
    todo = [item for item in settings if setting_hash(material, item) not in ledger.outcomes]
    told = [Told(rules=item.rules, signal=item.signal, costs=item.costs) for item in todo]
    for place, played in workers(play, material, told):
        outcome = outcome_of(material, todo[place], played)
        ledger.append(outcome)
        watch(outcome)
    return len(todo)


def outcome_of(material: Material, setting: Setting, played: Played) -> Outcome:
    """What a sweep compares of a run."""
    moments = sharpe_moments(played.returns)
    return Outcome(
        setting=setting_hash(material, setting),
        inputs=material.fingerprint,
        values=dict(setting.values),
        sessions=len(played.returns),
        total_return=total_return(played.returns),
        sharpe=_known(moments.sharpe),
        skew=_known(moments.skew),
        kurtosis=_known(moments.kurtosis),
        max_drawdown=-float(drawdowns(played.returns).min(initial=0.0)),
        entries=played.entries,
        fills=played.fills,
        fees_usd=played.fees_usd,
        halts=played.halts,
        digest=played.digest,
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
