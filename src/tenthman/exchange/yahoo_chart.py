"""Yahoo's chart of daily bars, in the form in which it was recorded: what has closed by the exchange's clock, no more.

As at Yahoo, prices, volumes and dividends are adjusted for splits up to now, `adjclose` for dividends too, and no keys
are asked for. Unlike there, a session that is open has no row yet.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise

from tenthman.domain.market import NEW_YORK, SessionHours
from tenthman.exchange import yahoo_requests as ask
from tenthman.exchange.adjusting import dividend_factors, dividends_of, shares_since, splits_so_far
from tenthman.exchange.alpaca_trading import Call, Reply
from tenthman.exchange.alpaca_wire import Json
from tenthman.exchange.intraday import WireBar, daily_bars
from tenthman.exchange.market import ReplayExchange
from tenthman.exchange.renaming import tenure_of

_PRICES = ("open", "high", "low", "close")
_LOOK_AHEAD = timedelta(days=14)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A session that has closed; `bar` None where nothing traded. `shares`: today's shares for one of that day."""

    hours: SessionHours
    bar: WireBar | None
    shares: float

    @property
    def begin(self) -> int:
        return ask.seconds(self.hours.open_at)

    def price(self, name: str) -> float | None:
        return None if self.bar is None else float(getattr(self.bar, name)) / self.shares


def get_chart(exchange: ReplayExchange, call: Call) -> Reply:
    """GET /v8/finance/chart/{symbol} with `interval=1d`, and `period1` and `period2` or `range`; ChartRefusal."""
    wanted = ask.read_events(call.query)
    asked = call.path["symbol"].upper()
    symbol = _own(exchange, asked)
    rows = [] if symbol is None else _rows(exchange, symbol)
    if symbol is None or not rows:
        raise ask.ChartRefusal(404, "No data found, symbol may be delisted")
    start, end = ask.read_span(call.query, [row.begin for row in rows], exchange.now)
    chosen = [row for row in rows if start <= row.begin < end]
    meta = {"symbol": asked, "range": call.query.get("range", ""), **_meta(exchange, symbol, rows, start)}
    result: dict[str, object] = {"meta": meta, "indicators": {"quote": [{}], "adjclose": [{}]}}
    if chosen:
        first, splits = rows[0].hours.session, splits_so_far(exchange, symbol)
        dividends = {day: paid for day, paid in dividends_of(exchange, symbol, splits).items() if day >= first}
        result["timestamp"] = [row.begin for row in chosen]
        told = _events(exchange, symbol, dividends, wanted, (start, end))
        if told:
            result["events"] = told
        closes = {row.hours.session: close for row in rows if (close := row.price("close")) is not None}
        result["indicators"] = _indicators(chosen, dividend_factors(closes, dividends))
    return Reply(body={"chart": {"result": [result], "error": None}})


def _own(exchange: ReplayExchange, asked: str) -> str | None:
    """The market's own name of what is called `asked` today; None for a name that nothing bears."""
    tenure = tenure_of(exchange.symbol_changes(), asked)
    return tenure.symbol if tenure.lasts and tenure.symbol in exchange.market.panel.tickers else None


def _rows(exchange: ReplayExchange, symbol: str) -> list[_Row]:
    """From the first bar to the last session that has closed, or to the last bar of what is delisted; oldest first."""
    today = exchange.now.astimezone(NEW_YORK).date()
    bars = {bar.begin.date(): bar for bar in daily_bars(exchange, symbol, date.min, today)}
    if not bars:
        return []
    splits = splits_so_far(exchange, symbol)
    sessions = exchange.calendar(min(bars), max(bars) if exchange.is_delisted(symbol) else today)
    return [
        _Row(hours=item, bar=bars.get(item.session), shares=shares_since(splits, item.session))
        for item in sessions
        if item.close_at <= exchange.now
    ]


def _opening(exchange: ReplayExchange, day: date) -> datetime:
    return exchange.calendar(day, day)[0].open_at


def _indicators(rows: Sequence[_Row], factors: Mapping[date, float]) -> Json:
    quote: dict[str, object] = {name: [row.price(name) for row in rows] for name in _PRICES}
    quote["volume"] = [None if row.bar is None else round(row.bar.volume * row.shares) for row in rows]
    closes = ((row.price("close"), factors.get(row.hours.session, 1.0)) for row in rows)
    adjusted = [None if close is None else close * factor for close, factor in closes]
    return {"quote": [quote], "adjclose": [{"adjclose": adjusted}]}


def _events(
    exchange: ReplayExchange,
    symbol: str,
    dividends: Mapping[date, float],
    wanted: frozenset[str],
    span: tuple[int, int],
) -> dict[str, dict[str, Json]]:
    """What of the span is wanted, by kind and second; what went ex today is told before its session has a row."""
    begins = {day: ask.seconds(_opening(exchange, day)) for day in dividends}
    paid: dict[str, Json] = {
        str(at): {"amount": dividends[day], "date": at} for day, at in begins.items() if span[0] <= at < span[1]
    }
    split: dict[str, Json] = {}
    for item in splits_so_far(exchange, symbol):
        at = ask.seconds(_opening(exchange, item.session))
        if span[0] <= at < span[1]:
            rates = {"numerator": item.new_rate, "denominator": item.old_rate}
            split[str(at)] = {"date": at, **rates, "splitRatio": f"{item.new_rate}:{item.old_rate}"}
    told = {"dividends": paid if "div" in wanted else {}, "splits": split if wanted & {"split", "splits"} else {}}
    return {name: rows for name, rows in told.items() if rows}


def _meta(exchange: ReplayExchange, symbol: str, rows: Sequence[_Row], start: int) -> Json:
    now, clock = exchange.now.astimezone(NEW_YORK), exchange.clock()
    ahead = exchange.calendar(now.date(), now.date() + _LOOK_AHEAD)
    period = next((item for item in ahead if item.close_at > now), rows[-1].hours)
    edges = [
        datetime.combine(period.session, time(4), NEW_YORK),
        period.open_at,
        period.close_at,
        datetime.combine(period.session, time(20), NEW_YORK),
    ]
    zone = {"timezone": now.tzname(), "gmtoffset": int((now.utcoffset() or timedelta()).total_seconds())}
    periods = {
        name: {**zone, "start": ask.seconds(begin), "end": ask.seconds(end)}
        for name, (begin, end) in zip(("pre", "regular", "post"), pairwise(edges), strict=True)
    }
    before = [row.price("close") for row in rows if row.begin < start and row.bar is not None]
    return {
        "currency": "USD",
        "exchangeName": "NYQ",
        "fullExchangeName": "NYSE",
        "instrumentType": "ETF" if symbol == exchange.market.universe.index_ticker else "EQUITY",
        "firstTradeDate": rows[0].begin,
        "regularMarketTime": ask.seconds(exchange.now if clock.is_open else rows[-1].hours.close_at),
        "hasPrePostMarketData": False,
        **zone,
        "exchangeTimezoneName": NEW_YORK.key,
        "regularMarketPrice": float(exchange.price(symbol) or 0),
        **({"chartPreviousClose": before[-1]} if before else {}),
        "priceHint": 2,
        "currentTradingPeriod": periods,
        "dataGranularity": "1d",
        "validRanges": list(ask.RANGES),
    }
