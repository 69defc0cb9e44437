"""Holding what is on record against what the account holds, before anything is booked.

Where the two differ, the market is asked for splits and the universe for new names; what explains the account is
entered, in order of time with the executions around it. What nothing explains is handed to a person by an alert, and
sales of more than the record holds wait until it is explained: they are read again at each settling.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from typing import Protocol

import structlog

from tenthman.domain.audit import EventKind
from tenthman.domain.broker import Account, Broker, BrokerPosition
from tenthman.domain.market import NEW_YORK
from tenthman.domain.order import BrokerOrder, Fill, Side
from tenthman.domain.shares import ShareChange
from tenthman.scheduler.record import Holding, Record
from tenthman.scheduler.state.share_changes import Shown, explanation, group_of, oversold

LOOKS = 3
"""How often the account is read again until no execution comes in between."""

CLOSED_LATELY = timedelta(days=7)
"""So long after its last trade a name that the account still holds is a difference."""

WHAT_TO_DO = (
    "compare with the account's own activities; `tenthman broker split` tells the desk of a split, `tenthman broker "
    "paid-out` of shares taken away for cash; see docs/runbook.md, 'The account holds other shares than the record'"
)
NOT_SHOWN = (
    "the account has not split its shares (yet): resting stops and targets have the old prices, look at them before "
    "the open; see docs/runbook.md, 'The account holds other shares than the record'"
)
OLD_PRICES = (
    "replace their prices at the broker, or sell the position there: nobody else does; see docs/runbook.md, "
    "'The account holds other shares than the record'"
)

_CENT = Decimal("0.01")
_ZERO = Decimal(0)

log = structlog.get_logger(__name__)


class Tells(Protocol):
    """Whoever knows of splits and new names. `urgent`: the account holds other shares than the record."""

    def __call__(
        self, tickers: Iterable[str], first: date, at: datetime, /, *, urgent: bool
    ) -> tuple[ShareChange, ...]: ...


def nothing_changes(
    _tickers: Iterable[str],
    _first: date,
    _at: datetime,
    /,
    *,
    urgent: bool,  # noqa: ARG001 # nobody is asked
) -> tuple[ShareChange, ...]:
    """Of a market whose shares stay what they are."""
    return ()


@dataclass(slots=True)
class ShareWatch:
    """What is known of changes, and what a person was told already: the same once a day."""

    tells: Tells = nothing_changes
    _told: dict[tuple[object, ...], date] = field(default_factory=dict)

    def is_new(self, matter: tuple[object, ...], at: datetime) -> bool:
        """Whether a person has not been told of `matter` today."""
        today = at.astimezone(NEW_YORK).date()
        if self._told.get(matter) == today:
            return False
        self._told[matter] = today
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sight:
    """One look at both sides between which nothing was executed."""

    held: Mapping[str, Holding]
    fresh: tuple[Fill, ...]
    there: Mapping[str, Decimal]
    prices: Mapping[str, Decimal]
    cash: Decimal

    def record(self, ticker: str) -> Decimal:
        """What the record holds of `ticker` once everything is booked."""
        moved = (item.quantity if item.side is Side.BUY else -item.quantity for item in self.of(ticker))
        return sum(moved, self.booked(ticker))

    def booked(self, ticker: str) -> Decimal:
        holding = self.held.get(ticker)
        return _ZERO if holding is None else holding.quantity

    def of(self, ticker: str) -> tuple[Fill, ...]:
        return tuple(fill for fill in self.fresh if fill.ticker == ticker)

    def differing(self) -> list[str]:
        names = self.held.keys() | {fill.ticker for fill in self.fresh}
        return sorted(name for name in names if self.record(name) != self.there.get(name, _ZERO))

    def since(self, tickers: Iterable[str]) -> datetime | None:
        """When the oldest of what is held or executed of `tickers` began."""
        opened = [self.held[name].opened_at for name in tickers if name in self.held]
        return min([*opened, *(fill.filled_at for name in tickers for fill in self.of(name))], default=None)


def follow(
    watch: ShareWatch,
    broker: Broker,
    record: Record,
    seen: tuple[Account, Sequence[BrokerPosition]],
    fills: Sequence[Fill],
    book: Callable[[Sequence[Fill]], object],
    at: datetime,
) -> Sequence[Fill]:
    """Enter the changes that explain what the account holds; the executions that may be booked after them.

    `fills` were read after `seen`; `book` books what came before a change.
    """
    sight = _sight(record, seen[0], seen[1], fills, at)
    if not sight.differing():
        return fills
    fills, sight = _steady(broker, record, fills, sight, at)
    waiting: set[str] = set()
    names = sight.differing()
    first = sight.since(names)
    if first is None:
        return fills
    known = _open_changes(watch, record, names, first, at, urgent=True)
    for group in {group_of(name, (*known, *record.share_changes())) for name in names}:
        mine = [change for change in known if change.ticker in group]
        if not _explain(record, sight, group, mine, book, at):
            waiting |= _hand_over(watch, record, sight, sorted(group & set(names)), mine, at)
    return [fill for fill in fills if fill.execution_id not in waiting]


def tell_missing(watch: ShareWatch, record: Record, at: datetime) -> None:
    """An alert for each holding of which the market tells a change that the account has not shown."""
    held = record.holdings(at)
    if not held:
        return
    first = min(item.opened_at for item in held.values())
    for change in _open_changes(watch, record, sorted(held), first, at, urgent=False):
        holding = held.get(change.ticker)
        if holding is None or holding.opened_at >= change.since or not watch.is_new(("missing", change), at):
            continue
        told = {"ticker": change.ticker, "change": change.text, "held": holding.quantity, "do": NOT_SHOWN}
        record.event(EventKind.ALERT, "split not shown", told, at)
        log.warning("split not shown", ticker=change.ticker, change=change.text)


def tell_old_prices(watch: ShareWatch, record: Record, at_work: Sequence[BrokerOrder], at: datetime) -> None:
    """An alert for each order `at_work` that sells what is held and was sent before a split of it that is on record."""
    splits = [change for change in record.share_changes() if change.ratio != 1]
    held = record.holdings(at) if splits else {}
    for change in splits:
        if change.becomes not in held:
            continue
        for order in at_work:
            is_old = order.ticker == change.becomes and order.side is Side.SELL and order.submitted_at < change.since
            price = order.limit_price if order.stop_price is None else order.stop_price
            if not is_old or price is None or not watch.is_new(("old price", order.id), at):
                continue
            worth = price * change.ratio.denominator / change.ratio.numerator
            what = {"ticker": order.ticker, "change": change.text, "order": order.client_order_id, "price": price}
            told = {**what, "in_new_shares": worth.quantize(_CENT, rounding=ROUND_UP), "do": OLD_PRICES}
            record.event(EventKind.ALERT, "price of before a split", told, at)
            log.warning("price of before a split", ticker=order.ticker, price=str(price), change=change.text)


def _sight(
    record: Record, account: Account, positions: Sequence[BrokerPosition], fills: Sequence[Fill], at: datetime
) -> _Sight:
    return _Sight(
        held=record.holdings(at - CLOSED_LATELY),
        fresh=record.unbooked(fills),
        there={item.ticker: item.quantity for item in positions},
        prices={item.ticker: item.current_price for item in positions},
        cash=account.cash,
    )


def _steady(
    broker: Broker, record: Record, fills: Sequence[Fill], sight: _Sight, at: datetime
) -> tuple[Sequence[Fill], _Sight]:
    """Read both sides again until no execution comes between: one that does looks like a difference.

    Executions are read from the opening of what differs on: a sale that could not be booked may be older than a week.
    """
    since = sight.since(sight.differing())
    for _ in range(LOOKS):
        account, positions = broker.account(), broker.positions()
        again = {fill.execution_id: fill for fill in (*fills, *broker.fills(since))}
        came = len(again) - len(fills)
        fills = sorted(again.values(), key=lambda fill: fill.filled_at)
        sight = _sight(record, account, positions, fills, at)
        if came == 0:
            break
    return fills, sight


def _open_changes(
    watch: ShareWatch, record: Record, names: Sequence[str], first: datetime, at: datetime, *, urgent: bool
) -> list[ShareChange]:
    """Changes since `first` that are not on record."""
    day = first.astimezone(NEW_YORK).date()
    recorded = {(item.ticker, item.on) for item in record.share_changes()}
    return [
        item
        for item in watch.tells(names, day, at, urgent=urgent)
        if first < item.since <= at and (item.ticker, item.on) not in recorded
    ]


def _explain(
    record: Record,
    sight: _Sight,
    group: frozenset[str],
    known: Sequence[ShareChange],
    book: Callable[[Sequence[Fill]], object],
    at: datetime,
) -> bool:
    """Enter what explains the holdings of `group`; False where nothing does.

    Executions of other names are left alone: some of them may have to wait.
    """
    fresh = [fill for fill in sight.fresh if fill.ticker in group]
    fills = [*record.executions(group), *fresh]
    there = {name: sight.there.get(name, _ZERO) for name in group}
    shown = explanation(fills, [item for item in record.share_changes() if item.ticker in group], known, there)
    if shown is None:
        return False
    for item in shown:
        book([fill for fill in fresh if fill.filled_at < item.change.since])
        paid = _paid(record, sight, item)
        record.record_share_change(item.change, item.fraction, paid, at)
        log.warning("shares changed", ticker=item.change.ticker, change=item.change.text, paid_usd=str(paid))
    return True


def _paid(record: Record, sight: _Sight, item: Shown) -> Decimal:
    """What came in for a part of a share, USD: the cash that nothing else explains, where it is about what it is worth.

    Else its worth at the account's price, to the cent: cash in lieu may come days later, and other cash with it.
    """
    if item.fraction == 0:
        return _ZERO
    came = sight.cash - (record.expected_cash(record.unbooked(sight.fresh)) or sight.cash)
    price = sight.prices.get(item.change.becomes)
    if price is None:
        return max(came, _ZERO)
    worth = item.fraction * price
    return came if worth / 2 <= came <= worth * 2 else worth.quantize(_CENT, rounding=ROUND_DOWN)


def _hand_over(
    watch: ShareWatch,
    record: Record,
    sight: _Sight,
    names: Sequence[str],
    known: Sequence[ShareChange],
    at: datetime,
) -> set[str]:
    """Tell a person of what nothing explains; ids of the sales that cannot be booked."""
    waiting: set[str] = set()
    for name in names:
        refused = oversold(sight.booked(name), sight.of(name))
        waiting |= {fill.execution_id for fill in refused}
        there = sight.there.get(name, _ZERO)
        told = {"ticker": name, "record": sight.record(name), "account": there}
        if not watch.is_new((*told.values(), len(refused)), at):
            continue
        more = {"market_tells": [change.text for change in known], "sales_not_booked": len(refused), "do": WHAT_TO_DO}
        record.event(EventKind.ALERT, "shares differ", {**told, **more}, at)
        log.warning("shares differ", **{key: str(value) for key, value in told.items()})
    return waiting
