"""`tenthman exchange serve`: the exchange in the foreground, for any client that speaks Alpaca's API."""

import sys
from dataclasses import asdict, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tenthman.cli.options import DAY, PackOption, day
from tenthman.cli.output import ConfigOption, JsonOption, say, show_json, show_table
from tenthman.cli.session import start
from tenthman.config import Config
from tenthman.domain.errors import ConfigError
from tenthman.scheduler.clock import wall_now

if TYPE_CHECKING:
    from tenthman.domain.market import MarketData
    from tenthman.exchange.orders import VenueRules
    from tenthman.exchange.serve import Addresses

ServedOption = Annotated[
    Literal["pack", "practice"] | None,
    typer.Option("--market", help="Which market; without it the pack that is named, else the practice market."),
]
OpeningOption = Annotated[
    date | None,
    typer.Option("--from", parser=day, metavar=DAY, help="First session; time starts at its opening."),
]
PlanOption = Annotated[
    Literal["free", "unlimited"],
    typer.Option(help="Websockets of market data: free allows 1 a feed, 30 symbols of trades and quotes."),
]
VolumeOption = Annotated[
    float | None, typer.Option(help="Fraction of a bar's volume that orders get; without it they fill whole.")
]
StateOption = Annotated[
    Path | None, typer.Option(help="File that keeps what happens; the same command goes on where it was.")
]

_MOST_ACCOUNTS = 100
_FASTEST = 1_000_000.0
_SLOWEST_S = 3_600.0

app = typer.Typer(no_args_is_help=True, help="Serve the exchange by itself, for programs that speak Alpaca's API.")


@app.command("serve")
def serve_command(
    market: ServedOption = None,
    pack: PackOption = None,
    first: OpeningOption = None,
    speed: Annotated[str, typer.Option(help="How many times real time, or `step`: only the control moves time.")] = "1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0: any free one.")] = 8765,
    accounts: Annotated[int, typer.Option(min=1, max=_MOST_ACCOUNTS, help="How many accounts.")] = 1,
    cash: Annotated[float, typer.Option(min=0.01, max=1e9, help="What each account begins with, USD.")] = 100_000.0,
    rate_limit: Annotated[int, typer.Option(min=0, help="Calls a minute of each account; 0: no limit.")] = 200,
    data_plan: PlanOption = "free",
    latency: Annotated[float, typer.Option(help="Seconds until a cancel or a replacement takes effect.")] = 0.0,
    volume_share: VolumeOption = None,
    partial_fills: Annotated[float, typer.Option(help="How many executions are partial: 0.1 as on paper.")] = 0.0,
    state: StateOption = None,
    config_directory: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Serve the exchange until Ctrl-C: trading, market data and news in Alpaca's API, on stored prices.

    The keys that it prints are the same at every start and no secrets.
    """
    from tenthman.exchange.alpaca_feeds import FREE, UNLIMITED
    from tenthman.exchange.serve import Serving, serve

    rules = _rules(latency, volume_share, partial_fills)
    factor = _speed(speed)
    config = start(config_directory)
    chosen = _market(config, market, pack)
    serve(
        Serving(
            market=chosen,
            costs=config.settings.costs,
            starting_cash=Decimal(str(cash)),
            start=_opening(chosen, first),
            accounts=accounts,
            pays_dividends=config.settings.rehearsal.dividends,
            speed=factor,
            port=port,
            per_minute=rate_limit or None,
            wall=lambda: wall_now().timestamp(),
            state=state,
            rules=rules,
            plan=FREE if data_plan == "free" else UNLIMITED,
        ),
        lambda addresses: _show(addresses, chosen, as_json),
    )
    say("exchange stopped")


def _rules(latency: float, volume_share: float | None, partial_fills: float) -> "VenueRules":
    from tenthman.exchange.orders import ALPACA_RULES

    if not 0.0 <= latency <= _SLOWEST_S:
        raise ConfigError(f"`--latency` must lie in 0..{_SLOWEST_S:g} seconds, was {latency}")
    if volume_share is not None and not 0.0 < volume_share <= 1.0:
        raise ConfigError(f"`--volume-share` must lie above 0 and at most 1, was {volume_share}")
    if not 0.0 <= partial_fills <= 1.0:
        raise ConfigError(f"`--partial-fills` must lie in 0..1, was {partial_fills}")
    waits = timedelta(seconds=latency)
    return replace(ALPACA_RULES, latency=waits, volume_share=volume_share, partial_chance=partial_fills)


def _speed(text: str) -> float | None:
    if text == "step":
        return None
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not 0.0 < factor <= _FASTEST:
        raise ConfigError(f"`--speed` must be step, or above 0 and at most {_FASTEST:,.0f}, was {text!r}")
    return factor


def _market(config: Config, source: Literal["pack", "practice"] | None, pack: Path | None) -> "MarketData":
    from tenthman.scheduler.gathering.markets import choose_market

    has_pack = pack is not None or config.settings.market.pack is not None
    chosen = choose_market(config, source or ("pack" if has_pack else "practice"), pack, wall_now().date(), say)
    return chosen.market


def _opening(market: "MarketData", first: date | None) -> datetime:
    from tenthman.scheduler.gathering.markets import choose_period

    period = choose_period(market, first, None, "default", 1)
    return next(item.open_at for item in market.hours if item.session == period.first)


def _show(addresses: "Addresses", market: "MarketData", as_json: bool) -> None:
    say(f"{market.provenance.headline}; it is {addresses.now:%Y-%m-%d %H:%M} UTC; Ctrl-C ends it")
    if addresses.repeated:
        say(f"{addresses.repeated} entries of the state were repeated")
    if as_json:
        show_json(asdict(addresses))
        sys.stdout.flush()
        return
    rows = [
        ("trading and data", addresses.rest),
        ("order events", addresses.order_events),
        ("market data", addresses.market_data),
        ("news", addresses.news),
        ("control", f"{addresses.control}, X-Control-Token: {addresses.control_token}"),
    ]
    rows += [(f"account {number}", f"{keys.key}  {keys.secret}") for number, keys in enumerate(addresses.accounts, 1)]
    show_table("Throw-away keys, no secrets", rows)
