"""Requests a second of one client: our exchange beside a bare endpoint of Starlette that answers the same bytes.

Both are served by the same server with the same settings in a process of their own and are asked in turns. What is
counted is the processor time of client and server together, so that other work on the machine does not matter much:
one client waits for the server and the server for the client, so on a machine of its own that is the time that passes.
"""

import http.client
import json
import multiprocessing
import os
import socket
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tenthman.config import load_config
from tenthman.data.calendar import sessions_between
from tenthman.exchange.practice import make_practice_market, practice_range
from tenthman.exchange.process import ExchangeProcess
from tenthman.execution.client import AlpacaBroker

REQUESTS = 300
ROUNDS = 9
BROKER_REQUESTS = 1_000
RESTING = 1_000

Ask = Callable[[int], None]


def _serve_bare(answer: bytes, listener: socket.socket) -> None:
    async def endpoint(_: Request) -> Response:
        return Response(answer, media_type="application/json")

    app = Starlette(routes=[Route("/v2/account", endpoint, methods=["GET"])])
    config = uvicorn.Config(
        app, log_level="critical", access_log=False, lifespan="off", ws="websockets-sansio", timeout_keep_alive=600
    )
    uvicorn.Server(config).run(sockets=[listener])


@contextmanager
def _bare(answer: bytes) -> Iterator[tuple[int, int]]:
    """Port and process id of the bare endpoint."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        process = multiprocessing.get_context("fork").Process(target=_serve_bare, args=(answer, listener))
        process.start()
        try:
            yield listener.getsockname()[1], process.pid or 0
        finally:
            process.terminate()
            process.join()


class Caller:
    """One connection that is kept."""

    def __init__(self, port: int, headers: dict[str, str]) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._headers = headers

    def __call__(self, method: str, path: str, body: str | None = None) -> bytes:
        self._connection.request(method, path, body, self._headers)
        answer = self._connection.getresponse()
        content = answer.read()
        assert answer.status < 300, content
        return content

    def get(self, path: str) -> Ask:
        def ask(_: int) -> None:
            self("GET", path)

        return ask

    def send(self, symbol: str, name: str) -> str:
        """Send an order that rests; its id."""
        wanted = {"symbol": symbol, "qty": 1, "side": "buy", "type": "limit", "limit_price": 0.01}
        body = json.dumps({**wanted, "time_in_force": "gtc", "client_order_id": name})
        return str(json.loads(self("POST", "/v2/orders", body))["id"])

    def order(self, symbol: str) -> Ask:
        """An order that rests, and its cancellation: two requests, four events."""

        def ask(number: int) -> None:
            self("DELETE", f"/v2/orders/{self.send(symbol, f'bench-{number}')}")

        return ask


def _processor_s(pid: int) -> float:
    return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0]) / 1e9


def _cost(ask: Ask, pid: int, first: int) -> float:
    """Processor seconds of one call, client and server together."""
    client, server = time.process_time(), _processor_s(pid)
    for number in range(first, first + REQUESTS):
        ask(number)
    return (time.process_time() - client + _processor_s(pid) - server) / REQUESTS


def main() -> None:
    """Print requests a second, the median of several turns, and the ratio to the bare endpoint."""
    settings = load_config(None, os.environ).settings
    market = make_practice_market(1, "null", sessions_between(*practice_range()))
    start = market.hours[1000].open_at
    log = Path(tempfile.mkdtemp(prefix="tenthman-bench-")) / "exchange.log"
    with ExchangeProcess(market, settings.costs, Decimal(100_000), "bench", start, log) as exchange:
        headers = {"APCA-API-KEY-ID": exchange.key, "APCA-API-SECRET-KEY": exchange.secret}
        ours = Caller(int(exchange.rest_url.rsplit(":", 1)[1]), headers)
        _compare(ours, exchange.pid, headers, market.panel.tickers[0])
        broker = AlpacaBroker(exchange.rest_url, exchange.key, exchange.secret, settings.broker)
        began = time.perf_counter()
        for _ in range(BROKER_REQUESTS):
            broker.account()
        print(f"account through alpaca-py: {BROKER_REQUESTS / (time.perf_counter() - began):,.0f} requests/s")
        began = time.perf_counter()
        for number in range(1, 101):
            exchange.advance(start + timedelta(minutes=30 * number))
        print(f"virtual clock: {100 / (time.perf_counter() - began):,.0f} half-hours/s with an empty book")


def _compare(ours: Caller, pid: int, headers: dict[str, str], symbol: str) -> None:
    with _bare(ours("GET", "/v2/account")) as (port, bare_pid):
        bare = Caller(port, headers).get("/v2/account")
        asked = {
            "account": (ours.get("/v2/account"), 1),
            "clock": (ours.get("/v2/clock"), 1),
            "last price": (ours.get(f"/v2/stocks/trades/latest?symbols={symbol}"), 1),
            "order sent and cancelled": (ours.order(symbol), 2),
        }
        rates: dict[str, list[float]] = {"bare endpoint": [], **{name: [] for name in asked}}
        for turn in range(ROUNDS):
            rates["bare endpoint"].append(1 / _cost(bare, bare_pid, 0))
            for name, (ask, requests) in asked.items():
                rates[name].append(requests / _cost(ask, pid, turn * REQUESTS))
        for name, found in rates.items():
            ratio = statistics.median(a / b for a, b in zip(found, rates["bare endpoint"], strict=True))
            print(f"{name}: {statistics.median(found):,.0f} requests/s, {ratio:.2f} of the bare endpoint")
        for number in range(RESTING):
            ours.send(symbol, f"resting-{number}")
        again = [2 / _cost(ours.order(symbol), pid, (ROUNDS + turn) * REQUESTS) for turn in range(3)]
        print(f"the same beside {RESTING:,} orders that rest: {statistics.median(again):,.0f} requests/s")


if __name__ == "__main__":
    main()
