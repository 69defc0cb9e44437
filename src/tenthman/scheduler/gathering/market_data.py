"""Bars of the live market: from Alpaca, from Yahoo, from both compared, or from a user's own file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from math import prod
from pathlib import Path

import structlog

from tenthman.config import Config, DataSettings
from tenthman.data.actions import unexplained
from tenthman.data.alpaca import AlpacaMarketSource
from tenthman.data.bar_files import read_daily, read_intraday
from tenthman.data.bars import BarStore, BarTable, Fetch, Prices, prices_in
from tenthman.data.flags import FlagStore
from tenthman.data.ingest import (
    Ingested,
    Span,
    check_against,
    check_stored,
    ingest,
    ingest_actions,
    ingest_table,
    stored_prices,
)
from tenthman.data.intraday import IntradayStore, IntradayTable, joined, to_daily
from tenthman.data.quality import Tolerances, compare
from tenthman.data.sources import ActionKind, BarSource, CorporateAction, Flag
from tenthman.data.spellings import SpellingStore, TellsRenames, house_of
from tenthman.db.pool import Pool
from tenthman.domain.errors import BrokerUnavailable, ConfigError, DataCorrupt, DataMissing
from tenthman.domain.market import Floats, Universe
from tenthman.domain.spelling import STRANGER, Spellings
from tenthman.scheduler.gathering.bar_sources import Sources, require_unmixed
from tenthman.scheduler.gathering.live_market import MARKET_ID, live_provenance
from tenthman.scheduler.gathering.renames import RenameWatch, text_of, withdrawn_text
from tenthman.scheduler.gathering.spelled import Names, SpelledBars

CHUNK_SESSIONS = 5
"""So many sessions of intraday bars are asked for at once: all of a month at one time would fill the memory."""

RAW = "raw"
"""The basis of prices as traded."""

ADJUSTED_CLOSE = "adjusted close"
STEP_TOLERANCE = 0.001
"""A step of an adjusted close by less than this fraction is rounding: such closes are given to the cent."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class BarsReport:
    """What an import of daily bars did.

    `flags` are new. `unchecked` says why the second source told nothing of some or of all ("" where it did or was not
    asked). `absent` members have no bar in the last session; `strangers` have bars and are in no universe, so they are
    not traded. `unexplained`: steps of a file's adjusted closes that no stored split or dividend explains; None where
    it has none. `renamed`: what was learned of renames, and which were refused and why.
    """

    ingested: Ingested
    actions: int
    flags: tuple[Flag, ...]
    compared: int
    unchecked: str
    absent: tuple[str, ...]
    strangers: tuple[str, ...]
    unexplained: tuple[Flag, ...] | None = None
    renamed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class IntradayReport:
    """What an import of bars inside the session did.

    `new` or changed bars; `others` were left as another source has them. `compared` sessions have a stored daily bar
    too, and `apart` says where the two differ beyond the tolerance. `renamed` as in BarsReport; `refused`: rows of the
    source that were no possible bars.
    """

    fetch: Fetch
    minutes: int
    tickers: int
    bars: int
    new: int
    others: int
    first: datetime | None
    last: datetime | None
    compared: int
    apart: tuple[Flag, ...]
    renamed: tuple[str, ...] = ()
    refused: tuple[Flag, ...] = ()


def bring_in(
    config: Config, pool: Pool, universe: Universe, sources: Sources, tickers: Sequence[str], span: Span, at: datetime
) -> BarsReport:
    """Store the daily bars of `tickers` in `span`, and examine them.

    Raises DataMissing when nobody answered, and as the first source does. A second source that does not answer is no
    reason to be without the first.
    """
    store = _stored(pool, universe, sources.first.name)
    names = Names(SpellingStore(pool, MARKET_ID).load(universe), lambda: at)
    renamed = _learned(pool, universe, sources.renames, names, at)
    tickers = known_as(universe, names.spellings, tickers, span.last)
    sources = _spelled(sources, names)
    found = ingest(store, sources.first, tickers, span, at, config.settings.data.overlap_sessions)
    if not found.answered:
        causes = sorted(set(found.silent.values())) or ["it knows none of them"]
        raise DataMissing(
            f"{sources.first.name}: no bars of {len(tickers)} tickers in {span.first}..{span.last}: {causes[0]}"
        )
    actions = 0
    try:
        actions = ingest_actions(FlagStore(pool, MARKET_ID), sources.first, tickers, span, at)
    except (BrokerUnavailable, DataCorrupt) as error:
        log.warning("corporate actions left out", cause=str(error))
    report = _examined(config, pool, universe, sources.second, tickers, span, at, found, actions)
    return replace(report, renamed=renamed)


def _learned(
    pool: Pool, universe: Universe, source: TellsRenames | None, names: Names, at: datetime
) -> tuple[str, ...]:
    """What is new in `names` now, for people."""
    if source is None:
        return ()
    found = RenameWatch(SpellingStore(pool, MARKET_ID), source, universe, names).try_to_look(at)
    if found is None:
        return ()
    refused = (item.text for item in found.refused)
    return (*map(text_of, found.fresh), *map(withdrawn_text, found.withdrawn), *refused)


def _spelled(sources: Sources, names: Names) -> Sources:
    second = None if sources.second is None else SpelledBars(sources.second, names)
    return Sources(first=SpelledBars(sources.first, names), second=second)


def known_as(
    universe: Universe, spellings: Spellings, tickers: Sequence[str], last: date, option: str = "--tickers"
) -> list[str]:
    """Tickers of this store; what a person asked for may be a name that was given later.

    ConfigError for one that a security of ours has had and given up: its bars would meet that one's.
    """
    house = house_of(universe)
    found = {name if name in house else spellings.ours(name, last) for name in tickers}
    strangers = sorted(name.removesuffix(STRANGER) for name in found if name.endswith(STRANGER))
    if strangers:
        owners = ", ".join(f"{name} ({spellings.owner(name)})" for name in strangers)
        raise ConfigError(f"`{option}` must not have a name that a security in the store has given up, was {owners}")
    return sorted(found)


def bring_in_file(
    config: Config, pool: Pool, universe: Universe, path: Path, price_basis: str, at: datetime
) -> BarsReport:
    """Store the daily bars of a user's file, all of them or none, and examine them. Raises as `read_daily` does."""
    read = read_daily(path, at, universe.renames, SpellingStore(pool, MARKET_ID).load(universe))
    fetch = Fetch(source=f"file {path.name}", price_basis=price_basis, fetched_at=at)
    store = _stored(pool, universe, fetch.source)
    found = ingest_table(store, read.bars, fetch)
    span = Span.closed(found.first, found.last, at)
    report = _examined(config, pool, universe, None, read.bars.tickers, span, at, found, 0)
    if read.adjusted is None:
        return report
    return replace(report, unexplained=tuple(_unexplained(pool, read.bars, read.adjusted, price_basis)))


def _unexplained(pool: Pool, bars: BarTable, adjusted: Floats, price_basis: str) -> Iterator[Flag]:
    """Steps of adjusted closes that stored splits (of prices as traded alone) and dividends do not explain."""
    kinds = {ActionKind.DIVIDEND, ActionKind.SPLIT} if price_basis == RAW else {ActionKind.DIVIDEND}
    first, last = bars.sessions.min().item(), bars.sessions.max().item()
    known: dict[str, list[CorporateAction]] = {}
    for action in FlagStore(pool, MARKET_ID).actions(bars.tickers, first, last):
        if action.kind in kinds:
            known.setdefault(action.ticker, []).append(action)
    for code, ticker in enumerate(bars.tickers):
        rows = bars.codes == code
        days, close = bars.sessions[rows], bars.close[rows]
        try:
            steps = unexplained(days, close, adjusted[rows], known.get(ticker, []), STEP_TOLERANCE)
        except ValueError as error:
            yield Flag(ticker=ticker, session=days[-1].item(), rule=ADJUSTED_CLOSE, detail=str(error))
            continue
        for day, theirs, ours in steps:
            told = f"multiplies what came before by {theirs:.4f}; stored splits and dividends say {ours:.4f}"
            yield Flag(ticker=ticker, session=day, rule=ADJUSTED_CLOSE, detail=told)


def bring_in_intraday(
    config: Config,
    pool: Pool,
    universe: Universe,
    source: AlpacaMarketSource,
    tickers: Sequence[str],
    minutes: int,
    span: Span,
    at: datetime,
) -> IntradayReport:
    """Store bars of `minutes` from Alpaca, all of them or none. Raises as the source does."""
    days = span.sessions
    _stored(pool, universe, source.name)
    names = Names(SpellingStore(pool, MARKET_ID).load(universe), lambda: at)
    renamed = _learned(pool, universe, source, names, at)
    known = known_as(universe, names.spellings, tickers, span.last)
    ours = {names.spellings.theirs(name, names.today()): name for name in known}
    parts = [
        source.intraday(tuple(ours), minutes, chunk[0], chunk[-1])
        for chunk in (days[start : start + CHUNK_SESSIONS] for start in range(0, len(days), CHUNK_SESSIONS))
    ]
    fetch = Fetch(source=source.name, price_basis=RAW, fetched_at=at)
    table = joined([part.table for part in parts])
    refused = tuple(replace(flag, ticker=ours.get(flag.ticker, flag.ticker)) for part in parts for flag in part.refused)
    table = replace(table, tickers=tuple(ours.get(name, name) for name in table.tickers))
    return replace(_store_intraday(config, pool, universe, table, minutes, fetch), renamed=renamed, refused=refused)


def bring_in_intraday_file(
    config: Config, pool: Pool, universe: Universe, path: Path, minutes: int, price_basis: str, at: datetime
) -> IntradayReport:
    """Store bars of `minutes` from a user's file, all of them or none. Raises as `read_intraday` does."""
    fetch = Fetch(source=f"file {path.name}", price_basis=price_basis, fetched_at=at)
    table = read_intraday(path, at, universe.renames, SpellingStore(pool, MARKET_ID).load(universe))
    return _store_intraday(config, pool, universe, table, minutes, fetch)


def _store_intraday(
    config: Config, pool: Pool, universe: Universe, table: IntradayTable, minutes: int, fetch: Fetch
) -> IntradayReport:
    store, settings = _stored(pool, universe, fetch.source), config.settings.data
    merged = IntradayStore(pool, MARKET_ID).merge(table, minutes, fetch)
    days = to_daily(table)
    summed = prices_in(days)
    stored: Prices = {}
    if len(days):
        stored = stored_prices(store, days.tickers, days.sessions.min().item(), days.sessions.max().item())
    return IntradayReport(
        fetch=fetch,
        minutes=minutes,
        tickers=len(set(table.codes.tolist())),
        bars=len(table),
        new=merged.new + merged.revised,
        others=merged.others,
        first=table.begins.min().item() if len(table) else None,
        last=table.begins.max().item() if len(table) else None,
        compared=len(set(summed) & set(stored)),
        apart=tuple(_apart(FlagStore(pool, MARKET_ID), summed, stored, settings)),
    )


def _apart(flags: FlagStore, summed: Prices, stored: Prices, settings: DataSettings) -> list[Flag]:
    """Where bars of minutes add up to others than the stored daily ones, as they stand and in today's shares too.

    Minutes are as traded, daily bars of most sources are carried back over splits.
    """
    allowed = Tolerances(close_bp=settings.close_tolerance_bp, range_bp=settings.range_tolerance_bp)
    found = compare(summed, stored, allowed)
    if not found:
        return []
    tickers, first = sorted({flag.ticker for flag in found}), min(flag.session for flag in found)
    splits = [item for item in flags.actions(tickers, first, date.max) if item.kind is ActionKind.SPLIT]
    carried: Prices = {}
    for ticker, day in ((flag.ticker, flag.session) for flag in found):
        shares = prod(item.value for item in splits if item.ticker == ticker and item.ex_date > day)
        opened, high, low, close = summed[ticker, day]
        carried[ticker, day] = opened / shares, high / shares, low / shares, close / shares
    still = {(flag.ticker, flag.session) for flag in compare(carried, stored, allowed)}
    return [flag for flag in found if (flag.ticker, flag.session) in still]


def _examined(
    config: Config,
    pool: Pool,
    universe: Universe,
    second: BarSource | None,
    tickers: Sequence[str],
    span: Span,
    at: datetime,
    found: Ingested,
    actions: int,
) -> BarsReport:
    store, flags, settings = BarStore(pool, MARKET_ID), FlagStore(pool, MARKET_ID), config.settings.data
    raised = check_stored(store, flags, tickers, span, at, settings, found.refused)
    compared, unchecked = 0, ""
    if second is not None:
        try:
            answer = check_against(store, flags, second, tickers, span, at, settings)
            raised += answer.flags
            compared, unchecked = answer.bars, answer.untold
        except (BrokerUnavailable, DataCorrupt) as error:
            unchecked = str(error)
            log.warning("second source left out", cause=unchecked)
    listed = {item.ticker for item in universe.listings} | {universe.index_ticker}
    held = store.spans(tickers)
    wanted = {item.ticker for item in universe.members(span.last)} & set(tickers)
    return BarsReport(
        ingested=found,
        actions=actions,
        flags=tuple(sorted(raised, key=lambda flag: (flag.ticker, flag.session, flag.rule))),
        compared=compared,
        unchecked=unchecked,
        absent=tuple(sorted(name for name in wanted if name not in held or held[name][1] < span.last)),
        strangers=tuple(sorted(set(held) - listed)),
    )


def _stored(pool: Pool, universe: Universe, source: str) -> BarStore:
    store = BarStore(pool, MARKET_ID)
    require_unmixed(store, source)
    store.save_market(live_provenance(), universe)
    spellings = SpellingStore(pool, MARKET_ID)
    store.carry_over(spellings.carried(universe))
    spellings.give_over(universe)
    return store
