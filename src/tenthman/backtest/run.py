"""A backtest from a market to its evaluation: the models of its time, what they read, the run, and its worth."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, Protocol

from tenthman.agents.exam import standing_of
from tenthman.agents.llm_interface import LanguageModel, open_language_model, recorded_digest
from tenthman.agents.tape import tape_only, taped
from tenthman.backtest.benchmarks import Benchmarks, make_benchmarks
from tenthman.backtest.build import Study, inputs_of, linked_history, make_study
from tenthman.backtest.evaluation import Evaluation, Trials, evaluate
from tenthman.backtest.inputs import Inputs
from tenthman.backtest.memory import MemoryRecord
from tenthman.backtest.nulls import NullRuns, random_entries
from tenthman.backtest.result import BacktestResult
from tenthman.backtest.stepwise import run_stepwise
from tenthman.config import Config, CostSettings, RiskRules, with_sections
from tenthman.domain.canonical import content_hash
from tenthman.domain.market import MarketData, Period
from tenthman.domain.order import Book
from tenthman.ml.sharpe import sharpe_ratio
from tenthman.ml.trials import record_look, record_trial
from tenthman.scheduler.clock import wall_now
from tenthman.scheduler.debates import Rungs
from tenthman.scheduler.holes import CycleHoles, asks_a_model, committee, quote_from, replayed, rules_alone
from tenthman.scheduler.rehearsal import Stopwatch, Stores, open_stores, sessions_of
from tenthman.scheduler.scoring import open_scorer
from tenthman.scheduler.signal_model import ModelFrom, scheduled_models
from tenthman.scheduler.storage import open_storage
from tenthman.scheduler.timeline import Step

Committee = Literal["off", "tape", "on"]
MULTIPLES = (1.0, 2.0, 3.0)


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

    `at_costs` holds the evaluation at 1, 2 and 3 times the configured costs beside the run's own multiple; with a
    committee the run's own alone, since other costs would put other cases to it. `record` is there where the desk was
    run step by step, that is with a committee. `looks` counts looks at the period so far.
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
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def models(self) -> tuple[ModelFrom, ...]:
        """The models that proposed, and from when on."""
        return self.study.schedule


def backtest(config: Config, market: MarketData, period: Period, options: Options, watcher: Watcher) -> Backtested:
    """Run the decision over `period` and evaluate it; the try and the look are counted in the registry.

    Raises ConfigError when the market does not hold the period or too little history before it; TapeMiss when the
    committee is "tape" and an entry would need a reply that was never recorded.
    """
    spent = Stopwatch()
    configured = config
    config = at_costs(config, options.costs)
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
        with spent("run"), open_critics(config, stores, study, options) as holes:
            result, record = _run(config, study, inputs, holes, watcher)
        key = trial_key(config, period, options.committee, [item.model.version for item in study.schedule])
        sharpe = float(sharpe_ratio(result.net_returns))
        known = sharpe if math.isfinite(sharpe) else None
        counted = record_trial(pool, stores.market_id, key, "backtest", wall_now(), known)
        looks = record_look(pool, stores.market_id, period, key, wall_now())
        trials = Trials(count=max(counted.n, 1), variance=counted.variance_of_sharpes)
        watcher.stage("evaluating, beside what luck and the market brought")
        with spent("evaluation"):
            judge = _Judge(configured, market, inputs, trials, options)
            nulls = judge.nulls(config)
            evaluation = judge.evaluate(config, result, nulls)
            others = {} if record else {item: judge.at(item) for item in MULTIPLES if item != options.costs}
        with spent("ablation"):
            ablation: Mapping[str, Evaluation] = {}
            if options.ablation:
                ablation = _ablation(config, stores, study, inputs, options, judge, watcher)
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
        seconds=spent.seconds,
    )


def trial_key(config: Config, period: Period, committee: Committee, models: Sequence[str]) -> str:
    """The key under which a run counts as a trial: the same configuration is one trial, however it was run."""
    return content_hash([config.hash, period, committee, models])


def at_costs(config: Config, multiple: float) -> Config:
    """`config` with spread and slippage multiplied; at 1 it is the same, hash included."""
    if multiple == 1.0:
        return config
    priced = {name: value * multiple for name, value in config.settings.costs.model_dump().items()}
    costs = CostSettings.model_validate(priced)
    return with_sections(config, settings=config.settings.model_copy(update={"costs": costs}))


def without_limits(config: Config) -> Config:
    """`config` without the limits on the book as a whole: what the model does alone, sized trade by trade.

    Kept are the risk of a trade, the share of one name, one position a name, and that a cash account cannot borrow.
    """
    rules = config.risk_rules
    free = {
        "max_open_risk_fraction": 1.0,
        "max_positions": 500,
        "max_sector_fraction": 1.0,
        "max_gross_fraction": 1.0,
        "min_cash_fraction": 0.0,
        "max_positions_per_issuer": 500,
        "max_entries_per_run": 500,
        "drawdown": {**rules.drawdown.model_dump(), "limit_fraction": 1.0, "open_risk_per_distance": 10.0},
    }
    return with_sections(config, risk_rules=RiskRules.model_validate({**rules.model_dump(), **free}))


Ran = tuple[BacktestResult, MemoryRecord | None]


class _Judge:
    """Runs and evaluates variants of one study, all against the same trials, benchmarks and random entries."""

    def __init__(
        self, configured: Config, market: MarketData, inputs: Inputs, trials: Trials, options: Options
    ) -> None:
        self._configured = configured
        self._market = market
        self._inputs = inputs
        self._trials = trials
        self._options = options
        self._benchmarks: dict[CostSettings, Benchmarks] = {}

    def benchmarks(self, config: Config) -> Benchmarks:
        """They depend on the costs alone, and are made once for each."""
        costs, index = config.settings.costs, self._market.universe.index_ticker
        if costs not in self._benchmarks:
            self._benchmarks[costs] = make_benchmarks(self._inputs, self._market.panel, index, costs)
        return self._benchmarks[costs]

    def nulls(self, config: Config) -> NullRuns | None:
        if self._options.nulls == 0:
            return None
        engine = Compiled(config)
        return random_entries(
            self._inputs, engine, runs=self._options.nulls, seed=self._options.seed, jobs=self._options.jobs
        )

    def evaluate(self, config: Config, result: BacktestResult, nulls: NullRuns | None = None) -> Evaluation:
        return evaluate(
            result,
            self.benchmarks(config),
            self._trials,
            self._options.seed,
            scores=self._inputs,
            horizon_sessions=config.risk_rules.stops.horizon_sessions,
            nulls=nulls,
        )

    def at(self, multiple: float) -> Evaluation:
        config = at_costs(self._configured, multiple)
        return self.evaluate(config, Compiled(config)(self._inputs))


@dataclass(frozen=True, slots=True)
class Compiled:
    """The compiled engine under one configuration, committee off: inputs to result. It travels between processes."""

    config: Config

    def __call__(self, inputs: Inputs) -> BacktestResult:
        from tenthman.backtest.kernel import simulate

        config = self.config
        return simulate(
            inputs,
            config.risk_rules,
            config.models.signal,
            config.settings.costs,
            Decimal(config.settings.rehearsal.starting_cash_usd),
        )


def study_of(config: Config, stores: Stores, market: MarketData, period: Period) -> Study:
    """The study of `period` with its scheduled models, from the registry or newly trained and kept there."""
    history = linked_history(market, period, config.settings.schedule, open_scorer(config))
    sessions = [item.session for item in sessions_of(market, period)]
    content = market.provenance.content_hash
    schedule = scheduled_models(config, stores.pool, stores.market_id, content, history, sessions)
    return make_study(config, market, period, history, schedule)


def _run(config: Config, study: Study, inputs: Inputs, holes: CycleHoles | None, watcher: Watcher) -> Ran:
    if holes is None:
        return Compiled(config)(inputs), None
    return run_stepwise(study, config, holes, watcher.step)


@contextmanager
def open_critics(config: Config, stores: Stores, study: Study, options: Options) -> Iterator[CycleHoles | None]:
    """The committee of the options; None where it is off."""
    if options.committee == "off":
        yield None
        return
    quote = quote_from(study.history.serve, stores.news, config)
    settings, pool = config.models.language, stores.pool
    if not asks_a_model(config.agents):
        yield rules_alone(quote, config.agents)
        return
    if options.committee == "tape":
        digest = recorded_digest(settings, config.home, config.agents.roles)
        ask = tape_only(pool, digest)
        model = LanguageModel(name=settings.model, digest=digest, weights="", ask=ask, parallel=1, prose=settings.prose)
        standing = standing_of(pool, model, config.agents, wall_now())
        yield replayed(quote, ask, config.agents, standing, Rungs(pool, standing, config.agents, keeps=False))
        return
    with open_language_model(settings, config.home, config.agents.roles) as model:
        ask = taped(model.ask, pool, model.digest)
        standing = standing_of(pool, model, config.agents, wall_now())
        yield committee(quote, ask, config.agents, standing, Rungs(pool, standing, config.agents))


def _ablation(
    config: Config,
    stores: Stores,
    study: Study,
    inputs: Inputs,
    options: Options,
    judge: _Judge,
    watcher: Watcher,
) -> dict[str, Evaluation]:
    """What each part of the desk adds: the same period with parts left out."""
    free = without_limits(config)
    watcher.stage("leaving parts of the desk out")
    found = {
        "ML alone": judge.evaluate(free, Compiled(free)(inputs)),
        "ML + risk": judge.evaluate(config, Compiled(config)(inputs)),
    }
    with open_critics(config, stores, study, options) as holes:
        if holes is not None:
            for name, variant in (("ML + committee", free), ("ML + committee + risk", config)):
                found[name] = judge.evaluate(variant, _run(variant, study, inputs, holes, watcher)[0])
    return found
