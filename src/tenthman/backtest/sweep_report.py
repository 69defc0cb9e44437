"""What a sweep showed: its best, median and worst, how much each key matters, and what the best is worth."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tenthman.backtest.claim import Trials
from tenthman.backtest.ledger import Outcome
from tenthman.domain.canonical import canonical_json
from tenthman.ml.sharpe import SharpeMoments, annualised, deflated_sharpe, expected_best

NOT_A_RESULT = (
    "the best of a sweep is the luckiest of its trials as much as the best of its settings: it is a candidate for a "
    "test on sessions that no trial has seen, not a result"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """Over all outcomes in which `key` had `value`: how many, and Sharpe ratios a year."""

    key: str
    value: object
    outcomes: int
    median_sharpe: float
    best_sharpe: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepReport:
    """A sweep, told. Sharpe ratios are a year, but for those inside outcomes.

    `trials` counts every setting tried on this market, those of earlier sweeps and backtests among them;
    `deflated_sharpe` is the probability that the best one's true Sharpe ratio exceeds the expected maximum of so many
    without skill (`expected_best_sharpe`), None where the best never moved.
    """

    settings: int
    computed: int
    trials: int
    best: Outcome
    median: Outcome
    worst: Outcome
    best_sharpe: float
    median_sharpe: float
    worst_sharpe: float
    expected_best_sharpe: float
    deflated_sharpe: float | None
    sensitivities: tuple[Sensitivity, ...]
    note: str = NOT_A_RESULT


def summarise(outcomes: Sequence[Outcome], computed: int, trials: Trials) -> SweepReport:
    """What a sweep showed; `trials` counts all that were ever run on this market. ValueError without outcomes."""
    if not outcomes:
        raise ValueError("`outcomes` must hold at least one")
    ranked = sorted(outcomes, key=lambda item: (item.sortable_sharpe(), item.setting))
    best, median, worst = ranked[-1], ranked[(len(ranked) - 1) // 2], ranked[0]
    scatter = trials_of(outcomes).variance if trials.variance is None else trials.variance
    luck = expected_best(trials.count, scatter or 0.0)
    return SweepReport(
        settings=len(outcomes),
        computed=computed,
        trials=trials.count,
        best=best,
        median=median,
        worst=worst,
        best_sharpe=annualised(best.sortable_sharpe()),
        median_sharpe=annualised(median.sortable_sharpe()),
        worst_sharpe=annualised(worst.sortable_sharpe()),
        expected_best_sharpe=annualised(luck),
        deflated_sharpe=_deflated(best, trials.count, scatter or 0.0),
        sensitivities=tuple(_sensitivities(outcomes)),
    )


def trials_of(outcomes: Iterable[Outcome]) -> Trials:
    """The trials that these outcomes are by themselves, and how far their Sharpe ratios scatter."""
    sharpes = [item.sortable_sharpe() for item in outcomes]
    return Trials(count=max(1, len(sharpes)), variance=float(np.var(sharpes, ddof=1)) if len(sharpes) > 1 else None)


def _deflated(best: Outcome, trials: int, variance: float) -> float | None:
    if best.sharpe is None or best.skew is None or best.kurtosis is None:
        return None
    moments = SharpeMoments(count=best.sessions, sharpe=best.sharpe, skew=best.skew, kurtosis=best.kurtosis)
    chance = deflated_sharpe(moments, trials, variance)
    return None if math.isnan(chance) else chance


def _sensitivities(outcomes: Sequence[Outcome]) -> Iterator[Sensitivity]:
    for key in outcomes[0].values:
        groups: dict[str, list[Outcome]] = {}
        for outcome in outcomes:
            groups.setdefault(canonical_json(outcome.values[key]), []).append(outcome)
        for members in sorted(groups.values(), key=lambda group: _place(group[0].values[key])):
            sharpes = [annualised(item.sortable_sharpe()) for item in members]
            yield Sensitivity(
                key=key,
                value=members[0].values[key],
                outcomes=len(members),
                median_sharpe=float(np.median(sharpes)),
                best_sharpe=max(sharpes),
            )


def _place(value: object) -> tuple[float, str]:
    """Numbers by size, then everything else by its spelling."""
    return (float(value), "") if isinstance(value, int | float) else (math.inf, canonical_json(value))
