"""Learning of renames while a desk is at work, or data is brought in."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog

from tenthman.data.spellings import Learned, Refused, SpellingStore, TellsRenames
from tenthman.domain.errors import BrokerUnavailable, DataError
from tenthman.domain.market import NEW_YORK, Rename, Universe
from tenthman.scheduler.gathering.spelled import Names

LOOK_BACK, LOOK_AHEAD = timedelta(days=400), timedelta(days=7)
"""The days of processing that a source is asked of; some are told ahead."""

log = structlog.get_logger(__name__)


def text_of(rename: Rename) -> str:
    """For people."""
    return f"{rename.old} is {rename.new} from {rename.on} on; in here it stays what it was called before"


def withdrawn_text(rename: Rename) -> str:
    """For people."""
    return f"{rename.old} was to be {rename.new} from {rename.on} on, which is told no more: it stays {rename.old}"


class RenameWatch:
    """Asks `source` for renames, and puts what is taken over into the store and into `names`."""

    def __init__(self, store: SpellingStore, source: TellsRenames, universe: Universe, names: Names) -> None:
        self._store, self._source, self._universe, self._names = store, source, universe, names
        self._untold: list[str] = []
        self.refused: tuple[Refused, ...] = ()

    def look(self, at: datetime) -> Learned:
        """Ask, judge and take over. Raises as the source does."""
        today = at.astimezone(NEW_YORK).date()
        told = self._source.renames(today - LOOK_BACK, today + LOOK_AHEAD)
        found = self._store.learn(self._universe, told, self._source.name, at)
        before, now = self._names.spellings.renames, found.spellings.renames
        self._names.spellings, self.refused = found.spellings, found.refused
        # Another process may have put them into the store, or taken them out: that is news in here all the same.
        self._untold += (text_of(item) for item in now if item not in before)
        going_on = {(item.old, item.new) for item in now}
        self._untold += (withdrawn_text(item) for item in before if (item.old, item.new) not in going_on)
        for item in found.fresh:
            log.warning("renamed", old=item.old, new=item.new, on=str(item.on))
        for item in found.withdrawn:
            log.warning("rename withdrawn", old=item.old, new=item.new, on=str(item.on))
        for refused in found.refused:
            log.warning("rename refused", told=refused.text)
        return found

    def try_to_look(self, at: datetime) -> Learned | None:
        """As `look`; None, and a line in the log, where the source does not answer or is not to be understood."""
        try:
            return self.look(at)
        except (BrokerUnavailable, DataError) as error:
            log.warning("renames left out", cause=str(error))
            return None

    @property
    def untold(self) -> tuple[str, ...]:
        """What came into `names` or went out of them since the last call of `tell`, for people."""
        return tuple(self._untold)

    def tell(self) -> None:
        """What was untold has been told."""
        self._untold.clear()

    def standing(self, at: datetime) -> Mapping[str, str]:
        """Why tickers sit out at `at`: renamed on this day, or a rename that could not be taken over."""
        today = at.astimezone(NEW_YORK).date()
        spellings = self._names.spellings
        fresh = {
            spellings.owner(item.old): f"renamed to {item.new} today" for item in spellings.renames if item.on == today
        }
        return {**fresh, **{item.ticker: item.text for item in self.refused if item.rename.on <= today}}
