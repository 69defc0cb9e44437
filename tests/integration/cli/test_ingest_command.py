"""`tenthman ingest bars` on a user's own files, and what it says of options and files that make no sense."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from tenthman_command import CONFIG
from tenthman_serving import Running, in_thread
from tenthman_source_battery import forget_answers

from tenthman.cli.app import app
from tenthman.domain.errors import ConfigError, DataCorrupt

HEADER = "date,ticker,open,high,low,close,adj_close,volume"
ROWS = (
    "2020-01-06,AAPL,100,104,98,103,101,1000",
    "2020-01-07,AAPL,103,112,101,110,108,1000",
    "2020-01-07,MINE,10,11,9,10,10,500",
)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENTHMAN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TENTHMAN_CONFIG", str(CONFIG))
    for name in ("ALPACA_API_KEY", "ALPACA_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def database(fresh_database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("DATABASE_URL", fresh_database_url)
    return fresh_database_url


def _run(*arguments: str | Path) -> None:
    app(["ingest", "bars", *map(str, arguments)], standalone_mode=False)


def _file(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "mine.csv"
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    return path


def _stored(url: str, table: str = "bars") -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
    assert row is not None
    return int(row[0])


def test_a_users_file_is_stored_once_with_its_name_and_basis(
    tmp_path: Path, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _file(tmp_path, *ROWS)
    _run("--file", path, "--json")
    report = json.loads(capsys.readouterr().out)
    assert [report["ingested"]["merged"][name] for name in ("new", "revised", "others", "same")] == [3, 0, 0, 0]
    assert report["ingested"]["fetch"]["source"] == "file mine.csv"
    assert report["strangers"] == ["MINE"]
    (step,) = report["unexplained"]
    assert (step["ticker"], step["session"]) == ("AAPL", "2020-01-07")
    assert "multiplies what came before by 0.9987; stored splits and dividends say 1.0000" in step["detail"]
    _run("--file", path)
    shown = capsys.readouterr().out
    assert "unchanged" in shown
    assert "file mine.csv, split-adjusted" in shown
    assert _stored(database) == 3
    app(["ingest", "show", "aapl", "--json"], standalone_mode=False)
    told = json.loads(capsys.readouterr().out)
    assert [(item["bar"]["session"], item["fetch"]["source"], item["replaced"]) for item in told["bars"]] == [
        ("2020-01-06", "file mine.csv", 0),
        ("2020-01-07", "file mine.csv", 0),
    ]
    app(["ingest", "show", "AAPL", "--from", "2020-01-07"], standalone_mode=False)
    shown = capsys.readouterr().out
    assert "2020-01-07" in shown
    assert "2020-01-06" not in shown
    with pytest.raises(ConfigError, match=r"no daily bar of BRK-B is stored up to .*; `tenthman ingest bars` brings"):
        app(["ingest", "show", "BRK.B"], standalone_mode=False)
    path.write_text(path.read_text(encoding="utf-8").rstrip(), encoding="utf-8")
    _run("--file", path, "--json")
    assert "the last row has no end of line; if the file was cut off" in capsys.readouterr().err
    with psycopg.connect(database) as connection:
        connection.execute("INSERT INTO spellings VALUES ('live', 'AAPL', 'APLX', '2020-01-07', 's', now())")
    app(["ingest", "show", "APLX", "--json"], standalone_mode=False)
    assert json.loads(capsys.readouterr().out)["ticker"] == "AAPL", "asked by a name that was learned later"
    for asked, words in (
        (
            ("APLX", "--from", "2020-01-08", "--to", "2020-01-07"),
            "`--from` must not be after 2020-01-07, was 2020-01-08",
        ),
        (("APLX", "--from", "2020-01-08", "--to", "2020-01-09"), "AAPL is stored from 2020-01-08 to 2020-01-09;"),
    ):
        with pytest.raises(ConfigError, match=words):
            app(["ingest", "show", *asked], standalone_mode=False)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("2020-01-08,AAPL,100,104,98,103,101,-1", ("row 4", "`volume`", "-1")),
        ("2020-01-08,AAPL,100,97,98,97,101,1", ("row 4", "`high`", "97")),
        ("2020-01-08,AAPL,100,104,98,tall,101,1", ("row 4", "`close`", "tall")),
        ("2020-01-05,AAPL,100,104,98,103,101,1", ("row 4", "`date`", "2020-01-05", "session")),
        ("2020-01-07,AAPL,100,104,98,103,101,1", ("row 4", "AAPL", "second", "row 2")),
        ("2039-01-07,AAPL,100,104,98,103,101,1", ("row 4", "`date`", "closed before", "2039-01-07")),
        ("2020-01-08,?,100,104,98,103,101,1", ("row 4", "`ticker`")),
    ],
)
def test_a_file_with_one_bad_row_leaves_the_store_as_it_was(
    tmp_path: Path, database: str, row: str, words: tuple[str, ...]
) -> None:
    with pytest.raises(DataCorrupt) as caught:
        _run("--file", _file(tmp_path, *ROWS, row))
    assert [word for word in ("mine.csv", *words) if word not in str(caught.value)] == []
    assert _stored(database) == 0


def test_a_file_without_a_column_or_a_row_is_refused(tmp_path: Path, database: str) -> None:
    with pytest.raises(DataCorrupt, match=r"mine\.csv: column `volume` is missing"):
        _run("--file", _file(tmp_path, header="date,ticker,open,high,low,close"))
    with pytest.raises(DataCorrupt, match=r"mine\.csv: must hold at least one bar"):
        _run("--file", _file(tmp_path))
    with pytest.raises(DataCorrupt, match=r"nowhere\.csv: cannot be read"):
        _run("--file", tmp_path / "nowhere.csv")


def test_minutes_of_a_file_go_into_the_same_store(
    tmp_path: Path, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    header = "time,ticker,open,high,low,close,volume"
    rows = ("2020-01-06T14:30:00Z,AAPL,100,104,98,103,10", "2020-01-06T09:35:00-05:00,AAPL,103,105,101,104,20")
    path = _file(tmp_path, *rows, header=header)
    _run("--file", path, "--minutes", "5", "--basis", "raw", "--json")
    told = json.loads(capsys.readouterr().out)
    assert (told["new"], told["compared"], told["apart"]) == (2, 0, [])
    daily = _file(tmp_path, "2020-01-06,AAPL,100,105,98,100,1000", header=HEADER.replace("adj_close,", ""))
    _run("--file", daily, "--basis", "raw")
    path = _file(tmp_path, *rows, header=header)
    _run("--file", path, "--minutes", "5", "--json")
    told = json.loads(capsys.readouterr().out.partition("{")[2].join(["{", ""]))
    assert (told["new"], told["compared"]) == (0, 1)
    assert "close 104 here, 100 there: 400 bp apart" in told["apart"][0]["detail"]
    _run("--file", path, "--minutes", "5")
    assert "2, 0 of them new or changed" in capsys.readouterr().out
    other = path.with_name("other.csv")
    other.write_text(path.read_text(encoding="utf-8").replace(",103,10", ",102,10"), encoding="utf-8")
    _run("--file", other, "--minutes", "5", "--json")
    told = json.loads(capsys.readouterr().out)
    assert (told["new"], told["others"]) == (0, 2), "what one file has stored another does not overwrite"
    path.write_text(other.read_text(encoding="utf-8"), encoding="utf-8")
    _run("--file", path, "--minutes", "5", "--json")
    told = json.loads(capsys.readouterr().out)
    assert (told["new"], told["others"]) == (2, 0), "it corrects its own"
    assert _stored(database, "intraday_bars") == 2
    with pytest.raises(DataCorrupt, match="row 3, column `time`: AAPL must have one bar a time"):
        _run("--file", _file(tmp_path, *rows, rows[0], header=header), "--minutes", "5")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--source", "alpaca"), "ALPACA_API_KEY and ALPACA_SECRET_KEY must be set"),
        (("--minutes", "5"), "ALPACA_API_KEY and ALPACA_SECRET_KEY must be set"),
        (("--minutes", "5", "--source", "yahoo"), "`--minutes` goes with `--source alpaca` or `--file`, was 'yahoo'"),
        (("--file", "x.csv", "--days", "3"), "leave out --days"),
        (("--days", "3", "--from", "2020-01-06"), "`--days` goes without --from and --to"),
        (("--from", "2020-02-06", "--to", "2020-01-06"), "`--from` must lie in 1990-01-01..2020-01-06, was 2020-02-06"),
        (("--tickers", "A B"), "`--tickers` must be"),
        (("--tickers", ","), "`--tickers` must be"),
    ],
)
def test_options_that_make_no_sense_are_refused_before_a_database_is_started(
    tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        _run(*arguments)
    assert words in str(caught.value)
    assert not (tmp_path / "home" / "postgres").exists()


def test_a_file_that_spells_names_as_of_their_day_is_one_history(
    tmp_path: Path, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    row = "{},{},100,104,98,103,101,1000"
    days = (("2022-06-07", "FB"), ("2022-06-08", "FB"), ("2022-06-09", "META"), ("2022-06-10", "META"))
    _run("--file", _file(tmp_path, *(row.format(*told) for told in days)), "--json")
    report = json.loads(capsys.readouterr().out)
    assert (report["ingested"]["answered"], report["strangers"]) == (1, [])
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT ticker, count(*) FROM bars GROUP BY ticker").fetchall() == [("META", 4)]


@pytest.fixture(scope="module")
def exchange() -> Iterator[Running]:
    """After its third session; AAA has had a split then."""
    with in_thread() as server:
        server.control("POST", "advance", {"to": "2020-01-07T21:00:00Z"})
        server.control("POST", "incidents", {"kind": "split", "symbol": "AAA", "new_rate": 2})
        server.control("POST", "advance", {"to": "2020-01-08T21:00:00Z"})
        forget_answers()
        yield server
        forget_answers()


def test_a_served_exchange_is_asked_in_place_of_both_sources_and_its_bars_are_kept_apart(
    exchange: Running,
    tmp_path: Path,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    keys = exchange.told["accounts"][0]
    monkeypatch.setenv("ALPACA_API_KEY", keys["key"])
    monkeypatch.setenv("ALPACA_SECRET_KEY", keys["secret"])
    asked = ("--address", exchange.rest, "--from", "2020-01-06", "--to", "2020-01-08", "--tickers", "AAA,BRK.B")
    _run(*asked, "--source", "both", "--json")
    told = json.loads(capsys.readouterr().out)
    assert (told["ingested"]["fetch"]["source"], told["ingested"]["merged"]["new"]) == (f"{exchange.rest} as Alpaca", 6)
    assert (told["compared"], told["unchecked"], told["flags"]) == (6, "", []), "the split is in both"
    assert told["actions"] == 1
    _run(*asked, "--source", "yahoo", "--json")
    told = json.loads(capsys.readouterr().out)
    assert (told["ingested"]["fetch"]["source"], told["ingested"]["merged"]["others"]) == (
        f"{exchange.rest} as Yahoo",
        6,
    )
    _run(*asked, "--minutes", "30", "--json")
    told = json.loads(capsys.readouterr().out)
    assert (told["tickers"], told["compared"]) == (2, 6)
    assert told["apart"] == [], "minutes are as traded, before the split too"
    mixed = r"^file mine\.csv: must not be mixed with the bars of http://.* as Alpaca in this store; name another TENTH"
    with pytest.raises(ConfigError, match=mixed):
        _run("--file", _file(tmp_path, *ROWS))


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://example.org", "must begin with https://, or with http:// on loopback, was 'http://example.org'"),
        ("http://127.0.0.1.example.org", "must begin with https://, or with http:// on loopback"),
        ("ftp://localhost", "must begin with https://"),
        ("127.0.0.1:8765", "must be scheme, host and port such as http://127.0.0.1:8765, was '127.0.0.1:8765'"),
        ("https://me@example.org", "must be scheme, host and port"),
        ("http://localhost:99999", "must be scheme, host and port"),
        ("http://localhost/v2", "must be scheme, host and port"),
        ("http://localhost?a=b", "must be scheme, host and port"),
        ("http://[::1", "must be scheme, host and port"),
    ],
)
def test_an_address_is_a_host_alone_and_only_loopback_is_spoken_to_in_the_clear(address: str, words: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"`--address` {words}")):
        _run("--address", address)


def test_an_address_goes_without_a_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"`--file` has its own days and tickers: leave out .* --address"):
        _run("--file", tmp_path / "mine.csv", "--address", "http://localhost")
