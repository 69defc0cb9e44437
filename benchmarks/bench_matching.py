"""Bar-orders a second: the compiled arithmetic of fills over arrays, and the exchange's own matching, order by order.

A bar-order is one order at work during one bar. Both must find the same fills: that is checked on the first of them.
"""

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np

from tenthman.backtest.compiled import entrance, fill_price, first_touch, path_price
from tenthman.config import CostSettings
from tenthman.domain.money import floor_e4, usd
from tenthman.domain.order import OrderType, Side
from tenthman.exchange.arithmetic import NEVER
from tenthman.exchange.book import Book, Resting
from tenthman.exchange.matching import FillCosts, match
from tenthman.exchange.path import Path

COUNT = 2_000_000
CHECKED = 20_000
ROUNDS = 5
COSTS = FillCosts.of(CostSettings(half_spread_bp=1.0, slippage_bp=1.0, open_slippage_bp=3.0, stop_slippage_bp=5.0))
KINDS = (
    (OrderType.LIMIT, Side.BUY),
    (OrderType.LIMIT, Side.SELL),
    (OrderType.STOP, Side.SELL),
    (OrderType.MARKET, Side.BUY),
)
"""The orders of the desk: entries, targets, stops, and orders at the market."""


@entrance
def fill_all(
    bars: np.ndarray,
    levels: np.ndarray,
    kinds: np.ndarray,
    day: int,
    opening: int,
    stop: int,
    fractions: np.ndarray,
    prices: np.ndarray,
) -> None:
    """Fraction of the session and price (1/10,000 USD) of each order's fill; NEVER and 0 without one."""
    for row in range(len(levels)):
        open_, low, high, close = bars[row, 0], bars[row, 1], bars[row, 2], bars[row, 3]
        level, kind = levels[row], kinds[row]
        below, buys = kind != 1, kind == 0 or kind == 3
        at = 0.0 if kind == 3 else first_touch(open_, low, high, close, level, below, 0.0, 1.0)
        fractions[row], prices[row] = at, 0
        if at > 1.0:
            continue
        raw = path_price(open_, low, high, close, at)
        if kind != 3:
            raw = min(raw, level) if below else max(raw, level)
        share = stop if kind == 2 else (opening if at == 0.0 else day)
        price = fill_price(raw, share, buys)
        if kind == 0:
            price = min(price, level)
        elif kind == 1:
            price = max(price, level)
        prices[row] = price


def drawn() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bars around 100 USD in 1/10,000 USD, levels in cents within three per cent of their opens, and kinds."""
    random = np.random.default_rng(1)
    ends = np.round(1_000_000 * np.exp(random.normal(0.0, 0.01, (COUNT, 4)))).astype(np.int64)
    ends.sort(axis=1)
    swapped = random.random(COUNT) < 0.5
    open_, close = np.where(swapped, ends[:, 1], ends[:, 2]), np.where(swapped, ends[:, 2], ends[:, 1])
    bars = np.column_stack([open_, ends[:, 0], ends[:, 3], close])
    levels = np.round(open_ * (1 + random.uniform(-0.03, 0.03, COUNT)) / 100).astype(np.int64) * 100
    return bars, levels, random.integers(0, len(KINDS), COUNT).astype(np.int64)


def by_hand(bar: Any, level: int, kind: int) -> tuple[float, int]:
    """The same through the exchange's matching."""
    order_type, side = KINDS[kind]
    price = usd(int(level))
    book = Book()
    book.place(
        Resting(
            id="o",
            sequence=1,
            symbol="A",
            side=side,
            order_type=order_type,
            quantity=Decimal(1),
            limit_price=price if order_type is OrderType.LIMIT else None,
            stop_price=price if order_type is OrderType.STOP else None,
        )
    )
    path = Path(open=int(bar[0]), low=int(bar[1]), high=int(bar[2]), close=int(bar[3]))
    steps = match(book, {"A": path}, 0.0, 1.0, COSTS, Decimal(1_000_000))
    if not steps or steps[0].price is None:
        return NEVER, 0
    return steps[0].fraction, floor_e4(steps[0].price)


def best_of(rounds: int, work: Callable[[], None]) -> float:
    """The shortest of some rounds, in seconds of this process."""
    spent = []
    for _ in range(rounds):
        began = time.process_time()
        work()
        spent.append(time.process_time() - began)
    return min(spent)


def main() -> None:
    """Print both speeds; fails where the two do not fill alike."""
    bars, levels, kinds = drawn()
    fractions, prices = np.empty(COUNT), np.empty(COUNT, dtype=np.int64)
    costs = (COSTS.day, COSTS.open, COSTS.stop)
    fill_all(bars[:1], levels[:1], kinds[:1], *costs, fractions[:1], prices[:1])
    seconds = best_of(ROUNDS, lambda: fill_all(bars, levels, kinds, *costs, fractions, prices))
    print(
        f"matching in arrays: {COUNT / seconds:,.0f} bar-orders/s, one core; {np.mean(fractions <= 1.0):.0%} of "
        f"{COUNT:,} filled"
    )
    began = time.process_time()
    found = [by_hand(bars[row], int(levels[row]), int(kinds[row])) for row in range(CHECKED)]
    print(f"matching one by one: {CHECKED / (time.process_time() - began):,.0f} bar-orders/s")
    expected = list(zip(fractions[:CHECKED].tolist(), prices[:CHECKED].tolist(), strict=True))
    if found != expected:
        raise SystemExit("the arrays and the exchange fill differently")
    print(f"all {CHECKED:,} that were compared fill at the same instant and price")


if __name__ == "__main__":
    main()
