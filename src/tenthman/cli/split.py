"""`tenthman broker split` and `paid-out`: tell the desk what became of a holding that nobody else tells."""

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer

from tenthman.cli.output import ConfigOption, say
from tenthman.cli.session import start
from tenthman.domain.errors import ConfigError

_LARGEST = 1000
OnOption = Annotated[datetime, typer.Option("--on", formats=["%Y-%m-%d"], help="The day from which on it counts.")]


def split_command(
    ticker: Annotated[str, typer.Argument(help="Whose shares were split.")],
    on: OnOption,
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
    told = CorporateAction(ticker=ticker.upper(), ex_date=on.date(), kind=ActionKind.SPLIT, value=new / old)
    config = start(config_directory)
    with open_storage(config) as pool:
        require_paper_run(pool, None)
        FlagStore(pool, MARKET_ID).save_actions([told], "person", wall_now())
    say(f"{told.ticker}: {new} for {old} from {told.ex_date} on; it counts once the account shows it")


def paid_out_command(
    ticker: Annotated[str, typer.Argument(help="Whose shares the broker took away.")],
    on: OnOption,
    price: Annotated[str, typer.Option(help="What was paid, USD a share.")],
    config_directory: ConfigOption = None,
) -> None:
    """Close a trade whose shares the broker took away for cash, as in a take-over. The account must hold none."""
    from tenthman.execution.client import AlpacaBroker
    from tenthman.scheduler.clock import wall_now
    from tenthman.scheduler.live import paper_keys
    from tenthman.scheduler.paid_out import enter_payout
    from tenthman.scheduler.state import Ledger, newest_run
    from tenthman.scheduler.storage import open_storage

    paid = _price(price)
    config = start(config_directory)
    key, secret = paper_keys(config)
    broker = AlpacaBroker(None, key, secret, config.settings.broker)
    account = broker.account().id
    with open_storage(config) as pool:
        run = newest_run(pool, world="paper", account_id=account)
        if run is None:
            raise ConfigError(f"there is no paper run of account {account} yet")
        closed = enter_payout(Ledger.attach(pool, run), broker, ticker.upper(), on.date(), paid, wall_now())
    say(f"{ticker.upper()}: {closed} shares closed at {paid} USD")


def _read(shares: str) -> tuple[int, int]:
    parts = shares.split(":")
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() and 0 < int(part) <= _LARGEST for part in parts):
        raise ConfigError(f"`--shares` must be two numbers from 1 to {_LARGEST} such as 2:1, was {shares!r}")
    return int(parts[0]), int(parts[1])


def _price(text: str) -> Decimal:
    try:
        price = Decimal(text)
    except InvalidOperation:
        price = Decimal(0)
    if not price.is_finite() or price <= 0:
        raise ConfigError(f"`--price` must be a number above 0, was {text!r}")
    return price
