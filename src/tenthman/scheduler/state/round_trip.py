"""The arithmetic of one trade: what its fills make of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from tenthman.domain.errors import DataCorrupt
from tenthman.domain.order import Fill, Side
from tenthman.domain.shares import ShareChange, split_quantity

_NINE_PLACES = Decimal("0.000000001")
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTrip:
    """A long position from its first buy to its last sell; prices and sums in USD, all in shares as they are today.

    `realised_usd` is sold quantity x (price - average entry) minus all fees paid so far.
    """

    decision_id: str
    ticker: str
    quantity: Decimal
    bought: Decimal
    avg_entry_price: Decimal
    opened_at: datetime
    closed_at: datetime | None
    exit_reason: str | None
    avg_exit_price: Decimal | None
    fees_usd: Decimal
    realised_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """A fill with its fees (USD) and whose it is; `sells_oldest`: of any trade, not first of its own."""

    fill: Fill
    fees: Decimal
    decision_id: str
    reason: str
    sells_oldest: bool


def opened(decision_id: str, fill: Fill, fees: Decimal) -> RoundTrip:
    """The trade after its first buy."""
    return RoundTrip(
        decision_id=decision_id,
        ticker=fill.ticker,
        quantity=fill.quantity,
        bought=fill.quantity,
        avg_entry_price=fill.price,
        opened_at=fill.filled_at,
        closed_at=None,
        exit_reason=None,
        avg_exit_price=None,
        fees_usd=fees,
        realised_usd=-fees,
    )


def increased(trip: RoundTrip, fill: Fill, fees: Decimal) -> RoundTrip:
    """The trade after one more buy; it is open again if a sell had closed it before its entry was complete."""
    bought = trip.bought + fill.quantity
    return replace(
        trip,
        quantity=trip.quantity + fill.quantity,
        bought=bought,
        avg_entry_price=(trip.avg_entry_price * trip.bought + fill.price * fill.quantity) / bought,
        closed_at=None,
        exit_reason=None,
        fees_usd=trip.fees_usd + fees,
        realised_usd=trip.realised_usd - fees,
    )


def reduced(trip: RoundTrip, quantity: Decimal, fill: Fill, fees: Decimal, reason: str) -> RoundTrip:
    """The trade after `quantity` of a sell; closed, for `reason`, when nothing is left.

    Raises DataCorrupt when more is sold than the desk holds: it never sells short.
    """
    if quantity > trip.quantity:
        raise DataCorrupt(
            f"fill {fill.execution_id} sells {quantity} {trip.ticker} of trade {trip.decision_id}, "
            f"which holds {trip.quantity}"
        )
    sold = trip.bought - trip.quantity
    left = trip.quantity - quantity
    before = Decimal(0) if trip.avg_exit_price is None else trip.avg_exit_price * sold
    return replace(
        trip,
        quantity=left,
        closed_at=fill.filled_at if left == 0 else None,
        exit_reason=reason if left == 0 else None,
        avg_exit_price=(before + fill.price * quantity) / (sold + quantity),
        fees_usd=trip.fees_usd + fees,
        realised_usd=trip.realised_usd + quantity * (fill.price - trip.avg_entry_price) - fees,
    )


def changed(trips: Sequence[RoundTrip], happened: ShareChange) -> tuple[RoundTrip, ...]:
    """Open trades of one name, oldest first, when its shares have become others.

    Together they hold what the account holds, to nine decimals rounded down; what they cost, brought and realised
    stays.
    """
    before = after = Decimal(0)
    found = []
    for trip in trips:
        before += trip.quantity
        total = split_quantity(before, happened.ratio)
        found.append(_restated(trip, happened.becomes, total - after))
        after = total
    return tuple(found)


def sold_from(trips: Sequence[RoundTrip], fill: Fill, fees: Decimal, reason: str) -> tuple[RoundTrip, ...]:
    """Those of the given trades that a sell was taken from, in their order; its fees go with the first.

    DataCorrupt when they hold less than it sells.
    """
    left = fill.quantity
    found: list[RoundTrip] = []
    for trip in trips:
        taken = min(left, trip.quantity)
        if taken > 0:
            found.append(reduced(trip, taken, fill, _ZERO if found else fees, reason))
            left -= taken
    if left > 0:
        raise DataCorrupt(
            f"fill {fill.execution_id} sells {fill.quantity} {fill.ticker}, of which {fill.quantity - left} are held"
        )
    return tuple(found)


def replayed(executions: Iterable[Execution], changes: Iterable[ShareChange]) -> tuple[RoundTrip, ...]:
    """Every trade that executions of one name (and of what it became) make, as it stands after `changes` among them.

    At one instant a change comes first, then what is bought. DataCorrupt as `sold_from`.
    """
    trips: dict[str, RoundTrip] = {}
    waiting = sorted(changes, key=lambda item: item.since)
    for item in sorted(executions, key=lambda item: (item.fill.filled_at, item.fill.side is Side.SELL)):
        while waiting and waiting[0].since <= item.fill.filled_at:
            _change(trips, waiting.pop(0))
        own = trips.get(item.decision_id)
        if item.fill.side is Side.BUY:
            bought = (item.fill, item.fees)
            trips[item.decision_id] = opened(item.decision_id, *bought) if own is None else increased(own, *bought)
            continue
        first = [] if item.sells_oldest or own is None else [own]
        others = [trip for trip in _open(trips, item.fill.ticker) if trip not in first]
        for trip in sold_from([*first, *others], item.fill, item.fees, item.reason):
            trips[trip.decision_id] = trip
    for happened in waiting:
        _change(trips, happened)
    return tuple(trips.values())


def _change(trips: dict[str, RoundTrip], happened: ShareChange) -> None:
    for trip in changed(_open(trips, happened.ticker), happened):
        trips[trip.decision_id] = trip


def _open(trips: Mapping[str, RoundTrip], ticker: str) -> list[RoundTrip]:
    """Open trades of a name, the oldest first."""
    found = [trip for trip in trips.values() if trip.ticker == ticker and trip.quantity > 0]
    return sorted(found, key=lambda trip: (trip.opened_at, trip.decision_id))


def _restated(trip: RoundTrip, ticker: str, quantity: Decimal) -> RoundTrip:
    factor = quantity / trip.quantity
    sold = trip.bought - trip.quantity
    left = None if trip.avg_exit_price is None else trip.avg_exit_price / factor
    return replace(
        trip,
        ticker=ticker,
        quantity=quantity,
        bought=quantity + (sold * factor).quantize(_NINE_PLACES).normalize(),
        avg_entry_price=trip.avg_entry_price / factor,
        avg_exit_price=left,
    )
