"""The arithmetic of fills over whole numbers: one source for the exchange, and for the backtest's compiled loop.

Prices are in 1/10,000 USD, fractions of price in millionths, fractions of the session are floats in 0..1. Each
function stands alone (it calls none of the others), so that the backtest can compile this very source. Nothing is
checked here: a bar must be whole, and instants must lie in 0..1.
"""

ONE = 1_000_000
DOLLAR, CENT = 10_000, 100
KNOTS = (0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0)
NEVER = 2.0


def path_price(open_: int, low: int, high: int, close: int, fraction: float) -> int:
    """Price of the path open-low-high-close at `fraction` of the session, exact at the knots and never outside."""
    ends = (open_, low, high, close)
    piece = (fraction >= KNOTS[1]) + (fraction >= KNOTS[2])
    first, last = ends[piece], ends[piece + 1]
    share = (fraction - KNOTS[piece]) / (KNOTS[piece + 1] - KNOTS[piece])
    inside = round(first + (last - first) * share)
    return min(max(inside, min(first, last)), max(first, last))


def first_touch(
    open_: int, low: int, high: int, close: int, level: int, below: bool, start: float, stop: float
) -> float:
    """First instant in `start`..`stop` at which the path is at or beyond `level`; NEVER (above 1) if there is none.

    `below`: beyond means at or under it (a limit buy, a stop sell), else at or over it. The instant does not depend
    on how a session is cut into windows.
    """
    if (level < low) if below else (level > high):
        return NEVER
    ends = (open_, low, high, close)
    for piece in range(3):
        opens_at, shuts_at = KNOTS[piece], KNOTS[piece + 1]
        if shuts_at < start or opens_at > stop:
            continue
        first, last = ends[piece], ends[piece + 1]
        begins = first <= level if below else first >= level
        ends_so = last <= level if below else last >= level
        if not begins and not ends_so:
            continue
        if begins != ends_so:
            crossing = opens_at + (shuts_at - opens_at) * ((level - first) / (last - first))
            crossing = min(max(crossing, opens_at), shuts_at)
            opens_at, shuts_at = (opens_at, crossing) if begins else (crossing, shuts_at)
        instant = max(opens_at, start)
        if instant <= min(shuts_at, stop):
            return instant
    return NEVER


def fill_price(raw: int, share: int, buys: bool) -> int:
    """`raw` after costs of `share`, against the trader, to the tick: a cent from one dollar on, else 1/10,000.

    Never less than one tick (Rule 612 of Regulation NMS).
    """
    exact = raw * (ONE + share) if buys else raw * (ONE - share)
    tick = CENT if exact >= DOLLAR * ONE else 1
    ticks = -(-exact // (tick * ONE)) if buys else exact // (tick * ONE)
    return max(ticks, 1) * tick
