"""The exchange served in the foreground: in a process of its own, which can be killed, or in a thread of the test.

Run as a script it serves the small market with the options of its first argument, a JSON object.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests
import uvicorn
from alpaca.trading.client import TradingClient
from tenthman_exchange import COSTS
from tenthman_markets import small_market

from tenthman.domain.canonical import plain
from tenthman.domain.market import MarketData
from tenthman.exchange.alpaca_feeds import UNLIMITED, Plan
from tenthman.exchange.orders import ALPACA_RULES, VenueRules
from tenthman.exchange.serve import Addresses, Serving, addresses, listening, prepared, serve

WALL = 1_800_000_000.0
BARS = {
    "AAA": [(100.0, 104.0, 98.0, 103.0), (103.0, 112.0, 101.0, 110.0), (90.0, 95.0, 85.0, 92.0)] * 2,
    "BRK-B": [(200.0, 202.0, 198.0, 201.0)] * 6,
}
MARKET = small_market(BARS, dividends={"AAA": {3: 0.5}})


@dataclass(frozen=True, kw_only=True)
class Running:
    """A served exchange: what it told of itself, and its process, where it has one of its own."""

    told: Mapping[str, Any]
    process: subprocess.Popen[str] | None = None

    @property
    def rest(self) -> str:
        return str(self.told["rest"])

    def client(self, number: int = 1) -> TradingClient:
        keys = self.told["accounts"][number - 1]
        return TradingClient(keys["key"], keys["secret"], url_override=self.rest)

    def headers(self, number: int = 1) -> dict[str, str]:
        keys = self.told["accounts"][number - 1]
        return {"APCA-API-KEY-ID": keys["key"], "APCA-API-SECRET-KEY": keys["secret"]}

    def control(self, method: str, path: str, body: object = None) -> Any:
        answer = requests.request(
            method,
            f"{self.told['control']}/{path}",
            json=body,
            headers={"X-Control-Token": self.told["control_token"]},
            timeout=10,
        )
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()


@contextmanager
def running(command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> Iterator[Running]:
    """A command that serves an exchange and tells of it in JSON; ended by SIGINT, as a Ctrl-C does."""
    with subprocess.Popen(
        [*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        lines: list[str] = []
        for line in process.stdout:
            lines.append(line)
            if line == "}\n":
                break
        try:
            if not lines:
                assert process.stderr is not None
                raise AssertionError(process.stderr.read())
            yield Running(process=process, told=json.loads("".join(lines)))
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=20)


@contextmanager
def small(**options: object) -> Iterator[Running]:
    """The small market, served by this file: `accounts`, `speed`, `per_minute`, `state`."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    with running([sys.executable, __file__, json.dumps(options, default=str)], environment) as found:
        yield found


@contextmanager
def in_thread(market: MarketData = MARKET, **options: Any) -> Iterator[Running]:
    """A market served by a thread of this process, on a free port; time is moved by the control alone."""
    with listening(0) as listener, prepared(serving(market, **options)) as (served, repeated):
        told = addresses(listener.getsockname()[1], served.edge.venue, repeated)
        config = uvicorn.Config(
            served.app, log_level="critical", access_log=False, lifespan="off", ws="websockets-sansio"
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield Running(told=json.loads(json.dumps(plain(asdict(told)))))
        finally:
            server.force_exit = server.should_exit = True
            thread.join()


def serving(
    market: MarketData,
    *,
    accounts: int = 1,
    speed: float | None = None,
    per_minute: int | None = None,
    state: str | Path | None = None,
    rules: VenueRules = ALPACA_RULES,
    plan: Plan = UNLIMITED,
    port: int = 0,
) -> Serving:
    """What to serve of `market`, with dividends and a wall clock that stands."""
    return Serving(
        market=market,
        costs=COSTS,
        starting_cash=Decimal(100_000),
        start=market.hours[0].open_at,
        accounts=accounts,
        pays_dividends=True,
        speed=speed,
        port=port,
        per_minute=per_minute,
        wall=lambda: WALL,
        state=None if state is None else Path(state),
        rules=rules,
        plan=plan,
    )


def _tell(told: Addresses) -> None:
    sys.stdout.write(json.dumps(plain(asdict(told)), indent=2) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    serve(serving(MARKET, **json.loads(sys.argv[1])), _tell)
