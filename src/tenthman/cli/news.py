"""`tenthman news`: fetch what the feeds have, give headlines vectors, and find them."""

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from tenthman.cli.options import AsOfOption, MarketOption, PackOption, TickerOption, desk_market, newest_close
from tenthman.cli.output import ConfigOption, JsonOption, complain, headed_table, results, say, show_json
from tenthman.cli.session import start
from tenthman.config import Config
from tenthman.domain.errors import ConfigError
from tenthman.scheduler.clock import wall_now

if TYPE_CHECKING:
    from tenthman.db.pool import Pool
    from tenthman.domain.market import MarketData
    from tenthman.news.feeds import FeedReport
    from tenthman.news.search import Found, NewsSearch

app = typer.Typer(help="Fetch headlines, and find them as they were known.", no_args_is_help=True)

SHOWN_CAP = 1_000
MOST_INDEXED = 1_000_000_000
EMBEDDED_AT_ONCE = 500
"""So many new headlines get their vectors as they are fetched: some ten seconds."""


@app.command("search")
def search_command(
    text: Annotated[str, typer.Argument(help="What to look for, in words or a sentence.")],
    ticker: TickerOption = None,
    as_of: AsOfOption = None,
    limit: Annotated[int, typer.Option(min=1, max=50, help="At most so many passages.")] = 10,
    half_life: Annotated[float, typer.Option(min=0.01, help="Days over which being new loses half its worth.")] = 30.0,
    market: MarketOption = None,
    pack: PackOption = None,
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find headlines by meaning and by words: passages under the ids by which critiques cite them."""
    from tenthman.news.rag import TEXT_CAP
    from tenthman.news.search import Question
    from tenthman.news.text import clean
    from tenthman.scheduler.storage import open_storage

    config = start(config_directory)
    if not clean(text, TEXT_CAP):
        raise ConfigError("TEXT must say what to look for, was empty")
    tickers = _tickers(ticker or [])
    named = desk_market(config, market, pack)
    at = as_of or newest_close(named)
    with open_storage(config) as pool:
        searcher = _searcher(config, pool, named)
        found = searcher.search(Question(text=text, as_of=at, tickers=tickers, limit=limit, half_life_days=half_life))
        missing = searcher.missing()
    if as_json:
        show_json({"as_of": at, "tickers": tickers, "without_vector": missing, "found": found})
    else:
        _show(found, text, at)
    if missing:
        say(f"{missing:,} headlines have no vector yet and are found by their words only: run `tenthman news index`")


def _tickers(given: list[str]) -> tuple[str, ...]:
    from tenthman.data.tables import TICKER, TICKER_RULE

    for name in given:
        if not TICKER.fullmatch(name.upper()):
            raise ConfigError(f"`--ticker` {TICKER_RULE}, was {name!r}")
    return tuple(name.upper() for name in given)


@app.command("index")
def index_command(
    limit: Annotated[int, typer.Option(min=1, max=MOST_INDEXED, help="At most so many, the newest first.")] = 1_000_000,
    market: MarketOption = None,
    pack: PackOption = None,
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give every stored headline its vector (about 100 a second); interrupted, it goes on where it stopped."""
    from tenthman.scheduler.storage import open_storage

    config = start(config_directory)
    with open_storage(config) as pool:
        searcher = _searcher(config, pool, desk_market(config, market, pack))
        todo = min(limit, searcher.missing())

        def told(done: int) -> None:
            if done % 2_000 == 0:
                say(f"{done:,} of {todo:,}")

        done, missing = searcher.index(limit, told), searcher.missing()
    if as_json:
        show_json({"embedded": done, "without_vector": missing})
    else:
        typer.echo(f"{done:,} headlines got their vectors")


@app.command("fetch")
def fetch_command(config_directory: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Ask every configured feed once (and Alpaca, on paper), store what is new, and show how each of them did."""
    from tenthman.scheduler.gathering.newsroom import fetch_news
    from tenthman.scheduler.storage import open_storage

    config = start(config_directory)
    at = wall_now()
    with open_storage(config) as pool:
        done = fetch_news(config, pool, at)
        embedded = _searcher(config, pool, None).index(EMBEDDED_AT_ONCE)
    if as_json:
        feeds = [{"new": report.new, "alarm": report.alarm, "state": report.state} for report in done.feeds]
        show_json({"at": at, "feeds": feeds, "alpaca": done.alpaca, "stored": done.stored, "embedded": embedded})
    else:
        _show_feeds(done.feeds)
        if done.alpaca is not None:
            typer.echo(f"Alpaca: {done.alpaca}")
        typer.echo(f"{done.stored} texts stored, {embedded} got a vector")
    for report in done.feeds:
        if report.alarm is not None:
            complain(f"{report.state.address} has fallen silent: {report.alarm}")
    answered = [report for report in done.feeds if not report.state.failures]
    if done.feeds and not answered and done.alpaca is None:
        sys.exit(1)


def _searcher(config: Config, pool: "Pool", named: "MarketData | None") -> "NewsSearch":
    from tenthman.news.ollama_embedder import open_embedder
    from tenthman.news.search import NewsSearch
    from tenthman.scheduler.gathering.live_market import MARKET_ID
    from tenthman.scheduler.gathering.newsroom import keep_headlines

    market_id = MARKET_ID if named is None else keep_headlines(pool, named, say)
    return NewsSearch(pool, market_id, open_embedder(config.models.embedding))


def _show(found: "tuple[Found, ...]", text: str, at: datetime) -> None:
    from tenthman.news.rag import TEXT_CAP
    from tenthman.news.text import clean

    if not found:
        typer.echo(f"nothing found that was known at {at:%Y-%m-%d %H:%M} UTC")
        return
    table = headed_table(f"{clean(text, TEXT_CAP)}\nas known at {at:%Y-%m-%d %H:%M} UTC")
    for name in ("id", "known", "tickers", "relevance", "ranks"):
        table.add_column(name, no_wrap=True)
    table.add_column("headline", overflow="fold")
    for item in found:
        passage = item.passage
        ranks = " ".join(
            f"{name}{rank}" for name, rank in (("meaning ", item.by_meaning), ("words ", item.by_words)) if rank
        )
        copies = f" (and {len(item.copies)} copies)" if item.copies else ""
        table.add_row(
            passage.id,
            f"{passage.known_at:%Y-%m-%d %H:%M}",
            " ".join(item.tickers) or "-",
            f"{passage.relevance:.3f}",
            ranks,
            escape(clean(f"{passage.text} | {', '.join(item.sources)}{copies} | {passage.item_id}", SHOWN_CAP)),
        )
    results.print(table)


def _show_feeds(reports: "tuple[FeedReport, ...]") -> None:
    table = headed_table()
    table.add_column("feed", overflow="fold")
    table.add_column("new", justify="right")
    table.add_column("spoke last", no_wrap=True)
    table.add_column("outcome", overflow="fold")
    for report in reports:
        state = report.state
        table.add_row(
            escape(state.address),
            str(report.new),
            f"{state.spoke_at:%Y-%m-%d %H:%M}",
            escape(state.outcome),
        )
    results.print(table)
