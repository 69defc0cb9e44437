"""What is said to Ollama: the model is loaded before the first question, and nothing is cut off in silence."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tenthman.agents import llm_interface
from tenthman.agents.analyst import ANALYST
from tenthman.agents.base import render
from tenthman.agents.exam_cases import exam_cases
from tenthman.agents.llm_interface import LanguageModel, open_language_model, recorded_digest
from tenthman.config import EmbeddingSettings, LanguageModelSettings, load_config
from tenthman.domain.errors import SetupError
from tenthman.domain.opinion import ReplyState
from tenthman.news.ollama_embedder import OllamaEmbedder

ROLE = load_config(Path(__file__).parents[3] / "config", {}).agents.roles.analyst
PROMPT = render(exam_cases()[0].case, ANALYST, ROLE, prose=False)
Serve = Callable[[type[BaseHTTPRequestHandler]], AbstractContextManager[str]]


@contextmanager
def opened(
    serve: Serve, language: LanguageModelSettings, home: Path, heard: list[dict[str, Any]], loads: int
) -> Iterator[LanguageModel]:
    """A model of a server that writes down what it is asked and answers a preload with the status `loads`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(200, {"models": [{"model": "m", "digest": "d" * 64}]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            heard.append(body)
            ended = "stop" if body["messages"] else "load"
            told = {"message": {"role": "assistant", "content": "{}"}, "done": True, "done_reason": ended}
            self._send(200 if body["messages"] else loads, told)

        def _send(self, status: int, body: object) -> None:
            raw = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *args: object) -> None:
            """Quiet."""

    with serve(Handler) as address:
        settings = language.model_copy(update={"backend": "ollama", "model": "m", "base_url": f"{address}/v1"})
        with open_language_model(settings, home) as model:
            yield model


def test_a_load_that_hangs_holds_up_a_start_for_a_moment_only_and_once_a_model(
    serve: Serve, language: LanguageModelSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(llm_interface, "LOAD_WAIT_S", 0.1)
    agents = load_config(Path(__file__).parents[3] / "config", {}).agents
    roles = agents.roles.model_copy(update={"bear": agents.roles.bear.model_copy(update={"deadline_s": 7.0})})
    loads: list[int] = []
    ended, given_up = threading.Event(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            raw = json.dumps({"models": [{"model": "m", "digest": "d" * 64}]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def do_POST(self) -> None:
            loads.append(int(self.headers["Content-Length"]))
            given_up.set() if not ended.wait(20) else None
            self.send_error(500)

        def log_message(self, *args: object) -> None:
            """Quiet."""

    with serve(Handler) as address:
        settings = language.model_copy(update={"backend": "ollama", "model": "m", "base_url": address})
        with capture_logs() as told, open_language_model(settings, tmp_path, roles):
            assert not given_up.is_set(), "the start did not wait for the load"
        ended.set()
    assert len(loads) == 1
    assert [item["event"][:31] for item in told] == ["the model is still being loaded"]


def test_a_server_that_does_not_answer_is_named_by_its_place_without_a_password(
    language: LanguageModelSettings, tmp_path: Path
) -> None:
    address = "http://user:hidden@127.0.0.1:9/v1"
    settings = language.model_copy(update={"backend": "ollama", "model": "m", "base_url": address})
    with pytest.raises(SetupError, match=r"`language.base_url`, 127\.0\.0\.1:9: .*`ollama serve`") as refusal:
        recorded_digest(settings, tmp_path)
    assert "hidden" not in str(refusal.value)


@pytest.mark.parametrize("loads", [200, 500])
def test_the_model_is_loaded_before_the_first_question_and_a_failure_of_that_is_no_failure(
    serve: Serve, language: LanguageModelSettings, tmp_path: Path, loads: int
) -> None:
    heard: list[dict[str, Any]] = []
    with opened(serve, language, tmp_path, heard, loads) as model:
        assert [body["messages"] for body in heard] == [[]]
        (reply,) = model.ask((PROMPT,))
    assert reply.state is ReplyState.ANSWERED
    load, question = heard
    assert question["options"] == load["options"] | {"num_predict": PROMPT.max_tokens}, "other options load it again"
    assert question["options"]["num_ctx"] == language.context_tokens
    for body in heard:
        assert (body["truncate"], body["shift"], body["stream"], body["keep_alive"]) == (False, False, False, "30m")
    assert question["format"]["properties"]["stance"]["enum"] == list(ANALYST.stances)
    assert [message["role"] for message in question["messages"]] == ["system", "user"]


def test_a_host_that_is_looked_up_for_ever_is_told_as_a_server_that_does_not_answer(
    language: LanguageModelSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: ended.wait(20))
    address = "http://models.example:11434"
    changes = {"backend": "ollama", "model": "m", "base_url": address, "connect_timeout_s": 0.1}
    with pytest.raises(SetupError, match=r"Ollama does not answer at `language.base_url`.*not looked up in time"):
        recorded_digest(language.model_copy(update=changes), tmp_path)
    with pytest.raises(SetupError, match=r"Ollama does not answer at `embedding.base_url`.*not looked up in time"):
        OllamaEmbedder(EmbeddingSettings(backend="ollama", model="m", base_url=address, reply_timeout_s=0.2, threads=1))
    ended.set()


def test_a_list_of_models_that_is_nested_without_end_is_told_in_one_line(
    serve: Serve, language: LanguageModelSettings, tmp_path: Path
) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            self.wfile.write(b"[" * 100_000)

        def log_message(self, *args: object) -> None:
            """Quiet."""

    with serve(Handler) as address:
        settings = language.model_copy(update={"backend": "ollama", "model": "m", "base_url": address})
        with pytest.raises(SetupError, match=r"Ollama does not answer at `language.base_url`, 127\.0\.0\.1:\d+: "):
            recorded_digest(settings, tmp_path)
