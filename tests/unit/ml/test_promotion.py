"""The gate of promotion: every bound by itself, and what is not known does not pass."""

from dataclasses import replace

import pytest

from tenthman.config import PromotionSettings
from tenthman.ml.promotion import Evidence, gate, passes

BOUNDS = PromotionSettings(
    min_deflated_sharpe=0.95, max_calibration_error=0.05, min_rank_ic=0.0, min_worst_fold_rank_ic=-0.02
)
GOOD = Evidence(deflated_sharpe=0.95, calibration_error=0.05, rank_ic_low=0.001, fold_rank_ics=(0.05, -0.02))


def failed(evidence: Evidence) -> list[str]:
    return [check.rule for check in gate(evidence, BOUNDS) if not check.passed]


def test_a_model_at_the_bounds_passes() -> None:
    checks = gate(GOOD, BOUNDS)
    assert passes(checks)
    assert [(check.observed, check.limit) for check in checks] == [
        ("0.95", "at least 0.95"),
        ("0.05", "at most 0.05"),
        ("0.001", "above 0"),
        ("-0.02", "at least -0.02"),
    ]


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"deflated_sharpe": 0.9499}, "deflated_sharpe"),
        ({"deflated_sharpe": float("nan")}, "deflated_sharpe"),
        ({"deflated_sharpe": None}, "deflated_sharpe"),
        ({"calibration_error": 0.0501}, "calibration_error"),
        ({"calibration_error": None}, "calibration_error"),
        ({"rank_ic_low": 0.0}, "rank_ic_low"),
        ({"rank_ic_low": None}, "rank_ic_low"),
        ({"fold_rank_ics": (0.3, -0.021)}, "worst_fold_rank_ic"),
        ({"fold_rank_ics": ()}, "worst_fold_rank_ic"),
    ],
)
def test_one_bound_missed_keeps_the_gate_shut(change: dict[str, object], rule: str) -> None:
    assert failed(replace(GOOD, **change)) == [rule]
    assert not passes(gate(replace(GOOD, **change), BOUNDS))


def test_a_gate_without_checks_is_shut() -> None:
    assert not passes(())
