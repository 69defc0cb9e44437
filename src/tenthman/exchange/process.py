"""The exchange as a child process: started with a market, moved by its owner, gone when its owner is gone.

The market and the secrets reach the child through its standard input, so neither stands on a command line or in a
file. The child stops when that pipe closes or its parent changes, whichever it sees first; a Ctrl-C on the terminal
does not reach it, because it leads a session of its own.
"""

import contextlib
import json
import os
import pickle
import secrets
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import httpx
import structlog

from tenthman.config import CostSettings
from tenthman.domain.errors import BrokerUnavailable, SetupError
from tenthman.domain.market import MarketData
from tenthman.exchange.child import HOST, Orders

_log = structlog.get_logger(__name__)

_START_WITHIN_S = 60.0
_STOP_WITHIN_S = 5.0
_ADVANCE_WITHIN_S = 120.0
_CONNECT_WITHIN_S = 5.0
_KEPT_OF_LOG = 400


class ExchangeProcess:
    """An exchange in a child process, between `__enter__` and `__exit__`. `log` receives what the child writes.

    `rest_url` serves trading and market data, `stream_url` the order events; both want `key` and `secret`.
    """

    def __init__(
        self,
        market: MarketData,
        costs: CostSettings,
        starting_cash: Decimal,
        account_id: str,
        start: datetime,
        log: Path,
        *,
        pays_dividends: bool = False,
    ) -> None:
        self.key = f"TM{secrets.token_hex(9).upper()}"
        self.secret = secrets.token_urlsafe(30)
        self._token = secrets.token_urlsafe(30)
        self._orders = Orders(
            market=replace(market, scenarios=dict(market.scenarios), truth={}),
            costs=costs,
            starting_cash=starting_cash,
            account_id=account_id,
            start=start,
            pays_dividends=pays_dividends,
            key=self.key,
            secret=self.secret,
            control_token=self._token,
            parent=os.getpid(),
        )
        self._log = log
        self._child: subprocess.Popen[bytes] | None = None
        self._control = httpx.Client(
            headers={"X-Control-Token": self._token},
            timeout=httpx.Timeout(_ADVANCE_WITHIN_S, connect=_CONNECT_WITHIN_S),
            trust_env=False,
        )
        self._port = 0

    @property
    def rest_url(self) -> str:
        """Scheme, host and port, as alpaca-py's `url_override` wants it."""
        return f"http://{HOST}:{self._port}"

    @property
    def stream_url(self) -> str:
        """The complete address of the order events."""
        return f"ws://{HOST}:{self._port}/stream"

    @property
    def pid(self) -> int:
        """Process id of the child; 0 before it is started."""
        return 0 if self._child is None else self._child.pid

    def __enter__(self) -> Self:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "tenthman.exchange.child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._port = self._hand_over(self._child)
        except BaseException:
            self.close()
            raise
        _log.info("exchange started", url=self.rest_url, pid=self.pid)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def advance(self, to: datetime) -> int:
        """Move the exchange's clock to `to`; how many order events that caused. BrokerUnavailable if it is gone."""
        answer = self._call("POST", "/control/advance", {"to": to.isoformat()})
        return int(str(answer["events"]))

    def play(self, incident: Mapping[str, str]) -> None:
        """Let something happen to the market, as docs/exchange.md tells. BrokerUnavailable if it is refused or gone."""
        self._call("POST", "/control/incidents", dict(incident))

    def listeners(self) -> int:
        """How many connections listen to the order events. BrokerUnavailable if the exchange is gone."""
        return int(str(self._call("GET", "/control/health", None)["listeners"]))

    def close(self) -> None:
        """Stop the child; safe to call twice."""
        self._control.close()
        child, self._child = self._child, None
        if child is None:
            return
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                _close_quietly(pipe)
        try:
            child.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    def _hand_over(self, child: subprocess.Popen[bytes]) -> int:
        assert child.stdin is not None
        assert child.stdout is not None
        alarm = threading.Timer(_START_WITHIN_S, child.kill)
        alarm.start()
        try:
            pickle.dump(self._orders, child.stdin, protocol=pickle.HIGHEST_PROTOCOL)
            child.stdin.flush()
            line = child.stdout.readline()
        except BrokenPipeError:
            line = b""
        finally:
            alarm.cancel()
        if not line:
            raise SetupError(f"the exchange did not start within {_START_WITHIN_S:.0f} s; {self._last_words()}")
        return int(json.loads(line)["port"])

    def _call(self, method: str, path: str, body: dict[str, str] | None) -> dict[str, object]:
        if self._child is None:
            raise BrokerUnavailable("the exchange is not running")
        try:
            answer = self._control.request(method, f"{self.rest_url}{path}", json=body)
        except httpx.HTTPError as error:
            cause = f"the exchange does not answer ({type(error).__name__}); {self._last_words()}"
            raise BrokerUnavailable(cause) from error
        if answer.status_code != httpx.codes.OK:
            raise BrokerUnavailable(f"the exchange answered {answer.status_code}: {answer.text[:_KEPT_OF_LOG]}")
        told: dict[str, object] = answer.json()
        return told

    def _last_words(self) -> str:
        try:
            tail = self._log.read_text(encoding="utf-8", errors="replace")[-_KEPT_OF_LOG:].strip()
        except OSError:
            tail = ""
        return f"see {self._log}: {tail}" if tail else f"see {self._log}"


def _close_quietly(pipe: IO[bytes]) -> None:
    """A pipe whose other end is gone complains when its buffer is flushed; there is nobody left to read it."""
    with contextlib.suppress(BrokenPipeError):
        pipe.close()
