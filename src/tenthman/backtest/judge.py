"""What variants of one study are worth: at other costs, with parts of the desk left out, and by random entries."""

from collections.abc import Mapping
from dataclasses import dataclass

from tenthman.backtest.benchmarks import Benchmarks, make_benchmarks
from tenthman.backtest.build import Study
from tenthman.backtest.claim import Trials
from tenthman.backtest.critics import Critics
from tenthman.backtest.evaluation import Evaluation, evaluate
from tenthman.backtest.inputs import Inputs
from tenthman.backtest.nulls import NullRuns, random_entries
from tenthman.backtest.result import BacktestResult
from tenthman.backtest.stepwise import run_stepwise
from tenthman.backtest.variants import Compiled, without_limits
from tenthman.config import Config, CostSettings
from tenthman.domain.errors import TapeMiss


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ground:
    """What all variants share: the study, what decisions read of it, and the committee (None: off)."""

    study: Study
    inputs: Inputs
    critics: Critics | None


class Judge:
    """Runs and evaluates variants of one study, all against the same trials, benchmarks and random entries.

    `multiples`: the configuration at each multiple of the configured costs that a run is shown at.
    """

    def __init__(self, multiples: Mapping[float, Config], ground: Ground, trials: Trials, seed: int) -> None:
        self._multiples = multiples
        self._ground = ground
        self._trials = trials
        self._seed = seed
        self._benchmarks: dict[CostSettings, Benchmarks] = {}
        self._untaped: list[str] = []

    @property
    def untaped(self) -> tuple[str, ...]:
        """Variants that were left out: a binding committee would have had to say what is not on its tape."""
        return tuple(self._untaped)

    def benchmarks(self, config: Config) -> Benchmarks:
        """They depend on the costs alone, and are made once for each."""
        costs, market = config.settings.costs, self._ground.study.market
        if costs not in self._benchmarks:
            index = market.universe.index_ticker
            self._benchmarks[costs] = make_benchmarks(self._ground.inputs, market.panel, index, costs)
        return self._benchmarks[costs]

    def nulls(self, config: Config, runs: int, jobs: int) -> NullRuns | None:
        """Random entries under the same rules; None for no `runs`."""
        if runs == 0:
            return None
        return random_entries(self._ground.inputs, Compiled(config), runs=runs, seed=self._seed, jobs=jobs)

    def evaluate(self, config: Config, result: BacktestResult, nulls: NullRuns | None = None) -> Evaluation:
        """What `result` of a run under `config` is worth."""
        return evaluate(
            result,
            self.benchmarks(config),
            self._trials,
            self._seed,
            scores=self._ground.inputs,
            horizon_sessions=config.risk_rules.stops.horizon_sessions,
            nulls=nulls,
        )

    def at_other_costs(self, own: float) -> dict[float, Evaluation]:
        """The run at the other multiples than `own`, as far as there is a tape of them.

        Other costs leave another book, and a committee is told of the book.
        """
        others = {item: config for item, config in self._multiples.items() if item != own}
        tried = {item: self._with_critics(f"{item:g}x costs", config) for item, config in others.items()}
        return {item: evaluation for item, evaluation in tried.items() if evaluation is not None}

    def ablation(self, config: Config) -> Mapping[str, Evaluation]:
        """What each part of the desk adds: the same period with parts left out."""
        free = without_limits(config)
        found = {
            "ML alone": self.evaluate(free, Compiled(free)(self._ground.inputs)),
            "ML + risk": self.evaluate(config, Compiled(config)(self._ground.inputs)),
        }
        if self._ground.critics is not None:
            for name, variant in (("ML + committee", free), ("ML + committee + risk", config)):
                judged = self._with_critics(name, variant)
                if judged is not None:
                    found[name] = judged
        return found

    def _with_critics(self, name: str, config: Config) -> Evaluation | None:
        """The run under `config`, asking no more than its orders depend on; None where the tape does not hold that."""
        critics = self._ground.critics
        if critics is None:
            return self.evaluate(config, Compiled(config)(self._ground.inputs))
        try:
            result, _ = run_stepwise(self._ground.study, config, critics.deciding)
        except TapeMiss:
            self._untaped.append(name)
            return None
        return self.evaluate(config, result)
