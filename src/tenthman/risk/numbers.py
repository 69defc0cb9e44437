"""The rules of risk_rules.yaml as whole numbers: fractions in millionths, prices in 1/10,000 USD."""

from typing import NamedTuple

from tenthman.config import DrawdownRules, RiskRules, StopRules
from tenthman.domain.money import basis_points, millionths, price_number

OFF = -1
"""In the place of a limit: the rule is not asked for."""


class RuleNumbers(NamedTuple):
    """What the arithmetic of risk reads; OFF in the place of a rule that is not asked for.

    `peak_limit`, `day_start_limit`, `week_start_limit`: the drawdown from each reference at which the stop acts.
    """

    risk_fraction_per_trade: int
    max_open_risk_fraction: int
    max_positions: int
    max_position_fraction: int
    max_sector_fraction: int
    max_gross_fraction: int
    min_cash_fraction: int
    max_positions_per_issuer: int
    max_entries_per_run: int
    min_price: int
    min_dollar_volume: int
    max_volume_fraction: int
    peak_limit: int
    day_start_limit: int
    week_start_limit: int
    open_risk_per_distance: int
    rearm_after: int
    gap: int
    max_faults: int
    cool_off: int
    has_blackout: bool
    cluster_correlation: int
    max_cluster_fraction: int
    max_turnover_fraction: int
    trailing_atr: int
    structure_least: int
    structure_most: int


class StopNumbers(NamedTuple):
    """Offset of the limit, and the distances of stop and target, in millionths of price, ATR and stop distance."""

    offset: int
    stop_atr: int
    reward_risk: int
    horizon: int


def rule_numbers(rules: RiskRules) -> RuleNumbers:
    """`rules` in whole numbers; ValueError when one is spelled finer than they can hold."""
    cluster, structure = rules.cluster, rules.structure_stop
    return RuleNumbers(
        risk_fraction_per_trade=millionths("risk_fraction_per_trade", rules.risk_fraction_per_trade),
        max_open_risk_fraction=millionths("max_open_risk_fraction", rules.max_open_risk_fraction),
        max_positions=rules.max_positions,
        max_position_fraction=millionths("max_position_fraction", rules.max_position_fraction),
        max_sector_fraction=millionths("max_sector_fraction", rules.max_sector_fraction),
        max_gross_fraction=millionths("max_gross_fraction", rules.max_gross_fraction),
        min_cash_fraction=millionths("min_cash_fraction", rules.min_cash_fraction),
        max_positions_per_issuer=rules.max_positions_per_issuer,
        max_entries_per_run=rules.max_entries_per_run,
        min_price=price_number("min_price_usd", rules.min_price_usd),
        min_dollar_volume=price_number("min_dollar_volume_usd", rules.min_dollar_volume_usd),
        max_volume_fraction=millionths("max_volume_fraction", rules.max_volume_fraction),
        peak_limit=drawdown_limit(rules.drawdown, "peak"),
        day_start_limit=drawdown_limit(rules.drawdown, "day_start"),
        week_start_limit=drawdown_limit(rules.drawdown, "week_start"),
        open_risk_per_distance=millionths("open_risk_per_distance", rules.drawdown.open_risk_per_distance),
        rearm_after=rules.drawdown.rearm_after_sessions or 0,
        gap=_or_off("gap_allowance_fraction", rules.gap_allowance_fraction, off=0),
        max_faults=OFF if rules.data_quality is None else rules.data_quality.max_faults,
        cool_off=OFF if rules.cool_off_sessions is None else rules.cool_off_sessions,
        has_blackout=rules.blackout is not None,
        cluster_correlation=_or_off("correlation", None if cluster is None else cluster.correlation),
        max_cluster_fraction=_or_off("max_fraction", None if cluster is None else cluster.max_fraction),
        max_turnover_fraction=_or_off("max_turnover_fraction", rules.max_turnover_fraction),
        structure_least=_or_off("least_atr", None if structure is None else structure.least_atr),
        structure_most=_or_off("most_atr", None if structure is None else structure.most_atr),
        trailing_atr=_or_off("trailing_stop_atr", rules.trailing_stop_atr),
    )


def drawdown_limit(rules: DrawdownRules, reference: str) -> int:
    """Millionths that may be lost since `reference` before the stop acts; OFF when it is not among the references."""
    if reference not in rules.references:
        return OFF
    own = {str(name): limit for name, limit in (rules.own_limits or {}).items()}
    return millionths("limit_fraction", own.get(reference, rules.limit_fraction))


def _or_off(name: str, value: float | None, off: int = OFF) -> int:
    return off if value is None else millionths(name, value)


def stop_numbers(rules: StopRules) -> StopNumbers:
    """`rules` in whole numbers; ValueError when one is spelled finer than they can hold."""
    return StopNumbers(
        offset=basis_points("limit_offset_bp", rules.limit_offset_bp),
        stop_atr=millionths("stop_atr", rules.stop_atr),
        reward_risk=millionths("reward_risk", rules.reward_risk),
        horizon=rules.horizon_sessions,
    )
