"""One embedded model server for the module, and a loopback server that speaks Ollama's and OpenAI's API before it."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from tenthman.agents.embedded import EmbeddedModelServer
from tenthman.agents.weights import find_weights
from tenthman.config import LanguageModelSettings, load_config

SETTINGS = load_config(Path(__file__).parents[3] / "config", {}).models.language
OLLAMA_DIGEST = "6577803aa9a036369e481d648a2baebb381ebc6e897f2bb9a766a2aa7bfbc1cf"


@pytest.fixture(scope="module")
def language() -> LanguageModelSettings:
    """The shipped settings of the language model."""
    return SETTINGS


@pytest.fixture(scope="module")
def model_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedModelServer]:
    """The real embedded model."""
    home = tmp_path_factory.mktemp("model")
    with EmbeddedModelServer(find_weights(SETTINGS.model), SETTINGS, home) as server:
        yield server


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """A loopback server for as long as the context lasts; yields its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    # A client that hangs up early is what some tests are about.
    server.handle_error = lambda request, client_address: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="session")
def serve() -> Callable[[type[BaseHTTPRequestHandler]], AbstractContextManager[str]]:
    """How to serve a handler on the loopback interface."""
    return serving


@pytest.fixture(scope="module")
def shim(model_server: EmbeddedModelServer) -> Iterator[str]:
    """Ollama's `/api/*` and a keyless `/v1/*` in front of the real embedded model."""

    class Shim(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            tags = {"models": [{"model": "smollm2:latest", "name": "smollm2:latest", "digest": OLLAMA_DIGEST}]}
            pages = {"/api/tags": tags, "/api/version": {"version": "0.33.0"}}
            self._send(200 if self.path in pages else 404, pages.get(self.path, {"error": "not found"}))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == "/v1/chat/completions":
                self._send(*_forward(model_server, body))
            elif body["model"] != "smollm2":
                self._send(404, {"error": f"model '{body['model']}' not found"})
            elif not body["messages"]:
                loaded = {"model": "smollm2", "created_at": "2026-01-05T14:00:00Z", "done": True, "done_reason": "load"}
                self._send(200, loaded | {"message": {"role": "assistant", "content": ""}})
            else:
                status, answer = _forward(model_server, _from_ollama(body))
                self._send(status, _to_ollama(answer) if status == 200 else {"error": str(answer)})

        def _send(self, status: int, body: dict[str, Any]) -> None:
            raw = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *args: object) -> None:
            """Quiet."""

    with serving(Shim) as address:
        yield address


def _forward(server: EmbeddedModelServer, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    key = {"Authorization": f"Bearer {server.api_key}"}
    response = httpx.post(f"{server.base_url}/v1/chat/completions", json=body, headers=key, timeout=120)
    return response.status_code, response.json()


def _from_ollama(body: dict[str, Any]) -> dict[str, Any]:
    options = body["options"]
    assert (body["stream"], body["truncate"], body["shift"]) == (False, False, False)
    return {
        "messages": body["messages"],
        "max_tokens": options["num_predict"],
        "temperature": options["temperature"],
        "seed": options["seed"],
        "grammar": f"%llguidance {{}}\nstart: %json {json.dumps(body['format'])}",
    }


def _to_ollama(answer: dict[str, Any]) -> dict[str, Any]:
    choice = answer["choices"][0]
    return {
        "model": "smollm2",
        "created_at": "2026-01-05T14:00:00Z",
        "message": {"role": "assistant", "content": choice["message"]["content"]},
        "done": True,
        "done_reason": choice["finish_reason"],
        "prompt_eval_count": answer["usage"]["prompt_tokens"],
        "eval_count": answer["usage"]["completion_tokens"],
    }
