"""`tenthman backtest`: the live decision over history, its figures, and whether they say anything."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tenthman.cli.display import Display, open_progress, require_place
from tenthman.cli.options import (
    DAY,
    MOST_NULLS,
    HistoryOption,
    JobsOption,
    PackOption,
    ScenarioOption,
    ToOption,
    day,
    require_jobs,
)
from tenthman.cli.output import ConfigOption, counted, say, show_table
from tenthman.cli.session import start
from tenthman.config import Config
from tenthman.domain.errors import ConfigError, SetupError
from tenthman.scheduler.clock import wall_now

if TYPE_CHECKING:
    from tenthman.dashboard.backtest_summary import BacktestReport, Estimate
    from tenthman.domain.market import MarketData, Period
    from tenthman.scheduler.gathering.markets import Source

MOST_COSTS = 10.0

FirstOption = Annotated[
    date | None,
    typer.Option(
        "--from",
        parser=day,
        metavar=DAY,
        help="First session; with it alone the run goes on to the market's last.",
    ),
]


def backtest_command(
    first: FirstOption = None,
    last: ToOption = None,
    scenario: ScenarioOption = "default",
    market: HistoryOption = None,
    pack: PackOption = None,
    costs: Annotated[float, typer.Option(help="Multiplies spread and slippage, 0 to 10.")] = 1.0,
    committee: Annotated[
        Literal["off", "tape", "on"],
        typer.Option(help="`tape` plays recorded replies only, `on` asks the language model for what is not recorded."),
    ] = "off",
    nulls: Annotated[int, typer.Option(help="Random-entry runs beside the run; 0 for none.")] = 1000,
    ablation: Annotated[bool, typer.Option("--ablation", help="Run it again with parts of the desk left out.")] = False,
    jobs: JobsOption = 1,
    json: Annotated[Path | None, typer.Option(help="Where to write the report as JSON.")] = None,
    html: Annotated[Path | None, typer.Option(help="Where to write the HTML report.")] = None,
    config_directory: ConfigOption = None,
) -> None:
    """Run the live decision over history with every rule and cost, and say what the result is worth.

    Every run is counted: as a trial of this market, and as a look at this period.
    """
    _require_options(costs, nulls, jobs)
    config = start(config_directory)
    require_place(json)
    require_place(html)
    chosen, period = chosen_history(config, market, pack, first, last, scenario)
    from tenthman.backtest.run import Options, backtest
    from tenthman.dashboard.backtest_html import write_backtest_html, write_backtest_json
    from tenthman.dashboard.backtest_report import report_of

    options = Options(costs=costs, committee=committee, nulls=nulls, ablation=ablation, jobs=jobs)
    with open_progress() as progress:
        done = backtest(config, chosen, period, options, Display(progress))
    report = report_of(done, options)
    page = html or config.home / "reports" / f"backtest-{period.first}-{period.last}-{done.config.hash[:8]}.html"
    try:
        written = {"report": write_backtest_html(report, page)}
        if json is not None:
            written["json"] = write_backtest_json(report, json)
    except OSError as error:
        raise SetupError(f"{error.filename}: the report cannot be written: {error.strerror}") from None
    show_table(report.headline, _rows(report))
    for name, path in written.items():
        typer.echo(f"{name}: {path}")


def chosen_history(
    config: Config, market: "Source | None", pack: Path | None, first: date | None, last: date | None, scenario: str
) -> "tuple[MarketData, Period]":
    """The market and the period that the options name, refused here if no model could be trained before it."""
    from tenthman.scheduler.gathering.markets import choose_market, choose_period
    from tenthman.scheduler.rehearsal.period import require_fresh_models, require_history

    if scenario != "default" and (first or last):
        raise ConfigError("`--scenario` names a period by itself; leave out --from and --to")
    if last is not None and first is None:
        raise ConfigError(f"`--to` {last} needs `--from`")
    chosen = choose_market(config, market or config.settings.market.source, pack, wall_now().date(), say)
    found = chosen.market
    period = choose_period(found, first, last, scenario, len(found.panel.sessions))
    require_history(found, period, config.models.signal.min_history_sessions)
    require_fresh_models(found, period, config.models.signal)
    say(f"{found.provenance.headline} ({chosen.why}), {period.first} to {period.last}")
    return found, period


def _require_options(costs: float, nulls: int, jobs: int) -> None:
    if not 0.0 <= costs <= MOST_COSTS:
        raise ConfigError(f"`--costs` must lie in 0..{MOST_COSTS:g}, was {costs:g}")
    if not 0 <= nulls <= MOST_NULLS:
        raise ConfigError(f"`--nulls` must be at least 0 and at most {MOST_NULLS:,}, was {nulls}")
    require_jobs(jobs)


def _rows(report: "BacktestReport") -> list[tuple[str, str]]:
    own, index, equal = report.figures[0], *report.benchmarks
    rows = [
        ("claim", ("an edge is claimed. " if report.claims else "no edge is claimed. ") + report.claim),
        *(("warning", text) for text in report.warnings),
        ("period", f"{report.first} to {report.last}, {report.sessions:,} sessions"),
        ("costs", report.costs_sentence),
        ("committee", report.committee_sentence),
        ("models", _models(report)),
        ("net return", f"{own.net_return:+.2%} (index {index.net_return:+.2%}, equal weight {equal.net_return:+.2%})"),
        ("Sharpe", f"{_estimate(own.sharpe)} (index {_number(index.sharpe)}, equal weight {_number(equal.sharpe)})"),
        ("probabilistic Sharpe", _share(own.psr)),
        ("deflated Sharpe", f"{_share(own.dsr)} with trials {report.trials:,}, looks {report.looks:,}"),
        ("excess over equal weight", f"{_estimate(own.excess_equal_weight, '+.2%')} a year"),
        ("excess over the index", f"{_estimate(own.excess_index, '+.2%')} a year"),
    ]
    rows += [
        (f"at {item.costs:g}x costs", f"{item.net_return:+.2%}, Sharpe {_estimate(item.sharpe)}")
        for item in report.figures[1:]
    ]
    if report.ic is not None:
        rows.append(("rank IC", f"{_estimate(report.ic.rank_ic, '+.4f')}, ICIR {_number(report.ic.icir)}"))
    if report.nulls is not None:
        rows.append(("random entries", f"{report.nulls.runs:,} runs; p {report.nulls.p_value:.3f} to do as well"))
    rows += [
        (f"ablation: {item.name}", f"{item.net_return:+.2%}, Sharpe {_estimate(item.sharpe)}")
        for item in report.ablation
    ]
    book = report.book
    return [
        *rows,
        ("largest drawdown", f"{own.max_drawdown:.2%}"),
        ("trades", f"{own.trades:,} closed; {counted(book.ends)}"),
        (
            "exposure",
            f"{book.mean_exposure:.1%} of equity on average, turned over {book.turnover_a_year:.1f} times a year",
        ),
        ("denials by rule", counted(report.denials)),
        ("halts and re-arms", ", ".join(f"{move.session} {move.state}" for move in report.latch) or "none"),
        ("seconds", ", ".join(f"{stage} {spent:.1f}" for stage, spent in report.seconds.items())),
    ]


def _models(report: "BacktestReport") -> str:
    newest = report.models[-1]
    more = "" if len(report.models) == 1 else f"{len(report.models)}, the last "
    return f"{more}{newest.version}, trained on nothing after {newest.trained_until}"


def _estimate(item: "Estimate", shape: str = ".2f") -> str:
    if item.value is None:
        return "unknown"
    if item.low is None or item.high is None:
        return format(item.value, shape)
    return f"{item.value:{shape}} ({item.level:.0%}: {item.low:{shape}} to {item.high:{shape}})"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"


def _share(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1%}"
