"""What a sweep showed: its best, median and worst, how much each key matters, and what the best is worth."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tenthman.backtest.claim import Trials
from tenthman.backtest.ledger import Outcome
from tenthman.domain.canonical import canonical_json
from tenthman.ml.sharpe import SharpeMoments, annualised, expected_best, probabilistic_sharpe, scatter_of_trials

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
    moments = _moments(best)
    scatter = scatter_of_trials(moments, trials.variance, trials.known)
    luck = expected_best(trials.count, scatter) if math.isfinite(scatter) else 0.0
    chance = probabilistic_sharpe(moments, luck)
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
        deflated_sharpe=None if math.isnan(chance) else chance,
        sensitivities=tuple(_sensitivities(outcomes)),
    )


def _moments(outcome: Outcome) -> SharpeMoments:
    sharpe, skew, kurtosis = (
        math.nan if value is None else value for value in (outcome.sharpe, outcome.skew, outcome.kurtosis)
    )
    return SharpeMoments(count=outcome.sessions, sharpe=sharpe, skew=skew, kurtosis=kurtosis)


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
