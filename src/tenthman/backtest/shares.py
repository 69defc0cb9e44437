"""What a run in memory holds: executions, and the splits and new names that came in between."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from tenthman.domain.market import NEW_YORK
from tenthman.domain.order import Fill, Side
from tenthman.domain.shares import ShareChange, split_quantity
from tenthman.scheduler.record import Holding, OpenTrade
from tenthman.scheduler.state.share_changes import fill_of_fraction


@dataclass(slots=True, kw_only=True)
class Shares:
    """Holdings and open trades by ticker, as `fills` (with their fees, USD) and changes make them.

    `decision_of` names the decision behind an execution that opens a trade.
    """

    decision_of: Callable[[Fill], str]
    fills: list[tuple[Fill, Decimal]] = field(default_factory=list)
    trades: dict[str, OpenTrade] = field(default_factory=dict)
    _changes: list[ShareChange] = field(default_factory=list)
    _fractions: set[str] = field(default_factory=set)
    _held: dict[str, Holding] = field(default_factory=dict)
    _closed: dict[str, tuple[Holding, datetime]] = field(default_factory=dict)

    def book(self, fill: Fill, fee: Decimal) -> None:
        """An execution; one from before a change that is known has all of it followed anew."""
        self.fills.append((fill, fee))
        if any(change.since > fill.filled_at for change in self._changes):
            self._follow_all()
        else:
            self._follow(fill)

    def change(self, change: ShareChange, fraction: Decimal, paid: Decimal) -> None:
        """A split or a new name, once; a `fraction` of a share is sold for `paid` USD."""
        if change in self._changes:
            return
        self._changes.append(change)
        if fraction > 0:
            fill = fill_of_fraction(change, fraction, paid)
            self._fractions.add(fill.broker_order_id)
            self.fills.append((fill, Decimal(0)))
        self._follow_all()

    def is_fraction(self, fill: Fill) -> bool:
        """Whether nobody sent an order for it: a part of a share that a split left was paid in cash."""
        return fill.broker_order_id in self._fractions

    def changes(self) -> tuple[ShareChange, ...]:
        """In order of time."""
        return tuple(sorted(self._changes, key=lambda item: item.since))

    def in_order(self) -> list[Fill]:
        """Executions in order of time, at one instant purchases first."""
        return sorted((fill for fill, _ in self.fills), key=lambda item: (item.filled_at, item.side is Side.SELL))

    def holdings(self, since: datetime) -> Mapping[str, Holding]:
        """What is held, by ticker; nothing of names whose last trade closed after `since`."""
        return {**{name: held for name, (held, at) in self._closed.items() if at > since}, **self._held}

    def _follow_all(self) -> None:
        """What is held, anew from all executions and the changes among them."""
        self._held.clear()
        self.trades.clear()
        waiting = list(self.changes())
        for fill in self.in_order():
            while waiting and waiting[0].since <= fill.filled_at:
                self._become(waiting.pop(0))
            self._follow(fill)
        for change in waiting:
            self._become(change)

    def _become(self, change: ShareChange) -> None:
        held, trade = self._held.pop(change.ticker, None), self.trades.pop(change.ticker, None)
        if held is not None:
            self._held[change.becomes] = replace(held, quantity=split_quantity(held.quantity, change.ratio))
        if trade is not None:
            self.trades[change.becomes] = trade

    def _follow(self, fill: Fill) -> None:
        before = self._held.get(fill.ticker, Holding(quantity=Decimal(0), opened_at=fill.filled_at))
        held = before.quantity + (fill.quantity if fill.side is Side.BUY else -fill.quantity)
        self._held[fill.ticker] = replace(before, quantity=held)
        if held <= 0:
            self._closed[fill.ticker] = replace(before, quantity=Decimal(0)), fill.filled_at
            self._held.pop(fill.ticker)
            self.trades.pop(fill.ticker, None)
        elif fill.side is Side.BUY and fill.ticker not in self.trades:
            opened = fill.filled_at.astimezone(NEW_YORK).date()
            self.trades[fill.ticker] = OpenTrade(decision_id=self.decision_of(fill), opened_session=opened)
