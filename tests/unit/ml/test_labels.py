"""Triple-barrier labels on hand-typed bars: close 100, ATR 2, so limit 100, stop 96 and target 106 unless said."""

import numpy as np
import pytest

from tenthman.config import StopRules
from tenthman.domain.market import Panel
from tenthman.ml.labels import BUY, HOLD, SELL, UNKNOWN, Labels, average_uniqueness, thirds, triple_barrier

Ohlc = tuple[float, float, float, float]
GONE: Ohlc = (float("nan"),) * 4
FLAT: Ohlc = (100, 101, 99, 100)


def panel_of(*bars: Ohlc) -> Panel:
    array = np.array(bars, dtype=np.float64)
    opened, high, low, close = (array[:, [field]].copy() for field in range(4))
    return Panel(
        sessions=np.datetime64("2020-01-01") + np.arange(len(array)),
        tickers=("A",),
        open=opened,
        high=high,
        low=low,
        close=close,
        volume=np.where(np.isnan(opened), np.nan, 1.0),
    )


def rules_of(horizon: int = 3, offset_bp: float = 0.0) -> StopRules:
    return StopRules(
        atr_sessions=14, stop_atr=2.0, reward_risk=1.5, horizon_sessions=horizon, limit_offset_bp=offset_bp
    )


def label(*bars: Ohlc, offset_bp: float = 0.0, atr: float = 2.0) -> tuple[int, int]:
    """Label and end row of the first session, decided on a close of 100, over a horizon of three sessions."""
    panel = panel_of(FLAT, *bars, *([FLAT] * (3 - len(bars))))
    labels = triple_barrier(panel, np.full((4, 1), atr), rules_of(offset_bp=offset_bp))
    return int(labels.y[0, 0]), int(labels.end_row[0, 0])


def test_the_target_touched_first_is_a_buy() -> None:
    assert label(FLAT, (101, 106, 100, 105)) == (BUY, 2)


def test_the_stop_touched_first_is_a_sell() -> None:
    assert label(FLAT, (99, 100, 96, 97), (100, 110, 99, 108)) == (SELL, 2)


def test_neither_touched_within_the_horizon_is_a_hold_that_ends_with_it() -> None:
    assert label(FLAT, FLAT, (100, 105.99, 96.01, 100)) == (HOLD, 3)


def test_a_bar_that_touches_both_counts_as_the_stop() -> None:
    assert label(FLAT, (100, 107, 95, 106)) == (SELL, 2)


def test_a_gap_above_the_target_is_sold_at_the_open_before_the_bar_falls() -> None:
    assert label(FLAT, (107, 108, 95, 96)) == (BUY, 2)


def test_a_gap_below_the_stop_is_a_sell_even_if_the_bar_recovers() -> None:
    assert label(FLAT, (94, 107, 94, 106)) == (SELL, 2)


def test_the_entry_session_itself_can_stop_the_position() -> None:
    assert label((100, 107, 95, 106)) == (SELL, 1)
    assert label((100, 107, 99, 106)) == (BUY, 1)


def test_an_open_above_the_limit_is_entered_when_the_session_falls_to_it() -> None:
    assert label((102, 103, 100, 101)) == (HOLD, 3)
    assert label((102, 103, 100.01, 101)) == (UNKNOWN, -1)


def test_an_open_above_the_target_before_the_entry_does_not_shield_from_the_stop() -> None:
    assert label((107, 108, 95, 97)) == (SELL, 1)


def test_the_offset_moves_limit_stop_and_target_together() -> None:
    assert label((100.5, 101, 100.4, 101), offset_bp=50.0) == (HOLD, 3)
    assert label(FLAT, (100, 106.4, 99, 100), offset_bp=50.0) == (HOLD, 3)
    assert label(FLAT, (100, 100, 96.49, 97), offset_bp=50.0) == (SELL, 2)


def test_a_missing_bar_before_a_barrier_leaves_the_label_unknown() -> None:
    assert label(GONE) == (UNKNOWN, -1)
    assert label(FLAT, GONE, (100, 110, 99, 110)) == (UNKNOWN, -1)
    assert label(FLAT, (101, 106, 100, 105), GONE) == (BUY, 2)


def test_without_a_true_range_or_with_a_stop_below_zero_the_label_is_unknown() -> None:
    assert label(FLAT, atr=float("nan")) == (UNKNOWN, -1)
    assert label(FLAT, atr=0.0) == (UNKNOWN, -1)
    assert label(FLAT, atr=50.0) == (UNKNOWN, -1)


def test_an_incomplete_window_is_unknown_even_if_a_barrier_was_touched_in_it() -> None:
    panel = panel_of(FLAT, (100, 120, 99, 118), FLAT)
    assert (triple_barrier(panel, np.full((3, 1), 2.0), rules_of()).y == UNKNOWN).all()


def test_an_average_range_of_another_shape_is_refused() -> None:
    panel, rules = panel_of(FLAT, FLAT, FLAT, FLAT), rules_of()
    with pytest.raises(ValueError, match=r"`atr` must have the panel's shape \(4, 1\)"):
        triple_barrier(panel, np.ones((4, 2)), rules)


def test_uniqueness_of_two_windows_that_share_one_of_three_sessions() -> None:
    # Windows {1, 2, 3} and {3, 4, 5}: the third session counts half in both, (1 + 1 + 1/2) / 3.
    end_row = np.array([[3], [-1], [5], [-1], [-1], [-1]], dtype=np.int32)
    y = np.where(end_row < 0, UNKNOWN, HOLD).astype(np.int8)
    weights = average_uniqueness(Labels(y=y, end_row=end_row), end_row >= 0)
    np.testing.assert_allclose(weights[:, 0], [2.5 / 3, 0, 2.5 / 3, 0, 0, 0])


def test_a_label_left_out_does_not_crowd_the_others() -> None:
    end_row = np.array([[3], [3], [-1], [-1]], dtype=np.int32)
    y = np.where(end_row < 0, UNKNOWN, BUY).astype(np.int8)
    used = np.array([[True], [False], [False], [False]])
    assert average_uniqueness(Labels(y=y, end_row=end_row), used)[:, 0].tolist() == [1.0, 0.0, 0.0, 0.0]


def test_an_unknown_label_has_no_weight_to_give() -> None:
    labels = Labels(y=np.full((2, 1), UNKNOWN, dtype=np.int8), end_row=np.full((2, 1), -1, dtype=np.int32))
    with pytest.raises(ValueError, match="known labels only"):
        average_uniqueness(labels, np.ones((2, 1), dtype=bool))


def test_an_end_without_a_label_is_refused() -> None:
    with pytest.raises(ValueError, match="exactly where `y` is unknown"):
        Labels(y=np.full((1, 1), UNKNOWN, dtype=np.int8), end_row=np.zeros((1, 1), dtype=np.int32))


def test_a_window_that_does_not_go_on_after_its_decision_is_refused() -> None:
    with pytest.raises(ValueError, match="must lie after the row"):
        Labels(y=np.full((2, 1), HOLD, dtype=np.int8), end_row=np.array([[1], [1]], dtype=np.int32))


def ranked_market() -> tuple[Panel, np.ndarray]:
    """Six tickers over five sessions: after the first, they end 12, 8, 4, 0, -4 and -12 above the close of 100."""
    ends = np.array([112.0, 108.0, 104.0, 100.0, 96.0, 88.0])
    close = np.vstack([np.full(6, 100.0)] * 3 + [ends, ends])
    fields = {
        "open": np.vstack([close[:1], close[:-1]]),
        "high": np.maximum(close, 100.0),
        "low": np.minimum(close, 100.0),
        "close": close,
        "volume": np.ones_like(close),
    }
    panel = Panel(sessions=np.datetime64("2020-01-01") + np.arange(5), tickers=tuple("ABCDEF"), **fields)
    return panel, np.full((5, 6), 5.0)


def test_thirds_rank_what_the_entries_of_a_session_earned_against_each_other() -> None:
    panel, atr = ranked_market()
    labels = thirds(panel, atr, rules_of(), np.ones((5, 6), dtype=bool))
    assert labels.y[0].tolist() == [BUY, BUY, HOLD, HOLD, SELL, SELL]
    assert labels.end_row[0].tolist() == [3] * 6
    assert (labels.y[2:] == UNKNOWN).all()


def test_thirds_do_not_move_when_the_whole_market_does() -> None:
    panel, atr = ranked_market()
    fallen = {name: getattr(panel, name).copy() for name in ("open", "high", "low", "close")}
    for values in fallen.values():
        values[3:] -= 6.0
    other = Panel(sessions=panel.sessions.copy(), tickers=panel.tickers, volume=panel.volume.copy(), **fallen)
    everyone = np.ones((5, 6), dtype=bool)
    assert (triple_barrier(other, atr, rules_of()).y[0] == SELL).sum() > (
        triple_barrier(panel, atr, rules_of()).y[0] == SELL
    ).sum()
    assert thirds(other, atr, rules_of(), everyone).y[0].tolist() == [BUY, BUY, HOLD, HOLD, SELL, SELL]


def test_thirds_compare_members_only_and_who_is_not_one_has_no_label() -> None:
    panel, atr = ranked_market()
    members = np.ones((5, 6), dtype=bool)
    members[:, :3] = False
    assert thirds(panel, atr, rules_of(), members).y[0].tolist() == [UNKNOWN] * 3 + [BUY, HOLD, SELL]
    with pytest.raises(ValueError, match="among"):
        thirds(panel, atr, rules_of(), members[:2])
