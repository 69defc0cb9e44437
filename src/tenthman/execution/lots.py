"""Lots: what each purchase is still worth, and what came of what was sold of it. First in, first out. Pure.

Money is conserved: what was paid and what was got, less fees, plus the value of what is held, is `realised` plus
`unrealised` at every moment, and the open lots of a name add up to the shares that are held of it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from tenthman.domain.errors import DataCorrupt
from tenthman.domain.order import Fill, Side
from tenthman.domain.shares import ShareChange, split_quantity

_NINE_PLACES = Decimal("0.000000001")
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """What is left of one purchase: shares as they are today, what they cost, and their part of its fees (USD)."""

    id: str
    ticker: str
    opened_at: datetime
    quantity: Decimal
    cost: Decimal
    fees: Decimal

    def unrealised(self, price: Decimal) -> Decimal:
        """Profit at `price`, after the fees of the purchase, USD."""
        return self.quantity * price - self.cost - self.fees


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """What one execution sold of one lot: shares, their cost, what they brought, and both sides' fees (USD)."""

    lot_id: str
    execution_id: str
    ticker: str
    opened_at: datetime
    closed_at: datetime
    quantity: Decimal
    cost: Decimal
    proceeds: Decimal
    fees: Decimal

    @property
    def realised(self) -> Decimal:
        """Profit after fees, USD."""
        return self.proceeds - self.cost - self.fees


class LotBook:
    """The lots of one account, by executions in order of time."""

    def __init__(self) -> None:
        self._open: dict[str, list[Lot]] = {}
        self._sales: list[Sale] = []

    @property
    def lots(self) -> tuple[Lot, ...]:
        """Open lots by ticker, the oldest first."""
        return tuple(lot for _, lots in sorted(self._open.items()) for lot in lots)

    @property
    def sales(self) -> tuple[Sale, ...]:
        """Sales in order."""
        return tuple(self._sales)

    @property
    def realised(self) -> Decimal:
        """Profit of all sales after fees, USD."""
        return sum((sale.realised for sale in self._sales), _ZERO)

    def quantity(self, ticker: str) -> Decimal:
        """Shares held of `ticker`."""
        return sum((lot.quantity for lot in self._open.get(ticker, ())), _ZERO)

    def unrealised(self, prices: Mapping[str, Decimal]) -> Decimal:
        """Profit of all open lots at `prices` (USD). KeyError where one is missing."""
        return sum((lot.unrealised(prices[lot.ticker]) for lot in self.lots), _ZERO)

    def book(self, fill: Fill, fees: Decimal) -> None:
        """One execution with its fees (USD). DataCorrupt when it sells more than is held."""
        if fill.side is Side.BUY:
            lot = Lot(
                id=fill.execution_id,
                ticker=fill.ticker,
                opened_at=fill.filled_at,
                quantity=fill.quantity,
                cost=fill.quantity * fill.price,
                fees=fees,
            )
            self._open.setdefault(fill.ticker, []).append(lot)
            return
        held = self.quantity(fill.ticker)
        if fill.quantity > held:
            raise DataCorrupt(
                f"fill {fill.execution_id} must sell at most the {held} {fill.ticker} held, sold {fill.quantity}"
            )
        self._sell(fill, fees)

    def change(self, happened: ShareChange) -> None:
        """Shares become others, to nine decimals, and may change their name; what they cost stays.

        Cash in lieu of a fraction is an execution that sells it.
        """
        before = after = _ZERO
        changed = []
        for lot in self._open.pop(happened.ticker, ()):
            before += lot.quantity
            total = split_quantity(before, happened.ratio)
            changed.append(replace(lot, ticker=happened.becomes, quantity=total - after))
            after = total
        if changed:
            self._open.setdefault(happened.becomes, []).extend(changed)
            self._open[happened.becomes].sort(key=lambda lot: lot.opened_at)

    def _sell(self, fill: Fill, fees: Decimal) -> None:
        left, fees_left = fill.quantity, fees
        lots = self._open[fill.ticker]
        while left > 0:
            lot = lots.pop(0)
            taken = min(left, lot.quantity)
            fee = fees_left if taken == left else _part(fees, taken, fill.quantity)
            rest = _without(lot, taken)
            self._sales.append(
                Sale(
                    lot_id=lot.id,
                    execution_id=fill.execution_id,
                    ticker=fill.ticker,
                    opened_at=lot.opened_at,
                    closed_at=fill.filled_at,
                    quantity=taken,
                    cost=lot.cost - rest.cost,
                    proceeds=taken * fill.price,
                    fees=lot.fees - rest.fees + fee,
                )
            )
            if rest.quantity > 0:
                lots.insert(0, rest)
            left, fees_left = left - taken, fees_left - fee
        if not lots:
            del self._open[fill.ticker]


def lots_of(fills: Iterable[tuple[Fill, Decimal]], changes: Iterable[ShareChange] = ()) -> LotBook:
    """The lots that executions with their fees leave, and changes of what is held between them.

    At one instant a change comes first, then what is bought. DataCorrupt as `LotBook.book`.
    """
    book = LotBook()
    waiting = sorted(changes, key=lambda item: item.since)
    for fill, fees in sorted(fills, key=lambda item: (item[0].filled_at, item[0].side is Side.SELL)):
        while waiting and waiting[0].since <= fill.filled_at:
            book.change(waiting.pop(0))
        book.book(fill, fees)
    for happened in waiting:
        book.change(happened)
    return book


def _without(lot: Lot, taken: Decimal) -> Lot:
    """What is left of a lot; cost and fees go with the shares, and the last of them takes what is over."""
    left = lot.quantity - taken
    return replace(
        lot, quantity=left, cost=_part(lot.cost, left, lot.quantity), fees=_part(lot.fees, left, lot.quantity)
    )


def _part(amount: Decimal, quantity: Decimal, of: Decimal) -> Decimal:
    return (amount * quantity / of).quantize(_NINE_PLACES)
