"""Matching of resting orders against the paths of one session: pure, no clock, no input or output.

Both the backtest and the exchange server trade through this module. The rules:

- A market order fills at the next price there is; a limit order at the first price at or better than its limit; a
  stop becomes a market order at the first price at or beyond its stop. A gap fills at the first price beyond.
- A bracket's legs come to life at the instant at which their entry has filled. One leg fills, the other is cancelled.
- Executions happen in order of time; at the same instant in order of submission.
- Half the spread and slippage are inside the fill price, against the trader, rounded against the trader to the tick;
  a limit order never fills worse than its limit.
- A symbol without a path has no bar in the session: it is halted, nothing of it fills, its orders stay.
- A buy that would cost more than the cash not reserved for other buys is rejected when it comes to fill.
"""

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from tenthman.config import CostSettings
from tenthman.domain.money import basis_points, floor_e4, usd
from tenthman.domain.order import OrderType, Side
from tenthman.exchange import arithmetic
from tenthman.exchange.path import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class FillCosts:
    """Costs a side in millionths of price, half the spread included: inside the session, at its open, of stops."""

    day: int
    open: int
    stop: int

    @classmethod
    def of(cls, costs: CostSettings) -> "FillCosts":
        """The costs of `settings.yaml`; ValueError when one is finer than a hundredth of a basis point."""
        half = basis_points("half_spread_bp", costs.half_spread_bp)
        return cls(
            day=half + basis_points("slippage_bp", costs.slippage_bp),
            open=half + basis_points("open_slippage_bp", costs.open_slippage_bp),
            stop=half + basis_points("stop_slippage_bp", costs.stop_slippage_bp),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Resting:
    """An order at work. `sequence` is its place in order of submission; `reserve` the USD held back for a buy.

    `parent_id` ties the legs of one bracket; `legs` are those of an entry that has not filled yet.
    """

    id: str
    sequence: int
    symbol: str
    side: Side
    order_type: OrderType
    quantity: Decimal
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    reserve: Decimal = Decimal(0)
    parent_id: str | None = None
    legs: tuple["Resting", ...] = ()

    @property
    def level(self) -> Decimal | None:
        """The price that matters: the limit or the stop; None for a market order."""
        if self.order_type is OrderType.LIMIT:
            return self.limit_price
        return self.stop_price if self.order_type is OrderType.STOP else None

    @property
    def fills_below(self) -> bool:
        """Whether prices at or below the level fill it: a limit buy, a stop sell."""
        return (self.order_type is OrderType.LIMIT) == (self.side is Side.BUY)


class Outcome(Enum):
    """What a step did to its order."""

    FILLED = "filled"
    ACTIVATED = "activated"
    CANCELED = "canceled"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One transition at `fraction` of the session; `price` is set when filled."""

    outcome: Outcome
    order: Resting
    fraction: float
    price: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """The first instant of a window at which an order can fill, and the raw path price then, 1/10,000 USD."""

    fraction: float
    price: int


class Book:
    """Orders at work, by id."""

    def __init__(self) -> None:
        self._working: dict[str, Resting] = {}

    def __iter__(self) -> Iterator[Resting]:
        return iter(tuple(self._working.values()))

    def __contains__(self, order_id: object) -> bool:
        return order_id in self._working

    def place(self, order: Resting) -> None:
        """Put `order` to work; its legs wait inside it."""
        self._working[order.id] = order

    def take(self, order_id: str) -> Resting | None:
        """Remove one order and nothing of its family; None if it is not at work."""
        return self._working.pop(order_id, None)

    def family(self, order_id: str) -> tuple[Resting, ...]:
        """The order and all that lives and dies with it, in order of submission; empty if it is not at work."""
        for order in self._working.values():
            if order_id == order.id or any(leg.id == order_id for leg in order.legs):
                return (order, *order.legs, *self.siblings(order))
        return ()

    def siblings(self, order: Resting) -> tuple[Resting, ...]:
        """The other living legs of the same bracket."""
        if order.parent_id is None:
            return ()
        return tuple(o for o in self._working.values() if o.parent_id == order.parent_id and o.id != order.id)

    @property
    def reserved(self) -> Decimal:
        """USD held back for all buys at work."""
        return sum((order.reserve for order in self._working.values()), Decimal(0))

    def held(self, symbol: str) -> Decimal:
        """Shares of `symbol` promised to sells at work; the legs of one bracket promise the same shares once."""
        promised: dict[str, Decimal] = {}
        for order in self._working.values():
            if order.symbol == symbol and order.side is Side.SELL:
                family = order.parent_id or order.id
                promised[family] = max(promised.get(family, Decimal(0)), order.quantity)
        return sum(promised.values(), Decimal(0))


def match(
    book: Book, paths: Mapping[str, Path], start: float, stop: float, costs: FillCosts, cash: Decimal
) -> list[Step]:
    """Walk `start`..`stop` (fractions of the session, both included) and let `book` trade; steps in order of time.

    `book` is left holding what still works. `cash` is what the account has at `start`.
    """
    queue: list[tuple[float, int, str, int]] = []
    orders: dict[str, Resting] = {}

    def watch(order: Resting, since: float) -> None:
        path = paths.get(order.symbol)
        touch = first_touch(order, path, since, stop) if path is not None else None
        if touch is not None:
            orders[order.id] = order
            heapq.heappush(queue, (touch.fraction, order.sequence, order.id, touch.price))

    for order in book:
        watch(order, start)
    steps: list[Step] = []
    while queue:
        fraction, _, order_id, raw = heapq.heappop(queue)
        if order_id not in book:
            continue
        order = orders[order_id]
        price = fill_price(order, raw, costs, opening=fraction == 0.0)
        cost = price * order.quantity
        if order.side is Side.BUY and cost > cash - book.reserved + order.reserve:
            steps.extend(_end(book, order, fraction, Outcome.REJECTED))
            continue
        cash += cost if order.side is Side.SELL else -cost
        steps.extend(_fill(book, order, fraction, price))
        for leg in order.legs:
            watch(leg, fraction)
    return steps


def first_touch(order: Resting, path: Path, start: float, stop: float) -> Touch | None:
    """The first instant in `start`..`stop` at which `order` can fill on `path`; None if there is none."""
    if order.level is None:
        return Touch(fraction=start, price=path.price_at(start))
    level = floor_e4(order.level)
    fraction = path.first_touch(level, start, stop, below=order.fills_below)
    if fraction is None:
        return None
    price = path.price_at(fraction)
    return Touch(fraction=fraction, price=min(price, level) if order.fills_below else max(price, level))


def fill_price(order: Resting, raw: int, costs: FillCosts, *, opening: bool) -> Decimal:
    """Price (USD) after half the spread and slippage, to the tick, against the trader; `raw` is the path price.

    A limit order is bounded by its limit, which `raw` must have reached.
    """
    share = costs.open if opening else costs.day
    if order.order_type is OrderType.STOP:
        share = costs.stop
    price = usd(arithmetic.fill_price(raw, share, order.side is Side.BUY))
    if order.limit_price is None:
        return price
    return min(price, order.limit_price) if order.side is Side.BUY else max(price, order.limit_price)


def tick(price: Decimal) -> Decimal:
    """Smallest price step: a cent from one dollar on, a hundredth of a cent below (Rule 612)."""
    return Decimal("0.01") if price >= 1 else Decimal("0.0001")


def _fill(book: Book, order: Resting, fraction: float, price: Decimal) -> Iterator[Step]:
    siblings = book.siblings(order)
    book.take(order.id)
    yield Step(outcome=Outcome.FILLED, order=order, fraction=fraction, price=price)
    for leg in order.legs:
        book.place(leg)
        yield Step(outcome=Outcome.ACTIVATED, order=leg, fraction=fraction)
    for sibling in siblings:
        book.take(sibling.id)
        yield Step(outcome=Outcome.CANCELED, order=sibling, fraction=fraction)


def _end(book: Book, order: Resting, fraction: float, outcome: Outcome) -> Iterator[Step]:
    book.take(order.id)
    yield Step(outcome=outcome, order=order, fraction=fraction)
    for leg in order.legs:
        yield Step(outcome=Outcome.CANCELED, order=leg, fraction=fraction)
