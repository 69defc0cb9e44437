"""Fills become round trips whose results add up to the change of equity."""

from dataclasses import replace

import numpy as np
import pytest
from tenthman_backtests import toy_inputs, toy_result

from tenthman.backtest.result import FILL, ORDER, BacktestResult, OrderEnd, PurposeCode, ReasonCode
from tenthman.dashboard.backtest_trades import STILL_HELD, last_marks, trades

INPUTS = toy_inputs()
RESULT = toy_result(INPUTS)


def told(fills: list[tuple[float, ...]], orders: list[tuple[int, ...]]) -> BacktestResult:
    """The toy result with other orders and fills."""
    return replace(RESULT, fills=np.array(fills, dtype=FILL), orders=np.array(orders, dtype=ORDER))


def entry(row: int, quantity: int) -> tuple[int, ...]:
    return (row, 0, 0, PurposeCode.ENTRY, ReasonCode.NONE, quantity, 500_000, 1, 900_000, OrderEnd.FILLED)


def test_the_results_of_all_trades_add_up_to_the_change_of_equity() -> None:
    found = trades(RESULT, INPUTS)
    assert len(found) > 20
    assert sum(trade.result_usd for trade in found) == pytest.approx(RESULT.equity[-1] - RESULT.starting_cash, abs=1e-6)


def test_trades_come_in_the_order_of_opening_and_the_last_ones_are_still_held() -> None:
    found = trades(RESULT, INPUTS)
    assert [trade.opened for trade in found] == sorted(trade.opened for trade in found)
    assert found[-1].ended_by == STILL_HELD
    assert found[-1].closed is None
    assert found[-1].exit_price is None
    assert {trade.ended_by for trade in found} == {"target", "stop", "time", STILL_HELD}
    assert found[0].sessions == 5


def test_an_entry_in_two_parts_that_is_sold_in_two_is_one_trade_at_mean_prices() -> None:
    result = told(
        [
            (0, 0.0, 0, PurposeCode.ENTRY, 0, 60, 500_000),
            (0, 0.5, 0, PurposeCode.ENTRY, 0, 40, 510_000),
            (2, 0.1, 0, PurposeCode.TARGET, 0, 30, 600_000),
            (3, 0.1, 0, PurposeCode.STOP, 0, 70, 400_000),
        ],
        [entry(0, 100)],
    )
    (trade,) = trades(result, INPUTS)
    assert (trade.quantity, trade.sessions, trade.ended_by) == (100, 4, "stop")
    assert trade.entry_price == pytest.approx(50.4)
    assert trade.exit_price == pytest.approx(46.0)
    assert trade.result_usd == pytest.approx(-440.0)
    assert trade.result == pytest.approx(-440.0 / 5040.0)


def test_what_is_left_of_a_trade_counts_at_the_last_close() -> None:
    result = told(
        [(0, 0.0, 0, PurposeCode.ENTRY, 0, 100, 500_000), (2, 0.1, 0, PurposeCode.TARGET, 0, 30, 600_000)],
        [entry(0, 100)],
    )
    (trade,) = trades(result, INPUTS)
    assert trade.ended_by == STILL_HELD
    assert trade.result_usd == pytest.approx(30 * 60.0 + 70 * INPUTS.close[-1, 0] - 5000.0)


@pytest.mark.parametrize(
    ("purpose", "reason", "name"),
    [
        (PurposeCode.EXIT, ReasonCode.DRAWDOWN, "drawdown stop"),
        (PurposeCode.EXIT, ReasonCode.UNPROTECTED, "unprotected"),
        (PurposeCode.EXIT, ReasonCode.SIGNAL, "signal"),
        (PurposeCode.DELISTED, ReasonCode.NONE, "delisted"),
    ],
)
def test_every_ending_has_its_name(purpose: PurposeCode, reason: ReasonCode, name: str) -> None:
    order = -1 if purpose is PurposeCode.DELISTED else 1
    result = told(
        [(0, 0.0, 0, PurposeCode.ENTRY, 0, 10, 500_000), (1, 0.0, 0, purpose, order, 10, 490_000)],
        [entry(0, 10), (1, 0, 0, PurposeCode.EXIT, reason, 10, 0, 0, 0, OrderEnd.FILLED)],
    )
    (trade,) = trades(result, INPUTS)
    assert trade.ended_by == name


def test_a_name_sold_and_bought_again_makes_two_trades() -> None:
    result = told(
        [
            (0, 0.0, 0, PurposeCode.ENTRY, 0, 10, 500_000),
            (0, 0.3, 0, PurposeCode.STOP, 0, 10, 490_000),
            (0, 0.9, 0, PurposeCode.ENTRY, 1, 10, 480_000),
        ],
        [entry(0, 10), entry(0, 10)],
    )
    assert [trade.ended_by for trade in trades(result, INPUTS)] == ["stop", STILL_HELD]


def test_selling_more_than_was_bought_is_a_fault() -> None:
    result = told([(0, 0.0, 0, PurposeCode.DELISTED, -1, 10, 500_000)], [entry(0, 10)])
    with pytest.raises(ValueError, match="T00 2019-01-02: more was sold"):
        trades(result, INPUTS)


def test_the_last_mark_is_the_newest_close_there_is() -> None:
    close = INPUTS.close.copy()
    close[-3:, 0] = np.nan
    close[:, 1] = np.nan
    marks = last_marks(replace(INPUTS, close=close))
    assert marks[0] == close[-4, 0]
    assert marks[1] == INPUTS.last_close[0, 1]
    assert marks[2] == close[-1, 2]
