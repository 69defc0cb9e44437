"""What became of entries that the committee took away: they go on as the exchange would have traded them.

A shadow is the bracket order that was not sent: the same limit, stop, target and horizon, over the exchange's own paths
of daily bars and by its arithmetic of fills, at the same spread and slippage, with the fees of the desk's ledger.

1. Entry, in the session it was meant for only, from the moment of the decision on; what has not filled by the close is
   withdrawn. 2. Exit by stop or target, or at the open of the session in which the position has been held for
   `horizon_sessions`, when the desk's morning run would sell it. 3. Still held at the end of the run: valued at the
   last close, as the account is.

Not followed are sales by a SELL signal or by the drawdown stop, dividends, and the limits of the book: a shadow stands
for one entry, not for the account.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import numpy as np

from tenthman.config import CostSettings
from tenthman.domain.market import Panel, SessionHours
from tenthman.domain.money import floor_e4, usd
from tenthman.domain.order import Fill, Side
from tenthman.exchange.arithmetic import fill_price
from tenthman.exchange.matching import FillCosts
from tenthman.exchange.path import Path
from tenthman.execution.fees import regulatory_fees
from tenthman.scheduler.record import Ending, Record, Shadow

SHY = 0.0002
"""USD by which a bar must stay clear of stop and target to be passed over unmatched: twice the rounding of prices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """A fill: when in the session (0..1), at what price (USD, after costs), and by what ("stop", "target", "time")."""

    fraction: float
    price: Decimal
    by: str


class ShadowMarket:
    """The bars that shadows are walked over, the hours of their sessions, and what a fill costs."""

    def __init__(self, panel: Panel, hours: Sequence[SessionHours], costs: CostSettings) -> None:
        self._panel = panel
        self._hours: Mapping[date, SessionHours] = {item.session: item for item in hours}
        self._costs = FillCosts.of(costs)
        self._columns = {ticker: column for column, ticker in enumerate(panel.tickers)}

    def ending_of(self, shadow: Shadow, *, final: bool) -> Ending | None:
        """How `shadow` ends over the bars there are; None while it goes on. `final`: the run is over, so it ends."""
        sessions = self._panel.sessions
        first = int(np.searchsorted(sessions, np.datetime64(shadow.opened_session, "D")))
        if first == len(sessions) and not final:
            return None
        if first == len(sessions) or self._session(first) != shadow.opened_session or not self._is_bar(shadow, first):
            return _never(shadow)
        entry = self._entry(shadow, first)
        return _never(shadow) if entry is None else self._follow(shadow, entry, first, final=final)

    def _follow(self, shadow: Shadow, entry: Touch, first: int, *, final: bool) -> Ending | None:
        left = self._exit(shadow, first, entry.fraction)
        if left is not None:
            return self._ended(shadow, entry, left, shadow.opened_session)
        for row in range(first + 1, len(self._panel.sessions)):
            if not self._is_bar(shadow, row):
                continue
            if row - first >= shadow.horizon_sessions:
                return self._ended(shadow, entry, self._sale(shadow, row), self._session(row))
            left = None if self._is_quiet(shadow, row) else self._exit(shadow, row, 0.0)
            if left is not None:
                return self._ended(shadow, entry, left, self._session(row))
        return self._valued(shadow, entry) if final else None

    def _entry(self, shadow: Shadow, row: int) -> Touch | None:
        """The limit buy: at the first price at or below its limit, never above it."""
        path, limit = self._path(shadow, row), floor_e4(shadow.limit_price)
        at = path.first_touch(limit, self._begins(shadow), 1.0, below=True)
        if at is None:
            return None
        share = self._costs.open if at == 0.0 else self._costs.day
        price = usd(fill_price(min(path.price_at(at), limit), share, buys=True))
        return Touch(fraction=at, price=min(price, shadow.limit_price), by="entry")

    def _exit(self, shadow: Shadow, row: int, since: float) -> Touch | None:
        """Stop or target, whichever the path reaches first; the stop where it is both."""
        path = self._path(shadow, row)
        stop, target = floor_e4(shadow.stop_price), floor_e4(shadow.target_price)
        stopped = path.first_touch(stop, since, 1.0, below=True)
        reached = path.first_touch(target, since, 1.0, below=False)
        if stopped is not None and (reached is None or stopped <= reached):
            raw = min(path.price_at(stopped), stop)
            return Touch(fraction=stopped, price=usd(fill_price(raw, self._costs.stop, buys=False)), by="stop")
        if reached is None:
            return None
        share = self._costs.open if reached == 0.0 else self._costs.day
        price = usd(fill_price(max(path.price_at(reached), target), share, buys=False))
        return Touch(fraction=reached, price=max(price, shadow.target_price), by="target")

    def _sale(self, shadow: Shadow, row: int) -> Touch:
        """The market order of the morning run, which fills at the open."""
        raw = self._path(shadow, row).price_at(0.0)
        return Touch(fraction=0.0, price=usd(fill_price(raw, self._costs.open, buys=False)), by="time")

    def _ended(self, shadow: Shadow, entry: Touch, left: Touch, session: date) -> Ending:
        fees = self._fees(shadow, Side.BUY, entry.price, shadow.opened_session)
        fees += self._fees(shadow, Side.SELL, left.price, session)
        return Ending(entry=entry.price, exit=left.price, session=session, reason=left.by, fees=fees)

    def _valued(self, shadow: Shadow, entry: Touch) -> Ending:
        closes = self._panel.close[:, self._columns[shadow.ticker]]
        row = int(np.flatnonzero(np.isfinite(closes))[-1])
        return Ending(
            entry=entry.price,
            exit=Decimal(repr(float(closes[row]))).quantize(Decimal("0.0001")),
            session=self._session(len(closes) - 1),
            reason="run_end",
            fees=self._fees(shadow, Side.BUY, entry.price, shadow.opened_session),
        )

    def _path(self, shadow: Shadow, row: int) -> Path:
        panel, column = self._panel, self._columns[shadow.ticker]
        return Path.of(
            open_=float(panel.open[row, column]),
            high=float(panel.high[row, column]),
            low=float(panel.low[row, column]),
            close=float(panel.close[row, column]),
        )

    def _is_bar(self, shadow: Shadow, row: int) -> bool:
        column = self._columns.get(shadow.ticker)
        return column is not None and bool(np.isfinite(self._panel.close[row, column]))

    def _is_quiet(self, shadow: Shadow, row: int) -> bool:
        """Whether the bar stays clear of stop and target, so that nothing of a held shadow can fill."""
        column = self._columns[shadow.ticker]
        low, high = float(self._panel.low[row, column]), float(self._panel.high[row, column])
        return low > float(shadow.stop_price) + SHY and high < float(shadow.target_price) - SHY

    def _begins(self, shadow: Shadow) -> float:
        """How much of its session had passed when the shadow's order would have been sent."""
        hours = self._hours.get(shadow.opened_session)
        if hours is None:
            return 0.0
        return min(max((shadow.as_of - hours.open_at) / (hours.close_at - hours.open_at), 0.0), 1.0)

    def _session(self, row: int) -> date:
        session: date = self._panel.sessions[row].item()
        return session

    def _fees(self, shadow: Shadow, side: Side, price: Decimal, session: date) -> Decimal:
        hours = self._hours.get(session)
        fill = Fill(
            execution_id=shadow.decision_id,
            broker_order_id=shadow.decision_id,
            ticker=shadow.ticker,
            side=side,
            quantity=shadow.quantity,
            price=price,
            filled_at=shadow.as_of if hours is None else hours.open_at,
        )
        return regulatory_fees(fill).total


def settle_shadows(record: Record, market: ShadowMarket, at: datetime, *, final: bool) -> int:
    """End every open shadow that has come to an end by the bars of `market`; how many were ended."""
    ended = 0
    for shadow in record.open_shadows():
        end = market.ending_of(shadow, final=final)
        if end is not None:
            record.end_shadow(shadow.decision_id, end, end.gained(shadow.quantity), at)
            ended += 1
    return ended


def _never(shadow: Shadow) -> Ending:
    return Ending(entry=None, exit=None, session=shadow.opened_session, reason="never_filled", fees=Decimal(0))
