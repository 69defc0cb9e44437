"""The embedded model server: llama.cpp's OpenAI-compatible server as a child process on the loopback interface.

`EmbeddedModelServer` is the parent's side; `python -m tenthman.agents.embedded` is the child. The child answers only
to a key made for this start, ignores Ctrl-C (the desk decides when it ends), and dies with its parent: the kernel
tells it so on Linux, and on every system its standard input comes to an end.
"""

import ctypes
import json
import os
import secrets
import selectors
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import structlog

from tenthman.config import LanguageModelSettings
from tenthman.domain.errors import SetupError

log = structlog.get_logger(__name__)

START_DEADLINE_S = 120.0
STOP_DEADLINE_S = 5.0
LOG_TAIL_CHARACTERS = 600
HEALTH_EVERY_S = 0.05

THREAD_WAITING = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "20000"}
"""Threads that wait for one another spin for some microseconds and then sleep: pure sleeping makes a small model half
as quick, endless spinning makes a busy machine crawl."""

_PR_SET_PDEATHSIG = 1


class EmbeddedModelServer:
    """A model server for as long as the context lasts; `base_url` and `api_key` reach it once it is entered."""

    def __init__(self, weights: Path, settings: LanguageModelSettings, home: Path) -> None:
        self._weights = weights
        self._settings = settings
        self._log_path = home / "logs" / "model-server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.api_key = secrets.token_urlsafe(24)
        self.base_url = ""

    def __enter__(self) -> Self:
        began = time.monotonic()
        try:
            self.base_url = self._start(began + START_DEADLINE_S)
            self._await_health(began + START_DEADLINE_S)
        except BaseException:
            self.close()
            raise
        log.info("model server is ready", url=self.base_url, seconds=round(time.monotonic() - began, 2))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The child's process id; RuntimeError before the server is started or after it is closed."""
        if self._process is None:
            raise RuntimeError("the model server is not running")
        return self._process.pid

    def close(self) -> None:
        """Stop the server; closing twice is harmless."""
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        process.terminate()
        try:
            process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _start(self, deadline: float) -> str:
        self._log_path.parent.mkdir(parents=True, exist_ok=True)
        with self._log_path.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tenthman.agents.embedded"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, **THREAD_WAITING},
            )
        order = {
            "weights": str(self._weights),
            "api_key": self.api_key,
            "context_tokens": self._settings.context_tokens,
            "parallel": self._settings.parallel,
            "threads": self._settings.threads,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._failed("ended at once") from None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise self._failed(f"did not start within {START_DEADLINE_S:.0f} s")
        address = self._process.stdout.readline().decode().strip()
        if not address.startswith("http://127.0.0.1:"):
            raise self._failed("did not start")
        return address

    def _await_health(self, deadline: float) -> None:
        with httpx.Client(base_url=self.base_url, timeout=2.0, trust_env=False) as client:
            while time.monotonic() < deadline:
                try:
                    if client.get("/health").status_code == httpx.codes.OK:
                        return
                except httpx.HTTPError:
                    if self._process is None or self._process.poll() is not None:
                        raise self._failed("ended while it was starting") from None
                time.sleep(HEALTH_EVERY_S)
        raise self._failed(f"was not healthy within {START_DEADLINE_S:.0f} s")

    def _failed(self, how: str) -> SetupError:
        tail = self._log_path.read_text(encoding="utf-8", errors="replace")[-LOG_TAIL_CHARACTERS:].strip()
        return SetupError(f"the embedded model server {how}; its log {self._log_path} ends: {tail or '(empty)'}")


def serve() -> None:
    """The child: read the order from standard input, serve, and end when standard input does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _die_with_parent()
    line = sys.stdin.buffer.readline()
    if not line:
        return
    order = json.loads(line)
    # Held until the process ends: the server stops when it is collected.
    server = _llama_server(order)
    print(server.listening_address, flush=True)  # noqa: T201 the parent reads the address from here
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(0)


def _llama_server(order: dict[str, Any]) -> Any:
    """The library has no types; what is used of the server is its `listening_address`."""
    import xllamacpp

    threads, parallel = order["threads"], order["parallel"]
    params = xllamacpp.CommonParams()
    params.model.path = order["weights"]
    params.api_keys = [order["api_key"]]
    params.port = 0
    params.n_parallel = parallel
    params.n_ctx = order["context_tokens"] * parallel
    # Threads meet hundreds of times for each word written, but seldom while a prompt is read: a core too few then
    # stretches writing tenfold and reading hardly.
    params.cpuparams.n_threads = max(1, threads - 1)
    params.cpuparams_batch.n_threads = threads
    params.cache_ram_mib = 0
    params.endpoint_slots = False
    params.ui = False
    params.verbosity = 1
    return xllamacpp.Server(params)


def _die_with_parent() -> None:
    """Ask Linux for SIGKILL when the parent's thread ends; elsewhere the end of standard input has to do."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    serve()
