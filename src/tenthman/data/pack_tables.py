"""The tables of a data pack, checked whole and turned into arrays and words.

Every defect is a DataCorrupt that names file, row (counting from 1, without the header), column and value.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tenthman.data.calendar import aware, day_closes
from tenthman.data.renames import listings_under_latest_names, under_latest_names
from tenthman.data.tables import (
    TICKER,
    TICKER_RULE,
    Source,
    check_prices,
    check_repeats,
    check_unique,
    days_of,
    floats_of,
    instants_of,
    lists_of,
    optional_texts_of,
    require_columns,
    sessions_of,
    strings_of,
    texts_of,
    tickers_of,
)
from tenthman.domain.errors import DataCorrupt
from tenthman.domain.market import FIELDS, Floats, Listing, Panel, Rename, Sessions, latest_name
from tenthman.domain.news import NewsItem, TimePrecision

BAR_COLUMNS = ("date", "ticker", *FIELDS)
HEADLINE_COLUMNS = ("id", "published_at", "precision", "headline", "summary", "source", "url", "tickers")
DIVIDEND_COLUMNS = ("ex_date", "ticker", "amount")
UNIVERSE_COLUMNS = ("ticker", "name", "issuer", "sector", "aliases", "member_from", "member_to")

HEADLINE_SCHEMA = pa.schema(
    {name: pa.string() for name in HEADLINE_COLUMNS}
    | {"published_at": pa.timestamp("us", "UTC"), "tickers": pa.list_(pa.string())}
)


def typed_bars(table: pa.Table, label: str) -> pa.Table:
    """The columns of bars.parquet, `adj_close` among them where it is there, in their types; rows stay as they are."""
    require_columns(table.column_names, BAR_COLUMNS, label)
    source = Source(table, label)
    typed = {
        "date": pa.array(days_of(source, "date")),
        "ticker": strings_of(source, "ticker"),
        **{name: pa.array(floats_of(source, name)) for name in FIELDS},
    }
    if "adj_close" in table.column_names:
        typed["adj_close"] = pa.array(floats_of(source, "adj_close"))
    return pa.table(typed)


def typed_headlines(table: pa.Table, label: str) -> pa.Table:
    """The columns of headlines.parquet in their types; rows stay as they are."""
    require_columns(table.column_names, HEADLINE_COLUMNS, label)
    source = Source(table, label)
    textual = [name for name in HEADLINE_COLUMNS if name not in {"published_at", "tickers"}]
    typed: dict[str, object] = {name: optional_texts_of(source, name) for name in textual}
    typed["published_at"] = pa.array(instants_of(source, "published_at"))
    typed["tickers"] = [list(tickers) for tickers in lists_of(source, "tickers")]
    return pa.table(typed, schema=HEADLINE_SCHEMA)


def typed_dividends(table: pa.Table, label: str) -> pa.Table:
    """The columns of dividends.parquet in their types; rows stay as they are."""
    require_columns(table.column_names, DIVIDEND_COLUMNS, label)
    source = Source(table, label)
    return pa.table(
        {
            "ex_date": pa.array(days_of(source, "ex_date")),
            "ticker": strings_of(source, "ticker"),
            "amount": pa.array(floats_of(source, "amount")),
        }
    )


def no_headlines() -> pa.Table:
    """A headlines table without rows."""
    return HEADLINE_SCHEMA.empty_table()


def panel_from(table: pa.Table, label: str, index_ticker: str, renames: tuple[Rename, ...] = ()) -> Panel:
    """Daily bars as a panel of the exchange's sessions, tickers by their latest names in alphabetical order."""
    require_columns(table.column_names, BAR_COLUMNS, label)
    if table.num_rows == 0:
        raise DataCorrupt(f"{label}: must hold at least one bar, held none")
    source = Source(table, label)
    days = days_of(source, "date")
    codes, tickers = under_latest_names(renames, *tickers_of(source), days)
    fields = {name: floats_of(source, name) for name in FIELDS}
    check_prices(source, fields)
    sessions = sessions_of(source, days)
    rows = np.searchsorted(sessions, days)
    check_repeats(source, rows * len(tickers) + codes, "date", "bar")
    _check_index(label, sessions, rows[codes == tickers.index(index_ticker)] if index_ticker in tickers else None)

    def laid_out(values: Floats) -> Floats:
        cells = np.full((len(sessions), len(tickers)), np.nan)
        cells[rows, codes] = values
        return cells

    return Panel(sessions=sessions, tickers=tickers, **{name: laid_out(values) for name, values in fields.items()})


def dividends_from(table: pa.Table, label: str, panel: Panel, renames: tuple[Rename, ...] = ()) -> Floats:
    """Dividends, laid out as the panel is: USD a share in the session of the ex-date, 0 elsewhere."""
    require_columns(table.column_names, DIVIDEND_COLUMNS, label)
    source = Source(table, label)
    days = days_of(source, "ex_date")
    spelled: list[str] = strings_of(source, "ticker").to_pylist()
    names = [latest_name(renames, name, day) for name, day in zip(spelled, days.tolist(), strict=True)]
    places = {ticker: column for column, ticker in enumerate(panel.tickers)}
    codes = np.array([places.get(name, -1) for name in names], dtype=np.intp)
    source.refuse(codes < 0, "ticker", "be a ticker that has bars")
    source.refuse(
        ~np.isin(days, panel.sessions), "ex_date", f"be a session in {panel.sessions[0]}..{panel.sessions[-1]}"
    )
    amounts = floats_of(source, "amount")
    source.refuse(~np.isfinite(amounts) | (amounts <= 0), "amount", "be a finite number above 0")
    rows = np.searchsorted(panel.sessions, days)
    check_repeats(source, rows * len(panel.tickers) + codes, "ex_date", "dividend")
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
    source = Source(table, label)
    ids, texts = texts_of(source, "id"), texts_of(source, "headline")
    check_unique(source, ids)
    published = instants_of(source, "published_at")
    precision = optional_texts_of(source, "precision")
    by_day = np.array([value == "day" for value in precision], dtype=np.bool_)
    unknown = np.array([value not in {"day", "instant"} for value in precision], dtype=np.bool_)
    source.refuse(unknown, "precision", "be 'instant' or 'day'")

    settled = published.copy()
    settled[by_day] = np.maximum(published[by_day], day_closes(published[by_day].astype("datetime64[D]")))
    known = settled + np.timedelta64(lag_minutes, "m")
    columns = zip(
        ids,
        texts,
        *(optional_texts_of(source, name) for name in ("summary", "source", "url")),
        aware(published),
        aware(known),
        by_day.tolist(),
        lists_of(source, "tickers"),
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


def listings_from(text: str, label: str, renames: tuple[Rename, ...] = ()) -> tuple[Listing, ...]:
    """Dated membership, by latest name and `member_from`. A ticker's memberships must not overlap."""
    try:
        rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise DataCorrupt(f"{label}: is not valid CSV: {error}") from None
    header = next(csv.reader(io.StringIO(text)), [])
    require_columns(header, UNIVERSE_COLUMNS, label)
    told = [_listing(row, f"{label}: row {number}") for number, row in enumerate(rows, 1)]
    listings = listings_under_latest_names(renames, told)
    for before, after in pairwise(listings):
        if before.ticker == after.ticker and before.issuer != after.issuer:
            raise DataCorrupt(
                f"{label}: {after.ticker}: must be one company for all time, was {before.issuer!r} from "
                f"{before.member_from} and {after.issuer!r} from {after.member_from}: give one of them another ticker"
            )
        if before.ticker == after.ticker and (before.member_to is None or before.member_to > after.member_from):
            raise DataCorrupt(
                f"{label}: {after.ticker}: `member_from` {after.member_from} must not lie in its other membership "
                f"{before.member_from}..{before.member_to or 'now'}"
            )
    return listings


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


def _listing(row: Mapping[str, str | None], place: str) -> Listing:
    cells = {name: (row[name] or "").strip() for name in UNIVERSE_COLUMNS}
    if None in row:
        raise DataCorrupt(f"{place}: must have one cell a column, had more (a name with a comma needs quotes)")
    if not TICKER.fullmatch(cells["ticker"]):
        raise DataCorrupt(f"{place}, column `ticker`: {TICKER_RULE}, was {cells['ticker']!r}")
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


def _check_index(label: str, sessions: Sessions, present: NDArray[np.intp] | None) -> None:
    if present is None:
        raise DataCorrupt(f"{label}: column `ticker`: the index ticker named in pack.yaml must have bars, had none")
    missing = np.setdiff1d(np.arange(len(sessions)), present)
    if len(missing):
        raise DataCorrupt(
            f"{label}: the index must have a bar in every session from first to last, had none in "
            f"{sessions[missing[0]]} ({len(missing)} of {len(sessions)} missing)"
        )
