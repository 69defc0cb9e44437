"""`tenthman halt` stops the desk by its file even where no database answers; `rearm` takes it away."""

import json
import os
from pathlib import Path
from shutil import copytree

import pytest
from tenthman_command import CONFIG

from tenthman.cli.app import app
from tenthman.domain.errors import ConfigError, SetupError
from tenthman.domain.order import TradingState
from tenthman.scheduler.desk.kill_switch import asked_by

NOWHERE = "postgresql://nobody:nothing@127.0.0.1:1/none"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, and a database that does not answer."""
    monkeypatch.setenv("TENTHMAN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TENTHMAN_CONFIG", str(CONFIG))
    monkeypatch.setenv("DATABASE_URL", NOWHERE)
    return tmp_path / "home"


def test_without_a_database_the_file_is_written_and_that_is_said(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app(["halt", "--reason", "looks wrong"], standalone_mode=False)
    assert asked_by(home / "HALT") is TradingState.HALTED
    assert "looks wrong" in (home / "HALT").read_text()
    told = capsys.readouterr()
    assert f"{home / 'HALT'}: no order passes it" in told.out.replace("\n", "")
    assert "the latch was not set" in told.err
    assert "nothing@" not in told.out + told.err, "no password is shown"


def test_flattening_leaves_the_way_out_open(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app(["halt", "--flatten", "--json"], standalone_mode=False)
    assert asked_by(home / "HALT") is TradingState.REDUCING
    told = json.loads(capsys.readouterr().out)
    assert (told["run"], told["state"], told["file"]) == (None, "reducing", str(home / "HALT"))


def test_a_file_that_halts_is_not_made_looser(home: Path) -> None:
    app(["halt"], standalone_mode=False)
    with pytest.raises(ConfigError, match="HALT halts the desk, which sells nothing; `tenthman rearm` comes first"):
        app(["halt", "--flatten"], standalone_mode=False)
    assert asked_by(home / "HALT") is TradingState.HALTED


def test_a_named_run_is_halted_by_its_latch_alone(home: Path) -> None:
    with pytest.raises(SetupError):
        app(["halt", "--run", "abc"], standalone_mode=False)
    assert not (home / "HALT").exists()


def test_nothing_is_re_armed_while_the_database_does_not_answer(home: Path) -> None:
    app(["halt"], standalone_mode=False)
    with pytest.raises(SetupError):
        app(["rearm", "--reason", "all well"], standalone_mode=False)
    assert asked_by(home / "HALT") is TradingState.HALTED


def test_a_file_that_stopped_rehearsals_alone_goes_where_no_account_was_ever_traded(
    home: Path, fresh_database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", fresh_database_url)
    app(["halt", "--flatten"], standalone_mode=False)
    assert "only sales pass it" in capsys.readouterr().out.replace("\n", "")
    app(["rearm", "--reason", "all well"], standalone_mode=False)
    assert not (home / "HALT").exists()
    with pytest.raises(ConfigError, match="there is no paper run yet"):
        app(["rearm", "--reason", "again"], standalone_mode=False)


def test_a_file_that_cannot_be_written_is_said_and_the_database_is_tried(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "HALT").mkdir(parents=True)
    with pytest.raises(SetupError):
        app(["halt"], standalone_mode=False)
    told = capsys.readouterr().err.replace("\n", " ")
    assert "cannot be written" in told
    assert "halts every desk" in told, "a folder of that name is as good as a file"


def test_a_person_without_a_name_can_halt_too(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 3_999_999_999)
    app(["halt"], standalone_mode=False)
    assert "person: uid 3999999999," in (home / "HALT").read_text()


def test_a_reason_and_a_name_that_are_no_text_keep_nobody_from_halting(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "ren\udce9")
    app(["halt", "--reason", "caf\udce9"], standalone_mode=False)
    assert (home / "HALT").read_text(encoding="utf-8").startswith("halt\ncaf?\nperson: ren?, ")


def test_a_file_that_cannot_be_taken_away_is_named_with_what_that_means(
    home: Path, fresh_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", fresh_database_url)
    (home / "HALT").mkdir(parents=True)
    with pytest.raises(SetupError, match=r"HALT: cannot be removed, and halts the desk until it is: Is a directory"):
        app(["rearm", "--reason", "all well"], standalone_mode=False)


def test_a_home_that_cannot_be_written_to_keeps_nobody_from_halting(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home.write_text("a file where a folder is to be")
    settings = copytree(CONFIG, tmp_path / "config") / "settings.yaml"
    text = settings.read_text()
    settings.write_text(text.replace("halt_file: null", f"halt_file: {tmp_path / 'elsewhere' / 'HALT'}"))
    monkeypatch.setenv("TENTHMAN_CONFIG", str(tmp_path / "config"))
    app(["halt"], standalone_mode=False)
    assert asked_by(tmp_path / "elsewhere" / "HALT") is TradingState.HALTED
    assert "must be a folder" in capsys.readouterr().err.replace("\n", " ")
