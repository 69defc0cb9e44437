"""Each failure of a model server at each backend: its state, a message that says what to do, and the next case."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import httpx
import pytest
from tenthman_seats import asking

from tenthman.agents.analyst import ANALYST
from tenthman.agents.base import case_text
from tenthman.agents.committee import NO_MODEL, Standing, review
from tenthman.agents.exam_cases import exam_cases
from tenthman.agents.llm_interface import open_language_model, recorded_digest
from tenthman.agents.tape import tape_only, taped
from tenthman.agents.wires import openai_wire
from tenthman.config import LanguageModelSettings, load_config
from tenthman.db.pool import Pool
from tenthman.domain.errors import SetupError
from tenthman.domain.opinion import Ask, Critique, ReplyState, Stance
from tenthman.utils.bounded_http import BoundedTransport

AGENTS = load_config(Path(__file__).parents[3] / "config", {}).agents
CASES = {item.name: item.case for item in exam_cases()}
FIRST, NEXT = CASES["raised forecast"], CASES["buyback"]
BINDING = Standing(model="m", digest="d", binding=True)
SHRINK = json.dumps({"reasons": ["weak_edge"], "cited": ["f1"], "confidence_pct": 50, "stance": "shrink"})
DEADLINE_S = 1.0
BACKENDS = ("embedded", "openai", "ollama")
LONG = "the request exceeds the available context size (2300 tokens, 2048 allowed)"


@dataclass(kw_only=True)
class Server:
    """`act` is what becomes of questions whose case has `about` among its headlines; all others are answered."""

    act: str = "good"
    status: int = 200
    about: str = "raises no forecast"
    release: threading.Event = field(default_factory=threading.Event)


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send({"models": [{"model": "m", "digest": "d" * 64}]})

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["messages"][1]["content"]
            acts: dict[str, Callable[[], object]] = {
                "good": lambda: self._answer(SHRINK),
                "hang": lambda: server.release.wait(30),
                "cut": lambda: self._send({"choices": "x" * 200}, short_by=100),
                "flood": lambda: self._answer("x" * (3 << 20)),
                "half": lambda: self._answer(SHRINK[:30], "length"),
            }
            act = server.act if server.about in asked else "good"
            acts.get(act, lambda: self._send({"error": act}, server.status))()

        def _answer(self, text: str, ended: str = "stop") -> None:
            chat = {"choices": [{"message": {"content": text}, "finish_reason": ended}]}
            own = {"message": {"role": "assistant", "content": text}, "done": True, "done_reason": ended}
            self._send(own if self.path == "/api/chat" else chat)

        def _send(self, body: object, status: int = 200, short_by: int = 0) -> None:
            raw = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw[: len(raw) - short_by])

        def log_message(self, *args: object) -> None:
            """Quiet."""

    return Handler


@pytest.fixture
def server() -> Iterator[Server]:
    """Told by the test before it asks; every hang ends with the test."""
    told = Server(about="Halden lifts full-year profit forecast")
    yield told
    told.release.set()


@pytest.fixture(params=BACKENDS)
def ask(
    request: pytest.FixtureRequest,
    server: Server,
    language: LanguageModelSettings,
    serve: Callable[[type[BaseHTTPRequestHandler]], AbstractContextManager[str]],
    tmp_path: Path,
) -> Iterator[Ask]:
    """Each wire before a server that does as `server` says; the embedded one without its own process."""
    with serve(_handler(server)) as address:
        changes = {"backend": request.param, "model": "m", "base_url": address, "reply_timeout_s": DEADLINE_S}
        settings = language.model_copy(update=changes)
        if request.param == "embedded":
            with httpx.Client(base_url=address, timeout=DEADLINE_S, transport=BoundedTransport(DEADLINE_S)) as client:
                yield asking(openai_wire(client, settings, compact=True), settings)
        else:
            with open_language_model(settings, tmp_path) as model:
                yield model.ask
        server.release.set()


def _analyst(ask: Ask) -> Critique:
    """The analyst's opinion of the case that the server fails on, after the cycle has gone on to the next."""
    alone = review(FIRST, None, AGENTS, NO_MODEL, 0.0)
    found = review(FIRST, ask, AGENTS, BINDING, 0.0, (ANALYST,))
    assert found.verdict == alone.verdict, "without an answer the rules critic decides"
    after = review(NEXT, ask, AGENTS, BINDING, 0.0, (ANALYST,))
    assert [critique.state for critique in after.critiques] == [ReplyState.ANSWERED] * 3
    assert after.critiques[1].stance is Stance.SHRINK
    return found.critiques[0]


@pytest.mark.parametrize(
    ("act", "status", "state", "message"),
    [
        ("hang", 200, ReplyState.TIMED_OUT, "nothing whole came within 1 s: raise `reply_timeout_s`"),
        ("cut", 200, ReplyState.UNREACHABLE, "the line broke before the answer was whole: see the log of"),
        ("flood", 200, ReplyState.INVALID, "at most 1048576 bytes, had at least"),
        ("flood", 200, ReplyState.INVALID, "no server of short answers"),
        ("half", 200, ReplyState.TRUNCATED, "raise `roles.analyst.max_tokens`"),
        ("<html>Welcome</html>", 200, ReplyState.INVALID, "See `language.backend` and `language.base_url`"),
        (LONG, 400, ReplyState.INVALID, "raise `context_tokens`"),
        ("schema not supported", 400, ReplyState.INVALID, "does not take the schema"),
        ("busy", 503, ReplyState.UNREACHABLE, "lower `language.parallel`"),
        ("who are you", 401, ReplyState.UNREACHABLE, "asks for a key and the desk sends none"),
        ("out of memory", 500, ReplyState.UNREACHABLE, "): see the log of"),
        ("model 'm' not found", 404, ReplyState.UNREACHABLE, "no model 'm'"),
    ],
    ids=lambda value: value.value if isinstance(value, ReplyState) else str(value)[:20],
)
def test_a_failure_has_its_state_and_a_message_and_the_cycle_goes_on(
    ask: Ask, server: Server, act: str, status: int, state: ReplyState, message: str
) -> None:
    server.act, server.status = act, status
    critique = _analyst(ask)
    assert critique.state is state
    assert message.replace("`", "'") in critique.detail
    assert critique.stance is Stance.NONE


def test_a_server_that_recites_the_question_in_its_complaint_is_not_quoted(ask: Ask, server: Server) -> None:
    server.act, server.status = "bad request: You check one planned purchase of a stock.", 400
    critique = _analyst(ask)
    assert critique.state is ReplyState.INVALID
    assert critique.detail == "the cause is left out, it recites the prompt"


@pytest.mark.parametrize(("backend", "remedy"), [("openai", "language.base_url"), ("embedded", "model-server.log")])
def test_no_server_is_named_with_its_place_and_a_remedy_but_without_a_password(
    backend: str, remedy: str, language: LanguageModelSettings
) -> None:
    settings = language.model_copy(update={"backend": backend, "base_url": "http://user:hidden@127.0.0.1:9"})
    with httpx.Client(base_url="http://127.0.0.1:9", transport=BoundedTransport(DEADLINE_S)) as client:
        found = review(FIRST, asking(openai_wire(client, settings, compact=False), settings), AGENTS, BINDING, 0)
    assert {critique.state for critique in found.critiques[:-1]} == {ReplyState.UNREACHABLE}
    assert "no server answers at 127.0.0.1:9" in found.critiques[0].detail
    assert remedy in found.critiques[0].detail
    assert "hidden" not in repr(found)


def test_a_model_that_is_not_pulled_is_refused_at_the_start_with_the_pull_and_what_is_there(
    language: LanguageModelSettings,
    serve: Callable[[type[BaseHTTPRequestHandler]], AbstractContextManager[str]],
    tmp_path: Path,
) -> None:
    with serve(_handler(Server())) as address:
        settings = language.model_copy(update={"backend": "ollama", "model": "mistral:7b", "base_url": address})
        for look in (lambda: recorded_digest(settings, tmp_path), open_language_model(settings, tmp_path).__enter__):
            with pytest.raises(SetupError, match=r"run `ollama pull mistral:7b`, or name one that it has \(m\)"):
                look()


def test_a_digest_is_looked_up_at_the_server_itself_whatever_proxy_is_named(
    language: LanguageModelSettings,
    serve: Callable[[type[BaseHTTPRequestHandler]], AbstractContextManager[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    with serve(_handler(Server())) as address:
        settings = language.model_copy(update={"backend": "ollama", "model": "m", "base_url": address})
        with open_language_model(settings, tmp_path) as model:
            assert recorded_digest(settings, tmp_path) == model.digest


def test_the_message_is_on_the_tape_with_the_reply(ask: Ask, server: Server, pool: Pool) -> None:
    server.act, server.status = LONG, 400
    fresh = review(FIRST, taped(ask, pool, "d"), AGENTS, BINDING, 0.0, (ANALYST,))
    played = review(FIRST, tape_only(pool, "d"), AGENTS, BINDING, 0.0, (ANALYST,))
    assert played == fresh
    assert "context_tokens" in played.critiques[0].detail
    server.act, server.status = "out of memory", 500
    review(FIRST, taped(ask, pool, "e"), AGENTS, BINDING, 0.0, (ANALYST,))
    with pool.connection() as connection:
        told = connection.execute("SELECT DISTINCT failure FROM unanswered_prompts WHERE model_digest = 'e'").fetchall()
    assert [("out of memory" in text, "server failed" in text) for (text,) in told] == [(True, True)]


def test_a_clock_that_jumped_makes_no_headline_younger_than_new() -> None:
    ahead = replace(FIRST.passages[0], known_at=FIRST.as_of + timedelta(days=400))
    late = replace(FIRST.passages[0], known_at=FIRST.as_of - timedelta(days=400))
    for passage, age in ((ahead, " 0d"), (late, " 400d")):
        (line,) = [
            text
            for text in case_text(replace(FIRST, passages=(passage,))).splitlines()
            if text.startswith(f"{passage.id} ")
        ]
        assert line.endswith(age)
