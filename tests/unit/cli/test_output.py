"""What the terminal is told: JSON that any parser reads, text from outside as it is."""

import io
import json
import os
import sys
from pathlib import Path

import pytest
import typer

from tenthman.cli.display import require_place
from tenthman.cli.options import day, require_jobs
from tenthman.cli.output import headed_table, results, show_json, show_table
from tenthman.domain.errors import ConfigError


def test_what_is_no_number_is_null_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    show_json({"a": [float("nan"), 1.5], "b": {"c": (float("inf"), "NaN")}})
    assert json.loads(capsys.readouterr().out) == {"a": [None, 1.5], "b": {"c": [None, "NaN"]}}


def test_json_is_json_on_a_terminal_that_does_not_have_all_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = "Zo\u00eb 20 \u20ac \U0001f600"
    for encoding in ("latin-1", "utf-8"):
        terminal = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="backslashreplace")
        monkeypatch.setattr(sys, "stdout", terminal)
        show_json({"a": shown})
        terminal.flush()
        assert json.loads(terminal.buffer.getvalue().decode(encoding)) == {"a": shown}


@pytest.mark.parametrize("text", ["[red]up[/red]", r"\[red]up", "[/]", "a[b", "trailing\\"])
def test_a_text_from_outside_is_shown_as_it_is(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    show_table("title", [("name", text)])
    results.print(headed_table(text))
    assert capsys.readouterr().out.count(text) >= 1


def test_a_day_is_spelt_in_one_way() -> None:
    assert day("2019-06-03").isoformat() == "2019-06-03"
    for text in ("2019-06-31", "20190603", "yesterday", "2019-06-03T12:00"):
        with pytest.raises(typer.BadParameter, match="must be a day such as 2019-06-03"):
            day(text)


@pytest.mark.parametrize("jobs", [0, -2])
def test_a_number_of_processes_that_there_cannot_be_is_refused(jobs: int) -> None:
    with pytest.raises(
        ConfigError, match=f"`--jobs` must be at least 1 and at most 1,024, or -1 for one a core, was {jobs}"
    ):
        require_jobs(jobs)


def test_a_report_does_not_take_the_place_of_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path, tmp_path / "pipe", Path(os.devnull)):
        with pytest.raises(ConfigError, match="the report must go to a file"):
            require_place(place)
    require_place(tmp_path / "new" / "report.html")
