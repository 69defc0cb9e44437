"""The intraday path that a daily bar is given, because a daily bar does not say in which order its prices came.

Open at fraction 0 of the session, low at 1/3, high at 2/3, close at 1, straight lines between. For a long book this
is pessimistic: the low, where stops lie, always comes before the high, where targets lie. Prices are USD.
"""

from dataclasses import dataclass

KNOTS = (0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A straight piece of the path, and the window `start`..`stop` of it that is looked at.

    The line runs from `first_price` at fraction `first` to `last_price` at `last`, and does not depend on the window:
    a path walked in many windows crosses a price at the same instant as one walked at once.
    """

    first: float
    last: float
    first_price: float
    last_price: float
    start: float
    stop: float

    def price(self, fraction: float) -> float:
        """Price at `fraction` of the session, exact at both ends and never outside them."""
        return _on_line(self.first, self.last, self.first_price, self.last_price, fraction)

    def crossing(self, level: float) -> float:
        """Fraction at which the line meets `level`, which must lie between its ends, and they must differ."""
        share = (level - self.first_price) / (self.last_price - self.first_price)
        return min(max(self.first + (self.last - self.first) * share, self.first), self.last)


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """One ticker's session: the four prices of its bar in the order of the path."""

    open: float
    low: float
    high: float
    close: float

    def price_at(self, fraction: float) -> float:
        """Price at `fraction` (0..1) of the session; ValueError outside."""
        return price_at(self.open, self.high, self.low, self.close, fraction)

    def segments(self, from_fraction: float, to_fraction: float) -> tuple[Segment, ...]:
        """The monotone pieces that `from_fraction`..`to_fraction` touches, in order; one point touches at least one."""
        return segments(self.open, self.high, self.low, self.close, from_fraction, to_fraction)


def price_at(open_: float, high: float, low: float, close: float, fraction: float) -> float:
    """Path price of one bar at `fraction` (0..1) of the session, USD; ValueError outside 0..1."""
    _require_window(fraction, fraction)
    values = (open_, low, high, close)
    piece = _piece(fraction)
    return _on_line(KNOTS[piece], KNOTS[piece + 1], values[piece], values[piece + 1], fraction)


def segments(
    open_: float, high: float, low: float, close: float, from_fraction: float, to_fraction: float
) -> tuple[Segment, ...]:
    """The monotone pieces of one bar's path that the window touches, in order of time.

    A window that is a single point gives the piece that begins there (at 1: the one that ends there). Raises
    ValueError unless 0 <= `from_fraction` <= `to_fraction` <= 1.
    """
    _require_window(from_fraction, to_fraction)
    values = (open_, low, high, close)
    pieces = []
    for piece in range(_piece(from_fraction), _piece(to_fraction) + 1):
        first, last = KNOTS[piece], KNOTS[piece + 1]
        pieces.append(
            Segment(
                first=first,
                last=last,
                first_price=values[piece],
                last_price=values[piece + 1],
                start=max(first, from_fraction),
                stop=min(last, to_fraction),
            )
        )
    return tuple(pieces)


def _piece(fraction: float) -> int:
    if fraction < KNOTS[1]:
        return 0
    return 1 if fraction < KNOTS[2] else 2


def _on_line(first: float, last: float, first_price: float, last_price: float, fraction: float) -> float:
    if fraction <= first:
        return first_price
    if fraction >= last:
        return last_price
    inside = first_price + (last_price - first_price) * ((fraction - first) / (last - first))
    if first_price <= last_price:
        return min(max(inside, first_price), last_price)
    return min(max(inside, last_price), first_price)


def _require_window(from_fraction: float, to_fraction: float) -> None:
    if not 0.0 <= from_fraction <= to_fraction <= 1.0:
        raise ValueError(
            f"`from_fraction` and `to_fraction` must rise within 0..1, were {from_fraction!r} and {to_fraction!r}"
        )
