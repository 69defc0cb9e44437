"""Trading a paper account: the same desk on the wall clock, through Alpaca.

Start-up and recovery are the same path: join the account's unfinished run or begin one, look up every order in doubt,
take over the broker's truth, then keep the appointments that are still to come. An appointment that was missed is
never made up for: what it would have bought is bought, or not, by the next one.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

import structlog

from tenthman.config import Config
from tenthman.data.alpaca import AlpacaMarketSource
from tenthman.data.bars import BarStore
from tenthman.data.flags import FlagStore
from tenthman.data.sources import BarSource
from tenthman.data.spellings import SpellingStore
from tenthman.data.universe import sp100
from tenthman.data.yahoo import YahooSource
from tenthman.db.anchors import ANCHORS
from tenthman.db.pool import Pool
from tenthman.domain.audit import EventKind, RunKey
from tenthman.domain.errors import BrokerUnavailable, ConfigError, DataError
from tenthman.domain.market import Period, SessionHours, Universe
from tenthman.domain.order import TradingState
from tenthman.execution.client import AlpacaBroker
from tenthman.execution.stream import TradeUpdates
from tenthman.news.linker import Linker
from tenthman.news.storage import NewsStore
from tenthman.scheduler.account.market_shares import MarketShares
from tenthman.scheduler.account.reconcile import PayingBroker
from tenthman.scheduler.account.share_watch import ShareWatch
from tenthman.scheduler.clock import Clock, WallClock, wall_now
from tenthman.scheduler.committee.holes import open_holes
from tenthman.scheduler.desk.intraday import run_step
from tenthman.scheduler.desk.kill_switch import asked_by, switch_path
from tenthman.scheduler.desk.orchestrator import Desk, settle_doubts
from tenthman.scheduler.desk.timeline import Step, StepKind, session_steps
from tenthman.scheduler.gathering.bar_sources import require_unmixed
from tenthman.scheduler.gathering.feeds import Alarms, WithFeeds, open_reader
from tenthman.scheduler.gathering.gather import Gatherer, Source
from tenthman.scheduler.gathering.live_market import (
    MARKET_ID,
    calendar_around,
    live_provenance,
    paper_keys,
    stored_history,
)
from tenthman.scheduler.gathering.renames import RenameWatch
from tenthman.scheduler.gathering.scoring import open_scorer
from tenthman.scheduler.gathering.sight import GatheredSight
from tenthman.scheduler.gathering.spelled import MarketSource, Names, SpelledBars, SpelledBroker, SpelledSource
from tenthman.scheduler.live.anchoring import warn_of_misfit
from tenthman.scheduler.live.guard import GuardedSight
from tenthman.scheduler.live.keeper import BarKeeper
from tenthman.scheduler.live.listening import Listen, wait_for
from tenthman.scheduler.models.challenger import WatchedSight, live_models
from tenthman.scheduler.outcomes.corporate_actions import stored_splits
from tenthman.scheduler.state.ledger import Ledger, newest_run
from tenthman.scheduler.storage import open_storage
from tenthman.utils.logging import bind

NEWS_ON_FIRST_START = timedelta(days=30)
LATE = timedelta(minutes=10)
"""An appointment more than this late is missed: its prices are no longer those it would have decided on."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a live desk trades in: the account, the data service, the companies, and the clock.

    `second`: another source of bars, compared with the first and never traded on; None where nobody is asked.
    `listen`: hears the account's order events; None: the broker is looked at by appointment alone.
    """

    broker: PayingBroker
    source: MarketSource
    universe: Universe
    clock: Clock
    account_id: str
    second: BarSource | None = None
    listen: Listen | None = None


def paper_world(config: Config) -> World:
    """Alpaca's paper account and data service, on the wall clock, with the S&P 100 of today."""
    if config.settings.broker.endpoint != "paper":
        raise ConfigError(
            f"`broker.endpoint` in settings.yaml must be 'paper' to trade a paper account, was "
            f"{config.settings.broker.endpoint!r}; `tenthman rehearse` trades the embedded exchange"
        )
    key, secret = paper_keys(config)
    broker = AlpacaBroker(None, key, secret, config.settings.broker)
    yahoo = YahooSource(config.home / "yahoo", config.settings.market.yahoo_timeout_s)
    return World(
        broker=broker,
        source=AlpacaMarketSource(None, key, secret, config.settings.broker, config.settings.data.feed),
        second=yahoo if config.settings.data.second_source else None,
        universe=sp100(),
        clock=WallClock(),
        account_id=broker.account().id,
        listen=partial(TradeUpdates, None, key, secret),
    )


def trade(config: Config, world: World, say: Callable[[str], None], sessions: int | None = None) -> None:
    """Keep the desk's appointments, for `sessions` sessions or (None) until it is stopped.

    A step that fails because the broker or the data does not answer is recorded as an alert, and the next one is
    kept: resting stops protect the book meanwhile. Between steps order events have fills booked as they come.
    """
    begun = world.clock.now()
    if asked_by(switch_path(config)) is not TradingState.ACTIVE:
        say(f"the kill switch is pulled: {switch_path(config)}; `tenthman rearm` removes it")
    with ExitStack() as stack:
        pool = stack.enter_context(open_storage(config))
        bars = BarStore(pool, MARKET_ID)
        require_unmixed(bars, world.source.name)
        bars.save_market(live_provenance(), world.universe)
        world, renames = respelled(world, pool)
        renames.try_to_look(begun)
        hours = calendar_around(begun)
        say("bringing the history of prices up to date")
        keeper = BarKeeper(pool, MARKET_ID, world.source, world.second, world.universe, hours, config.settings.data)
        keeper.fill(begun)
        ledger, sight, desk = _open_desk(config, world, pool, keeper, renames, hours, begun, stack)
        settle_doubts(desk, begun)
        warn_of_misfit(config, pool, ledger, begun, say)
        with bind(run_id=ledger.run_id):
            sight.examine(begun)
            events = None if world.listen is None else stack.enter_context(world.listen())
            for step in _appointments(config, hours, begun, sessions):
                say(f"next: {step.kind.value} of {step.session} at {step.at:%Y-%m-%d %H:%M} UTC")
                wait_for(step, desk, world.clock, events)
                if step.kind is StepKind.MORNING:
                    renames.try_to_look(step.at)
                _keep(desk, step, world.clock, say)
                if step.kind is not StepKind.CHECK:
                    ledger.anchor(config.home / ANCHORS, step.at)


def _open_desk(
    config: Config,
    world: World,
    pool: Pool,
    keeper: BarKeeper,
    renames: RenameWatch,
    hours: tuple[SessionHours, ...],
    begun: datetime,
    stack: ExitStack,
) -> tuple[Ledger, GuardedSight, Desk]:
    """The desk on what is stored, with its record and its guarded view; what it opened is closed with `stack`."""
    bars, news, score = BarStore(pool, MARKET_ID), NewsStore(pool, MARKET_ID), open_scorer(config)
    history = stored_history(world.universe, bars, news, hours, begun, score)
    models = live_models(config, pool, MARKET_ID, MARKET_ID, history.serve(_month_start(begun)), begun)
    model = models.champion
    ledger = stack.enter_context(_ledger(config, pool, world, hours, model.version, begun))
    source = stack.enter_context(_with_feeds(config, pool, world.source, news, ledger))
    gatherer = Gatherer(source, history, bars, news, Linker(world.universe), begun - NEWS_ON_FIRST_START, score)
    holes = stack.enter_context(open_holes(config, pool, news, gatherer))
    seen = GatheredSight(gatherer, pool, MARKET_ID, config)
    watched = WatchedSight(seen, models, config, pool, gatherer.look, ledger)
    guarded = GuardedSight(watched, keeper, gatherer.rebase, world.broker, world.clock, hours, ledger, renames)
    desk = Desk(
        config=config,
        broker=world.broker,
        sight=guarded,
        ledger=ledger,
        model_of=lambda _session: model,
        holes=holes,
        universe=world.universe,
        hours=hours,
        pause=time.sleep,
        rearm_after_sessions=None,
        lateness=lambda at: (world.clock.now() - at).total_seconds(),
        kill_switch=partial(asked_by, switch_path(config)),
        splits=stored_splits(FlagStore(pool, MARKET_ID)),
        shares=ShareWatch(MarketShares(FlagStore(pool, MARKET_ID), world.source, world.universe.renames)),
        doubted=FlagStore(pool, MARKET_ID).doubted,
    )
    return ledger, guarded, desk


def catch_up(config: Config, world: World, pool: Pool, begun: datetime) -> None:
    """Store the bars that closed and the news that came since the live desk last looked, without trading."""
    bars, news = BarStore(pool, MARKET_ID), NewsStore(pool, MARKET_ID)
    bars.save_market(live_provenance(), world.universe)
    world, renames = respelled(world, pool)
    renames.try_to_look(begun)
    hours = calendar_around(begun)
    BarKeeper(pool, MARKET_ID, world.source, None, world.universe, hours, config.settings.data).fill(begun)
    history = stored_history(world.universe, bars, news, hours, begun)
    since = begun - NEWS_ON_FIRST_START
    Gatherer(world.source, history, bars, news, Linker(world.universe), since).refresh(begun)


def respelled(world: World, pool: Pool) -> tuple[World, RenameWatch]:
    """`world` in the house's tickers, by the renames that the store knows, and whoever learns of more."""
    store = SpellingStore(pool, MARKET_ID)
    names = Names(store.load(world.universe), world.clock.now)
    spelled = replace(
        world,
        broker=SpelledBroker(world.broker, names),
        source=SpelledSource(world.source, names),
        second=None if world.second is None else SpelledBars(world.second, names),
    )
    return spelled, RenameWatch(store, world.source, world.universe, names)


@contextmanager
def _with_feeds(config: Config, pool: Pool, source: Source, news: NewsStore, alarms: Alarms) -> Iterator[Source]:
    """`source`, and the feeds of settings.yaml beside it where there are any."""
    with open_reader(config.settings.news, pool, news) as reader:
        yield source if reader is None else WithFeeds(source, reader, alarms)


def _keep(desk: Desk, step: Step, clock: Clock, say: Callable[[str], None]) -> None:
    late = clock.now() - step.at
    if late > LATE:
        desk.ledger.event(EventKind.ALERT, "missed", {"step": step.kind.value, "late_s": late.total_seconds()}, step.at)
        say(f"missed by {late}: left out")
        return
    try:
        book = run_step(desk, step)
    except (BrokerUnavailable, DataError) as error:
        log.exception("step failed", kind=step.kind.value, session=str(step.session))
        desk.ledger.event(EventKind.ALERT, "step failed", {"step": step.kind.value, "cause": str(error)}, step.at)
        say(f"failed: {error}")
        return
    desk.ledger.reached(step.at)
    say(f"equity {book.equity:,.2f} USD, {len(book.positions)} positions, {book.state.value}")


def _appointments(
    config: Config, hours: tuple[SessionHours, ...], begun: datetime, sessions: int | None
) -> Iterator[Step]:
    """Steps from `begun` on, session by session."""
    to_come = [item for item in hours if item.close_at > begun]
    for item in to_come[:sessions]:
        yield from (step for step in session_steps(item, config.settings.schedule) if step.at >= begun)


def _month_start(begun: datetime) -> datetime:
    """The model is trained anew at the start of each month, on what was known then."""
    return begun.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _ledger(
    config: Config,
    pool: Pool,
    world: World,
    hours: tuple[SessionHours, ...],
    model_version: str,
    begun: datetime,
) -> Ledger:
    """Join the account's newest run, so that what it holds stays ours; begin one where there is none."""
    newest = newest_run(pool, world="paper", account_id=world.account_id)
    if newest is not None:
        return Ledger.join(pool, newest)
    to_come = [item.session for item in hours if item.close_at > begun]
    return Ledger.start(
        pool,
        market_id=MARKET_ID,
        world="paper",
        account_id=world.account_id,
        period=Period(first=to_come[0], last=to_come[-1]),
        key=RunKey(config_hash=config.hash, model_version=model_version, data_hash=world.account_id),
        starting_cash=world.broker.account().equity,
        at_wall=wall_now(),
        at_market=begun,
    )
