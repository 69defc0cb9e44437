"""The rules of risk_rules.yaml as whole numbers: fractions in millionths, prices in 1/10,000 USD."""

from typing import NamedTuple

from tenthman.config import RiskRules, StopRules
from tenthman.domain.money import basis_points, millionths, price_number


class RuleNumbers(NamedTuple):
    """What the arithmetic of risk reads. `by_peak` and `by_day_start` tell which references a drawdown counts from."""

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
    drawdown_limit: int
    open_risk_per_distance: int
    by_peak: bool
    by_day_start: bool
    rearm_after: int


class StopNumbers(NamedTuple):
    """Offset of the limit, and the distances of stop and target, in millionths of price, ATR and stop distance."""

    offset: int
    stop_atr: int
    reward_risk: int
    horizon: int


def rule_numbers(rules: RiskRules) -> RuleNumbers:
    """`rules` in whole numbers; ValueError when one is spelled finer than they can hold."""
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
        drawdown_limit=millionths("limit_fraction", rules.drawdown.limit_fraction),
        open_risk_per_distance=millionths("open_risk_per_distance", rules.drawdown.open_risk_per_distance),
        by_peak="peak" in rules.drawdown.references,
        by_day_start="day_start" in rules.drawdown.references,
        rearm_after=rules.drawdown.rearm_after_sessions or 0,
    )


def stop_numbers(rules: StopRules) -> StopNumbers:
    """`rules` in whole numbers; ValueError when one is spelled finer than they can hold."""
    return StopNumbers(
        offset=basis_points("limit_offset_bp", rules.limit_offset_bp),
        stop_atr=millionths("stop_atr", rules.stop_atr),
        reward_risk=millionths("reward_risk", rules.reward_risk),
        horizon=rules.horizon_sessions,
    )
