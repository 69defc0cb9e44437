"""`tenthman broker split` and `paid-out`: tell the desk what became of a holding that nobody else tells."""

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated

import typer

from tenthman.cli.output import ConfigOption, JsonOption, say, show_json
from tenthman.cli.paper_run import newest_paper_run
from tenthman.cli.session import start
from tenthman.domain.errors import ConfigError

if TYPE_CHECKING:
    from tenthman.db.pool import Pool

_LARGEST = 1000
OnOption = Annotated[datetime, typer.Option("--on", formats=["%Y-%m-%d"], help="The day from which on it counts.")]


def split_command(
    ticker: Annotated[str, typer.Argument(help="Whose shares were split.")],
    on: OnOption,
    shares: Annotated[str, typer.Option(help="New shares for old ones, such as 2:1 or 1:10.")],
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell the desk of a split that its market does not tell; it counts once the account shows it.

    Nothing is traded and no record is changed by this: the next settling of the desk holds it against the account.
    """
    from tenthman.data.flags import FlagStore
    from tenthman.data.sources import ActionKind, CorporateAction
    from tenthman.data.spellings import house_of
    from tenthman.data.universe import sp100
    from tenthman.scheduler.clock import wall_now
    from tenthman.scheduler.gathering.live_market import MARKET_ID
    from tenthman.scheduler.outcomes.story import require_paper_run
    from tenthman.scheduler.state.ledger import Ledger
    from tenthman.scheduler.storage import open_storage

    new, old = _read(shares)
    config = start(config_directory)
    with open_storage(config) as pool:
        ledger, now = Ledger.attach(pool, require_paper_run(pool, None)), wall_now()
        name = _in_our_names(pool, ticker)
        if name not in house_of(sp100()) | ledger.holdings(now).keys():
            raise ConfigError(f"`ticker` must be of the universe or held by the record, was {ticker!r}")
        told = CorporateAction(ticker=name, ex_date=on.date(), kind=ActionKind.SPLIT, value=new / old)
        FlagStore(pool, MARKET_ID).save_actions([told], "person", now)
    if as_json:
        show_json({"ticker": told.ticker, "on": told.ex_date, "new_shares": new, "old_shares": old})
    else:
        say(f"{told.ticker}: {new} for {old} from {told.ex_date} on; it counts once the account shows it")


def paid_out_command(
    ticker: Annotated[str, typer.Argument(help="Whose shares the broker took away.")],
    on: OnOption,
    price: Annotated[str, typer.Option(help="What was paid, USD a share.")],
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Close a trade whose shares the broker took away for cash, as in a take-over. The account must hold none."""
    from tenthman.scheduler.account.paid_out import enter_payout
    from tenthman.scheduler.clock import wall_now
    from tenthman.scheduler.state.ledger import Ledger

    paid = _price(price)
    with newest_paper_run(start(config_directory)) as (pool, run, there):
        name = _in_our_names(pool, ticker)
        closed = enter_payout(Ledger.attach(pool, run), there, name, on.date(), paid, wall_now())
    if as_json:
        show_json({"ticker": name, "on": on.date(), "shares": closed, "price_usd": paid})
    else:
        say(f"{name}: {closed} shares closed at {paid} USD")


def _in_our_names(pool: "Pool", ticker: str) -> str:
    """The ticker that the record has for what a person calls `ticker`, which may have been renamed since."""
    from tenthman.data.spellings import SpellingStore
    from tenthman.data.universe import sp100
    from tenthman.scheduler.gathering.live_market import MARKET_ID

    return SpellingStore(pool, MARKET_ID).load(sp100()).owner(ticker.upper())


def _read(shares: str) -> tuple[int, int]:
    parts = shares.split(":")
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() and 0 < int(part) <= _LARGEST for part in parts):
        raise ConfigError(f"`--shares` must be two numbers from 1 to {_LARGEST} such as 2:1, was {shares!r}")
    new, old = int(parts[0]), int(parts[1])
    if new == old:
        raise ConfigError(f"`--shares` must be two numbers that differ, was {shares!r}")
    return new, old


def _price(text: str) -> Decimal:
    try:
        price = Decimal(text)
    except InvalidOperation:
        price = Decimal(0)
    if not price.is_finite() or price <= 0:
        raise ConfigError(f"`--price` must be a number above 0, was {text!r}")
    return price
