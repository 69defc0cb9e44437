"""What keeps a live desk from entering on data that cannot be trusted. Exits go on whatever is found."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Protocol

import structlog

from tenthman.data.market import MarketView
from tenthman.data.quality import split_like
from tenthman.decision import Prepared
from tenthman.domain.audit import EventKind
from tenthman.domain.broker import BrokerClock
from tenthman.domain.errors import BrokerUnavailable, DataError
from tenthman.domain.market import NEW_YORK, SessionHours
from tenthman.domain.opinion import Action
from tenthman.domain.order import Book
from tenthman.ml.inference import SignalModel
from tenthman.scheduler.clock import Clock
from tenthman.scheduler.gathering.renames import RenameWatch
from tenthman.scheduler.gathering.sight import Sight
from tenthman.scheduler.live.calendar_check import AHEAD, differing_day, disagreement
from tenthman.scheduler.live.keeper import BarKeeper, Rebase
from tenthman.scheduler.models.challenger import Events, without_entries

MOST_TOLD = 20

log = structlog.get_logger(__name__)


class Timekeeper(Protocol):
    """Who knows when the market is open: the broker."""

    def clock(self) -> BrokerClock: ...

    def calendar(self, first: date, last: date) -> Sequence[SessionHours]: ...


class GuardedSight:
    """Sees what `inner` sees, without a BUY where the bars, the price or the calendar cannot be trusted.

    Before a day's first decision history is renewed; after each close the last bars are examined. Whatever is found
    is an alert of the run.
    """

    def __init__(
        self,
        inner: Sight,
        keeper: BarKeeper,
        rebase: Rebase,
        broker: Timekeeper,
        clock: Clock,
        hours: Sequence[SessionHours],
        ledger: Events,
        renames: RenameWatch | None = None,
    ) -> None:
        """`clock` is the desk's own; `rebase` takes over renewed history; `renames` None: nobody tells of any."""
        self._renames = renames
        self._inner, self._keeper, self._rebase = inner, keeper, rebase
        self._broker, self._clock, self._hours, self._ledger = broker, clock, hours, ledger
        self._renewed: date | None = None
        self._compared: date | None = None

    def prepare(self, at: datetime, model: SignalModel, book: Book) -> Prepared:
        """As `inner` prepares, and then as the class says."""
        self._renew(at)
        prepared = self._inner.prepare(at, model, book)
        renamed = {} if self._renames is None else self._renames.standing(at)
        reasons = {**self._keeper.standing(at), **leaps(prepared), **renamed}
        prepared = self._sit_out(prepared, reasons, at)
        doubt = self._doubt()
        if doubt is None:
            return prepared
        self._alert("calendar disagrees", {"cause": doubt, "entries_refused": len(_bought(prepared))}, at)
        return without_entries(prepared)

    def _doubt(self) -> str | None:
        """Why the calendar is not to be relied on: the broker's clock or its calendar says otherwise, or nothing."""
        now = self._clock.now()
        try:
            doubt = disagreement(self._broker.clock(), self._hours, now)
            return doubt or self._doubt_of_days(now.astimezone(NEW_YORK).date())
        except BrokerUnavailable as error:
            return f"the broker's clock and calendar were not told: {error}"

    def _doubt_of_days(self, today: date) -> str | None:
        """The broker's calendar of the days to come, asked until it agreed once a day."""
        if self._compared == today:
            return None
        doubt = differing_day(self._broker.calendar(today, today + AHEAD), self._hours, today, today + AHEAD)
        if doubt is None:
            self._compared = today
        return doubt

    def after_close(self, at: datetime) -> MarketView:
        """As `inner` does; then the last bars are examined."""
        view = self._inner.after_close(at)
        self.examine(at)
        return view

    def examine(self, at: datetime) -> None:
        """Examine the last bars, and tell of those that were flagged, or that they could not be examined."""
        try:
            flags, unchecked = self._keeper.examine(at)
        except (BrokerUnavailable, DataError) as error:
            self._alert("bars not examined", {"cause": str(error)}, at)
            return
        if flags:
            told = [f"{flag.ticker} {flag.session} {flag.rule}: {flag.detail}" for flag in flags[:MOST_TOLD]]
            self._alert("bars flagged", {"number": len(flags), "flags": told}, at)
        if unchecked:
            self._alert("second source silent", {"cause": unchecked}, at)

    def _renew(self, at: datetime) -> None:
        today = at.astimezone(NEW_YORK).date()
        if self._renewed == today:
            return
        try:
            self._take_over_renames(at)
            rewritten = self._keeper.renew(at, self._rebase)
        except (BrokerUnavailable, DataError) as error:
            self._alert("history not renewed", {"cause": str(error)}, at)
            return
        self._renewed = today
        if rewritten:
            self._alert("history rewritten", {"tickers": list(rewritten)}, at)

    def _take_over_renames(self, at: datetime) -> None:
        """Of what was learned since yesterday, bring in what is missing, and tell. Raises as the source does."""
        if self._renames is None:
            return
        if untold := self._renames.untold:
            self._keeper.fill(at)
            self._rebase(*self._keeper.stored())
            self._alert("renamed", {"tickers": list(untold)}, at)
            self._renames.tell()
        if self._renames.refused:
            self._alert("rename refused", {"tickers": [item.text for item in self._renames.refused]}, at)

    def _sit_out(self, prepared: Prepared, reasons: Mapping[str, str], at: datetime) -> Prepared:
        """Every BUY of a ticker in `reasons` turned into HOLD; an alert tells of those that there were."""
        if not reasons:
            return prepared
        refused = {ticker: reasons[ticker] for ticker in _bought(prepared) if ticker in reasons}
        if refused:
            self._alert("sits out", refused, at)
        signals = tuple(
            replace(signal, action=Action.HOLD) if signal.ticker in refused else signal for signal in prepared.signals
        )
        return replace(prepared, signals=signals, skipped={**prepared.skipped, **reasons})

    def _alert(self, subject: str, told: Mapping[str, object], at: datetime) -> None:
        self._ledger.event(EventKind.ALERT, subject, told, at)
        log.warning(subject, **told)


def leaps(prepared: Prepared) -> dict[str, str]:
    """Tickers whose price stands to the last close as in a split: one of the two is not what it seems."""
    found = {}
    for ticker, facts in prepared.facts.items():
        split = split_like(facts.last_price / facts.last_close)
        if split is not None:
            told = f"price {facts.last_price:g} after a close of {facts.last_close:g}"
            found[ticker] = f"{told}: as if split {split:g} for 1"
    return found


def _bought(prepared: Prepared) -> list[str]:
    return [signal.ticker for signal in prepared.signals if signal.action is Action.BUY]
