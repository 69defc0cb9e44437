"""A rehearsal that is cut off, by Ctrl-C or by force, at whatever point; and the one after it."""

import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tenthman_command import CONFIG, OWN_FIRST, Answer, Installed, installed, own_rehearsal

pytestmark = pytest.mark.slow


@dataclass(frozen=True, kw_only=True)
class Cut:
    """An attempt that was cut off, and the processes that outlived it."""

    answer: Answer
    left: list[str]


@pytest.fixture(scope="module")
def elsewhere(module_home: Path) -> Installed:
    """The command on a home of this module's own."""
    return installed(module_home)


@pytest.fixture(scope="module")
def cuts(elsewhere: Installed, user_pack: Path, rules_only: Path) -> dict[str, Cut]:
    """Attempts at the same rehearsal, one after the other, each cut off later than the one before."""
    found = {}
    for name, mark, number, config in (
        ("ctrl-c while the database starts", "starting PostgreSQL", signal.SIGINT, rules_only),
        ("ctrl-c while the language model starts", "preparing the committee", signal.SIGINT, CONFIG),
        ("killed while it trades", f"{OWN_FIRST} morning", signal.SIGKILL, rules_only),
        ("ctrl-c while it trades", f"{OWN_FIRST} morning", signal.SIGINT, rules_only),
    ):
        answer = elsewhere.stopped_at(mark, number, *own_rehearsal(user_pack, config), "--json")
        found[name] = Cut(answer=answer, left=elsewhere.left_behind())
    return found


@pytest.fixture(scope="module")
def finished(cuts: dict[str, Cut], elsewhere: Installed, user_pack: Path, rules_only: Path) -> dict[str, Any]:
    """The same rehearsal at last left alone."""
    answer = elsewhere(*own_rehearsal(user_pack, rules_only), "--json")
    assert answer.code == 0, answer.err
    return {**answer.json, "said": answer.err}


def test_ctrl_c_ends_with_one_message_wherever_it_comes(cuts: dict[str, Cut]) -> None:
    stopped = {name: cut.answer for name, cut in cuts.items() if name.startswith("ctrl-c")}
    assert len(stopped) == 3
    for name, answer in stopped.items():
        assert answer.code == 130, (name, answer.err)
        assert len(answer.complaints) == 1, (name, answer.err)
        assert "interrupted" in answer.complaints[0]
        assert "Run the same command again" in answer.complaints[0]
        assert "Traceback" not in answer.err, (name, answer.err)
        assert answer.out == ""


def test_no_process_outlives_a_rehearsal_that_was_cut_off(cuts: dict[str, Cut]) -> None:
    assert cuts["killed while it trades"].answer.code == -signal.SIGKILL
    assert {name: cut.left for name, cut in cuts.items() if cut.left} == {}


def test_the_next_run_says_that_the_one_before_had_been_interrupted(finished: dict[str, Any]) -> None:
    said = [line for line in finished["said"].splitlines() if "had been interrupted" in line]
    assert len(said) == 1, finished["said"]
    assert f"at {OWN_FIRST}" in said[0]
    assert "this one started over" in said[0]


def test_the_next_run_ends_as_if_nothing_had_happened(finished: dict[str, Any], user_run: dict[str, Any]) -> None:
    assert finished["run_id"] != user_run["run_id"]
    assert finished["digest"] == user_run["digest"]
    assert finished["trades"] == user_run["trades"]
    assert finished["model_version"] == user_run["model_version"]


def test_the_record_holds_the_interrupted_runs_too(finished: dict[str, Any], elsewhere: Installed) -> None:
    verified = elsewhere.told("audit", "verify")
    assert verified["intact"] is True
    listed = elsewhere("report", "nosuch").err
    assert listed.count("(interrupted)") == 2
    assert listed.count("(finished)") == 1


def test_nothing_runs_on_once_the_last_command_has_ended(finished: dict[str, Any], elsewhere: Installed) -> None:
    assert elsewhere.left_behind() == []
