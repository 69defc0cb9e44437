"""The exchange in the foreground, for anybody's client: its accounts, its keys, its clock, and its end by a signal.

Keys and token are the same at every start. They keep accounts apart and are no secrets: the server listens on loopback,
and there is nothing to win.
"""

import asyncio
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import structlog
import uvicorn

from tenthman.config import CostSettings
from tenthman.domain.errors import SetupError
from tenthman.domain.market import MarketData
from tenthman.exchange.accounts import Keys, TradingAccount, Venue
from tenthman.exchange.alpaca_api import ServedExchange
from tenthman.exchange.alpaca_feeds import UNLIMITED, Plan
from tenthman.exchange.child import ANNOUNCED_PER_MINUTE, HOST, KEEP_ALIVE_S
from tenthman.exchange.clockwork import Clockwork
from tenthman.exchange.limits import RateLimit
from tenthman.exchange.market import ReplayExchange
from tenthman.exchange.orders import ALPACA_RULES, VenueRules
from tenthman.exchange.register import NAMES
from tenthman.exchange.stage import Stage
from tenthman.exchange.state import open_state

_log = structlog.get_logger(__name__)

CONTROL_TOKEN = "not-a-secret"  # noqa: S105 -- it says so itself
_TICK_S = 0.05
_KEEP_EVERY_S = 1.0
_LEAVE_WITHIN_S = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What to serve. `speed` is how many times real time, None: only the control moves time. `port` 0: any free one.

    `per_minute` limits the calls of each account, None: announced and never enforced. `wall` tells seconds since the
    epoch. `state` is where everything is kept that happens, None: nowhere. `plan` limits the data's websockets.
    """

    market: MarketData
    costs: CostSettings
    starting_cash: Decimal
    start: datetime
    accounts: int
    pays_dividends: bool
    speed: float | None
    port: int
    per_minute: int | None
    wall: Callable[[], float]
    state: Path | None
    rules: VenueRules = ALPACA_RULES
    plan: Plan = UNLIMITED


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """What a client needs: base addresses, one pair of keys an account, the control's token; and the time it is."""

    rest: str
    order_events: str
    market_data: str
    news: str
    control: str
    control_token: str
    accounts: tuple[Keys, ...]
    now: datetime
    repeated: int


def serve(serving: Serving, ready: Callable[[Addresses], None]) -> None:
    """Serve until SIGINT or SIGTERM; `ready` is called once connections are taken. SetupError: no port, or no state.

    So it ends, too, when time runs and the state can no longer be kept.
    """
    with listening(serving.port) as listener, prepared(serving) as (served, repeated):
        venue = served.edge.venue
        ready(addresses(listener.getsockname()[1], venue, repeated))
        asyncio.run(_run(served, listener, serving.speed))
        _log.info("exchange stopped", at=venue.now.isoformat())


@contextmanager
def prepared(serving: Serving) -> Iterator[tuple[ServedExchange, int]]:
    """The application, and how many entries of its state were repeated. SetupError where there can be no state."""
    clockwork = _clockwork(serving)
    with ExitStack() as stack:
        state = None if serving.state is None else stack.enter_context(open_state(serving.state, _identity(serving)))
        repeated = 0 if state is None else state.repeat(clockwork)
        yield ServedExchange(clockwork, CONTROL_TOKEN, state, serving.plan), repeated


def addresses(port: int, venue: Venue, repeated: int) -> Addresses:
    """Where and by whom a venue can be reached on `port`."""
    return Addresses(
        rest=f"http://{HOST}:{port}",
        order_events=f"ws://{HOST}:{port}/stream",
        market_data=f"ws://{HOST}:{port}/v2/iex",
        news=f"ws://{HOST}:{port}/v1beta1/news",
        control=f"http://{HOST}:{port}/control",
        control_token=CONTROL_TOKEN,
        accounts=tuple(account.keys for account in venue.accounts),
        now=venue.now,
        repeated=repeated,
    )


@contextmanager
def listening(port: int) -> Iterator[socket.socket]:
    """A socket on loopback. The protocol is named, so that asyncio switches Nagle's delay off, as in `child`."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError as error:
            raise SetupError(f"{HOST}:{port} cannot be listened on: {error.strerror}; name another --port") from None
        listener.listen(128)
        yield listener


def keys_of(number: int) -> Keys:
    """The keys of account `number`, counted from 1."""
    return Keys(key=f"TENTHMAN-{number}", secret=f"not-a-secret-{number}")


def _clockwork(serving: Serving) -> Clockwork:
    stage = Stage(serving.market)
    return Clockwork(Venue([_account(serving, stage, number) for number in range(1, serving.accounts + 1)]), stage)


def _account(serving: Serving, stage: Stage, number: int) -> TradingAccount:
    identity = uuid5(NAMESPACE_URL, f"tenthman:served:{serving.market.provenance.content_hash}:{number}")
    exchange = ReplayExchange(
        stage.market,
        serving.costs,
        serving.starting_cash,
        str(identity),
        serving.start,
        pays_dividends=serving.pays_dividends,
        rules=serving.rules,
        names=NAMES if number == 1 else identity,
    )
    return TradingAccount(keys_of(number), exchange, _limit(serving), _limit(serving))


def _limit(serving: Serving) -> RateLimit:
    is_enforced = serving.per_minute is not None
    return RateLimit(serving.per_minute or ANNOUNCED_PER_MINUTE, serving.wall, is_enforced=is_enforced)


def _identity(serving: Serving) -> dict[str, object]:
    return {
        "market": serving.market.provenance.content_hash,
        "start": serving.start.isoformat(),
        "accounts": serving.accounts,
        "cash": str(serving.starting_cash),
        "costs": serving.costs.model_dump(mode="json"),
        "dividends": serving.pays_dividends,
        "rules": {name: str(value) for name, value in asdict(serving.rules).items()},
    }


class _Server(uvicorn.Server):
    """uvicorn that ends at a signal and does not raise it again."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.leave)
        yield

    def leave(self, *_: object) -> None:
        """End in good order; at the second call at once."""
        self.force_exit = self.should_exit
        self.should_exit = True


async def _run(served: ServedExchange, listener: socket.socket, speed: float | None) -> None:
    server = _Server(
        uvicorn.Config(
            served.app,
            log_level="warning",
            access_log=False,
            lifespan="off",
            ws="websockets-sansio",
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=_LEAVE_WITHIN_S,
        )
    )
    ticking = None if speed is None else asyncio.create_task(_tick(served, speed))
    if ticking is not None:
        ticking.add_done_callback(server.leave)
    await server.serve(sockets=[listener])
    if ticking is not None:
        await _stop(ticking)


async def _stop(ticking: asyncio.Task[None]) -> None:
    """End the clock; SetupError where it had ended by itself, since the state could not be kept."""
    ticking.cancel()
    try:
        await ticking
    except asyncio.CancelledError:
        return
    except OSError as error:
        raise SetupError(f"the exchange stopped, since its state could not be kept: {error}") from error


async def _tick(served: ServedExchange, speed: float) -> None:
    """Move time with the wall's, `speed` times as fast; at least once a second that is kept."""
    last = kept = time.monotonic()
    while True:
        await asyncio.sleep(_TICK_S)
        async with served.edge.lock:
            now = time.monotonic()
            to = served.edge.venue.now + timedelta(seconds=(now - last) * speed)
            must_keep = now - kept >= _KEEP_EVERY_S
            served.control.move(to, must_keep=must_keep)
            last, kept = now, now if must_keep else kept
