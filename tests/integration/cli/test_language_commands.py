"""`models exam`, `models bench` and `prompts check` against a loopback server that reads figures as a model would."""

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tenthman_command import CONFIG

from tenthman.agents import prompt_check
from tenthman.agents.exam import prompts_hash
from tenthman.agents.exam_cases import exam_cases
from tenthman.cli.app import app
from tenthman.config import load_config
from tenthman.db.pool import Pool
from tenthman.domain.errors import ConfigError, LLMError, SetupError


class Reader(BaseHTTPRequestHandler):
    """Vetoes a sharp fall, a lost edge and a book in drawdown; `dull` lets all pass, `gone` breaks off."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    mood = "reads"
    asked = named = 0

    def do_POST(self) -> None:
        Reader.asked += 1
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        Reader.named += "Halden" in str(body) or "HLDN" in str(body)
        if Reader.mood == "gone":
            self.close_connection = True
            return
        schema = body["response_format"]["json_schema"]["schema"]["properties"]
        said = {"reasons": schema["reasons"]["enum"][0], "cited": "f1", "confidence_pct": 60}
        told = {**said, "stance": self._stance(body["messages"][1]["content"], schema["stance"]["enum"])}
        answer = {"choices": [{"message": {"content": json.dumps(told)}, "finish_reason": "stop"}]}
        raw = json.dumps({**answer, "usage": {"prompt_tokens": 400, "completion_tokens": 25}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    @staticmethod
    def _stance(case: str, allowed: list[str]) -> str:
        figures = {name: float(value) for name, value in re.findall(r"^f\d+ (\w+) (\S+)$", case, re.MULTILINE)}
        bad = figures["move_atr"] < -2 or figures["p_buy"] < figures["p_sell"] or figures["drawdown"] > 0.02
        stance = "veto" if bad and Reader.mood == "reads" else "approve"
        return stance if stance in allowed else "shrink"

    def log_message(self, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fresh_database_url: str) -> Iterator[tuple[str, ...]]:
    """A reading server, as options; home and database are this test's own."""
    monkeypatch.setenv("TENTHMAN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TENTHMAN_CONFIG", str(CONFIG))
    monkeypatch.setenv("DATABASE_URL", fresh_database_url)
    Reader.mood, Reader.asked, Reader.named = "reads", 0, 0
    web = ThreadingHTTPServer(("127.0.0.1", 0), Reader)
    web.daemon_threads = True
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield "--backend", "openai", "--model", "m", "--base-url", f"http://127.0.0.1:{web.server_address[1]}"
    web.shutdown()
    web.server_close()
    thread.join()


def _run(*arguments: str) -> int | None:
    """The exit code, None for success."""
    code: int | None = app(list(arguments), standalone_mode=False)
    return code


def _json(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    _run(*arguments, "--json")
    return json.loads(capsys.readouterr().out)


def test_a_model_that_reads_passes_binds_and_is_told_beside_rules_and_coin(
    server: tuple[str, ...], pool: Pool, capsys: pytest.CaptureFixture[str]
) -> None:
    told = _json(capsys, "models", "exam", *server)
    assert told["standing"] == "binding"
    assert told["better_than_rules"] is True
    assert list(told["marks"]) == ["m", "rules", "coin"]
    assert len(told["answers"]) == told["cases"] == len(exam_cases())
    with pool.connection() as connection:
        assert connection.execute("SELECT model, passed FROM examinations").fetchall() == [("m", True)]


def test_a_masked_examination_names_nobody_and_is_another_one_than_that_of_plain_cases(
    server: tuple[str, ...], pool: Pool, capsys: pytest.CaptureFixture[str]
) -> None:
    told = _json(capsys, "models", "exam", "--mask", *server)
    assert told["masked"] is True
    assert told["standing"] == "binding"
    assert told["otherwise_than_plain"] is None, "no plain examination is on record yet"
    assert (Reader.asked, Reader.named) == (5 * len(exam_cases()), 0)
    with pool.connection() as connection:
        (held,) = connection.execute("SELECT prompts_hash FROM examinations").fetchall()
    assert held[0] != prompts_hash(load_config(CONFIG, {}).agents, prose=False)
    Reader.mood = "dull"
    _run("models", "exam", *server)
    vetoes = [name for name, answer in told["answers"].items() if answer == "veto"]
    shown = capsys.readouterr().out.splitlines()
    assert f"{len(vetoes)} of {len(exam_cases())} cases answered otherwise than masked" in shown
    assert f"  {vetoes[0]}: masked veto, plain approve" in shown


def test_a_model_that_says_the_same_of_everything_sits_all_cases_and_is_said_to_be_no_better(
    server: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    Reader.mood = "dull"
    _run("models", "exam", *server)
    shown = capsys.readouterr().out
    assert "m is no better than the rules critic" in shown
    assert "m is advisory" in shown
    assert "missed: min_clear_vetoes" in shown
    assert Reader.asked == 5 * len(exam_cases())
    _run("models", "exam", *server)
    assert Reader.asked == 5 * len(exam_cases()), "the tape answers the second time"


def test_an_examination_that_is_cut_off_is_no_result_and_goes_on_later(
    server: tuple[str, ...], pool: Pool, capsys: pytest.CaptureFixture[str]
) -> None:
    Reader.mood = "gone"
    with pytest.raises(SetupError, match="run the command again"):
        _run("models", "exam", *server)
    with pool.connection() as connection:
        assert connection.execute("SELECT count(*) FROM examinations").fetchone() == (0,)
        states = connection.execute("SELECT DISTINCT state FROM unanswered_prompts").fetchall()
    assert states == [("unreachable",)]
    Reader.mood = "reads"
    assert _json(capsys, "models", "exam", *server)["standing"] == "binding"


def test_prompts_are_checked_accepted_and_found_to_have_moved(
    server: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "accepted.json"
    monkeypatch.setattr(prompt_check, "accepted_place", lambda: place)
    settings = CONFIG / "models.yaml"
    folder = tmp_path / "config"
    folder.mkdir()
    for item in CONFIG.iterdir():
        (folder / item.name).write_text(item.read_text(encoding="utf-8"), encoding="utf-8")
    text = settings.read_text(encoding="utf-8")
    text = re.sub(r"(?m)^  backend: embedded .*ollama.*$", "  backend: openai", text, count=1)
    text = re.sub(r"(?m)^  model: smollm2.*$", "  model: m", text)
    text = re.sub(r"(?m)^  base_url: null.*$", f"  base_url: {server[-1]}", text)
    (folder / "models.yaml").write_text(text, encoding="utf-8")
    check = ("prompts", "check", "--config", str(folder))
    assert _run(*check) == 1
    assert "no run was accepted yet" in capsys.readouterr().out
    assert not _run(*check, "--accept")
    capsys.readouterr()
    assert _json(capsys, *check)["stands"] is True
    accepted = prompt_check.read_accepted(place)
    assert accepted is not None
    moved = accepted.model_copy(update={"answers": {**accepted.answers, "bankruptcy": "approve"}})
    prompt_check.write_accepted(place, moved)
    assert _run(*check) == 1
    assert "moved: bankruptcy: approve -> veto" in capsys.readouterr().out


def test_a_bench_tells_what_it_measured_and_writes_a_page(
    server: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "pages" / "m.md"
    told = _json(capsys, "models", "bench", *server, "--cases", "3", "--out", str(out))
    assert told["valid_rate"] == 1.0
    assert told["bench"]["cases"] == 3
    assert told["bench"]["states"] == {"answered": 15}
    text = out.read_text(encoding="utf-8")
    assert text.startswith("# m (openai)")
    assert "| valid answers | 100.0% |" in text


def test_a_bench_of_a_server_that_is_gone_measures_nothing(server: tuple[str, ...], tmp_path: Path) -> None:
    Reader.mood = "gone"
    out = tmp_path / "m.md"
    with pytest.raises(LLMError, match="no server answers"):
        _run("models", "bench", *server, "--out", str(out))
    assert Reader.asked == 5
    assert not out.exists()


def test_a_server_without_an_address_is_refused_before_anything_is_started(server: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="base_url"):
        _run("models", "bench", "--backend", "ollama", "--model", "mistral:7b")
    assert Reader.asked == 0
