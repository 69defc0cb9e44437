"""What a role has of its own reaches the server: its model, its temperature, its deadline."""

import json
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tenthman.agents.base import render
from tenthman.agents.committee import ADVISERS, COMMITTEE, Standing, language_critiques, role_settings
from tenthman.agents.exam_cases import exam_cases
from tenthman.agents.llm_interface import open_language_model, recorded_digest
from tenthman.config import LanguageModelSettings, Roles, load_config
from tenthman.domain.errors import SetupError
from tenthman.domain.opinion import ReplyState

AGENTS = load_config(Path(__file__).parents[3] / "config", {}).agents
CASE = exam_cases()[0].case
GOOD = {"reasons": "weak_edge", "cited": "f1", "confidence_pct": 50, "stance": "shrink"}
BODY = {"choices": [{"message": {"content": json.dumps(GOOD)}, "finish_reason": "stop"}], "usage": {}}
CLOCK = {"timings": {"prompt_ms": 12.4, "predicted_ms": 30.6}}


class Server:
    """Answers every question alike and keeps what it was asked; hangs on the models in `slow`."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.slow: set[str] = set()
        self.release = threading.Event()

    def handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.asked.append(body)
                if body["model"] in server.slow:
                    server.release.wait(30)
                raw = json.dumps({**BODY, **CLOCK}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *args: object) -> None:
                """Quiet."""

        return Handler


Serve = Callable[[type[BaseHTTPRequestHandler]], AbstractContextManager[str]]


def _roles(**own: dict[str, object]) -> Roles:
    return AGENTS.roles.model_copy(
        update={name: getattr(AGENTS.roles, name).model_copy(update=changes) for name, changes in own.items()}
    )


def _settings(language: LanguageModelSettings, address: str) -> LanguageModelSettings:
    return language.model_copy(update={"backend": "openai", "model": "m", "base_url": address, "parallel": 4})


def test_each_role_is_asked_with_its_own_model_temperature_and_bound(
    language: LanguageModelSettings, serve: Serve, tmp_path: Path
) -> None:
    server = Server()
    roles = _roles(bear={"model": "other", "temperature": 0.7}, bull={"max_tokens": 33}, risk={"enabled": False})
    agents = AGENTS.model_copy(update={"roles": roles})
    with (
        serve(server.handler()) as address,
        open_language_model(_settings(language, address), tmp_path, roles) as model,
    ):
        standing = Standing(model=model.name, digest=model.digest, binding=False)
        critiques = language_critiques(CASE, model.ask, agents, standing)
    by_bear, *others = sorted(server.asked, key=lambda body: body["model"] != "other")
    assert (by_bear["model"], by_bear["temperature"]) == ("other", 0.7)
    assert {body["model"] for body in others} == {"m"}
    assert {body["temperature"] for body in others} == {language.temperature}
    assert 33 in {body["max_tokens"] for body in others}
    assert [critique.role.value for critique in critiques] == ["analyst", "bull", "bear", "committee"]
    assert [critique.model for critique in critiques] == ["m", "m", "other", "m"]


def test_a_roles_deadline_is_its_own_and_the_others_wait_as_configured(
    language: LanguageModelSettings, serve: Serve, tmp_path: Path
) -> None:
    server = Server()
    server.slow = {"other"}
    roles = _roles(bear={"model": "other", "deadline_s": 0.3})
    prompts = tuple(render(CASE, brief, role_settings(roles, brief), prose=False) for brief in ADVISERS)
    with (
        serve(server.handler()) as address,
        open_language_model(_settings(language, address), tmp_path, roles) as model,
    ):
        began = time.monotonic()
        replies = model.ask(prompts)
        server.release.set()
    assert time.monotonic() - began < 20
    states = {prompt.role.value: reply.state for prompt, reply in zip(prompts, replies, strict=True)}
    assert states.pop("bear") is ReplyState.TIMED_OUT
    assert set(states.values()) == {ReplyState.ANSWERED}


def test_a_reply_tells_how_it_was_asked_and_how_long_the_server_took(
    language: LanguageModelSettings, serve: Serve, tmp_path: Path
) -> None:
    server = Server()
    roles = _roles(committee={"temperature": 0.25, "deadline_s": 9.0})
    prompt = render(CASE, COMMITTEE, roles.committee, prose=False, extra={"opinions": "none"})
    with (
        serve(server.handler()) as address,
        open_language_model(_settings(language, address), tmp_path, roles) as model,
    ):
        (reply,) = model.ask((prompt,))
    assert (reply.read_ms, reply.write_ms) == (12, 31)
    told = json.loads(reply.options_json)
    assert told == {
        "backend": "openai",
        "model": "m",
        "temperature": 0.25,
        "seed": language.seed,
        "context_tokens": language.context_tokens,
        "max_tokens": roles.committee.max_tokens,
        "deadline_s": 9.0,
    }


def test_only_what_an_answer_depends_on_changes_the_digest(language: LanguageModelSettings, tmp_path: Path) -> None:
    settings = _settings(language, "http://127.0.0.1:9")
    plain = recorded_digest(settings, tmp_path)
    assert recorded_digest(settings, tmp_path, AGENTS.roles) == plain
    assert recorded_digest(settings, tmp_path, _roles(bear={"deadline_s": 3.0})) == plain
    warm = recorded_digest(settings, tmp_path, _roles(bear={"temperature": 0.9}))
    other = recorded_digest(settings, tmp_path, _roles(bear={"model": "other"}))
    assert len({plain, warm, other}) == 3
    with open_language_model(settings, tmp_path, _roles(bear={"model": "other"})) as model:
        assert model.digest == other


def test_the_embedded_server_serves_one_model_and_says_so(language: LanguageModelSettings, tmp_path: Path) -> None:
    with (
        pytest.raises(SetupError, match=r"roles\.bear\.model"),
        open_language_model(language, tmp_path, _roles(bear={"model": "mistral:7b"})),
    ):
        pass
    with pytest.raises(SetupError, match=r"roles\.bear\.model"):
        recorded_digest(language, tmp_path, _roles(bear={"model": "mistral:7b"}))
