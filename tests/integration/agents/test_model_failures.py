"""A model server that hangs, refuses, floods, breaks off or babbles: each failure has its own state, none is raised."""

import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tenthman.agents.base import render
from tenthman.agents.committee import ADVISERS
from tenthman.agents.exam_cases import exam_cases
from tenthman.agents.llm_interface import LanguageModel, open_language_model
from tenthman.config import LanguageModelSettings, load_config
from tenthman.domain.errors import SetupError
from tenthman.domain.opinion import Prompt, Reply, ReplyState

AGENTS = load_config(Path(__file__).parents[3] / "config", {}).agents
PROMPTS = tuple(render(exam_cases()[0].case, brief, AGENTS.roles.analyst, prose=False) for brief in ADVISERS)
DEADLINE_S = 1.0

OPENAI = {"choices": [{"message": {"content": "{}"}, "finish_reason": "stop"}]}
ENDLESS = {"timings": {"prompt_ms": 10**400, "predicted_ms": -1}, "prompt_eval_duration": 10**400, "eval_duration": -1}
OLLAMA = {"model": "m", "message": {"role": "assistant", "content": "{}"}, "done": True, "done_reason": "stop"}


class Misbehaviour:
    """What the server does next; `release` ends every hang."""

    def __init__(self) -> None:
        self.plan: list[str] = []
        self.asked = 0
        self.release = threading.Event()
        self.lock = threading.Lock()

    def next(self) -> str:
        with self.lock:
            self.asked += 1
            return self.plan.pop(0) if len(self.plan) > 1 else self.plan[0]


@pytest.fixture
def misbehaviour() -> Iterator[Misbehaviour]:
    """Told by the test before it asks."""
    plan = Misbehaviour()
    yield plan
    plan.release.set()


def _handler(misbehaviour: Misbehaviour) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(json.dumps({"models": [{"model": "m", "digest": "d" * 64}]}).encode())

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            good = OPENAI if self.path.startswith("/v1") else OLLAMA
            act = misbehaviour.next()
            acts: dict[str, Callable[[], object]] = {
                "hang": lambda: misbehaviour.release.wait(30),
                "cut": lambda: self._send(b'{"choices": [', claimed=1000),
                "flood": lambda: self._send(b'"' + b"x" * (3 << 20) + b'"'),
                "drip": self._drip,
                "pack": lambda: self._send(gzip.compress(b" " * (8 << 20)), encoding="gzip"),
                "endless": lambda: self._send(json.dumps({**good, **ENDLESS}).encode()),
                "good": lambda: self._send(json.dumps(good).encode()),
            }
            if act.isdigit():
                self._send(b'{"error": "no"}', status=int(act))
            else:
                acts.get(act, lambda: self._send(act.encode()))()

        def _drip(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            while not misbehaviour.release.wait(0.05):
                self.wfile.write(b" ")

        def _send(self, raw: bytes, status: int = 200, claimed: int | None = None, encoding: str = "") -> None:
            self.send_response(status)
            if encoding:
                self.send_header("Content-Encoding", encoding)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(claimed or len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *args: object) -> None:
            """Quiet."""

    return Handler


@pytest.fixture(params=["openai", "ollama"])
def model(
    request: pytest.FixtureRequest,
    misbehaviour: Misbehaviour,
    language: LanguageModelSettings,
    serve: Callable[[type[BaseHTTPRequestHandler]], AbstractContextManager[str]],
    tmp_path: Path,
) -> Iterator[LanguageModel]:
    """Both wires, on a server that does as `misbehaviour` says."""
    with serve(_handler(misbehaviour)) as address:
        changes = {"backend": request.param, "model": "m", "base_url": address, "parallel": 4}
        settings = language.model_copy(update={**changes, "reply_timeout_s": DEADLINE_S})
        with open_language_model(settings, tmp_path) as opened:
            yield opened
        misbehaviour.release.set()


def _one(model: LanguageModel, prompt: Prompt = PROMPTS[0]) -> Reply:
    (reply,) = model.ask((prompt,))
    assert reply.prompt_hash == prompt.hash
    return reply


@pytest.mark.parametrize(
    ("act", "state"),
    [
        ("good", ReplyState.ANSWERED),
        ("endless", ReplyState.ANSWERED),
        ("hang", ReplyState.TIMED_OUT),
        ("drip", ReplyState.TIMED_OUT),
        ("cut", ReplyState.UNREACHABLE),
        ("flood", ReplyState.INVALID),
        ("pack", ReplyState.INVALID),
        ("503", ReplyState.UNREACHABLE),
        ("500", ReplyState.UNREACHABLE),
        ("404", ReplyState.UNREACHABLE),
        ("400", ReplyState.INVALID),
        ("not json", ReplyState.INVALID),
        ("[]", ReplyState.INVALID),
        ("null", ReplyState.INVALID),
        ('{"choices": []}', ReplyState.INVALID),
        ('{"choices": [{"message": {"content": null}, "finish_reason": "stop"}]}', ReplyState.INVALID),
        ('{"message": {"role": "assistant", "content": "{}"}, "done_reason": "load"}', ReplyState.INVALID),
        ('{"message": "text"}', ReplyState.INVALID),
        ("[" * 200_000, ReplyState.INVALID),
    ],
    ids=lambda value: value.value if isinstance(value, ReplyState) else value[:30],
)
def test_each_misbehaviour_has_its_state_and_none_is_raised(
    model: LanguageModel, misbehaviour: Misbehaviour, act: str, state: ReplyState
) -> None:
    misbehaviour.plan = [act]
    reply = _one(model)
    assert reply.state is state
    assert (reply.text == "{}") == (state is ReplyState.ANSWERED)


def test_a_busy_server_is_asked_again_twice_and_no_more(model: LanguageModel, misbehaviour: Misbehaviour) -> None:
    misbehaviour.plan = ["503", "503", "good"]
    assert _one(model).state is ReplyState.ANSWERED
    misbehaviour.asked, misbehaviour.plan = 0, ["503"]
    assert _one(model).state is ReplyState.UNREACHABLE
    assert misbehaviour.asked == 3


def test_a_hang_is_left_after_the_reply_timeout(model: LanguageModel, misbehaviour: Misbehaviour) -> None:
    misbehaviour.plan = ["hang"]
    began = time.monotonic()
    _one(model)
    assert DEADLINE_S * 0.9 < time.monotonic() - began < DEADLINE_S * 10


def test_questions_put_together_fail_one_by_one(model: LanguageModel, misbehaviour: Misbehaviour) -> None:
    misbehaviour.plan = ["good", "500", "good", "flood"]
    replies = model.ask(PROMPTS)
    assert [reply.prompt_hash for reply in replies] == [prompt.hash for prompt in PROMPTS]
    assert sorted(reply.state.value for reply in replies) == ["answered", "answered", "invalid", "unreachable"]


def test_a_server_that_is_gone_is_unreachable(language: LanguageModelSettings, tmp_path: Path) -> None:
    changes = {"backend": "openai", "base_url": "http://127.0.0.1:9/v1", "model": "m"}
    with open_language_model(language.model_copy(update=changes), tmp_path) as model:
        assert _one(model).state is ReplyState.UNREACHABLE


@pytest.mark.parametrize("address", ["", "localhost:11434", "ftp://host/", "http://"])
@pytest.mark.parametrize("backend", ["openai", "ollama"])
def test_an_address_that_is_none_is_refused_at_start(
    language: LanguageModelSettings, tmp_path: Path, backend: str, address: str
) -> None:
    changes = {"backend": backend, "base_url": address, "model": "m"}
    with (
        pytest.raises(SetupError, match="base_url"),
        open_language_model(language.model_copy(update=changes), tmp_path),
    ):
        pass
