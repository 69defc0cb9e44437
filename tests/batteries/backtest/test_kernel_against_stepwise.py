"""The compiled backtest against the desk itself, step by step: the same orders, fills, money, denials and latch."""

import os
from dataclasses import fields
from datetime import date

import numpy as np
import pytest
from tenthman_audit import Watcher, broken_in
from tenthman_rehearsal import small_practice_market
from tenthman_settings import busy
from tenthman_studies import HISTORY, cash_of, flawed, random_market, study_on, with_changes

from tenthman.backtest.build import Study, inputs_of
from tenthman.backtest.kernel import simulate
from tenthman.backtest.result import FILL, BacktestResult, OrderEnd, PurposeCode, ReasonCode
from tenthman.backtest.stepwise import run_stepwise
from tenthman.config import Config, load_config
from tenthman.scheduler.committee.holes import nobody

BASE = with_changes(
    busy(load_config(None, os.environ)),
    signal={"entry_fraction": 0.4, "exit_fraction": 0.2, "min_history_sessions": 60},
    drawdown={"rearm_after_sessions": 4},
    rehearsal={"dividends": True},
)
SESSIONS = random_market(10).panel.sessions
TIGHT = {"max_positions": 3, "max_entries_per_run": 1, "max_position_fraction": 0.02, "max_sector_fraction": 0.03}
WIDE = {
    "risk_fraction_per_trade": 0.05, "max_open_risk_fraction": 0.5, "max_position_fraction": 0.4,
    "max_sector_fraction": 0.9, "max_positions_per_issuer": 2, "max_volume_fraction": 0.0123,
}  # fmt: skip
LOOSE = {"limit_fraction": 0.4, "open_risk_per_distance": 2.5}
CAREFUL = {
    "gap_allowance_fraction": 0.012345,
    "max_turnover_fraction": 0.3,
    "cool_off_sessions": 3,
    "cluster": {"correlation": 0.15, "sessions": 25, "max_fraction": 0.25},
    "data_quality": {"sessions": 5, "max_faults": 0},
    "blackout": {
        "dates": [day.item() for day in SESSIONS[HISTORY + 8 :: 9]],
        "earnings": [{"ticker": "Z0", "date": day} for day in (SESSIONS[HISTORY + 12].item(), date(2031, 1, 1))],
        "sessions_before": 2,
    },
}
COSTLY = {"half_spread_bp": 3.0, "slippage_bp": 3.0, "open_slippage_bp": 9.0, "stop_slippage_bp": 15.0}
FREE = dict.fromkeys(COSTLY, 0.0)

TRAILS = "stops that follow the highest close"
TRAILS_NEAR = "stops that follow so near that they are a cent below the close"

CASES = {
    "as shipped": (1, BASE),
    "no costs, wide limits: halted and re-armed": (2, with_changes(BASE, costs=FREE, rules=WIDE)),
    "three times the costs, nearly no drawdown stop": (3, with_changes(BASE, costs=COSTLY, drawdown=LOOSE)),
    "tight limits": (4, with_changes(BASE, rules=TIGHT)),
    "wide limits, cash binds": (5, with_changes(BASE, rules=WIDE, drawdown=LOOSE)),
    "peak alone, never re-armed": (
        6,
        with_changes(BASE, rules=WIDE, drawdown={"references": ("peak",), "rearm_after_sessions": None}),
    ),
    "day alone, near stops, no offset": (
        7,
        with_changes(
            BASE,
            drawdown={"references": ("day_start",)},
            stops={"limit_offset_bp": 0.0, "stop_atr": 0.25, "horizon_sessions": 2},
        ),
    ),
    "a drawdown limit that the first losses reach, re-armed soon": (
        9,
        with_changes(
            BASE,
            rules=WIDE,
            drawdown={"limit_fraction": 0.006, "open_risk_per_distance": 10.0, "rearm_after_sessions": 4},
        ),
    ),
    "every rule that the shipped file leaves off": (
        10,
        with_changes(BASE, rules={**WIDE, **CAREFUL}, stops={"stop_atr": 0.5}, drawdown=LOOSE),
    ),
    "the week alone, and re-armed within it": (
        11,
        with_changes(
            BASE,
            rules=WIDE,
            drawdown={
                "limit_fraction": 0.5,
                "own_limits": {"week_start": 0.008},
                "references": ("week_start",),
                "open_risk_per_distance": 10.0,
                "rearm_after_sessions": 1,
            },
        ),
    ),
    "stops below the lowest low": (
        14,
        with_changes(
            BASE,
            rules={**WIDE, "structure_stop": {"sessions": 6, "least_atr": 0.5, "most_atr": 2.0}},
            drawdown=LOOSE,
        ),
    ),
    TRAILS: (
        12,
        with_changes(BASE, rules={**WIDE, "trailing_stop_atr": 0.9}, drawdown=LOOSE, stops={"reward_risk": 4.0}),
    ),
    TRAILS_NEAR: (
        13,
        with_changes(BASE, rules={**WIDE, "trailing_stop_atr": 0.01, "max_positions": 6}, drawdown=LOOSE),
    ),
    "a limit far above the price, so that a stop can be reached at once": (
        8,
        with_changes(BASE, drawdown=LOOSE, stops={"limit_offset_bp": 400.0, "stop_atr": 0.5}),
    ),
}


def compiled(study: Study, config: Config) -> BacktestResult:
    return simulate(
        inputs_of(study, config), config.risk_rules, config.models.signal, config.settings.costs, cash_of(config)
    )


def require_equal(fast: BacktestResult, slow: BacktestResult) -> None:
    """Equal in everything; only the instants of fills are whole microseconds where they passed through a clock."""
    for name in ("equity", "cash", "held_value", "fees", "dividends", "orders"):
        np.testing.assert_array_equal(getattr(fast, name), getattr(slow, name), err_msg=name)
    for name in FILL.names or ():
        if name != "fraction":
            np.testing.assert_array_equal(fast.fills[name], slow.fills[name], err_msg=name)
    np.testing.assert_allclose(fast.fills["fraction"], slow.fills["fraction"], rtol=0.0, atol=1e-9)
    rest = {item.name for item in fields(BacktestResult)} - {"orders", "fills", "equity", "cash", "held_value"}
    for name in sorted(rest - {"sessions", "fees", "dividends"}):
        assert getattr(fast, name) == getattr(slow, name), name


@pytest.fixture(scope="module")
def seen() -> dict[str, BacktestResult]:
    """What the cases came to, so that it can be asked whether together they saw enough."""
    return {}


@pytest.mark.parametrize("case", CASES)
def test_a_random_market_comes_to_the_same(case: str, seen: dict[str, BacktestResult]) -> None:
    seed, config = CASES[case]
    market = random_market(seed)
    if config.risk_rules.data_quality is not None or case == TRAILS:
        market = flawed(market, seed)
    study, watcher = study_on(market, config), Watcher()
    slow, record = run_stepwise(study, config, nobody, watcher.step)
    require_equal(compiled(study, config), slow)
    audited, broken = broken_in(study, config, record, watcher)
    assert broken == [], "by sums that another hand wrote"
    assert audited == sum(order["purpose"] == PurposeCode.ENTRY for order in slow.orders) + len(record.refused)
    seen[case] = slow


def test_stops_were_raised_and_sold_by(seen: dict[str, BacktestResult]) -> None:
    for case in (TRAILS, TRAILS_NEAR):
        if case not in seen:
            pytest.skip("asked alone")
        stopped = seen[case].fills[seen[case].fills["purpose"] == PurposeCode.STOP]
        first = seen[case].orders["stop_e4"][stopped["order"]]
        assert np.count_nonzero(stopped["price_e4"] > first) >= 5, "no stop fills above its price"


def test_the_random_markets_saw_every_way_in_which_a_trade_and_an_order_can_end(
    seen: dict[str, BacktestResult],
) -> None:
    if len(seen) < len(CASES):
        pytest.skip("asked alone")
    fills, orders = (np.concatenate([getattr(item, name) for item in seen.values()]) for name in ("fills", "orders"))
    assert set(fills["purpose"]) == {int(purpose) for purpose in PurposeCode}
    assert set(orders["end"]) == {OrderEnd.FILLED, OrderEnd.CANCELED, OrderEnd.EXPIRED}
    assert set(orders["reason"]) == {int(reason) for reason in ReasonCode}
    assert {move.state for item in seen.values() for move in item.latch} == {"reducing", "halted", "active"}
    assert any(item.dividends.any() for item in seen.values())
    denied = set().union(*(item.denials for item in seen.values()))
    assert denied >= {"trading_state", "not_already_held", "max_positions", "max_positions_per_issuer"}
    assert denied >= {"data_quality", "blackout", "cool_off_sessions", "max_cluster_fraction", "max_turnover_fraction"}


def test_the_crash_of_the_practice_market_comes_to_the_same() -> None:
    config = with_changes(BASE, rehearsal={"dividends": False})
    study = study_on(small_practice_market(), config, first_row=337, rows=22)
    watcher = Watcher()
    slow, record = run_stepwise(study, config, nobody, watcher.step)
    require_equal(compiled(study, config), slow)
    assert broken_in(study, config, record, watcher)[1] == []
    assert [move.state for move in slow.latch][:3] == ["reducing", "halted", "active"]
