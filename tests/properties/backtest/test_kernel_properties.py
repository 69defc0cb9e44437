"""Laws of the compiled backtest on random walks: money and shares are conserved, and prices are the bar's."""

import os
from collections import Counter
from decimal import Decimal

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tenthman_backtests import toy_inputs
from tenthman_settings import busy

from tenthman.backtest.inputs import Inputs
from tenthman.backtest.kernel import simulate
from tenthman.backtest.loop.sessions import play
from tenthman.backtest.result import PRICE_SCALE, BacktestResult, OrderEnd, PurposeCode
from tenthman.config import load_config

CONFIG = busy(load_config(None, os.environ))
CASH = 100_000
WORST = 0.0006
TICK = 100

runs = st.integers(0, 10_000).map(lambda seed: toy_inputs(count=60, width=12, seed=seed))


def run_on(inputs: Inputs) -> BacktestResult:
    signal = CONFIG.models.signal.model_copy(update={"entry_fraction": 0.4, "exit_fraction": 0.3})
    return simulate(inputs, CONFIG.risk_rules, signal, CONFIG.settings.costs, Decimal(CASH))


@settings(max_examples=40, deadline=None)
@given(runs)
def test_cash_and_shares_are_conserved(inputs: Inputs) -> None:
    result = run_on(inputs)
    cash, held = CASH * PRICE_SCALE, Counter[int]()
    bought = result.fills["purpose"] == PurposeCode.ENTRY
    for session in range(len(inputs.sessions)):
        for place in np.flatnonzero(result.fills["session"] == session):
            fill = result.fills[place]
            sign = 1 if bought[place] else -1
            cash -= sign * int(fill["quantity"]) * int(fill["price_e4"])
            held[int(fill["ticker"])] += sign * int(fill["quantity"])
        assert all(quantity >= 0 for quantity in held.values())
        assert cash >= 0
        worth = sum(
            quantity * round(float(inputs.close[session, ticker]) * PRICE_SCALE) for ticker, quantity in held.items()
        )
        assert result.cash[session] == cash / PRICE_SCALE
        assert result.equity[session] == (cash + worth) / PRICE_SCALE


@settings(max_examples=40, deadline=None)
@given(runs)
def test_fills_lie_in_their_bar_widened_by_costs_and_in_order_of_time(inputs: Inputs) -> None:
    fills = run_on(inputs).fills
    rows, columns = fills["session"], fills["ticker"]
    low, high = (np.rint(getattr(inputs, name)[rows, columns] * PRICE_SCALE) for name in ("low", "high"))
    assert bool(np.all(fills["price_e4"] >= low * (1 - WORST) - TICK))
    assert bool(np.all(fills["price_e4"] <= high * (1 + WORST) + TICK))
    assert bool(np.all((fills["fraction"] >= 0.0) & (fills["fraction"] <= 1.0)))
    assert bool(np.all(np.diff(rows + fills["fraction"] / 2) >= 0.0))


@settings(max_examples=40, deadline=None)
@given(runs)
def test_the_stop_comes_before_the_target_and_legs_keep_their_prices(inputs: Inputs) -> None:
    result = run_on(inputs)
    for fill in result.fills:
        if fill["purpose"] not in (PurposeCode.STOP, PurposeCode.TARGET):
            continue
        order = result.orders[fill["order"]]
        assert order["end"] == OrderEnd.FILLED
        assert fill["quantity"] == order["quantity"]
        if fill["purpose"] == PurposeCode.STOP:
            assert fill["price_e4"] <= order["stop_e4"]
            continue
        assert fill["price_e4"] >= order["target_e4"]
        entered = next(
            item for item in result.fills if item["order"] == fill["order"] and item["purpose"] == PurposeCode.ENTRY
        )
        opened = float(inputs.open[fill["session"], fill["ticker"]]) * PRICE_SCALE >= order["target_e4"]
        low = round(float(inputs.low[fill["session"], fill["ticker"]]) * PRICE_SCALE)
        assert low > order["stop_e4"] or opened or (entered["session"], entered["fraction"]) > (fill["session"], 1 / 3)


@settings(max_examples=20, deadline=None)
@given(runs, st.integers(5, 59))
def test_what_comes_later_changes_nothing_that_came_before(inputs: Inputs, row: int) -> None:
    names = ("sessions", "open", "high", "low", "close", "last_close", "gone", "dividends", "excess", "order", "known")
    more = ("atr", "lowest", "median_volume", "steps", "afternoon", "faults", "barred", "doubtful")
    cut = {name: getattr(inputs, name)[:row] for name in (*names, *more)}
    cut["moves"] = inputs.moves[:, : row + inputs.cluster_sessions - 1]
    rest = {name: getattr(inputs, name) for name in ("tickers", "issuer", "sector")}
    short, whole = run_on(Inputs(**cut, **rest)), run_on(inputs)
    np.testing.assert_array_equal(short.equity, whole.equity[:row])
    np.testing.assert_array_equal(short.fills, whole.fills[: len(short.fills)])
    assert len(play.signatures) == 1, "arrays of another kind cost a user a second compilation of the whole loop"
