"""`tenthman features`: build a market's feature set, and look at it by ticker and date."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from tenthman.cli.options import FromOption, MarketOption, PackOption, ToOption, chosen_market, market_known
from tenthman.cli.output import ConfigOption, JsonOption, complain, headed_table, results, say, show_json, show_lines
from tenthman.cli.session import start
from tenthman.config import Config
from tenthman.domain.errors import ConfigError
from tenthman.scheduler.clock import wall_now

if TYPE_CHECKING:
    from tenthman.db.pool import Pool
    from tenthman.domain.market import MarketData
    from tenthman.features.sets import FeatureRow, FeatureSet, FeatureStore

SetOption = Annotated[
    str | None, typer.Option("--set", help="Beginning of a set's hash; without it, the one that reaches furthest.")
]
OnlyOption = Annotated[list[str] | None, typer.Option("--feature", help="Only this one; may be given several times.")]

SHOWN = 5
"""So many features fit beside each other unless some are named; JSON holds all."""

NONE_STORED = "no feature set of this market is stored: `tenthman features build` makes one"

FEWEST_DIGITS = 4
"""So many name a set that is to be removed: an empty word, such as a variable that was never set, must not."""

app = typer.Typer(help="Build a market's features once, and look at what is stored.", no_args_is_help=True)


@app.command("build")
def build_command(
    first: FromOption = None,
    last: ToOption = None,
    replacing: Annotated[
        bool, typer.Option("--replace", help="Also rewrite stored rows that differ, for the market's past has changed.")
    ] = False,
    market: MarketOption = None,
    pack: PackOption = None,
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compute every feature of a market and store the sessions that are not there yet."""
    from tenthman.scheduler.models.feature_building import build_features, morning_after
    from tenthman.scheduler.storage import open_storage

    config = start(config_directory)
    named = chosen_market(config, market, pack)
    until = wall_now() if named is None else morning_after(config, named.panel.sessions[-1].item())
    with open_storage(config) as pool:
        known = market_known(config, pool, named, until)
        say(f"{known.headline}: computing features ...")
        built = build_features(config, pool, known, until, first, last, replacing=replacing)
    if as_json:
        what = {"set_hash": built.set_hash, "features": built.features, "first": built.first, "last": built.last}
        show_json({"market": known.headline, "built": what | asdict(built.rows)})
        return
    told = f"{built.rows.added:,} rows new"
    if replacing:
        told += f", {built.rows.changed:,} rewritten, {built.rows.removed:,} removed"
    span = f"{built.first} to {built.last}"
    show_lines([f"set {built.set_hash[:12]}: {built.features} features, {span}, {told}"])


@app.command("sets")
def sets_command(
    market: MarketOption = None,
    pack: PackOption = None,
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the sets that are stored of a market, by the hashes of their definitions."""
    from tenthman.scheduler.storage import open_storage

    config = start(config_directory)
    named = chosen_market(config, market, pack)
    with open_storage(config) as pool:
        found = _store(pool, named).sets()
    if as_json:
        show_json({"sets": found})
        return
    if not found:
        show_lines([NONE_STORED])
    show_lines(
        f"{item.set_hash[:12]}  {item.rows:,} rows, {item.first or '-'} to {item.last or '-'}, {len(item.names)} "
        f"features: {', '.join(item.definitions)}"
        for item in found
    )


@app.command("forget")
def forget_command(
    set_hash: Annotated[str, typer.Argument(help="Beginning of the set's hash.")],
    market: MarketOption = None,
    pack: PackOption = None,
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove a stored set with its rows."""
    from tenthman.scheduler.storage import open_storage

    if len(set_hash) < FEWEST_DIGITS:
        raise ConfigError(f"`set_hash` must have at least {FEWEST_DIGITS} digits of the set's hash, was {set_hash!r}")
    config = start(config_directory)
    named = chosen_market(config, market, pack)
    with open_storage(config) as pool:
        store = _store(pool, named)
        chosen = _chosen(store, set_hash)
        removed = store.forget(chosen.set_hash)
    if as_json:
        show_json({"set": chosen.set_hash, "removed": removed})
        return
    show_lines([f"set {chosen.set_hash[:12]}: {removed:,} rows removed"])


@app.command("show")
def show_command(
    ticker: Annotated[str, typer.Argument(help="Whose.")],
    first: FromOption = None,
    last: ToOption = None,
    only: OnlyOption = None,
    set_hash: SetOption = None,
    market: MarketOption = None,
    pack: PackOption = None,
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show stored features of a ticker over a span of sessions."""
    from tenthman.features.sets import FeatureRow
    from tenthman.scheduler.storage import open_storage

    if first and last and first > last:
        raise ConfigError(f"`--from` must not be after `--to` {last}, was {first}")
    config = start(config_directory)
    named = chosen_market(config, market, pack)
    with open_storage(config) as pool:
        store = _store(pool, named)
        chosen = _chosen(store, set_hash)
        sessions, values = store.read(chosen.set_hash, ticker.upper(), first or date.min, last or date.max)
    if not len(sessions):
        raise ConfigError(
            f"no features of {ticker.upper()} are stored there; the set holds {chosen.first} to {chosen.last}"
        )
    days: list[date] = sessions.tolist()
    rows = [FeatureRow(ticker=ticker.upper(), session=day, values=held) for day, held in zip(days, values, strict=True)]
    _show(chosen, rows, only or [], as_json)


@app.command("random")
def random_command(
    count: Annotated[int, typer.Argument(min=1, max=1_000, help="How many rows.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws the same rows.")] = 0,
    check: Annotated[bool, typer.Option("--check", help="Compute each again from what was known then.")] = False,
    only: OnlyOption = None,
    set_hash: SetOption = None,
    market: MarketOption = None,
    pack: PackOption = None,
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show stored rows drawn at random; with --check, each is computed again with its future cut off."""
    from tenthman.scheduler.storage import open_storage

    config = start(config_directory)
    named = chosen_market(config, market, pack)
    with open_storage(config) as pool:
        store = _store(pool, named)
        chosen = _chosen(store, set_hash)
        rows = store.drawn(chosen.set_hash, count, seed)
        wrong = _differing(config, pool, named, chosen, rows) if check else []
    _show(chosen, rows, only or [], as_json)
    if check and not as_json:
        show_lines([f"{len(rows) - len(wrong)} of {len(rows)} rows equal what is computed with their future cut off"])
    if wrong:
        complain("differ: " + ", ".join(f"{row.ticker} {row.session}" for row in wrong))
        raise typer.Exit(1)


def _differing(
    config: Config, pool: "Pool", named: "MarketData | None", chosen: "FeatureSet", rows: "Sequence[FeatureRow]"
) -> "list[FeatureRow]":
    from tenthman.scheduler.models.feature_building import differing, morning_after

    if chosen.last is None:
        return []
    known = market_known(config, pool, named, morning_after(config, chosen.last))
    return differing(config, known, chosen.set_hash, rows)


def _store(pool: "Pool", named: "MarketData | None") -> "FeatureStore":
    from tenthman.features.sets import FeatureStore
    from tenthman.scheduler.gathering.live_market import MARKET_ID

    return FeatureStore(pool, MARKET_ID if named is None else named.provenance.content_hash[:12])


def _chosen(store: "FeatureStore", beginning: str | None) -> "FeatureSet":
    stored = store.sets()
    found = [item for item in stored if item.set_hash.startswith(beginning or "")]
    if not found:
        if not stored:
            raise ConfigError(NONE_STORED)
        held = ", ".join(item.set_hash[:12] for item in stored)
        raise ConfigError(f"no stored set of this market begins with {beginning!r}; there are {held}")
    if beginning and len(found) > 1:
        raise ConfigError(f"{beginning!r} is the beginning of {len(found)} sets: give more digits")
    return found[0]


def _show(chosen: "FeatureSet", rows: "Sequence[FeatureRow]", only: Sequence[str], as_json: bool) -> None:
    strange = [name for name in only if name not in chosen.names]
    if strange:
        raise ConfigError(f"`--feature` must name features of the set, was {strange[0]!r}; it has {len(chosen.names)}")
    names = tuple(only) or chosen.names
    places = [chosen.names.index(name) for name in names]
    if as_json:
        told = [{"ticker": row.ticker, "session": row.session} | _told(names, row.values[places]) for row in rows]
        show_json({"set": chosen.set_hash, "definitions": chosen.definitions, "rows": told})
        return
    shown = len(names) if only else min(SHOWN, len(names))
    table = headed_table(f"set {chosen.set_hash[:12]}")
    for name in ("ticker", "session"):
        table.add_column(name, no_wrap=True)
    for name in names[:shown]:
        table.add_column(name, overflow="fold", justify="right")
    for row in rows:
        cells = ("" if np.isnan(value) else f"{value:.4g}" for value in row.values[places[:shown]])
        table.add_row(row.ticker, str(row.session), *cells)
    results.print(table)
    if shown < len(names):
        show_lines([f"{len(names) - shown} more features: name some with --feature, or take --json"])


def _told(names: Sequence[str], values: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> dict[str, float | None]:
    return {name: None if np.isnan(value) else float(value) for name, value in zip(names, values, strict=True)}
