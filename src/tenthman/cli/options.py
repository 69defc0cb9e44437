"""Options that several commands take, each read in one way, and what they name."""

import getpass
import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tenthman.cli.output import say
from tenthman.config import Config
from tenthman.domain.errors import ConfigError
from tenthman.scheduler.clock import wall_now

if TYPE_CHECKING:
    from tenthman.db.pool import Pool
    from tenthman.domain.market import MarketData
    from tenthman.scheduler.gathering.known import KnownMarket

DAY = "YYYY-MM-DD"
FIRST_YEAR, LAST_YEAR = 1900, 2199
MOST_JOBS = 1_024
MOST_NULLS = 10_000_000


def day(text: str) -> date:
    """A day as `DAY` spells it; typer names the option where it is none."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 only the day of it is taken
    except ValueError:
        raise typer.BadParameter(f"must be a day such as 2019-06-03, was {text!r}") from None


def instant(text: str) -> datetime:
    """An ISO instant or day, in UTC; without a zone it is UTC. ConfigError when it is neither or far off."""
    try:
        read = datetime.fromisoformat(text)
        found = read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ConfigError(f"`--as-of` must be an instant such as 2019-06-03T13:00:00Z, was {text!r}") from None
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise ConfigError(f"`--as-of` must lie in the years {FIRST_YEAR}..{LAST_YEAR}, was {text!r}")
    return found


FromOption = Annotated[date | None, typer.Option("--from", parser=day, metavar=DAY, help="First session.")]
ToOption = Annotated[date | None, typer.Option("--to", parser=day, metavar=DAY, help="Last session.")]
AsOfOption = Annotated[
    datetime | None,
    typer.Option(
        parser=instant,
        metavar="INSTANT",
        help="As known then: 2019-06-03T13:00:00Z; without it, at the close of the last session stored (live: now).",
    ),
]
ScenarioOption = Annotated[
    str, typer.Option(help="A period that the market names, such as `crash`; without --from and --to.")
]
TickerOption = Annotated[list[str] | None, typer.Option(help="Only this one; may be given several times.")]

MarketName = Literal["auto", "pack", "yahoo", "practice", "live"]
MarketOption = Annotated[
    MarketName | None,
    typer.Option(help="Which market, as `rehearse` chooses; `live` is what the live desk has stored."),
]
HistoryOption = Annotated[
    Literal["auto", "pack", "yahoo", "practice"] | None,
    typer.Option("--market", help="Which market; `auto` takes a named pack, else Yahoo, else the practice market."),
]
PackOption = Annotated[Path | None, typer.Option(help="Folder of a data pack.")]


def run_named(text: str | None) -> str | None:
    """The run that is named. An empty word, as of a variable that was never set, must not stand for the newest one."""
    if text is not None and not text.strip():
        raise typer.BadParameter(f"must be a run's id or its beginning, was {text!r}")
    return text


PaperRunOption = Annotated[
    str | None,
    typer.Option("--run", callback=run_named, help="A run's id or its beginning; the newest paper run without it."),
]
RunOption = Annotated[
    str | None,
    typer.Option("--run", callback=run_named, help="A run's id or its beginning; the newest run without it."),
]


def _storable(text: str) -> str:
    """Bytes of the command line that are no text as question marks: they keep nobody from halting the desk."""
    return text.encode(errors="replace").decode()


ReasonOption = Annotated[str, typer.Option(help="Why; it is recorded.", callback=_storable)]
JobsOption = Annotated[int, typer.Option(help="Processes on this machine; -1: one a core.")]


def require_jobs(jobs: int) -> None:
    """ConfigError for a number of processes that there cannot be."""
    if not 1 <= jobs <= MOST_JOBS and jobs != -1:
        raise ConfigError(f"`--jobs` must be at least 1 and at most {MOST_JOBS:,}, or -1 for one a core, was {jobs}")


def chosen_market(config: Config, market: MarketName | None, pack: Path | None) -> "MarketData | None":
    """The market that the options name; None for the live one, which only the database holds."""
    from tenthman.scheduler.gathering.markets import choose_market

    name = market or config.settings.market.source
    if name == "live":
        if pack is not None:
            raise ConfigError("`--pack` goes with `--market` auto or pack, was 'live'")
        return None
    return choose_market(config, name, pack, wall_now().date(), say).market


def desk_market(config: Config, market: MarketName | None, pack: Path | None) -> "MarketData | None":
    """As `chosen_market`; with nothing said, a desk on paper is asked about the live market."""
    if market is None and pack is None and config.settings.broker.endpoint == "paper":
        market = "live"
    return chosen_market(config, market, pack)


def market_known(config: Config, pool: "Pool", named: "MarketData | None", until: datetime) -> "KnownMarket":
    """All that was known of the market up to `until`."""
    from tenthman.scheduler.gathering.known import known_market, live_market
    from tenthman.scheduler.gathering.scoring import open_scorer

    score = open_scorer(config)
    return live_market(pool, until, score) if named is None else known_market(pool, named, until, score)


def newest_close(named: "MarketData | None") -> datetime:
    """The close of the market's last session; now for the live one."""
    return wall_now() if named is None else named.hours[len(named.panel.sessions) - 1].close_at


def person() -> str:
    """Who gave the command; by number where the user has no name, as in a container that runs under any id."""
    try:
        return _storable(f"person: {getpass.getuser()}")
    except (KeyError, OSError):
        return f"person: uid {os.getuid()}"
