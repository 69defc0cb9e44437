"""Building a data pack from tables: checked whole, and put in place at once or not at all."""

import shutil
import tempfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import yaml

from tenthman.data.pack_tables import (
    no_headlines,
    panel_from,
    typed_bars,
    typed_dividends,
    typed_headlines,
    universe_text,
)
from tenthman.data.packs import (
    BARS,
    DIVIDENDS,
    FILES,
    HEADLINES,
    MANIFEST,
    RENAMES,
    UNIVERSE,
    Labels,
    open_named,
    sha256_of,
)
from tenthman.data.renames import renames_from
from tenthman.data.tables import read_bytes, read_table, text_of
from tenthman.domain.errors import ConfigError
from tenthman.domain.market import Listing, Panel, Period

DERIVED = "The universe was derived from the bars: every ticker counts as a member throughout (survivorship)."


def build_pack(
    out: Path,
    *,
    bars: Path,
    headlines: Path | None,
    universe: Path | None,
    dividends: Path | None = None,
    renames: Path | None = None,
    name: str,
    description: str,
    source: str,
    licence: str,
    price_basis: str,
    index_ticker: str,
    scenarios: Mapping[str, Period] | None = None,
    overwrite: bool = False,
) -> Path:
    """Build a pack in `out` from tables (parquet or csv) with the pack's columns, and open it once as a check.

    Without `universe` every ticker of the bars counts as a member throughout, and the description says so. Without
    `dividends` the pack says nothing of them, which is not the same as a table without rows. With `renames` the other
    tables may call a security by the name of the day. `out` appears whole or not at all. Raises ConfigError when `out`
    may not be written or an input is missing, DataCorrupt naming input file, row, column and value when an input
    cannot be used.
    """
    _check_target(out, overwrite)
    out.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        named = _write_tables(building, bars, headlines, dividends, renames)
        if universe is None:
            _write_everyone(building, bars, index_ticker, renames)
            description = f"{description} {DERIVED}".strip()
        else:
            (building / UNIVERSE).write_bytes(read_bytes(universe))
        manifest: dict[str, object] = {
            "format": 1,
            "name": name,
            "description": description,
            "source": source,
            "licence": licence,
            "price_basis": price_basis,
            "calendar": "XNYS",
            "index_ticker": index_ticker,
            "scenarios": {key: [span.first, span.last] for key, span in (scenarios or {}).items()},
            "files": {file: sha256_of((building / file).read_bytes()) for file in named},
        }
        (building / MANIFEST).write_text(
            yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True, width=120), encoding="utf-8"
        )
        inputs = (out / MANIFEST, bars, headlines, universe, dividends, renames)
        open_named(building, 0, Labels(*map(str, inputs)))
        building.chmod(0o755)
        _put_in_place(building, out)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return out


def _write_tables(
    building: Path, bars: Path, headlines: Path | None, dividends: Path | None, renames: Path | None
) -> tuple[str, ...]:
    """All of a pack's files but its universe and manifest; the names of those that the manifest is to list."""
    pq.write_table(typed_bars(read_table(bars), str(bars)), building / BARS, compression="zstd")
    news = no_headlines() if headlines is None else typed_headlines(read_table(headlines), str(headlines))
    pq.write_table(news, building / HEADLINES, compression="zstd")
    named: tuple[str, ...] = FILES
    if dividends is not None:
        paid = typed_dividends(read_table(dividends), str(dividends))
        pq.write_table(paid, building / DIVIDENDS, compression="zstd")
        named = (*named, DIVIDENDS)
    if renames is not None:
        (building / RENAMES).write_bytes(read_bytes(renames))
        named = (*named, RENAMES)
    return named


def _write_everyone(building: Path, bars: Path, index_ticker: str, renames: Path | None) -> None:
    """A universe of every ticker of the bars that are written already."""
    known = () if renames is None else renames_from(text_of(read_bytes(renames), str(renames)), str(renames))
    panel = panel_from(pq.read_table(building / BARS), str(bars), index_ticker, known)
    (building / UNIVERSE).write_text(universe_text(_everyone(panel, index_ticker)), encoding="utf-8")


def _everyone(panel: Panel, index_ticker: str) -> tuple[Listing, ...]:
    """Every ticker but the index, a member from the first session on."""
    first: date = panel.sessions[0].item()
    return tuple(
        Listing(
            ticker=ticker,
            name=ticker,
            issuer=ticker,
            sector="Unknown",
            aliases=(),
            member_from=first,
            member_to=None,
        )
        for ticker in panel.tickers
        if ticker != index_ticker
    )


def _check_target(out: Path, overwrite: bool) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise ConfigError(f"{out}: must be a folder or not exist yet, is a file")
    if any(out.iterdir()):
        if not overwrite:
            raise ConfigError(f"{out}: the folder is not empty; name another or allow overwriting it")
        if not (out / MANIFEST).is_file():
            raise ConfigError(f"{out}: only a data pack may be overwritten, and this folder holds no {MANIFEST}")


def _put_in_place(building: Path, out: Path) -> None:
    """Rename, so that `out` is at no time half a pack; an older one is moved aside first and then removed."""
    if not out.exists():
        building.rename(out)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{out.name}.old.", dir=out.parent))
    out.rename(aside / out.name)
    building.rename(out)
    shutil.rmtree(aside)
