"""Packs built from a user's own files and opened again; each kind of defect refused with its message."""

import csv
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from tenthman.data.calendar import sessions_between
from tenthman.data.pack_building import DERIVED, build_pack
from tenthman.data.packs import open_pack
from tenthman.domain.errors import ConfigError, DataCorrupt
from tenthman.domain.market import FIELDS, MarketData, MarketKind, Period
from tenthman.domain.news import TimePrecision

Row = dict[str, Any]
Change = Callable[[list[Row]], object]

HOURS = sessions_between(date(2019, 12, 2), date(2020, 1, 31))
UNIVERSE = (
    "ticker,name,issuer,sector,aliases,member_from,member_to\n"
    'AAA,"Alpha, Inc.",Alpha,Energy,Alpha|Alpha Inc,2019-01-01,\n'
    "BRK-B,Beta B,Beta,Financials,,2019-01-01,2020-01-15\n"
)


def _bars() -> list[Row]:
    rows = []
    for number, hours in enumerate(HOURS):
        for ticker, scale in (("AAA", 10.0), ("BRK-B", 20.0), ("SPY", 300.0)):
            close = scale + number / 10
            rows.append(
                {"date": hours.session, "ticker": ticker, "open": close, "high": close + 1, "low": close - 1,
                 "close": close, "volume": 1000.0 + number}
            )  # fmt: skip
    return rows


def _headlines() -> list[Row]:
    def row(number: int, at: datetime, precision: str, tickers: list[str]) -> Row:
        return {"id": f"h{number}", "published_at": at, "precision": precision, "headline": f"Words, number {number}",
                "summary": None, "source": "Wire", "url": None, "tickers": tickers}  # fmt: skip

    return [
        row(1, datetime(2020, 1, 6, 14, 0, tzinfo=UTC), "instant", ["AAA"]),
        row(2, datetime(2020, 1, 6, tzinfo=UTC), "day", []),
        row(3, datetime(2019, 12, 25, tzinfo=UTC), "day", ["AAA", "BRK-B"]),
        row(4, datetime(2019, 12, 24, tzinfo=UTC), "day", []),
    ]


def _parquet(path: Path, rows: list[Row]) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def _csv(path: Path, rows: list[Row]) -> Path:
    def cell(value: object) -> object:
        match value:
            case None:
                return ""
            case list():
                return "|".join(value)
            case datetime():
                return value.isoformat()
        return value

    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows({key: cell(value) for key, value in row.items()} for row in rows)
    return path


def _build(folder: Path, bars: Path, headlines: Path | None, universe: str | None = UNIVERSE, **more: Any) -> Path:
    listed = None
    if universe is not None:
        listed = folder / "names.csv"
        listed.write_text(universe, encoding="utf-8")
    told = {"name": "Three names", "description": "Made up.", "source": "nobody", "licence": "CC0"} | {
        "price_basis": "raw", "index_ticker": "SPY"
    }  # fmt: skip
    return build_pack(folder / "pack", bars=bars, headlines=headlines, universe=listed, **(told | more))


def _dividends() -> list[Row]:
    return [
        {"ex_date": HOURS[3].session, "ticker": "AAA", "amount": 0.25},
        {"ex_date": HOURS[9].session, "ticker": "SPY", "amount": 1.5},
    ]


def _with_dividends(folder: Path, dividends: Path, **more: Any) -> MarketData:
    return open_pack(_build(folder, _parquet(folder / "b", _bars()), None, dividends=dividends, **more), 0)


def _built(folder: Path) -> Path:
    return _build(folder, _parquet(folder / "b.parquet", _bars()), _parquet(folder / "h.parquet", _headlines()))


def _same(one: MarketData, other: MarketData) -> bool:
    return one.headlines == other.headlines and one.provenance == other.provenance


def test_a_pack_built_from_parquet_opens_as_what_went_in(tmp_path: Path) -> None:
    market = open_pack(_built(tmp_path), archive_lag_minutes=15)
    assert market.provenance.kind is MarketKind.PACK
    assert market.provenance.headline == "REAL market data (pack): Three names"
    assert market.panel.tickers == ("AAA", "BRK-B", "SPY")
    assert market.panel.sessions.tolist() == [item.session for item in HOURS]
    assert market.panel.close[3].tolist() == [10.3, 20.3, 300.3]
    assert market.panel.volume[3, 0] == 1003.0
    assert market.hours[: len(HOURS)] == HOURS
    assert len(market.hours) > len(HOURS)
    assert market.universe.listings[0].aliases == ("Alpha", "Alpha Inc")
    assert [item.ticker for item in market.universe.members(date(2020, 1, 15))] == ["AAA"]


def test_csv_and_parquet_give_the_same_market(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    from_csv = _build(tmp_path / "c", _csv(tmp_path / "b.csv", _bars()), _csv(tmp_path / "h.csv", _headlines()))
    assert _same(open_pack(from_csv, 15), open_pack(_built(tmp_path), 15))


def test_the_order_of_rows_does_not_change_the_content(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    backwards = _build(
        tmp_path / "r",
        _parquet(tmp_path / "rb.parquet", _bars()[::-1]),
        _parquet(tmp_path / "rh.parquet", _headlines()[::-1]),
    )
    assert _same(open_pack(backwards, 15), open_pack(_built(tmp_path), 15))


@pytest.mark.parametrize(
    "change",
    [lambda b, h: b[5].update(volume=7.0), lambda b, h: h[0].update(headline="Other words"), lambda b, h: h.pop()],
)
def test_any_change_of_the_data_changes_the_content_hash(
    tmp_path: Path, change: Callable[[list[Row], list[Row]], object]
) -> None:
    bars, headlines = _bars(), _headlines()
    change(bars, headlines)
    (tmp_path / "o").mkdir()
    other = _build(tmp_path / "o", _parquet(tmp_path / "ob", bars), _parquet(tmp_path / "oh", headlines))
    before, after = open_pack(_built(tmp_path), 15), open_pack(other, 15)
    assert before.provenance.content_hash != after.provenance.content_hash


def test_headlines_are_known_after_the_lag_or_after_their_days_close(tmp_path: Path) -> None:
    found = {item.id: item for item in open_pack(_built(tmp_path), archive_lag_minutes=15).headlines}
    assert found["h1"].known_at == datetime(2020, 1, 6, 14, 15, tzinfo=UTC)
    assert found["h2"].known_at == datetime(2020, 1, 6, 21, 15, tzinfo=UTC)
    assert found["h3"].known_at == datetime(2019, 12, 26, 21, 15, tzinfo=UTC)  # no session on 25 December
    assert found["h4"].known_at == datetime(2019, 12, 24, 18, 15, tzinfo=UTC)  # early close
    assert found["h2"].precision is TimePrecision.DAY
    assert found["h3"].tickers == ("AAA", "BRK-B")
    assert found["h1"].summary == ""


def test_without_scenarios_the_last_twenty_sessions_and_the_deepest_fall_are_named(tmp_path: Path) -> None:
    bars = _bars()
    for row in bars:
        if row["ticker"] == "SPY" and row["date"] >= date(2020, 1, 3):
            row.update(low=100.0)
            row.update(close=row["open"] - 50 + (row["date"] - date(2020, 1, 3)).days)
    scenarios = open_pack(_build(tmp_path, _parquet(tmp_path / "b", bars), None), 0).scenarios
    assert scenarios["default"] == Period(first=HOURS[-20].session, last=HOURS[-1].session)
    crash = [item.session for item in HOURS if scenarios["crash"].first <= item.session <= scenarios["crash"].last]
    assert len(crash) == 20
    assert date(2020, 1, 3) in crash


def test_named_scenarios_are_kept(tmp_path: Path) -> None:
    week = Period(first=date(2020, 1, 6), last=date(2020, 1, 10))
    pack = _build(tmp_path, _parquet(tmp_path / "b", _bars()), None, scenarios={"default": week})
    assert open_pack(pack, 0).scenarios == {"default": week}


def test_without_a_universe_every_ticker_is_a_member_and_the_description_says_so(tmp_path: Path) -> None:
    market = open_pack(_build(tmp_path, _parquet(tmp_path / "b", _bars()), None, universe=None), 0)
    assert [item.ticker for item in market.universe.members(HOURS[0].session)] == ["AAA", "BRK-B"]
    assert market.provenance.description == f"Made up. {DERIVED}"
    assert market.headlines == ()


def test_a_listing_without_bars_is_left_out(tmp_path: Path) -> None:
    listed = UNIVERSE + "ZZZ,Zeta,Zeta,Energy,,2019-01-01,\n"
    market = open_pack(_build(tmp_path, _parquet(tmp_path / "b", _bars()), None, universe=listed), 0)
    assert {item.ticker for item in market.universe.listings} == {"AAA", "BRK-B"}


def test_a_ticker_may_be_a_member_twice(tmp_path: Path) -> None:
    again = UNIVERSE + "BRK-B,Beta B,Beta,Financials,,2020-01-20,\n"
    universe = open_pack(_build(tmp_path, _parquet(tmp_path / "b", _bars()), None, universe=again), 0).universe
    days = [date(2020, 1, 14), date(2020, 1, 16), date(2020, 1, 21)]
    assert [len(universe.members(day)) for day in days] == [2, 1, 2]


def _set(row: int, **cells: object) -> Change:
    return lambda rows: rows[row].update(cells)


def _drop(column: str) -> Change:
    return lambda rows: [row.pop(column) for row in rows]


BAD_BARS: dict[str, tuple[Change, str]] = {
    "missing column": (_drop("volume"), r"column `volume` is missing"),
    "nan": (_set(4, close=float("nan")), r"row 5, column `close`: must be a finite number, was (nan|None)"),
    "null": (_set(4, high=None), r"row 5, column `high`: must be a finite number, was (nan|None)"),
    "infinite": (_set(4, high=float("inf")), r"row 5, column `high`: must be a finite number, was '?inf"),
    "repeated session": (
        _set(3, date=HOURS[0].session),
        r"row 4, column `date`: AAA must have one bar a session, had a second for 2019-12-02 \(first in row 1\)",
    ),
    "no session": (
        _set(3, date=date(2019, 12, 25)),
        r"row 4, column `date`: must be a session of the exchange \(XNYS\), was .*2019.*12.*25",
    ),
    "no day": (_set(3, date=None), r"row 4, column `date`: must be a date, was None"),
    "far away": (
        _set(3, date=date(1066, 10, 14)),
        r"row 4, column `date`: must lie in 1990-01-01\.\.2040-12-31, was .*1066",
    ),
    "high below low": (
        _set(6, high=1.0, open=1.0, close=1.0),
        r"row 7, column `high`: must not be below `low`, was '?1\.0",
    ),
    "close outside": (_set(6, close=99.0), r"row 7, column `close`: must lie in `low`\.\.`high`, was '?99\.0"),
    "open outside": (_set(6, open=0.5), r"row 7, column `open`: must lie in `low`\.\.`high`, was '?0\.5"),
    "negative volume": (_set(6, volume=-1.0), r"row 7, column `volume`: must be at least 0, was '?-1\.0"),
    "zero price": (_set(6, low=0.0), r"row 7, column `low`: must be above 0, was '?0\.0"),
    "bad ticker": (_set(6, ticker="aapl us"), r"row 7, column `ticker`: must be 1 to 16 of .*, was 'aapl us'"),
    "no ticker": (_set(6, ticker=None), r"row 7, column `ticker`: must not be empty, was None"),
    "index hole": (
        lambda rows: rows.pop(5),
        r"the index must have a bar in every session from first to last, had none in 2019-12-03",
    ),
}


@pytest.mark.parametrize("kind", ["parquet", "csv"])
@pytest.mark.parametrize("defect", BAD_BARS)
def test_a_defect_in_the_bars_is_refused_by_file_row_and_column(tmp_path: Path, defect: str, kind: str) -> None:
    change, message = BAD_BARS[defect]
    rows = _bars()
    change(rows)
    bars = (_csv if kind == "csv" else _parquet)(tmp_path / f"mine.{kind}", rows)
    with pytest.raises(DataCorrupt, match=rf"mine\.{kind}: {message}"):
        _build(tmp_path, bars, None)
    assert not (tmp_path / "pack").exists()
    assert {path.name for path in tmp_path.iterdir()} == {bars.name, "names.csv"}


BAD_HEADLINES: dict[str, tuple[Change, str]] = {
    "missing column": (_drop("precision"), r"column `precision` is missing"),
    "no id": (_set(1, id=None), r"row 2, column `id`: must not be empty, was ''"),
    "blank id": (_set(1, id="  "), r"row 2, column `id`: must not be empty, was '  '"),
    "repeated id": (_set(1, id="h1"), r"row 2, column `id`: must be unique, 'h1' stands in row 1 already"),
    "no headline": (_set(1, headline=None), r"row 2, column `headline`: must not be empty"),
    "no time": (_set(1, published_at=None), r"row 2, column `published_at`: must be a time, was None"),
    "early": (
        _set(1, published_at=datetime(1929, 10, 29, tzinfo=UTC)),
        r"row 2, column `published_at`: must lie in 1990",
    ),
    "precision": (_set(1, precision="minute"), r"row 2, column `precision`: must be 'instant' or 'day', was 'minute'"),
    "nul": (_set(1, headline="a\x00b"), r"row 2, column `headline`: must hold no NUL character"),
    "tickers": (_set(0, tickers=["not a ticker"]), r"row 1, column `tickers`: must hold tickers"),
}  # fmt: skip


@pytest.mark.parametrize("kind", ["parquet", "csv"])
@pytest.mark.parametrize("defect", BAD_HEADLINES)
def test_a_defect_in_the_headlines_is_refused_by_file_row_and_column(tmp_path: Path, defect: str, kind: str) -> None:
    change, message = BAD_HEADLINES[defect]
    rows = _headlines()
    change(rows)
    news = (_csv if kind == "csv" else _parquet)(tmp_path / f"news.{kind}", rows)
    with pytest.raises(DataCorrupt, match=rf"news\.{kind}: {message}"):
        _build(tmp_path, _parquet(tmp_path / "b.parquet", _bars()), news)


def test_dividends_stand_in_the_session_of_their_ex_date(tmp_path: Path) -> None:
    market = _with_dividends(tmp_path, _parquet(tmp_path / "d.parquet", _dividends()))
    assert market.dividends is not None
    paid = {(int(row), market.panel.tickers[column]) for row, column in np.argwhere(market.dividends)}
    assert paid == {(3, "AAA"), (9, "SPY")}
    assert market.dividends[3, 0] == 0.25
    assert not market.dividends.flags.writeable


def test_dividends_in_a_csv_are_the_same_market(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    one = _with_dividends(tmp_path, _parquet(tmp_path / "d.parquet", _dividends()))
    other = _with_dividends(tmp_path / "c", _csv(tmp_path / "d.csv", _dividends()[::-1]))
    assert one.provenance == other.provenance


def test_a_pack_that_says_nothing_of_dividends_keeps_its_hash_and_one_without_any_is_another_market(
    tmp_path: Path,
) -> None:
    silent = open_pack(_built(tmp_path), 15)
    assert silent.dividends is None
    assert silent.provenance.content_hash == "3f7055155b78a80b27c8e112c055c98e003429e3b1e0c0310a2440b032855c84"
    (tmp_path / "n").mkdir()
    none = _csv(tmp_path / "none.csv", _dividends()[:1])
    none.write_text("ex_date,ticker,amount\n")
    market = _with_dividends(tmp_path / "n", none)
    assert market.dividends is not None
    assert not market.dividends.any()
    known = _with_dividends(tmp_path, _parquet(tmp_path / "d.parquet", _dividends()), overwrite=True)
    assert len({item.provenance.content_hash for item in (silent, market, known)}) == 3


BAD_DIVIDENDS: dict[str, tuple[Change, str]] = {
    "missing column": (_drop("amount"), r"column `amount` is missing"),
    "no ticker": (_set(1, ticker=None), r"row 2, column `ticker`: must not be empty, was None"),
    "unknown ticker": (_set(1, ticker="ZZZ"), r"row 2, column `ticker`: must be a ticker that has bars, was 'ZZZ'"),
    "no session": (
        _set(1, ex_date=date(2019, 12, 25)),
        r"row 2, column `ex_date`: must be a session in 2019-12-02\.\.2020-01-31, was .*2019.*12.*25",
    ),
    "outside": (_set(1, ex_date=date(2020, 3, 2)), r"row 2, column `ex_date`: must be a session in 2019"),
    "nan": (_set(0, amount=float("nan")), r"row 1, column `amount`: must be a finite number above 0, was (nan|None)"),
    "nothing": (_set(0, amount=0.0), r"row 1, column `amount`: must be a finite number above 0, was '?0\.0"),
    "negative": (_set(0, amount=-0.1), r"row 1, column `amount`: must be a finite number above 0, was '?-0\.1"),
    "in cents": (_set(0, amount=25.0), r"row 1, column `amount`: must be below the close before the ex-date, was '?25"),
    "twice": (
        _set(1, ticker="AAA", ex_date=HOURS[3].session),
        r"row 2, column `ex_date`: AAA must have one dividend a session, had a second for 2019-12-05 \(first in row 1",
    ),
}


@pytest.mark.parametrize("kind", ["parquet", "csv"])
@pytest.mark.parametrize("defect", BAD_DIVIDENDS)
def test_a_defect_in_the_dividends_is_refused_by_file_row_and_column(tmp_path: Path, defect: str, kind: str) -> None:
    change, message = BAD_DIVIDENDS[defect]
    rows = _dividends()
    change(rows)
    paid = (_csv if kind == "csv" else _parquet)(tmp_path / f"paid.{kind}", rows)
    with pytest.raises(DataCorrupt, match=rf"paid\.{kind}: {message}"):
        _with_dividends(tmp_path, paid)
    assert not (tmp_path / "pack").exists()


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("yesterday", r"row 3, column `published_at`: must be a time with its zone like .*, was 'yesterday'"),
        ("2020-01-06 10:00", r"row 3, column `published_at`: must be a time with its zone"),
    ],
)
def test_a_time_that_cannot_be_read_or_has_no_zone_is_refused(tmp_path: Path, said: str, message: str) -> None:
    rows = _headlines()
    rows[2]["published_at"] = said
    with pytest.raises(DataCorrupt, match=message):
        _build(tmp_path, _parquet(tmp_path / "b", _bars()), _csv(tmp_path / "h.csv", rows))


def test_a_cell_that_is_no_number_is_named(tmp_path: Path) -> None:
    rows = _bars()
    rows[7]["open"] = "ten"
    with pytest.raises(DataCorrupt, match=r"b\.csv: row 8, column `open`: must be a number, was 'ten'"):
        _build(tmp_path, _csv(tmp_path / "b.csv", rows), None)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("member_to\n", "until\n", "column `member_to` is missing"),
        ("2020-01-15", "2019-01-01", r"row 2, column `member_to`: BRK-B: `member_to` must be after"),
        ("2020-01-15", "15.1.2020", r"row 2, column `member_to`: must be a date like 2020-01-06, was '15\.1\.2020'"),
        ("AAA,", "aaa,", r"row 1, column `ticker`: must be 1 to 16"),
        (",Beta,", ",,", r"row 2, column `issuer`: must not be empty"),
        ('"Alpha, Inc."', "Alpha, Inc.", r"row 1: must have one cell a column, had more"),
        ("BRK-B,Beta B", "AAA,Beta B", r"AAA: must be one company for all time, was 'Alpha' from .* and 'Beta' from"),
        (
            "BRK-B,Beta B,Beta",
            "AAA,Beta B,Alpha",
            r"AAA: `member_from` 2019-01-01 must not lie in its other membership",
        ),
    ],
)
def test_a_defect_in_the_universe_is_refused_by_row_and_column(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    with pytest.raises(DataCorrupt, match=rf"names\.csv: {message}"):
        _build(tmp_path, _parquet(tmp_path / "b", _bars()), None, universe=UNIVERSE.replace(old, new))


def test_an_index_without_bars_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataCorrupt, match=r"the index ticker named in pack\.yaml must have bars"):
        _build(tmp_path, _parquet(tmp_path / "b", _bars()), None, index_ticker="QQQ")


def test_a_table_without_rows_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(_bars()).slice(0, 0), tmp_path / "b.parquet")
    with pytest.raises(DataCorrupt, match=r"b\.parquet: must hold at least one bar, held none"):
        _build(tmp_path, tmp_path / "b.parquet", None)


def test_a_scenario_outside_the_data_is_refused(tmp_path: Path) -> None:
    late = Period(first=date(2020, 1, 6), last=date(2020, 2, 28))
    with pytest.raises(ConfigError, match=r"pack\.yaml: `scenarios\.default` must be two rising dates in 2019-12-02"):
        _build(tmp_path, _parquet(tmp_path / "b", _bars()), None, scenarios={"default": late})


@pytest.mark.parametrize("name", ["bars.parquet", "headlines.parquet", "universe.csv"])
def test_a_changed_file_is_refused_by_its_checksum(tmp_path: Path, name: str) -> None:
    pack = _built(tmp_path)
    (pack / name).write_bytes((pack / name).read_bytes() + b"\n")
    with pytest.raises(DataCorrupt, match=rf"{name}: sha256 must be [0-9a-f]{{64}} as pack\.yaml says"):
        open_pack(pack, 0)


def test_dividends_that_were_changed_are_refused_by_their_checksum(tmp_path: Path) -> None:
    _with_dividends(tmp_path, _parquet(tmp_path / "d.parquet", _dividends()))
    _parquet(tmp_path / "pack" / "dividends.parquet", _dividends()[:1])
    with pytest.raises(DataCorrupt, match=r"dividends\.parquet: sha256 must be"):
        open_pack(tmp_path / "pack", 0)


@pytest.mark.parametrize("name", ["bars.parquet", "headlines.parquet", "universe.csv"])
def test_a_missing_file_is_refused(tmp_path: Path, name: str) -> None:
    pack = _built(tmp_path)
    (pack / name).unlink()
    with pytest.raises(DataCorrupt, match=rf"{name}: cannot be read: No such file"):
        open_pack(pack, 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "`format`: Input should be 1, was 2"),
        ({"calendar": "XLON"}, "`calendar`: Input should be 'XNYS', was 'XLON'"),
        ({"colour": "red"}, "`colour`: Extra inputs are not permitted"),
        ({"name": ""}, "`name`: String should have at least 1 character"),
        (
            {"files": {}},
            "`files` must name bars.parquet, .*, universe.csv and may name dividends.parquet, renames.csv, named none",
        ),
        ({"scenarios": {"default": ["soon", "later"]}}, r"`scenarios\.default\.0`: "),
    ],
)
def test_a_manifest_that_cannot_be_used_is_refused_by_its_key(tmp_path: Path, change: Row, message: str) -> None:
    manifest = _built(tmp_path) / "pack.yaml"
    manifest.write_text(yaml.safe_dump(yaml.safe_load(manifest.read_text()) | change))
    with pytest.raises(ConfigError, match=rf"pack\.yaml: {message}"):
        open_pack(manifest.parent, 0)


def test_a_folder_that_is_no_pack_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such folder"):
        open_pack(tmp_path / "nowhere", 0)
    with pytest.raises(ConfigError, match=r"pack\.yaml: the file is missing"):
        open_pack(tmp_path, 0)
    (tmp_path / "prices.csv").write_text("date,ticker")
    with pytest.raises(ConfigError, match=r"prices\.csv: is a file; a data pack is a folder"):
        open_pack(tmp_path / "prices.csv", 0)


def test_an_input_that_is_not_there_or_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataCorrupt, match=r"none\.parquet: cannot be read: No such file"):
        _build(tmp_path, tmp_path / "none.parquet", None)
    (tmp_path / "text.parquet").write_text("not parquet")
    with pytest.raises(DataCorrupt, match=r"text\.parquet: is not a readable parquet file"):
        _build(tmp_path, tmp_path / "text.parquet", None)
    assert not (tmp_path / "pack").exists()


def test_a_folder_with_something_in_it_is_only_overwritten_on_demand_and_only_if_it_is_a_pack(tmp_path: Path) -> None:
    pack = _built(tmp_path)
    before = open_pack(pack, 0).provenance.content_hash
    bars = _parquet(tmp_path / "b2", _bars()[3:])
    with pytest.raises(ConfigError, match="the folder is not empty"):
        _build(tmp_path, bars, None)
    assert open_pack(pack, 0).provenance.content_hash == before
    _build(tmp_path, bars, None, overwrite=True)
    assert open_pack(pack, 0).panel.sessions[0] == np.datetime64(HOURS[1].session)
    (pack / "pack.yaml").unlink()
    with pytest.raises(ConfigError, match="only a data pack may be overwritten"):
        _build(tmp_path, bars, None, overwrite=True)
    assert {path.name for path in tmp_path.iterdir() if path.name.startswith(".")} == set()


def test_a_failed_rebuild_leaves_the_old_pack(tmp_path: Path) -> None:
    pack = _built(tmp_path)
    rows = _bars()
    rows[0]["close"] = -1.0
    with pytest.raises(DataCorrupt):
        _build(tmp_path, _parquet(tmp_path / "b2", rows), None, overwrite=True)
    assert open_pack(pack, 0).panel.close.shape == (len(HOURS), 3)


def test_a_session_is_known_to_the_minute_of_its_lag(tmp_path: Path) -> None:
    pack = _built(tmp_path)
    early, late = (open_pack(pack, lag).headlines for lag in (0, 60))
    assert {b.known_at - a.known_at for a, b in zip(early, late, strict=True)} == {timedelta(hours=1)}


def _as_traded(folder: Path, *, dated: bool) -> MarketData:
    """The market of `_bars` with dividends; `dated`: AAA spelled OLD until a session in the middle."""
    turn = HOURS[20].session
    bars, paid = _bars(), _dividends()
    universe = UNIVERSE
    more = {}
    if dated:
        for row in bars:
            row["ticker"] = "OLD" if row["ticker"] == "AAA" and row["date"] < turn else row["ticker"]
        paid[0]["ticker"] = "OLD"
        universe = UNIVERSE.replace("Alpha|Alpha Inc,2019-01-01,", f"Alpha|Alpha Inc,{turn},")
        universe += f"OLD,Olden,Alpha,Energy,Olden Corp,2019-01-01,{turn}\n"
        more = {"renames": folder / "names-given-up.csv"}
        more["renames"].write_text(f"old,new,on\nOLD,AAA,{turn}\n", encoding="utf-8")
    tables = {"bars": _parquet(folder / "b", bars), "headlines": _parquet(folder / "h", _headlines())}
    return open_pack(_build(folder, universe=universe, dividends=_parquet(folder / "d", paid), **tables, **more), 0)


def test_a_pack_spelled_as_of_each_day_opens_as_one_security_through_a_rename(tmp_path: Path) -> None:
    (tmp_path / "dated").mkdir()
    today, dated = _as_traded(tmp_path, dated=False), _as_traded(tmp_path / "dated", dated=True)
    assert dated.panel.tickers == today.panel.tickers
    for name in FIELDS:
        assert np.array_equal(getattr(dated.panel, name), getattr(today.panel, name))
    assert today.dividends is not None
    assert dated.dividends is not None
    assert np.array_equal(dated.dividends, today.dividends)
    spans = [
        [(item.ticker, item.member_from, item.member_to) for item in one.universe.listings] for one in (today, dated)
    ]
    assert spans[0] == spans[1]
    assert dated.universe.listings[0].aliases == ("Alpha", "Alpha Inc", "Olden Corp", "Olden")
    assert dated.universe.ticker_of("OLD", HOURS[19].session) == "AAA"
    assert dated.provenance.content_hash != today.provenance.content_hash
