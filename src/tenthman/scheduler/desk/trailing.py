"""Stops that follow the highest close: after a session, the resting stop of a holding is replaced by a higher one."""

from datetime import date, datetime

import numpy as np
import structlog

from tenthman.data.market import MarketView
from tenthman.data.quality import trusted_closes
from tenthman.domain.audit import EventKind, client_order_id
from tenthman.domain.broker import PriceChange
from tenthman.domain.errors import OrderOutcomeUnknown, OrderRejected
from tenthman.domain.market import Panel
from tenthman.domain.money import ceil_e4, e4, usd
from tenthman.domain.order import EXTERNAL, Book, BrokerOrder, Position, TradingState
from tenthman.features.technical import atr
from tenthman.risk import arithmetic
from tenthman.risk.numbers import OFF, rule_numbers
from tenthman.scheduler.account.book import flatten, is_protective
from tenthman.scheduler.desk.orchestrator import Desk, settle
from tenthman.scheduler.desk.timeline import Step

log = structlog.get_logger(__name__)


def raise_stops(desk: Desk, book: Book, view: MarketView, step: Step) -> None:
    """Replace every stop of the desk's own holdings that `trailing_stop_atr` would have higher; off: none.

    `view` must hold the session's bars; one that its own numbers make doubtful, or that is flagged, raises no stop,
    neither then nor later. A stop that the broker will not replace, or that has gone since `book` was
    drawn up, is an alert; one whose answer is lost is found by the next settling.
    """
    trailing = rule_numbers(desk.config.risk_rules).trailing_atr
    if trailing == OFF or desk.kill_switch() is not TradingState.ACTIVE:
        return
    ours = [item for item in book.positions if item.decision_id != EXTERNAL and item.stop_price is not None]
    levels = _levels(ours, view.panel, desk, step.session, trailing) if ours else {}
    if not levels:
        return
    at_work = flatten(desk.broker.open_orders())
    resting = {(order.ticker, order.stop_price): order for order in at_work if is_protective(order)}
    for position in sorted(ours, key=lambda item: item.ticker):
        if position.ticker not in levels:
            continue
        stop = resting.get((position.ticker, position.stop_price))
        if stop is None:
            _alert(desk, position.ticker, "the stop is not at the broker any more", step.at)
        else:
            _replace(desk, position, stop, levels[position.ticker], step)
    settle(desk, step)


def _levels(held: list[Position], panel: Panel, desk: Desk, last: date, trailing: int) -> dict[str, int]:
    """Where the stops of those holdings whose stop is to be higher belong, 1/10,000 USD."""
    ranges, levels = atr(panel, desk.config.risk_rules.stops.atr_sessions)[-1], {}
    trusted = trusted_closes(panel, desk.config.settings.data.stale_sessions, desk.doubted(last))
    for position in held:
        if position.ticker not in panel.tickers or position.stop_price is None:
            continue
        column = panel.column(position.ticker)
        first = int(np.searchsorted(panel.sessions, np.datetime64(position.opened, "D")))
        closes, spread = trusted[first:, column], float(ranges[column])
        if not closes.size or not np.isfinite(closes[-1]) or not np.isfinite(spread):
            continue
        stop = ceil_e4(position.stop_price)
        level = arithmetic.trailed(stop, e4(float(np.nanmax(closes))), e4(float(closes[-1])), e4(spread), trailing)
        if level > stop:
            levels[position.ticker] = level
    return levels


def _replace(desk: Desk, position: Position, stop: BrokerOrder, level: int, step: Step) -> None:
    name = client_order_id(position.decision_id, f"stop-{step.session}")
    change = PriceChange(client_order_id=name, stop_price=usd(level))
    told = {"replaces": stop.client_order_id, "ticker": position.ticker, "from": stop.stop_price, "to": usd(level)}
    desk.ledger.event(EventKind.ORDER_INTENT, name, told, step.at)
    try:
        desk.broker.replace(stop.id, change)
    except (OrderRejected, OrderOutcomeUnknown) as error:
        _alert(desk, position.ticker, str(error), step.at)
        return
    log.info("stop raised", ticker=position.ticker, stop=str(usd(level)), was=str(stop.stop_price))


def _alert(desk: Desk, ticker: str, cause: str, at: datetime) -> None:
    desk.ledger.event(EventKind.ALERT, "stop not raised", {"ticker": ticker, "cause": cause}, at)
    log.warning("stop not raised", ticker=ticker, cause=cause)
