"""`tenthman parity`: the same sessions through rehearsal and backtest, and whatever differs, with its cause."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tenthman.cli.backtest import FirstOption, chosen_history
from tenthman.cli.display import Display, open_progress
from tenthman.cli.options import HistoryOption, PackOption, ScenarioOption, ToOption
from tenthman.cli.output import ConfigOption, JsonOption, show_json, show_lines
from tenthman.cli.session import start

if TYPE_CHECKING:
    from tenthman.backtest.parity import Difference, Parity

MOST_SHOWN = 50


def parity_command(
    first: FirstOption = None,
    last: ToOption = None,
    scenario: ScenarioOption = "default",
    market: HistoryOption = None,
    pack: PackOption = None,
    committee: Annotated[
        Literal["off", "on"],
        typer.Option(help="`on`: the rehearsal asks the language model, and the backtest plays what was recorded."),
    ] = "off",
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare a rehearsal (HTTP, PostgreSQL, scheduler) with the backtest, order by order and to the cent.

    Ends with 0 when they agree and with 1 when anything differs.
    """
    from tenthman.backtest.parity import check_parity

    config = start(config_directory)
    chosen, period = chosen_history(config, market, pack, first, last, scenario)
    with open_progress() as progress:
        found = check_parity(config, chosen, period, Display(progress), committee)
    headline = f"{chosen.provenance.headline}, {period.first} to {period.last}"
    if as_json:
        show_json({"market": headline, "agrees": found.agrees, **_told(found)})
    else:
        show_lines([headline, *_lines(found)])
    if not found.agrees:
        raise typer.Exit(1)


def _told(found: "Parity") -> dict[str, object]:
    compared = {"orders": found.orders, "fills": found.fills, "equity_points": found.equity_points}
    names = ("session", "kind", "ticker", "rehearsal", "backtest", "cause")
    return {**compared, "differences": [{name: getattr(item, name) for name in names} for item in found.differences]}


def _lines(found: "Parity") -> list[str]:
    compared = f"{found.orders} orders, {found.fills} fills and {found.equity_points} looks at the account"
    if found.agrees:
        return [f"no difference in {compared}"]
    lines = [line for item in found.differences[:MOST_SHOWN] for line in _difference(item)]
    more = len(found.differences) - MOST_SHOWN
    return [
        f"{len(found.differences)} differences in {compared}",
        *lines,
        *([f"... and {more} more; --json shows all"] if more > 0 else []),
    ]


def _difference(item: "Difference") -> list[str]:
    return [
        f"{item.session} {item.ticker} {item.kind}".replace("  ", " "),
        f"  rehearsal: {item.rehearsal or 'nothing'}",
        f"  backtest:  {item.backtest or 'nothing'}",
        f"  cause:     {item.cause}",
    ]
