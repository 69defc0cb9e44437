"""The intraday path that a daily bar is given, because a daily bar does not say in which order its prices came.

Open at fraction 0 of the session, low at 1/3, high at 2/3, close at 1, straight lines between. For a long book this
is pessimistic: the low, where stops lie, always comes before the high, where targets lie. Prices are in 1/10,000 USD.
"""

from dataclasses import dataclass

from tenthman.domain.money import e4
from tenthman.exchange import arithmetic


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """One ticker's session: the four prices of its bar in the order of the path, in 1/10,000 USD."""

    open: int
    low: int
    high: int
    close: int

    @classmethod
    def of(cls, *, open_: float, high: float, low: float, close: float) -> "Path":
        """The path of a bar in USD."""
        return cls(open=e4(open_), low=e4(low), high=e4(high), close=e4(close))

    def price_at(self, fraction: float) -> int:
        """Price at `fraction` (0..1) of the session, 1/10,000 USD; ValueError outside."""
        if not 0.0 <= fraction <= 1.0:
            raise ValueError(f"`fraction` must lie in 0..1, was {fraction!r}")
        return arithmetic.path_price(self.open, self.low, self.high, self.close, fraction)

    def first_touch(self, level: int, start: float, stop: float, *, below: bool) -> float | None:
        """First instant in `start`..`stop` at which the price is at or beyond `level`; None if there is none.

        ValueError unless 0 <= `start` <= `stop` <= 1.
        """
        if not 0.0 <= start <= stop <= 1.0:
            raise ValueError(f"`start` and `stop` must rise within 0..1, were {start!r} and {stop!r}")
        found = arithmetic.first_touch(self.open, self.low, self.high, self.close, level, below, start, stop)
        return None if found == arithmetic.NEVER else found
