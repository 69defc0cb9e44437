"""The desk itself over history: its own steps, decisions and orders, on the exchange in the same process.

Everything the scheduler does in a rehearsal is done here by the same code; only the record is in memory, the numbers
that decisions read were computed beforehand, and no HTTP lies between desk and exchange.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from datetime import time as time_of_day
from decimal import Decimal

from tenthman.backtest.build import Study
from tenthman.backtest.inputs import AFTERNOON, MORNING
from tenthman.backtest.memory import MemoryRecord
from tenthman.backtest.result import BacktestResult
from tenthman.backtest.tables import tabulate
from tenthman.config import Config
from tenthman.data.market import MarketView
from tenthman.decision import Prepared, prepare_on
from tenthman.domain.broker import Account
from tenthman.domain.market import NEW_YORK
from tenthman.domain.order import Book
from tenthman.exchange.in_process import InProcessBroker
from tenthman.exchange.market import ReplayExchange
from tenthman.ml.inference import SignalModel
from tenthman.scheduler.account.market_shares import splits_of
from tenthman.scheduler.account.share_watch import ShareWatch
from tenthman.scheduler.committee.holes import CycleHoles
from tenthman.scheduler.desk.intraday import run_step
from tenthman.scheduler.desk.orchestrator import Desk
from tenthman.scheduler.desk.timeline import Step, StepKind, session_steps
from tenthman.scheduler.outcomes.corporate_actions import dividends_of, no_dividends
from tenthman.scheduler.outcomes.shadows import settle_shadows, shadow_market

ACCOUNT = "backtest"

OnStep = Callable[[Step, Book, int, int], None]
"""Told of every step: what it was, the book it found, how many are done, and of how many."""


class StudiedSight:
    """The market out of a study, through the gate of time; prices are the exchange's."""

    def __init__(self, study: Study, exchange: ReplayExchange, config: Config) -> None:
        self._study = study
        self._exchange = exchange
        self._config = config

    def prepare(self, at: datetime, model: SignalModel, book: Book) -> Prepared:  # noqa: ARG002 # nothing is kept
        """Signals and numbers of every member at `at`."""
        view = self._study.history.serve(at)
        row = len(view.panel.sessions) - 1
        slot = MORNING if at < self._opens(row + 1) else AFTERNOON
        return prepare_on(
            view,
            self._study.features[slot].rows(row, row + 1),
            self._study.average_range[row],
            self._study.faults[row],
            model,
            self._prices([listing.ticker for listing in view.members()]),
            self._config,
        )

    def after_close(self, at: datetime) -> MarketView:
        """The study holds every session; served is what is known."""
        return self._study.history.serve(at)

    def _opens(self, row: int) -> datetime:
        return self._study.market.hours[row].open_at

    def _prices(self, tickers: Sequence[str]) -> dict[str, Decimal]:
        priced = {ticker: self._exchange.price(ticker) for ticker in tickers}
        return {ticker: price for ticker, price in priced.items() if price is not None}


def run_stepwise(
    study: Study, config: Config, holes: CycleHoles, on_step: OnStep = lambda _step, _book, _done, _total: None
) -> tuple[BacktestResult, MemoryRecord]:
    """Run the desk over the study's sessions; `holes` opens the committee. Costs, rules and cash are the config's."""
    exchange = _exchange(study, config)
    cash = Decimal(config.settings.rehearsal.starting_cash_usd)
    record = MemoryRecord(starting_cash=cash, begun=exchange.now)
    desk = Desk(
        config=config,
        broker=InProcessBroker(exchange),
        sight=StudiedSight(study, exchange, config),
        ledger=record,
        model_of=study.model_of,
        holes=holes,
        universe=study.market.universe,
        hours=study.market.hours,
        pause=lambda _seconds: None,
        rearm_after_sessions=config.risk_rules.drawdown.rearm_after_sessions,
        dividends=dividends_of(study.market) if config.settings.rehearsal.dividends else no_dividends,
        shares=ShareWatch(splits_of(exchange.splits)),
    )
    steps = [step for hours in study.sessions for step in session_steps(hours, config.settings.schedule)]
    closes: list[Account] = []
    for done, step in enumerate(steps, start=1):
        exchange.advance(step.at)
        book = run_step(desk, step)
        if step.kind is StepKind.CLOSE:
            closes.append(exchange.account())
        on_step(step, book, done, len(steps))
    view = study.history.serve(steps[-1].at)
    market = shadow_market(config, view.panel, study.market.hours, record.sales(), desk.dividends)
    settle_shadows(record, market, steps[-1].at, final=True)
    return tabulate(study, record, config.settings.schedule, closes, exchange.dividends()), record


def _exchange(study: Study, config: Config) -> ReplayExchange:
    start = datetime.combine(study.sessions[0].session, time_of_day(), NEW_YORK).astimezone(UTC)
    rehearsal = config.settings.rehearsal
    cash = Decimal(rehearsal.starting_cash_usd)
    return ReplayExchange(study.market, config.settings.costs, cash, ACCOUNT, start, pays_dividends=rehearsal.dividends)
