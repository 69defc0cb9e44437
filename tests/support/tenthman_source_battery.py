"""What any source of bars must do, as sentences, and a server that answers in the recorded forms of Alpaca and Yahoo.

A test class inherits SourceBattery and gives the `source` fixture: a source of the bars of TRUTH.
"""

import json
import tarfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest

from tenthman.data.calendar import sessions_between
from tenthman.data.sources import ActionKind, BarSource

NEW_YORK = ZoneInfo("America/New_York")
SEEN = datetime(2020, 1, 8, 15, 0, tzinfo=UTC)
DAYS = (date(2020, 1, 6), date(2020, 1, 7))
TRUTH: dict[str, list[tuple[float, float, float, float, float]]] = {
    "AAA": [(100.0, 104.0, 98.0, 103.0, 1_000_000.0), (103.0, 112.0, 101.0, 110.0, 1_000_000.0)],
    "BRK-B": [(200.0, 202.0, 198.0, 201.0, 1_000_000.0)] * 2,
}
SPLIT = {"AAA": (date(2020, 1, 7), 4.0, 1.0)}
DIVIDEND = {"BRK-B": (date(2020, 1, 6), 0.5)}
SPLIT_HERE = "CCC"
"""On the exchange alone: four shares for one from the session after DAYS on."""
IMPOSSIBLE_ROW = (50.0, 40.0, 49.0, 50.0, 10.0)


class SourceBattery:
    """The sentences."""

    def test_bars_are_in_the_houses_spelling_by_ticker_and_session_and_known_when_seen(self, source: BarSource) -> None:
        found = source.daily(["BRK-B", "AAA"], DAYS[0], DAYS[1], SEEN).bars
        assert [(bar.ticker, bar.session) for bar in found] == [
            (name, day) for name in ("AAA", "BRK-B") for day in DAYS
        ]
        told = [(bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in found]
        assert told == [*TRUTH["AAA"], *TRUTH["BRK-B"]]
        assert {bar.known_at for bar in found} == {SEEN}

    @pytest.mark.parametrize("day", DAYS)
    def test_the_first_and_the_last_session_are_included_and_no_other(self, source: BarSource, day: date) -> None:
        assert [bar.session for bar in source.daily(["AAA"], day, day, SEEN).bars] == [day]

    def test_an_unknown_ticker_costs_the_others_nothing(self, source: BarSource) -> None:
        found = source.daily(["AAA", "ZZZ"], DAYS[0], DAYS[1], SEEN)
        assert {bar.ticker for bar in found.bars} == {"AAA"}
        assert set(found.silent) <= {"ZZZ"}

    def test_nothing_asked_is_nothing_answered(self, source: BarSource) -> None:
        assert source.daily([], DAYS[0], DAYS[1], SEEN).bars == ()
        assert source.actions([], DAYS[0], DAYS[1]) == ()

    def test_it_says_what_it_is_and_on_what_basis_its_prices_are(self, source: BarSource) -> None:
        assert source.name
        assert source.price_basis == "split-adjusted"


class ExchangeBattery(SourceBattery):
    """What every source must do on the exchange too."""

    def test_what_was_before_a_split_on_command_is_told_in_todays_shares(self, source: BarSource) -> None:
        found = source.daily([SPLIT_HERE], *DAYS, SEEN).bars
        told = [(bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in found]
        assert told == [(25.0, 26.0, 24.5, 25.5, 4_000_000.0)] * len(DAYS)
        (split,) = source.actions([SPLIT_HERE], DAYS[0], DAYS[1] + timedelta(days=1))
        assert (split.ex_date, split.kind, split.value) == (DAYS[1] + timedelta(days=1), ActionKind.SPLIT, 4.0)


class Wire(ThreadingHTTPServer):
    """Answers as Alpaca's data service and as Yahoo's chart service do; `bend` holds rows to put in a bar's place.

    `nonsense`, where it is not None, is the answer to each question for Alpaca's bars. `turns`: the page after each
    ("" after the first), where pages are empty. `renamed`: old symbol, new symbol and day of Alpaca's name changes.

    `recorded`: answers as they were recorded, by path. `refusals`: so many requests are refused with a 429 first.
    Alpaca's pages hold `page` rows each.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bend: dict[tuple[str, date], tuple[float, float, float, float, float]] = {}
        self.refusals = 0
        self.reset_after_s = 0.0
        self.page = 3
        self.nonsense: object = None
        self.turns: dict[str, str] = {}
        self.renamed: list[tuple[str, str, str]] = []
        self.recorded: dict[str, object] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def rows(self, ticker: str, first: date, last: date) -> list[tuple[date, tuple[float, ...]]]:
        told = zip(DAYS, TRUTH.get(ticker, []), strict=False)
        return [(day, self.bend.get((ticker, day), row)) for day, row in told if first <= day <= last]


def recorded(shared_data: Path, ending: str) -> Any:
    """The recorded answer whose name ends so."""
    with tarfile.open(shared_data / "api_recordings.tar.gz") as archive:
        opened = archive.extractfile(next(name for name in archive.getnames() if name.endswith(ending)))
        assert opened is not None
        told = json.load(opened)
    return told["response"]["bodyJson"] if "response" in told else told["body"]


def forget_answers() -> None:
    """yfinance keeps answers about the past for the life of the process, whichever server gave them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from yfinance.data import YfData

    YfData.cache_get.cache_clear()


@contextmanager
def serving() -> Iterator[Wire]:
    """A running Wire."""
    server = Wire()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Wire

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.server.asked.append((parts.path, query))
        if self.server.refusals:
            self.server.refusals -= 1
            return self._refuse()
        if parts.path in self.server.recorded:
            return self._reply(200, self.server.recorded[parts.path])
        if self.server.turns:
            following = self.server.turns[query.get("page_token", "")]
            empty = "bars" if parts.path == "/v2/stocks/bars" else "corporate_actions"
            return self._reply(200, {empty: {}, "next_page_token": following})
        if parts.path == "/v2/stocks/bars":
            return self._reply(200, _alpaca_bars(self.server, query))
        if parts.path == "/v1/corporate-actions":
            return self._reply(200, _alpaca_actions(self.server, query))
        if not parts.path.startswith("/v8/finance/chart/"):
            return self._reply(200, b"crumb")
        ticker = parts.path.rsplit("/", 1)[1]
        if ticker != "SPY" and ticker not in TRUTH:
            error = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
            return self._reply(404, {"chart": {"result": None, "error": error}})
        return self._reply(200, _chart(self.server, ticker, query))

    def _refuse(self) -> None:
        self.send_response_only(429)
        self.send_header("Date", format_datetime(SEEN, usegmt=True))
        self.send_header("X-RateLimit-Reset", str(int(SEEN.timestamp() + self.server.reset_after_s)))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _reply(self, status: int, body: object) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *args: object) -> None:
        pass


def _alpaca_bars(server: Wire, query: dict[str, str]) -> object:
    if server.nonsense is not None:
        return server.nonsense
    first, last = (datetime.fromisoformat(query[name]).astimezone(NEW_YORK).date() for name in ("start", "end"))
    every = [
        (symbol, _alpaca_row(day, row, query["timeframe"]))
        for symbol in sorted(query["symbols"].split(","))
        for day, row in server.rows(symbol.replace(".", "-"), first, last)
    ]
    begin = int(query.get("page_token", "0"))
    page: dict[str, list[object]] = {}
    for symbol, row in every[begin : begin + server.page]:
        page.setdefault(symbol, []).append(row)
    more = str(begin + server.page) if begin + server.page < len(every) else None
    return {"bars": page, "next_page_token": more}


def _alpaca_row(day: date, row: tuple[float, ...], timeframe: str) -> dict[str, object]:
    midnight = datetime(day.year, day.month, day.day, tzinfo=NEW_YORK)
    instant = midnight if timeframe == "1Day" else midnight + timedelta(hours=9, minutes=30)
    names = dict(zip("ohlcv", row, strict=True))
    return {"t": instant.astimezone(UTC).isoformat().replace("+00:00", "Z"), **names, "n": 5, "vw": row[3]}


def _alpaca_actions(server: Wire, query: dict[str, str]) -> object:
    splits = [
        {"id": "1", "symbol": name, "new_rate": new, "old_rate": old, "ex_date": str(day), "process_date": str(day)}
        for name, (day, new, old) in SPLIT.items()
    ]
    dividends = [
        {"id": "2", "symbol": name.replace("-", "."), "rate": amount, "ex_date": str(day), "process_date": str(day)}
        for name, (day, amount) in DIVIDEND.items()
    ]
    names = [
        {"id": "3", "old_symbol": old, "new_symbol": new, "old_cusip": "1", "new_cusip": "2", "process_date": day}
        for old, new, day in server.renamed
    ]
    found = {"forward_splits": splits, "cash_dividends": dividends, "name_changes": names}
    asked = {f"{kind}s" for kind in query["types"].split(",")}
    listed = {name: rows for name, rows in found.items() if name in asked}
    return {"corporate_actions": listed, "next_page_token": None}


def _chart(server: Wire, ticker: str, query: dict[str, str]) -> object:
    if "period1" in query:
        first, last = (datetime.fromtimestamp(int(query[name]), UTC).date() for name in ("period1", "period2"))
    else:
        first, last = DAYS
    rows = server.rows("AAA" if ticker == "SPY" else ticker, first, last)
    hours = {item.session: item for item in sessions_between(DAYS[0], DAYS[-1])}
    opens = [int(hours[day].open_at.timestamp()) for day, _ in rows]
    columns = {
        name: [row[place] for _, row in rows] for place, name in enumerate(("open", "high", "low", "close", "volume"))
    }
    events: dict[str, dict[str, object]] = {}
    if ticker in SPLIT and SPLIT[ticker][0] in dict(rows):
        day, new, old = SPLIT[ticker]
        stamp = int(hours[day].open_at.timestamp())
        told = {"date": stamp, "numerator": new, "denominator": old, "splitRatio": f"{new:g}:{old:g}"}
        events["splits"] = {str(stamp): told}
    if ticker in DIVIDEND and DIVIDEND[ticker][0] in dict(rows):
        day, amount = DIVIDEND[ticker]
        stamp = int(hours[day].open_at.timestamp())
        events["dividends"] = {str(stamp): {"date": stamp, "amount": amount}}
    start = int(hours[DAYS[-1]].open_at.timestamp())
    period = {"timezone": "EST", "gmtoffset": -18000, "start": start, "end": start + 23400}
    meta = {
        "currency": "USD",
        "symbol": ticker,
        "exchangeName": "NMS",
        "instrumentType": "EQUITY",
        "firstTradeDate": 345479400,
        "regularMarketTime": start + 23400,
        "gmtoffset": -18000,
        "timezone": "EST",
        "exchangeTimezoneName": "America/New_York",
        "regularMarketPrice": 100.0,
        "priceHint": 2,
        "currentTradingPeriod": {"pre": period, "regular": period, "post": period},
        "dataGranularity": "1d",
        "range": "",
        "validRanges": ["1d", "5d", "max"],
    }
    result = {
        "meta": meta,
        "timestamp": opens,
        "events": events,
        "indicators": {"quote": [columns], "adjclose": [{"adjclose": columns["close"]}]},
    }
    return {"chart": {"result": [result], "error": None}}
