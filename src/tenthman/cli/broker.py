"""`tenthman broker`: try a broker with small test orders, and hold the record against the account."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape
from rich.table import Table

from tenthman.cli.output import ConfigOption, JsonOption, results, say, show_json, show_table
from tenthman.cli.paper_run import newest_paper_run
from tenthman.cli.session import start
from tenthman.cli.slippage import slippage_line, with_points
from tenthman.cli.split import paid_out_command, split_command

if TYPE_CHECKING:
    from tenthman.scheduler.account.reconcile import Reconciliation
    from tenthman.scheduler.live.broker_check import Verdict

app = typer.Typer(no_args_is_help=True, help="Try a broker with small orders, and hold the record against the account.")


app.command("split")(split_command)
app.command("paid-out")(paid_out_command)


@app.command("check")
def check_command(
    endpoint: Annotated[
        Literal["exchange", "paper"] | None,
        typer.Option(help="Which broker; `broker.endpoint` of settings.yaml without it. Never one with real money."),
    ] = None,
    symbol: Annotated[
        str | None, typer.Option(help="What is traded: 2 shares at most. SPY on paper, the index on our exchange.")
    ] = None,
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Try a broker with small test orders: a verdict for each promise; exit code 1 if one is not kept.

    Buys two shares and sells them again; all other orders are far from the market and are cancelled.
    """
    from tenthman.scheduler.live.broker_check import broker_on_trial, check_broker

    config = start(config_directory)
    chosen = endpoint or config.settings.broker.endpoint
    with broker_on_trial(config, chosen, symbol) as (trial, ticker):
        say(f"test orders in {ticker}: {'your paper account' if chosen == 'paper' else 'our own exchange'}")
        verdicts = check_broker(trial, ticker)
    if as_json:
        show_json({"kept": all(item.kept is not False for item in verdicts), "promises": verdicts})
    else:
        _show(verdicts)
    if any(item.kept is False for item in verdicts):
        raise typer.Exit(1)


@app.command("reconcile")
def reconcile_command(config_directory: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Hold the record of the newest paper run against the account, to the cent; exit code 1 if they differ.

    Nothing is changed. A running desk settles by itself; between two checks it may be behind its broker.
    """
    from tenthman.scheduler.account.reconcile import reconcile

    with newest_paper_run(start(config_directory)) as (pool, run, broker):
        found = reconcile(pool, run, broker)
    if as_json:
        slippage = [with_points(item) for item in found.slippage]
        show_json({"run": run, "agrees": found.agrees, **asdict(found), "slippage": slippage})
    else:
        _show_reconciliation(found)
    if not found.agrees:
        raise typer.Exit(1)


def _show_reconciliation(found: "Reconciliation") -> None:
    rows = [
        (line.what, f"{line.record}" if line.agrees else f"{line.record} on record, {line.broker} at the broker")
        for line in found.lines
    ]
    rows += [("realised, after fees", f"{found.realised:,.2f}"), ("unrealised", f"{found.unrealised:,.2f}")]
    rows += [("dividends", f"{found.dividends:,.2f}")]
    rows += [(f"fees of {day}", f"{amount:,.2f}") for day, amount in found.fees]
    rows += [(f"slippage, {item.purpose}", slippage_line(item)) for item in found.slippage]
    show_table("The record agrees with the account" if found.agrees else "The record differs from the account", rows)


def _show(verdicts: "tuple[Verdict, ...]") -> None:
    marks = {True: "[green]kept[/]", False: "[bold red]broken[/]", None: "[yellow]not tried[/]"}
    table = Table(show_header=False)
    for item in verdicts:
        table.add_row(marks[item.kept], item.promise, escape(item.found))
    results.print(table)
