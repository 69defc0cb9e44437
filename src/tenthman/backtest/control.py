"""The control: the whole chain, from prices and headlines to the claim, on many markets whose truth is known.

Each market is generated, its headlines are linked and scored, features and labels are computed, a model is trained on
what comes before the tested sessions, its scores are traded by the compiled engine under every rule and cost, and the
result is evaluated exactly as a backtest is. On null markets every claim is false; on planted ones every claim is true.
The practice market's answer key says what the rank IC is in truth, so that its interval can be held to its word.
"""

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Literal

import numpy as np
from scipy.stats import beta, binom

from tenthman import __version__
from tenthman.backtest.benchmarks import make_benchmarks
from tenthman.backtest.build import build_inputs, linked_history
from tenthman.backtest.claim import ALPHA, MIN_TRADES, Trials
from tenthman.backtest.evaluation import Evaluation, evaluate, forward
from tenthman.backtest.nulls import random_entries
from tenthman.backtest.variants import Compiled
from tenthman.backtest.workers import cores, local_workers
from tenthman.config import Config, Secrets
from tenthman.data.calendar import sessions_between
from tenthman.db.journal import Journal, open_journal
from tenthman.domain.canonical import content_hash
from tenthman.domain.errors import DataCorrupt, SetupError
from tenthman.domain.market import Floats, Period, SessionHours
from tenthman.exchange.practice import Truth, make_with_answer, practice_range
from tenthman.exchange.practice_edge import HORIZON
from tenthman.ml import labels, training
from tenthman.ml.inference import open_model
from tenthman.ml.information import session_rank_ic
from tenthman.scheduler.gathering.scoring import open_scorer
from tenthman.scheduler.models.signal_model import ModelFrom, start_of, train_on, training_material

Which = Literal["null", "planted", "both"]
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
        if not 60 <= self.sessions <= most:
            raise ValueError(f"`sessions` must lie in 60..{most} (`market_sessions` - 130), was {self.sessions}")

    @property
    def truths(self) -> tuple[Truth, ...]:
        """The truths examined, in order."""
        return ("null", "planted") if self.truth == "both" else (self.truth,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the chain said of one market, and the truth. NaN where something could not be computed.

    Rank ICs compare morning scores with returns to the close nine sessions on, as the answer key does. `true_rank_ic`
    is what the interval `rank_ic_low`..`rank_ic_high` is about; `oracle_rank_ic` is that of the answer key itself among
    the same names (on a null market: of the same order, without the drift). `excess` is a year, over equal weight;
    Sharpe ratios are annualised.
    """

    truth: Truth
    seed: int
    market: str
    claimed: bool
    closed_trades: int
    rank_ic: float
    rank_ic_low: float
    rank_ic_high: float
    rank_ic_p: float
    true_rank_ic: float
    oracle_rank_ic: float
    sharpe: float
    sharpe_low: float
    sharpe_high: float
    nulls_p: float
    null_sharpe: float
    equal_weight_sharpe: float
    excess: float
    excess_low: float
    excess_high: float
    exposure: float
    seconds: float

    @property
    def key(self) -> tuple[str, int]:
        """What makes it this market and no other."""
        return self.truth, self.seed


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """`hits` of `of`, with the Clopper-Pearson interval (95 %) of the rate behind them."""

    hits: int
    of: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """Hits over all; NaN of none."""
        return self.hits / self.of if self.of else math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One truth: how often each test and the claim as a whole said yes, and how often the interval held the truth.

    `too_few_trades` counts markets below the minimum. Means are over the markets; `spread` is the standard deviation of
    estimated less true rank IC, `half_width` the mean half width of its interval.
    """

    truth: Truth
    claims: Rate
    rank_ic_test: Rate
    nulls_test: Rate
    covered: Rate
    too_few_trades: int
    rank_ic: float
    true_rank_ic: float
    oracle_rank_ic: float
    spread: float
    half_width: float
    sharpe: float
    null_sharpe: float
    equal_weight_sharpe: float
    excess: float
    closed_trades: float
    exposure: float
    seconds: float


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
            done = {outcome.key: outcome for outcome in _read(path, journal)}
            waiting = [item for item in wanted if item not in done]
            for _, outcome in workers(_examine, (_bare(config), settings), waiting):
                journal.append(json.dumps(_as_json(outcome)).encode())
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


def summarise(outcomes: Sequence[Outcome], alpha: float) -> tuple[Summary, ...]:
    """One summary for each truth among `outcomes`, null first."""
    found = []
    for truth in ("null", "planted"):
        mine = [item for item in outcomes if item.truth == truth]
        if mine:
            found.append(_summary(mine, alpha))
    return tuple(found)


def too_many_false_claims(summary: Summary, alpha: float) -> float:
    """How likely so many claims or more are on null markets if each is made at the stated rate `alpha`."""
    return float(binom.sf(summary.claims.hits - 1, summary.claims.of, alpha))


def rate(hits: int, of: int) -> Rate:
    """A rate with its exact interval (Clopper and Pearson, 1934); 0..1 of none."""
    if not 0 <= hits <= of:
        raise ValueError(f"`hits` must lie in 0..{of}, was {hits}")
    low = float(beta.ppf(0.025, hits, of - hits + 1)) if hits else 0.0
    high = float(beta.ppf(0.975, hits + 1, of - hits)) if hits < of else 1.0
    return Rate(hits=hits, of=of, low=low, high=high)


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


def _summary(mine: Sequence[Outcome], alpha: float) -> Summary:
    def mean(name: str) -> float:
        values = np.array([getattr(item, name) for item in mine], dtype=np.float64)
        return float(np.nanmean(values)) if bool(np.isfinite(values).any()) else math.nan

    errors = np.array([item.rank_ic - item.true_rank_ic for item in mine])
    return Summary(
        truth=mine[0].truth,
        claims=_rate(item.claimed for item in mine),
        rank_ic_test=_rate(item.rank_ic_p <= alpha for item in mine),
        nulls_test=_rate(item.nulls_p <= alpha for item in mine),
        covered=_rate(item.rank_ic_low <= item.true_rank_ic <= item.rank_ic_high for item in mine),
        too_few_trades=sum(item.closed_trades < MIN_TRADES for item in mine),
        rank_ic=mean("rank_ic"),
        true_rank_ic=mean("true_rank_ic"),
        oracle_rank_ic=mean("oracle_rank_ic"),
        spread=float(np.nanstd(errors, ddof=1)) if len(mine) > 1 else math.nan,
        half_width=float(np.nanmean([(item.rank_ic_high - item.rank_ic_low) / 2.0 for item in mine])),
        sharpe=mean("sharpe"),
        null_sharpe=mean("null_sharpe"),
        equal_weight_sharpe=mean("equal_weight_sharpe"),
        excess=mean("excess"),
        closed_trades=mean("closed_trades"),
        exposure=mean("exposure"),
        seconds=mean("seconds"),
    )


def _rate(answers: Iterator[bool]) -> Rate:
    said = list(answers)
    return rate(sum(said), len(said))


def _bare(config: Config) -> Config:
    """Without secrets, which have no business in another process."""
    return replace(config, secrets=Secrets(database_url=None, alpaca_key=None, alpaca_secret=None))


def _as_json(outcome: Outcome) -> dict[str, object]:
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in asdict(outcome).items()
    }


def _read(path: Path, journal: Journal) -> list[Outcome]:
    """Outcomes of earlier runs."""
    try:
        return [_outcome_of(json.loads(line)) for line in journal.lines()]
    except (ValueError, TypeError) as error:
        raise DataCorrupt(f"{path}: is not a record of outcomes ({error}); move it away") from None


def _outcome_of(body: dict[str, object]) -> Outcome:
    if set(body) != {item.name for item in fields(Outcome)}:
        raise ValueError("a line must hold the fields of an outcome")
    return Outcome(**{name: math.nan if value is None else value for name, value in body.items()})  # type: ignore[arg-type]
