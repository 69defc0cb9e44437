"""What the market tells of splits, and the universe of new names: stored, and asked for where it is needed."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Protocol

import structlog

from tenthman.data.flags import FlagStore
from tenthman.data.sources import ActionKind, CorporateAction
from tenthman.domain.errors import BrokerUnavailable, DataError, SetupError
from tenthman.domain.market import NEW_YORK, Rename
from tenthman.domain.shares import ShareChange, ratio_of
from tenthman.exchange.orders import ShareSplit
from tenthman.scheduler.account.share_watch import Tells

URGENT = timedelta(minutes=10)
ROUTINE = timedelta(hours=12)
"""How long an answer about a ticker counts (market time): where the account differs from the record, and elsewhere."""

PATIENCE = timedelta(minutes=5)
"""How long a source that did not answer is left alone: a call may take minutes, and the account waits for no one."""

log = structlog.get_logger(__name__)


class TellsActions(Protocol):
    """A source of corporate actions."""

    @property
    def name(self) -> str: ...

    def actions(self, tickers: Sequence[str], first: date, last: date) -> tuple[CorporateAction, ...]: ...


class MarketShares:
    """Changes of shares in one market. `source` is asked anew after a while; one that does not answer is left alone."""

    def __init__(
        self, flags: FlagStore, source: TellsActions, renames: Sequence[Rename], *, routine: timedelta | None = ROUTINE
    ) -> None:
        """`routine`: how often it is asked of what is held; None: only where the account holds other shares."""
        self._flags, self._source, self._renames, self._routine = flags, source, renames, routine
        self._asked: dict[str, datetime] = {}
        self._failed_at: datetime | None = None

    def __call__(self, tickers: Iterable[str], first: date, at: datetime, *, urgent: bool) -> tuple[ShareChange, ...]:
        """Splits and new names of `tickers` with a day in `first` until `at`."""
        names, today = sorted(tickers), at.astimezone(NEW_YORK).date()
        self._ask(names, first, today, at, URGENT if urgent else self._routine)
        splits = [
            ShareChange(ticker=item.ticker, on=item.ex_date, ratio=ratio_of(item.value), becomes=item.ticker)
            for item in self._flags.actions(names, first, today)
            if item.kind is ActionKind.SPLIT
        ]
        return (*splits, *renamed(self._renames, names, first, today))

    def _ask(self, names: Sequence[str], first: date, today: date, at: datetime, counts: timedelta | None) -> None:
        due = [name for name in names if counts is not None and self._is_due(name, at, counts)]
        if not due or (self._failed_at is not None and at - self._failed_at < PATIENCE):
            return
        try:
            told = self._source.actions(due, first, today)
        except (BrokerUnavailable, DataError, SetupError) as error:
            log.warning("corporate actions not told", tickers=due, cause=str(error))
            self._failed_at = at
            return
        splits = [item for item in told if item.kind is ActionKind.SPLIT]
        self._flags.save_actions(splits, self._source.name, at)
        self._asked.update(dict.fromkeys(due, at))

    def _is_due(self, name: str, at: datetime, counts: timedelta) -> bool:
        asked = self._asked.get(name)
        return asked is None or at - asked >= counts


def renamed(renames: Iterable[Rename], tickers: Sequence[str], first: date, last: date) -> tuple[ShareChange, ...]:
    """New names of `tickers` from a day in `first`..`last` on."""
    return tuple(
        ShareChange(ticker=item.old, on=item.on, ratio=ratio_of(1), becomes=item.new)
        for item in renames
        if item.old in tickers and first <= item.on <= last
    )


def splits_of(told: Callable[[], Sequence[ShareSplit]]) -> Tells:
    """The splits that an exchange in the same process has gone through."""

    def tells(tickers: Iterable[str], first: date, at: datetime, *, urgent: bool) -> tuple[ShareChange, ...]:  # noqa: ARG001 # it costs nothing to ask
        names, today = set(tickers), at.astimezone(NEW_YORK).date()
        return tuple(
            ShareChange(
                ticker=item.symbol, on=item.session, ratio=ratio_of(item.new_rate) / item.old_rate, becomes=item.symbol
            )
            for item in told()
            if item.symbol in names and first <= item.session <= today
        )

    return tells
