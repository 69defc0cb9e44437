"""A rehearsal: the whole desk over stored sessions, against our own exchange, on a virtual clock.

1. Open PostgreSQL (embedded unless DATABASE_URL names a server) and store what was known before the first session.
2. Train the signal model on it, or load the one trained on the very same before.
3. Start the language model and let it sit its examination, or look up the result.
4. Start the exchange as a child process, and trade session by session through alpaca-py.
5. Close the run. Everything a report needs is in PostgreSQL.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from datetime import time as time_of_day
from decimal import Decimal
from functools import partial
from typing import Protocol
from uuid import NAMESPACE_URL, uuid5

from tenthman.config import Config
from tenthman.data.alpaca import AlpacaMarketSource
from tenthman.data.flags import FlagStore
from tenthman.db.anchors import ANCHORS
from tenthman.db.pool import Pool
from tenthman.domain.audit import RunKey
from tenthman.domain.canonical import content_hash
from tenthman.domain.market import NEW_YORK, MarketData, Period, SessionHours
from tenthman.domain.order import Book, TradingState
from tenthman.exchange.process import ExchangeProcess
from tenthman.execution.client import AlpacaBroker
from tenthman.ml.inference import SignalModel
from tenthman.news.storage import NewsStore
from tenthman.scheduler.account.market_shares import MarketShares
from tenthman.scheduler.account.share_watch import ShareWatch
from tenthman.scheduler.clock import VirtualClock, wall_now
from tenthman.scheduler.committee.holes import CycleHoles, open_holes
from tenthman.scheduler.desk.intraday import run_step
from tenthman.scheduler.desk.kill_switch import asked_by, switch_path
from tenthman.scheduler.desk.orchestrator import Desk
from tenthman.scheduler.desk.timeline import Step, StepKind, session_steps
from tenthman.scheduler.gathering.gather import Gatherer
from tenthman.scheduler.gathering.scoring import open_scorer
from tenthman.scheduler.gathering.sight import GatheredSight
from tenthman.scheduler.models.signal_model import retraining_sessions, start_of, trained_model
from tenthman.scheduler.outcomes.corporate_actions import Dividends
from tenthman.scheduler.outcomes.shadows import settle_shadows, shadow_market
from tenthman.scheduler.rehearsal.period import require_fresh_models, require_history, sessions_of
from tenthman.scheduler.rehearsal.stores import Stores, open_stores, store_dividends, store_history
from tenthman.scheduler.state.ledger import Interrupted, Ledger
from tenthman.scheduler.storage import open_storage
from tenthman.utils.logging import bind


class Watcher(Protocol):
    """Whoever watches a rehearsal: told what is being done, and of every step."""

    def stage(self, text: str) -> None: ...

    def step(self, step: Step, book: Book, done: int, total: int) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """A finished rehearsal: its run, the runs it starts over, and seconds by stage."""

    run_id: str
    interrupted_before: tuple[Interrupted, ...]
    seconds: dict[str, float]


@dataclass(slots=True)
class Stopwatch:
    """Seconds by stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        begun = time.monotonic()
        try:
            yield
        finally:
            self.seconds[stage] = round(time.monotonic() - begun, 3)


class _Models:
    """The model of each session: the first one is given, the others are trained as their time comes."""

    def __init__(
        self,
        config: Config,
        stores: Stores,
        content: str,
        sessions: Sequence[SessionHours],
        gatherer: Gatherer,
        first: SignalModel,
    ) -> None:
        every = config.models.signal.retrain_sessions
        self._config, self._stores, self._content, self._gatherer = config, stores, content, gatherer
        self._due = list(retraining_sessions([item.session for item in sessions], every)[1:])
        self._model = first

    def __call__(self, session: date) -> SignalModel:
        while self._due and session >= self._due[0]:
            view = self._gatherer.look(start_of(self._due.pop(0)))
            self._model = trained_model(self._config, self._stores.pool, self._stores.market_id, self._content, view)
        return self._model


OpenCommittee = Callable[[Config, Pool, NewsStore, Gatherer], AbstractContextManager[CycleHoles]]


def rehearse(
    config: Config,
    market: MarketData,
    period: Period,
    watcher: Watcher,
    open_committee: OpenCommittee | None = None,
) -> Rehearsed:
    """Trade `period` on `market`; returns once the last session is closed and recorded.

    The committee is the configured one (`open_holes`) unless `open_committee` opens another.

    An earlier run of the same key that was interrupted is marked so, and this one starts over from the first session:
    the replies on the tape make that quick. Raises ConfigError when the market has too little history before the
    period; an interruption leaves everything committed so far in place.
    """
    spent = Stopwatch()
    sessions = sessions_of(market, period)
    if asked_by(switch_path(config)) is not TradingState.ACTIVE:
        watcher.stage(f"the kill switch is pulled: {switch_path(config)}; `tenthman rearm` removes it")
    require_history(market, period, config.models.signal.min_history_sessions)
    require_fresh_models(market, period, config.models.signal)
    with ExitStack() as stack:
        parts = _parts(config, market, period, stack, _Stages(watcher, spent), open_committee or open_holes)
        ledger = stack.enter_context(_ledger(config, parts.stores, market, period, parts.model.version, parts.start))
        desk = _desk(config, market, sessions, parts, ledger)
        with spent("trading"), bind(run_id=ledger.run_id):
            _trade(desk, ledger, VirtualClock(parts.start, parts.exchange.advance), sessions, watcher)
        panel, _ = parts.stores.bars.panel_until(period.last)
        shadows = shadow_market(config, panel, market.hours, ledger.sales(), parts.dividends)
        settle_shadows(ledger, shadows, sessions[-1].close_at, final=True)
        ledger.finish(wall_now(), {"seconds": spent.seconds, "dividends_usd": parts.broker.dividends_paid()})
        ledger.anchor(config.home / ANCHORS, sessions[-1].close_at)
        return Rehearsed(run_id=str(ledger.run_id), interrupted_before=tuple(ledger.interrupted), seconds=spent.seconds)


@dataclass(frozen=True, slots=True)
class _Stages:
    """What is being done, told and timed."""

    watcher: Watcher
    spent: Stopwatch

    @contextmanager
    def __call__(self, name: str, text: str) -> Iterator[None]:
        self.watcher.stage(text)
        with self.spent(name):
            yield


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """What a desk is built from; `start` is the midnight before the first session, `content` the market's hash."""

    start: datetime
    content: str
    stores: Stores
    model: SignalModel
    exchange: ExchangeProcess
    broker: AlpacaBroker
    gatherer: Gatherer
    holes: CycleHoles
    dividends: Dividends
    shares: MarketShares


def _parts(
    config: Config, market: MarketData, period: Period, stack: ExitStack, stage: _Stages, open_committee: OpenCommittee
) -> _Parts:
    """Everything that must stand before the first session, closed with `stack`."""
    start = datetime.combine(period.first, time_of_day(), NEW_YORK).astimezone(UTC)
    content = market.provenance.content_hash
    with stage("database", "starting PostgreSQL"):
        stores = open_stores(stack.enter_context(open_storage(config)), market)
    with stage("history", "storing what was known before the first session"):
        score = open_scorer(config)
        history = store_history(stores, market, period.first, start, score)
    with stage("training", "training the signal model, or loading it"):
        model = trained_model(config, stores.pool, stores.market_id, content, history.serve(start))
    with stage("exchange", f"starting the exchange on {market.provenance.name}"):
        exchange = stack.enter_context(_exchange(config, market, period, start))
    address = (exchange.rest_url, exchange.key, exchange.secret, config.settings.broker)
    source = AlpacaMarketSource(*address)
    gatherer = Gatherer(source, history, stores.bars, stores.news, stores.linker, start, score)
    with stage("language model", f"preparing the committee (language model: {config.models.language.model})"):
        holes = stack.enter_context(open_committee(config, stores.pool, stores.news, gatherer))
    return _Parts(
        start=start,
        content=content,
        stores=stores,
        model=model,
        exchange=exchange,
        broker=AlpacaBroker(*address),
        gatherer=gatherer,
        holes=holes,
        dividends=store_dividends(config, stores, market),
        shares=MarketShares(FlagStore(stores.pool, stores.market_id), source, (), routine=None),
    )


def _desk(
    config: Config, market: MarketData, sessions: tuple[SessionHours, ...], parts: _Parts, ledger: Ledger
) -> Desk:
    return Desk(
        config=config,
        broker=parts.broker,
        sight=GatheredSight(parts.gatherer, parts.stores.pool, parts.stores.market_id, config),
        ledger=ledger,
        model_of=_Models(config, parts.stores, parts.content, sessions, parts.gatherer, parts.model),
        holes=parts.holes,
        universe=market.universe,
        hours=market.hours,
        pause=time.sleep,
        rearm_after_sessions=config.risk_rules.drawdown.rearm_after_sessions,
        dividends=parts.dividends,
        kill_switch=partial(asked_by, switch_path(config)),
        shares=ShareWatch(parts.shares),
    )


def _exchange(config: Config, market: MarketData, period: Period, start: datetime) -> ExchangeProcess:
    account = uuid5(NAMESPACE_URL, f"tenthman:{market.provenance.content_hash}:{period.first}")
    cash = Decimal(config.settings.rehearsal.starting_cash_usd)
    return ExchangeProcess(
        market,
        config.settings.costs,
        cash,
        str(account),
        start,
        config.home / "logs" / "exchange.log",
        pays_dividends=config.settings.rehearsal.dividends,
    )


def _ledger(
    config: Config, stores: Stores, market: MarketData, period: Period, model_version: str, start: datetime
) -> Ledger:
    data_hash = content_hash([market.provenance.content_hash, period])
    return Ledger.start(
        stores.pool,
        market_id=stores.market_id,
        world="rehearsal",
        account_id=None,
        period=period,
        key=RunKey(config_hash=config.hash, model_version=model_version, data_hash=data_hash),
        starting_cash=Decimal(config.settings.rehearsal.starting_cash_usd),
        at_wall=wall_now(),
        at_market=start,
    )


def _trade(
    desk: Desk, ledger: Ledger, clock: VirtualClock, sessions: tuple[SessionHours, ...], watcher: Watcher
) -> None:
    steps = [step for hours in sessions for step in session_steps(hours, desk.config.settings.schedule)]
    for done, step in enumerate(steps, start=1):
        clock.wait_until(step.at)
        book = run_step(desk, step)
        ledger.reached(step.at)
        if step.kind is not StepKind.CHECK:
            ledger.anchor(desk.config.home / ANCHORS, step.at)
        watcher.step(step, book, done, len(steps))
