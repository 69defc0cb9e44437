"""Parity: the same period through a rehearsal (HTTP, PostgreSQL, scheduler) and through the backtest, line by line.

A line is an order, an execution, or the account at one look. Two runs agree when every line of one is in the other, to
the cent and the microsecond; a line that is not gets the reason why, from what the two runs decided.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from itertools import zip_longest
from typing import Literal

import numpy as np

from tenthman.backtest.build import inputs_of
from tenthman.backtest.critics import open_critics
from tenthman.backtest.memory import MemoryRecord
from tenthman.backtest.parity_lines import (
    Kind,
    Line,
    decisions_of,
    equity_of,
    fills_of,
    orders_of,
    stored_decisions,
    stored_equity,
    stored_fills,
    stored_orders,
)
from tenthman.backtest.result import BacktestResult
from tenthman.backtest.run import Watcher, study_of
from tenthman.backtest.stepwise import run_stepwise
from tenthman.backtest.variants import Compiled
from tenthman.config import Config
from tenthman.db.pool import Pool
from tenthman.domain.market import MarketData, Period
from tenthman.news.storage import NewsStore
from tenthman.scheduler.committee.holes import CycleHoles, nobody
from tenthman.scheduler.gathering.gather import Gatherer
from tenthman.scheduler.rehearsal.run import rehearse
from tenthman.scheduler.rehearsal.stores import open_stores
from tenthman.scheduler.storage import open_storage

INSTANT = 1e-9
"""A microsecond is less than this fraction of any session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A line of one run that the other has not, or has otherwise; an empty text is a line that is not there."""

    kind: Kind
    session: date
    ticker: str
    rehearsal: str
    backtest: str
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """The stored rehearsal, what was compared, and every difference, session by session."""

    run_id: str
    differences: tuple[Difference, ...]
    orders: int
    fills: int
    equity_points: int

    @property
    def agrees(self) -> bool:
        """Whether the two runs are the same."""
        return not self.differences


def check_parity(
    config: Config, market: MarketData, period: Period, watcher: Watcher, committee: Literal["off", "on"] = "off"
) -> Parity:
    """Run `period` both ways and compare. Raises what rehearsal and backtest raise.

    With the committee on the rehearsal asks the configured model, onto the tape, and the backtest may only read the
    tape: a question that the rehearsal never put ends in TapeMiss. With it off, the compiled engine is compared too.
    """
    watcher.stage("rehearsal: through HTTP, PostgreSQL and the scheduler")
    run = rehearse(config, market, period, watcher, None if committee == "on" else _no_committee)
    watcher.stage("backtest: the desk in memory")
    with open_storage(config) as pool:
        stores = open_stores(pool, market)
        study = study_of(config, stores, market, period)
        with open_critics(config, stores, study, "tape" if committee == "on" else "off") as critics:
            result, record = run_stepwise(study, config, critics.holes if critics else nobody, watcher.step)
        found = compare(pool, run.run_id, record)
    if committee == "on":
        return found
    watcher.stage("backtest: compiled")
    compiled = Compiled(config)(inputs_of(study, config))
    engines = tuple(_engine_differences(result, compiled))
    return Parity(
        run_id=found.run_id,
        differences=(*found.differences, *engines),
        orders=found.orders,
        fills=found.fills,
        equity_points=found.equity_points,
    )


def compare(pool: Pool, run_id: str, record: MemoryRecord) -> Parity:
    """The stored run beside the record of a backtest."""
    stored, memory = stored_decisions(pool, run_id), decisions_of(record)
    pairs = {
        "order": (stored_orders(pool, run_id), orders_of(record)),
        "fill": (stored_fills(pool, run_id), fills_of(record)),
        "equity": (stored_equity(pool, run_id), equity_of(record)),
    }
    differences = [
        _difference(here, there, stored, memory)
        for ours, theirs in pairs.values()
        for here, there in unlike(ours, theirs)
    ]
    return Parity(
        run_id=run_id,
        differences=tuple(sorted(differences, key=lambda item: (item.session, item.kind, item.ticker))),
        orders=len(pairs["order"][0]),
        fills=len(pairs["fill"][0]),
        equity_points=len(pairs["equity"][0]),
    )


@contextmanager
def _no_committee(_config: Config, _pool: Pool, _news: NewsStore, _gatherer: Gatherer) -> Iterator[CycleHoles]:
    yield nobody


def unlike(ours: list[Line], theirs: list[Line]) -> Iterator[tuple[Line | None, Line | None]]:
    """Lines that the other side has not; those of one instant and ticker are put side by side."""
    here, there = _by_place(ours), _by_place(theirs)
    for place in sorted({*here, *there}):
        left, right = here.get(place, []), there.get(place, [])
        yield from zip_longest(_beyond(left, right), _beyond(right, left))


def _beyond(lines: Iterable[Line], others: Iterable[Line]) -> Iterator[Line]:
    """Those of `lines` for which `others` have no equal of their own: what is booked twice differs from once."""
    equals = Counter(line.text for line in others)
    for line in lines:
        if equals[line.text]:
            equals[line.text] -= 1
        else:
            yield line


def _by_place(lines: Iterable[Line]) -> dict[tuple[datetime, str], list[Line]]:
    found: dict[tuple[datetime, str], list[Line]] = {}
    for line in lines:
        found.setdefault((line.at, line.ticker), []).append(line)
    return found


def _difference(
    here: Line | None, there: Line | None, stored: Mapping[str, str], memory: Mapping[str, str]
) -> Difference:
    line = here or there
    assert line is not None
    return Difference(
        kind=line.kind,
        session=line.session,
        ticker=line.ticker,
        rehearsal="" if here is None else here.text,
        backtest="" if there is None else there.text,
        cause=_cause(line, stored.get(line.decision_id), memory.get(line.decision_id)),
    )


def _cause(line: Line, stored: str | None, memory: str | None) -> str:
    if not line.decision_id:
        return "follows from the executions before it"
    if stored is None or memory is None:
        where = "rehearsal" if stored is None else "backtest"
        return f"the {where} never made this decision: its book or its model was another by then"
    if stored != memory:
        return f"decided differently: {stored}; {memory}"
    return "the same decision: what the exchange did with it differs"


def _engine_differences(stepwise: BacktestResult, compiled: BacktestResult) -> Iterator[Difference]:
    """Where the compiled engine's arrays are not those of the desk's own steps."""
    cause = "the compiled engine does not do what the desk does"
    for name in ("orders", "fills"):
        ours, theirs = getattr(stepwise, name), getattr(compiled, name)
        for row in range(max(len(ours), len(theirs))):
            left = ours[row] if row < len(ours) else None
            right = theirs[row] if row < len(theirs) else None
            if left is None or right is None or not _same(left, right):
                known = left if left is not None else right
                assert known is not None
                yield Difference(
                    kind="engine",
                    session=stepwise.sessions[known["session"]].item(),
                    ticker=stepwise.tickers[known["ticker"]],
                    rehearsal="" if left is None else f"{name} {left}",
                    backtest="" if right is None else f"{name} {right}",
                    cause=cause,
                )
    for row in np.flatnonzero(np.abs(stepwise.equity - compiled.equity) >= 0.00005).tolist():
        yield Difference(
            kind="engine",
            session=stepwise.sessions[row].item(),
            ticker="",
            rehearsal=f"equity {stepwise.equity[row]:.4f}",
            backtest=f"equity {compiled.equity[row]:.4f}",
            cause=cause,
        )


def _same(left: np.void, right: np.void) -> bool:
    """Whether two rows say the same; the desk's record knows instants to the microsecond, the arrays exactly."""
    names = left.dtype.names or ()
    apart = [name for name in names if left[name] != right[name]]
    return apart in ([], ["fraction"]) and (
        "fraction" not in apart or abs(left["fraction"] - right["fraction"]) < INSTANT
    )
