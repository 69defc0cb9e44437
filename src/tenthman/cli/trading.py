"""`tenthman trade`, `halt` and `rearm`: run the desk on a paper account, stop it, and let it trade again."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tenthman.cli.options import PaperRunOption, ReasonOption, person
from tenthman.cli.output import ConfigOption, JsonOption, say, show_json
from tenthman.cli.session import start
from tenthman.config import Config, load_config
from tenthman.domain.errors import ConfigError, SetupError
from tenthman.domain.order import TradingState
from tenthman.scheduler.clock import wall_now
from tenthman.scheduler.desk.kill_switch import asked_by, pull, release, switch_path

if TYPE_CHECKING:
    from tenthman.scheduler.state.ledger import Ledger


class NoPaperRun(ConfigError):
    """There is no latch: no desk has traded an account yet."""


class AlreadyHalted(ConfigError):
    """The latch is tighter than what was asked for."""


def trade_command(
    sessions: Annotated[int | None, typer.Option(min=1, help="Leave after so many sessions.")] = None,
    config_directory: ConfigOption = None,
) -> None:
    """Trade an Alpaca paper account until stopped (needs keys in the environment; see docs/deployment.md)."""
    from tenthman.scheduler.live.trading import paper_world, trade

    config = start(config_directory)
    trade(config, paper_world(config), say, sessions)


def halt_command(
    reason: ReasonOption = "by hand",
    flatten: Annotated[bool, typer.Option("--flatten", help="Close all positions of the desk first.")] = False,
    run: PaperRunOption = None,
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Stop entries at once, in a desk that is running too; with --flatten, close its positions as well.

    Writes the file HALT in TENTHMAN_HOME, which is looked for before every order, and sets the latch. The file is
    written even when the database does not answer; with --run (a rehearsal, say) only that run's latch is set. Stops
    that rest at the broker stay, and so does what others hold and have ordered on the account, with --flatten too. Only
    `tenthman rearm` lets the desk trade again.
    """
    config = _with_or_without_log(config_directory)
    state = TradingState.REDUCING if flatten else TradingState.HALTED
    path = None if run is not None else _pulled(config, state, reason)
    try:
        with _ledger(config, run) as ledger:
            _latch(ledger, state, reason)
            _show(ledger, as_json, path)
    except AlreadyHalted:
        raise
    except (ConfigError, SetupError) as error:
        if path is None:
            raise
        _show_file(path, state, str(error), as_json)


def rearm_command(
    reason: ReasonOption,
    run: PaperRunOption = None,
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a desk that was halted, by the drawdown stop or by a person, enter positions again.

    Removes the file HALT too, unless --run names the run; that alone where there is no paper run yet.
    """
    config = start(config_directory)
    path = None if run is not None else switch_path(config)
    try:
        with _ledger(config, run) as ledger:
            ledger.rearm(reason, person(), wall_now())
            _release(path)
            _show(ledger, as_json, None)
    except NoPaperRun:
        if not _release(path):
            raise
        if as_json:
            show_json({"run": None, "state": TradingState.ACTIVE.value, "file": None})


def _with_or_without_log(directory: Path | None) -> Config:
    """The configuration: a log that cannot be written keeps nobody from stopping the desk."""
    try:
        return start(directory)
    except SetupError as error:
        config = load_config(directory, os.environ)
        say(f"{error}; nothing is logged")
        return config


def _pulled(config: Config, state: TradingState, reason: str) -> Path | None:
    """The file that now stops every order; None when it cannot be written, which is said.

    Raises AlreadyHalted where positions are to be closed, and the file lets nothing be sold.
    """
    path = switch_path(config)
    if state is TradingState.REDUCING and asked_by(path) is TradingState.HALTED:
        raise AlreadyHalted(f"{path} halts the desk, which sells nothing; `tenthman rearm` comes first")
    try:
        pull(path, state, reason, person(), wall_now())
    except OSError as error:
        is_halting = asked_by(path) is TradingState.HALTED
        meaning = "what is there halts every desk that finds it" if is_halting else "only the latch can stop the desk"
        say(f"{path} cannot be written ({error.strerror}); {meaning}")
        return None
    return path


def _release(path: Path | None) -> bool:
    """Take the file away, and say so; whether there was one."""
    try:
        if path is None or not release(path):
            return False
    except OSError as error:
        raise SetupError(f"{path}: cannot be removed, and halts the desk until it is: {error.strerror}") from None
    say(f"removed {path}")
    return True


@contextmanager
def _ledger(config: Config, run: str | None) -> "Iterator[Ledger]":
    from tenthman.scheduler.outcomes.story import paper_run
    from tenthman.scheduler.state.ledger import Ledger
    from tenthman.scheduler.storage import open_storage

    with open_storage(config) as pool:
        found = paper_run(pool, run)
        if found is None:
            raise NoPaperRun("there is no paper run yet; name another run with --run")
        yield Ledger.attach(pool, found)


def _latch(ledger: "Ledger", state: TradingState, reason: str) -> None:
    """Set the latch. Raises AlreadyHalted where positions are to be closed, and nothing may be sold any more."""
    ledger.set_trading_state(state, reason, person(), wall_now())
    if state is TradingState.REDUCING and ledger.trading_state() is TradingState.HALTED:
        raise AlreadyHalted(f"run {ledger.run_id} is halted and sells nothing; `tenthman rearm` comes first")


def _show(ledger: "Ledger", as_json: bool, path: Path | None) -> None:
    state = ledger.trading_state().value
    if as_json:
        show_json({"run": ledger.run_id, "state": state, "file": None if path is None else str(path)})
        return
    typer.echo(f"run {ledger.run_id}: {state}")
    if path is not None:
        typer.echo(_meaning(path, ledger.trading_state()))


def _show_file(path: Path, state: TradingState, cause: str, as_json: bool) -> None:
    if as_json:
        show_json({"run": None, "state": state.value, "file": str(path), "latch": cause})
        return
    typer.echo(_meaning(path, state))
    say(f"the latch was not set ({cause}); a running desk sets it at its next step")


def _meaning(path: Path, state: TradingState) -> str:
    return f"{path}: {'only sales pass' if state is TradingState.REDUCING else 'no order passes'} it"
