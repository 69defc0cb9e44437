"""A user's own file of bars: whoever's spelling of a share class, and columns of a wrong kind."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tenthman.data.bar_files import read_daily, read_intraday
from tenthman.data.tables import ends_within_a_row
from tenthman.domain.errors import DataCorrupt

AT = datetime(2026, 1, 5, tzinfo=UTC)
PRICES = {"open": [100.0, 103.0], "high": [104.0, 112.0], "low": [98.0, 101.0], "close": [103.0, 110.0]}
COLUMNS = {"date": [date(2020, 1, 6), date(2020, 1, 7)], "ticker": ["AAPL", "AAPL"], **PRICES, "volume": [1.0, 2.0]}


def _written(folder: Path, **other: object) -> Path:
    path = folder / "mine.parquet"
    pq.write_table(pa.table({**COLUMNS, **other}), path)
    return path


@pytest.mark.parametrize("spelled", ["BRK.B", "BRK/B", "BRK-B"])
def test_a_share_class_goes_under_the_spelling_of_the_house(tmp_path: Path, spelled: str) -> None:
    assert read_daily(_written(tmp_path, ticker=[spelled, "AAPL"]), AT).bars.tickers == ("AAPL", "BRK-B")
    times = {"time": [datetime(2020, 1, 6, 15, tzinfo=UTC)] * 2}
    assert read_intraday(_written(tmp_path, ticker=[spelled, "AAPL"], **times), AT).tickers == ("AAPL", "BRK-B")


@pytest.mark.parametrize(
    "kind", [pa.string_view(), pa.large_string(), pa.binary(), pa.dictionary(pa.int32(), pa.string())]
)
def test_text_is_text_whatever_kind_of_column_holds_it(tmp_path: Path, kind: pa.DataType) -> None:
    path = _written(tmp_path, ticker=pa.array(["AAPL", "MSFT"]).cast(kind))
    assert read_daily(path, AT).bars.tickers == ("AAPL", "MSFT")


def test_two_spellings_of_one_share_class_are_one(tmp_path: Path) -> None:
    bars = read_daily(_written(tmp_path, ticker=["BRK.B", "BRK-B"]), AT).bars
    assert (bars.tickers, bars.codes.tolist()) == (("BRK-B",), [0, 0])
    with pytest.raises(DataCorrupt, match="row 2, column `date`: BRK-B must have one bar a session, had a second"):
        read_daily(_written(tmp_path, ticker=["BRK.B", "BRK-B"], date=[date(2020, 1, 6)] * 2), AT)


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("ticker", [1, 2], "row 1, column `ticker`: must be text, was 1"),
        ("ticker", [["AAPL"], ["AAPL"]], "row 1, column `ticker`: must be text"),
        ("ticker", [Decimal(1), Decimal(2)], "row 1, column `ticker`: must be text, was Decimal"),
        ("ticker", [None, None], "row 1, column `ticker`: must not be empty"),
        ("volume", [True, False], "row 1, column `volume`: must be a number, was True"),
        ("close", [[103.0], [110.0]], "row 1, column `close`: must be a number"),
        ("date", [20200106, 20200107], "row 1, column `date`: must be a date"),
        ("high", [1e308, 112.0], "row 1, column `high`: must lie in 1e-06..1e\\+09 USD, was 1e\\+308"),
        ("low", [1e-320, 101.0], "row 1, column `low`: must lie in 1e-06..1e\\+09 USD"),
        ("adj_close", [1e308, 1.0], "row 1, column `adj_close`: must lie in 1e-06..1e\\+09 USD, was 1e\\+308"),
        ("volume", [1e300, 1.0], "row 1, column `volume`: must be at most 1e\\+15, was 1e\\+300"),
    ],
)
def test_a_column_of_another_kind_is_refused_with_its_row(
    tmp_path: Path, column: str, values: list[object], words: str
) -> None:
    with pytest.raises(DataCorrupt, match=words):
        read_daily(_written(tmp_path, **{column: values}), AT)


def test_a_table_under_another_ending_is_told_which_one_it_needs(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("date,ticker", encoding="utf-8")
    with pytest.raises(
        DataCorrupt, match=r"mine\.txt \(a csv table's name must end in \.csv\): is not a readable parquet"
    ):
        read_daily(path, AT)


def test_a_last_row_without_an_end_of_line_is_known_since_it_may_be_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    for end in ("", "\n", "\r\n"):
        path.write_bytes(f"date,ticker,open,high,low,close,volume\n2020-01-06,AAPL,100,104,98,103,10{end}".encode())
        assert ends_within_a_row(path) == (end == "")
        assert len(read_daily(path, AT).bars) == 1
    assert not ends_within_a_row(_written(tmp_path))
