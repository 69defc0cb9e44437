"""Historical bars on the wire: of minutes to months, under the names of any day, on the basis that is asked for."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import islice

from tenthman.domain.market import NEW_YORK
from tenthman.exchange import alpaca_prices as prices
from tenthman.exchange import alpaca_requests as ask
from tenthman.exchange import alpaca_wire as wire
from tenthman.exchange import intraday
from tenthman.exchange.adjusting import adjustment
from tenthman.exchange.alpaca_pages import open_token, seal_token
from tenthman.exchange.alpaca_trading import Call, Reply
from tenthman.exchange.alpaca_wire import Json
from tenthman.exchange.intraday import Frame, WireBar
from tenthman.exchange.market import ReplayExchange
from tenthman.exchange.renaming import tenure_of
from tenthman.utils.symbols import to_wire

_MOST_BARS = 10_000
_INSTANT = timedelta(microseconds=1)
_BASES = frozenset({"raw", "split", "dividend", "spin-off", "all"})
_ANY_DAY = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """Bars of `frame` stamped `start`..`end`, both included; on which of `_BASES`.

    `asof`: the day whose names are meant; None: each name with the bars of the days on which it was somebody's.
    """

    frame: Frame
    start: datetime
    end: datetime
    newest_first: bool
    basis: frozenset[str]
    asof: date | None

    def within(self, first: datetime, last: datetime) -> "_Asked":
        """Those of them that are stamped `first`..`last`."""
        return replace(self, start=max(self.start, first), end=min(self.end, last))


def get_bars(exchange: ReplayExchange, call: Call) -> Reply:
    """GET /v2/stocks/bars: by symbol, then by time; `limit` counts the bars of all symbols together."""
    rows, token = _page(exchange, ask.read_symbols(call.query.get("symbols")), call.query)
    bars: dict[str, list[Json]] = {}
    for bar in rows:
        bars.setdefault(to_wire(bar.ticker), []).append(prices.bar_body(bar))
    return Reply(body={"bars": bars, "next_page_token": token})


def get_symbol_bars(exchange: ReplayExchange, call: Call) -> Reply:
    """GET /v2/stocks/{symbol}/bars."""
    symbol = ask.read_symbol(call.path["symbol"])
    rows, token = _page(exchange, (symbol,), call.query)
    return Reply(
        body={"symbol": to_wire(symbol), "bars": [prices.bar_body(bar) for bar in rows], "next_page_token": token}
    )


def _page(
    exchange: ReplayExchange, names: tuple[str, ...], query: Mapping[str, str]
) -> tuple[list[WireBar], str | None]:
    if not names:
        raise ask.bad_data_request("symbols are required")
    asked = _read(exchange, query)
    limit = ask.read_whole(query, "limit", default=1000, most=_MOST_BARS)
    start_at, done = _bar_token(query.get("page_token", ""))
    page: list[WireBar] = []
    for name in sorted(names):
        if name < start_at:
            continue
        left = asked
        if name == start_at and done is not None:
            left = asked.within(asked.start, done) if asked.newest_first else asked.within(done, asked.end)
        rows = (bar for bar in _bars_of(exchange, name, left) if name != start_at or bar.begin != done)
        page.extend(islice(rows, limit + 1 - len(page)))
        if len(page) > limit:
            last = page[limit - 1]
            return page[:limit], seal_token(f"{last.ticker}|{last.begin.isoformat()}")
    return page, None


def _read(exchange: ReplayExchange, query: Mapping[str, str]) -> _Asked:
    """From `start` (midnight in New York, unless given) to `end` (now, unless given), never later than now."""
    frame = intraday.read_frame(query.get("timeframe", ""))
    if frame is None:
        raise ask.bad_data_request("timeframe must be 1-59Min, 1-23Hour, 1Day, 1Week or 1, 2, 3, 4, 6 or 12Month")
    basis = frozenset(query.get("adjustment", "").lower().split(",")) - {""}
    if basis - _BASES:
        raise ask.bad_data_request(f"adjustment must be of {', '.join(sorted(_BASES))}")
    today = exchange.now.astimezone(NEW_YORK).date()
    return _Asked(
        frame=frame,
        start=ask.read_instant(query, "start") or wire.midnight(today),
        end=min(ask.read_instant(query, "end") or exchange.now, exchange.now),
        newest_first=ask.read_option(query, "sort", ("asc", "desc")) == "desc",
        basis=basis,
        asof=None if query.get("asof") == _ANY_DAY else ask.read_date(query, "asof") or today,
    )


def _bars_of(exchange: ReplayExchange, name: str, asked: _Asked) -> Iterator[WireBar]:
    """What is called `name`: as at Alpaca its whole history, or else what it has of the time when it bore that name."""
    tenure = tenure_of(exchange.symbol_changes(), name)
    if asked.asof is None or not tenure.covers(asked.asof):
        asked = asked.within(wire.midnight(tenure.first), wire.midnight(tenure.until) - _INSTANT)
    rows = _bars_between(exchange, tenure.symbol, asked)
    return rows if tenure.symbol == name else (replace(bar, ticker=name) for bar in rows)


def _bars_between(exchange: ReplayExchange, symbol: str, asked: _Asked) -> Iterator[WireBar]:
    if asked.start > asked.end:
        return iter(())
    first, last = asked.start.astimezone(NEW_YORK).date(), asked.end.astimezone(NEW_YORK).date()
    adjust = adjustment(
        exchange, symbol, splits=bool(asked.basis & {"split", "all"}), dividends=bool(asked.basis & {"dividend", "all"})
    )
    if asked.frame.is_intraday:
        sessions = exchange.calendar(first, last)
        by_session = (
            [adjust(bar) for bar in intraday.short_bars(exchange, symbol, (item,), asked.frame.count)]
            for item in (sessions[::-1] if asked.newest_first else sessions)
        )
        in_order: Iterable[WireBar] = (
            bar for bars in by_session for bar in (bars[::-1] if asked.newest_first else bars)
        )
    else:
        days = [adjust(bar) for bar in intraday.daily_bars(exchange, symbol, first, last)]
        bars = days if asked.frame.unit == "d" else intraday.long_bars(days, asked.frame)
        in_order = bars[::-1] if asked.newest_first else bars
    return (bar for bar in in_order if asked.start <= bar.begin <= asked.end)


def _bar_token(token: str) -> tuple[str, datetime | None]:
    if not token:
        return "", None
    name, _, begin = open_token(token).partition("|")
    at = ask.read_instant({"page_token": begin}, "page_token")
    if at is None:
        raise ask.invalid("page_token is not one of this query")
    return name, at
