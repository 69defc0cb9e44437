"""What a person tells the desk of a holding: refused where it makes no sense, and stored where the desk looks."""

import json
from datetime import date
from pathlib import Path

import pytest
from tenthman_command import CONFIG
from tenthman_trades import MORNING, begin, seed_market
from typer.testing import CliRunner

from tenthman.cli.app import app
from tenthman.data.bars import BarStore
from tenthman.data.flags import FlagStore
from tenthman.data.sources import ActionKind, CorporateAction
from tenthman.data.spellings import SpellingStore
from tenthman.data.universe import sp100
from tenthman.db.pool import Pool
from tenthman.domain.errors import ConfigError
from tenthman.domain.market import Rename
from tenthman.scheduler.gathering.live_market import MARKET_ID, live_provenance


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENTHMAN_HOME", str(tmp_path))
    monkeypatch.setenv("TENTHMAN_CONFIG", str(CONFIG))
    for name in ("ALPACA_API_KEY", "ALPACA_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)


def said(*words: str) -> str:
    result = CliRunner().invoke(app, ["broker", *words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("shares", ["2", "0:1", "2:-1", "1001:1", "two:1"])
def test_a_ratio_that_is_none_is_refused_before_anything_is_opened(shares: str) -> None:
    with pytest.raises(ConfigError, match=r"`--shares` must be two numbers from 1 to 1000 such as 2:1"):
        said("split", "AAPL", "--on", "2020-08-31", "--shares", shares)


def test_a_split_that_changes_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="`--shares` must be two numbers that differ, was '2:2'"):
        said("split", "AAPL", "--on", "2020-08-31", "--shares", "2:2")


@pytest.mark.parametrize("price", ["0", "-1", "NaN", "much"])
def test_a_price_that_is_none_is_refused_before_the_broker_is_asked(price: str) -> None:
    with pytest.raises(ConfigError, match="`--price` must be a number above 0"):
        said("paid-out", "AAPL", "--on", "2020-08-31", "--price", price)


def test_a_split_is_stored_where_the_desk_looks_for_it(
    pool: Pool, fresh_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", fresh_database_url)
    words = ("split", "aapl", "--on", "2020-08-31", "--shares", "4:1")
    with pytest.raises(ConfigError, match="there is no paper run yet"):
        said(*words)
    seed_market(pool)
    BarStore(pool, MARKET_ID).save_market(live_provenance(), sp100())
    begin(pool, at_wall=MORNING, world="paper", account="a").close()
    assert "AAPL: 4 for 1 from 2020-08-31 on" in said(*words)
    answer = json.loads(said(*words, "--json"))
    assert answer == {"ticker": "AAPL", "on": "2020-08-31", "new_shares": 4, "old_shares": 1}
    day = date(2020, 8, 31)
    assert FlagStore(pool, MARKET_ID).actions(["AAPL"], day, day) == (
        CorporateAction(ticker="AAPL", ex_date=day, kind=ActionKind.SPLIT, value=4.0),
    )
    with pytest.raises(ConfigError, match="`ticker` must be of the universe or held by the record, was 'aapll'"):
        said("split", "aapll", "--on", "2020-08-31", "--shares", "4:1")
    renamed = Rename(old="AAPL", new="FRUT", on=date(2020, 9, 1))
    assert SpellingStore(pool, MARKET_ID).learn(sp100(), [renamed], "alpaca", MORNING).fresh == (renamed,)
    assert "AAPL: 2 for 1 from 2020-09-02 on" in said("split", "frut", "--on", "2020-09-02", "--shares", "2:1")
