"""Renames of tickers: whatever comes from outside goes under its security's latest name."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from tenthman.data.tables import TICKER, TICKER_RULE, require_columns
from tenthman.domain.errors import DataCorrupt
from tenthman.domain.market import Listing, Rename, Sessions, latest_name
from tenthman.domain.spelling import Spellings

COLUMNS = ("old", "new", "on")


@cache
def known_renames() -> tuple[Rename, ...]:
    """Renames among the companies that the product knows by name."""
    text = resources.files("tenthman.data").joinpath("renames.csv").read_text(encoding="utf-8")
    return renames_from(text, "renames.csv")


def renames_from(text: str, label: str) -> tuple[Rename, ...]:
    """A table of renames (columns old, new, on), by day. DataCorrupt names row, column and value of a defect."""
    try:
        rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise DataCorrupt(f"{label}: is not valid CSV: {error}") from None
    require_columns(next(csv.reader(io.StringIO(text)), []), COLUMNS, label)
    found = [_rename(row, f"{label}: row {number}") for number, row in enumerate(rows, 1)]
    seen: set[tuple[str, date]] = set()
    for number, item in enumerate(found, 1):
        if (item.old, item.on) in seen:
            raise DataCorrupt(f"{label}: row {number}, column `old`: {item.old} must have one new name on {item.on}")
        seen.add((item.old, item.on))
    try:
        in_order(found)
    except ValueError as error:
        raise DataCorrupt(f"{label}: column `new`: {error}") from None
    return tuple(sorted(found, key=lambda item: (item.on, item.old)))


def in_order(renames: Iterable[Rename]) -> list[Rename]:
    """`renames` by day, each to be carried out after those before it.

    Where a name is taken on the day on which it is given up, it passes from one security to another: who gives it up
    goes first. A security that got two names on one day is to be told by the last. ValueError for names that go round
    in a ring on one day: no order can be right.
    """
    left, found = sorted(renames, key=lambda item: (item.on, item.old)), list[Rename]()
    while left:
        day = [item for item in left if item.on == left[0].on]
        given_up = {item.old for item in day}
        free = next((item for item in day if item.new not in given_up), None)
        if free is None:
            ring = ", ".join(f"{item.old} to {item.new}" for item in day)
            raise ValueError(f"names must not go round in a ring on one day, on {day[0].on} went {ring}")
        left.remove(free)
        found.append(free)
    return found


def under_latest_names(
    renames: Sequence[Rename], codes: NDArray[np.intp], tickers: tuple[str, ...], days: Sessions
) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    """Rows of `tickers[codes]` on `days`, each under its security's latest name; the tickers in alphabetical order.

    A table that has rows of the new name from before its day has carried it back itself: what it calls by the old
    name is then left as it stands.
    """
    names, place = list(tickers), {name: code for code, name in enumerate(tickers)}
    moved = codes.copy()
    for item in in_order(renames):
        if item.old not in place:
            continue
        early = days < np.datetime64(item.on, "D")
        mine = early & (moved == place[item.old])
        if not mine.any() or bool(np.any(early & (moved == place.get(item.new, -1)))):
            continue
        if item.new not in place:
            place[item.new] = len(names)
            names.append(item.new)
        moved[mine] = place[item.new]
    if np.array_equal(moved, codes):
        return codes, tickers
    return _compacted(moved, names)


def under_house_names(
    spellings: Spellings, codes: NDArray[np.intp], tickers: tuple[str, ...], days: Sessions, label: str
) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    """Rows of `tickers[codes]` on `days`, each under the ticker that its security keeps here.

    DataCorrupt where rows of two histories would meet: a security's bars under its own ticker after its rename, or
    under both names on one side of it.
    """
    found, names = codes.copy(), list(tickers)
    for item in reversed(spellings.renames):
        later = days >= np.datetime64(item.on, "D")
        new = found == names.index(item.new) if item.new in names else np.zeros(len(found), dtype=np.bool_)
        old = found == names.index(item.old) if item.old in names else np.zeros(len(found), dtype=np.bool_)
        for rows, name, when in ((old & later, item.old, "after"), (new & ~later, item.new, "before")):
            if rows.any() and (name == item.old or bool((old & ~later).any())):
                raise DataCorrupt(
                    f"{label}: {item.old} is {item.new} from {item.on} on, and the file has {name} {when} that day "
                    f"({days[rows].min()}): two histories would meet in one ticker; leave out one of them"
                )
        if new.any():
            if item.old not in names:
                names.append(item.old)
            found[new] = names.index(item.old)
    return _compacted(found, names) if not np.array_equal(found, codes) else (codes, tickers)


def listings_under_latest_names(renames: tuple[Rename, ...], listings: Sequence[Listing]) -> tuple[Listing, ...]:
    """Memberships by latest name and beginning; one that went on under another name on the day of a rename is one.

    What it was called before stays among its aliases.
    """
    named = sorted(
        ((replace(item, ticker=latest_name(renames, item.ticker, item.member_from)), item.ticker) for item in listings),
        key=lambda pair: (pair[0].ticker, pair[0].member_from),
    )
    found: list[Listing] = []
    spelled = ""
    for item, before in named:
        last = found[-1] if found else None
        if last is not None and last.ticker == item.ticker and last.member_to == item.member_from and before != spelled:
            aliases = dict.fromkeys((*item.aliases, *last.aliases, last.name))
            aliases.pop(item.name, None)
            found[-1] = replace(item, member_from=last.member_from, aliases=tuple(aliases))
        else:
            found.append(item)
        spelled = before
    return tuple(found)


def _compacted(codes: NDArray[np.intp], names: Sequence[str]) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    """Codes of the names that are used, which are in alphabetical order."""
    used, compact = np.unique(codes, return_inverse=True)
    kept = [names[code] for code in used.tolist()]
    order = np.argsort(np.array(kept))
    rank = np.empty(len(kept), dtype=np.intp)
    rank[order] = np.arange(len(kept))
    return rank[compact], tuple(kept[code] for code in order.tolist())


def _rename(row: Mapping[str, str | None], place: str) -> Rename:
    cells = {name: (row[name] or "").strip() for name in COLUMNS}
    for name in ("old", "new"):
        if not TICKER.fullmatch(cells[name]):
            raise DataCorrupt(f"{place}, column `{name}`: {TICKER_RULE}, was {cells[name]!r}")
    try:
        day = date.fromisoformat(cells["on"])
    except ValueError:
        raise DataCorrupt(f"{place}, column `on`: must be a date like 2022-06-09, was {cells['on']!r}") from None
    try:
        return Rename(old=cells["old"], new=cells["new"], on=day)
    except ValueError as error:
        raise DataCorrupt(f"{place}, column `new`: {error}") from None
