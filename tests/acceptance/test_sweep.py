"""A user sweeps a grid over an own pack, runs it again, widens it, and mistypes."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from tenthman_command import OWN_FIRST, OWN_LAST, Installed

PERIOD = "--from", OWN_FIRST, "--to", OWN_LAST
GRID = {"risk_rules.max_positions": [3, 15], "settings.costs.slippage_bp": [0, 50]}


def grid(path: Path, values: object) -> Path:
    path.write_text(yaml.safe_dump({"grid": values}), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sweep") / "results.jsonl"


@pytest.fixture(scope="module")
def swept(tenthman: Installed, user_pack: Path, rules_only: Path, results: Path) -> dict[str, Any]:
    told: dict[str, Any] = tenthman.told(
        "sweep", grid(results.with_name("grid.yaml"), GRID), "--pack", user_pack, *PERIOD, "--jobs", "2",
        "--out", results, "--config", rules_only,
    )  # fmt: skip
    return told


def test_a_sweep_keeps_a_line_a_setting_and_says_that_its_best_is_no_result(
    swept: dict[str, Any], results: Path
) -> None:
    lines = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
    assert len({line["setting"] for line in lines}) == len(lines) == 4
    report = swept["report"]
    assert (report["settings"], report["computed"], swept["results"]) == (4, 4, str(results))
    assert report["trials"] >= 4
    assert report["worst_sharpe"] <= report["median_sharpe"] <= report["best_sharpe"]
    assert "not a result" in report["note"]
    assert {(item["key"], item["value"]) for item in report["sensitivities"]} == {
        (key, value) for key, values in GRID.items() for value in values
    }


def test_a_wider_grid_runs_only_what_is_new(
    tenthman: Installed, user_pack: Path, rules_only: Path, results: Path, swept: dict[str, Any]
) -> None:
    wider = grid(results.with_name("wider.yaml"), {**GRID, "risk_rules.max_positions": [3, 7, 15]})
    options = "--jobs", "1", "--out", results, "--config", rules_only
    answer = tenthman("sweep", wider, "--pack", user_pack, *PERIOD, *options)
    assert answer.code == 0, answer.err
    assert "6, 2 of them run now" in answer.out
    assert "beware" in answer.out
    assert len(results.read_text(encoding="utf-8").splitlines()) == 6


def test_what_cannot_be_swept_is_refused_before_anything_runs(
    tenthman: Installed, rules_only: Path, tmp_path: Path
) -> None:
    path = grid(tmp_path / "grid.yaml", {"risk_rules.stops.stop_atr": [1.0, 2.0]})
    answer = tenthman("sweep", path, "--market", "practice", "--config", rules_only)
    assert (answer.code, len(answer.complaints)) == (2, 1)
    assert "`risk_rules.stops.stop_atr` shapes the labels" in answer.err
