"""What the control found: a market's outcome, how it is kept, and what many of them say together."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from scipy.stats import beta, binom

from tenthman.backtest.claim import MIN_TRADES
from tenthman.db.journal import Journal
from tenthman.domain.errors import DataCorrupt
from tenthman.domain.market import Floats
from tenthman.exchange.practice import Truth


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

    `covered` is of the markets that have an interval; a test that could not be computed said no.
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


def line_of(outcome: Outcome) -> bytes:
    """`outcome` as a line of the record, without its end; NaN as null."""
    held = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in asdict(outcome).items()
    }
    return json.dumps(held).encode()


def read_outcomes(path: Path, journal: Journal) -> list[Outcome]:
    """Outcomes of earlier runs, in `path`. DataCorrupt when a line is none."""
    try:
        return [_outcome_of(json.loads(line)) for line in journal.lines()]
    except (ValueError, TypeError) as error:
        raise DataCorrupt(f"{path}: is not a record of outcomes ({error}); move it away") from None


def _outcome_of(body: dict[str, object]) -> Outcome:
    if set(body) != {item.name for item in fields(Outcome)}:
        raise ValueError("a line must hold the fields of an outcome")
    return Outcome(**{name: math.nan if value is None else value for name, value in body.items()})  # type: ignore[arg-type]


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


def _summary(mine: Sequence[Outcome], alpha: float) -> Summary:
    def mean(name: str) -> float:
        return _mean(getattr(item, name) for item in mine)

    errors = _finite(item.rank_ic - item.true_rank_ic for item in mine)
    return Summary(
        truth=mine[0].truth,
        claims=_rate(item.claimed for item in mine),
        rank_ic_test=_rate(item.rank_ic_p <= alpha for item in mine),
        nulls_test=_rate(item.nulls_p <= alpha for item in mine),
        covered=_rate(
            item.rank_ic_low <= item.true_rank_ic <= item.rank_ic_high
            for item in mine
            if math.isfinite(item.rank_ic_low) and math.isfinite(item.true_rank_ic)
        ),
        too_few_trades=sum(item.closed_trades < MIN_TRADES for item in mine),
        rank_ic=mean("rank_ic"),
        true_rank_ic=mean("true_rank_ic"),
        oracle_rank_ic=mean("oracle_rank_ic"),
        spread=float(errors.std(ddof=1)) if len(errors) > 1 else math.nan,
        half_width=_mean((item.rank_ic_high - item.rank_ic_low) / 2.0 for item in mine),
        sharpe=mean("sharpe"),
        null_sharpe=mean("null_sharpe"),
        equal_weight_sharpe=mean("equal_weight_sharpe"),
        excess=mean("excess"),
        closed_trades=mean("closed_trades"),
        exposure=mean("exposure"),
        seconds=mean("seconds"),
    )


def _rate(answers: Iterable[bool]) -> Rate:
    said = list(answers)
    return rate(sum(said), len(said))


def _mean(values: Iterable[float]) -> float:
    """Over those that are known; NaN where none is."""
    known = _finite(values)
    return float(known.mean()) if len(known) else math.nan


def _finite(values: Iterable[float]) -> Floats:
    found = np.array(list(values), dtype=np.float64)
    return found[np.isfinite(found)]
