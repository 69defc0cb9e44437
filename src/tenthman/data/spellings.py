"""Renames that a source tells of after the release was made: taken over, or refused where two histories would meet.

A security keeps its ticker in the store; what changes is how others are asked for it, and their answers read.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Protocol

from tenthman.data.renames import in_order
from tenthman.db.pool import Pool
from tenthman.db.sql import load_queries
from tenthman.domain.market import NEW_YORK, Rename, Universe
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
    """What came of the renames that a source told: `spellings` in all, those that are new or have another day than
    before, those refused, and those that were to come and are told no more.
    """

    spellings: Spellings
    fresh: tuple[Rename, ...] = ()
    refused: tuple[Refused, ...] = ()
    withdrawn: tuple[Rename, ...] = ()


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
            replace(item, on=date.max) if (item.old, item.new) in learned else item
            for item in in_order(universe.renames)
        )

    def give_over(self, universe: Universe) -> None:
        """Forget what the universe's own renames tell, once `carried` has gone over: whoever takes the name that was
        given up has bars of their own under it.
        """
        with self._pool.connection() as connection:
            for item in universe.renames:
                connection.execute(_SQL["give_over"], [self._market_id, item.old, item.new])

    def learn(self, universe: Universe, told: Sequence[Rename], source: str, at: datetime) -> Learned:
        """Judge what `source` told of the days from some past one to some coming one, and store what is taken over."""
        names = {name for item in told for name in (item.old, item.new)} | house_of(universe)
        with self._pool.connection() as connection:
            connection.execute(_SQL["lock_market"], [self._market_id])
            stored = connection.execute(_SQL["load"], [self._market_id]).fetchall()
            known = _of_house([Rename(old=row[0], new=row[1], on=row[2]) for row in stored], house_of(universe))
            rows = connection.execute(_SQL["held"], [sorted(names), self._market_id]).fetchall()
            spans = {str(row[0]): (row[1], row[2]) for row in rows}
            found = judged(told, known, universe, spans, at.astimezone(NEW_YORK).date())
            for item in found.withdrawn:
                connection.execute(_SQL["give_over"], [self._market_id, item.old, item.new])
            for item in found.fresh:
                connection.execute(_SQL["learn"], [self._market_id, item.old, item.new, item.on, source, at])
        return found


def house_of(universe: Universe) -> frozenset[str]:
    """Every ticker that the universe has, the index too."""
    return frozenset({universe.index_ticker, *(item.ticker for item in universe.listings)})


def judged(told: Iterable[Rename], known: Spellings, universe: Universe, spans: Spans, today: date) -> Learned:
    """Which of the renames that were `told` are ours, and which of those can be taken over. Pure.

    The newest word counts: a rename that is `known` goes over to the day that is told now, of several the last, and one
    from `today` on that is told no more is withdrawn, but by an answer without any rename at all. Refused is what would
    make one history of two: a new name that is or was another's here, that the store has bars of, or that is given up
    on that very day; bars of the old name after its end; two new names for one on one day.
    """
    house, released = house_of(universe), {(item.old, item.new) for item in universe.renames}
    days = {(item.old, item.new): item.on for item in sorted(told, key=lambda item: item.on)}
    every = [Rename(old=old, new=new, on=on) for (old, new), on in days.items()]
    spellings = _without_withdrawn(known, days, house, today)
    withdrawn = tuple(item for item in known.renames if item not in spellings.renames)
    fresh, refused = list[Rename](), list[Refused]()
    for item in sorted(every, key=lambda item: (item.on, item.old, item.new)):
        ours = spellings.owner(item.old)
        if (item.old, item.new) in released or ours not in house or item in spellings.renames:
            continue
        before = next((old for old in spellings.renames if (old.old, old.new) == (item.old, item.new)), None)
        if before is None and spellings.ever(ours)[-1] != item.old:
            continue
        reason = _disorder(item, spellings) or (
            "" if before else _collision(item, ours, every, spellings, house, spans)
        )
        if reason:
            refused.append(Refused(ticker=ours, rename=item, reason=reason))
        else:
            fresh.append(item)
            kept = (old for old in spellings.renames if old != before)
            spellings = Spellings().with_renames((*kept, item))
    return Learned(spellings=spellings, fresh=tuple(fresh), refused=tuple(refused), withdrawn=withdrawn)


def _without_withdrawn(
    known: Spellings, told: Collection[tuple[str, str]], house: Collection[str], today: date
) -> Spellings:
    """`known` without what was to come and is told no more, and without what was to follow that.

    Of all companies somebody is renamed every week: an answer that tells of nobody is none, and takes nothing back.
    """
    if not told:
        return known
    return _of_house([item for item in known.renames if item.on < today or (item.old, item.new) in told], house)


def _disorder(item: Rename, known: Spellings) -> str:
    """Why `item` cannot have its day by the names before and after it; "" where it can."""
    for other in known.renames:
        if (other.new == item.old and other.on >= item.on) or (other.old == item.new and other.on <= item.on):
            return f"since {other.old} is said to be {other.new} from {other.on} on"
    return ""


def _collision(
    item: Rename, ours: str, every: Iterable[Rename], known: Spellings, house: Collection[str], spans: Spans
) -> str:
    """Why `item`, a rename of `ours`, would mix histories; "" where it would not."""
    of_day = [other for other in every if other.on == item.on and other != item]
    if others := sorted(other.new for other in of_day if other.old == item.old):
        return f"since it is said to be {', '.join(others)} too"
    if onward := [other.new for other in of_day if other.old == item.new]:
        return (
            f"since {item.new} is said to be {onward[0]} from that day on too: a source that names no companies cannot "
            "tell whether that is one or two"
        )
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
