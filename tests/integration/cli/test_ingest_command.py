"""`tenthman ingest bars` on a user's own files, and what it says of options and files that make no sense."""

import json
from pathlib import Path

import psycopg
import pytest
from tenthman_command import CONFIG

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
