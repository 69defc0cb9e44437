"""What a market shows at an instant: prices on the paths of its bars, closes, halts and delistings.

It holds the future and tells none of it: whoever asks says how late it is.
"""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal

from tenthman.domain.market import Bar, MarketData
from tenthman.domain.money import e4
from tenthman.exchange.book import Resting
from tenthman.exchange.path import Path
from tenthman.exchange.prices import PriceTape, quoted, sessions_closed
from tenthman.exchange.sessions import Timetable


class Quotes:
    """The prices of one market, and which of its symbols are halted by command."""

    def __init__(self, market: MarketData, timetable: Timetable) -> None:
        self.tape = PriceTape(market)
        self._timetable = timetable
        self._halted: dict[str, tuple[datetime, Decimal | None]] = {}

    def price(self, symbol: str, at: datetime) -> Decimal | None:
        """Path price at `at`; the last close outside hours and in a halt; None when no price is known."""
        since, frozen = self._halted.get(symbol, (None, None))
        if since is not None and at >= since:
            return frozen
        row = self._timetable.open_row(at)
        path = None if row is None else self.tape.path(row, symbol)
        if row is not None and path is not None:
            return quoted(path.price_at(self._timetable.fraction(row, at)))
        close = self.tape.last_close(self._timetable.closed_by(at), symbol)
        return None if close is None else quoted(e4(close))

    def value(self, symbol: str, at: datetime) -> Decimal:
        """The price of what is held, of which there must be one."""
        price = self.price(symbol, at)
        assert price is not None
        return price

    def is_halted(self, symbol: str, at: datetime) -> bool:
        """Whether a session is open at `at` in which `symbol` has no bar, or it has been halted since before."""
        row = self._timetable.open_row(at)
        since, _ = self._halted.get(symbol, (None, None))
        return row is not None and (self.tape.path(row, symbol) is None or (since is not None and at >= since))

    def is_delisted(self, symbol: str, now: datetime) -> bool:
        """Whether `symbol` has had its last bar in this market and a session without it has begun by `now`."""
        row = self.tape.ended(symbol)
        return row is not None and self._timetable.hours[row].open_at <= now

    def halt(self, symbol: str, now: datetime) -> None:
        """Let the price stand still from `now` on."""
        self._halted.setdefault(symbol, (now, self.price(symbol, now)))

    def resume(self, symbol: str) -> bool:
        """Let the price follow its path again; whether it was halted."""
        return self._halted.pop(symbol, None) is not None

    def paths(self, row: int, orders: Iterable[Resting]) -> dict[str, Path]:
        """The paths through session `row` of what `orders` trade, without what is halted or has no bar."""
        symbols = {order.symbol for order in orders} - self._halted.keys()
        found = ((symbol, self.tape.path(row, symbol)) for symbol in symbols)
        return {symbol: path for symbol, path in found if path is not None}

    def bars(self, symbol: str, first: date, last: date, now: datetime) -> list[Bar]:
        """Daily bars of the sessions `first`..`last` that have closed by `now`, oldest first."""
        row, hours = sessions_closed(self._timetable, first, last, now)
        return self.tape.bars(symbol, hours, row)
