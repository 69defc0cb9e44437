"""The lines that parity compares: orders, executions, looks at the account and decisions, told alike for both runs."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from tenthman.backtest.memory import MemoryRecord, purpose_of
from tenthman.db.pool import Pool
from tenthman.db.sql import load_queries
from tenthman.domain.audit import Decision
from tenthman.domain.market import NEW_YORK
from tenthman.domain.opinion import Exit, Hold
from tenthman.domain.order import Denial

_SQL = load_queries("tenthman.backtest", "parity.sql")

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


def stored_decisions(pool: Pool, run_id: str) -> dict[str, str]:
    """What the stored run decided, by decision."""
    return {row[0]: _told_decision(row) for row in _rows(pool, "decisions", run_id)}


def decisions_of(record: MemoryRecord) -> dict[str, str]:
    """What the backtest decided, by decision."""
    return {decision.id: _tell_decision(decision) for decision in record.decisions}


def stored_orders(pool: Pool, run_id: str) -> list[Line]:
    """The orders of the stored run."""
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


def orders_of(record: MemoryRecord) -> list[Line]:
    """The orders of the backtest."""
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


def stored_fills(pool: Pool, run_id: str) -> list[Line]:
    """The executions of the stored run."""
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


def fills_of(record: MemoryRecord) -> list[Line]:
    """The executions of the backtest."""
    found = []
    for fill, fees in record.fills:
        sent = record.order_of(fill)
        text = _fill_text(purpose_of(sent, fill).value, fill.quantity, fill.price, fees)
        identity = "" if sent is None else sent.order.decision_id
        found.append(Line(kind="fill", at=fill.filled_at, ticker=fill.ticker, text=text, decision_id=identity))
    return found


def stored_equity(pool: Pool, run_id: str) -> list[Line]:
    """Every look but the first line, which is the starting cash before the first step."""
    rows = _rows(pool, "equity", run_id)[1:]
    return [_equity_line(at, equity, cash) for at, equity, cash in rows]


def equity_of(record: MemoryRecord) -> list[Line]:
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


def _rows(pool: Pool, query: str, run_id: str) -> list[tuple[Any, ...]]:
    with pool.connection() as connection:
        return connection.execute(_SQL[query], [run_id]).fetchall()
