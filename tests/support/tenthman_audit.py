"""Every entry of a backtest put to the second set of sums, on the book that the desk saw when it sent it."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np
from tenthman_checker import EntryFigures, broken_rules
from tenthman_decision import figures_of, with_entry

from tenthman.backtest.build import Study, inputs_of
from tenthman.backtest.inputs import Inputs
from tenthman.backtest.memory import MemoryRecord
from tenthman.config import Config, RiskRules
from tenthman.domain.order import Book, Purpose, SizedOrder, TradingState
from tenthman.scheduler.desk.timeline import Step, StepKind

NEVER_STOPPED = 10**6


@dataclass
class Watcher:
    """Keeps the book of every decision run; hand its `step` to `run_stepwise`."""

    books: dict[Any, tuple[Step, Book]] = field(default_factory=dict)

    def step(self, step: Step, book: Book, _done: int, _total: int) -> None:
        if step.kind in (StepKind.MORNING, StepKind.AFTERNOON):
            self.books[step.at] = (step, book)


def broken_in(study: Study, config: Config, record: MemoryRecord, watcher: Watcher) -> tuple[int, list[str]]:
    """How many entries were audited, and what they broke."""
    rules, inputs = as_written(config.risk_rules), inputs_of(study, config)
    runs: dict[Any, list[SizedOrder]] = {}
    for decision in record.decisions:
        order = decision.outcome
        if isinstance(order, SizedOrder) and order.purpose is Purpose.ENTRY:
            runs.setdefault(decision.as_of, []).append(order)
    broken = []
    for at, orders in runs.items():
        step, book = watcher.books[at]
        figures = figures_of(book)
        for number, order in enumerate(orders):
            entry = _entry(order, study, inputs, step, book, number, config.risk_rules)
            found = broken_rules(entry, figures, rules)
            if book.state is not TradingState.ACTIVE:
                found.append("trading_state")
            broken += [f"{step.session} {order.ticker}: {rule}" for rule in found]
            figures = with_entry(figures, entry)
    return sum(len(orders) for orders in runs.values()), broken


def as_written(rules: RiskRules) -> dict[str, Any]:
    """The rules as their file spells them."""

    def spelled(value: object) -> object:
        if isinstance(value, dict):
            return {name: spelled(inner) for name, inner in value.items()}
        return Decimal(repr(value)) if isinstance(value, float) else value

    return {name: spelled(value) for name, value in rules.model_dump().items()}


def _entry(
    order: SizedOrder, study: Study, inputs: Inputs, step: Step, book: Book, number: int, rules: RiskRules
) -> EntryFigures:
    assert order.limit_price is not None
    assert order.stop_price is not None
    assert order.target_price is not None
    row = int(np.searchsorted(inputs.sessions, np.datetime64(step.session, "D")))
    column, universe = inputs.tickers.index(order.ticker), study.market.universe
    return EntryFigures(
        ticker=order.ticker,
        issuer=universe.issuer_of(order.ticker),
        sector=universe.sector_of(order.ticker),
        quantity=order.quantity,
        limit=order.limit_price,
        stop=order.stop_price,
        target=order.target_price,
        median_volume=float(np.nanmedian(study.market.panel.volume[: study.first_row + row][-20:, column])),
        entries_before=number,
        correlations=None if rules.cluster is None else _correlations(study, row, column, rules.cluster.sessions),
        faults=None if rules.data_quality is None else _bad(study, row, column, rules.data_quality.sessions),
        barred=None if rules.blackout is None else _is_barred(order.ticker, study, step, rules),
        since_stop=book.since_stop.get(order.ticker, NEVER_STOPPED),
    )


def _correlations(study: Study, row: int, column: int, sessions: int) -> dict[str, float | None]:
    """By the library, on plain returns; those that lie within a hair of any limit are not for this to judge."""
    panel = study.market.panel
    close = panel.close[: study.first_row + row][-sessions - 1 :]
    moves = close[1:] / close[:-1] - 1.0
    found: dict[str, float | None] = {}
    for other, name in enumerate(panel.tickers):
        pair = moves[:, [column, other]]
        known = len(moves) == sessions and bool(np.isfinite(pair).all()) and bool((pair.std(axis=0) > 0).all())
        found[name] = round(float(np.corrcoef(pair.T)[0, 1]), 4) if known else None
    return found


def _bad(study: Study, row: int, column: int, sessions: int) -> int:
    """Bars that are missing or without a trade; audited markets have no other flaws."""
    panel, rows = study.market.panel, slice(max(0, study.first_row + row - sessions), study.first_row + row)
    return int((np.isnan(panel.close[rows, column]) | (panel.volume[rows, column] == 0)).sum())


def _is_barred(ticker: str, study: Study, step: Step, rules: RiskRules) -> bool:
    assert rules.blackout is not None
    if step.session in rules.blackout.dates:
        return True
    days = [item.session for item in study.market.hours]
    for item in rules.blackout.earnings:
        between = sum(step.session < day <= item.date for day in days)
        if item.ticker == ticker and item.date >= step.session and between <= rules.blackout.sessions_before:
            return True
    return False
