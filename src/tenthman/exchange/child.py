"""The child's side of the exchange process: read the orders, serve, and go when the parent goes."""

import asyncio
import contextlib
import json
import os
import pickle
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import BinaryIO

import uvicorn

from tenthman.config import CostSettings
from tenthman.domain.market import MarketData
from tenthman.exchange.accounts import Keys, TradingAccount, Venue
from tenthman.exchange.alpaca_api import ServedExchange
from tenthman.exchange.clockwork import Clockwork
from tenthman.exchange.limits import RateLimit
from tenthman.exchange.market import ReplayExchange
from tenthman.exchange.stage import Stage

HOST = "127.0.0.1"
_ORPHAN_CHECK_S = 0.5
_LEAVE_WITHIN_S = 1.0
KEEP_ALIVE_S = 600
ANNOUNCED_PER_MINUTE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """All that the child is told, through its standard input. `parent` is the process id that it must outlive not."""

    market: MarketData
    costs: CostSettings
    starting_cash: Decimal
    account_id: str
    start: datetime
    pays_dividends: bool
    key: str
    secret: str
    control_token: str
    parent: int


class _Server(uvicorn.Server):
    """uvicorn, without its handling of signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def run(commands: BinaryIO) -> None:
    """Serve what `commands` orders until it ends. The port is told on standard output, as JSON."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    orders: Orders = pickle.load(commands)  # noqa: S301 -- written by our own parent through a private pipe
    server = _Server(
        uvicorn.Config(
            _served(orders).app,
            log_level="warning",
            access_log=False,
            lifespan="off",
            ws="websockets-sansio",
            timeout_keep_alive=KEEP_ALIVE_S,
        )
    )
    listener = _listen()
    sys.stdout.write(json.dumps({"port": listener.getsockname()[1]}) + "\n")
    sys.stdout.flush()
    threading.Thread(target=_watch_pipe, args=(commands, server), daemon=True).start()
    threading.Thread(target=_watch_parent, args=(orders.parent, server), daemon=True).start()
    asyncio.run(server.serve(sockets=[listener]))


def _served(orders: Orders) -> ServedExchange:
    """One account, whose rate limit is announced and never enforced: the exchange's minutes are virtual."""
    stage = Stage(orders.market)
    exchange = ReplayExchange(
        stage.market,
        orders.costs,
        orders.starting_cash,
        orders.account_id,
        orders.start,
        pays_dividends=orders.pays_dividends,
    )

    def now() -> float:
        return exchange.now.timestamp()

    limit = RateLimit(ANNOUNCED_PER_MINUTE, now, is_enforced=False)
    account = TradingAccount(Keys(key=orders.key, secret=orders.secret), exchange, limit, limit)
    return ServedExchange(Clockwork(Venue((account,)), stage), orders.control_token)


def _listen() -> socket.socket:
    """asyncio switches Nagle's delay off only where the protocol is named; with it each answer takes 40 ms more."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind((HOST, 0))
    listener.listen(128)
    return listener


def _watch_pipe(commands: BinaryIO, server: _Server) -> None:
    commands.read(1)
    _leave(server)


def _watch_parent(parent: int, server: _Server) -> None:
    """The pipe's end may live on in another child of the parent; the parent itself cannot."""
    while os.name != "posix" or os.getppid() == parent:
        time.sleep(_ORPHAN_CHECK_S)
    _leave(server)


def _leave(server: _Server) -> None:
    """Ask politely, then leave: neither a listener on the stream nor a long step of time may keep an orphan alive."""
    server.should_exit = True
    time.sleep(_LEAVE_WITHIN_S)
    os._exit(0)


if __name__ == "__main__":
    run(sys.stdin.buffer)
