"""A sweep from a market to its report: the models of its time, what all runs read, the runs, their count as trials."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Protocol

from tenthman.backtest.build import inputs_of
from tenthman.backtest.claim import Trials
from tenthman.backtest.grid import Setting, applied
from tenthman.backtest.kernel import simulate
from tenthman.backtest.ledger import Ledger, Outcome, open_ledger
from tenthman.backtest.run import study_of, trial_key
from tenthman.backtest.sweep import make_material, setting_hash, sweep
from tenthman.backtest.sweep_report import SweepReport, summarise
from tenthman.backtest.sweep_run import Material, Played, Told
from tenthman.backtest.workers import Workers
from tenthman.config import Config
from tenthman.domain.canonical import content_hash
from tenthman.domain.market import MarketData, Period
from tenthman.ml.trials import record_look, record_trial, trials
from tenthman.scheduler.clock import wall_now
from tenthman.scheduler.rehearsal.run import Stopwatch
from tenthman.scheduler.rehearsal.stores import Stores, open_stores
from tenthman.scheduler.storage import open_storage


class Watcher(Protocol):
    """Whoever watches a sweep: told what is being prepared, and of every outcome once it is on disk."""

    def stage(self, text: str) -> None: ...

    def outcome(self, outcome: Outcome, done: int, total: int) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """A finished sweep: where its results are, what it read, and what it showed. `looks` counts those at the period."""

    path: Path
    material: Material
    models: tuple[str, ...]
    outcomes: tuple[Outcome, ...]
    report: SweepReport
    looks: int
    seconds: Mapping[str, float]


def sweep_market(
    config: Config,
    market: MarketData,
    period: Period,
    settings: Sequence[Setting],
    workers: Workers[Material, Told, Played],
    out: Path | None,
    watcher: Watcher,
) -> Swept:
    """Run `settings` over `period` and count each as a trial of the market; results go to `out`.

    Without `out` they go to the home, to a file named for what the runs read. What the file holds is not run again.
    Raises ConfigError when the market does not hold the period or too little history before it.
    """
    spent = Stopwatch()
    with open_storage(config) as pool:
        stores = open_stores(pool, market)
        material, models = _material(config, stores, market, period, spent, watcher)
        wanted = {setting_hash(material, item): item for item in settings}
        keys = {name: trial_key(applied(config, item), period, "off", models) for name, item in wanted.items()}
        path = out or config.home / "sweeps" / f"{material.fingerprint[:12]}.jsonl"
        with spent("runs"), open_ledger(path) as ledger:
            count = _Count(stores, keys, ledger, watcher)
            watcher.stage(f"{len(wanted)} settings, {count.done} of them computed before")
            computed = sweep(material, settings, ledger, workers, count)
            # Another grid may have named other keys when it ran the same setting.
            outcomes = tuple(replace(ledger.outcomes[name], values=item.values) for name, item in wanted.items())
        looks = record_look(pool, stores.market_id, period, content_hash(sorted(keys.values())), wall_now())
        counted = trials(pool, stores.market_id)
        tried = Trials(count=counted.n, variance=counted.variance_of_sharpes, known=counted.with_sharpe)
    return Swept(
        path=path,
        material=material,
        models=models,
        outcomes=outcomes,
        report=summarise(outcomes, computed, tried),
        looks=looks,
        seconds=spent.seconds,
    )


def _material(
    config: Config, stores: Stores, market: MarketData, period: Period, spent: Stopwatch, watcher: Watcher
) -> tuple[Material, tuple[str, ...]]:
    """What all runs read, and the versions of the models that scored it."""
    with spent("models"):
        watcher.stage("training the models of the period, or loading them")
        study = study_of(config, stores, market, period)
    with spent("features"):
        watcher.stage("computing features and scores, once for all settings")
        cash = Decimal(config.settings.rehearsal.starting_cash_usd)
        material = make_material(inputs_of(study, config), cash, simulate)
    return material, tuple(item.model.version for item in study.schedule)


class _Count:
    """Counts each outcome as a trial: at once those that the ledger holds, the others as they come."""

    def __init__(self, stores: Stores, keys: Mapping[str, str], ledger: Ledger, watcher: Watcher) -> None:
        self._stores, self._keys, self._watcher = stores, keys, watcher
        known = [item for name, item in ledger.outcomes.items() if name in keys]
        for outcome in known:
            self._record(outcome)
        self.done = len(known)

    def __call__(self, outcome: Outcome) -> None:
        self.done += 1
        self._record(outcome)
        self._watcher.outcome(outcome, self.done, len(self._keys))

    def _record(self, outcome: Outcome) -> None:
        key, stores = self._keys[outcome.setting], self._stores
        record_trial(stores.pool, stores.market_id, key, "sweep", wall_now(), outcome.sharpe)
