"""What any source of bars promises, and what it hands over; its own spelling, paging and faults stay behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from typing import Protocol

from tenthman.domain.checks import require_positive, require_text
from tenthman.domain.market import Bar

SPLIT_ADJUSTED = "split-adjusted"
"""The basis of prices from Alpaca and Yahoo: adjusted for the splits known when fetched, not for dividends."""

IMPOSSIBLE = "impossible"
"""The rule that a row breaks whose prices contradict each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """Why the bar of a ticker's session cannot be trusted: the rule that it broke, and the numbers."""

    ticker: str
    session: date
    rule: str
    detail: str

    def __post_init__(self) -> None:
        for name in ("ticker", "rule", "detail"):
            require_text(name, getattr(self, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Daily:
    """Bars by ticker and session, rows that were no possible bar, and why a ticker was not answered for.

    A ticker that the source does not know is absent from all three, or stands in `silent`.
    """

    bars: tuple[Bar, ...]
    refused: tuple[Flag, ...] = ()
    silent: Mapping[str, str] = field(default_factory=dict)


class ActionKind(Enum):
    """What a company did to its shares."""

    SPLIT = "split"
    DIVIDEND = "dividend"


@dataclass(frozen=True, slots=True, kw_only=True)
class CorporateAction:
    """A split (`value`: new shares for each old one) or cash dividend (USD a share) of the session `ex_date`.

    `ex_date` is the first session in which the share trades without it.
    """

    ticker: str
    ex_date: date
    kind: ActionKind
    value: float

    def __post_init__(self) -> None:
        require_text("ticker", self.ticker)
        require_positive("value", self.value)


class BarSource(Protocol):
    """A source of daily bars and corporate actions, in the house's spelling.

    Every method raises BrokerUnavailable when the source does not answer, SetupError when it refuses the keys and
    DataCorrupt when an answer cannot be read.
    """

    @property
    def name(self) -> str:
        """What bars call it."""
        ...

    @property
    def price_basis(self) -> str:
        """On what basis its prices are."""
        ...

    def daily(self, tickers: Sequence[str], first: date, last: date, seen_at: datetime) -> Daily:
        """Bars of the sessions `first`..`last`, stamped as known at `seen_at`; several calls never overlap."""
        ...

    def actions(self, tickers: Sequence[str], first: date, last: date) -> tuple[CorporateAction, ...]:
        """Splits and cash dividends with an ex-date in `first`..`last`, by ticker, day and kind."""
        ...
