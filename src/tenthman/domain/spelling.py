"""How others spell a security that was renamed after the house came to know it. Pure.

In the house it keeps its ticker for all time; the new name is read and written at the edges alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from tenthman.domain.market import Rename

STRANGER = "^"
"""What follows a name that a security of ours gave up, where somebody else bears it now."""


@dataclass(frozen=True, slots=True)
class Spellings:
    """Renames that the house learned of later, in order of day: it goes on saying `old`, others say `new`.

    No `new` name is a ticker of the house, none occurs twice, and only the last name of a security is given up again.
    """

    renames: tuple[Rename, ...] = ()

    def with_renames(self, renames: Iterable[Rename]) -> "Spellings":
        """These and `renames`."""
        every = dict.fromkeys((*self.renames, *renames))
        return Spellings(tuple(sorted(every, key=lambda item: (item.on, item.old))))

    def theirs(self, ticker: str, on: date) -> str:
        """What others call our `ticker` on the day `on`."""
        for item in self.renames:
            if item.old == ticker and item.on <= on:
                ticker = item.new
        return ticker

    def ours(self, symbol: str, on: date) -> str:
        """Our ticker of what others call `symbol` on the day `on`; with STRANGER where it bears our name by then."""
        found = symbol
        for item in reversed(self.renames):
            if item.new == found and item.on <= on:
                found = item.old
        return found if self.theirs(found, on) == symbol else symbol + STRANGER

    def ever(self, ticker: str) -> tuple[str, ...]:
        """Every name that our `ticker` has had, the first one first."""
        names = [ticker]
        for item in self.renames:
            if item.old == names[-1]:
                names.append(item.new)
        return tuple(names)

    def owner(self, symbol: str) -> str:
        """Our ticker of what has ever been called `symbol`, whatever the day; `symbol` itself where no rename tells."""
        for item in reversed(self.renames):
            if item.new == symbol:
                symbol = item.old
        return symbol


AS_RELEASED = Spellings()
"""Nothing was renamed since."""
