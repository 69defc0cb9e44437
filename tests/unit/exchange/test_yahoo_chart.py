"""Yahoo's chart on the exchange: the recorded form, adjusted up to now, nothing of the future, and its errors."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import requests
from tenthman_exchange import ACCOUNT, COSTS
from tenthman_markets import FLAT, HALT, OHLC, at, small_market
from tenthman_serving import Running, in_thread
from tenthman_source_battery import recorded

from tenthman.domain.market import MarketData
from tenthman.exchange.alpaca_bars import get_bars
from tenthman.exchange.alpaca_trading import Call
from tenthman.exchange.market import ReplayExchange
from tenthman.exchange.orders import Refusal
from tenthman.exchange.yahoo_chart import get_chart
from tenthman.exchange.yahoo_requests import ChartRefusal

DAY: OHLC = (100.0, 104.0, 98.0, 100.0)
MARKET = small_market(
    {
        "AAA": [DAY, DAY, HALT, DAY, DAY, DAY],
        "BRK-B": [FLAT] * 6,
        "NEW": [HALT] * 3 + [DAY] * 3,
        "OLD": [DAY, *[HALT] * 5],
    },
    dividends={"AAA": {3: 5.0}},
)
EVER = {"period1": "-1000000000", "period2": "4000000000", "interval": "1d", "events": "div,splits,capitalGains"}


def _exchange(row: int, fraction: float, market: MarketData = MARKET) -> ReplayExchange:
    exchange = ReplayExchange(market, COSTS, Decimal(1000), ACCOUNT, market.hours[0].open_at)
    exchange.advance(at(market, row, fraction))
    return exchange


def _told(exchange: ReplayExchange, symbol: str = "AAA", **query: str) -> Any:
    reply = get_chart(exchange, Call(path={"symbol": symbol}, query=query or EVER))
    body: Any = reply.body
    (result,) = body["chart"]["result"]
    return result


def _opens(*rows: int) -> list[int]:
    return [int(MARKET.hours[row].open_at.timestamp()) for row in rows]


def test_a_session_without_a_bar_is_null_and_the_one_that_is_open_is_not_told() -> None:
    told = _told(_exchange(3, 0.9))
    (quote,), (adjusted,) = told["indicators"]["quote"], told["indicators"]["adjclose"]
    assert told["timestamp"] == _opens(0, 1, 2)
    assert quote["high"] == [104.0, 104.0, None]
    assert quote["volume"] == [1_000_000, 1_000_000, None]
    assert [value is None for value in adjusted["adjclose"]] == [False, False, True]
    assert told["meta"]["regularMarketTime"] == int(at(MARKET, 3, 0.9).timestamp())


def test_a_dividend_is_told_from_its_ex_date_on_and_taken_off_the_closes_before_it() -> None:
    before, after = _told(_exchange(2, 0.5)), _told(_exchange(4, 0.5))
    assert "events" not in before
    assert before["indicators"]["adjclose"][0]["adjclose"] == [100.0, 100.0]
    (ex,) = _opens(3)
    assert after["events"] == {"dividends": {str(ex): {"amount": 5.0, "date": ex}}}
    assert after["indicators"]["quote"][0]["close"] == [100.0, 100.0, None, 100.0]
    assert after["indicators"]["adjclose"][0]["adjclose"] == [95.0, 95.0, None, 100.0]
    assert "events" not in _told(_exchange(4, 0.5), **{**EVER, "events": "split"})


def test_prices_volumes_and_dividends_are_adjusted_for_a_split_from_its_day_on() -> None:
    exchange = _exchange(4, 0.5)
    exchange.split_shares("AAA", Fraction(4))
    untouched = _told(exchange)
    assert untouched["indicators"]["quote"][0]["close"] == [100.0, 100.0, None, 100.0]
    assert list(untouched["events"]) == ["dividends"]
    exchange.advance(at(MARKET, 5, 0.5))
    told = _told(exchange)
    dividend, split = _opens(3, 5)
    rates = {"date": split, "numerator": 4, "denominator": 1, "splitRatio": "4:1"}
    assert told["events"] == {
        "dividends": {str(dividend): {"amount": 1.25, "date": dividend}},
        "splits": {str(split): rates},
    }
    (quote,) = told["indicators"]["quote"]
    assert (quote["close"], quote["volume"][0]) == ([25.0, 25.0, None, 25.0, 25.0], 4_000_000)
    assert told["indicators"]["adjclose"][0]["adjclose"] == [23.75, 23.75, None, 25.0, 25.0]


def _alpaca(exchange: ReplayExchange, timeframe: str = "1Day", adjustment: str = "") -> list[dict[str, Any]]:
    asked = {"symbols": "AAA", "timeframe": timeframe, "start": str(MARKET.hours[0].session), "adjustment": adjustment}
    body: Any = get_bars(exchange, Call(path={}, query=asked)).body
    return list(body["bars"]["AAA"])


def test_alpacas_bars_are_as_traded_or_adjusted_as_yahoos_are() -> None:
    exchange = _exchange(4, 0.5)
    exchange.split_shares("AAA", Fraction(4))
    exchange.advance(at(MARKET, 5, 1.0))
    for raw in ("", "raw", "spin-off"):
        assert [row["c"] for row in _alpaca(exchange, adjustment=raw)] == [100.0] * 5
    told = _told(exchange)["indicators"]
    (quote,), adjusted = told["quote"], told["adjclose"][0]["adjclose"]
    split = _alpaca(exchange, adjustment="split")
    names = {"o": "open", "h": "high", "l": "low", "c": "close", "v": "volume"}
    for short, name in names.items():
        assert [row[short] for row in split] == [value for value in quote[name] if value is not None], name
    for both in ("all", "split,dividend"):
        assert [row["c"] for row in _alpaca(exchange, adjustment=both)] == [row for row in adjusted if row is not None]
    assert [row["c"] for row in _alpaca(exchange, adjustment="dividend")] == [95.0, 95.0, 100.0, 100.0, 100.0]
    assert [row["c"] for row in _alpaca(exchange, "1Week", "split")] == [25.0, 100.0]
    assert {row["v"] * row["c"] for row in _alpaca(exchange, "23Hour", "split")} == {100_000_000.0}
    with pytest.raises(Refusal, match="adjustment must be of all, dividend, raw, spin-off, split"):
        _alpaca(exchange, adjustment="some")


def test_what_was_not_listed_yet_is_unknown_and_what_is_delisted_ends_with_its_last_bar() -> None:
    with pytest.raises(ChartRefusal, match="No data found"):
        _told(_exchange(3, 0.5), "NEW")
    assert _told(_exchange(4, 0.5), "NEW")["meta"]["firstTradeDate"] == _opens(3)[0]
    assert _told(_exchange(4, 0.5), "OLD")["timestamp"] == _opens(0)


def test_openings_follow_new_yorks_daylight_saving_time() -> None:
    market = small_market({"AAA": [DAY] * 60})
    hours = {
        datetime.fromtimestamp(at, UTC).strftime("%m-%d %H:%M") for at in _told(_exchange(59, 1.0, market))["timestamp"]
    }
    assert {"03-06 14:30", "03-09 13:30"} <= hours
    assert _told(_exchange(3, 0.5, market))["meta"]["gmtoffset"] == -18000
    assert _told(_exchange(59, 0.5, market))["meta"]["gmtoffset"] == -14400


@pytest.mark.parametrize(
    ("name", "first"), [("1d", 59), ("5d", 55), ("1mo", 38), ("3mo", 0), ("ytd", 0), ("10y", 0), ("max", 0)]
)
def test_a_range_ends_now(name: str, first: int) -> None:
    market = small_market({"AAA": [DAY] * 60})
    told = _told(_exchange(59, 1.0, market), range=name, interval="1d")
    assert told["timestamp"][0] == int(market.hours[first].open_at.timestamp())
    assert len(told["timestamp"]) == 60 - first
    assert told["meta"]["range"] == name


def test_a_period_begins_with_its_first_second_and_ends_before_its_last() -> None:
    exchange, (first, last) = _exchange(5, 0.5), _opens(1, 3)
    told = _told(exchange, interval="1d", period1=str(first), period2=str(last))
    assert told["timestamp"] == _opens(1, 2)
    assert told["meta"]["chartPreviousClose"] == 100.0
    empty = _told(exchange, interval="1d", period1=str(last + 1), period2=str(last + 2))
    assert "timestamp" not in empty
    assert empty["indicators"]["quote"] == [{}]


@pytest.mark.parametrize(
    ("change", "status", "told"),
    [
        ({"interval": "1m"}, 422, "interval='1m'"),
        ({"interval": ""}, 422, "interval=''"),
        ({"period1": "soon"}, 422, "period1='soon'"),
        ({"period2": ""}, 422, "period2=''"),
        ({"period1": "2", "period2": "1"}, 400, "startDate = 2, endDate = 1"),
        ({"range": "1mo"}, 422, "range='1mo'"),
        ({"events": "div,births"}, 422, "events='div,births'"),
        ({"includePrePost": "perhaps"}, 422, "includePrePost='perhaps'"),
        ({"currency": "EUR"}, 422, "currency='EUR'"),
    ],
)
def test_what_is_not_served_is_refused_in_yahoos_form_with_parameter_and_value(
    change: dict[str, str], status: int, told: str
) -> None:
    with pytest.raises(ChartRefusal) as found:
        _told(_exchange(3, 0.5), **{**EVER, **change})
    body: Any = found.value.body
    assert found.value.http_status == status
    assert body["chart"]["result"] is None
    assert told in body["chart"]["error"]["description"]


@pytest.mark.shared_data
def test_the_form_and_the_adjustment_are_those_of_an_answer_that_was_recorded(shared_data: Path) -> None:
    (real,) = recorded(shared_data, "chart-AAPL-2020-08-31-to-2020-11-07.json")["chart"]["result"]
    quote, close = real["indicators"]["quote"][0], real["indicators"]["adjclose"][0]["adjclose"]
    bars = list(zip(*(quote[name] for name in ("open", "high", "low", "close")), strict=True))
    market = small_market({"AAPL": bars}, dividends={"AAPL": {len(bars) - 1: 0.205}})
    exchange = _exchange(0, 0.0, market)
    exchange.split_shares("AAPL", Fraction(4))
    exchange.advance(at(market, len(bars) - 1, 1.0))
    told = _told(exchange, "AAPL")
    assert told.keys() == real.keys()
    assert told["meta"].keys() <= real["meta"].keys()
    assert told["indicators"].keys() == real["indicators"].keys()
    assert told["indicators"]["quote"][0].keys() == quote.keys()
    for kind, events in real["events"].items():
        assert [row.keys() for row in told["events"][kind].values()] == [row.keys() for row in events.values()]
    assert told["meta"]["currentTradingPeriod"].keys() == real["meta"]["currentTradingPeriod"].keys()
    ours = told["indicators"]["adjclose"][0]["adjclose"]
    steps = [(row[-2] / row[-1]) for row in (ours, close)]
    assert steps[0] == pytest.approx(steps[1], rel=1e-6)


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    """After its third session, with AAA renamed on the day after."""
    with in_thread(per_minute=30) as running:
        running.control("POST", "advance", {"to": "2020-01-09T13:00:00Z"})
        running.control("POST", "incidents", {"kind": "rename", "symbol": "AAA", "to": "NEW.A"})
        yield running


def _ask(server: Running, symbol: str, **query: str) -> requests.Response:
    asked = query or {"range": "max", "interval": "1d"}
    return requests.get(f"{server.rest}/v8/finance/chart/{symbol}", params=asked, timeout=10)


def test_it_asks_for_no_keys_and_speaks_yahoos_spelling_and_the_names_of_the_day(server: Running) -> None:
    for name, closes in (("BRK-B", [201.0] * 3), ("NEW-A", [103.0, 110.0, 92.0])):
        (result,) = _ask(server, name).json()["chart"]["result"]
        assert result["meta"]["symbol"] == name
        assert result["indicators"]["quote"][0]["close"] == closes
    error = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
    for name in ("AAA", "BRK.B", "ZZZ", "NEW.A"):
        answer = _ask(server, name)
        assert (answer.status_code, answer.json()) == (404, {"chart": {"result": None, "error": error}})
    assert _ask(server, "BRK-B", interval="1h").status_code == 422


def test_faults_and_the_limit_of_calls_meet_it_too(server: Running) -> None:
    server.control("POST", "faults", {"kind": "server_error", "status": 503, "path": "/v8/*"})
    assert [_ask(server, "BRK-B").status_code for _ in range(2)] == [503, 200]
    assert 429 in [_ask(server, "BRK-B").status_code for _ in range(31)]
