"""What became of entries that the committee took away: they go on as the exchange would have traded them.

A shadow is the bracket order that was not sent: the same limit, stop, target and horizon, over the exchange's own paths
of daily bars and by its arithmetic of fills, at the same spread and slippage, with the fees of the desk's ledger.

1. Entry, in the session it was meant for only, from the moment of the decision on; what has not filled by the close, or
when the latch leaves ACTIVE, is withdrawn. 2. Exit by stop or target, or when the desk would sell what it holds: at the
open of the session in which the position has been held for `horizon_sessions`, at a run of decisions in which the model
says SELL, or when the drawdown stop (or the kill switch) has everything sold. Stops are raised after each close where
the desk's are. 3. Still held at the end of the run: valued at the last close, as the account is. Dividends are paid on
the ex-date where the account is paid them. Where bars are adjusted for splits that came after the decision, so is the
shadow while it is followed; it ends in the shares and prices of its decision.

Not followed are the limits of the book: a shadow stands for one entry, not for the account. A desk that is HALTED holds
on to what it has beyond its horizon; its shadows end in time.
"""

from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

import numpy as np

from tenthman.config import Config, CostSettings
from tenthman.data.quality import trusted_closes
from tenthman.domain.market import Floats, Panel, SessionHours
from tenthman.domain.money import ceil_e4, e4, floor_e4, usd
from tenthman.domain.order import Fill, Side
from tenthman.exchange.arithmetic import fill_price
from tenthman.exchange.matching import FillCosts
from tenthman.exchange.path import Path
from tenthman.exchange.prices import quoted
from tenthman.execution.fees import regulatory_fees
from tenthman.features.technical import atr
from tenthman.risk.arithmetic import trailed
from tenthman.risk.numbers import OFF, rule_numbers
from tenthman.scheduler.outcomes.corporate_actions import (
    Dividends,
    Splits,
    as_decided,
    in_new_shares,
    no_dividends,
    no_splits,
)
from tenthman.scheduler.record import Ending, Record, Sales, Shadow

SHY = 0.0002
"""USD by which a bar must stay clear of stop and target to be passed over unmatched: twice the rounding of prices."""


NO_SALES = Sales(signals={}, latched=(), sold_out=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """A fill: when in the session (0..1), at what price (USD, after costs), and by what ("stop", "target", ...)."""

    fraction: float
    price: Decimal
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """When the desk would sell at the market: row of the panel, fraction of that session (0: at its open), and why."""

    row: int
    fraction: float
    by: str

    def in_session(self, row: int) -> float | None:
        """The fraction of session `row` at which it is sold; None: not yet. What was due in a halt goes at the open."""
        if row < self.row:
            return None
        return self.fraction if row == self.row else 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trailing:
    """Stops that follow the highest close: average true ranges (sessions, tickers; USD), and how many below it.

    `closes`: those that can be trusted, NaN elsewhere. `multiple` is in millionths, as the arithmetic of risk reads it.
    """

    ranges: Floats
    closes: Floats
    multiple: int


class ShadowMarket:
    """The bars that shadows are walked over, the hours of their sessions, what a fill costs and what the desk sold."""

    def __init__(
        self,
        panel: Panel,
        hours: Sequence[SessionHours],
        costs: CostSettings,
        *,
        sales: Sales = NO_SALES,
        dividends: Dividends = no_dividends,
        splits: Splits = no_splits,
        trailing: Trailing | None = None,
    ) -> None:
        self._panel = panel
        held = set(panel.sessions.astype(object))
        self._hours: Mapping[date, SessionHours] = {item.session: item for item in hours if item.session in held}
        self._timed = sorted(self._hours.values(), key=lambda item: item.close_at)
        self._costs = FillCosts.of(costs)
        self._columns = {ticker: column for column, ticker in enumerate(panel.tickers)}
        self._sales = sales
        self._dividends = dividends
        self._splits = splits
        self._trailing = trailing

    def ending_of(self, shadow: Shadow, *, final: bool) -> Ending | None:
        """How `shadow` ends over the bars there are; None while it goes on. `final`: the run is over, so it ends."""
        sessions = self._panel.sessions
        ratio = self._splits(shadow.ticker, shadow.opened_session, self._session(-1)) if len(sessions) else Fraction(1)
        if ratio == 1:
            return self._ending(shadow, final=final)
        ending = self._ending(in_new_shares(shadow, ratio), final=final)
        return None if ending is None else as_decided(ending, ratio)

    def _ending(self, shadow: Shadow, *, final: bool) -> Ending | None:
        sessions = self._panel.sessions
        first = int(np.searchsorted(sessions, np.datetime64(shadow.opened_session, "D")))
        if first == len(sessions) and not final:
            return None
        if first == len(sessions) or self._session(first) != shadow.opened_session or not self._is_bar(shadow, first):
            return _never(shadow)
        entry = self._entry(shadow, first)
        return _never(shadow) if entry is None else self._follow(shadow, entry, first, final=final)

    def _follow(self, shadow: Shadow, entry: Touch, first: int, *, final: bool) -> Ending | None:
        due = self._due(shadow, entry, first)
        for row in range(first, len(self._panel.sessions)):
            if not self._is_bar(shadow, row):
                continue
            since, sold = (entry.fraction if row == first else 0.0), due.in_session(row)
            left = None
            if sold is None or sold > since:
                quiet = row > first and self._is_quiet(shadow, row)
                left = None if quiet else self._exit(shadow, row, since, 1.0 if sold is None else sold)
            if left is None and sold is not None:
                left = self._sale(shadow, row, sold, due.by)
            if left is not None:
                return self._ended(shadow, entry, left, first, row)
            shadow = self._trailed(shadow, first, row)
        return self._valued(shadow, entry, first) if final else None

    def _trailed(self, shadow: Shadow, first: int, row: int) -> Shadow:
        """`shadow` with its stop where the desk has it after the close of session `row`."""
        if self._trailing is None:
            return shadow
        column = self._columns[shadow.ticker]
        closes, spread = self._trailing.closes[first : row + 1, column], float(self._trailing.ranges[row, column])
        if not np.isfinite(closes[-1]) or not np.isfinite(spread):
            return shadow
        highest, stop = e4(float(np.nanmax(closes))), ceil_e4(shadow.stop_price)
        level = trailed(stop, highest, e4(float(closes[-1])), e4(spread), self._trailing.multiple)
        return replace(shadow, stop_price=usd(level)) if level > stop else shadow

    def _due(self, shadow: Shadow, entry: Touch, first: int) -> Due:
        """The first time that the desk would sell; of those at one moment, by the reason that the desk would give."""
        filled = (first, entry.fraction)
        dues = [Due(row=first + shadow.horizon_sessions, fraction=0.0, by="time")]
        for by, instants in (
            ("signal", self._sales.signals.get(shadow.ticker, ())),
            ("drawdown", self._sales.sold_out),
        ):
            places = (self._place(at) for at in instants if at > shadow.as_of)
            found = next((place for place in places if place >= filled), None)
            if found is not None:
                dues.append(Due(row=found[0], fraction=max(found[1], 0.0), by=by))
        rank = ("drawdown", "time", "signal")
        return min(dues, key=lambda due: (due.row, due.fraction, rank.index(due.by)))

    def _place(self, at: datetime) -> tuple[int, float]:
        """The first session that has not closed by `at`, by row, and how much of it has passed; below 0 before it."""
        number = bisect_right(self._timed, at, key=lambda item: item.close_at)
        if number == len(self._timed):
            return len(self._panel.sessions), 0.0
        hours = self._timed[number]
        row = int(np.searchsorted(self._panel.sessions, np.datetime64(hours.session, "D")))
        return row, (at - hours.open_at) / (hours.close_at - hours.open_at)

    def _entry(self, shadow: Shadow, row: int) -> Touch | None:
        """The limit buy: at the first price at or below its limit, never above it."""
        begins, until = self._begins(shadow), self._withdrawn(shadow, row)
        if until < begins:
            return None
        path, limit = self._path(shadow, row), floor_e4(shadow.limit_price)
        at = path.first_touch(limit, begins, until, below=True)
        if at is None:
            return None
        share = self._costs.open if at == 0.0 else self._costs.day
        price = usd(fill_price(min(path.price_at(at), limit), share, buys=True))
        return Touch(fraction=at, price=min(price, shadow.limit_price), by="entry")

    def _withdrawn(self, shadow: Shadow, row: int) -> float:
        """How much of session `row` had passed when entries were withdrawn; below 0 before its open."""
        for at in self._sales.latched:
            if at > shadow.as_of:
                latched_row, fraction = self._place(at)
                return fraction if latched_row == row else 1.0
        return 1.0

    def _exit(self, shadow: Shadow, row: int, since: float, until: float) -> Touch | None:
        """Stop or target, whichever the path reaches first; the stop where it is both."""
        path = self._path(shadow, row)
        stop, target = floor_e4(shadow.stop_price), floor_e4(shadow.target_price)
        stopped = path.first_touch(stop, since, until, below=True)
        reached = path.first_touch(target, since, until, below=False)
        if stopped is not None and (reached is None or stopped <= reached):
            raw = min(path.price_at(stopped), stop)
            return Touch(fraction=stopped, price=usd(fill_price(raw, self._costs.stop, buys=False)), by="stop")
        if reached is None:
            return None
        share = self._costs.open if reached == 0.0 else self._costs.day
        price = usd(fill_price(max(path.price_at(reached), target), share, buys=False))
        return Touch(fraction=reached, price=max(price, shadow.target_price), by="target")

    def _sale(self, shadow: Shadow, row: int, fraction: float, by: str) -> Touch:
        """The market order that takes the place of stop and target: at the open, or at once in the session."""
        share = self._costs.open if fraction == 0.0 else self._costs.day
        raw = self._path(shadow, row).price_at(fraction)
        return Touch(fraction=fraction, price=usd(fill_price(raw, share, buys=False)), by=by)

    def _ended(self, shadow: Shadow, entry: Touch, left: Touch, first: int, row: int) -> Ending:
        session = self._session(row)
        fees = self._fees(shadow, Side.BUY, entry.price, shadow.opened_session)
        fees += self._fees(shadow, Side.SELL, left.price, session)
        return Ending(
            entry=entry.price,
            exit=left.price,
            session=session,
            reason=left.by,
            fees=fees,
            dividends=self._paid(shadow, first, row),
        )

    def _valued(self, shadow: Shadow, entry: Touch, first: int) -> Ending:
        """Held to the end, or until its name was gone: that is paid out at the open after its last bar."""
        closes = self._panel.close[:, self._columns[shadow.ticker]]
        row = int(np.flatnonzero(np.isfinite(closes))[-1])
        return Ending(
            entry=entry.price,
            exit=Decimal(repr(float(closes[row]))).quantize(Decimal("0.0001")),
            session=self._session(len(closes) - 1),
            reason="run_end",
            fees=self._fees(shadow, Side.BUY, entry.price, shadow.opened_session),
            dividends=self._paid(shadow, first, min(row + 1, len(closes) - 1)),
        )

    def _paid(self, shadow: Shadow, first: int, last: int) -> Decimal:
        """Dividends that went ex after the session of the entry and by session `last`, each rounded as it is paid."""
        bought, left = self._session(first), self._session(last)
        amounts = (
            quoted(e4(per_share * float(shadow.quantity)))
            for ex_date, per_share in self._dividends(shadow.ticker).items()
            if bought < ex_date <= left
        )
        return sum(amounts, Decimal(0))

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


def shadow_market(
    config: Config,
    panel: Panel,
    hours: Sequence[SessionHours],
    sales: Sales,
    dividends: Dividends,
    splits: Splits = no_splits,
    doubted: Collection[tuple[str, date]] = (),
) -> ShadowMarket:
    """What the shadows of a desk that runs under `config` are walked over; `doubted`: bars that raise no stop."""
    rules = config.risk_rules
    multiple = rule_numbers(rules).trailing_atr
    trailing = None
    if multiple != OFF:
        closes = trusted_closes(panel, config.settings.data.stale_sessions, doubted)
        trailing = Trailing(ranges=atr(panel, rules.stops.atr_sessions), closes=closes, multiple=multiple)
    return ShadowMarket(
        panel, hours, config.settings.costs, sales=sales, dividends=dividends, splits=splits, trailing=trailing
    )


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
