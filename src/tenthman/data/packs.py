"""Data packs: a market in a folder that anyone can build from their own files. The format: docs/packs.md."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

import numpy as np
import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tenthman.data.calendar import extend, sessions_between
from tenthman.data.pack_tables import dividends_from, headlines_from, listings_from, panel_from
from tenthman.data.renames import renames_from
from tenthman.data.tables import parquet_of, read_bytes, text_of
from tenthman.domain.canonical import content_hash
from tenthman.domain.errors import ConfigError, DataCorrupt
from tenthman.domain.market import (
    FIELDS,
    Floats,
    Listing,
    MarketData,
    MarketKind,
    Panel,
    Period,
    Provenance,
    Rename,
    Universe,
)
from tenthman.domain.news import NewsItem
from tenthman.utils.yaml_text import parse_yaml

MANIFEST = "pack.yaml"
BARS = "bars.parquet"
HEADLINES = "headlines.parquet"
UNIVERSE = "universe.csv"
DIVIDENDS = "dividends.parquet"
RENAMES = "renames.csv"
FILES = (BARS, HEADLINES, UNIVERSE)
OPTIONAL = (DIVIDENDS, RENAMES)

DEFAULT_SESSIONS = 20
CRASH_HISTORY = 500
FOLLOWING_SESSIONS = 20

_log = structlog.get_logger(__name__)


class Manifest(BaseModel):
    """pack.yaml"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1]
    name: str = Field(min_length=1, max_length=120)
    description: str
    source: str = Field(min_length=1)
    licence: str = Field(min_length=1)
    price_basis: str = Field(min_length=1)
    calendar: Literal["XNYS"]
    index_ticker: str = Field(min_length=1)
    scenarios: dict[str, tuple[date, date]] = Field(default_factory=dict)
    files: dict[str, str]


@dataclass(frozen=True, slots=True)
class Labels:
    """What messages call the files: the pack's own, or those a pack is being built from."""

    manifest: str
    bars: str
    headlines: str
    universe: str
    dividends: str
    renames: str


def open_pack(folder: Path, archive_lag_minutes: int) -> MarketData:
    """The market in `folder`, all of it checked.

    Headlines become known `archive_lag_minutes` after they were published, or after the close when only their day is
    known. Listings without bars are left out, with a warning. Raises ConfigError when the folder or its pack.yaml
    cannot be used, DataCorrupt naming file, row, column and value when the data cannot.
    """
    labels = Labels(*(str(folder / name) for name in (MANIFEST, *FILES, *OPTIONAL)))
    return open_named(folder, archive_lag_minutes, labels)


def open_named(folder: Path, lag_minutes: int, labels: Labels) -> MarketData:
    """As `open_pack`; messages call the files by `labels`."""
    manifest = _manifest(folder, labels.manifest)
    raw = {name: _verified(folder / name, manifest.files[name]) for name in manifest.files}
    renames: tuple[Rename, ...] = ()
    if RENAMES in raw:
        renames = renames_from(text_of(raw[RENAMES], labels.renames), labels.renames)
    panel = panel_from(parquet_of(raw[BARS], labels.bars), labels.bars, manifest.index_ticker, renames)
    headlines = headlines_from(parquet_of(raw[HEADLINES], labels.headlines), labels.headlines, lag_minutes)
    listings = listings_from(text_of(raw[UNIVERSE], labels.universe), labels.universe, renames)
    universe = Universe(
        listings=_with_bars(listings, panel, manifest.name), index_ticker=manifest.index_ticker, renames=renames
    )
    dividends = None
    if DIVIDENDS in raw:
        dividends = dividends_from(parquet_of(raw[DIVIDENDS], labels.dividends), labels.dividends, panel, renames)
    return MarketData(
        provenance=Provenance(
            kind=MarketKind.PACK,
            name=manifest.name,
            description=manifest.description,
            source=manifest.source,
            price_basis=manifest.price_basis,
            licence=manifest.licence,
            content_hash=_content(panel, headlines, universe, dividends),
        ),
        panel=panel,
        hours=extend(sessions_between(_day(panel, 0), _day(panel, -1)), FOLLOWING_SESSIONS),
        headlines=headlines,
        universe=universe,
        scenarios=_scenarios(manifest, panel, labels.manifest),
        dividends=dividends,
    )


def _manifest(folder: Path, label: str) -> Manifest:
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "there is no such folder"
        raise ConfigError(f"{folder}: {what}; a data pack is a folder that holds {MANIFEST}")
    try:
        raw = parse_yaml((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{label}: the file is missing, so {folder} is not a data pack") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{label}: cannot be read: {error}") from None
    try:
        manifest = Manifest.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "(whole file)"
        raise ConfigError(f"{label}: `{key}`: {first['msg']}, was {first['input']!r}") from None
    if set(manifest.files) - set(OPTIONAL) != set(FILES):
        needed = f"{', '.join(FILES)} and may name {', '.join(OPTIONAL)}"
        raise ConfigError(f"{label}: `files` must name {needed}, named {', '.join(manifest.files) or 'none'}")
    return manifest


def _verified(path: Path, sha256: str) -> bytes:
    """The file's bytes, read once, so that what was checked is what is parsed."""
    raw = read_bytes(path)
    found = sha256_of(raw)
    if found != sha256:
        raise DataCorrupt(
            f"{path}: sha256 must be {sha256} as {MANIFEST} says, was {found}: the file was changed or damaged; "
            "build the pack again"
        )
    return raw


def _with_bars(listings: Sequence[Listing], panel: Panel, name: str) -> tuple[Listing, ...]:
    absent = sorted({item.ticker for item in listings} - set(panel.tickers))
    if absent:
        _log.warning("listed tickers without bars are left out", pack=name, tickers=absent)
    return tuple(item for item in listings if item.ticker not in absent)


def _scenarios(manifest: Manifest, panel: Panel, label: str) -> dict[str, Period]:
    first, last = _day(panel, 0), _day(panel, -1)
    named = {}
    for name, (start, end) in manifest.scenarios.items():
        if not first <= start <= end <= last:
            raise ConfigError(
                f"{label}: `scenarios.{name}` must be two rising dates in {first}..{last}, was {start}..{end}"
            )
        named[name] = Period(first=start, last=end)
    return named or _derived_scenarios(panel, manifest.index_ticker)


def _derived_scenarios(panel: Panel, index_ticker: str) -> dict[str, Period]:
    """The last 20 sessions, and the 20 in which the index fell most of those with enough sessions before them.

    Enough is 500, or in a shorter pack half of what precedes its last 20.
    """
    count = len(panel.sessions)
    length = min(DEFAULT_SESSIONS, count)
    scenarios = {"default": Period(first=_day(panel, count - length), last=_day(panel, -1))}
    before = min(CRASH_HISTORY, (count - length) // 2)
    if before:
        close = panel.close[:, panel.column(index_ticker)]
        change = close[before + length - 1 :] / close[before - 1 : count - length] - 1
        start = before + int(np.argmin(change))
        scenarios["crash"] = Period(first=_day(panel, start), last=_day(panel, start + length - 1))
    return scenarios


def _content(panel: Panel, headlines: Sequence[NewsItem], universe: Universe, dividends: Floats | None) -> str:
    """SHA-256 of the data and of when it became known; the same on every machine and for every way of storing it.

    Dividends and renames that are not known leave no trace in it: a pack without them keeps the hash that it had
    before there were any.
    """
    members = {"kind": "Universe", "listings": universe.listings, "index_ticker": universe.index_ticker}
    digest = hashlib.sha256(content_hash([panel.tickers, members]).encode())
    digest.update(panel.sessions.astype("<M8[D]").tobytes())
    for name in FIELDS:
        digest.update(getattr(panel, name).astype("<f8").tobytes())
    for item in headlines:
        digest.update(
            repr(
                (
                    item.id,
                    item.headline,
                    item.summary,
                    item.source,
                    item.url,
                    item.published_at.timestamp(),
                    item.known_at.timestamp(),
                    item.precision.value,
                    item.tickers,
                )
            ).encode()
        )
    if dividends is not None:
        digest.update(b"dividends")
        digest.update(dividends.astype("<f8").tobytes())
    if universe.renames:
        digest.update(content_hash(universe.renames).encode())
    return digest.hexdigest()


def _day(panel: Panel, row: int) -> date:
    day: date = panel.sessions[row].item()
    return day


def sha256_of(raw: bytes) -> str:
    """As a manifest names it."""
    return hashlib.sha256(raw).hexdigest()
