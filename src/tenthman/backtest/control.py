"""The control: the whole chain, from prices and headlines to the claim, on many markets whose truth is known.

Each market is generated, its headlines are linked and scored, features and labels are computed, a model is trained on
what comes before the tested sessions, its scores are traded by the compiled engine under every rule and cost, and the
result is evaluated exactly as a backtest is. On null markets every claim is false; on planted ones every claim is true.
The practice market's answer key says what the rank IC is in truth, so that its interval can be held to its word.
"""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from tenthman import __version__
from tenthman.backtest.benchmarks import make_benchmarks
from tenthman.backtest.build import build_inputs, linked_history
from tenthman.backtest.claim import ALPHA, Trials
from tenthman.backtest.control_outcomes import Outcome, line_of, read_outcomes
from tenthman.backtest.evaluation import Evaluation, evaluate, forward
from tenthman.backtest.nulls import random_entries
from tenthman.backtest.variants import Compiled
from tenthman.backtest.workers import cores, local_workers
from tenthman.config import Config, Secrets
from tenthman.data.calendar import sessions_between
from tenthman.db.journal import open_journal
from tenthman.domain.canonical import content_hash
from tenthman.domain.errors import SetupError
from tenthman.domain.market import Floats, Period, SessionHours
from tenthman.exchange.practice import Truth, make_with_answer, practice_range
from tenthman.exchange.practice_edge import HORIZON
from tenthman.ml import labels, training
from tenthman.ml.inference import open_model
from tenthman.ml.information import session_rank_ic
from tenthman.scheduler.gathering.scoring import open_scorer
from tenthman.scheduler.models.signal_model import ModelFrom, start_of, train_on, training_material

Which = Literal["null", "planted", "both"]
LEAST_SESSIONS = 7 * HORIZON - 1
"""With fewer of them the rank IC has no test (`ml.information.mean_test`), and no market could be claimed or missed."""

CODE = "control-1"
"""Changes whenever the same settings would give other outcomes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlSettings:
    """Which markets, and how each is examined.

    Seeds run from `first_seed`; both truths of a seed share every random draw. The model is trained once, on all
    sessions before the last `sessions` of a market of `market_sessions`, and those are traded. `strength` multiplies
    the planted edge, `nulls` random runs stand beside each, `level` is that of the intervals, `alpha` the stated rate
    of false claims.
    """

    markets: int = 200
    truth: Which = "both"
    first_seed: int = 1000
    market_sessions: int = 1258
    sessions: int = 504
    strength: float = 1.0
    nulls: int = 199
    level: float = 0.90
    alpha: float = ALPHA

    def __post_init__(self) -> None:
        if self.markets < 1 or self.nulls < 19:
            raise ValueError(
                f"`markets` must be at least 1 and `nulls` at least 19 (or no p could reach 0.05), were "
                f"{self.markets} and {self.nulls}"
            )
        most = self.market_sessions - 130
        if not LEAST_SESSIONS <= self.sessions <= most:
            raise ValueError(
                f"`sessions` must lie in {LEAST_SESSIONS}..{most} (`market_sessions` - 130), was {self.sessions}"
            )

    @property
    def truths(self) -> tuple[Truth, ...]:
        """The truths examined, in order."""
        return ("null", "planted") if self.truth == "both" else (self.truth,)


Watch = Callable[[int, int, Outcome], None]
"""Told after each market: how many are done, of how many, and what came of it."""


def study_key(config: Config, settings: ControlSettings) -> str:
    """What an outcome depends on besides its seed: equal keys may be continued, others never mix."""
    mine = {name: value for name, value in asdict(settings).items() if name not in ("markets", "truth", "first_seed")}
    return content_hash([CODE, __version__, training.CODE, labels.CODE, config.hash, mine])[:16]


def run_control(config: Config, settings: ControlSettings, folder: Path, jobs: int, watch: Watch) -> list[Outcome]:
    """Every market of `settings`, by truth and seed; those that `folder` already holds are not examined again.

    Each outcome is on disk before the next is counted, so a killed run goes on where it was. `jobs` processes (-1: one
    a core) give the same outcomes as one. Raises SetupError when the folder cannot be written, DataCorrupt when what
    it holds cannot be read.
    """
    key = study_key(config, settings)
    path = folder / f"{key}.jsonl"
    wanted = [(truth, settings.first_seed + number) for truth in settings.truths for number in range(settings.markets)]
    workers = local_workers(cores(jobs))
    try:
        with open_journal(path) as journal:
            done = {outcome.key: outcome for outcome in read_outcomes(path, journal)}
            waiting = [item for item in wanted if item not in done]
            for _, outcome in workers(_examine, (_bare(config), settings), waiting):
                journal.append(line_of(outcome))
                done[outcome.key] = outcome
                watch(sum(item in done for item in wanted), len(wanted), outcome)
    except OSError as error:
        raise SetupError(f"{path}: cannot be written: {error.strerror}") from None
    return [done[item] for item in wanted]


def examine(config: Config, settings: ControlSettings, truth: Truth, seed: int) -> Outcome:
    """One market through the whole chain."""
    begun = time.perf_counter()
    made = make_with_answer(seed, truth, _hours(settings.market_sessions), settings.strength)
    market = made.market
    period = Period(first=market.panel.sessions[-settings.sessions].item(), last=market.panel.sessions[-1].item())
    history = linked_history(market, period, config.settings.schedule, open_scorer(config))
    content = market.provenance.content_hash
    trained = train_on(config, training_material(config, content, history.serve(start_of(period.first))))
    model = open_model(
        trained.artefact,
        version=f"control-{content[:12]}",
        feature_names=trained.feature_names,
        feature_set_hash=trained.feature_set_hash,
    )
    schedule = (ModelFrom(first_session=period.first, model=model),)
    inputs = build_inputs(config, market, period, history, schedule)
    engine = Compiled(config)
    evaluation = evaluate(
        engine(inputs),
        make_benchmarks(inputs, market.panel, market.universe.index_ticker, config.settings.costs),
        Trials(),
        seed,
        scores=inputs,
        horizon_sessions=HORIZON,
        nulls=random_entries(inputs, engine, runs=settings.nulls, seed=seed),
        level=settings.level,
        alpha=settings.alpha,
    )
    scores, outcomes = forward(inputs, HORIZON)
    answer = np.zeros(scores.shape)
    answer[:, : made.expected.shape[1]] = made.expected[-settings.sessions :]
    oracle = session_rank_ic(np.where(np.isfinite(scores), answer, np.nan), outcomes)
    truly = true_rank_ic(scores, outcomes, answer if truth == "planted" else np.zeros(answer.shape))
    return _outcome(
        (truth, seed, content[:16]), evaluation, truly, float(np.nanmean(oracle)), time.perf_counter() - begun
    )


def true_rank_ic(scores: Floats, outcomes: Floats, expected: Floats) -> float:
    """The mean rank IC that `scores` would show on average if only chance were drawn anew; arrays (sessions, tickers).

    An outcome is what the answer key expected at the open plus chance, and chance, taken against that of the other
    tickers, is as likely to have gone the other way. So the truth is the mean of the rank IC with chance as it came and
    with its sign turned: what chance did to the one it undoes in the other, up to second order. Without an edge
    (`expected` all zero) it is 0.
    """
    chance = outcomes - expected
    together = session_rank_ic(scores, expected + chance), session_rank_ic(scores, expected - chance)
    both = (together[0] + together[1]) / 2.0
    return float(np.mean(both[np.isfinite(both)])) if bool(np.isfinite(both).any()) else math.nan


def _examine(shared: tuple[Config, ControlSettings], market: tuple[Truth, int]) -> Outcome:
    return examine(*shared, *market)


def _hours(count: int) -> tuple[SessionHours, ...]:
    return sessions_between(*practice_range())[:count]


def _outcome(market: tuple[Truth, int, str], found: Evaluation, truly: float, oracle: float, seconds: float) -> Outcome:
    ic, nulls = found.information, found.nulls
    assert ic is not None
    assert nulls is not None
    return Outcome(
        truth=market[0],
        seed=market[1],
        market=market[2],
        claimed=found.claim.made,
        closed_trades=found.trades.closed,
        rank_ic=ic.rank_ic.estimate,
        rank_ic_low=ic.rank_ic.low,
        rank_ic_high=ic.rank_ic.high,
        rank_ic_p=ic.p_value,
        true_rank_ic=truly,
        oracle_rank_ic=oracle,
        sharpe=found.sharpe.estimate,
        sharpe_low=found.sharpe.low,
        sharpe_high=found.sharpe.high,
        nulls_p=nulls.p_value,
        null_sharpe=nulls.sharpe_median,
        equal_weight_sharpe=found.equal_weight.sharpe,
        excess=found.equal_weight.excess.estimate,
        excess_low=found.equal_weight.excess.low,
        excess_high=found.equal_weight.excess.high,
        exposure=found.exposure,
        seconds=round(seconds, 2),
    )


def _bare(config: Config) -> Config:
    """Without secrets, which have no business in another process."""
    return replace(config, secrets=Secrets(database_url=None, alpaca_key=None, alpaca_secret=None))
