"""`tenthman rehearse`: four weeks of trading on stored data, and `tenthman report`: look at a finished run again."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tenthman.cli.display import Display, open_progress, require_place
from tenthman.cli.options import FromOption, HistoryOption, PackOption, ScenarioOption, ToOption, run_named
from tenthman.cli.output import ConfigOption, JsonOption, counted, say, show_json, show_table
from tenthman.cli.session import start
from tenthman.config import Config
from tenthman.domain.errors import ConfigError, SetupError
from tenthman.scheduler.clock import wall_now

if TYPE_CHECKING:
    from tenthman.dashboard.summary import RunReport

PAGE_HELP = "Where to write the HTML report."
RehearsalPageOption = Annotated[Path | None, typer.Option("--html", "--report", help=PAGE_HELP)]
ReportPageOption = Annotated[Path | None, typer.Option("--html", "--out", help=PAGE_HELP)]


def rehearse_command(
    first: FromOption = None,
    last: ToOption = None,
    scenario: ScenarioOption = "default",
    market: HistoryOption = None,
    pack: PackOption = None,
    html: RehearsalPageOption = None,
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Rehearse trading on stored data: the real desk against our own exchange, at full speed."""
    from tenthman.scheduler.gathering.markets import choose_market, choose_period

    if scenario != "default" and (first or last):
        raise ConfigError("`--scenario` names a period by itself; leave out --from and --to")
    config = start(config_directory)
    require_place(html)
    source = market or config.settings.market.source
    chosen = choose_market(config, source, pack, wall_now().date(), say)
    period = choose_period(chosen.market, first, last, scenario, config.settings.rehearsal.sessions)
    say(f"{chosen.market.provenance.headline} ({chosen.why}), {period.first} to {period.last}")
    from tenthman.scheduler.rehearsal.run import rehearse

    with open_progress() as progress:
        done = rehearse(config, chosen.market, period, Display(progress))
    for earlier in done.interrupted_before:
        where = f"at {earlier.reached:%Y-%m-%d %H:%M} UTC" if earlier.reached else "before its first step"
        say(f"run {earlier.run_id} had been interrupted {where}; this one started over and reused its replies")
    _report(config, done.run_id, html, done.seconds, as_json)


def report_command(
    run: Annotated[
        str | None, typer.Argument(callback=run_named, help="The run's id; the newest finished run without it.")
    ] = None,
    html: ReportPageOption = None,
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a finished run again: its table, and its HTML report written anew."""
    config = start(config_directory)
    require_place(html)
    _report(config, run, html, {}, as_json)


def _report(config: Config, run: str | None, html: Path | None, seconds: dict[str, float], as_json: bool) -> None:
    from tenthman.dashboard.report import build_report, write_html
    from tenthman.scheduler.outcomes.scorecard import scorecard
    from tenthman.scheduler.storage import open_storage

    with open_storage(config) as pool:
        found = build_report(pool, run)
        worth = scorecard(config, pool, found.run_id) if found.reviewed else None
        path = html or config.home / "reports" / f"{found.run_id}.html"
        try:
            write_html(pool, found, path, worth)
        except OSError as error:
            raise SetupError(
                f"{path}: the report cannot be written: {error.strerror}; the run is on record, and "
                f"`tenthman report {found.run_id} --html FILE` writes it elsewhere"
            ) from None
    _show(found, path, seconds, as_json)


def _show(found: "RunReport", path: Path, seconds: dict[str, float], as_json: bool) -> None:
    if as_json:
        show_json({"report": str(path), "seconds": seconds, **found.as_dict()})
        return
    show_table(found.headline, _rows(found, seconds))
    typer.echo(f"report: {path}")


def _rows(found: "RunReport", seconds: dict[str, float]) -> list[tuple[str, str]]:
    rows = [
        ("market", found.headline),
        ("claim", f"no edge is claimed. {found.claim}"),
        ("period", f"{found.first} to {found.last}, {found.sessions} sessions"),
        ("model", found.model_version),
        ("proposals", str(found.proposals)),
        ("vetoes by cause", counted(found.vetoes)),
        ("denials by rule", counted(found.denials)),
        ("orders", counted(found.orders)),
        ("fills", str(found.fills)),
        ("equity", f"{found.start_equity:,.2f} -> {found.end_equity:,.2f} USD"),
        ("P&L after costs", f"{found.pnl:,.2f} USD ({found.return_:+.2%}), fees {found.fees:,.2f} USD"),
        ("index", f"{found.index_ticker} {found.index_return:+.2%}"),
        ("equal weight", f"{found.equal_weight_return:+.2%}"),
        ("excess over equal weight", _excess(found)),
        ("largest drawdown", f"{found.max_drawdown:.2%} from the peak, at a check"),
        ("trading state", found.trading_state),
        ("committee", found.committee),
        ("audit", found.audit),
        ("decisions digest", found.digest),
    ]
    if seconds:
        rows.append(("seconds", ", ".join(f"{stage} {spent:.1f}" for stage, spent in seconds.items())))
    return rows


def _excess(found: "RunReport") -> str:
    excess = found.excess_equal_weight
    if excess.value is None:
        return "unknown"
    if excess.low is None or excess.high is None:
        return f"{excess.value:+.2%} over the period; no interval: too little data"
    return f"{excess.value:+.2%} over the period ({excess.level:.0%}: {excess.low:+.2%} to {excess.high:+.2%})"
