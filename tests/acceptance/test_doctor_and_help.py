"""The doctor's verdict, and what every command has in common."""

from typing import Any

import pytest
import typer.main
from tenthman_command import Installed

from tenthman.cli.app import app

PARTS = {
    "configuration",
    "disk",
    "libraries",
    "database",
    "audit chain",
    "language model",
    "embedding model",
    "broker and calendar",
}


def _commands() -> list[tuple[tuple[str, ...], bool]]:
    """Every command and group of commands, by the words that name it, and whether it is a group."""
    found: list[tuple[tuple[str, ...], bool]] = [((), True)]
    open_: list[tuple[tuple[str, ...], Any]] = [((), typer.main.get_command(app))]
    while open_:
        words, command = open_.pop()
        for name, inner in getattr(command, "commands", {}).items():
            found.append(((*words, name), hasattr(inner, "commands")))
            open_.append(((*words, name), inner))
    return sorted(found)


@pytest.mark.slow
def test_all_is_well_in_a_home_that_works(practice_run: dict[str, Any], tenthman: Installed) -> None:
    told = tenthman.told("doctor")
    assert told["well"] is True
    assert {item["part"] for item in told["findings"]} == PARTS
    assert all(item["well"] and item["found"] for item in told["findings"])
    by_part = {item["part"]: item["found"] for item in told["findings"]}
    assert "pgvector" in by_part["database"]
    assert " s" in by_part["language model"]


@pytest.mark.slow
def test_a_part_that_does_not_answer_is_named_with_how_to_mend_it(tenthman: Installed) -> None:
    broken = tenthman.with_environment(DATABASE_URL="postgresql://desk:s3cr3t-word@127.0.0.1:1/desk")
    answer = broken("doctor", "--json")
    assert answer.code == 1
    unwell = {item["part"]: item for item in answer.json["findings"] if not item["well"]}
    assert answer.json["well"] is False
    assert set(unwell) == {"database"}, "what stands in it cannot be looked at"
    assert "audit chain" not in {item["part"] for item in answer.json["findings"]}
    assert "cannot be reached" in unwell["database"]["found"]
    assert "unset DATABASE_URL" in unwell["database"]["mend"]
    assert "s3cr3t-word" not in answer.out + answer.err


@pytest.mark.parametrize(
    ("words", "is_group"), _commands(), ids=lambda part: " ".join(part) if isinstance(part, tuple) else ""
)
def test_every_command_has_help_and_tells_json(tenthman: Installed, words: tuple[str, ...], is_group: bool) -> None:
    answer = tenthman(*words, "--help")
    assert answer.code == 0
    assert answer.err == ""
    assert f"Usage: {' '.join(('tenthman', *words))}" in answer.out
    assert ("--json" in answer.out) is not (is_group or words == ("trade",))


def test_the_version_is_told(tenthman: Installed) -> None:
    assert tenthman("--version").out.startswith("tenthman 0.")


def test_an_unknown_command_is_named(tenthman: Installed) -> None:
    answer = tenthman("rehearsal")
    assert answer.code == 2
    assert "rehearsal" in answer.err
