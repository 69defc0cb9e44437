"""`tenthman critique`: one debate, read and kept. `critiques`: those on record. `committee`: who lost its veto."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tenthman.cli.options import (
    AsOfOption,
    FromOption,
    MarketOption,
    PackOption,
    PaperRunOption,
    ReasonOption,
    ToOption,
    desk_market,
    market_known,
    newest_close,
    person,
    run_named,
)
from tenthman.cli.output import ConfigOption, JsonOption, show_json, show_lines
from tenthman.cli.session import start
from tenthman.domain.errors import ConfigError
from tenthman.scheduler.clock import wall_now

if TYPE_CHECKING:
    from tenthman.scheduler.committee.critiques import StoredCritique

app = typer.Typer(
    help="See which committees lost their veto by their own record, and give it back.", no_args_is_help=True
)

Agent = Literal["analyst", "bull", "bear", "risk", "committee", "rules"]


def critique_command(
    ticker: Annotated[str, typer.Argument(help="A member of the market.")],
    as_of: AsOfOption = None,
    market: MarketOption = None,
    pack: PackOption = None,
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hold one debate of the committee over a name, print it with its sources and keep it; nothing is decided."""
    from tenthman.scheduler.committee.critique import debate_lines, hold_debate, keep_debate
    from tenthman.scheduler.storage import open_storage

    config = start(config_directory)
    named = desk_market(config, market, pack)
    at = as_of or newest_close(named)
    with open_storage(config) as pool:
        known = market_known(config, pool, named, at)
        held = hold_debate(config, pool, known, at, ticker.upper())
        debate = keep_debate(config, pool, known, held, person(), wall_now())
    if as_json:
        show_json(debate)
    else:
        show_lines(debate_lines(debate))


def critiques_command(
    ticker: Annotated[str | None, typer.Option(help="Only on this name.")] = None,
    agent: Annotated[Agent | None, typer.Option(help="Only by this critic.")] = None,
    stance: Annotated[
        Literal["approve", "shrink", "veto", "none"] | None, typer.Option(help="Only where the critic said so.")
    ] = None,
    verdict: Annotated[
        Literal["enter", "veto", "abstain"] | None, typer.Option(help="Only on entries that came to this.")
    ] = None,
    first: FromOption = None,
    last: ToOption = None,
    run: Annotated[
        str | None, typer.Option(callback=run_named, help="Only of this run, by the beginning of its id.")
    ] = None,
    asked: Annotated[
        bool | None, typer.Option("--asked/--of-runs", help="Only debates asked for by hand, or only those of runs.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many, the newest first.")] = 50,
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List stored critiques by ticker, agent, stance, verdict, date and run, the newest first."""
    from tenthman.scheduler.committee.critiques import Search, count_critiques, find_critiques
    from tenthman.scheduler.storage import open_storage

    if first and last and last < first:
        raise ConfigError(f"`--to` must not be before `--from` {first}, was {last}")
    search = Search(
        ticker=ticker and ticker.upper(),
        role=agent,
        stance=stance,
        verdict=verdict,
        run=run,
        first=first,
        last=last,
        asked=asked,
        limit=limit,
    )
    config = start(config_directory)
    with open_storage(config) as pool:
        found, number = find_critiques(pool, search), count_critiques(pool, search)
    if as_json:
        show_json({"found": number, "critiques": found})
        return
    show_lines(_listed(found))
    typer.echo(f"{len(found)} of {number} critiques")


@app.command("status")
def status_command(
    run: PaperRunOption = None, config_directory: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Show every demotion and reinstatement of a run or, where it trades an account, of the account."""
    from tenthman.scheduler.committee.standings import standings
    from tenthman.scheduler.storage import open_storage

    config = start(config_directory)
    with open_storage(config) as pool:
        found = standings(pool, run)
    if as_json:
        show_json(found)
        return
    show_lines(
        f"{item.changed_at:%Y-%m-%d %H:%M} {item.standing} {item.model} {item.model_digest[:12]} prompts "
        f"{item.template_hash[:12]} ({item.changed_by}): {item.reason}"
        for item in found
    )
    if not found:
        typer.echo("no committee was demoted: what its examination says counts")


@app.command("reinstate")
def reinstate_command(
    reason: ReasonOption,
    model: Annotated[str, typer.Option(help="The beginning of the digest, as `committee status` shows it.")] = "",
    run: PaperRunOption = None,
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let demoted committees bind again as their examination says; their record begins anew."""
    from tenthman.scheduler.committee.standings import reinstate
    from tenthman.scheduler.storage import open_storage

    config = start(config_directory)
    with open_storage(config) as pool:
        done = reinstate(pool, run, model, reason, person(), wall_now())
    if as_json:
        show_json(done)
    else:
        show_lines(f"{item.model} {item.model_digest[:12]} may bind again" for item in done)


def _listed(found: "Iterable[StoredCritique]") -> Iterator[str]:
    for item in found:
        said = item.stance if item.state == "answered" else item.state
        yield (
            f"{item.session} {item.slot:<9} {item.ticker:<6} {item.role:<9} {said:<11} {item.confidence_pct:>3} %  "
            f"{', '.join(item.reasons):<28} -> {item.verdict:<7} [{item.run_id[:8]} {item.decision_id}]"
            f"{' by hand' if item.asked else ''}"
        )
