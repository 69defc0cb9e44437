"""Parity: the same period through a rehearsal (HTTP, PostgreSQL, scheduler) and through the backtest, line by line.

A line is an order, an execution, or the account at one look. Two runs agree when every line of one is in the other, to
the cent and the microsecond; a line that is not gets the reason why, from what the two runs decided.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

import numpy as np

from tenthman.backtest.build import inputs_of
from tenthman.backtest.critics import open_critics
from tenthman.backtest.memory import MemoryRecord, purpose_of
from tenthman.backtest.result import BacktestResult
from tenthman.backtest.run import Watcher, study_of
from tenthman.backtest.stepwise import run_stepwise
from tenthman.backtest.variants import Compiled
from tenthman.config import Config
from tenthman.db.pool import Pool
from tenthman.db.sql import load_queries
from tenthman.domain.audit import Decision
from tenthman.domain.market import NEW_YORK, MarketData, Period
from tenthman.domain.opinion import Exit, Hold
from tenthman.domain.order import Denial
from tenthman.news.storage import NewsStore
from tenthman.scheduler.gather import Gatherer
from tenthman.scheduler.holes import CycleHoles, nobody
from tenthman.scheduler.rehearsal import open_stores, rehearse
from tenthman.scheduler.storage import open_storage

_SQL = load_queries("tenthman.backtest", "parity.sql")

INSTANT = 1e-9
"""A microsecond is less than this fraction of any session."""

Kind = Literal["order", "fill", "equity", "engine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that happened, told so that equal things read equal."""

    kind: Kind
    at: datetime
    ticker: str
    text: str
    decision_id: str

    @property
    def session(self) -> date:
        """New York's date."""
        return self.at.astimezone(NEW_YORK).date()


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
    """The stored rehearsal, what was compared, and every difference in order of time."""

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
    stored = {row[0]: _told_decision(row) for row in _rows(pool, "decisions", run_id)}
    memory = {decision.id: _tell_decision(decision) for decision in record.decisions}
    pairs = {
        "order": (_stored_orders(pool, run_id), _orders(record)),
        "fill": (_stored_fills(pool, run_id), _fills(record)),
        "equity": (_stored_equity(pool, run_id), _equity(record)),
    }
    differences = [
        _difference(here, there, stored, memory)
        for ours, theirs in pairs.values()
        for here, there in _unlike(ours, theirs)
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


def _unlike(ours: list[Line], theirs: list[Line]) -> Iterator[tuple[Line | None, Line | None]]:
    """Lines that the other side has not; those of one instant and ticker are put side by side."""
    here, there = _by_place(ours), _by_place(theirs)
    for place in sorted({*here, *there}):
        left, right = here.get(place, []), there.get(place, [])
        texts = {line.text for line in left} & {line.text for line in right}
        only_left = [line for line in left if line.text not in texts]
        only_right = [line for line in right if line.text not in texts]
        for number in range(max(len(only_left), len(only_right))):
            yield (
                only_left[number] if number < len(only_left) else None,
                only_right[number] if number < len(only_right) else None,
            )


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


def _stored_orders(pool: Pool, run_id: str) -> list[Line]:
    return [
        Line(
            kind="order",
            at=at,
            ticker=ticker,
            text=_order_text(purpose, quantity, limit, stop, target, status),
            decision_id=decision,
        )
        for at, purpose, ticker, quantity, limit, stop, target, status, decision in _rows(pool, "orders", run_id)
    ]


def _orders(record: MemoryRecord) -> list[Line]:
    return [
        Line(
            kind="order",
            at=sent.at,
            ticker=sent.order.ticker,
            text=_order_text(
                sent.order.purpose.value,
                sent.order.quantity,
                sent.order.limit_price,
                sent.order.stop_price,
                sent.order.target_price,
                sent.told.status.value,
            ),
            decision_id=sent.order.decision_id,
        )
        for sent in record.sent.values()
    ]


def _stored_fills(pool: Pool, run_id: str) -> list[Line]:
    return [
        Line(
            kind="fill",
            at=at,
            ticker=ticker,
            text=_fill_text(purpose, quantity, price, fees),
            decision_id=decision,
        )
        for at, purpose, ticker, quantity, price, fees, decision in _rows(pool, "fills", run_id)
    ]


def _fills(record: MemoryRecord) -> list[Line]:
    found = []
    for fill, fees in record.fills:
        sent = record.order_of(fill)
        text = _fill_text(purpose_of(sent, fill).value, fill.quantity, fill.price, fees)
        identity = "" if sent is None else sent.order.decision_id
        found.append(Line(kind="fill", at=fill.filled_at, ticker=fill.ticker, text=text, decision_id=identity))
    return found


def _stored_equity(pool: Pool, run_id: str) -> list[Line]:
    """Every look but the first line, which is the starting cash before the first step."""
    rows = _rows(pool, "equity", run_id)[1:]
    return [_equity_line(at, equity, cash) for at, equity, cash in rows]


def _equity(record: MemoryRecord) -> list[Line]:
    """Looks at the same instant overwrite one another, as they do in the stored run."""
    last = {point.at: point for point in record.points}
    return [_equity_line(point.at, point.equity, point.cash) for point in last.values()]


def _equity_line(at: datetime, equity: Decimal, cash: Decimal) -> Line:
    text = f"equity {_number(equity)} USD, cash {_number(cash)} USD"
    return Line(kind="equity", at=at, ticker="", text=text, decision_id="")


def _order_text(
    purpose: str,
    quantity: Decimal,
    limit: Decimal | None,
    stop: Decimal | None,
    target: Decimal | None,
    status: str,
) -> str:
    prices = " / ".join("-" if price is None else _number(price) for price in (limit, stop, target))
    return f"{purpose} {_number(quantity)} at {prices}: {status}"


def _fill_text(purpose: str, quantity: Decimal, price: Decimal, fees: Decimal) -> str:
    return f"{purpose} {_number(quantity)} at {_number(price)}, fees {_number(fees)}"


def _number(value: Decimal) -> str:
    return f"{value.normalize():f}"


def _told_decision(row: tuple[Any, ...]) -> str:
    _, action, score, verdict, reason, denied_by = row
    return _decision_text(action, None if score is None else float(score), verdict, reason, denied_by)


def _tell_decision(decision: Decision) -> str:
    verdict, signal = decision.verdict, decision.signal
    reason = verdict.reason if isinstance(verdict, Exit | Hold) else None
    denied_by = decision.outcome.rule if isinstance(decision.outcome, Denial) else None
    return _decision_text(
        None if signal is None else signal.action.value,
        None if signal is None else signal.score,
        type(verdict).__name__.lower(),
        reason,
        denied_by,
    )


def _decision_text(
    action: str | None, score: float | None, verdict: str, reason: str | None, denied_by: str | None
) -> str:
    said = "no signal" if action is None or score is None else f"{action} {score:+.6f}"
    why = ", ".join(item for item in (reason, denied_by and f"denied by {denied_by}") if item)
    return f"{said} -> {verdict}" + (f" ({why})" if why else "")


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


def _rows(pool: Pool, query: str, run_id: str) -> list[tuple[Any, ...]]:
    with pool.connection() as connection:
        return connection.execute(_SQL[query], [run_id]).fetchall()
