"""`tenthman sweep`: many settings over the same history, and what the best of so many is worth."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tenthman.cli.backtest import FirstOption, chosen_history
from tenthman.cli.display import StageDisplay, open_progress, require_place
from tenthman.cli.options import HistoryOption, JobsOption, PackOption, ScenarioOption, ToOption, require_jobs
from tenthman.cli.output import ConfigOption, JsonOption, say, show_json, show_table
from tenthman.cli.session import start

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from tenthman.backtest.ledger import Outcome
    from tenthman.backtest.sweep_market import Swept
    from tenthman.backtest.sweep_report import SweepReport
    from tenthman.backtest.sweep_run import Material, Played, Told
    from tenthman.backtest.workers import Workers


class SweepDisplay(StageDisplay):
    """The progress of a sweep; a line for each tenth when standard error is not a terminal."""

    def outcome(self, outcome: "Outcome", done: int, total: int) -> None:
        """A setting is done and on disk."""
        status = f"net return {outcome.total_return:+.2%}, {outcome.entries:,} entries"
        self._progress.update(self._task, total=total, completed=done, status=status)
        if not self._interactive and done * 10 // total != (done - 1) * 10 // total:
            say(f"{done:,} of {total:,} settings")


def sweep_command(
    grid: Annotated[Path, typer.Argument(help="YAML file with keys and lists of values; see docs/scale.md.")],
    first: FirstOption = None,
    last: ToOption = None,
    scenario: ScenarioOption = "default",
    market: HistoryOption = None,
    pack: PackOption = None,
    jobs: JobsOption = -1,
    cluster: Annotated[
        str | None, typer.Option(help="Run on the Dask cluster whose scheduler is at tcp://host:port instead.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where results are kept, a line each; what is there is not run again.")
    ] = None,
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run every combination of a grid's values over the same history, committee off; interrupted, it goes on later.

    Every setting is counted as a trial of this market. The best of a sweep is not a result.
    """
    from tenthman.backtest.grid import read_grid

    require_jobs(jobs)
    config = start(config_directory)
    require_place(out)
    settings = read_grid(grid, config)
    with _workers(jobs, cluster) as workers:
        chosen, period = chosen_history(config, market, pack, first, last, scenario)
        from tenthman.backtest.sweep_market import sweep_market

        with open_progress() as progress:
            done = sweep_market(config, chosen, period, settings, workers, out, SweepDisplay(progress))
    headline = chosen.provenance.headline
    if as_json:
        found = {"market": headline, "period": period, "results": str(done.path), "models": done.models}
        show_json({**found, "looks": done.looks, "seconds": done.seconds, "report": done.report})
        return
    show_table(f"{headline}, {period.first} to {period.last}", _rows(done))
    show_table("each value, over all settings that have it", _sensitivities(done.report))
    typer.echo(f"results: {done.path}")


def _workers(jobs: int, cluster: str | None) -> "AbstractContextManager[Workers[Material, Told, Played]]":
    from contextlib import nullcontext

    from tenthman.backtest.workers import cluster_workers, cores, local_workers

    return nullcontext(local_workers(cores(jobs))) if cluster is None else cluster_workers(cluster)


def _rows(done: "Swept") -> list[tuple[str, str]]:
    report = done.report
    deflated = "unknown" if report.deflated_sharpe is None else f"{report.deflated_sharpe:.1%}"
    return [
        ("settings", f"{report.settings:,}, {report.computed:,} of them run now"),
        ("trials of this market", f"{report.trials:,}; looks at this period {done.looks:,}"),
        ("best", _described(report.best, report.best_sharpe)),
        ("median", _described(report.median, report.median_sharpe)),
        ("worst", _described(report.worst, report.worst_sharpe)),
        ("best of as many without skill", f"Sharpe {report.expected_best_sharpe:.2f} expected"),
        ("deflated Sharpe of the best", f"{deflated}: probability that its true ratio exceeds that"),
        ("beware", report.note),
        ("seconds", ", ".join(f"{stage} {spent:.1f}" for stage, spent in done.seconds.items())),
    ]


def _described(outcome: "Outcome", sharpe: float) -> str:
    values = ", ".join(f"{key} {value}" for key, value in outcome.values.items())
    return (
        f"Sharpe {sharpe:.2f}, net return {outcome.total_return:+.2%}, largest drawdown {outcome.max_drawdown:.2%}, "
        f"{outcome.entries:,} entries\n{values}"
    )


def _sensitivities(report: "SweepReport") -> list[tuple[str, str]]:
    return [
        (
            f"{item.key} {item.value}",
            f"median Sharpe {item.median_sharpe:.2f}, best {item.best_sharpe:.2f}, {item.outcomes:,} settings",
        )
        for item in report.sensitivities
    ]
