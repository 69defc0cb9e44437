"""`tenthman pack`: build a data pack from one's own files, and look at one."""

from pathlib import Path
from typing import Annotated

import typer

from tenthman.cli.output import ConfigOption, JsonOption, show_json, show_table
from tenthman.cli.session import start
from tenthman.domain.market import MarketData

app = typer.Typer(
    help="Put your own prices and headlines into one validated folder, a data pack.", no_args_is_help=True
)


@app.command("build")
def build(
    out: Annotated[Path, typer.Argument(help="Folder to make; it must not hold anything yet.")],
    bars: Annotated[
        Path, typer.Option(help="Parquet or CSV: date, ticker, open, high, low, close[, adj_close], volume.")
    ],
    index: Annotated[str, typer.Option(help="Ticker of the index that results are compared with.")],
    name: Annotated[str, typer.Option(help="What to call it.")],
    headlines: Annotated[Path | None, typer.Option(help="Parquet or CSV of headlines; see docs/packs.md.")] = None,
    universe: Annotated[Path | None, typer.Option(help="CSV of dated membership; see docs/packs.md.")] = None,
    dividends: Annotated[
        Path | None, typer.Option(help="Parquet or CSV: ex_date, ticker, amount (USD a share).")
    ] = None,
    renames: Annotated[
        Path | None, typer.Option(help="CSV: old, new, on (the day): names that the files spell as of their day.")
    ] = None,
    description: Annotated[str, typer.Option(help="What is in it, and what is not.")] = "",
    source: Annotated[str, typer.Option(help="Where the prices come from.")] = "user files",
    licence: Annotated[str, typer.Option(help="Under what terms you have them.")] = "private",
    price_basis: Annotated[str, typer.Option(help="Raw, split-adjusted, ...")] = "split-adjusted",
    overwrite: Annotated[bool, typer.Option(help="Replace the folder if it is there.")] = False,
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Build a pack from your files; nothing is left behind when anything in them is wrong."""
    from tenthman.data.pack_building import build_pack
    from tenthman.data.packs import open_pack

    config = start(config_directory)
    folder = build_pack(
        out,
        bars=bars,
        headlines=headlines,
        universe=universe,
        dividends=dividends,
        renames=renames,
        name=name,
        description=description,
        source=source,
        licence=licence,
        price_basis=price_basis,
        index_ticker=index,
        overwrite=overwrite,
    )
    _show(open_pack(folder, config.settings.news.archive_lag_minutes), folder, as_json)


@app.command("show")
def show(
    folder: Annotated[Path, typer.Argument(help="Folder of the pack.")],
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Open a pack, check every row, and say what is in it."""
    from tenthman.data.packs import open_pack

    config = start(config_directory)
    _show(open_pack(folder, config.settings.news.archive_lag_minutes), folder, as_json)


def _show(market: MarketData, folder: Path, as_json: bool) -> None:
    panel, provenance = market.panel, market.provenance
    facts = {
        "folder": str(folder),
        "name": provenance.name,
        "description": provenance.description,
        "source": provenance.source,
        "licence": provenance.licence,
        "price_basis": provenance.price_basis,
        "content_hash": provenance.content_hash,
        "tickers": str(len(panel.tickers)),
        "sessions": f"{panel.sessions[0]} to {panel.sessions[-1]}, {len(panel.sessions)}",
        "headlines": str(len(market.headlines)),
        "dividends": _dividends(market),
        "renames": ", ".join(f"{item.old} is {item.new} from {item.on} on" for item in market.universe.renames)
        or "none",
        "scenarios": ", ".join(f"{key} {item.first}..{item.last}" for key, item in sorted(market.scenarios.items())),
    }
    if as_json:
        show_json(facts)
    else:
        show_table(provenance.headline, facts.items())


def _dividends(market: MarketData) -> str:
    if market.dividends is None:
        return "not known"
    paid = market.dividends > 0
    return f"{int(paid.sum())} of {int(paid.any(axis=0).sum())} tickers"
