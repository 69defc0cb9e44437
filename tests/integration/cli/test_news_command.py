"""`tenthman news` as a user types it: search, index and fetch, on a small pack and on feeds that answer on loopback."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from tenthman_command import CONFIG, OUTSIDE, build_arguments, config_copy, user_bars, write_user_files
from tenthman_feeds import LIMITS, PUBLIC, Loopback, Server, reply
from typer.testing import CliRunner

from tenthman.cli.app import app
from tenthman.domain.errors import ConfigError
from tenthman.news.fetcher import FeedFetcher
from tenthman.scheduler.clock import wall_now
from tenthman.scheduler.gathering import feeds

FEED = "https://news.example.org/rss"
ITEMS = """<?xml version="1.0"?><rss version="2.0"><channel><title>Wire</title>
<item><guid>1</guid><title>Apple Inc. raises its forecast</title><pubDate>{at}</pubDate></item>
<item><guid>2</guid><title>Rain in the north</title><pubDate>{at}</pubDate></item>
</channel></rss>"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("news")


@pytest.fixture(scope="module", autouse=True)
def _desk(folder: Path, database_url: str) -> Iterator[None]:
    """A home, the shipped configuration and a database, which the tests of this module share."""
    name = f"news_{folder.parent.name.replace('-', '_')}"
    server = make_conninfo(database_url, dbname="postgres")
    with pytest.MonkeyPatch.context() as patch, psycopg.connect(server, autocommit=True) as connection:
        migrated = sql.Identifier(str(conninfo_to_dict(database_url)["dbname"]))
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), migrated))
        for variable in OUTSIDE:
            patch.delenv(variable, raising=False)
        patch.setenv("TENTHMAN_HOME", str(folder / "home"))
        patch.setenv("TENTHMAN_CONFIG", str(CONFIG))
        patch.setenv("DATABASE_URL", make_conninfo(database_url, dbname=name))
        patch.setenv("COLUMNS", "200")
        yield
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def pack(folder: Path, _desk: None) -> Path:
    """A user's twelve tickers, a month of them, with headlines."""
    bars = [row for row in user_bars() if str(row["date"]) >= "2020-08-01"]
    said(*map(str, build_arguments(write_user_files(folder, bars), folder / "pack")))
    return folder / "pack"


def said(*words: str) -> str:
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def told(*words: str) -> Any:
    return json.loads(said("news", *words, "--json"))


def without_vectors() -> None:
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        connection.execute("DELETE FROM news_vectors")


def test_headlines_are_found_by_words_first_and_by_meaning_once_they_are_indexed(pack: Path) -> None:
    here = ("--pack", str(pack))
    without_vectors()
    before = told("search", "new office", *here, "--limit", "3")
    assert before["without_vector"] > 0
    assert [item["by_meaning"] for item in before["found"]] == [None] * len(before["found"])
    some = told("index", *here, "--limit", "5")
    assert some["embedded"] == 5
    rest = told("index", *here)
    assert (rest["embedded"], rest["without_vector"]) == (some["without_vector"], 0)
    assert said("news", "index", *here) == "0 headlines got their vectors\n"
    after = told("search", "higher profit than expected", *here, "--limit", "3")
    assert after["without_vector"] == 0
    assert [item["passage"]["id"] for item in after["found"]] == ["n1", "n2", "n3"]
    best = after["found"][0]
    assert "beats estimates" in best["passage"]["text"]
    assert best["by_meaning"] is not None


def test_a_search_names_what_was_known_then_of_the_tickers_asked_for(pack: Path) -> None:
    here = ("--pack", str(pack))
    told("index", *here)
    newest = told("search", "outlook", *here)
    assert newest["as_of"] == "2020-08-31T20:00:00+00:00"  # the last session's close, as for a critique
    of_one = told("search", "outlook", *here, "--ticker", "alda", "--as-of", "2020-08-20T13:00:00Z")
    assert of_one["tickers"] == ["ALDA"]
    assert {tuple(item["tickers"]) for item in of_one["found"]} == {("ALDA",)}
    latest = max(datetime.fromisoformat(item["passage"]["known_at"]) for item in of_one["found"])
    assert latest <= datetime(2020, 8, 20, 13, tzinfo=UTC)
    shown = said("news", "search", "out\x1b[2Jlook \u202e[/x]", *here, "--ticker", "ALDA", "--limit", "1")
    assert not {"\x1b", "\u202e"} & set(shown)
    assert "n1" in shown
    assert "Alda Works" in shown
    assert said("news", "search", "outlook", *here, "--ticker", "NONE") == (
        "nothing found that was known at 2020-08-31 20:00 UTC\n"
    )


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("news", "search", "  "), "TEXT must say"),
        (("news", "search", "\udcff\u200b"), "TEXT must say"),
        (("news", "search", "x", "--as-of", "yesterday"), "`--as-of` must be an instant"),
        (("news", "search", "x", "--as-of", "9999-12-31T23:59:59-05:00"), "`--as-of` must be an instant"),
        (("news", "search", "x", "--ticker", "\udcff"), "`--ticker` must be"),
        (("news", "search", "x", "--ticker", "AAPL,MSFT"), "`--ticker` must be"),
        (("news", "search", "x", "--market", "live", "--pack", "somewhere"), "`--pack` goes with"),
        (("news", "fetch"), r"`news\.feeds` in settings\.yaml must name a feed"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(words: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        said(*words)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Publishers on loopback; the desk's own fetcher reaches them over HTTP whatever their name."""
    server = Server()
    reach = partial(FeedFetcher, limits=LIMITS, resolver=lambda _: (PUBLIC,), transport=Loopback(server.port))
    monkeypatch.setattr(feeds, "FeedFetcher", reach)
    yield server
    server.close()


def test_feeds_are_fetched_once_linked_and_found(server: Server, tmp_path: Path) -> None:
    named = f"  feeds: ['{FEED}', '{FEED}2']\n  contact: desk@example.org\n"
    text = (CONFIG / "settings.yaml").read_text(encoding="utf-8")
    start, end = text.index("  feeds: "), text.index("\n\ncosts:")
    config = ("--config", str(config_copy(tmp_path / "config", settings=(text[start:end], named))))
    body = ITEMS.format(at=format_datetime(wall_now() - timedelta(hours=1)))
    server.replies["/rss"] = reply(200, body.encode(), Content_Type="application/rss+xml", ETag='"1"')
    server.replies["/rss2"] = reply(500)
    first = told("fetch", *config)
    assert (first["stored"], first["embedded"], first["alpaca"]) == (2, 2, None)
    assert [(feed["new"], feed["state"]["failures"]) for feed in first["feeds"]] == [(2, 0), (0, 1)]
    assert "desk@example.org" in server.seen[0][1]["user-agent"]
    assert told("fetch", *config)["feeds"][0]["new"] == 0
    server.replies["/rss"] = reply(304)
    shown = said("news", "fetch", *config)
    assert shown.splitlines()[-1] == "0 texts stored, 0 got a vector"
    assert "500" in shown
    # The feed that failed rests.
    assert [path for path, _ in server.seen] == ["/rss", "/rss2", "/rss", "/rss"]
    assert server.seen[-1][1]["if-none-match"] == '"1"'
    found = told("search", "better outlook", "--market", "live", "--ticker", "AAPL", *config)["found"]
    assert [item["passage"]["text"] for item in found] == ["Apple Inc. raises its forecast"]
    known_at = datetime.fromisoformat(found[0]["passage"]["known_at"])
    assert told("search", "outlook", "--market", "live", "--as-of", f"{known_at - timedelta(seconds=1)}")["found"] == []


def test_when_no_feed_answers_the_command_fails(server: Server, tmp_path: Path) -> None:
    text = (CONFIG / "settings.yaml").read_text(encoding="utf-8")
    start, end = text.index("  feeds: "), text.index("\n\ncosts:")
    named = f"  feeds: ['{FEED}3']\n  contact: desk@example.org\n"
    config = config_copy(tmp_path / "config", settings=(text[start:end], named))
    server.replies["/rss3"] = reply(200, b"<html><body>Please log in</body></html>")
    result = CliRunner().invoke(app, ["news", "fetch", "--config", str(config)])
    assert result.exit_code == 1
    assert "0 texts stored" in result.stdout
