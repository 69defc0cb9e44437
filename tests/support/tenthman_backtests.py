"""A backtest made by hand: a toy desk over random prices, so that reports can be tested without an engine."""

from dataclasses import dataclass, field
from datetime import date

import numpy as np

from tenthman.backtest.benchmarks import make_benchmarks
from tenthman.backtest.claim import Trials
from tenthman.backtest.evaluation import Evaluation, evaluate
from tenthman.backtest.inputs import Inputs
from tenthman.backtest.nulls import NullRuns, random_entries
from tenthman.backtest.result import (
    FILL,
    ORDER,
    PRICE_SCALE,
    BacktestResult,
    LatchMove,
    OrderEnd,
    PurposeCode,
    ReasonCode,
)
from tenthman.config import CostSettings
from tenthman.dashboard.backtest_summary import ModelFacts, ShadowFacts
from tenthman.dashboard.backtest_view import Story
from tenthman.domain.market import MarketKind, Panel, Provenance

CASH = 100_000.0
HOSTILE = "Own <script>alert('x')</script> market & \"more\""
ENDS = (PurposeCode.TARGET, PurposeCode.STOP, PurposeCode.EXIT)


def toy_inputs(count: int = 80, width: int = 6, seed: int = 3) -> Inputs:
    """Random walks of `width` - 1 names and an index, the last column; scores that know a little of what comes."""
    draw = np.random.default_rng(seed)
    sessions = np.arange(np.datetime64("2019-01-02"), np.datetime64("2019-01-02") + 2 * count)
    sessions = sessions[np.is_busday(sessions)][:count]
    moves = draw.normal(0.0004, 0.012, (count, width))
    moves[:, -1] = moves[:, :-1].mean(axis=1)
    close = np.round(50.0 * np.exp(np.cumsum(moves, axis=0)), 2)
    last_close = np.vstack([np.full(width, 50.0), close[:-1]])
    excess = np.repeat((moves + draw.normal(0.0, 0.05, moves.shape))[:, np.newaxis], 2, axis=1)
    excess[:, :, -1] = np.nan
    return Inputs(
        sessions=sessions,
        tickers=(*(f"T{number:02d}" for number in range(width - 1)), "IDX"),
        open=last_close.copy(),
        high=np.maximum(close, last_close) * 1.002,
        low=np.minimum(close, last_close) * 0.998,
        close=close,
        last_close=last_close,
        gone=np.zeros((count, width), dtype=np.bool_),
        dividends=np.zeros((count, width)),
        excess=excess,
        order=np.argsort(-excess, axis=2, kind="stable").astype(np.int32),
        known=np.full((count, 2), width - 1, dtype=np.int32),
        atr=np.ones((count, width)),
        lowest=np.full((count, width), np.nan),
        median_volume=np.full((count, width), 1e6),
        steps=np.tile(np.linspace(0.1, 0.9, 5), (count, 1)),
        afternoon=np.full(count, 4, dtype=np.int32),
        issuer=np.arange(width, dtype=np.int32),
        sector=np.zeros(width, dtype=np.int32),
        faults=np.zeros((count, width), dtype=np.int32),
        barred=np.zeros((count, width), dtype=np.bool_),
        doubtful=np.zeros((count, width), dtype=np.bool_),
        moves=np.zeros((width, count), dtype=np.int64),
    )


@dataclass
class _Desk:
    """What the toy desk does and holds; money in whole 1/10,000 USD."""

    cash: int = round(CASH) * PRICE_SCALE
    held: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    orders: list[tuple[int, ...]] = field(default_factory=list)
    fills: list[tuple[float, ...]] = field(default_factory=list)

    def buy(self, row: int, column: int, price: int, quantity: int) -> None:
        order = (row, 0, column, PurposeCode.ENTRY, ReasonCode.NONE, quantity, price, 1, 2 * price, OrderEnd.FILLED)
        self.held[column] = (quantity, len(self.orders), row)
        self.fills.append((row, 0.0, column, PurposeCode.ENTRY, len(self.orders), quantity, price))
        self.orders.append(order)
        self.cash -= quantity * price

    def sell(self, row: int, column: int, price: int, purpose: PurposeCode) -> None:
        quantity, order, _ = self.held.pop(column)
        if purpose is PurposeCode.EXIT:
            order = len(self.orders)
            exits = (row, 1, column, purpose, ReasonCode.TIME, quantity, 0, 0, 0, OrderEnd.FILLED)
            self.orders.append(exits)
        self.fills.append((row, 0.9, column, purpose, order, quantity, price))
        self.cash += quantity * price


def toy_result(inputs: Inputs, *, every: int = 3, hold: int = 4, fee: float = 0.01) -> BacktestResult:
    """Every `every` sessions the next name is bought at the open with a tenth of the cash; sold `hold` sessions on."""
    desk, count, width = _Desk(), len(inputs.sessions), len(inputs.tickers) - 1
    equity, cash, fees = np.zeros(count), np.zeros(count), np.zeros(count)
    marks = np.round(inputs.close * PRICE_SCALE).astype(np.int64)
    opens = np.round(inputs.open * PRICE_SCALE).astype(np.int64)
    for row in range(count):
        for column, (_, _, since) in list(desk.held.items()):
            if row - since >= hold:
                desk.sell(row, column, int(marks[row, column]), ENDS[(row + column) % 3])
                fees[row] += fee
        column = (row // every) % width
        if row % every == 0 and column not in desk.held:
            price = int(opens[row, column])
            desk.buy(row, column, price, desk.cash // 10 // price)
        cash[row] = desk.cash / PRICE_SCALE
        held = sum(quantity * int(marks[row, column]) for column, (quantity, _, _) in desk.held.items())
        equity[row] = (desk.cash + held) / PRICE_SCALE
    days: list[date] = inputs.sessions.tolist()
    return BacktestResult(
        sessions=inputs.sessions,
        tickers=inputs.tickers,
        starting_cash=CASH,
        equity=equity,
        cash=cash,
        held_value=equity - cash,
        fees=fees,
        dividends=np.zeros(count),
        orders=np.array(desk.orders, dtype=ORDER),
        fills=np.array(desk.fills, dtype=FILL),
        denials={"max_positions": 7, "risk_fraction_per_trade": 12},
        considered=len(desk.orders) + 19,
        latch=(
            LatchMove(session=days[count // 2], step=3, state="reducing"),
            LatchMove(session=days[count // 2], step=5, state="halted"),
            LatchMove(session=days[count // 2 + count // 8], step=0, state="active"),
        ),
    )


def toy_market(kind: MarketKind = MarketKind.PACK) -> Provenance:
    """A market whose description means harm."""
    return Provenance(
        kind=kind,
        name=HOSTILE,
        description=f"Members of {HOSTILE} as listed later.",
        source="a <b>file</b>",
        price_basis="USD",
        licence="none",
        content_hash="c" * 64,
    )


def toy_story(
    count: int = 80, width: int = 12, *, kind: MarketKind = MarketKind.PACK, runs: int = 20, every: int = 3
) -> Story:
    """All that a report is made of, around the toy desk."""
    inputs = toy_inputs(count, width)
    result = toy_result(inputs, every=every)
    panel = Panel(
        sessions=inputs.sessions,
        tickers=inputs.tickers,
        open=inputs.open,
        high=inputs.high,
        low=inputs.low,
        close=inputs.close,
        volume=inputs.median_volume,
    )
    costs = CostSettings(half_spread_bp=1.0, slippage_bp=1.0, open_slippage_bp=3.0, stop_slippage_bp=5.0)
    benchmarks = make_benchmarks(inputs, panel, "IDX", costs)
    nulls = random_entries(inputs, _random_engine, runs=runs, seed=1) if runs else None

    def judged(scale: float, null: NullRuns | None = None) -> Evaluation:
        dearer = toy_result(inputs, every=every, fee=40.0 * scale)
        return evaluate(dearer, benchmarks, Trials(count=7), 1, scores=inputs, horizon_sessions=5, nulls=null)

    days: list[date] = inputs.sessions.tolist()
    return Story(
        market=toy_market(kind),
        index_ticker="IDX",
        config_hash="a" * 64,
        costs=costs,
        cost_multiple=1.0,
        committee="off",
        horizon_sessions=5,
        models=(ModelFacts(version="m-1 <i>", trained_until=date(2018, 12, 31), used_from=days[0]),),
        result=result,
        inputs=inputs,
        benchmarks=benchmarks,
        evaluation=evaluate(result, benchmarks, Trials(count=7), 1, scores=inputs, horizon_sessions=5, nulls=nulls),
        at_costs={1.0: judged(0.0), 2.0: judged(1.0), 3.0: judged(2.0)},
        nulls=nulls,
        looks=2,
        ablation={"ML alone": judged(0.0), "ML + risk": judged(0.5)},
        shadows=(ShadowFacts(cause="veto", ended="stop", number=3, tickers=2, result_usd=-120.5),),
        seconds={"engine": 0.1},
    )


def _random_engine(inputs: Inputs) -> BacktestResult:
    """The toy desk, started on a session that depends on the relabelling."""
    return toy_result(inputs, every=2 + int(np.nanargmax(inputs.excess[0, 0])) % 4, hold=3)
