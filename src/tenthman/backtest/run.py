"""A backtest from a market to its evaluation: the models of its time, what they read, the run, and its worth."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tenthman.backtest.benchmarks import Benchmarks
from tenthman.backtest.build import Study, inputs_of, linked_history, make_study
from tenthman.backtest.claim import Trials
from tenthman.backtest.critics import Committee, open_critics
from tenthman.backtest.evaluation import Evaluation
from tenthman.backtest.inputs import Inputs
from tenthman.backtest.judge import Ground, Judge
from tenthman.backtest.memory import MemoryRecord
from tenthman.backtest.nulls import NullRuns
from tenthman.backtest.result import BacktestResult
from tenthman.backtest.stepwise import run_stepwise
from tenthman.backtest.variants import Compiled, at_costs, at_multiples
from tenthman.config import Config
from tenthman.domain.canonical import content_hash
from tenthman.domain.market import MarketData, Period
from tenthman.domain.order import Book
from tenthman.ml.sharpe import sharpe_ratio
from tenthman.ml.trials import record_look, record_trial, trials
from tenthman.scheduler.clock import wall_now
from tenthman.scheduler.desk.timeline import Step
from tenthman.scheduler.gathering.scoring import open_scorer
from tenthman.scheduler.models.signal_model import ModelFrom, scheduled_models
from tenthman.scheduler.rehearsal.period import require_fresh_models, sessions_of
from tenthman.scheduler.rehearsal.run import Stopwatch
from tenthman.scheduler.rehearsal.stores import Stores, open_stores
from tenthman.scheduler.storage import open_storage


class Watcher(Protocol):
    """Whoever watches a backtest: told what is being done, and of every step where the desk is run step by step."""

    def stage(self, text: str) -> None: ...

    def step(self, step: Step, book: Book, done: int, total: int) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a backtest is run. `costs` multiplies spread and slippage; regulatory fees are what they were.

    `committee`: "off" lets every sized entry pass; "tape" knows the recorded replies of the language model and nothing
    else; "on" asks it for what the tape does not hold. `nulls` random runs stand beside the run (0: none).
    """

    costs: float = 1.0
    committee: Committee = "off"
    nulls: int = 1000
    ablation: bool = False
    seed: int = 7
    jobs: int = 1

    def __post_init__(self) -> None:
        if not 0.0 <= self.costs <= 10.0:
            raise ValueError(f"`costs` must lie in 0..10, was {self.costs}")
        if self.nulls < 0:
            raise ValueError(f"`nulls` must be at least 0, was {self.nulls}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Backtested:
    """A finished backtest. `config` is the one that it ran under, costs multiplied.

    `at_costs` holds the evaluation at 1, 2 and 3 times the configured costs beside the run's own multiple. `untaped`
    names the variants left out: a committee that binds would have had to say what is not on its tape. `record` is there
    where the desk was run step by step, that is with a committee. `looks` counts looks at the period so far.
    """

    config: Config
    market: MarketData
    study: Study
    inputs: Inputs
    benchmarks: Benchmarks
    result: BacktestResult
    record: MemoryRecord | None
    evaluation: Evaluation
    at_costs: Mapping[float, Evaluation]
    nulls: NullRuns | None
    ablation: Mapping[str, Evaluation] = field(default_factory=dict)
    looks: int = 0
    untaped: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def models(self) -> tuple[ModelFrom, ...]:
        """The models that proposed, and from when on."""
        return self.study.schedule


def backtest(config: Config, market: MarketData, period: Period, options: Options, watcher: Watcher) -> Backtested:
    """Run the decision over `period` and evaluate it; the try and the look are counted in the registry.

    Raises ConfigError when the market does not hold the period or too little history before it, or costs could not be
    multiplied; TapeMiss when the committee is "tape" and an entry would need a reply that was never recorded.
    """
    spent, multiples, config = Stopwatch(), at_multiples(config), at_costs(config, options.costs)
    with open_storage(config) as pool:
        watcher.stage("reading the market")
        stores = open_stores(pool, market)
        with spent("models"):
            watcher.stage("training the models of the period, or loading them")
            study = study_of(config, stores, market, period)
        with spent("features"):
            watcher.stage("computing features and scores of every run")
            inputs = inputs_of(study, config)
        watcher.stage("running the decision over history")
        with open_critics(config, stores, study, options.committee) as critics:
            ground = Ground(study=study, inputs=inputs, critics=critics)
            with spent("run"):
                result, record = _run(config, ground, watcher)
            trials, looks = _counted(config, stores, study, period, options, result)
            judge = Judge(multiples, ground, trials, options.seed)
            watcher.stage("evaluating, beside what luck and the market brought")
            with spent("evaluation"):
                nulls = judge.nulls(config, options.nulls, options.jobs)
                evaluation = judge.evaluate(config, result, nulls)
                others = judge.at_other_costs(options.costs)
            with spent("ablation"):
                ablation: Mapping[str, Evaluation] = {}
                if options.ablation:
                    watcher.stage("leaving parts of the desk out")
                    ablation = judge.ablation(config)
    return Backtested(
        config=config,
        market=market,
        study=study,
        inputs=inputs,
        benchmarks=judge.benchmarks(config),
        result=result,
        record=record,
        evaluation=evaluation,
        at_costs={options.costs: evaluation, **others},
        nulls=nulls,
        ablation=ablation,
        looks=looks,
        untaped=judge.untaped,
        seconds=spent.seconds,
    )


def _run(config: Config, ground: Ground, watcher: Watcher) -> tuple[BacktestResult, MemoryRecord | None]:
    if ground.critics is None:
        return Compiled(config)(ground.inputs), None
    return run_stepwise(ground.study, config, ground.critics.holes, watcher.step)


def _counted(
    config: Config, stores: Stores, study: Study, period: Period, options: Options, result: BacktestResult
) -> tuple[Trials, int]:
    """Count the try and the look; all trials of the history so far, and all looks at the period."""
    key = trial_key(config, period, options.committee, [item.model.version for item in study.schedule])
    sharpe = float(sharpe_ratio(result.net_returns))
    known = sharpe if math.isfinite(sharpe) else None
    record_trial(stores.pool, stores.market_id, key, "backtest", wall_now(), known)
    counted = trials(stores.pool, stores.market_id)
    looks = record_look(stores.pool, stores.market_id, period, key, wall_now())
    return Trials(count=counted.n, variance=counted.variance_of_sharpes, known=counted.with_sharpe), looks


def trial_key(config: Config, period: Period, committee: Committee, models: Sequence[str]) -> str:
    """The key under which a run counts as a trial: the same configuration is one trial, however it was run."""
    return content_hash([config.hash, period, committee, models])


def study_of(config: Config, stores: Stores, market: MarketData, period: Period) -> Study:
    """The study of `period` with its scheduled models, from the registry or newly trained and kept there."""
    require_fresh_models(market, period, config.models.signal)
    history = linked_history(market, period, config.settings.schedule, open_scorer(config))
    sessions = [item.session for item in sessions_of(market, period)]
    content = market.provenance.content_hash
    schedule = scheduled_models(config, stores.pool, stores.market_id, content, history, sessions)
    return make_study(config, market, period, history, schedule)
