"""A command line that cannot be understood is answered in one line that names the parameter and the value."""

import io
import sys
from pathlib import Path

import pytest
from tenthman_command import CONFIG

from tenthman.cli.main import main


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("rehearse", "--from", "2020-13-10"), "'--from': must be a day such as 2019-06-03, was '2020-13-10'; see"),
        (
            ("rehearse", "--market", "stocks"),
            "'--market': 'stocks' is not one of 'auto', 'pack', 'yahoo', 'practice'; see",
        ),
        (
            ("backtest", "--nulls", "many"),
            "unable to parse string as an integer, was 'many'; see `tenthman backtest --help`",
        ),
        (("rehearse", "--fro", "2020-01-06"), "no such option: --fro (Possible options: --from"),
        (("rehearsal",), "no such command 'rehearsal'. Did you mean 'rehearse'; see `tenthman --help`"),
        (("halt", "--run", ""), "'--run': must be a run's id or its beginning, was ''; see `tenthman halt --help`"),
        (("report", " "), "must be a run's id or its beginning, was ' '; see `tenthman report --help`"),
        (
            ("news", "index", "--limit", str(1 << 63)),
            "'--limit': Input should be less than or equal to 1000000000, was",
        ),
        (("control", "--nulls", str(1 << 63)), f"`--nulls` must be at most 10,000,000, was {1 << 63}"),
        (("critique",), "missing argument 'ticker'; see `tenthman critique --help`"),
        (("audit", "trade"), "missing argument 'identity'; see `tenthman audit trade --help`"),
    ],
)
def test_what_cannot_be_understood_is_one_line_and_fails(
    words: tuple[str, ...], told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["tenthman", *words])
    with pytest.raises(SystemExit) as left:
        main()
    shown = capsys.readouterr()
    assert left.value.code == 2
    assert shown.out == ""
    assert shown.err.startswith("error: ")
    assert shown.err.count("\n") == 1
    assert told in shown.err


def test_a_group_without_a_command_shows_its_help_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["tenthman", "audit"])
    with pytest.raises(SystemExit) as left:
        main()
    shown = capsys.readouterr()
    assert left.value.code == 2
    assert "Usage: tenthman audit" in shown.out
    assert shown.err == ""


def test_a_command_that_ends_well_leaves_with_nothing_on_standard_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["tenthman", "--version"])
    with pytest.raises(SystemExit) as left:
        main()
    shown = capsys.readouterr()
    assert (left.value.code, shown.err) == (0, "")
    assert shown.out.startswith("tenthman ")


def test_text_that_is_no_text_in_this_encoding_is_named_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fresh_database_url: str, tmp_path: Path
) -> None:
    for name, value in (("HOME", tmp_path), ("CONFIG", CONFIG)):
        monkeypatch.setenv(f"TENTHMAN_{name}", str(value))
    monkeypatch.setenv("DATABASE_URL", fresh_database_url)
    monkeypatch.setattr(sys, "argv", ["tenthman", "audit", "trades", "--run", "\udcff"])
    with pytest.raises(SystemExit) as left:
        main()
    shown = capsys.readouterr()
    assert (left.value.code, shown.out) == (2, "")
    assert shown.err == f"error: what is given must be text in {sys.getfilesystemencoding()}, was '\\udcff'\n"


def test_a_result_that_cannot_be_written_is_one_line_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["tenthman", "--version"])
    full = Path("/dev/full").open("w", encoding="utf-8")  # noqa: SIM115 # what it still holds cannot be written either
    monkeypatch.setattr(sys, "stdout", full)
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 1
    assert capsys.readouterr().err == "error: the system refuses: No space left on device\n"
    with pytest.raises(OSError, match="No space left"):
        full.close()


def test_a_character_that_a_terminal_does_not_have_is_shown_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["tenthman", "--version"])
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr(sys, "stdout", terminal)
    with pytest.raises(SystemExit):
        main()
    terminal.write("20 €")
    terminal.flush()
    assert terminal.buffer.getvalue().endswith(b"20 \\u20ac")
