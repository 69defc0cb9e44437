"""Renames that a source tells of after the release was made: taken over, or refused where two histories would meet.

A security keeps its ticker in the store; what changes is how others are asked for it, and their answers read.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Protocol

from tenthman.db.pool import Pool
from tenthman.db.sql import load_queries
from tenthman.domain.market import Rename, Universe
from tenthman.domain.spelling import Spellings

_SQL = load_queries("tenthman.data", "spellings.sql")

Spans = Mapping[str, tuple[date, date]]
"""First and last stored session by ticker."""


class TellsRenames(Protocol):
    """A source of renames; raises as `BarSource` does."""

    @property
    def name(self) -> str: ...

    def renames(self, first: date, last: date) -> tuple[Rename, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A rename of `ticker` that cannot be taken over, and why."""

    ticker: str
    rename: Rename
    reason: str

    @property
    def text(self) -> str:
        """For people."""
        item = self.rename
        return f"{item.old} is said to be {item.new} from {item.on} on: not taken over, {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What came of the renames that a source told: `spellings` in all, those that are new, those refused."""

    spellings: Spellings
    fresh: tuple[Rename, ...] = ()
    refused: tuple[Refused, ...] = ()


class SpellingStore:
    """The learned renames of one market."""

    def __init__(self, pool: Pool, market_id: str) -> None:
        self._pool = pool
        self._market_id = market_id

    def load(self, universe: Universe) -> Spellings:
        """Those of securities that `universe` knows by their ticker; a release that learned of one knows it better."""
        with self._pool.connection() as connection:
            rows = connection.execute(_SQL["load"], [self._market_id]).fetchall()
        return _of_house([Rename(old=row[0], new=row[1], on=row[2]) for row in rows], house_of(universe))

    def carried(self, universe: Universe) -> tuple[Rename, ...]:
        """The universe's renames, by which stored bars go over to another ticker.

        Of one that was learned here before the release knew of it the later bars have the old ticker too: they all go.
        """
        with self._pool.connection() as connection:
            rows = connection.execute(_SQL["load"], [self._market_id]).fetchall()
        learned = {(row[0], row[1]) for row in rows}
        return tuple(
            replace(item, on=date.max) if (item.old, item.new) in learned else item for item in universe.renames
        )

    def give_over(self, universe: Universe) -> None:
        """Forget what the universe's own renames tell, once `carried` has gone over: whoever takes the name that was
        given up has bars of their own under it.
        """
        with self._pool.connection() as connection:
            for item in universe.renames:
                connection.execute(_SQL["give_over"], [self._market_id, item.old, item.new])

    def learn(self, universe: Universe, told: Sequence[Rename], source: str, at: datetime) -> Learned:
        """Judge what `source` told, and store what is taken over."""
        known = self.load(universe)
        names = {name for item in told for name in (item.old, item.new)} | house_of(universe)
        with self._pool.connection() as connection:
            rows = connection.execute(_SQL["held"], [sorted(names), self._market_id]).fetchall()
            spans = {str(row[0]): (row[1], row[2]) for row in rows}
            found = judged(told, known, universe, spans)
            for item in found.fresh:
                connection.execute(_SQL["learn"], [self._market_id, item.old, item.new, item.on, source, at])
        return found


def house_of(universe: Universe) -> frozenset[str]:
    """Every ticker that the universe has, the index too."""
    return frozenset({universe.index_ticker, *(item.ticker for item in universe.listings)})


def judged(told: Iterable[Rename], known: Spellings, universe: Universe, spans: Spans) -> Learned:
    """Which of the renames that were `told` are ours, and which of those can be taken over. Pure.

    Refused is what would make one history of two: a new name that is or was another's here, or that the store has
    bars of; bars of the old name after its end; two new names for one on one day.
    """
    house, released = house_of(universe), {(item.old, item.new) for item in universe.renames}
    spellings, fresh, refused = known, list[Rename](), list[Refused]()
    every = sorted(set(told), key=lambda item: (item.on, item.old, item.new))
    for item in every:
        if (item.old, item.new) in released or any((old.old, old.new) == (item.old, item.new) for old in fresh):
            continue
        ours = spellings.owner(item.old)
        if ours not in house or (item.old, item.new) in {(old.old, old.new) for old in spellings.renames}:
            continue
        if spellings.ever(ours)[-1] != item.old:
            continue
        others = [other.new for other in every if (other.old, other.on) == (item.old, item.on) and other != item]
        reason = _collision(item, ours, others, spellings, house, spans)
        if reason:
            refused.append(Refused(ticker=ours, rename=item, reason=reason))
        else:
            fresh.append(item)
            spellings = spellings.with_renames((item,))
    return Learned(spellings=spellings, fresh=tuple(fresh), refused=tuple(refused))


def _collision(
    item: Rename, ours: str, others: Collection[str], known: Spellings, house: Collection[str], spans: Spans
) -> str:
    """Why `item`, a rename of `ours`, would mix histories; "" where it would not."""
    if others:
        return f"since it is said to be {', '.join(others)} too"
    if item.new in house or known.owner(item.new) != item.new:
        return f"since {item.new} is another company's name here"
    if item.new in spans:
        first, last = spans[item.new]
        return f"since the store has bars of another {item.new} from {first} to {last}"
    if ours in spans and spans[ours][1] > item.on:
        return f"since the store has bars of {ours} up to {spans[ours][1]}"
    return ""


def _of_house(renames: Sequence[Rename], house: Collection[str]) -> Spellings:
    """Renames of tickers in `house`, and what followed them."""
    every = Spellings().with_renames(renames)
    return Spellings(tuple(item for item in every.renames if every.owner(item.old) in house and item.new not in house))
