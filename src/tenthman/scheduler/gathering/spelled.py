"""The edges of a market in which securities were renamed: sources and the broker, in the house's tickers.

What is asked goes out under the name of the day, what is answered comes in under the ticker that the security has in
the store and on the record, for all time.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from tenthman.data.sources import BarSource, CorporateAction, Daily
from tenthman.data.spellings import TellsRenames
from tenthman.domain.broker import Account, BrokerClock, BrokerPosition, PriceChange
from tenthman.domain.market import NEW_YORK, Bar, Rename, SessionHours
from tenthman.domain.news import NewsItem
from tenthman.domain.order import BrokerOrder, Fill, SizedOrder
from tenthman.domain.spelling import STRANGER, Spellings
from tenthman.scheduler.account.reconcile import PayingBroker
from tenthman.scheduler.gathering.gather import Source


class MarketSource(Source, BarSource, TellsRenames, Protocol):
    """A source of everything that the desk sees, whose bars can be checked."""


class Names:
    """The spellings as they are known now; `now` tells the market's time. Whoever learns of more puts them here."""

    def __init__(self, spellings: Spellings, now: Callable[[], datetime]) -> None:
        self.spellings = spellings
        self._now = now

    def today(self) -> date:
        """New York's day."""
        return self._now().astimezone(NEW_YORK).date()


class SpelledBars:
    """`inner`, asked by the names of the day. Keeps `BarSource`."""

    def __init__(self, inner: BarSource, names: Names) -> None:
        self._bars, self._names = inner, names

    @property
    def name(self) -> str:
        """As `inner`."""
        return self._bars.name

    @property
    def price_basis(self) -> str:
        """As `inner`."""
        return self._bars.price_basis

    def daily(self, tickers: Sequence[str], first: date, last: date, seen_at: datetime) -> Daily:
        """As `inner`: sources know the whole of a history by the name of the day on which they are asked."""
        ours = self._asked(tickers, seen_at.astimezone(NEW_YORK).date())
        found = self._bars.daily(tuple(ours), first, last, seen_at)
        return Daily(
            bars=tuple(replace(bar, ticker=ours.get(bar.ticker, bar.ticker)) for bar in found.bars),
            refused=tuple(replace(flag, ticker=ours.get(flag.ticker, flag.ticker)) for flag in found.refused),
            silent={ours.get(name, name): cause for name, cause in found.silent.items()},
        )

    def actions(self, tickers: Sequence[str], first: date, last: date) -> tuple[CorporateAction, ...]:
        """As `inner`, by every name that they have had, each while it was theirs."""
        spellings = self._names.spellings
        names = sorted({name for ticker in tickers for name in spellings.ever(ticker)})
        told = self._bars.actions(names, first, last)
        read = {replace(item, ticker=_acted(spellings, item)) for item in told}
        kept = (item for item in read if not item.ticker.endswith(STRANGER))
        return tuple(sorted(kept, key=lambda item: (item.ticker, item.ex_date, item.kind.value)))

    def _asked(self, tickers: Sequence[str], on: date) -> dict[str, str]:
        """Our tickers by what they are called on the day `on`."""
        return {self._names.spellings.theirs(ticker, on): ticker for ticker in tickers}


class SpelledSource(SpelledBars):
    """`inner`, asked by the names of the day. Keeps `MarketSource`."""

    def __init__(self, inner: MarketSource, names: Names) -> None:
        super().__init__(inner, names)
        self._inner = inner

    def bars(self, tickers: Sequence[str], first: date, last: date, seen_at: datetime) -> Sequence[Bar]:
        """As `inner`."""
        ours = self._asked(tickers, seen_at.astimezone(NEW_YORK).date())
        found = self._inner.bars(tuple(ours), first, last, seen_at)
        return [replace(bar, ticker=ours.get(bar.ticker, bar.ticker)) for bar in found]

    def news(self, after: datetime, until: datetime, seen_at: datetime) -> Sequence[NewsItem]:
        """As `inner`, tags in the house's tickers."""
        found = self._inner.news(after, until, seen_at)
        return [replace(item, tickers=self._tags(item)) for item in found] if self._names.spellings.renames else found

    def latest_prices(self, tickers: Sequence[str]) -> dict[str, Decimal]:
        """As `inner`."""
        ours = self._asked(tickers, self._names.today())
        return {ours.get(name, name): price for name, price in self._inner.latest_prices(tuple(ours)).items()}

    def renames(self, first: date, last: date) -> tuple[Rename, ...]:
        """As `inner`, which speaks of names and not of tickers of ours."""
        return self._inner.renames(first, last)

    def _tags(self, item: NewsItem) -> tuple[str, ...]:
        day = item.effective_at.astimezone(NEW_YORK).date()
        return tuple(self._names.spellings.ours(tag, day) for tag in item.tickers)


class SpelledBroker:
    """`inner`, in the house's tickers. Keeps `Broker`.

    A broker may go on with the old name for a while: what it last called a holding is what an order for it says. Where
    both names are held, the old one is another company's.
    """

    def __init__(self, inner: PayingBroker, names: Names) -> None:
        self._inner, self._names = inner, names
        self._said: dict[str, str] = {}

    def clock(self) -> BrokerClock:
        """As `inner`."""
        return self._inner.clock()

    def calendar(self, first: date, last: date) -> Sequence[SessionHours]:
        """As `inner`."""
        return self._inner.calendar(first, last)

    def account(self) -> Account:
        """As `inner`."""
        return self._inner.account()

    def positions(self) -> Sequence[BrokerPosition]:
        """As `inner`."""
        found = self._inner.positions()
        there = {item.ticker for item in found}
        ours = {name: self._ours(name, there) for name in there}
        self._said = {ticker: name for name, ticker in ours.items()}
        return [replace(item, ticker=ours[item.ticker]) for item in found]

    def open_orders(self) -> Sequence[BrokerOrder]:
        """As `inner`."""
        return [self._order(order) for order in self._inner.open_orders()]

    def submit(self, order: SizedOrder) -> BrokerOrder:
        """As `inner`."""
        said = self._said.get(order.ticker) or self._names.spellings.theirs(order.ticker, self._names.today())
        return self._order(self._inner.submit(replace(order, ticker=said)))

    def find(self, client_order_id: str) -> BrokerOrder | None:
        """As `inner`."""
        found = self._inner.find(client_order_id)
        return None if found is None else self._order(found)

    def cancel(self, order_id: str) -> bool:
        """As `inner`."""
        return self._inner.cancel(order_id)

    def replace(self, order_id: str, change: PriceChange) -> BrokerOrder:
        """As `inner`."""
        return self._order(self._inner.replace(order_id, change))

    def fills(self, after: datetime | None) -> Sequence[Fill]:
        """As `inner`."""
        owner = self._names.spellings.owner
        return [replace(fill, ticker=owner(fill.ticker)) for fill in self._inner.fills(after)]

    def dividends_paid(self) -> Decimal:
        """As `inner`."""
        return self._inner.dividends_paid()

    def _order(self, order: BrokerOrder) -> BrokerOrder:
        legs = tuple(self._order(leg) for leg in order.legs)
        return replace(order, ticker=self._names.spellings.owner(order.ticker), legs=legs)

    def _ours(self, name: str, there: Iterable[str]) -> str:
        ticker = self._names.spellings.owner(name)
        names = self._names.spellings.ever(ticker)
        is_strange = any(other in names[names.index(name) + 1 :] for other in there)
        return name + STRANGER if is_strange else ticker


def _acted(spellings: Spellings, item: CorporateAction) -> str:
    """Our ticker of what did something; the newest name may tell of the whole past."""
    ticker = spellings.owner(item.ticker)
    if item.ticker == spellings.ever(ticker)[-1]:
        return ticker
    return spellings.ours(item.ticker, item.ex_date)
