"""A user's own files, from csv to a finished rehearsal; and the same on the private data where it is there."""

import sys
from decimal import Decimal
from pathlib import Path
from subprocess import run
from typing import Any

import pytest
from tenthman_command import INDEX, LIQUID, OWN_FIRST, OWN_LAST, THIN, Installed

ROOT = Path(__file__).resolve().parents[2]


def test_a_pack_shows_what_it_was_built_from(user_pack: Path, tenthman: Installed) -> None:
    told = tenthman.told("pack", "show", user_pack)
    assert told["name"] == "Own twelve"
    assert told["tickers"] == "13"
    assert told["sessions"].startswith("2019-01-02 to 2020-08-31, 4")
    assert told["headlines"] == str(15 * 12)
    assert "default 2020-08-04..2020-08-31" in told["scenarios"]
    assert len(told["content_hash"]) == 64


def test_an_own_pack_is_rehearsed_as_real_data(user_run: dict[str, Any]) -> None:
    assert user_run["headline"] == "REAL market data (pack): Own twelve"
    assert "REAL market data (pack): Own twelve" in user_run["said"]
    assert (user_run["first"], user_run["last"], user_run["sessions"]) == (OWN_FIRST, OWN_LAST, 3)
    assert user_run["index_ticker"] == INDEX
    assert user_run["trained_until"] == "2020-08-26"
    assert "deterministic rules critic decided alone" in user_run["committee"]


def test_only_what_is_traded_enough_is_bought(user_run: dict[str, Any]) -> None:
    bought = {trade["ticker"] for trade in user_run["trades"]}
    assert bought
    assert bought <= set(LIQUID)
    assert user_run["denials"]["min_dollar_volume_usd"] > 0, f"the model would have bought one of {THIN}"


def test_no_language_model_is_started_when_every_role_is_off(user_run: dict[str, Any]) -> None:
    assert {card["role"] for card in user_run["scorecards"]} == {"rules"}
    assert user_run["seconds"]["language model"] < 2.0


@pytest.mark.slow
def test_a_trade_of_an_own_pack_is_told_as_text(user_run: dict[str, Any], tenthman: Installed) -> None:
    trade = user_run["trades"][0]
    answer = tenthman("audit", "trade", trade["ticker"], "--run", user_run["run_id"])
    assert answer.code == 0
    for title in ("headlines known then", "features known then", "risk checks", "orders", "fills", "result"):
        assert f"\n{title}\n" in answer.out
    assert "Works" in answer.out


@pytest.mark.slow
def test_a_person_halts_a_run_and_arms_it_again(user_run: dict[str, Any], tenthman: Installed) -> None:
    run_id = user_run["run_id"]
    halted = tenthman.told("halt", "--reason", "a test", "--run", run_id)
    assert halted == {"run": run_id, "state": "halted", "file": None}
    too_late = tenthman("halt", "--flatten", "--run", run_id)
    assert (too_late.code, "is halted and sells nothing; `tenthman rearm` comes first" in too_late.err) == (2, True)
    armed = tenthman.told("rearm", "--reason", "the test is over", "--run", run_id)
    assert armed == {"run": run_id, "state": "active", "file": None}
    assert tenthman.told("audit", "verify")["intact"] is True


@pytest.mark.slow
@pytest.mark.shared_data
def test_the_private_data_becomes_a_pack_that_can_be_rehearsed(
    shared_data: Path, tenthman: Installed, rules_only: Path, tmp_path: Path
) -> None:
    out = tmp_path / "sp100"
    built = run([sys.executable, ROOT / "tools" / "build_shared_pack.py", shared_data, out], capture_output=True)
    assert built.returncode == 0, built.stderr.decode()
    told = tenthman.told(
        "rehearse", "--pack", out, "--from", "2020-02-24", "--to", "2020-02-25", "--config", rules_only
    )
    assert told["headline"] == "REAL market data (pack): S&P 100, 2014-2021"
    assert (told["first"], told["last"], told["sessions"]) == ("2020-02-24", "2020-02-25", 2)
    assert told["trained_until"] == "2020-02-21"
    assert told["index_return"] < -0.03, "the index fell by more than three per cent in those two sessions"
    assert Decimal(told["unexplained"]) == 0
    assert told["max_drawdown"] < 0.04
