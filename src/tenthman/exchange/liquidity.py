"""How much of an order the market takes at once: all of it, a share of the bar's volume, or a part of it. Pure.

A session is cut into half-hours of equal volume. In each, all orders of one name together get at most their share of
its volume, in whole shares and in order of execution; what is left of an order is tried again in the next half-hour.
Chance follows from the order's id and the instant, so that it comes out the same at every repetition.
"""

import hashlib
from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Callable
from decimal import ROUND_FLOOR, Decimal
from math import isfinite

_SLICES = 13
_STARTS = tuple(place / _SLICES for place in range(_SLICES))


class Liquidity:
    """`share` is the fraction of a bar's volume that the account may be; None sets no bound.

    `chance` (0..1) is how many executions are partial, of a size that is as good as random.
    """

    def __init__(self, share: float | None = None, chance: float = 0.0) -> None:
        if share is not None and not 0.0 < share <= 1.0:
            raise ValueError(f"`share` must lie above 0 and at most 1, was {share!r}")
        self._share = share
        self._chance = chance
        self._volume: Callable[[str], float] = lambda _symbol: 0.0
        self._used: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
        self._spent: set[tuple[str, int]] = set()
        self._commands: dict[str, deque[Decimal]] = defaultdict(deque)

    def begin(self, volume: Callable[[str], float]) -> None:
        """A session starts; `volume` tells the shares that trade in it (NaN and nothing count as none)."""
        self._volume = volume
        self._used.clear()
        self._spent.clear()

    def command(self, symbol: str, share: Decimal) -> None:
        """Let the next execution in `symbol` be of `share` (0..1) of what it could be; further ones queue up."""
        if not 0 < share < 1:
            raise ValueError(f"`share` must lie between 0 and 1, was {share}")
        self._commands[symbol].append(share)

    def offer(self, order_id: str, symbol: str, fraction: float, wanted: Decimal) -> Decimal:
        """How many of `wanted` shares an order can have at `fraction` of the session; nothing is taken."""
        place = symbol, _slice(fraction)
        if place in self._spent:
            return Decimal(0)
        offered = wanted if self._share is None else min(wanted, self._left(place))
        part = self._part(order_id, symbol, fraction)
        if part is not None and wanted > 1:
            told = (wanted * part).to_integral_value(rounding=ROUND_FLOOR)
            offered = min(offered, max(told, Decimal(1)))
        return offered

    def take(self, symbol: str, fraction: float, wanted: Decimal, taken: Decimal) -> None:
        """`taken` of `wanted` shares were executed; after less than all, the half-hour is over for `symbol`."""
        place = symbol, _slice(fraction)
        self._used[place] += taken
        if taken < wanted:
            self._spent.add(place)
            if self._commands.get(symbol):
                self._commands[symbol].popleft()

    def next_start(self, fraction: float) -> float | None:
        """Where the next half-hour after `fraction` begins; None in the last."""
        place = _slice(fraction) + 1
        return _STARTS[place] if place < _SLICES else None

    def _part(self, order_id: str, symbol: str, fraction: float) -> Decimal | None:
        commands = self._commands.get(symbol)
        if commands:
            return commands[0]
        if self._chance == 0.0:
            return None
        drawn = hashlib.sha256(f"{order_id} {fraction:.9f}".encode()).digest()
        is_partial = int.from_bytes(drawn[:8]) < self._chance * 2**64
        return Decimal(int.from_bytes(drawn[8:12])) / 2**32 if is_partial else None

    def _left(self, place: tuple[str, int]) -> Decimal:
        volume = self._volume(place[0])
        most = int((self._share or 0.0) * volume / _SLICES) if isfinite(volume) else 0
        return max(Decimal(most) - self._used[place], Decimal(0))


def _slice(fraction: float) -> int:
    return bisect_right(_STARTS, fraction) - 1
