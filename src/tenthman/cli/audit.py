"""`tenthman audit`: prove that nothing was changed, and follow a trade from the fill back to the headline."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tenthman.cli.lots import lots_command
from tenthman.cli.options import RunOption
from tenthman.cli.output import ConfigOption, JsonOption, show_json, show_lines
from tenthman.cli.session import start
from tenthman.cli.slippage import slippage_command
from tenthman.db.anchors import ANCHORS, Anchors, read_anchors
from tenthman.domain.errors import AuditBroken, ConfigError

if TYPE_CHECKING:
    from tenthman.db.audit import Verified

app = typer.Typer(
    help="Prove that the record is whole, and follow trades, lots and slippage in it.", no_args_is_help=True
)
app.command("slippage")(slippage_command)
app.command("lots")(lots_command)


@app.command("verify")
def verify_command(
    anchor: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="File of anchors, a copy kept elsewhere, say.",
            show_default=f"{ANCHORS} in TENTHMAN_HOME",
        ),
    ] = None,
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Recompute the whole chain; fails naming the first event that does not fit.

    The desk notes outside the database, after each cycle, how far the chain has got; it is held against these anchors,
    so that events cut off its end, and a chain that was wiped, are missed too.
    """
    from tenthman.db.audit import verify_anchored
    from tenthman.scheduler.storage import open_storage

    config = start(config_directory)
    path = anchor or config.home / ANCHORS
    try:
        anchors = read_anchors(path)
    except OSError as error:
        raise ConfigError(f"{path}: the anchors cannot be read: {error.strerror}") from None
    if anchor is not None and (anchors is None or not anchors.held):
        raise ConfigError(f"`--anchor` must be a file of anchors, {path} holds none")
    with open_storage(config) as pool:
        found = verify_anchored(pool, () if anchors is None else anchors.held)
    if anchors is not None and anchors.held and found.anchor is None:
        _require_another_store(path, anchors, found, ours=anchor is not None or config.secrets.database_url is None)
    if as_json:
        noted = None if found.anchor is None else found.anchor.events
        show_json({"events": found.events, "intact": True, "head": found.head, "anchored_events": noted})
        return
    typer.echo(f"the chain of {found.events} audit events is intact")
    for line in _anchored(path, anchors, found):
        typer.echo(line)


def _require_another_store(path: Path, anchors: Anchors, found: "Verified", *, ours: bool) -> None:
    """AuditBroken where the anchors, none of them of this chain, are those that it must be held against."""
    if not ours:
        return
    last = max(anchors.held, key=lambda item: item.events)
    raise AuditBroken(
        f"{path}: none of its {len(anchors.held)} anchors is of the chain of {found.events} events in this database: "
        f"a chain of {last.events} events was noted at {last.at:%Y-%m-%d %H:%M} of run {last.run_id}. The database was "
        "made anew, or the file belongs to another one"
    )


def _anchored(path: Path, anchors: Anchors | None, found: "Verified") -> Iterator[str]:
    """What the anchors of `path` say of a chain that is whole."""
    unseen = "events cut off its end would not be missed"
    if anchors is None:
        yield f"{path}: no such file: {unseen}"
        return
    if anchors.unreadable:
        yield f"{path}: line {anchors.unreadable[0]} is no anchor ({len(anchors.unreadable)} such lines)"
    if found.anchor is None:
        others = f", {len(anchors.held)} of other databases" if anchors.held else ""
        yield f"{path}: holds no anchor of this chain{others}: {unseen}"
    else:
        yield f"{path}: held against anchors up to event {found.anchor.events}, {found.anchor.at:%Y-%m-%d %H:%M}"


@app.command("trade")
def trade_command(
    identity: Annotated[str, typer.Argument(help="A trade's id (its decision), its ticker, or a client order id.")],
    run: RunOption = None,
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a trade's whole story: headlines, features, model, prompts and replies, checks, orders, fills, P&L."""
    from tenthman.scheduler.outcomes.story import find_trade, story_lines, trade_story
    from tenthman.scheduler.storage import open_storage

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
    from tenthman.scheduler.outcomes.story import list_trades
    from tenthman.scheduler.storage import open_storage

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
