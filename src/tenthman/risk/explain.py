"""The sums of docs/risk.md for one book: which limit binds, how many positions fit, what the drawdown leaves.

Three wishes conflict: a fraction of equity at risk in each trade, so many positions, and a stop at a drawdown. Here are
the numbers that settle it. Everything is in millionths of equity.
"""

from dataclasses import dataclass

from tenthman.risk.arithmetic import LEFT, ONE, REFERENCES
from tenthman.risk.figures import BookFigures
from tenthman.risk.numbers import OFF, RuleNumbers

DISTANCES = (20_000, 30_000, 40_000, 50_000, 77_000, 100_000)
"""Distances of a stop from its entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What a rule allows of equity, what the book has taken of it, and what is free."""

    rule: str
    allowed: int
    used: int

    @property
    def free(self) -> int:
        """Never below nothing."""
        return max(0, self.allowed - self.used)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A position whose stop lies `distance` below its entry, and how many of its kind there is room for.

    `by_risk`: what the risk of one trade alone would allow; `position`: what is allowed, `rule` says by which limit.
    `until_open_risk` and `until_gross` count on an empty book; `fit` on this one, where `fit_rule` binds first.
    """

    distance: int
    by_risk: int
    position: int
    rule: str
    risk: int
    until_open_risk: int
    until_gross: int
    fit: int
    fit_rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The limits of one book. `conflict`: what all positions at full risk would lose, against the drawdown limit."""

    conflict: int
    drawdown_limit: int
    distance_left: int
    rooms: tuple[Room, ...]
    open_risk_rule: str
    positions: int
    max_positions: int
    sizes: tuple[Size, ...]


def explain(book: BookFigures) -> Explanation:
    """Do the sums for `book`. ValueError when its equity is not known: nothing is allowed then."""
    if book.equity <= 0:
        raise ValueError("equity must be known and above 0: without it every rule says no")
    rules, rooms = book.rules, _rooms(book)
    at_risk = min(rooms[:2], key=lambda room: room.allowed)
    return Explanation(
        conflict=rules.max_positions * rules.risk_fraction_per_trade,
        drawdown_limit=min(limit for limit in drawdown_limits(rules).values()),
        distance_left=book.drawdown[LEFT],
        rooms=rooms,
        open_risk_rule=at_risk.rule,
        positions=len(book.tickers),
        max_positions=rules.max_positions,
        sizes=tuple(_size(distance, book, rooms) for distance in DISTANCES),
    )


def drawdown_limits(rules: RuleNumbers) -> dict[str, int]:
    """The limit of each reference that is looked at."""
    limits = zip(REFERENCES, (rules.peak_limit, rules.day_start_limit, rules.week_start_limit), strict=True)
    return {name: limit for name, limit in limits if limit != OFF}


def _rooms(book: BookFigures) -> tuple[Room, ...]:
    rules = book.rules
    at_risk, gross, reserved = _share(book.open_risk, book), _share(book.exposure(), book), sum(book.reserves)
    budget = min(ONE, rules.open_risk_per_distance * book.drawdown[LEFT] // ONE)
    return (
        Room(rule="max_open_risk_fraction", allowed=rules.max_open_risk_fraction, used=at_risk),
        Room(rule="drawdown_budget", allowed=budget, used=at_risk),
        Room(rule="max_gross_fraction", allowed=rules.max_gross_fraction, used=gross),
        Room(
            rule="min_cash_fraction",
            allowed=max(0, book.cash * ONE // book.equity),
            used=rules.min_cash_fraction + _share(reserved, book),
        ),
    )


def _size(distance: int, book: BookFigures, rooms: tuple[Room, ...]) -> Size:
    rules = book.rules
    lost = min(ONE, distance + rules.gap)
    by_risk = rules.risk_fraction_per_trade * ONE // lost
    position = min(by_risk, rules.max_position_fraction)
    risk = max(1, position * lost // ONE)
    free = [(max(0, rules.max_positions - len(book.tickers)), "max_positions")]
    free += [(room.free // (risk if place < 2 else position), room.rule) for place, room in enumerate(rooms)]
    fit, fit_rule = min(free, key=lambda item: item[0])
    return Size(
        distance=distance,
        by_risk=by_risk,
        position=position,
        rule="risk_fraction_per_trade" if by_risk <= rules.max_position_fraction else "max_position_fraction",
        risk=risk,
        until_open_risk=rules.max_open_risk_fraction // risk,
        until_gross=rules.max_gross_fraction // position,
        fit=fit,
        fit_rule=fit_rule,
    )


def _share(amount: int, book: BookFigures) -> int:
    """Millionths of equity, rounded up: what is taken is never understated."""
    return -(-amount * ONE // book.equity)
