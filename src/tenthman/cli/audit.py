"""`tenthman audit`: prove that nothing was changed, and follow a trade from the fill back to the headline."""

from typing import Annotated

import typer

from tenthman.cli.options import RunOption
from tenthman.cli.output import ConfigOption, JsonOption, show_json, show_lines
from tenthman.cli.session import start
from tenthman.cli.slippage import slippage_command

app = typer.Typer(help="The audit trail: append-only, chained by hashes.", no_args_is_help=True)
app.command("slippage")(slippage_command)


@app.command("verify")
def verify_command(config_directory: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Recompute the whole chain; fails naming the first event that does not fit."""
    from tenthman.db.audit import verify
    from tenthman.scheduler.storage import open_storage

    config = start(config_directory)
    with open_storage(config) as pool:
        events = verify(pool)
    if as_json:
        show_json({"events": events, "intact": True})
    else:
        typer.echo(f"the chain of {events} audit events is intact")


@app.command("trade")
def trade_command(
    identity: Annotated[str, typer.Argument(help="A trade's id (its decision), its ticker, or a client order id.")],
    run: RunOption = None,
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a trade's whole story: headlines, features, model, prompts and replies, checks, orders, fills, P&L."""
    from tenthman.scheduler.storage import open_storage
    from tenthman.scheduler.story import find_trade, story_lines, trade_story

    config = start(config_directory)
    with open_storage(config) as pool:
        run_id, decision_id = find_trade(pool, run, identity)
        story = trade_story(pool, run_id, decision_id)
    if as_json:
        show_json(story)
    else:
        show_lines(story_lines(story))


@app.command("trades")
def trades_command(
    run: RunOption = None,
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List a run's trades with their ids."""
    from tenthman.scheduler.storage import open_storage
    from tenthman.scheduler.story import list_trades

    config = start(config_directory)
    with open_storage(config) as pool:
        trades = list_trades(pool, run)
    if as_json:
        show_json(trades)
    else:
        show_lines(
            f"{item.decision_id}  {item.ticker:<6} {item.opened_session}  {item.exit_reason or 'open':<14} "
            f"{item.realised_usd:>10,.2f} USD"
            for item in trades
        )
