"""What docs/exchange.md shows works as it stands there."""

import re
from pathlib import Path

import pytest
from tenthman_command import COMMAND, installed
from tenthman_serving import running

PAGE = Path(__file__).parents[3] / "docs" / "exchange.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_page_shows_six_lines_of_alpaca_py_that_trade_on_the_served_exchange(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = re.search(r"^ {4}tenthman (exchange serve .*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert shown is not None
    command = [COMMAND, *shown[1].split(), "--port", "0", "--json"]
    with running(command, installed(tmp_path / "home").environment) as server:
        code = BLOCKS[0].replace("http://127.0.0.1:8765", server.rest)
        assert code != BLOCKS[0]
        assert len(code.split("\n")) - code.count("\n\n") - 1 == 6
        exec(compile(code, str(PAGE), "exec"), {})
    assert capsys.readouterr().out == "OrderStatus.FILLED 10\n"
    assert server.process is not None
    assert server.process.returncode == 0


def test_the_page_shows_a_program_of_ones_own_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(BLOCKS[1], str(PAGE), "exec"), {})
    assert "10:00:00-05:00" in capsys.readouterr().out
    assert len(BLOCKS) == 2
