"""The tables of a data pack, checked whole and turned into arrays and words.

Every defect is a DataCorrupt that names file, row (counting from 1, without the header), column and value.
"""

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tenthman.data.calendar import FIRST_DAY, LAST_DAY, day_closes, sessions_between
from tenthman.domain.errors import DataCorrupt
from tenthman.domain.market import FIELDS, Floats, Listing, Panel, Sessions
from tenthman.domain.news import NewsItem, TimePrecision

PRICES = ("open", "high", "low", "close")
BAR_COLUMNS = ("date", "ticker", *FIELDS)
HEADLINE_COLUMNS = ("id", "published_at", "precision", "headline", "summary", "source", "url", "tickers")
DIVIDEND_COLUMNS = ("ex_date", "ticker", "amount")
UNIVERSE_COLUMNS = ("ticker", "name", "issuer", "sector", "aliases", "member_from", "member_to")
TICKER = re.compile(r"[A-Z0-9^][A-Z0-9.^-]{0,15}")

HEADLINE_SCHEMA = pa.schema(
    {name: pa.string() for name in HEADLINE_COLUMNS}
    | {"published_at": pa.timestamp("us", "UTC"), "tickers": pa.list_(pa.string())}
)

Mask = NDArray[np.bool_]
Instants = NDArray[np.datetime64]


@dataclass(frozen=True, slots=True)
class _Source:
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


def require_columns(names: Sequence[str], needed: Sequence[str], label: str) -> None:
    """DataCorrupt unless all `needed` columns are there, each once."""
    missing = [name for name in needed if name not in names]
    if missing:
        raise DataCorrupt(f"{label}: column `{missing[0]}` is missing; the columns must be {', '.join(needed)}")
    repeated = [name for name in needed if list(names).count(name) > 1]
    if repeated:
        raise DataCorrupt(f"{label}: column `{repeated[0]}` must stand there once, stood {len(repeated) + 1} times")


def typed_bars(table: pa.Table, label: str) -> pa.Table:
    """The columns of bars.parquet, `adj_close` among them where it is there, in their types; rows stay as they are."""
    require_columns(table.column_names, BAR_COLUMNS, label)
    source = _Source(table, label)
    typed = {
        "date": pa.array(_days(source, "date")),
        "ticker": _strings(source, "ticker"),
        **{name: pa.array(_floats(source, name)) for name in FIELDS},
    }
    if "adj_close" in table.column_names:
        typed["adj_close"] = pa.array(_floats(source, "adj_close"))
    return pa.table(typed)


def typed_headlines(table: pa.Table, label: str) -> pa.Table:
    """The columns of headlines.parquet in their types; rows stay as they are."""
    require_columns(table.column_names, HEADLINE_COLUMNS, label)
    source = _Source(table, label)
    textual = [name for name in HEADLINE_COLUMNS if name not in {"published_at", "tickers"}]
    typed: dict[str, object] = {name: _optional_texts(source, name) for name in textual}
    typed["published_at"] = pa.array(_instants(source, "published_at"))
    typed["tickers"] = [list(tickers) for tickers in _lists(source, "tickers")]
    return pa.table(typed, schema=HEADLINE_SCHEMA)


def typed_dividends(table: pa.Table, label: str) -> pa.Table:
    """The columns of dividends.parquet in their types; rows stay as they are."""
    require_columns(table.column_names, DIVIDEND_COLUMNS, label)
    source = _Source(table, label)
    return pa.table(
        {
            "ex_date": pa.array(_days(source, "ex_date")),
            "ticker": _strings(source, "ticker"),
            "amount": pa.array(_floats(source, "amount")),
        }
    )


def no_headlines() -> pa.Table:
    """A headlines table without rows."""
    return HEADLINE_SCHEMA.empty_table()


def panel_from(table: pa.Table, label: str, index_ticker: str) -> Panel:
    """Daily bars as a panel of the exchange's sessions, tickers in alphabetical order."""
    require_columns(table.column_names, BAR_COLUMNS, label)
    if table.num_rows == 0:
        raise DataCorrupt(f"{label}: must hold at least one bar, held none")
    source = _Source(table, label)
    days = _days(source, "date")
    codes, tickers = _tickers(source)
    fields = {name: _floats(source, name) for name in FIELDS}
    _check_prices(source, fields)
    sessions = _sessions(source, days)
    rows = np.searchsorted(sessions, days)
    _check_repeats(source, rows * len(tickers) + codes, "date", "bar")
    _check_index(label, sessions, rows[codes == tickers.index(index_ticker)] if index_ticker in tickers else None)

    def laid_out(values: Floats) -> Floats:
        cells = np.full((len(sessions), len(tickers)), np.nan)
        cells[rows, codes] = values
        return cells

    return Panel(sessions=sessions, tickers=tickers, **{name: laid_out(values) for name, values in fields.items()})


def dividends_from(table: pa.Table, label: str, panel: Panel) -> Floats:
    """Dividends, laid out as the panel is: USD a share in the session of the ex-date, 0 elsewhere."""
    require_columns(table.column_names, DIVIDEND_COLUMNS, label)
    source = _Source(table, label)
    days = _days(source, "ex_date")
    names: list[str] = _strings(source, "ticker").to_pylist()
    places = {ticker: column for column, ticker in enumerate(panel.tickers)}
    codes = np.array([places.get(name, -1) for name in names], dtype=np.intp)
    source.refuse(codes < 0, "ticker", "be a ticker that has bars")
    source.refuse(
        ~np.isin(days, panel.sessions), "ex_date", f"be a session in {panel.sessions[0]}..{panel.sessions[-1]}"
    )
    amounts = _floats(source, "amount")
    source.refuse(~np.isfinite(amounts) | (amounts <= 0), "amount", "be a finite number above 0")
    rows = np.searchsorted(panel.sessions, days)
    _check_repeats(source, rows * len(panel.tickers) + codes, "ex_date", "dividend")
    source.refuse(amounts >= _closes_before(panel, rows, codes), "amount", "be below the close before the ex-date")
    cells = np.zeros(panel.close.shape)
    cells[rows, codes] = amounts
    return cells


def _closes_before(panel: Panel, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Floats:
    """The latest close before each session, USD; infinite where there is none."""
    closes = np.full(len(rows), np.inf)
    for place, (row, column) in enumerate(zip(rows, columns, strict=True)):
        before = panel.close[:row, column]
        known = np.flatnonzero(~np.isnan(before))
        if len(known):
            closes[place] = before[known[-1]]
    return closes


def headlines_from(table: pa.Table, label: str, lag_minutes: int) -> tuple[NewsItem, ...]:
    """Headlines by (known_at, id), each stamped with when the desk could know it.

    An instant is known `lag_minutes` after publication. A day is known `lag_minutes` after that day's close, or after
    the next session's close where the day has no session.
    """
    require_columns(table.column_names, HEADLINE_COLUMNS, label)
    source = _Source(table, label)
    ids, texts = _texts(source, "id"), _texts(source, "headline")
    _check_unique(source, ids)
    published = _instants(source, "published_at")
    precision = _optional_texts(source, "precision")
    by_day = np.array([value == "day" for value in precision], dtype=np.bool_)
    unknown = np.array([value not in {"day", "instant"} for value in precision], dtype=np.bool_)
    source.refuse(unknown, "precision", "be 'instant' or 'day'")

    settled = published.copy()
    settled[by_day] = np.maximum(published[by_day], day_closes(published[by_day].astype("datetime64[D]")))
    known = settled + np.timedelta64(lag_minutes, "m")
    columns = zip(
        ids,
        texts,
        *(_optional_texts(source, name) for name in ("summary", "source", "url")),
        _aware(published),
        _aware(known),
        by_day.tolist(),
        _lists(source, "tickers"),
        strict=True,
    )
    items = [
        NewsItem(
            id=item_id,
            headline=text,
            summary=summary,
            source=publisher,
            url=url,
            published_at=said,
            known_at=at,
            precision=TimePrecision.DAY if daily else TimePrecision.INSTANT,
            tickers=tickers,
        )
        for item_id, text, summary, publisher, url, said, at, daily, tickers in columns
    ]
    return tuple(sorted(items, key=lambda item: (item.known_at, item.id)))


def listings_from(text: str, label: str) -> tuple[Listing, ...]:
    """Dated membership, by ticker and `member_from`. A ticker's memberships must not overlap."""
    try:
        rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise DataCorrupt(f"{label}: is not valid CSV: {error}") from None
    header = next(csv.reader(io.StringIO(text)), [])
    require_columns(header, UNIVERSE_COLUMNS, label)
    listings = sorted((_listing(row, f"{label}: row {number}") for number, row in enumerate(rows, 1)), key=_by_start)
    for before, after in pairwise(listings):
        if before.ticker == after.ticker and (before.member_to is None or before.member_to > after.member_from):
            raise DataCorrupt(
                f"{label}: {after.ticker}: `member_from` {after.member_from} must not lie in its other membership "
                f"{before.member_from}..{before.member_to or 'now'}"
            )
    return tuple(listings)


def universe_text(listings: Sequence[Listing]) -> str:
    """The listings as the text of a universe.csv."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(UNIVERSE_COLUMNS)
    for item in listings:
        end = "" if item.member_to is None else item.member_to.isoformat()
        names = "|".join(item.aliases)
        writer.writerow((item.ticker, item.name, item.issuer, item.sector, names, item.member_from.isoformat(), end))
    return out.getvalue()


def _by_start(item: Listing) -> tuple[str, date]:
    return item.ticker, item.member_from


def _listing(row: Mapping[str, str | None], place: str) -> Listing:
    cells = {name: (row[name] or "").strip() for name in UNIVERSE_COLUMNS}
    if None in row:
        raise DataCorrupt(f"{place}: must have one cell a column, had more (a name with a comma needs quotes)")
    if not TICKER.fullmatch(cells["ticker"]):
        raise DataCorrupt(f"{place}, column `ticker`: {_TICKER_RULE}, was {cells['ticker']!r}")
    for name in ("name", "issuer", "sector"):
        if not cells[name]:
            raise DataCorrupt(f"{place}, column `{name}`: must not be empty")

    def day(name: str) -> date:
        try:
            return date.fromisoformat(cells[name])
        except ValueError:
            raise DataCorrupt(
                f"{place}, column `{name}`: must be a date like 2020-01-06, was {cells[name]!r}"
            ) from None

    try:
        return Listing(
            ticker=cells["ticker"],
            name=cells["name"],
            issuer=cells["issuer"],
            sector=cells["sector"],
            aliases=tuple(alias.strip() for alias in cells["aliases"].split("|") if alias.strip()),
            member_from=day("member_from"),
            member_to=day("member_to") if cells["member_to"] else None,
        )
    except ValueError as error:
        raise DataCorrupt(f"{place}, column `member_to`: {error}") from None


_TICKER_RULE = "must be 1 to 16 of A-Z, 0-9, '.', '-' and '^'"


def _tickers(source: _Source) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    """Each row's place in the alphabetical tickers, and those."""
    encoded = _strings(source, "ticker").dictionary_encode()
    names: list[str] = encoded.dictionary.to_pylist()
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    wrong = np.array([not TICKER.fullmatch(name) for name in names], dtype=np.bool_)
    source.refuse(wrong[codes], "ticker", _TICKER_RULE.removeprefix("must "))
    order = np.argsort(np.array(names))
    place = np.empty(len(names), dtype=np.intp)
    place[order] = np.arange(len(names))
    return place[codes], tuple(names[index] for index in order)


def _check_prices(source: _Source, fields: Mapping[str, Floats]) -> None:
    for name, values in fields.items():
        source.refuse(~np.isfinite(values), name, "be a finite number")
    for name in PRICES:
        source.refuse(fields[name] <= 0, name, "be above 0")
    source.refuse(fields["volume"] < 0, "volume", "be at least 0")
    source.refuse(fields["high"] < fields["low"], "high", "not be below `low`")
    for name in ("open", "close"):
        values = fields[name]
        source.refuse((values < fields["low"]) | (values > fields["high"]), name, "lie in `low`..`high`")
    if "adj_close" in source.table.column_names:
        adjusted = _floats(source, "adj_close")
        source.refuse(~np.isfinite(adjusted) | (adjusted <= 0), "adj_close", "be finite and above 0")


def _sessions(source: _Source, days: Sessions) -> Sessions:
    """The exchange's sessions from the first day to the last; DataCorrupt for a day that is none."""
    outside = (days < np.datetime64(FIRST_DAY)) | (days > np.datetime64(LAST_DAY))
    source.refuse(outside, "date", f"lie in {FIRST_DAY}..{LAST_DAY}")
    hours = sessions_between(days.min().item(), days.max().item())
    sessions = np.array([item.session for item in hours], dtype="datetime64[D]")
    source.refuse(~np.isin(days, sessions), "date", "be a session of the exchange (XNYS)")
    return sessions


def _check_repeats(source: _Source, keys: NDArray[np.intp], day_column: str, thing: str) -> None:
    order = np.argsort(keys, kind="stable")
    again = np.zeros(len(keys), dtype=np.bool_)
    again[order[1:]] = np.diff(keys[order]) == 0
    if bool(again.any()):
        row = int(np.argmax(again))
        first = int(np.argmax(keys == keys[row]))
        ticker, day = (source.table.column(name)[row].as_py() for name in ("ticker", day_column))
        source.fail(
            row,
            day_column,
            f"{ticker} must have one {thing} a session, had a second for {day} (first in row {first + 1})",
        )


def _check_index(label: str, sessions: Sessions, present: NDArray[np.intp] | None) -> None:
    if present is None:
        raise DataCorrupt(f"{label}: column `ticker`: the index ticker named in pack.yaml must have bars, had none")
    missing = np.setdiff1d(np.arange(len(sessions)), present)
    if len(missing):
        raise DataCorrupt(
            f"{label}: the index must have a bar in every session from first to last, had none in "
            f"{sessions[missing[0]]} ({len(missing)} of {len(sessions)} missing)"
        )


def _days(source: _Source, name: str) -> Sessions:
    column = source.column(name)
    instants = _cast(source, name, column, pa.timestamp("us"), "be a date like 2020-01-06")
    values: Instants = instants.to_numpy(zero_copy_only=False).astype("datetime64[us]")
    days = values.astype("datetime64[D]")
    source.refuse(np.isnat(values), name, "be a date")
    source.refuse(days != values, name, "be a date without time of day")
    return days


def _instants(source: _Source, name: str) -> Instants:
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


def _floats(source: _Source, name: str) -> Floats:
    cast = _cast(source, name, source.column(name), pa.float64(), "be a number")
    values: Floats = cast.to_numpy(zero_copy_only=False).astype(np.float64)
    return values


def _strings(source: _Source, name: str) -> pa.Array:
    """Text without nulls or blanks."""
    column = _cast(source, name, source.column(name), pa.string(), "be text")
    blank = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(column), ""), True)
    source.refuse(_mask(blank), name, "not be empty")
    return column


def _texts(source: _Source, name: str) -> list[str]:
    _strings(source, name)
    return _optional_texts(source, name)


def _optional_texts(source: _Source, name: str) -> list[str]:
    """Text with "" for null; a NUL character, which no database text can hold, is refused."""
    column = pc.fill_null(_cast(source, name, source.column(name), pa.string(), "be text"), "")
    source.refuse(_mask(pc.match_substring(column, "\x00")), name, "hold no NUL character")
    values: list[str] = column.to_pylist()
    return values


def _lists(source: _Source, name: str) -> list[tuple[str, ...]]:
    """Lists of tickers; empty for null. A text is split at "|"."""
    column = source.column(name)
    if not (pa.types.is_list(column.type) or pa.types.is_large_list(column.type)):
        return [tuple(part for part in text.split("|") if part) for text in _optional_texts(source, name)]
    lists: list[list[object] | None] = column.to_pylist()
    flat = [tuple(values) if values else () for values in lists]
    wrong = [any(not (isinstance(value, str) and TICKER.fullmatch(value)) for value in values) for values in flat]
    source.refuse(np.array(wrong, dtype=np.bool_), name, f"hold tickers: each {_TICKER_RULE}")
    return [tuple(str(value) for value in values) for values in flat]


def _check_unique(source: _Source, ids: Sequence[str]) -> None:
    seen: dict[str, int] = {}
    for row, item_id in enumerate(ids):
        first = seen.setdefault(item_id, row)
        if first != row:
            source.fail(row, "id", f"must be unique, {item_id!r} stands in row {first + 1} already")


def _cast(source: _Source, name: str, column: pa.Array, kind: pa.DataType, rule: str) -> pa.Array:
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


def _mask(column: pa.Array) -> Mask:
    mask: Mask = column.to_numpy(zero_copy_only=False).astype(np.bool_)
    return mask


def _aware(instants: Instants) -> list[datetime]:
    naive: list[datetime] = instants.tolist()
    return [instant.replace(tzinfo=UTC) for instant in naive]
