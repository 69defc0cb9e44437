"""`tenthman broker split`: tell the desk of a split that its market does not tell."""

from datetime import date, datetime
from typing import Annotated

import typer

from tenthman.cli.output import ConfigOption, say
from tenthman.cli.session import start
from tenthman.domain.errors import ConfigError


def split_command(
    ticker: Annotated[str, typer.Argument(help="Whose shares were split.")],
    on: Annotated[datetime, typer.Option("--on", formats=["%Y-%m-%d"], help="The ex-date.")],
    shares: Annotated[str, typer.Option(help="New shares for old ones, such as 2:1 or 1:10.")],
    config_directory: ConfigOption = None,
) -> None:
    """Tell the desk of a split that its market does not tell; it counts once the account shows it.

    Nothing is traded and no record is changed by this: the next settling of the desk holds it against the account.
    """
    from tenthman.data.flags import FlagStore
    from tenthman.data.sources import ActionKind, CorporateAction
    from tenthman.scheduler.clock import wall_now
    from tenthman.scheduler.live import MARKET_ID
    from tenthman.scheduler.storage import open_storage
    from tenthman.scheduler.story import require_paper_run

    new, old = _read(shares)
    day: date = on.date()
    told = CorporateAction(ticker=ticker.upper(), ex_date=day, kind=ActionKind.SPLIT, value=new / old)
    config = start(config_directory)
    with open_storage(config) as pool:
        require_paper_run(pool, None)
        FlagStore(pool, MARKET_ID).save_actions([told], "person", wall_now())
    say(f"{told.ticker}: {new} for {old} from {day} on; it counts once the account shows it")


def _read(shares: str) -> tuple[int, int]:
    parts = shares.split(":")
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() and 0 < int(part) <= 1000 for part in parts):
        raise ConfigError(f"`--shares` must be two numbers from 1 to 1000 such as 2:1, was {shares!r}")
    return int(parts[0]), int(parts[1])
