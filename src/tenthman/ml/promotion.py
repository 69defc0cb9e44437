"""The gate that a challenger must pass to become champion. What is not known does not pass."""

from collections.abc import Sequence
from dataclasses import dataclass

from tenthman.config import PromotionSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of a challenger out of sample; None where it was not or could not be measured.

    `deflated_sharpe`: the probability that its true Sharpe ratio exceeds the expected maximum of all trials without
    skill. `calibration_error`: expected calibration error of its probabilities. `rank_ic_low`: lower end of the
    interval of its rank IC. `fold_rank_ics`: mean rank IC of each fold.
    """

    deflated_sharpe: float | None
    calibration_error: float | None
    rank_ic_low: float | None
    fold_rank_ics: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class GateCheck:
    """One bound applied once: what was observed, what the limit is, and whether it passed."""

    rule: str
    observed: str
    limit: str
    passed: bool


def gate(evidence: Evidence, bounds: PromotionSettings) -> tuple[GateCheck, ...]:
    """Every check of `evidence`, in a fixed order; a challenger may be promoted only if all pass."""
    sharpe, error, low = evidence.deflated_sharpe, evidence.calibration_error, evidence.rank_ic_low
    worst = min(evidence.fold_rank_ics, default=None)
    return (
        _check(
            "deflated_sharpe",
            sharpe,
            f"at least {bounds.min_deflated_sharpe:g}",
            sharpe is not None and sharpe >= bounds.min_deflated_sharpe,
        ),
        _check(
            "calibration_error",
            error,
            f"at most {bounds.max_calibration_error:g}",
            error is not None and error <= bounds.max_calibration_error,
        ),
        _check("rank_ic_low", low, f"above {bounds.min_rank_ic:g}", low is not None and low > bounds.min_rank_ic),
        _check(
            "worst_fold_rank_ic",
            worst,
            f"at least {bounds.min_worst_fold_rank_ic:g}",
            worst is not None and worst >= bounds.min_worst_fold_rank_ic,
        ),
    )


def passes(checks: Sequence[GateCheck]) -> bool:
    """Whether every check passed; False without any."""
    return bool(checks) and all(check.passed for check in checks)


def _check(rule: str, value: float | None, limit: str, passed: bool) -> GateCheck:
    return GateCheck(
        rule=rule, observed="not measured" if value is None else f"{value:.4g}", limit=limit, passed=passed
    )
