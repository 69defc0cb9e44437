"""All commands under the name `tenthman`."""

from typing import Annotated

import typer

from tenthman import __version__
from tenthman.cli import (
    audit,
    backtest,
    broker,
    control,
    critiques,
    doctor,
    exchange,
    features,
    ingest,
    language,
    lookahead,
    models,
    news,
    pack,
    parity,
    rehearse,
    risk,
    scorecard,
    sentiment,
    signals,
    sweep,
    trading,
    train,
)

app = typer.Typer(
    name="tenthman",
    help="An AI swing-trading desk whose language models may only say no.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
TRADE, MODEL, COMMITTEE = "Trade", "Model and backtest", "Committee"
DATA, RECORD, EXCHANGE = "Data and news", "Record", "Exchange"

app.command("rehearse", rich_help_panel=TRADE)(rehearse.rehearse_command)
app.command("trade", rich_help_panel=TRADE)(trading.trade_command)
app.command("halt", rich_help_panel=TRADE)(trading.halt_command)
app.command("rearm", rich_help_panel=TRADE)(trading.rearm_command)
app.command("doctor", rich_help_panel=TRADE)(doctor.doctor_command)
app.add_typer(broker.app, name="broker", rich_help_panel=TRADE)
app.add_typer(risk.app, name="risk", rich_help_panel=TRADE)

app.command("train", rich_help_panel=MODEL)(train.train_command)
app.command("signals", rich_help_panel=MODEL)(signals.signals_command)
app.add_typer(models.app, name="models", rich_help_panel=MODEL)
app.add_typer(features.app, name="features", rich_help_panel=MODEL)
app.command("lookahead", rich_help_panel=MODEL)(lookahead.lookahead_command)
app.command("backtest", rich_help_panel=MODEL)(backtest.backtest_command)
app.command("sweep", rich_help_panel=MODEL)(sweep.sweep_command)
app.command("control", rich_help_panel=MODEL)(control.control_command)
app.command("parity", rich_help_panel=MODEL)(parity.parity_command)

app.command("critique", rich_help_panel=COMMITTEE)(critiques.critique_command)
app.command("critiques", rich_help_panel=COMMITTEE)(critiques.critiques_command)
app.command("scorecard", rich_help_panel=COMMITTEE)(scorecard.scorecard_command)
app.add_typer(critiques.app, name="committee", rich_help_panel=COMMITTEE)
app.add_typer(language.prompts, name="prompts", rich_help_panel=COMMITTEE)
models.app.command("exam")(language.exam_command)
models.app.command("bench")(language.bench_command)

app.add_typer(ingest.app, name="ingest", rich_help_panel=DATA)
app.add_typer(pack.app, name="pack", rich_help_panel=DATA)
app.add_typer(news.app, name="news", rich_help_panel=DATA)
app.add_typer(sentiment.app, name="sentiment", rich_help_panel=DATA)

app.command("report", rich_help_panel=RECORD)(rehearse.report_command)
app.add_typer(audit.app, name="audit", rich_help_panel=RECORD)

app.add_typer(exchange.app, name="exchange", rich_help_panel=EXCHANGE)


@app.callback(invoke_without_command=True)
def options(
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    if version:
        typer.echo(f"tenthman {__version__}")
        raise typer.Exit
