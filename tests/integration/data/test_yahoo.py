"""Yahoo through yfinance, over real HTTP, from a server on loopback that speaks Yahoo's recorded chart form."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import requests
from tenthman_source_battery import forget_answers

from tenthman.data import yahoo, yahoo_wire
from tenthman.data.calendar import sessions_between
from tenthman.data.elsewhere import session_to
from tenthman.data.universe import sp100
from tenthman.data.yahoo import DAYS_KEPT, fetch_yahoo_market
from tenthman.domain.errors import DataMissing
from tenthman.domain.market import MarketKind, SessionHours

TODAY = date(2026, 11, 23)
NAMES = [item.ticker for item in sp100().members(TODAY)]

Bend = Callable[[str, list[SessionHours], dict[str, list[Any]]], None]


class _Yahoo(ThreadingHTTPServer):
    """Answers chart requests for `known` tickers; `bend` may spoil a ticker's columns; `asked` lists the tickers."""

    daemon_threads = True

    def __init__(self, known: set[str], bend: Bend | None = None, delay_s: float = 0.0) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.known, self.bend, self.delay_s = known, bend, delay_s
        self.asked: list[str] = []
        self.gate = threading.Event()


class _Handler(BaseHTTPRequestHandler):
    server: _Yahoo

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if not parts.path.startswith("/v8/finance/chart/"):
            return self._reply(200, b"crumb")
        ticker = parts.path.rsplit("/", 1)[1]
        self.server.asked.append(ticker)
        if ticker not in self.server.known:
            error = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
            return self._reply(404, json.dumps({"chart": {"result": None, "error": error}}).encode())
        if self.server.delay_s and ticker != "SPY":
            self.server.gate.wait(self.server.delay_s)
        query = parse_qs(parts.query)
        return self._reply(200, json.dumps(_chart(ticker, query, self.server.bend)).encode())

    def _reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


def _chart(ticker: str, query: dict[str, list[str]], bend: Bend | None) -> dict[str, Any]:
    if "period1" in query:
        first, last = (datetime.fromtimestamp(int(query[name][0]), UTC).date() for name in ("period1", "period2"))
    else:
        first, last = TODAY - timedelta(days=7), TODAY
    hours = list(sessions_between(first, last))
    price = 50.0 + np.arange(len(hours)) / 10 + len(ticker)
    columns: dict[str, list[Any]] = {
        "open": price.tolist(),
        "high": (price + 1).tolist(),
        "low": (price - 1).tolist(),
        "close": (price + 0.5).tolist(),
        "volume": [1_000_000] * len(hours),
    }
    if bend is not None:
        bend(ticker, hours, columns)
    opens = [int(item.open_at.timestamp()) for item in hours]
    period = {"timezone": "EST", "gmtoffset": -18000, "start": opens[-1], "end": opens[-1] + 23400}
    meta = {
        "currency": "USD", "symbol": ticker, "exchangeName": "NYQ", "fullExchangeName": "NYSE",
        "instrumentType": "EQUITY", "firstTradeDate": 0, "regularMarketTime": opens[-1] + 23400,
        "hasPrePostMarketData": True, "gmtoffset": -18000, "timezone": "EST",
        "exchangeTimezoneName": "America/New_York", "regularMarketPrice": 50.0, "priceHint": 2,
        "currentTradingPeriod": {"pre": period, "regular": period, "post": period}, "dataGranularity": "1d",
        "range": "", "validRanges": ["1mo", "1y", "max"],
    }  # fmt: skip
    indicators = {"quote": [columns], "adjclose": [{"adjclose": columns["close"]}]}
    return {"chart": {"result": [{"meta": meta, "timestamp": opens, "indicators": indicators}], "error": None}}


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    forget_answers()


@pytest.fixture
def few_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """The S&P 100 is of two companies: each name that Yahoo does not know costs two requests."""
    kept = tuple(item for item in sp100().listings if item.ticker in ("AAPL", "BRK-B"))
    universe = replace(sp100(), listings=kept)
    monkeypatch.setattr(yahoo, "sp100", lambda: universe)


@contextmanager
def _serving(known: set[str], bend: Bend | None = None, delay_s: float = 0.0) -> Iterator[_Yahoo]:
    server = _Yahoo(known, bend, delay_s)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.gate.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _fetch(server: _Yahoo, cache: Path, *, min_names: int = 90, timeout_s: float = 60.0) -> Any:
    with session_to(f"http://127.0.0.1:{server.server_address[1]}") as session:
        return fetch_yahoo_market(
            cache, today=TODAY, min_names=min_names, timeout_s=timeout_s, session=session, years=1
        )


def test_ninety_five_names_make_a_market_that_is_kept_for_the_day(tmp_path: Path) -> None:
    with _serving({"SPY", *NAMES[:95]}) as server:
        market = _fetch(server, tmp_path)
        asked = len(server.asked)
        again = _fetch(server, tmp_path)
        assert len(server.asked) == asked
    assert market.provenance.kind is MarketKind.YAHOO
    assert market.provenance.headline == "REAL market data (yahoo): S&P 100 as fetched from Yahoo on 2026-11-23"
    assert "No headlines" in market.provenance.description
    assert market.headlines == ()
    assert len(market.panel.tickers) == 96
    assert {item.ticker for item in market.universe.members(TODAY)} == set(NAMES[:95])
    assert market.panel.sessions[-1] == np.datetime64("2026-11-20")
    assert 245 <= len(market.panel.sessions) <= 256
    assert again.provenance == market.provenance


@pytest.mark.usefixtures("few_names")
def test_prices_are_yahoos_own_and_not_dividend_adjusted(tmp_path: Path) -> None:
    with _serving({"SPY", "BRK-B"}) as server:
        market = _fetch(server, tmp_path, min_names=1)
    column = market.panel.column("BRK-B")
    assert market.panel.close[0, column] - market.panel.open[0, column] == pytest.approx(0.5)
    assert market.panel.high[0, column] - market.panel.low[0, column] == pytest.approx(2.0)


def test_too_few_names_are_refused_with_their_number_and_the_reason(tmp_path: Path) -> None:
    with _serving({"SPY", *NAMES[:80]}) as server, pytest.raises(DataMissing) as caught:
        _fetch(server, tmp_path)
    message = str(caught.value)
    assert "80 of 101 names answered, at least 90 are needed; " in message
    assert "delisted" in message
    assert not (tmp_path / "yahoo-2026-11-23").exists()


def test_a_machine_without_yahoo_is_told_at_once(tmp_path: Path) -> None:
    with _serving(set()) as server:
        port = server.server_address[1]
    began = time.monotonic()
    with (
        session_to(f"http://127.0.0.1:{port}") as session,
        pytest.raises(DataMissing, match="Yahoo cannot be reached, so 0 names answered"),
    ):
        fetch_yahoo_market(tmp_path, today=TODAY, min_names=90, timeout_s=60.0, session=session)
    assert time.monotonic() - began < 5.0


def test_without_the_index_there_is_no_market(tmp_path: Path) -> None:
    with _serving(set(NAMES)) as server, pytest.raises(DataMissing, match="the index SPY did not answer"):
        _fetch(server, tmp_path)


def test_the_deadline_holds_when_the_answers_are_slow(tmp_path: Path) -> None:
    began = time.monotonic()
    with (
        _serving({"SPY", *NAMES}, delay_s=30.0) as server,
        pytest.raises(DataMissing, match=r"0 of 101 names answered.*101 x no answer in time"),
    ):
        _fetch(server, tmp_path, timeout_s=6.0)
    assert time.monotonic() - began < 15.0


@pytest.mark.usefixtures("few_names")
def test_rows_that_are_no_bars_are_dropped_and_rounding_is_mended(tmp_path: Path) -> None:
    def bend(ticker: str, hours: list[SessionHours], columns: dict[str, list[Any]]) -> None:
        if ticker == "AAPL" and len(hours) > 20:
            columns["close"][10] = None
            columns["volume"][11] = 0
            columns["high"][12] = columns["low"][12] / 2
            columns["high"][13] = columns["close"][13] * (1 - 1e-6)

    with _serving({"SPY", "AAPL"}, bend) as server:
        market = _fetch(server, tmp_path, min_names=1)
    close = market.panel.close[:, market.panel.column("AAPL")]
    assert np.flatnonzero(np.isnan(close)).tolist() == [10, 11, 12]
    assert market.panel.high[13, 0] == close[13]


@pytest.mark.usefixtures("few_names")
def test_an_index_with_a_hole_is_refused_and_one_without_its_last_days_is_cut(tmp_path: Path) -> None:
    def hole(ticker: str, hours: list[SessionHours], columns: dict[str, list[Any]]) -> None:
        if ticker == "SPY" and len(hours) > 20:
            columns["close"][10] = None

    def end(ticker: str, hours: list[SessionHours], columns: dict[str, list[Any]]) -> None:
        if ticker == "SPY" and len(hours) > 20:
            columns["close"][-2:] = [None, None]

    with _serving({"SPY", "AAPL"}, hole) as server, pytest.raises(DataMissing, match="SPY has no bar in 1 sessions"):
        _fetch(server, tmp_path, min_names=1)
    forget_answers()
    with _serving({"SPY", "AAPL"}, end) as server:
        assert _fetch(server, tmp_path, min_names=1).panel.sessions[-1] < np.datetime64("2026-11-20")


@pytest.mark.usefixtures("few_names")
def test_a_damaged_kept_pack_is_fetched_anew(tmp_path: Path) -> None:
    with _serving({"SPY", "AAPL"}) as server:
        first = _fetch(server, tmp_path, min_names=1)
        (tmp_path / "yahoo-2026-11-23" / "bars.parquet").write_bytes(b"damaged")
        assert _fetch(server, tmp_path, min_names=1).provenance == first.provenance


@pytest.mark.usefixtures("few_names")
def test_of_what_was_fetched_on_earlier_days_the_newest_is_kept_and_nothing_else_is_touched(tmp_path: Path) -> None:
    earlier = [f"yahoo-2026-10-{day:02}" for day in range(1, 8)]
    others = ["mine", "yahoo-notes", "yahoo-2026-10-01.old"]
    for name in (*earlier, *others):
        (tmp_path / name).mkdir()
    with _serving({"SPY", "AAPL"}) as server:
        _fetch(server, tmp_path, min_names=1)
    left = [name for name in (*earlier, "yahoo-2026-11-23", *others) if (tmp_path / name).is_dir()]
    assert left == [*earlier[-DAYS_KEPT + 1 :], "yahoo-2026-11-23", *others]


class _Noted(requests.Session):
    closed = 0

    def close(self) -> None:
        type(self).closed += 1
        super().close()


def test_the_probe_closes_the_session_that_it_opened_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yahoo_wire, "PROBE_URL", "http://127.0.0.1:9/")
    monkeypatch.setattr(requests, "Session", _Noted)
    given = _Noted()
    for session, closed in ((given, 0), (None, 1)):
        with pytest.raises(DataMissing, match="Yahoo cannot be reached"):
            yahoo_wire.probe(session, 2.0)
        assert _Noted.closed == closed
    given.close()
