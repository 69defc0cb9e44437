"""A rehearsal small enough for a test, without a language model; and brokers that fail at a chosen call."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from datetime import time as time_of_day
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from tenthman_settings import busy

from tenthman.config import Config, RiskRules, load_config, with_sections
from tenthman.data.alpaca import read_story
from tenthman.data.calendar import sessions_between
from tenthman.db.pool import Pool
from tenthman.domain.broker import Broker
from tenthman.domain.market import NEW_YORK, Bar, MarketData, Period
from tenthman.domain.news import NewsItem
from tenthman.domain.order import Book
from tenthman.exchange.alpaca_wire import story_body
from tenthman.exchange.in_process import InProcessBroker
from tenthman.exchange.market import ReplayExchange
from tenthman.exchange.practice import make_practice_market
from tenthman.news.storage import NewsStore
from tenthman.scheduler.clock import VirtualClock
from tenthman.scheduler.committee.holes import CycleHoles, quote_from, rules_alone
from tenthman.scheduler.desk.orchestrator import Desk
from tenthman.scheduler.desk.timeline import Step
from tenthman.scheduler.gathering.gather import Gatherer
from tenthman.scheduler.gathering.sight import GatheredSight
from tenthman.scheduler.models.signal_model import trained_model
from tenthman.scheduler.rehearsal import run as rehearsal
from tenthman.scheduler.rehearsal.period import sessions_of
from tenthman.scheduler.rehearsal.stores import open_stores, store_history
from tenthman.scheduler.storage import open_storage

CONFIG_FOLDER = Path(__file__).resolve().parents[2] / "config"
PERIOD = Period(first=date(2020, 2, 18), last=date(2020, 2, 20))
FEW_ROUNDS = {"max_rounds": 40, "history_sessions": 330}
ACCOUNT = "5b0f6a0e-54a1-4a0e-8e0f-0c1f6f7f0a11"


@cache
def small_practice_market() -> MarketData:
    """The planted practice market from the autumn of 2018 to early February 2020: 335 sessions before the period."""
    return make_practice_market(7, "planted", sessions_between(date(2018, 10, 15), date(2020, 3, 27)))


def small_config(home: Path, database_url: str | None = None, **rules: object) -> Config:
    """A busy desk with fewer checks a day and a quickly trained model; `rules` change risk_rules."""
    config = busy(load_config(CONFIG_FOLDER, {"TENTHMAN_HOME": str(home)}))
    schedule = config.settings.schedule.model_copy(update={"check_every_minutes": 120})
    settings = config.settings.model_copy(update={"schedule": schedule})
    models = config.models.model_copy(update={"signal": config.models.signal.model_copy(update=FEW_ROUNDS)})
    risk_rules = RiskRules.model_validate({**config.risk_rules.model_dump(), **rules})
    secret = None if database_url is None else SecretStr(database_url)
    return with_sections(
        replace(config, secrets=replace(config.secrets, database_url=secret)),
        settings=settings,
        models=models,
        risk_rules=risk_rules,
    )


@contextmanager
def no_language_model(config: Config, _pool: Pool, news_store: NewsStore, gatherer: Gatherer) -> Iterator[CycleHoles]:
    """Stands in for `open_holes`: headlines are quoted, no model is asked."""
    yield rules_alone(quote_from(gatherer.look, news_store, config), config.agents)


@dataclass
class Notes:
    """A watcher that remembers."""

    stages: list[str] = field(default_factory=list)
    steps: list[tuple[Step, Book]] = field(default_factory=list)

    def stage(self, text: str) -> None:
        self.stages.append(text)

    def step(self, step: Step, book: Book, done: int, total: int) -> None:
        assert 0 < done <= total
        self.steps.append((step, book))


class WatchedBroker:
    """A broker whose calls are counted by name. `before` and `after` may raise in a call's place or at its end."""

    def __init__(
        self,
        inner: Broker,
        before: Callable[[int, str], None] = lambda _number, _name: None,
        after: Callable[[int, str], None] = lambda _number, _name: None,
    ) -> None:
        self._inner = inner
        self._before, self._after = before, after
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: object) -> Any:
            self.calls.append(name)
            number = len(self.calls)
            self._before(number, name)
            answer = getattr(self._inner, name)(*arguments)
            self._after(number, name)
            return answer

        return call


class InProcessSource:
    """Market data as the served exchange gives it, from an exchange in the same process."""

    def __init__(self, exchange: ReplayExchange) -> None:
        self._exchange = exchange

    def bars(self, tickers: Sequence[str], first: date, last: date, seen_at: datetime) -> list[Bar]:
        found = [bar for ticker in tickers for bar in self._exchange.bars(ticker, first, last)]
        return sorted((replace(bar, known_at=seen_at) for bar in found), key=lambda bar: (bar.ticker, bar.session))

    def news(self, after: datetime, until: datetime, seen_at: datetime) -> list[NewsItem]:
        stories = (read_story(story_body(item), seen_at) for item in self._exchange.news(after, until))
        return [item for item in stories if item is not None]

    def latest_prices(self, tickers: Sequence[str]) -> dict[str, Decimal]:
        priced = {ticker: self._exchange.price(ticker) for ticker in tickers}
        return {ticker: price for ticker, price in priced.items() if price is not None}


def rehearse_in_process(config: Config, market: MarketData, period: Period) -> str:
    """The same parts as `rehearsal.rehearse` but for the wire: exchange, broker and data in this process; the run."""
    start = datetime.combine(period.first, time_of_day(), NEW_YORK).astimezone(UTC)
    cash = Decimal(config.settings.rehearsal.starting_cash_usd)
    exchange = ReplayExchange(market, config.settings.costs, cash, ACCOUNT, start)
    with open_storage(config) as pool:
        stores = open_stores(pool, market)
        history = store_history(stores, market, period.first, start)
        content = market.provenance.content_hash
        model = trained_model(config, pool, stores.market_id, content, history.serve(start))
        gatherer = Gatherer(InProcessSource(exchange), history, stores.bars, stores.news, stores.linker, start)
        with (
            no_language_model(config, pool, stores.news, gatherer) as holes,
            rehearsal._ledger(config, stores, market, period, model.version, start) as ledger,
        ):
            desk = Desk(
                config=config,
                broker=InProcessBroker(exchange),
                sight=GatheredSight(gatherer, pool, stores.market_id, config),
                ledger=ledger,
                model_of=lambda _session: model,
                holes=holes,
                universe=market.universe,
                hours=market.hours,
                pause=time.sleep,
                rearm_after_sessions=config.risk_rules.drawdown.rearm_after_sessions,
            )
            sessions = sessions_of(market, period)
            rehearsal._trade(desk, ledger, VirtualClock(start, exchange.advance), sessions, Notes())
            ledger.finish(start, {})
            return ledger.run_id
