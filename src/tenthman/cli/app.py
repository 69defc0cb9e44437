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
app.command("rehearse")(rehearse.rehearse_command)
app.command("report")(rehearse.report_command)
app.command("doctor")(doctor.doctor_command)
app.add_typer(broker.app, name="broker")
app.command("trade")(trading.trade_command)
app.command("halt")(trading.halt_command)
app.command("rearm")(trading.rearm_command)
app.command("train")(train.train_command)
app.command("backtest")(backtest.backtest_command)
app.command("parity")(parity.parity_command)
app.command("control")(control.control_command)
app.command("sweep")(sweep.sweep_command)
app.command("lookahead")(lookahead.lookahead_command)
app.command("signals")(signals.signals_command)
app.command("scorecard")(scorecard.scorecard_command)
app.command("critique")(critiques.critique_command)
app.command("critiques")(critiques.critiques_command)
app.add_typer(exchange.app, name="exchange")
models.app.command("exam")(language.exam_command)
models.app.command("bench")(language.bench_command)
app.add_typer(models.app, name="models")
app.add_typer(critiques.app, name="committee")
app.add_typer(language.prompts, name="prompts")
app.add_typer(audit.app, name="audit")
app.add_typer(features.app, name="features")
app.add_typer(news.app, name="news")
app.add_typer(pack.app, name="pack")
app.add_typer(risk.app, name="risk")
app.add_typer(sentiment.app, name="sentiment")
app.add_typer(ingest.app, name="ingest")


@app.callback(invoke_without_command=True)
def options(
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    if version:
        typer.echo(f"tenthman {__version__}")
        raise typer.Exit
