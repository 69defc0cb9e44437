"""The ladder of a cycle: how much of a debate each entry is given when time is short. It reads no clock of its own.

Entries are decided in the order of their scores, since each answer counts in the book before the next; but the largest
have the first claim on the time. Before each debate the ladder is walked on paper over all entries still waiting, by
stake: a whole debate while more than `short_below` of the cycle's time is left, then analyst and committee only while
that fits, then none. The entry at hand gets its rung, and at most the time that nobody larger is waiting for. What
smaller entries have had does not count as gone where it is asked how much of the time is left: so, as long as debates
take as long as they are thought to, each entry is given what it would be given if the largest were debated first.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from tenthman.config import LadderSettings

QUESTIONS, SHORT_QUESTIONS = 5, 2


class Rung(Enum):
    """What an entry is given: all five agents, analyst and committee, or nobody but the rules critic."""

    FULL = "full"
    SHORT = "short"
    UNREVIEWED = "unreviewed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Allotment:
    """The rung of one entry, and the seconds after which its debate is broken off."""

    rung: Rung
    seconds: float


class Ladder:
    """One cycle's time, from now on. `monotonic` counts seconds."""

    def __init__(self, settings: LadderSettings, seconds: float, monotonic: Callable[[], float]) -> None:
        self._settings = settings
        self._total = max(0.0, seconds)
        self._monotonic = monotonic
        self._ends = monotonic() + self._total
        self._stakes: dict[str, Decimal] = {}
        self._longest: dict[Rung, float] = {}
        self._spent: dict[str, float] = {}
        self._at_hand: tuple[str, float] | None = None

    def expect(self, stakes: Mapping[str, Decimal]) -> None:
        """The entries to come in the order in which they are decided, each with the money it would put in (USD)."""
        self._stakes = dict(stakes)

    def allot(self, ticker: str) -> Allotment:
        """What the entry in `ticker` is given, as of now. Entries before it in the order are taken to be decided."""
        now = self._monotonic()
        self._count_spent(ticker, now)
        left = self._ends - now
        ranked = self._by_stake(ticker)
        smaller = sum(self._spent.get(name, 0.0) for name in ranked)
        waiting = self._waiting(ticker)
        for name in ranked:
            smaller -= self._spent.get(name, 0.0)
            if name not in waiting:
                continue
            rung, takes = self._rung(left, left + smaller)
            if name == ticker:
                return Allotment(rung=rung, seconds=max(0.0, left))
            left -= takes
        raise AssertionError(f"{ticker} must be among those that wait")

    def held(self, rung: Rung, seconds: float) -> None:
        """A debate on `rung` took so long; the next ones are thought to take as long as the longest."""
        self._longest[rung] = max(self._longest.get(rung, 0.0), seconds)

    def _count_spent(self, ticker: str, now: float) -> None:
        """What has passed since the entry before it was allotted its time was that entry's."""
        if self._at_hand is not None:
            name, since = self._at_hand
            self._spent[name] = self._spent.get(name, 0.0) + now - since
        self._at_hand = ticker, now

    def _rung(self, left: float, of_claim: float) -> tuple[Rung, float]:
        """The rung of an entry for which `left` seconds are there, and `of_claim` with what smaller ones have had."""
        full = self._longest.get(Rung.FULL, self._settings.debate_s)
        short = self._longest.get(Rung.SHORT, full * SHORT_QUESTIONS / QUESTIONS)
        if left >= full and of_claim > self._settings.short_below * self._total:
            return Rung.FULL, full
        if left >= short and left > 0.0:
            return Rung.SHORT, short
        return Rung.UNREVIEWED, 0.0

    def _waiting(self, ticker: str) -> set[str]:
        """`ticker` and who comes after it in the order of decision."""
        names = list(self._stakes)
        return set(names[names.index(ticker) :]) if ticker in self._stakes else {*names, ticker}

    def _by_stake(self, ticker: str) -> list[str]:
        """All entries and `ticker`, the largest stake first; equal ones in the order of decision."""
        names = dict.fromkeys((*self._stakes, ticker))
        return sorted(names, key=lambda name: -self._stakes.get(name, Decimal(0)))
