"""What a user gets wrong: one message that names it, a non-zero exit, no traceback, and nothing half-written."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml
from tenthman_command import (
    Answer,
    Installed,
    Row,
    build_arguments,
    config_copy,
    installed,
    user_bars,
    write_user_files,
)

BAD_INPUT = 2
OWN = "rehearse", "--from", "2020-08-27", "--to", "2020-08-31"


@pytest.fixture
def fresh(tmp_path: Path) -> Installed:
    """The command on a home where nothing has been started yet."""
    return installed(tmp_path / "home")


def refused(answer: Answer, *words: str, code: int = BAD_INPUT) -> str:
    """The one complaint of a command that failed as it should; all `words` are in it."""
    assert answer.code == code, answer.err
    assert answer.out == ""
    assert "Traceback" not in answer.err
    assert len(answer.complaints) == 1, answer.err
    message = answer.err[answer.err.index("error:") :]
    assert [word for word in words if word not in message] == [], message
    return message


def started_nothing(command: Installed) -> bool:
    """Whether the home holds at most a log: no database was made."""
    return {path.name for path in command.home.iterdir()} <= {"logs"} if command.home.exists() else True


def test_a_configuration_that_is_not_there(fresh: Installed, tmp_path: Path) -> None:
    refused(fresh("rehearse", "--config", tmp_path / "none"), "settings.yaml", "missing")
    assert started_nothing(fresh)


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("settings", "market:", "market: [", ("settings.yaml", "not valid YAML", "line")),
        ("settings", "logging:", "colour: blue\nlogging:", ("settings.yaml", "`colour`", "not a known key")),
        ("risk_rules", "max_positions: 15", "max_positions: 0", ("risk_rules.yaml", "`max_positions`", "1", "was 0")),
        ("risk_rules", "min_cash_fraction: 0.02", "min_cash_fraction: 0.5", ("`max_gross_fraction`", "at most 1")),
        ("models", "seed: 7", "seed: seven", ("models.yaml", "seed", "was 'seven'")),
        ("agents", "unreviewed: skip", "unreviewed: perhaps", ("agents.yaml", "`unreviewed`", "'skip'", "'perhaps'")),
        ("settings", "source: auto", "source: pack", ("settings.yaml", "`pack` must name a folder")),
        ("settings", "endpoint: exchange", "endpoint: paper", ("`broker.endpoint`", "ALPACA_API_KEY")),
    ],
)
def test_a_configuration_that_cannot_be_used(
    fresh: Installed, tmp_path: Path, file: str, old: str, new: str, words: tuple[str, ...]
) -> None:
    config = config_copy(tmp_path / "config", **{file: (old, new)})
    answer = fresh("rehearse", "--market", "practice", "--config", config)
    assert answer.code == BAD_INPUT
    assert answer.out == ""
    assert "Traceback" not in answer.err
    assert [word for word in words if word not in answer.err] == [], answer.err
    assert started_nothing(fresh)


def test_a_pack_that_is_not_there(fresh: Installed, tmp_path: Path) -> None:
    refused(fresh("rehearse", "--pack", tmp_path / "none"), str(tmp_path / "none"), "no such folder", "pack.yaml")
    refused(fresh("pack", "show", tmp_path), "pack.yaml", "missing")
    assert started_nothing(fresh)


def test_options_that_exclude_each_other(fresh: Installed, user_pack: Path) -> None:
    refused(fresh("rehearse", "--market", "practice", "--pack", user_pack), "`--pack`", "auto or pack", "'practice'")
    refused(fresh("rehearse", "--market", "pack"), "`--market pack`", "--pack")
    refused(fresh(*OWN, "--pack", user_pack, "--scenario", "crash"), "`--scenario`", "--from")
    assert started_nothing(fresh)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--from", "1999-01-04", "--to", "2020-08-31"), ("`--from`", "2019-01-02..2020-08-31", "1999-01-04")),
        (("--from", "2020-08-27", "--to", "2021-08-27"), ("`--to`", "2019-01-02..2020-08-31", "2021-08-27")),
        (("--from", "2020-08-31", "--to", "2020-08-27"), ("`--from`", "not be after", "2020-08-27", "2020-08-31")),
        (("--from", "2020-08-29", "--to", "2020-08-30"), ("no session", "2020-08-29")),
        (("--scenario", "nosuch"), ("`--scenario`", "crash", "default", "'nosuch'")),
        (("--from", "2019-02-04", "--to", "2019-02-05"), ("`--from`", "300", "2019-02-04", "22", "2020-03-12")),
    ],
)
def test_a_period_that_cannot_be_traded(
    fresh: Installed, user_pack: Path, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    refused(fresh("rehearse", "--pack", user_pack, *arguments), *words)
    assert started_nothing(fresh)


def test_an_address_of_no_cluster_is_refused_before_anything_is_started(fresh: Installed) -> None:
    refused(fresh("train", "--market", "practice", "--cluster", "10.0.0.5:8786"), "`--cluster`", "tcp://host:port")
    assert started_nothing(fresh)


def test_a_report_that_could_not_be_written_is_refused_before_the_work(fresh: Installed, user_pack: Path) -> None:
    place = user_pack / "pack.yaml" / "report.html"
    refused(fresh(*OWN, "--pack", user_pack, "--report", place), str(place), "cannot be written")
    assert started_nothing(fresh)


def _with_nan(rows: list[Row]) -> None:
    rows[5]["close"] = "NaN"


def _with_a_hole(rows: list[Row]) -> None:
    rows[5]["high"] = ""


def _twice(rows: list[Row]) -> None:
    rows.insert(7, dict(rows[6]))


def _upside_down(rows: list[Row]) -> None:
    rows[5]["low"], rows[5]["high"] = rows[5]["high"], rows[5]["low"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_with_nan, ("bars.csv", "6", "close", "nan")),
        (_with_a_hole, ("bars.csv", "6", "high")),
        (_twice, ("bars.csv", "8", "ALDA", "2019-01-10")),
        (_upside_down, ("bars.csv", "6", "low")),
    ],
)
def test_no_pack_comes_of_files_with_a_defect(
    fresh: Installed, tmp_path: Path, change: Callable[[list[Row]], None], words: tuple[str, ...]
) -> None:
    rows = user_bars()
    change(rows)
    files = tmp_path / "files"
    files.mkdir()
    out = tmp_path / "packs" / "own"
    out.parent.mkdir()
    message = refused(fresh(*build_arguments(write_user_files(files, rows), out)), code=1)
    assert [word for word in words if word not in message.replace("NaN", "nan")] == [], message
    assert list(out.parent.iterdir()) == [], "a half pack was left behind"


def test_a_pack_whose_file_was_changed(fresh: Installed, user_pack: Path, tmp_path: Path) -> None:
    broken = Path(shutil.copytree(user_pack, tmp_path / "broken"))
    with (broken / "headlines.parquet").open("ab") as file:
        file.write(b"x")
    refused(fresh(*OWN, "--pack", broken), "headlines.parquet", "sha256", "must be", "was", code=1)
    assert started_nothing(fresh)


def test_a_pack_with_a_nan_whose_checksum_fits(fresh: Installed, user_pack: Path, tmp_path: Path) -> None:
    def hole(table: pa.Table) -> pa.Table:
        wanted = pc.equal(pa.array(range(len(table))), 100)
        return table.set_column(
            table.schema.get_field_index("open"), "open", pc.if_else(wanted, float("nan"), table["open"])
        )

    broken = _rewritten(user_pack, tmp_path / "broken", hole)
    refused(fresh(*OWN, "--pack", broken), "bars.parquet", "row 101", "open", "nan", code=1)
    assert started_nothing(fresh)


def test_a_pack_with_a_session_twice_whose_checksum_fits(fresh: Installed, user_pack: Path, tmp_path: Path) -> None:
    broken = _rewritten(user_pack, tmp_path / "broken", lambda table: pa.concat_tables([table, table.slice(50, 1)]))
    message = refused(fresh(*OWN, "--pack", broken), "bars.parquet", code=1)
    assert "twice" in message or "duplicate" in message or "second" in message or "more than" in message
    assert started_nothing(fresh)


def _rewritten(pack: Path, folder: Path, change: Callable[[pa.Table], pa.Table]) -> Path:
    """A copy of `pack` with other bars, and a manifest that vouches for them."""
    shutil.copytree(pack, folder)
    bars, manifest = folder / "bars.parquet", folder / "pack.yaml"
    pq.write_table(change(pq.read_table(bars)), bars)
    written = yaml.safe_load(manifest.read_text(encoding="utf-8"))
    written["files"]["bars.parquet"] = hashlib.sha256(bars.read_bytes()).hexdigest()
    manifest.write_text(yaml.safe_dump(written), encoding="utf-8")
    return folder


def test_a_folder_with_something_in_it_is_not_made_a_pack(fresh: Installed, user_files: Path, tmp_path: Path) -> None:
    out = tmp_path / "full"
    out.mkdir()
    (out / "letter.txt").write_text("keep me", encoding="utf-8")
    refused(fresh(*build_arguments(user_files, out)), str(out), "not empty")
    refused(fresh(*build_arguments(user_files, out), "--overwrite"), str(out), "pack.yaml")
    assert [path.name for path in out.iterdir()] == ["letter.txt"]


def test_a_database_that_does_not_answer(fresh: Installed) -> None:
    elsewhere = fresh.with_environment(DATABASE_URL="postgresql://desk:s3cr3t-word@127.0.0.1:1/desk")
    for arguments in (("audit", "verify"), ("report",)):
        message = refused(elsewhere(*arguments), "postgresql://desk:***@127.0.0.1:1/desk", "cannot be reached")
        assert "s3cr3t-word" not in message
    assert "s3cr3t-word" not in (fresh.home / "logs" / "tenthman.log").read_text(encoding="utf-8")


def test_a_database_address_that_is_none(fresh: Installed) -> None:
    answer = fresh.with_environment(DATABASE_URL="s3cr3t-word at home")("audit", "verify")
    assert "s3cr3t-word" not in refused(answer, "DATABASE_URL", "postgresql://")


def test_a_home_that_cannot_be_made_or_reached(fresh: Installed, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("", encoding="utf-8")
    for command in (("doctor",), ("rehearse", "--market", "practice"), ("audit", "verify")):
        answer = fresh.with_environment(TENTHMAN_HOME=str(file / "home"))(*command)
        refused(answer, "TENTHMAN_HOME", str(file / "home"))
    assert file.read_text(encoding="utf-8") == ""


def test_names_that_the_record_does_not_know(user_run: dict[str, Any], tenthman: Installed) -> None:
    run = user_run["run_id"]
    traded = {trade["ticker"] for trade in user_run["trades"]}
    refused(tenthman("audit", "trade", "NOSUCH", "--run", run), run, "'NOSUCH'", *traded)
    for arguments in (
        ("report", "nosuch"),
        ("audit", "trades", "--run", "nosuch"),
        ("halt", "--reason", "a test", "--run", "nosuch"),
        ("rearm", "--reason", "a test", "--run", "nosuch"),
    ):
        refused(tenthman(*arguments), "`run` must name a run", run, "'nosuch'")


def test_a_command_that_lacks_what_it_works_on(tenthman: Installed, user_run: dict[str, Any]) -> None:
    refused(tenthman("rearm", "--reason", "a test"), "no paper run", "--run")
    refused(tenthman("trade"), "`broker.endpoint`", "'paper'", "'exchange'", "tenthman rehearse")


def test_a_paper_desk_without_keys(fresh: Installed, tmp_path: Path) -> None:
    config = config_copy(tmp_path / "config", settings=("endpoint: exchange", "endpoint: paper"))
    refused(fresh("trade", "--config", config), "ALPACA_API_KEY", "ALPACA_SECRET_KEY", "environment")
    assert started_nothing(fresh)


def test_an_own_rehearsal_leaves_the_pack_as_it_was(user_run: dict[str, Any], user_pack: Path) -> None:
    assert sorted(path.name for path in user_pack.iterdir()) == [
        "bars.parquet", "headlines.parquet", "pack.yaml", "universe.csv",
    ]  # fmt: skip
