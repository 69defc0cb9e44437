"""A finished step-by-step run as the arrays of a result."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal

import numpy as np

from tenthman.backtest.build import Study
from tenthman.backtest.memory import MemoryRecord, purpose_of
from tenthman.backtest.result import (
    FILL,
    ORDER,
    PRICE_SCALE,
    BacktestResult,
    LatchMove,
    OrderEnd,
    PurposeCode,
    ReasonCode,
    Table,
)
from tenthman.config import ScheduleSettings
from tenthman.domain.audit import Decision
from tenthman.domain.broker import Account
from tenthman.domain.market import NEW_YORK, Floats, Sessions
from tenthman.domain.opinion import Abstain, Enter, Exit, Veto
from tenthman.domain.order import Denial, OrderStatus, Purpose
from tenthman.exchange.orders import DividendPayment
from tenthman.scheduler.desk.timeline import session_steps

_PURPOSES = {
    Purpose.ENTRY: PurposeCode.ENTRY,
    Purpose.EXIT: PurposeCode.EXIT,
    Purpose.TARGET: PurposeCode.TARGET,
    Purpose.STOP: PurposeCode.STOP,
    Purpose.DELISTED: PurposeCode.DELISTED,
}
_REASONS = {
    "drawdown stop": ReasonCode.DRAWDOWN,
    "unprotected": ReasonCode.UNPROTECTED,
    "time": ReasonCode.TIME,
    "signal": ReasonCode.SIGNAL,
}
_ENDS = {
    OrderStatus.FILLED: OrderEnd.FILLED,
    OrderStatus.CANCELED: OrderEnd.CANCELED,
    OrderStatus.EXPIRED: OrderEnd.EXPIRED,
    OrderStatus.REJECTED: OrderEnd.REJECTED,
}


def tabulate(
    study: Study,
    record: MemoryRecord,
    schedule: ScheduleSettings,
    closes: Sequence[Account],
    dividends: Sequence[DividendPayment],
) -> BacktestResult:
    """The result of a run over `study`; `closes` is the account after the close of each session."""
    sessions = study.market.panel.sessions[study.first_row : study.first_row + len(study.sessions)].copy()
    equity = np.array([float(account.equity) for account in closes])
    cash = np.array([float(account.cash) for account in closes])
    clock = _Clock(study, schedule)
    orders, places = _orders(study, record, clock)
    fees = [(fill.filled_at.astimezone(NEW_YORK).date(), charged) for fill, charged in record.fills]
    return BacktestResult(
        sessions=sessions,
        tickers=study.market.panel.tickers,
        starting_cash=float(record.starting_cash),
        equity=equity,
        cash=cash,
        held_value=equity - cash,
        fees=_by_session(fees, sessions),
        dividends=_by_session([(item.session, item.amount) for item in dividends], sessions),
        orders=orders,
        fills=_fills(study, record, places),
        denials=_denials(record.decisions),
        considered=sum(_reached_risk(decision) for decision in record.decisions),
        latch=_latch(study, record, clock),
    )


class _Clock:
    """Which session and step an instant of the run belongs to."""

    def __init__(self, study: Study, schedule: ScheduleSettings) -> None:
        self._place = {hours.session: place for place, hours in enumerate(study.sessions)}
        self._steps = {
            step.at: number for hours in study.sessions for number, step in enumerate(session_steps(hours, schedule))
        }

    def session(self, at: datetime) -> int:
        return self._place[at.astimezone(NEW_YORK).date()]

    def step(self, at: datetime) -> int:
        return self._steps[at]


def _orders(study: Study, record: MemoryRecord, clock: _Clock) -> tuple[Table, dict[str, int]]:
    columns = {ticker: column for column, ticker in enumerate(study.market.panel.tickers)}
    reasons = {
        decision.id: _REASONS[decision.verdict.reason]
        for decision in record.decisions
        if isinstance(decision.verdict, Exit)
    }
    table = np.zeros(len(record.sent), dtype=ORDER)
    for number, sent in enumerate(record.sent.values()):
        order = sent.order
        table[number] = (
            clock.session(sent.at),
            clock.step(sent.at),
            columns[order.ticker],
            _PURPOSES[order.purpose],
            reasons.get(order.decision_id, ReasonCode.NONE),
            int(order.quantity),
            *(_e4(price) for price in (order.limit_price, order.stop_price, order.target_price)),
            _ENDS.get(sent.told.status, OrderEnd.AT_WORK),
        )
    return table, {name: number for number, name in enumerate(record.sent)}


def _fills(study: Study, record: MemoryRecord, places: dict[str, int]) -> Table:
    hours = {item.session: (place, item) for place, item in enumerate(study.sessions)}
    columns = {ticker: column for column, ticker in enumerate(study.market.panel.tickers)}
    table = np.zeros(len(record.fills), dtype=FILL)
    for number, (fill, _) in enumerate(record.fills):
        place, session = hours[fill.filled_at.astimezone(NEW_YORK).date()]
        sent = record.order_of(fill)
        table[number] = (
            place,
            (fill.filled_at - session.open_at) / (session.close_at - session.open_at),
            columns[fill.ticker],
            _PURPOSES[purpose_of(sent, fill)],
            -1 if sent is None else places[sent.order.client_order_id],
            int(fill.quantity),
            _e4(fill.price),
        )
    return table


def _by_session(amounts: Iterable[tuple[date, Decimal]], sessions: Sessions) -> Floats:
    """The sum of each session's amounts, USD."""
    sums = dict.fromkeys(sessions.tolist(), Decimal(0))
    for day, amount in amounts:
        sums[day] += amount
    return np.array([float(item) for item in sums.values()])


def _denials(decisions: Sequence[Decision]) -> Counter[str]:
    return Counter(decision.outcome.rule for decision in decisions if isinstance(decision.outcome, Denial))


def _reached_risk(decision: Decision) -> bool:
    """An entry that had prices to be sized by: it was denied, or put to the committee."""
    return isinstance(decision.outcome, Denial) or isinstance(decision.verdict, Enter | Veto | Abstain)


def _latch(study: Study, record: MemoryRecord, clock: _Clock) -> tuple[LatchMove, ...]:
    return tuple(
        LatchMove(
            session=study.sessions[clock.session(change.at)].session,
            step=clock.step(change.at),
            state=change.state.value,
        )
        for change in record.states[1:]
    )


def _e4(price: Decimal | None) -> int:
    return 0 if price is None else int(price * PRICE_SCALE)
