"""`tenthman signals`: what the model says of every member, and why; nothing is decided or sent."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from tenthman.cli.options import (
    AsOfOption,
    MarketOption,
    PackOption,
    TickerOption,
    desk_market,
    market_known,
    newest_close,
)
from tenthman.cli.output import ConfigOption, JsonOption, headed_table, results, say, show_json
from tenthman.cli.session import start
from tenthman.config import Config
from tenthman.domain.errors import ConfigError

if TYPE_CHECKING:
    from tenthman.db.pool import Pool
    from tenthman.domain.opinion import Signal
    from tenthman.scheduler.models.forecast import Forecast

SHOWN = 3
"""So many contributions fit a line; JSON holds all that were computed."""


def signals_command(
    top: Annotated[int, typer.Option(min=1, help="So many, the best first.")] = 50,
    as_of: AsOfOption = None,
    ticker: TickerOption = None,
    model: Annotated[
        str | None, typer.Option(help="A version; without it the champion, or the configuration's.")
    ] = None,
    market: MarketOption = None,
    pack: PackOption = None,
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the model's signals with their reasons, for today or as of a past instant."""
    from tenthman.scheduler.models.forecast import forecast
    from tenthman.scheduler.storage import open_storage

    config = start(config_directory)
    named = desk_market(config, market, pack)
    at = as_of or newest_close(named)
    with open_storage(config) as pool:
        if named is None and as_of is None:
            _catch_up(config, pool, at)
        known = market_known(config, pool, named, at)
        found = forecast(config, pool, known, at, model)
    chosen = _chosen(found, [name.upper() for name in ticker or ()])[:top]
    if as_json:
        facts = {"market": known.headline, "as_of": found.as_of, "session": found.session}
        facts |= {"model": found.model_version, "trained_until": found.trained_until, "chosen": found.chosen}
        show_json(
            {**facts, "expired": found.expired, "signals": [_told(item) for item in chosen], "skipped": found.skipped}
        )
        return
    _show(known.headline, found, chosen)


def _catch_up(config: Config, pool: "Pool", at: datetime) -> None:
    """Ask Alpaca for what came since the last look, where there are keys to ask with."""
    from tenthman.scheduler.live.trading import catch_up, paper_world

    if config.settings.broker.endpoint != "paper":
        say("`broker.endpoint` is not 'paper': showing what is stored, nothing newer is asked for")
        return
    catch_up(config, paper_world(config), pool, at)


def _chosen(found: "Forecast", tickers: list[str]) -> "list[Signal]":
    known = {item.ticker for item in found.signals}
    strange = [name for name in tickers if name not in known and name not in found.skipped]
    if strange:
        raise ConfigError(f"`--ticker` must name members of {found.session}, not {', '.join(strange)}")
    return [item for item in found.signals if not tickers or item.ticker in tickers]


def _told(item: "Signal") -> dict[str, object]:
    return {
        "ticker": item.ticker,
        "action": item.action,
        "p_buy": item.p_buy,
        "p_hold": item.p_hold,
        "p_sell": item.p_sell,
        "excess": item.excess,
        "horizon_sessions": item.horizon_sessions,
        "contributions": [
            {"feature": part.feature, "value": part.value, "contribution": part.contribution}
            for part in item.contributions
        ],
    }


def _show(headline: str, found: "Forecast", chosen: "list[Signal]") -> None:
    table = headed_table(f"{headline}\nafter {found.session}, model {found.model_version} ({found.chosen})")
    for name in ("ticker", "action", "p buy", "p hold", "p sell", "excess"):
        table.add_column(name, justify="left" if name in ("ticker", "action") else "right", no_wrap=True)
    table.add_column("why (log-odds of BUY against SELL)", overflow="fold")
    for item in chosen:
        why = ", ".join(f"{part.feature} {part.contribution:+.2f}" for part in item.contributions[:SHOWN])
        numbers = (f"{value:.3f}" for value in (item.p_buy, item.p_hold, item.p_sell))
        table.add_row(item.ticker, item.action.value.upper(), *numbers, f"{item.excess:+.4f}", why)
    results.print(table)
    if found.skipped:
        typer.echo("sit out: " + ", ".join(f"{name} ({cause})" for name, cause in found.skipped.items()))
    if found.expired:
        typer.echo(
            f"EXPIRED: {found.model_version} proposes no entries any more; train a new one with `tenthman train`"
        )
