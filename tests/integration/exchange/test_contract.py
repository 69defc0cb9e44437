"""What the exchange answers has the shapes that Alpaca publishes, asked sensibly and asked wildly."""

import json
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import response_schema_conformance
from tenthman_exchange import served
from tenthman_markets import HALT, at, small_market

from tenthman.domain.news import NewsItem, TimePrecision
from tenthman.exchange.alpaca_routes import ENDPOINTS
from tenthman.exchange.process import ExchangeProcess

pytestmark = pytest.mark.shared_data

SPECIFICATIONS = ("trading-api", "market-data-api")
OTHER_NAMES = {
    "/v2/positions/{symbol}": "/v2/positions/{symbol_or_asset_id}",
    "/v2/assets/{symbol}": "/v2/assets/{symbol_or_asset_id}",
    "/v2/account/activities/{kind}": "/v2/account/activities/{activity_type}",
}
EMPTY_TEXTS = ("author", "content", "summary")
"""The published contract wants at least a letter in these; Alpaca sends them empty all the same, and so does this."""


def _story(at_: datetime) -> NewsItem:
    return NewsItem(
        id="story",
        headline="A headline",
        summary="",
        source="test",
        url="https://example.org/story",
        published_at=at_,
        known_at=at_,
        precision=TimePrecision.INSTANT,
        tickers=("AAA",),
    )


MARKET = small_market(
    {
        "AAA": [(100.0, 104.0, 98.0, 103.0), (103.0, 112.0, 101.0, 110.0), (110.0, 113.0, 105.0, 111.0)] * 2,
        "BRK-B": [(200.0, 202.0, 198.0, 201.0)] * 6,
        "HHH": [(50.0, 51.0, 49.0, 50.0)] * 2 + [HALT] * 2 + [(50.0, 51.0, 49.0, 50.0)] * 2,
    },
    headlines=[_story(datetime(2020, 1, 6, 15, tzinfo=UTC))],
    dividends={"AAA": {2: 0.5}},
)


def _read(folder: Path, name: str) -> dict[str, Any]:
    with tarfile.open(folder / "api_recordings.tar.gz") as archive:
        file = archive.extractfile(f"alpaca/openapi/{name}.json")
        assert file is not None
        raw: dict[str, Any] = json.load(file)
    kept = {OTHER_NAMES.get(endpoint.path, endpoint.path) for endpoint in ENDPOINTS}
    raw["paths"] = {path: operations for path, operations in raw["paths"].items() if path in kept}
    for text in EMPTY_TEXTS:
        raw["components"]["schemas"].get("news", {}).get("properties", {}).get(text, {}).pop("minLength", None)
    return raw


@pytest.fixture(scope="module")
def contract(shared_data: Path) -> dict[str, BaseSchema]:
    return {name: schemathesis.openapi.from_dict(_read(shared_data, name)) for name in SPECIFICATIONS}


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExchangeProcess]:
    """An exchange in its fourth session with fills, a dividend, a position, and orders of every kind."""
    start = MARKET.hours[0].open_at
    with served(MARKET, start, tmp_path_factory.mktemp("contract"), pays_dividends=True) as process:
        yield process


@pytest.fixture(scope="module")
def caller(exchange: ExchangeProcess) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.headers.update({"APCA-API-KEY-ID": exchange.key, "APCA-API-SECRET-KEY": exchange.secret})
        yield session


def _published(schema: BaseSchema) -> dict[tuple[str, str], Any]:
    operations = [found.ok() for found in schema.get_all_operations()]
    return {(operation.method.upper(), operation.path): operation for operation in operations}


class Conversation:
    """Calls on the exchange, each answer held against the contract."""

    def __init__(self, url: str, session: requests.Session, contract: BaseSchema) -> None:
        self._url = url
        self._session = session
        self._published = _published(contract)
        self._held: set[tuple[str, str]] = set()

    @property
    def untold(self) -> set[tuple[str, str]]:
        """What is published and was not asked."""
        return set(self._published) - self._held

    def __call__(self, method: str, path: str, status: int = 200, *, body: object = None, **names: str) -> Any:
        address, _, query = path.partition("?")
        real = address.format(**names)
        answer = self._session.request(method, f"{self._url}{real}?{query}", json=body, timeout=10)
        assert answer.status_code == status, (method, real, answer.text)
        self._published[method, address].validate_response(answer)
        self._held.add((method, address))
        return answer.json() if answer.content else None


def _buy(name: str, **more: object) -> dict[str, object]:
    order = {"symbol": "AAA", "qty": 10, "side": "buy", "type": "market", "time_in_force": "day"}
    return {**order, "client_order_id": name, **more}


def test_every_answer_of_a_trading_life_has_the_published_shape(
    exchange: ExchangeProcess, caller: requests.Session, contract: dict[str, BaseSchema]
) -> None:
    ask = Conversation(exchange.rest_url, caller, contract["trading-api"])
    ask("GET", "/v2/account")
    ask("GET", "/v2/positions")
    bought = ask("POST", "/v2/orders", body=_buy("first"))
    ask("POST", "/v2/orders", 422, body=_buy("first"))
    ask("POST", "/v2/orders", 403, body=_buy("rich", qty=1_000_000))
    legs = {"take_profit": {"limit_price": 250.5}, "stop_loss": {"stop_price": 150.5}}
    bracket = _buy("legs", symbol="BRK.B", type="limit", limit_price=210.5, order_class="bracket", **legs)
    ask("POST", "/v2/orders", body={**bracket, "time_in_force": "gtc"})
    resting = ask("POST", "/v2/orders", body=_buy("low", type="limit", limit_price=50.5, time_in_force="gtc"))
    moved = ask("PATCH", "/v2/orders/{order_id}", body={"limit_price": 51.5}, order_id=resting["id"])
    ask("GET", "/v2/orders?status=all&nested=true&limit=500&direction=asc")
    ask("GET", "/v2/orders?status=open&symbols=AAA,BRK.B&side=buy&after=2020-01-01")
    ask("GET", "/v2/orders/{order_id}?nested=true", order_id=bought["id"])
    ask("GET", "/v2/orders:by_client_order_id?client_order_id=legs")
    ask("DELETE", "/v2/orders/{order_id}", 204, order_id=moved["id"])
    ask("DELETE", "/v2/orders/{order_id}", 422, order_id=bought["id"])
    exchange.advance(at(MARKET, 3, 0.5))
    ask("GET", "/v2/positions")
    ask("GET", "/v2/positions/{symbol_or_asset_id}", symbol_or_asset_id="AAA")
    ask("DELETE", "/v2/positions/{symbol_or_asset_id}?percentage=30", symbol_or_asset_id="AAA")
    for path in ("", "/configurations", "/activities", "/activities?page_size=1&direction=asc", "/portfolio/history"):
        ask("GET", f"/v2/account{path}")
    ask("GET", "/v2/account/portfolio/history?period=1D&timeframe=5Min")
    ask("GET", "/v2/account/activities/{activity_type}", activity_type="DIV")
    ask("PATCH", "/v2/account/configurations", body={"suspend_trade": False, "trade_confirm_email": "none"})
    ask("GET", "/v2/clock")
    ask("GET", "/v2/calendar?start=2020-01-06&end=2020-01-10")
    ask("GET", "/v2/assets?status=active")
    ask("GET", "/v2/assets/{symbol_or_asset_id}", symbol_or_asset_id="BRK.B")
    ask("GET", "/v2/assets/{symbol_or_asset_id}", 404, symbol_or_asset_id="ZZZ")
    assert [row["status"] for row in ask("DELETE", "/v2/positions?cancel_orders=true", 207)] == [200, 200]
    ask("DELETE", "/v2/orders", 207)
    assert ask.untold == set()


def test_every_answer_on_prices_and_news_has_the_published_shape(
    exchange: ExchangeProcess, caller: requests.Session, contract: dict[str, BaseSchema]
) -> None:
    exchange.advance(at(MARKET, 3, 0.5) + timedelta(minutes=1))
    ask = Conversation(exchange.rest_url, caller, contract["market-data-api"])
    for frame in ("1Day", "1Min", "1Hour", "1Week", "3Month"):
        ask("GET", f"/v2/stocks/bars?symbols=AAA,BRK.B,HHH,ZZZ&timeframe={frame}&start=2020-01-01&limit=50")
        ask("GET", f"/v2/stocks/{{symbol}}/bars?timeframe={frame}&start=2020-01-01&sort=desc", symbol="AAA")
    for what in ("bars/latest", "quotes/latest", "trades/latest", "snapshots"):
        ask("GET", f"/v2/stocks/{what}?symbols=AAA,HHH")
        ask("GET", f"/v2/stocks/{what}", 400)
    for what in ("bars/latest", "quotes/latest", "trades/latest", "snapshot"):
        ask("GET", f"/v2/stocks/{{symbol}}/{what}", symbol="BRK.B")
    actions = ask("GET", "/v1/corporate-actions?symbols=AAA&start=2020-01-01&end=2020-12-31")
    assert [row["rate"] for row in actions["corporate_actions"]["cash_dividends"]] == [0.5]
    assert len(ask("GET", "/v1beta1/news?symbols=AAA&start=2020-01-01T00:00:00Z&limit=5")["news"]) == 1
    assert ask.untold == set()


@pytest.mark.parametrize("name", SPECIFICATIONS)
def test_no_question_that_the_contract_allows_or_forbids_makes_the_exchange_fail(
    exchange: ExchangeProcess, caller: requests.Session, contract: dict[str, BaseSchema], name: str
) -> None:
    """Wild calls made by schemathesis: never a 5xx, and where a status is published, the body has its shape."""
    asked = []
    for result in contract[name].get_all_operations():
        operation = result.ok()

        @given(case=operation.as_strategy())
        @settings(
            max_examples=5,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def holds(case: schemathesis.Case) -> None:
            answer = case.call(base_url=exchange.rest_url, session=caller, timeout=10)
            case.validate_response(answer, checks=[not_a_server_error, response_schema_conformance])

        holds()
        asked.append(operation.label)
    assert len(asked) > 8
