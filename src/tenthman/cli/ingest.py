"""`tenthman ingest`: bring market data into the store that the live desk reads."""

from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tenthman.cli.options import FromOption, ToOption
from tenthman.cli.output import (
    ConfigOption,
    JsonOption,
    counted,
    headed_table,
    results,
    say,
    show_json,
    show_lines,
    show_table,
)
from tenthman.cli.session import start
from tenthman.config import Config
from tenthman.domain.errors import ConfigError
from tenthman.domain.market import FIELDS, NEW_YORK
from tenthman.scheduler.clock import wall_now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenthman.data.bars import StoredBar
    from tenthman.data.ingest import Span
    from tenthman.data.sources import Flag
    from tenthman.domain.market import Universe
    from tenthman.scheduler.gathering.market_data import BarsReport, IntradayReport

DEFAULT_DAYS = 30
MOST_FLAGS_SHOWN = 20
NEWEST_SHOWN = 20

app = typer.Typer(help="Bring market data into the store that the live desk reads.", no_args_is_help=True)

DaysOption = Annotated[int | None, typer.Option(min=1, max=20_000, help="So many days back; 30 without --from.")]
TickersOption = Annotated[
    str | None, typer.Option(help="Tickers with commas between them; without it the S&P 100 of the day and its index.")
]
SourceOption = Annotated[
    Literal["alpaca", "yahoo", "both"] | None,
    typer.Option(help="both: Alpaca's bars compared with Yahoo's. Default: Alpaca where its keys are set, else Yahoo."),
]
AddressOption = Annotated[
    str | None,
    typer.Option(help="A served exchange, asked in place of Alpaca and Yahoo: https, or http on loopback."),
]
FileOption = Annotated[
    Path | None,
    typer.Option(
        "--file", help="Parquet or CSV: date, ticker, open, high, low, close[, adj_close], volume (or time: --minutes)."
    ),
]
MinutesOption = Annotated[
    int | None, typer.Option(min=1, max=30, help="Bars of so many minutes, instead of daily ones (Alpaca or --file).")
]
BasisOption = Annotated[str, typer.Option(help="What a file's prices are: split-adjusted, raw, ...")]


@app.command("bars")
def bars(
    days: DaysOption = None,
    first: FromOption = None,
    last: ToOption = None,
    tickers: TickersOption = None,
    source: SourceOption = None,
    address: AddressOption = None,
    file: FileOption = None,
    minutes: MinutesOption = None,
    basis: BasisOption = "split-adjusted",
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fetch bars, or take them from a file, store what is new, and say which of them cannot be trusted.

    What is stored already is not fetched again but for an overlap, in which a difference means that the source has
    rewritten its history: then all of it is fetched. A failed import leaves the store as it was.
    """
    _require_sense(days, first, last, tickers, source, address, file, minutes)
    config = start(config_directory)
    if file is not None:
        _from_file(config, file, minutes, basis, as_json)
        return
    _from_sources(config, _span(days, first, last), tickers, source, address, minutes, as_json)


@app.command("show")
def show_command(
    ticker: Annotated[str, typer.Argument(help="Whose.")],
    first: FromOption = None,
    last: ToOption = None,
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show stored daily bars of a ticker: numbers, source, basis, when they were fetched, and why one is not trusted.

    Without --from the newest 20 up to --to.
    """
    from tenthman.data.bars import BarStore
    from tenthman.data.flags import FlagStore
    from tenthman.data.spellings import SpellingStore
    from tenthman.data.universe import sp100
    from tenthman.scheduler.gathering.live_market import MARKET_ID
    from tenthman.scheduler.gathering.market_data import known_as
    from tenthman.scheduler.storage import open_storage

    config, universe = start(config_directory), sp100()
    until = last or wall_now().astimezone(NEW_YORK).date()
    if first is not None and first > until:
        raise ConfigError(f"`--from` must not be after {until}, was {first}")
    asked = _tickers(ticker, universe, until, "TICKER")
    if len(asked) > 1:
        raise ConfigError(f"`TICKER` must be one ticker, was {ticker!r}")
    with open_storage(config) as pool:
        (name,) = known_as(universe, SpellingStore(pool, MARKET_ID).load(universe), asked, until, "TICKER")
        found = BarStore(pool, MARKET_ID).stored(name, first or date.min, until)[0 if first else -NEWEST_SHOWN :]
        if not found:
            when = f"from {first} to {until}" if first else f"up to {until}"
            raise ConfigError(f"no daily bar of {name} is stored {when}; `tenthman ingest bars` brings them in")
        since = first or found[0].bar.session
        flags = [flag for flag in FlagStore(pool, MARKET_ID).standing(since, until) if flag.ticker == name]
    _show_stored(name, found, flags, as_json)


def _from_file(config: Config, file: Path, minutes: int | None, basis: str, as_json: bool) -> None:
    from tenthman.data.tables import ends_within_a_row
    from tenthman.data.universe import sp100
    from tenthman.scheduler.gathering.market_data import bring_in_file, bring_in_intraday_file
    from tenthman.scheduler.storage import open_storage

    if ends_within_a_row(file):
        say(f"{file}: the last row has no end of line; if the file was cut off, its last number is too short")
    with open_storage(config) as pool:
        if minutes is None:
            _show(bring_in_file(config, pool, sp100(), file, basis, wall_now()), as_json)
        else:
            _show_intraday(bring_in_intraday_file(config, pool, sp100(), file, minutes, basis, wall_now()), as_json)


def _from_sources(
    config: Config,
    span: "Span",
    tickers: str | None,
    source: Literal["alpaca", "yahoo", "both"] | None,
    address: str | None,
    minutes: int | None,
    as_json: bool,
) -> None:
    from tenthman.data.elsewhere import address_of
    from tenthman.data.universe import sp100
    from tenthman.scheduler.gathering.bar_sources import open_alpaca, open_sources
    from tenthman.scheduler.gathering.market_data import bring_in, bring_in_intraday
    from tenthman.scheduler.storage import open_storage

    universe = sp100()
    members = sorted({universe.index_ticker, *(item.ticker for item in universe.members(span.last))})
    names = members if tickers is None else _tickers(tickers, universe, span.last)
    there = None if address is None else address_of("--address", address)
    if minutes is not None:
        alpaca = open_alpaca(config, there)
        say(f"asking {alpaca.name} for bars of {minutes} minutes of {len(names)} tickers")
        with open_storage(config) as pool:
            report = bring_in_intraday(config, pool, universe, alpaca, names, minutes, span, wall_now())
        _show_intraday(report, as_json)
        return
    sources = open_sources(config, source, there)
    say(f"asking {sources.first.name} for {len(names)} tickers, {span.first} to {span.last}")
    with open_storage(config) as pool:
        found = bring_in(config, pool, universe, sources, names, span, wall_now())
    _show(found, as_json)


def _require_sense(
    days: int | None,
    first: date | None,
    last: date | None,
    tickers: str | None,
    source: str | None,
    address: str | None,
    file: Path | None,
    minutes: int | None,
) -> None:
    if file is not None and any(item is not None for item in (days, first, last, tickers, source, address)):
        raise ConfigError(
            "`--file` has its own days and tickers: leave out --days, --from, --to, --tickers, --source, --address"
        )
    if days is not None and (first is not None or last is not None):
        raise ConfigError("`--days` goes without --from and --to")
    if minutes is not None and source not in (None, "alpaca"):
        raise ConfigError(f"`--minutes` goes with `--source alpaca` or `--file`, was {source!r}")


def _span(days: int | None, first: date | None, last: date | None) -> "Span":
    from tenthman.data.calendar import FIRST_DAY
    from tenthman.data.ingest import Span

    now = wall_now()
    today = now.astimezone(NEW_YORK).date()
    until = min(today, last) if last is not None else today
    since = first if first is not None else until - timedelta(days=days or DEFAULT_DAYS)
    if not FIRST_DAY <= since <= until:
        raise ConfigError(f"`--from` must lie in {FIRST_DAY}..{until}, was {since}")
    return Span.closed(since, until, now)


def _tickers(text: str, universe: "Universe", last: date, option: str = "--tickers") -> list[str]:
    """Tickers in the house's spelling: a share class may be written with a dot, a name be that of the day `last`."""
    from tenthman.data.tables import TICKER, TICKER_RULE
    from tenthman.utils.symbols import from_any

    names = sorted({from_any(name.strip().upper()) for name in text.split(",") if name.strip()})
    strange = [name for name in names if not TICKER.fullmatch(name)]
    if strange or not names:
        raise ConfigError(f"`{option}` {TICKER_RULE}, was {text!r}")
    return sorted({universe.ticker_of(name, last) for name in names})


def _show(report: "BarsReport", as_json: bool) -> None:
    if as_json:
        show_json(report)
        return
    found, merged = report.ingested, report.ingested.merged
    rows = {
        "source": f"{found.fetch.source}, {found.fetch.price_basis}",
        "fetched": f"{found.fetch.fetched_at:%Y-%m-%d %H:%M} UTC",
        "sessions": f"{found.first} to {found.last}",
        "tickers": f"{found.answered} of {found.asked} answered",
        "new bars": f"{merged.new:,}",
        "unchanged": f"{merged.same:,}",
        "replaced": f"{merged.revised:,}" + (f" (history of {', '.join(found.rewritten)})" if found.rewritten else ""),
        "left to another source": f"{merged.others:,}",
        "splits and dividends": f"{report.actions:,}",
        "second source": _compared(report),
        "members without last bar": ", ".join(report.absent) or "none",
        "not in the universe": ", ".join(report.strangers) or "none",
        "flagged anew": counted(Counter(flag.rule for flag in report.flags)),
    }
    if report.unexplained is not None:
        rows["steps of adj_close not explained"] = f"{len(report.unexplained):,}"
    show_table("bars of the live market", rows.items())
    _show_flags(report.flags)
    _show_flags(report.unexplained or ())
    show_lines(report.renamed)
    show_lines(f"no bars of {ticker}: {cause}" for ticker, cause in sorted(found.silent.items())[:MOST_FLAGS_SHOWN])


def _compared(report: "BarsReport") -> str:
    told = (f"{report.compared:,} bars compared" if report.compared else "", report.unchecked)
    return "; ".join(part for part in told if part) or "not asked"


def _show_intraday(report: "IntradayReport", as_json: bool) -> None:
    if as_json:
        show_json(report)
        return
    rows = {
        "source": f"{report.fetch.source}, {report.fetch.price_basis}",
        "tickers": str(report.tickers),
        "bars": f"{report.bars:,}, {report.new:,} of them new or changed",
        "left to another source": f"{report.others:,}",
        "from": str(report.first),
        "to": str(report.last),
        "beside daily bars": f"{report.compared:,} sessions, {len(report.apart):,} of them apart",
    }
    show_table(f"bars of {report.minutes} minutes", rows.items())
    _show_flags((*report.apart, *report.refused))
    show_lines(report.renamed)


def _show_stored(name: str, found: "Sequence[StoredBar]", flags: "Sequence[Flag]", as_json: bool) -> None:
    if as_json:
        show_json({"ticker": name, "bars": found, "flags": flags})
        return
    fetches = list(dict.fromkeys(item.fetch for item in found))
    table = headed_table(f"{name}, stored daily bars")
    for column in ("session", *FIELDS, "fetch", "replaced"):
        table.add_column(column, justify="left" if column == "session" else "right", no_wrap=True)
    for item in found:
        prices = [f"{getattr(item.bar, field):,.6g}" for field in FIELDS[:-1]]
        fetched = str(fetches.index(item.fetch) + 1)
        table.add_row(
            str(item.bar.session),
            *prices,
            f"{item.bar.volume:,.0f}",
            fetched,
            f"{item.replaced}x" * bool(item.replaced),
        )
    results.print(table)
    show_lines(
        f"fetch {number}: {fetch.source}, {fetch.price_basis}, {fetch.fetched_at:%Y-%m-%d %H:%M} UTC"
        for number, fetch in enumerate(fetches, 1)
    )
    _show_flags(flags)


def _show_flags(flags: "Sequence[Flag]") -> None:
    show_lines(f"{flag.ticker} {flag.session} {flag.rule}: {flag.detail}" for flag in flags[:MOST_FLAGS_SHOWN])
    if len(flags) > MOST_FLAGS_SHOWN:
        show_lines([f"... and {len(flags) - MOST_FLAGS_SHOWN} more (--json shows all)"])
