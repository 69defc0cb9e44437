"""Matching of resting orders against the paths of one session: pure, no clock, no input or output.

Both the backtest and the exchange server trade through this module. The rules:

- A market order fills at the next price there is; a limit order at the first price at or better than its limit; a
  stop is triggered at the first price at or beyond it, and is a market order or a limit order from then on. A gap fills
  at the first price beyond. A trailing stop follows the best price since it came to work.
- The legs of an entry come to life at the instant at which it has filled whole. Of a group one fills, the others are
  cancelled; when one fills in part, the others shrink.
- Executions happen in order of time; at the same instant in order of submission.
- Half the spread and slippage are inside the fill price, against the trader, rounded against the trader to the tick;
  a limit order never fills worse than its limit.
- A symbol without a path has no bar in the session: it is halted, nothing of it fills, its orders stay.
- A buy that would cost more than the cash not reserved for other buys is rejected when it comes to fill.
- Orders fill whole, unless a `Liquidity` says how much there is.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, Decimal
from enum import Enum

from tenthman.config import CostSettings
from tenthman.domain.money import basis_points, floor_e4, usd
from tenthman.domain.order import OrderType, Side
from tenthman.exchange import arithmetic
from tenthman.exchange.book import Book, Resting, Trail
from tenthman.exchange.liquidity import Liquidity
from tenthman.exchange.path import Path

_STOPS = (OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP)
_NINE_PLACES = Decimal("0.000000001")


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


class Outcome(Enum):
    """What a step did to its order. TRIGGERED: a stop is a limit order now; SHRUNK: a sibling filled in part."""

    FILLED = "filled"
    PARTIAL = "partial"
    ACTIVATED = "activated"
    TRIGGERED = "triggered"
    SHRUNK = "shrunk"
    CANCELED = "canceled"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One transition at `fraction` of the session; `price` and `quantity` are those of an execution."""

    outcome: Outcome
    order: Resting
    fraction: float
    price: Decimal | None = None
    quantity: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """The first instant of a window at which an order is triggered or can fill, and the price then, 1/10,000 USD.

    `peak` is the best price that a trailing stop had seen by then.
    """

    fraction: float
    price: int
    peak: Decimal | None = None


def match(
    book: Book,
    paths: Mapping[str, Path],
    start: float,
    stop: float,
    costs: FillCosts,
    cash: Decimal,
    liquidity: Liquidity | None = None,
    only: Iterable[Resting] | None = None,
) -> list[Step]:
    """Walk `start`..`stop` (fractions of the session, both included) and let `book` trade; steps in order of time.

    `book` is left holding what still works. `cash` is what the account has at `start`. `only` are the orders of the
    book that may trade, with what becomes of them (None: all).
    """
    return _Walk(book, paths, stop, costs, cash, liquidity).run(start, book if only is None else only)


class _Walk:
    """One walk: the next touch of every order at work, in order of time."""

    def __init__(
        self,
        book: Book,
        paths: Mapping[str, Path],
        stop: float,
        costs: FillCosts,
        cash: Decimal,
        liquidity: Liquidity | None,
    ) -> None:
        self._book = book
        self._paths = paths
        self._stop = stop
        self._costs = costs
        self._cash = cash
        self._liquidity = liquidity
        self._queue: list[tuple[float, int, str, Touch]] = []

    def run(self, start: float, orders: Iterable[Resting]) -> list[Step]:
        for order in orders:
            self._watch(order, start)
        steps: list[Step] = []
        while self._queue:
            _, _, order_id, touch = heapq.heappop(self._queue)
            current = self._book.get(order_id)
            if current is not None:
                steps.extend(self._meet(current, touch))
        return steps

    def _watch(self, order: Resting, since: float) -> None:
        path = self._paths.get(order.symbol)
        if path is None:
            return
        begin, end = since, self._stop
        if order.only_at is not None:
            begin, end = max(begin, order.only_at), min(end, order.only_at)
            if begin > end:
                return
        if order.trail is not None and not order.triggered:
            touch, peak = trailing_touch(order.side, order.trail, order.peak, path, begin, end)
            if touch is None:
                self._book.place(replace(order, peak=peak))
        else:
            touch = first_touch(order, path, begin, end)
        if touch is not None:
            heapq.heappush(self._queue, (touch.fraction, order.sequence, order.id, touch))

    def _meet(self, order: Resting, touch: Touch) -> Iterator[Step]:
        if order.is_waiting:
            order = replace(order, triggered=True, peak=touch.peak)
            self._book.place(order)
            if not _is_marketable(order, touch.price):
                yield Step(outcome=Outcome.TRIGGERED, order=order, fraction=touch.fraction)
                self._watch(order, touch.fraction)
                return
        yield from self._execute(order, touch.fraction, touch.price)

    def _execute(self, order: Resting, fraction: float, raw: int) -> Iterator[Step]:
        price = fill_price(order, raw, self._costs, opening=fraction == 0.0)
        wanted = order.quantity
        if order.notional is not None:
            wanted = (order.notional / price).quantize(_NINE_PLACES, rounding=ROUND_DOWN)
        quantity = wanted
        if self._liquidity is not None:
            quantity = self._liquidity.offer(order.id, order.symbol, fraction, wanted)
            if quantity < wanted and (order.whole or quantity == 0):
                self._later(order, fraction)
                return
        cost = price * quantity
        spare = self._cash - self._book.reserved + order.reserve if order.side is Side.BUY else cost
        if quantity <= 0 or cost > spare:
            yield from _end(self._book, order, fraction)
            return
        if self._liquidity is not None:
            self._liquidity.take(order.symbol, fraction, wanted, quantity)
        self._cash += cost if order.side is Side.SELL else -cost
        if quantity < wanted:
            yield from self._fill_part(order, fraction, price, quantity)
        else:
            yield from self._fill_whole(order, fraction, price, quantity)

    def _fill_whole(self, order: Resting, fraction: float, price: Decimal, quantity: Decimal) -> Iterator[Step]:
        siblings = self._book.siblings(order)
        self._book.take(order.id)
        yield Step(outcome=Outcome.FILLED, order=order, fraction=fraction, price=price, quantity=quantity)
        for leg in order.legs:
            self._book.place(leg)
            yield Step(outcome=Outcome.ACTIVATED, order=leg, fraction=fraction)
        for sibling in siblings:
            self._book.take(sibling.id)
            yield Step(outcome=Outcome.CANCELED, order=sibling, fraction=fraction)
        for leg in order.legs:
            self._watch(leg, fraction)

    def _fill_part(self, order: Resting, fraction: float, price: Decimal, quantity: Decimal) -> Iterator[Step]:
        left = order.less(quantity, price * quantity)
        self._book.place(left)
        yield Step(outcome=Outcome.PARTIAL, order=left, fraction=fraction, price=price, quantity=quantity)
        for sibling in self._book.siblings(order):
            shrunk = replace(sibling, quantity=sibling.quantity - quantity)
            self._book.place(shrunk)
            yield Step(outcome=Outcome.SHRUNK, order=shrunk, fraction=fraction)
        self._later(left, fraction)

    def _later(self, order: Resting, fraction: float) -> None:
        following = None if self._liquidity is None else self._liquidity.next_start(fraction)
        if following is not None and following <= self._stop:
            self._watch(order, following)


def first_touch(order: Resting, path: Path, start: float, stop: float) -> Touch | None:
    """The first instant in `start`..`stop` at which `order` is triggered, or can fill, on `path`; None without one.

    Trailing stops that wait have a function of their own.
    """
    level, below = (order.stop_price, order.side is Side.SELL) if order.is_waiting else _limit(order)
    if level is None:
        return Touch(fraction=start, price=path.price_at(start))
    return _touch(path, floor_e4(level), start, stop, below=below)


def trailing_touch(
    side: Side, trail: Trail, peak: Decimal | None, path: Path, start: float, stop: float
) -> tuple[Touch | None, Decimal]:
    """Where a trailing stop is triggered in `start`..`stop`, and the best price seen up to then or up to `stop`.

    `peak` is the best price seen before; None: it starts here.
    """
    best, below = (max, True) if side is Side.SELL else (min, False)
    instants = (start, *(knot for knot in arithmetic.KNOTS if start < knot < stop), stop)
    seen = usd(path.price_at(start)) if peak is None else peak
    for place, begin in enumerate(instants[:-1]):
        end = instants[place + 1]
        seen = best(seen, usd(path.price_at(begin)))
        touch = _touch(path, floor_e4(trail.stop(seen, side)), begin, end, below=below)
        if touch is not None:
            return replace(touch, peak=seen), seen
        seen = best(seen, usd(path.price_at(end)))
    return None, seen


def fill_price(order: Resting, raw: int, costs: FillCosts, *, opening: bool) -> Decimal:
    """Price (USD) after half the spread and slippage, to the tick, against the trader; `raw` is the path price.

    A limit order is bounded by its limit, which `raw` must have reached.
    """
    share = costs.open if opening else costs.day
    if order.order_type in _STOPS:
        share = costs.stop
    price = usd(arithmetic.fill_price(raw, share, order.side is Side.BUY))
    if order.limit_price is None:
        return price
    return min(price, order.limit_price) if order.side is Side.BUY else max(price, order.limit_price)


def _touch(path: Path, level: int, start: float, stop: float, *, below: bool) -> Touch | None:
    fraction = path.first_touch(level, start, stop, below=below)
    if fraction is None:
        return None
    price = path.price_at(fraction)
    return Touch(fraction=fraction, price=min(price, level) if below else max(price, level))


def _limit(order: Resting) -> tuple[Decimal | None, bool]:
    return order.limit_price, order.side is Side.BUY


def _is_marketable(order: Resting, raw: int) -> bool:
    if order.limit_price is None:
        return True
    limit = floor_e4(order.limit_price)
    return raw <= limit if order.side is Side.BUY else raw >= limit


def _end(book: Book, order: Resting, fraction: float) -> Iterator[Step]:
    book.take(order.id)
    yield Step(outcome=Outcome.REJECTED, order=order, fraction=fraction)
    for leg in order.legs:
        yield Step(outcome=Outcome.CANCELED, order=leg, fraction=fraction)
