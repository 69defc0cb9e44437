"""`tenthman broker check`: ten small test orders on a paper account or on our own exchange, and what came of them."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape
from rich.table import Table

from tenthman.cli.output import ConfigOption, JsonOption, results, say, show_json
from tenthman.cli.session import start

if TYPE_CHECKING:
    from tenthman.scheduler.broker_check import Verdict

app = typer.Typer(no_args_is_help=True, help="The broker.")


@app.callback()
def broker() -> None:
    """The broker."""


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
    from tenthman.scheduler.broker_check import broker_on_trial, check_broker

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


def _show(verdicts: "tuple[Verdict, ...]") -> None:
    marks = {True: "[green]kept[/]", False: "[bold red]broken[/]", None: "[yellow]not tried[/]"}
    table = Table(show_header=False)
    for item in verdicts:
        table.add_row(marks[item.kept], item.promise, escape(item.found))
    results.print(table)
