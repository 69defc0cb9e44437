"""Which market is traded: a named pack, Yahoo where it answers, or the practice market; and over which sessions."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from tenthman.config import Config
from tenthman.data.calendar import sessions_between
from tenthman.data.packs import open_pack
from tenthman.domain.errors import ConfigError, DataMissing
from tenthman.domain.market import MarketData, Period
from tenthman.exchange.practice import make_practice_market, practice_range

Source = Literal["auto", "pack", "yahoo", "practice"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The market, and one sentence on why it and not another."""

    market: MarketData
    why: str


def choose_market(config: Config, source: Source, pack: Path | None, today: date, say: Callable[[str], None]) -> Chosen:
    """Open the market that `source` names; `auto` takes a named pack, else Yahoo if it answers, else practice.

    Raises ConfigError for a combination that makes no sense, DataMissing or DataCorrupt when a market that was asked
    for by name cannot be had: only `auto` falls back.
    """
    folder = pack or config.settings.market.pack
    if pack is not None and source not in ("auto", "pack"):
        raise ConfigError(f"`--pack` goes with `--market` auto or pack, was {source!r}")
    if source == "pack" and folder is None:
        raise ConfigError("`--market pack` needs a folder: name it with --pack or as market.pack in settings.yaml")
    if source in ("auto", "pack") and folder is not None:
        say(f"opening the data pack {folder}")
        return Chosen(market=open_pack(folder, config.settings.news.archive_lag_minutes), why="a pack is named")
    if source == "practice":
        return _practice(config, "it was asked for", say)
    try:
        return _yahoo(config, today, say)
    except DataMissing as error:
        if source == "yahoo":
            raise
        return _practice(config, f"no pack is named, and Yahoo cannot be used: {error}", say)


def choose_period(market: MarketData, first: date | None, last: date | None, scenario: str, sessions: int) -> Period:
    """The sessions to trade: `first`..`last` where given, else the market's scenario of that name.

    One end alone is completed to `sessions` sessions. Raises ConfigError naming the bounds when the period does not
    lie inside the data.
    """
    if first is None and last is None:
        named = market.scenarios.get(scenario)
        if named is None:
            raise ConfigError(
                f"`--scenario` must be one of {sorted(market.scenarios)} on this market, was {scenario!r}"
            )
        return named
    days = [item.session for item in market.hours[: len(market.panel.sessions)]]
    inside = [day for day in days if (first is None or day >= first) and (last is None or day <= last)]
    for name, day in (("--from", first), ("--to", last)):
        if day is not None and not days[0] <= day <= days[-1]:
            raise ConfigError(f"`{name}` must lie in the market's sessions {days[0]}..{days[-1]}, was {day}")
    if first is not None and last is not None and first > last:
        raise ConfigError(f"`--from` must not be after `--to` {last}, was {first}")
    if not inside:
        raise ConfigError(f"there is no session of this market in {first or days[0]}..{last or days[-1]}")
    if last is None:
        inside = inside[:sessions]
    elif first is None:
        inside = inside[-sessions:]
    return Period(first=inside[0], last=inside[-1])


def _yahoo(config: Config, today: date, say: Callable[[str], None]) -> Chosen:
    from tenthman.data.yahoo import fetch_yahoo_market

    say("asking Yahoo Finance for prices")
    settings = config.settings.market
    market = fetch_yahoo_market(
        config.home / "yahoo", today=today, min_names=settings.yahoo_min_names, timeout_s=settings.yahoo_timeout_s
    )
    return Chosen(market=market, why="no pack is named and Yahoo answered")


def _practice(config: Config, why: str, say: Callable[[str], None]) -> Chosen:
    say("making the practice market")
    settings = config.settings.market
    hours = sessions_between(*practice_range())
    return Chosen(market=make_practice_market(settings.practice_seed, settings.practice_truth, hours), why=why)
