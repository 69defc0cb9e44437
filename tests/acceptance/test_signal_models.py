"""A user trains a model on the practice market, looks at it and at its signals, and may not promote it unproven."""

from pathlib import Path
from typing import Any

import pytest
from tenthman_command import Installed, config_copy
from tenthman_settings import write_busy

MARKET = "--market", "practice"
PERIOD = "--from", "2016-01-04", "--until", "2017-09-29"


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A busy desk with two folds and few trees."""
    folder = config_copy(tmp_path_factory.mktemp("quick") / "config", models=("folds: 5", "folds: 2"))
    return write_busy(folder, max_rounds=20)


@pytest.fixture(scope="module")
def trained(tenthman: Installed, quick: Path) -> dict[str, Any]:
    told: dict[str, Any] = tenthman.told("train", *MARKET, *PERIOD, "--config", quick)
    return told


def test_a_model_is_trained_and_told_apart_from_what_does_without_trees(trained: dict[str, Any]) -> None:
    assert (trained["first"], trained["last"]) == ("2016-01-04", "2017-09-29")
    assert trained["expires"] == "2018-04-03"
    judged = trained["evaluation"]["walk_forward"]
    assert len(judged["folds"]) == 2
    assert judged["folds"][-1]["last_session"] <= "2017-09-29"
    assert {"model", "linear", "prior"} <= set(judged)
    assert set(trained["metrics"]["baselines"]) == {"linear", "prior", "always_hold"}
    assert trained["promoted"] is False
    assert len(trained["gate"]) == 4


def test_signals_as_of_a_past_instant_name_their_reasons(
    tenthman: Installed, quick: Path, trained: dict[str, Any]
) -> None:
    version = trained["version"]
    at = "--as-of", "2017-10-02T13:00:00Z"
    told = tenthman.told("signals", *MARKET, *at, "--top", "50", "--model", version, "--config", quick)
    assert told["market"].startswith("PRACTICE market (fictional, never real prices)")
    assert (told["model"], told["session"], told["expired"]) == (version, "2017-09-29", False)
    assert len(told["signals"]) == 50
    assert {item["action"] for item in told["signals"][:6]} == {"buy"}
    assert all(len(item["contributions"]) == 5 for item in told["signals"])
    assert all(abs(item["p_buy"] + item["p_hold"] + item["p_sell"] - 1.0) < 1e-6 for item in told["signals"])


def test_the_registry_shows_it_and_the_gate_keeps_it_a_challenger(
    tenthman: Installed, quick: Path, trained: dict[str, Any]
) -> None:
    version = trained["version"]
    (mine,) = [item for item in tenthman.told("models", "list") if item["version"] == version]
    assert (mine["role"], mine["trained_until"], mine["flaw"]) == ("challenger", "2017-09-29", None)
    answer = tenthman("models", "promote", version, "--config", quick)
    failed = [check["rule"] for check in trained["gate"] if not check["passed"]]
    assert answer.code == bool(failed)
    assert all(rule in answer.err for rule in failed)
    assert failed, "twenty trees on two folds passed the gate: choose a shorter period"


def test_one_altered_byte_on_disk_is_named(tenthman: Installed, trained: dict[str, Any]) -> None:
    path = tenthman.home / "models" / trained["version"] / "model.ubj"
    content = path.read_bytes()
    path.write_bytes(content[:200] + bytes([content[200] ^ 1]) + content[201:])
    answer = tenthman("models", "show", trained["version"])
    path.write_bytes(content)
    assert answer.code == 1
    assert len(answer.complaints) == 1
    assert "was altered" in answer.err
    assert "differs from byte 200" in answer.err.replace("\n", " ")


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("train", *MARKET, "--from", "2018-01-02", "--until", "2017-09-29"), 2, "must not be after"),
        (("models", "show", "xgb-none"), 1, "'xgb-none'"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(
    tenthman: Installed, arguments: tuple[str, ...], code: int, word: str
) -> None:
    answer = tenthman(*arguments)
    assert answer.code == code, answer.err
    assert answer.out == ""
    assert len(answer.complaints) == 1
    assert word in answer.err.replace("\n", " ")
