"""Scorecard, critiques on record and the standing of committees, as a user asks for them."""

import json
import re
from pathlib import Path

import pytest
from tenthman_reports import CLOSE, small_run
from typer.testing import CliRunner

from tenthman.cli.app import app
from tenthman.db.pool import Pool
from tenthman.domain.errors import ConfigError
from tenthman.scheduler.record import CommitteeKey
from tenthman.scheduler.state.ledger import Ledger

COMMITTEE = CommitteeKey(model="tiny", model_digest="digest", template_hash="t")


@pytest.fixture
def run(pool: Pool, fresh_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A small run in the database that the commands find; its committee is demoted."""
    monkeypatch.setenv("DATABASE_URL", fresh_database_url)
    monkeypatch.setenv("TENTHMAN_HOME", str(tmp_path))
    made = small_run(pool)
    Ledger.attach(pool, made).demote_committee(COMMITTEE, "it cost 90 bp each", {"vetoes": 40}, CLOSE)
    return made


def said(*words: str) -> str:
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_scorecard_is_shown_and_told_in_json_without_nan(run: str) -> None:
    shown = said("scorecard")
    assert run in shown
    assert re.search(r"^ *bull\* +- +2 +2 +100% +1 +-\d+", shown, re.MULTILINE)
    assert "bull by tiny: answered 2" in shown
    assert "agree on 0% of 2 entries" in shown
    told = json.loads(said("scorecard", "--run", run[:8], "--json"))
    assert [card["key"]["role"] for card in told["cards"]] == ["bull", "rules"]
    assert told["cards"][0]["worth"]["value_bp"]["low"] is None
    with pytest.raises(ConfigError, match="--all"):
        said("scorecard", "--all", "--run", run)


def test_critiques_are_listed_and_counted(run: str) -> None:
    shown = said("critiques", "--ticker", "aapl")
    assert shown.splitlines()[-1] == "2 of 2 critiques"
    assert "AAPL" in shown
    assert "-> enter" in shown
    told = json.loads(said("critiques", "--agent", "bull", "--verdict", "veto", "--limit", "1", "--json"))
    assert (told["found"], [item["ticker"] for item in told["critiques"]]) == (1, ["MSFT"])
    with pytest.raises(ConfigError, match="--to"):
        said("critiques", "--from", "2020-02-01", "--to", "2020-01-01")


def test_a_person_sees_a_demotion_and_undoes_it(run: str) -> None:
    assert "demoted tiny digest prompts t (rule: demotion): it cost 90 bp each" in said(
        "committee", "status", "--run", run
    )
    assert "may bind again" in said(
        "committee", "reinstate", "--run", run, "--model", "dig", "--reason", "looked at it"
    )
    told = json.loads(said("committee", "status", "--run", run, "--json"))
    assert [item["standing"] for item in told] == ["demoted", "reinstated"]
    with pytest.raises(ConfigError, match="no demoted committee"):
        said("committee", "reinstate", "--run", run, "--reason", "again")
    with pytest.raises(ConfigError, match="no paper run"):
        said("committee", "status")
