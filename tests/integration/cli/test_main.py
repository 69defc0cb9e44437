"""A command line that cannot be understood is answered in one line that names the parameter and the value."""

import sys

import pytest

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
