"""No more questions are put at once than the server says it serves."""

import json
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tenthman.agents.base import render
from tenthman.agents.committee import ADVISERS
from tenthman.agents.exam_cases import exam_cases
from tenthman.agents.llm_interface import open_language_model
from tenthman.config import LanguageModelSettings, load_config

AGENTS = load_config(Path(__file__).parents[3] / "config", {}).agents
PROMPTS = tuple(render(exam_cases()[0].case, brief, AGENTS.roles.analyst, prose=False) for brief in ADVISERS)
GOOD = {"choices": [{"message": {"content": "{}"}, "finish_reason": "stop"}]}


class Door:
    """Counts who is inside at once; the first waits a little for company."""

    def __init__(self) -> None:
        self.inside = self.most = 0
        self._lock = threading.Lock()
        self._company = threading.Event()

    def pass_through(self) -> None:
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
            if self.inside > 1:
                self._company.set()
        self._company.wait(0.3)
        with self._lock:
            self.inside -= 1


@pytest.mark.parametrize(
    ("props", "parallel", "most"),
    [
        ({"total_slots": 1}, 1, 1),
        ({"total_slots": 9}, 4, 4),
        ({"total_slots": True}, 4, 4),
        ({"error": "no such page"}, 4, 4),
        ([], 4, 4),
    ],
)
def test_questions_at_once_are_bounded_by_what_the_server_says(
    props: object,
    parallel: int,
    most: int,
    language: LanguageModelSettings,
    serve: Callable[[type[BaseHTTPRequestHandler]], AbstractContextManager[str]],
    tmp_path: Path,
) -> None:
    door = Door()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(props)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            door.pass_through()
            self._send(GOOD)

        def _send(self, body: object) -> None:
            raw = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *args: object) -> None:
            pass

    with serve(Handler) as address:
        settings = language.model_copy(
            update={"backend": "openai", "model": "m", "base_url": address, "parallel": 4, "reply_timeout_s": 10.0}
        )
        with open_language_model(settings, tmp_path) as model:
            assert model.parallel == parallel
            assert len(model.ask(PROMPTS)) == len(PROMPTS)
    assert door.most <= most
    assert (door.most > 1) == (most > 1)
