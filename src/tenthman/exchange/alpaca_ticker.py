"""What the market-data and news websockets say when time moves from one instant to another."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from tenthman.domain.market import NEW_YORK
from tenthman.exchange import alpaca_prices as prices
from tenthman.exchange import alpaca_wire as wire
from tenthman.exchange import intraday
from tenthman.exchange.alpaca_feeds import EVERYTHING, Feed, Message
from tenthman.exchange.intraday import WireBar
from tenthman.exchange.market import ReplayExchange
from tenthman.exchange.renaming import new_names
from tenthman.utils.symbols import to_wire

_MINUTE = timedelta(minutes=1)


class Ticker:
    """Tells `market` what traded and `news` what became known. A jump of time tells every minute that it passes.

    Symbols have the names of the moment: who subscribed to a name that was given up hears no more of it.
    """

    def __init__(self, exchange: ReplayExchange, market: Feed, news: Feed) -> None:
        self._exchange = exchange
        self._market = market
        self._news = news
        self._renamed: Mapping[str, str] = {}

    def tell(self, since: datetime) -> None:
        """Everything after `since` and up to now."""
        self._renamed = new_names(self._exchange.symbol_changes())
        if self._market.listeners:
            frames: defaultdict[datetime, list[Message]] = defaultdict(list)
            for at, message in self._heard(since):
                frames[at].append(message)
            for at in sorted(frames):
                self._market.publish(frames[at])
        if self._news.listeners:
            for item in self._exchange.news(since + timedelta(microseconds=1), None):
                tags = tuple(map(self._spelled, item.tickers))
                body = {**wire.story_message(item), "symbols": list(tags)}
                self._news.publish([Message(channel="news", symbols=tags, body=body)])

    def _heard(self, since: datetime) -> Iterator[tuple[datetime, Message]]:
        yield from self._statuses(since)
        yield from self._minutes(since)
        yield from self._days(since)
        yield from self._prices()

    def _symbols(self, channel: str) -> list[str]:
        wanted = self._market.wanted(channel)
        known = self._exchange.market.panel.tickers
        return [ticker for ticker in known if EVERYTHING in wanted or self._spelled(ticker) in wanted]

    def _spelled(self, symbol: str) -> str:
        """What the wire calls the market's `symbol` now."""
        return self._renamed.get(symbol) or to_wire(symbol)

    def _minutes(self, since: datetime) -> Iterator[tuple[datetime, Message]]:
        symbols = self._symbols("bars")
        first, last = (at.astimezone(NEW_YORK).date() for at in (since, self._exchange.now))
        for session in self._exchange.calendar(first, last) if symbols else ():
            for symbol in symbols:
                for bar in intraday.short_bars(self._exchange, symbol, (session,), 1, since):
                    yield bar.begin + _MINUTE, self._bar_message("bars", "b", bar)

    def _days(self, since: datetime) -> Iterator[tuple[datetime, Message]]:
        symbols = self._symbols("dailyBars")
        first, last = (at.astimezone(NEW_YORK).date() for at in (since, self._exchange.now))
        for session in self._exchange.calendar(first, last) if symbols else ():
            if since < session.close_at <= self._exchange.now:
                for symbol in symbols:
                    for bar in intraday.daily_bars(self._exchange, symbol, session.session, session.session):
                        yield session.close_at, self._bar_message("dailyBars", "d", bar)

    def _prices(self) -> Iterator[tuple[datetime, Message]]:
        now = self._exchange.now
        if not self._exchange.clock().is_open:
            return
        for channel, kind, shape in (("trades", "t", prices.trade_body), ("quotes", "q", prices.quote_body)):
            for symbol in self._symbols(channel):
                price = self._exchange.price(symbol)
                if price is not None and not self._exchange.is_halted(symbol, now):
                    name = self._spelled(symbol)
                    body = {"T": kind, "S": name, **shape(price, now), "t": now}
                    yield now, Message(channel=channel, symbols=(name,), body=body)

    def _statuses(self, since: datetime) -> Iterator[tuple[datetime, Message]]:
        symbols = self._symbols("statuses")
        first, last = (at.astimezone(NEW_YORK).date() for at in (since, self._exchange.now))
        before = None
        for session in self._exchange.calendar(first - timedelta(days=14), last) if symbols else ():
            if before is not None and since < session.open_at <= self._exchange.now:
                for symbol in symbols:
                    was = self._exchange.is_halted(symbol, before.open_at)
                    now = self._exchange.is_halted(symbol, session.open_at)
                    if was != now:
                        name = self._spelled(symbol)
                        body = prices.status_message(name, is_halted=now, at=session.open_at)
                        yield session.open_at, Message(channel="statuses", symbols=(name,), body=body)
            before = session

    def _bar_message(self, channel: str, kind: str, bar: WireBar) -> Message:
        name = self._spelled(bar.ticker)
        body = {"T": kind, "S": name, **prices.bar_body(bar), "t": bar.begin}
        return Message(channel=channel, symbols=(name,), body=body)
