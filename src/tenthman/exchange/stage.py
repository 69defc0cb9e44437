"""What can happen to a market on command, and a market whose coming sessions can be rewritten for it."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from tenthman.domain.market import FIELDS, Floats, MarketData, Panel
from tenthman.exchange.alpaca_requests import invalid, read_command, read_symbol

_PRICES = ("open", "high", "low", "close")


class _Incident(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    symbol: str


class Halt(_Incident):
    """No trading from now on, until it is resumed."""

    kind: Literal["halt"]


class Resume(_Incident):
    """The end of a halt."""

    kind: Literal["resume"]


class Gap(_Incident):
    """Prices from the next opening on are `factor` times what they were to be."""

    kind: Literal["gap"]
    factor: Annotated[float, Field(gt=0.0, le=100.0)]


class SplitShares(_Incident):
    """`old_rate` shares become `new_rate` at the next opening; prices follow, orders at work do not.

    `whole_shares`: for a part of a share cash is paid.
    """

    kind: Literal["split"]
    new_rate: Annotated[int, Field(ge=1, le=1000)]
    old_rate: Annotated[int, Field(ge=1, le=1000)] = 1
    whole_shares: bool = False


class PartialFill(_Incident):
    """The next execution is of `share` of what it could be."""

    kind: Literal["partial_fill"]
    share: Annotated[Decimal, Field(gt=0, lt=1)]


class RenameSymbol(_Incident):
    """From now on it is called `to`, on the wire and in what is told of its past."""

    kind: Literal["rename"]
    to: str


Incident = Halt | Resume | Gap | SplitShares | PartialFill | RenameSymbol
_INCIDENT: TypeAdapter[Incident] = TypeAdapter(Annotated[Incident, Field(discriminator="kind")])


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """`old_rate` shares of `symbol` become `new_rate` at the opening of `session`."""

    symbol: str
    session: date
    open_at: datetime
    new_rate: int
    old_rate: int
    whole_shares: bool

    @property
    def ratio(self) -> Fraction:
        """Shares after it for one before."""
        return Fraction(self.new_rate, self.old_rate)


class Stage:
    """`market` is what exchanges are to be built on; it changes with `rewrite`, from the next opening on."""

    def __init__(self, market: MarketData) -> None:
        self._fields: dict[str, Floats] = {name: np.array(getattr(market.panel, name)) for name in FIELDS}
        panel = Panel(
            sessions=market.panel.sessions,
            tickers=market.panel.tickers,
            open=self._fields["open"].view(),
            high=self._fields["high"].view(),
            low=self._fields["low"].view(),
            close=self._fields["close"].view(),
            volume=self._fields["volume"].view(),
        )
        self._dividends = None if market.dividends is None else np.array(market.dividends)
        self.market = replace(
            market, panel=panel, dividends=None if self._dividends is None else self._dividends.view()
        )
        self._opens = [item.open_at for item in market.hours]
        self._splits: list[Split] = []

    def column(self, symbol: str) -> int:
        """The column of `symbol`; Refusal 422 when it is not of this market."""
        if symbol not in self.market.panel.tickers:
            raise invalid(f"symbol must be one of this market, was {symbol}")
        return self.market.panel.column(symbol)

    def rewrite(self, incident: Gap | SplitShares, now: datetime) -> date:
        """Rewrite the sessions after `now`; the first that changes. Refusal 422 where there is nothing to rewrite."""
        symbol = read_symbol(incident.symbol)
        column, row = self.column(symbol), bisect_right(self._opens, now)
        if row >= len(self.market.panel.sessions):
            raise invalid(f"there are no prices after {now.isoformat()}")
        if isinstance(incident, Gap):
            self._scale(row, column, incident.factor)
        else:
            self._scale(row, column, incident.old_rate / incident.new_rate)
            volume = self._fields["volume"][row:, column]
            volume[:] = np.rint(volume * incident.new_rate / incident.old_rate)
            if self._dividends is not None:
                self._dividends[row:, column] *= incident.old_rate / incident.new_rate
            self._splits.append(self._split(symbol, row, incident))
        return self.market.hours[row].session

    def splits(self, after: datetime | None, until: datetime) -> Iterator[Split]:
        """Splits that happen after `after` (None: ever) and at the latest at `until`, in order of time."""
        for split in sorted(self._splits, key=lambda split: (split.open_at, split.symbol)):
            if (after is None or split.open_at > after) and split.open_at <= until:
                yield split

    def _scale(self, row: int, column: int, factor: float) -> None:
        for name in _PRICES:
            self._fields[name][row:, column] = np.round(self._fields[name][row:, column] * factor, 4)

    def _split(self, symbol: str, row: int, command: SplitShares) -> Split:
        return Split(
            symbol=symbol,
            session=self.market.hours[row].session,
            open_at=self._opens[row],
            new_rate=command.new_rate,
            old_rate=command.old_rate,
            whole_shares=command.whole_shares,
        )


def read_incident(body: Mapping[str, object]) -> Incident:
    """An incident as the control endpoint is told it; Refusal 422 naming the first thing wrong with it."""
    return read_command(_INCIDENT, body, "kind")
