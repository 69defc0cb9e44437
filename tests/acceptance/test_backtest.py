"""A user backtests an own pack, reads the same figures thrice, compares it with a rehearsal, and mistypes."""

import json
from pathlib import Path
from typing import Any

import pytest
from tenthman_command import Answer, Installed, installed

BAD_INPUT = 2
PERIOD = "--from", "2020-05-01", "--to", "2020-08-31"
SHORT = "--from", "2020-05-01", "--to", "2020-05-05"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("backtest")


@pytest.fixture(scope="module")
def answer(tenthman: Installed, user_pack: Path, rules_only: Path, folder: Path) -> Answer:
    """Four months at twice the costs, with everything that can be asked for."""
    files = "--json", folder / "b.json", "--html", folder / "b.html"
    options = "--costs", "2", "--nulls", "20", "--ablation", "--config", rules_only
    found = tenthman("backtest", "--pack", user_pack, *PERIOD, *options, *files)
    assert found.code == 0, found.err
    return found


@pytest.fixture(scope="module")
def told(answer: Answer, folder: Path) -> dict[str, Any]:
    assert answer.code == 0
    body: dict[str, Any] = json.loads((folder / "b.json").read_text(encoding="utf-8"))
    return body


def words(answer: Answer) -> str:
    """The table without its frame and line breaks."""
    return " ".join(answer.out.replace("│", " ").split())


def test_the_table_begins_with_what_the_market_is_and_then_the_claim(answer: Answer) -> None:
    lines = answer.out.splitlines()
    assert lines[0].strip() == "REAL market data (pack): Own twelve"
    assert "claim" in lines[2]
    assert "edge is claimed" in lines[2]


def test_table_page_and_json_give_the_same_figures(answer: Answer, told: dict[str, Any], folder: Path) -> None:
    table, page = words(answer), (folder / "b.html").read_text(encoding="utf-8")
    own = told["figures"][0]
    assert [item["costs"] for item in told["figures"]] == [2.0, 1.0, 3.0]
    assert f"net return {own['net_return']:+.2%}" in table
    assert f"Sharpe {own['sharpe']['value']:.2f}" in table
    assert f'<b class="{"gain" if own["net_return"] > 0 else "loss"}">{own["net_return"]:+.2%}</b>' in page
    assert f"<b>{own['sharpe']['value']:.2f}</b>" in page
    assert f"{told['nulls']['runs']} runs; p {told['nulls']['p_value']:.3f}" in table
    assert told["nulls"]["runs"] == 20
    for warning in told["warnings"]:
        assert warning in table


def test_dearer_trading_leaves_less(told: dict[str, Any]) -> None:
    twice, once, thrice = (item["net_return"] for item in told["figures"])
    assert thrice < twice < once


def test_the_account_is_explained_and_the_models_are_of_their_time(told: dict[str, Any]) -> None:
    assert told["unexplained_usd"] == 0.0
    assert told["trades"]
    assert told["sessions"] == len(told["curves"]["equity"]) == 85
    assert all(item["trained_until"] < item["used_from"] for item in told["models"])
    assert len(told["models"]) == 2
    assert "Made for a test." in told["survivorship"]


def test_parts_are_left_out_one_by_one(told: dict[str, Any]) -> None:
    names = [item["name"] for item in told["ablation"]]
    assert names == ["ML alone", "ML + risk"]
    assert told["ablation"][1]["net_return"] == told["figures"][0]["net_return"]


def test_a_second_look_is_counted_and_warned_of(
    tenthman: Installed, user_pack: Path, rules_only: Path, answer: Answer, told: dict[str, Any]
) -> None:
    assert answer.code == 0
    options = "--costs", "2", "--nulls", "0", "--committee", "on", "--config", rules_only
    again = tenthman("backtest", "--pack", user_pack, *SHORT, *options)
    assert again.code == 0, again.err
    assert f"looks {told['looks'] + 1}" in words(again)
    assert f"looked at {told['looks'] + 1} times" in words(again)
    assert "random entries were not run" in words(again)


def test_rehearsal_and_backtest_agree(tenthman: Installed, user_pack: Path, rules_only: Path) -> None:
    found = tenthman("parity", "--pack", user_pack, *SHORT, "--config", rules_only)
    assert found.code == 0, found.out + found.err
    first, second = found.out.splitlines()
    assert first == f"REAL market data (pack): Own twelve, {SHORT[1]} to {SHORT[3]}"
    assert second.startswith("no difference in ")
    assert "0 orders" not in second


def test_what_makes_no_sense_is_refused_before_anything_is_started(tmp_path: Path, user_pack: Path) -> None:
    fresh = installed(tmp_path / "home")
    refused = fresh("backtest", "--pack", user_pack, "--costs", "-1")
    assert (refused.code, refused.out) == (BAD_INPUT, "")
    assert refused.err == "error: `--costs` must lie in 0..10, was -1\n"
    assert not fresh.home.exists()
