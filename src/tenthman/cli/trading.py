"""`tenthman trade`, `halt` and `rearm`: run the desk on a paper account, stop it, and let it trade again."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from tenthman.cli.output import ConfigOption, JsonOption, say, show_json
from tenthman.cli.session import start
from tenthman.config import Config
from tenthman.domain.errors import ConfigError
from tenthman.domain.order import TradingState
from tenthman.scheduler.clock import wall_now

if TYPE_CHECKING:
    from tenthman.scheduler.state import Ledger

RunOption = Annotated[str | None, typer.Option("--run", help="The run's id; the newest paper run without it.")]
ReasonOption = Annotated[str, typer.Option(help="Why; it is recorded.")]


def trade_command(
    sessions: Annotated[int | None, typer.Option(min=1, help="Leave after so many sessions.")] = None,
    config_directory: ConfigOption = None,
) -> None:
    """Trade an Alpaca paper account until stopped (needs keys in the environment; see docs/deployment.md)."""
    from tenthman.scheduler.live import paper_world, trade

    config = start(config_directory)
    trade(config, paper_world(config), say, sessions)


def halt_command(
    reason: ReasonOption,
    flatten: Annotated[bool, typer.Option("--flatten", help="Close all positions first.")] = False,
    run: RunOption = None,
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Stop entries at once, in a desk that is running too; with --flatten, close all positions as well.

    Stops that rest at the broker stay. Only `tenthman rearm` lets the desk trade again.
    """
    config = start(config_directory)
    state = TradingState.REDUCING if flatten else TradingState.HALTED
    with _ledger(config, run) as ledger:
        ledger.set_trading_state(state, reason, _person(), wall_now())
        _show(ledger, as_json)


def rearm_command(
    reason: ReasonOption,
    run: RunOption = None,
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a desk that was halted, by the drawdown stop or by a person, enter positions again."""
    config = start(config_directory)
    with _ledger(config, run) as ledger:
        ledger.rearm(reason, _person(), wall_now())
        _show(ledger, as_json)


@contextmanager
def _ledger(config: Config, run: str | None) -> "Iterator[Ledger]":
    from tenthman.scheduler.state import Ledger, newest_run
    from tenthman.scheduler.storage import open_storage
    from tenthman.scheduler.story import latest_run

    with open_storage(config) as pool:
        found = newest_run(pool, world="paper") if run is None else latest_run(pool, run).run_id
        if found is None:
            raise ConfigError("there is no paper run yet; name another run with --run")
        yield Ledger.attach(pool, found)


def _show(ledger: "Ledger", as_json: bool) -> None:
    state = ledger.trading_state().value
    if as_json:
        show_json({"run": ledger.run_id, "state": state})
    else:
        typer.echo(f"run {ledger.run_id}: {state}")


def _person() -> str:
    return f"person: {getpass.getuser()}"
