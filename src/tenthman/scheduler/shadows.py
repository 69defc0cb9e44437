"""What became of entries that the committee took away: each is walked over the run's daily bars, under its own prices.

Within a bar the low comes before the high, as everywhere else: the stop before the target. Costs are left out.

1. Entry, in the session it was meant for only. A morning's order fills at the open if that is at or below the limit,
   else at the limit if the bar reaches down to it. An afternoon's order fills at the close if that is at or below the
   limit: of the rest of the session a daily bar says nothing more.
2. Exit. An open at or beyond stop or target sells there; else the stop, else the target. In the session of the
   `horizon_sessions`-th bar after the entry it is sold at the open, when the desk's morning run would do so.
3. Still held at the end of the run: valued at the last close.
"""

from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np

from tenthman.domain.audit import Slot
from tenthman.domain.market import Panel, Period
from tenthman.scheduler.state import Ledger, Shadow

NEW_YORK = ZoneInfo("America/New_York")
CLOSE = time(16)
CENT, PRICE = Decimal("0.01"), Decimal("0.0001")


@dataclass(frozen=True, slots=True, kw_only=True)
class DayBar:
    """One session of one ticker (USD)."""

    session: date
    open: float
    high: float
    low: float
    close: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a shadow ended: "stop", "target", "time", "run_end" or "never_filled" (without an entry). Prices in USD."""

    entry: float | None
    exit: float | None
    session: date
    reason: str


def settle_shadows(ledger: Ledger, panel: Panel, period: Period) -> int:
    """Walk every open shadow of the run over the bars of `panel` up to `period.last`; returns how many were ended.

    `panel` must hold the sessions of `period`; a ticker or session without a bar is passed over. The record is dated
    to the close of the last session.
    """
    at = datetime.combine(period.last, CLOSE, NEW_YORK)
    shadows = ledger.open_shadows()
    for shadow in shadows:
        end = ending_of(shadow, panel, period.last)
        entry, left = (None if price is None else _price(price) for price in (end.entry, end.exit))
        ledger.update_shadow(
            shadow.decision_id,
            at=at,
            entry_price=entry,
            exit_price=left,
            exit_session=end.session,
            exit_reason=end.reason,
            pnl_usd=gained_by(shadow, end),
        )
    return len(shadows)


def ending_of(shadow: Shadow, panel: Panel, last: date) -> Ending:
    """How `shadow` ends over the bars of `panel` up to `last`."""
    return walk(shadow, _bars(panel, shadow, last), last)


def gained_by(shadow: Shadow, end: Ending) -> Decimal:
    """What it brought before costs, USD to the cent; 0 where it was never entered."""
    if end.entry is None or end.exit is None:
        return Decimal(0)
    return ((_price(end.exit) - _price(end.entry)) * shadow.quantity).quantize(CENT)


def walk(shadow: Shadow, bars: tuple[DayBar, ...], last: date) -> Ending:
    """How `shadow` ends over `bars`, those of its ticker from its session on; `last` is the run's last session."""
    if not bars or bars[0].session != shadow.opened_session:
        return Ending(entry=None, exit=None, session=shadow.opened_session, reason="never_filled")
    first, afternoon = bars[0], shadow.slot is Slot.AFTERNOON
    entry = _entry(first, float(shadow.limit_price), afternoon=afternoon)
    if entry is None:
        return Ending(entry=None, exit=None, session=first.session, reason="never_filled")
    stop, target = float(shadow.stop_price), float(shadow.target_price)
    found = None if afternoon else _within(first, stop, target, at_most=entry)
    if found is not None:
        return Ending(entry=entry, exit=found[0], session=first.session, reason=found[1])
    for number, bar in enumerate(bars[1:], start=1):
        if number >= shadow.horizon_sessions:
            return Ending(entry=entry, exit=bar.open, session=bar.session, reason="time")
        found = _at_open(bar, stop, target) or _within(bar, stop, target, at_most=bar.open)
        if found is not None:
            return Ending(entry=entry, exit=found[0], session=bar.session, reason=found[1])
    return Ending(entry=entry, exit=bars[-1].close, session=last, reason="run_end")


def _entry(bar: DayBar, limit: float, *, afternoon: bool) -> float | None:
    if afternoon:
        return bar.close if bar.close <= limit else None
    if bar.open <= limit:
        return bar.open
    return limit if bar.low <= limit else None


def _at_open(bar: DayBar, stop: float, target: float) -> tuple[float, str] | None:
    if bar.open <= stop:
        return bar.open, "stop"
    return (bar.open, "target") if bar.open >= target else None


def _within(bar: DayBar, stop: float, target: float, at_most: float) -> tuple[float, str] | None:
    """The exit inside a bar; a stop cannot sell above `at_most`, where the price already is."""
    if bar.low <= stop:
        return min(stop, at_most), "stop"
    return (target, "target") if bar.high >= target else None


def _bars(panel: Panel, shadow: Shadow, last: date) -> tuple[DayBar, ...]:
    """The ticker's bars from the shadow's session to `last`; sessions without one are left out."""
    if shadow.ticker not in panel.tickers:
        return ()
    column = panel.column(shadow.ticker)
    start = int(np.searchsorted(panel.sessions, np.datetime64(shadow.opened_session, "D")))
    stop = int(np.searchsorted(panel.sessions, np.datetime64(last, "D"), side="right"))
    return tuple(
        DayBar(
            session=panel.sessions[row].item(),
            open=float(panel.open[row, column]),
            high=float(panel.high[row, column]),
            low=float(panel.low[row, column]),
            close=float(panel.close[row, column]),
        )
        for row in range(start, stop)
        if np.isfinite(panel.close[row, column])
    )


def _price(value: float) -> Decimal:
    return Decimal(repr(value)).quantize(PRICE)
