"""Tables that come from outside, checked column by column.

Every defect is a DataCorrupt that names file, row (counting from 1, without the header), column and value.
"""

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tenthman.data.calendar import FIRST_DAY, LAST_DAY, sessions_between
from tenthman.domain.errors import DataCorrupt
from tenthman.domain.market import Floats, Sessions

PRICES = ("open", "high", "low", "close")
TICKER = re.compile(r"[A-Z0-9^][A-Z0-9.^-]{0,15}")
TICKER_RULE = "must be 1 to 16 of A-Z, 0-9, '.', '-' and '^'"

LEAST_PRICE, MOST_PRICE, MOST_VOLUME = 1e-6, 1e9, 1e15
"""No share and no index lies outside: what does is damaged, and would overflow what is computed from it."""

Mask = NDArray[np.bool_]
Instants = NDArray[np.datetime64]


@dataclass(frozen=True, slots=True)
class Source:
    """A table and the name that a message gives it."""

    table: pa.Table
    label: str

    def column(self, name: str) -> pa.Array:
        """The column as one array, dictionaries unpacked."""
        column = self.table.column(name).combine_chunks()
        return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column

    def refuse(self, bad: Mask, column: str, rule: str) -> None:
        """DataCorrupt for the first row where `bad`."""
        if bool(bad.any()):
            row = int(np.argmax(bad))
            self.fail(row, column, f"must {rule}, was {self.table.column(column)[row].as_py()!r}")

    def fail(self, row: int, column: str, message: str) -> NoReturn:
        raise DataCorrupt(f"{self.label}: row {row + 1}, column `{column}`: {message}")


def read_table(path: Path) -> pa.Table:
    """A parquet or csv table; a csv's cells come as text, so that one of the wrong kind can be named with its row."""
    raw = read_bytes(path)
    if (ending := path.suffix.lower()) != ".csv":
        return parquet_of(raw, str(path) if ending == ".parquet" else f"{path} (a csv table's name must end in .csv)")
    header = next(csv.reader(text_of(raw, str(path)).splitlines()[:1]), [])
    options = pa_csv.ConvertOptions(
        column_types=dict.fromkeys(header, pa.string()), null_values=[""], strings_can_be_null=True
    )
    parsing = pa_csv.ParseOptions(newlines_in_values=True)
    try:
        return pa_csv.read_csv(pa.BufferReader(raw), pa_csv.ReadOptions(use_threads=False), parsing, options)
    except pa.ArrowException as error:
        raise DataCorrupt(f"{path}: is not a readable csv table: {error}") from None


def ends_within_a_row(path: Path) -> bool:
    """Whether a csv table's last row has no end of line: it may be whole, or cut off within its last number."""
    return path.suffix.lower() == ".csv" and not read_bytes(path).endswith((b"\n", b"\r"))


def read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataCorrupt(f"{path}: cannot be read: {error.strerror}") from None


def text_of(raw: bytes, label: str) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataCorrupt(f"{label}: must be UTF-8: {error}") from None


def parquet_of(raw: bytes, label: str) -> pa.Table:
    try:
        return pq.read_table(pa.BufferReader(raw))
    except (pa.ArrowException, OSError) as error:
        raise DataCorrupt(f"{label}: is not a readable parquet file: {error}") from None


def require_columns(names: Sequence[str], needed: Sequence[str], label: str) -> None:
    """DataCorrupt unless all `needed` columns are there, each once."""
    missing = [name for name in needed if name not in names]
    if missing:
        raise DataCorrupt(f"{label}: column `{missing[0]}` is missing; the columns must be {', '.join(needed)}")
    repeated = [name for name in needed if list(names).count(name) > 1]
    if repeated:
        raise DataCorrupt(f"{label}: column `{repeated[0]}` must stand there once, stood {len(repeated) + 1} times")


def days_of(source: Source, name: str) -> Sessions:
    column = source.column(name)
    instants = _cast(source, name, column, pa.timestamp("us"), "be a date like 2020-01-06")
    values: Instants = instants.to_numpy(zero_copy_only=False).astype("datetime64[us]")
    days = values.astype("datetime64[D]")
    source.refuse(np.isnat(values), name, "be a date")
    source.refuse(days != values, name, "be a date without time of day")
    return days


def instants_of(source: Source, name: str) -> Instants:
    """UTC instants; a text must carry its zone, a timestamp without one is UTC."""
    column = source.column(name)
    textual = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    zone = pa.timestamp("us", "UTC") if textual or getattr(column.type, "tz", None) else pa.timestamp("us")
    cast = _cast(source, name, column, zone, "be a time with its zone like 2020-01-06T14:30:00Z")
    values: Instants = cast.to_numpy(zero_copy_only=False).astype("datetime64[us]")
    source.refuse(np.isnat(values), name, "be a time")
    low, high = np.datetime64(FIRST_DAY), np.datetime64(LAST_DAY) - np.timedelta64(31, "D")
    source.refuse((values < low) | (values > high), name, f"lie in {low}..{high}")
    return values


def floats_of(source: Source, name: str) -> Floats:
    column = source.column(name)
    source.refuse(np.full(len(column), pa.types.is_boolean(column.type)), name, "be a number")
    cast = _cast(source, name, column, pa.float64(), "be a number")
    values: Floats = cast.to_numpy(zero_copy_only=False).astype(np.float64)
    return values


def strings_of(source: Source, name: str) -> pa.Array:
    """Text without nulls or blanks."""
    column = _cast(source, name, source.column(name), pa.string(), "be text")
    blank = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(column), ""), True)
    source.refuse(mask_of(blank), name, "not be empty")
    return column


def texts_of(source: Source, name: str) -> list[str]:
    strings_of(source, name)
    return optional_texts_of(source, name)


def optional_texts_of(source: Source, name: str) -> list[str]:
    """Text with "" for null; a NUL character, which no database text can hold, is refused."""
    column = pc.fill_null(_cast(source, name, source.column(name), pa.string(), "be text"), "")
    source.refuse(mask_of(pc.match_substring(column, "\x00")), name, "hold no NUL character")
    values: list[str] = column.to_pylist()
    return values


def lists_of(source: Source, name: str) -> list[tuple[str, ...]]:
    """Lists of tickers; empty for null. A text is split at "|"."""
    column = source.column(name)
    if not (pa.types.is_list(column.type) or pa.types.is_large_list(column.type)):
        return [tuple(part for part in text.split("|") if part) for text in optional_texts_of(source, name)]
    lists: list[list[object] | None] = column.to_pylist()
    flat = [tuple(values) if values else () for values in lists]
    wrong = [any(not (isinstance(value, str) and TICKER.fullmatch(value)) for value in values) for values in flat]
    source.refuse(np.array(wrong, dtype=np.bool_), name, f"hold tickers: each {TICKER_RULE}")
    return [tuple(str(value) for value in values) for values in flat]


def tickers_of(source: Source, spelled: Callable[[str], str] = str) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    """Each row's place in the alphabetical tickers, and those; `spelled` makes a ticker of what stands there."""
    kind = source.column("ticker").type
    is_number = pa.types.is_primitive(kind) or pa.types.is_decimal(kind)
    source.refuse(np.full(source.table.num_rows, is_number), "ticker", "be text")
    encoded = strings_of(source, "ticker").dictionary_encode()
    names = [spelled(name) for name in encoded.dictionary.to_pylist()]
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    wrong = np.array([not TICKER.fullmatch(name) for name in names], dtype=np.bool_)
    source.refuse(wrong[codes], "ticker", TICKER_RULE.removeprefix("must "))
    tickers = sorted(set(names))
    place_of = {name: place for place, name in enumerate(tickers)}
    places = np.array([place_of[name] for name in names], dtype=np.intp)
    return places[codes], tuple(tickers)


def check_prices(source: Source, fields: Mapping[str, Floats]) -> None:
    for name, values in fields.items():
        source.refuse(~np.isfinite(values), name, "be a finite number")
    for name in PRICES:
        source.refuse(fields[name] <= 0, name, "be above 0")
        _refuse_far(source, name, fields[name])
    source.refuse(fields["volume"] < 0, "volume", "be at least 0")
    source.refuse(fields["volume"] > MOST_VOLUME, "volume", f"be at most {MOST_VOLUME:g}")
    source.refuse(fields["high"] < fields["low"], "high", "not be below `low`")
    for name in ("open", "close"):
        values = fields[name]
        source.refuse((values < fields["low"]) | (values > fields["high"]), name, "lie in `low`..`high`")
    if "adj_close" in source.table.column_names:
        adjusted = floats_of(source, "adj_close")
        source.refuse(~np.isfinite(adjusted) | (adjusted <= 0), "adj_close", "be finite and above 0")
        _refuse_far(source, "adj_close", adjusted)


def _refuse_far(source: Source, name: str, prices: Floats) -> None:
    far = (prices < LEAST_PRICE) | (prices > MOST_PRICE)
    source.refuse(far, name, f"lie in {LEAST_PRICE:g}..{MOST_PRICE:g} USD")


def sessions_of(source: Source, days: Sessions) -> Sessions:
    """The exchange's sessions from the first day to the last; DataCorrupt for a day that is none."""
    outside = (days < np.datetime64(FIRST_DAY)) | (days > np.datetime64(LAST_DAY))
    source.refuse(outside, "date", f"lie in {FIRST_DAY}..{LAST_DAY}")
    hours = sessions_between(days.min().item(), days.max().item())
    sessions = np.array([item.session for item in hours], dtype="datetime64[D]")
    source.refuse(~np.isin(days, sessions), "date", "be a session of the exchange (XNYS)")
    return sessions


def check_repeats(source: Source, keys: NDArray[np.intp], day_column: str, thing: str) -> None:
    order = np.argsort(keys, kind="stable")
    again = np.zeros(len(keys), dtype=np.bool_)
    again[order[1:]] = np.diff(keys[order]) == 0
    if bool(again.any()):
        row = int(np.argmax(again))
        first = int(np.argmax(keys == keys[row]))
        unit = "time" if day_column == "time" else "session"
        ticker, day = (source.table.column(name)[row].as_py() for name in ("ticker", day_column))
        source.fail(
            row,
            day_column,
            f"{ticker} must have one {thing} a {unit}, had a second for {day} (first in row {first + 1})",
        )


def check_unique(source: Source, ids: Sequence[str]) -> None:
    seen: dict[str, int] = {}
    for row, item_id in enumerate(ids):
        first = seen.setdefault(item_id, row)
        if first != row:
            source.fail(row, "id", f"must be unique, {item_id!r} stands in row {first + 1} already")


def mask_of(column: pa.Array) -> Mask:
    mask: Mask = column.to_numpy(zero_copy_only=False).astype(np.bool_)
    return mask


def _cast(source: Source, name: str, column: pa.Array, kind: pa.DataType, rule: str) -> pa.Array:
    """`column` as `kind`, nulls kept; DataCorrupt for the first value that cannot be."""

    def castable(value: pa.Scalar) -> bool:
        return _succeeds(lambda: pc.cast(value, kind))

    try:
        return pc.cast(column, kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        wrong = np.array([not castable(value) for value in column], dtype=np.bool_)
        source.refuse(wrong, name, rule)
        raise


def _succeeds(action: Callable[[], object]) -> bool:
    try:
        action()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return False
    return True
