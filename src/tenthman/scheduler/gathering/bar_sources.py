"""Whom to ask for bars of the live market: Alpaca, Yahoo, both compared, or another server in their place."""

from dataclasses import dataclass
from typing import Literal

from tenthman.config import Config
from tenthman.data.alpaca import AlpacaMarketSource
from tenthman.data.bars import BarStore
from tenthman.data.elsewhere import is_elsewhere, name_there, session_to
from tenthman.data.sources import BarSource
from tenthman.data.spellings import TellsRenames
from tenthman.data.yahoo import YahooSource
from tenthman.domain.errors import ConfigError
from tenthman.scheduler.gathering.live_market import paper_keys


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where bars are taken from, who is asked beside it, and who tells of renames (None: nobody)."""

    first: BarSource
    second: BarSource | None
    renames: TellsRenames | None = None


def open_sources(
    config: Config, wanted: Literal["alpaca", "yahoo", "both"] | None, address: str | None = None
) -> Sources:
    """The sources `wanted`; by default Alpaca where its keys are in the environment, else Yahoo.

    `address`: a server that is asked in place of both. ConfigError when Alpaca is asked for and its keys are not there.
    """
    yahoo = _yahoo(config, address)
    if wanted == "yahoo" or (wanted is None and config.secrets.alpaca_key is None):
        return Sources(first=yahoo, second=None)
    alpaca = open_alpaca(config, address)
    return Sources(first=alpaca, second=yahoo if wanted == "both" else None, renames=alpaca)


def open_alpaca(config: Config, address: str | None = None) -> AlpacaMarketSource:
    """Alpaca's own data service, or what speaks its wire at `address`; ConfigError without keys in the environment."""
    try:
        key, secret = paper_keys(config)
    except ConfigError:
        raise ConfigError(
            "ALPACA_API_KEY and ALPACA_SECRET_KEY must be set in the environment to ask Alpaca; `--source yahoo` and "
            "`--file` need no keys"
        ) from None
    broker, feed = config.settings.broker, config.settings.data.feed
    if address is None:
        return AlpacaMarketSource(None, key, secret, broker, feed)
    return AlpacaMarketSource(address, key, secret, broker, feed, name_there(address, "Alpaca"))


def _yahoo(config: Config, address: str | None) -> YahooSource:
    timeout_s = config.settings.market.yahoo_timeout_s
    if address is None:
        return YahooSource(config.home / "yahoo", timeout_s)
    return YahooSource(config.home / "yahoo", timeout_s, session_to(address), name_there(address, "Yahoo"))


def require_unmixed(store: BarStore, source: str) -> None:
    """ConfigError where `store` has bars from another server and `source` is real, or the other way about.

    Nothing would tell a decision which of them it is made on.
    """
    strange = sorted(name for name in store.sources() if is_elsewhere(name) != is_elsewhere(source))
    if strange:
        raise ConfigError(
            f"{source}: must not be mixed with the bars of {strange[0]} in this store; name another TENTHMAN_HOME"
        )
