"""Orders at work, and how they belong together. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from tenthman.domain.order import OrderType, Side

_CENT = Decimal("0.01")


def tick(price: Decimal) -> Decimal:
    """Smallest price step: a cent from one dollar on, a hundredth of a cent below (Rule 612)."""
    return _CENT if price >= 1 else Decimal("0.0001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """How far a trailing stop follows the best price: `price` USD, or `percent` of it; exactly one is given."""

    price: Decimal | None = None
    percent: Decimal | None = None

    def stop(self, peak: Decimal, side: Side) -> Decimal:
        """Where the stop stands when `peak` is the best price seen, away from it to the tick; at least one tick."""
        distance = self.price if self.percent is None else peak * self.percent / 100
        if distance is None:
            raise ValueError("a trail must have a `price` or a `percent`, had neither")
        exact = peak - distance if side is Side.SELL else peak + distance
        step = tick(exact)
        rounding = ROUND_FLOOR if side is Side.SELL else ROUND_CEILING
        return max((exact / step).to_integral_value(rounding=rounding), Decimal(1)) * step


@dataclass(frozen=True, slots=True, kw_only=True)
class Resting:
    """An order at work. `sequence` is its place in order of submission; `reserve` the USD held back for a buy.

    `quantity` is what is left of it, and an estimate where `notional` (USD left to spend) is given. `stop_price` or
    `trail` keep it from trading until it is `triggered`; from then on `limit_price` bounds it, or nothing does.
    `peak` is the best price that a trailing stop has seen. `only_at` is the one fraction of a session at which it may
    trade, `whole` means all of it at once. `group` ties orders of which one ends the others; `legs` are those of an
    entry that has not filled yet.
    """

    id: str
    sequence: int
    symbol: str
    side: Side
    order_type: OrderType
    quantity: Decimal
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail: Trail | None = None
    peak: Decimal | None = None
    notional: Decimal | None = None
    triggered: bool = False
    only_at: float | None = None
    whole: bool = False
    reserve: Decimal = Decimal(0)
    group: str | None = None
    legs: tuple["Resting", ...] = ()

    @property
    def is_waiting(self) -> bool:
        """Whether a stop keeps it from trading."""
        return not self.triggered and (self.stop_price is not None or self.trail is not None)

    def less(self, quantity: Decimal, cost: Decimal) -> "Resting":
        """What is left after an execution of `quantity` shares for `cost` USD; the reserve shrinks with it."""
        left = self.quantity - quantity
        notional = None if self.notional is None else self.notional - cost
        reserve = notional if notional is not None else self.reserve * left / self.quantity
        return replace(
            self,
            quantity=max(left, Decimal(0)) if notional is None else self.quantity,
            notional=notional,
            reserve=reserve.quantize(_CENT, rounding=ROUND_CEILING) if self.reserve else self.reserve,
        )


class Book:
    """Orders at work, by id. What one order is asked about costs no more the more others there are."""

    def __init__(self) -> None:
        self._working: dict[str, Resting] = {}
        self._entries: dict[str, str] = {}
        self._groups: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self._sells: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self._reserved = Decimal(0)
        self._exponents: Counter[int] = Counter()

    def __iter__(self) -> Iterator[Resting]:
        return iter(tuple(self._working.values()))

    def __contains__(self, order_id: object) -> bool:
        return order_id in self._working

    def get(self, order_id: str) -> Resting | None:
        """The order as it stands; None if it is not at work."""
        return self._working.get(order_id)

    def place(self, order: Resting) -> None:
        """Put `order` to work, or in the place of what it was; its legs wait inside it."""
        former = self._working.get(order.id)
        if former is not None:
            self._leave_out(former)
        self._working[order.id] = order
        self._note(order)

    def take(self, order_id: str) -> Resting | None:
        """Remove one order and nothing of its family; None if it is not at work."""
        taken = self._working.pop(order_id, None)
        if taken is not None:
            self._leave_out(taken)
        return taken

    def find(self, order_id: str) -> Resting | None:
        """The order, at work or waiting inside its entry; None if it is neither."""
        entry = self._entry(order_id)
        if entry is None or entry.id == order_id:
            return entry
        return next(leg for leg in entry.legs if leg.id == order_id)

    def swap(self, order_id: str, other: Resting) -> None:
        """Put `other` in the place of an order, at work or waiting; its group and legs follow it under its new id."""
        entry = self._entry(order_id)
        followers = [self._working[name] for name in self._groups.get(order_id, ()) if name != order_id]
        if entry is not None and entry.id == order_id:
            self.take(order_id)
            self.place(replace(other, legs=tuple(replace(leg, group=other.id) for leg in entry.legs)))
        elif entry is not None:
            self.place(replace(entry, legs=tuple(other if leg.id == order_id else leg for leg in entry.legs)))
        for follower in followers:
            self.place(replace(follower, group=other.id))

    def family(self, order_id: str) -> tuple[Resting, ...]:
        """The order and all that lives and dies with it, in order of submission; empty if it is not at work."""
        entry = self._entry(order_id)
        return () if entry is None else (entry, *entry.legs, *self.siblings(entry))

    def siblings(self, order: Resting) -> tuple[Resting, ...]:
        """The other living members of the same group."""
        if order.group is None:
            return ()
        return tuple(self._working[name] for name in self._groups.get(order.group, ()) if name != order.id)

    @property
    def reserved(self) -> Decimal:
        """USD held back for all buys at work."""
        return self._reserved.quantize(Decimal(1).scaleb(min(self._exponents, default=0)))

    def held(self, symbol: str) -> Decimal:
        """Shares of `symbol` promised to sells at work; the members of one group promise the same shares once."""
        promised: dict[str, Decimal] = {}
        for name in self._sells.get(symbol, ()):
            order = self._working[name]
            family = order.group or order.id
            promised[family] = max(promised.get(family, Decimal(0)), order.quantity)
        return sum(promised.values(), Decimal(0))

    def _entry(self, order_id: str) -> Resting | None:
        """The order at work that has this id, or that a leg of this id waits in."""
        return self._working.get(self._entries.get(order_id, order_id))

    def _note(self, order: Resting) -> None:
        for leg in order.legs:
            self._entries[leg.id] = order.id
        if order.group is not None:
            self._groups[order.group][order.id] = None
        if order.side is Side.SELL:
            self._sells[order.symbol][order.id] = None
        self._reserved += order.reserve
        self._exponents[_exponent(order.reserve)] += 1

    def _leave_out(self, order: Resting) -> None:
        for leg in order.legs:
            del self._entries[leg.id]
        if order.group is not None:
            _drop(self._groups, order.group, order.id)
        if order.side is Side.SELL:
            _drop(self._sells, order.symbol, order.id)
        self._reserved -= order.reserve
        exponent = _exponent(order.reserve)
        self._exponents[exponent] -= 1
        if self._exponents[exponent] == 0:
            del self._exponents[exponent]


def _drop(names: defaultdict[str, dict[str, None]], key: str, name: str) -> None:
    del names[key][name]
    if not names[key]:
        del names[key]


def _exponent(amount: Decimal) -> int:
    """The place of its last digit, at most that of the ones: a sum has the finest of its terms."""
    exponent = amount.as_tuple().exponent
    assert isinstance(exponent, int)
    return min(exponent, 0)
