"""The committee: seconds a ticker with the embedded model, and what the interface itself adds to a call.

A call's own cost is taken with a loopback server that answers at once, so that all else is the desk's: rendering,
HTTP, reading the reply. CPU seconds a ticker stand beside the wall's, since they hardly depend on what else runs.
"""

import json
import os
import resource
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from tenthman.agents.bench import bench_cases, measure
from tenthman.agents.committee import Standing, language_critiques
from tenthman.agents.llm_interface import open_language_model
from tenthman.config import Config, load_config

CASES = int(os.environ.get("BENCH_CASES", "12"))
CALLS = 40
ANSWER = {"reasons": "weak_edge", "cited": "f1", "confidence_pct": 50, "stance": "shrink"}
BODY = json.dumps({"choices": [{"message": {"content": json.dumps(ANSWER)}, "finish_reason": "stop"}]}).encode()


class _AtOnce(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self) -> None:
        """The same answer to everything."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *args: object) -> None:
        """Quiet."""


@contextmanager
def at_once() -> Iterator[str]:
    """The address of a server that answers at once."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _AtOnce)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def interface(config: Config, home: Path) -> None:
    """Print the milliseconds that a call takes when the model takes none."""
    with at_once() as address:
        language = config.models.language.model_copy(update={"backend": "openai", "model": "m", "base_url": address})
        with open_language_model(language, home) as model:
            standing = Standing(model=model.name, digest=model.digest, binding=False)
            spent, worked = [], time.process_time()
            for case in bench_cases(CALLS):
                began = time.perf_counter()
                spoken = language_critiques(case, model.ask, config.agents, standing)
                spent.append((time.perf_counter() - began) * 1000 / len(spoken))
            cpu = (time.process_time() - worked) * 1000 / (CALLS * 5)
    middle, late = np.percentile(spent, [50, 95])
    print(
        f"interface: {middle:.2f} ms a call, 95th percentile {late:.2f} ms, {cpu:.2f} CPU ms with the server's own "
        f"({CALLS} cases)"
    )


def embedded(config: Config, home: Path) -> None:
    """Print seconds, states, tokens and memory of the embedded model."""
    with open_language_model(config.models.language, home, config.agents.roles) as model:
        done = measure(model, config.agents, config.models.language.context_tokens, CASES)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = (used.ru_utime + used.ru_stime) / (CASES + 2)
    print(
        f"five agents: median {done.seconds_by_ticker.p50:.1f} s a ticker, 95th percentile "
        f"{done.seconds_by_ticker.p95:.1f} s, {cpu:.1f} CPU seconds ({CASES} cases); {dict(done.states)}; "
        f"{used.ru_maxrss / 1024:.0f} MiB at most"
    )


def main() -> None:
    """Both, in a home of their own."""
    config = load_config(None, os.environ)
    home = Path(tempfile.mkdtemp(prefix="tenthman-bench-"))
    interface(config, home)
    embedded(config, home)


if __name__ == "__main__":
    main()
