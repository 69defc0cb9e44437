"""A desk whose holdings are split, on a served exchange with a record in PostgreSQL, or all in one process."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from tenthman_crash import begin
from tenthman_crash_desk import Intent, decided, desk_of
from tenthman_exchange import COSTS, SETTINGS
from tenthman_markets import small_market
from tenthman_serving import Running, in_thread

from tenthman.backtest.memory import MemoryRecord
from tenthman.data.alpaca import AlpacaMarketSource
from tenthman.data.flags import FlagStore
from tenthman.db.pool import Pool
from tenthman.decision import Decided
from tenthman.domain.market import MarketData
from tenthman.exchange.in_process import InProcessBroker
from tenthman.exchange.market import ReplayExchange
from tenthman.exchange.stage import Gap, SplitShares, Stage
from tenthman.execution.trial import TrialBroker
from tenthman.scheduler.account.market_shares import MarketShares, splits_of
from tenthman.scheduler.account.share_watch import ShareWatch, Tells, nothing_changes
from tenthman.scheduler.desk.orchestrator import Desk, act, settle
from tenthman.scheduler.desk.timeline import Step, StepKind
from tenthman.scheduler.state.ledger import Ledger

CASH = Decimal(100_000)
MARKET = small_market({"AAA": [(100.0, 101.0, 99.0, 100.0)] * 6, "BBB": [(50.0, 50.5, 49.5, 50.0)] * 6})


def bought(quantity: int, *, stop: str = "20.00", target: str = "300.00") -> Intent:
    """An entry in AAA that fills at once."""
    return Intent(ticker="AAA", quantity=quantity, limit=Decimal("101.00"), stop=Decimal(stop), target=Decimal(target))


def sold(quantity: int) -> Intent:
    """A market order for so many AAA."""
    return Intent(ticker="AAA", quantity=quantity)


@dataclass
class Served:
    """The exchange over HTTP."""

    server: Running

    def advance(self, to: datetime) -> None:
        self.server.control("POST", "advance", {"to": to.isoformat()})

    def split(self, new: int, old: int, *, whole: bool, symbol: str = "AAA") -> None:
        body = {"kind": "split", "symbol": symbol, "new_rate": new, "old_rate": old, "whole_shares": whole}
        self.server.control("POST", "incidents", body)

    def gap(self, factor: float) -> None:
        self.server.control("POST", "incidents", {"kind": "gap", "symbol": "AAA", "factor": factor})


class Inside:
    """The exchange in this process; splits happen an instant before their opening, as the server has them."""

    def __init__(self, market: MarketData) -> None:
        self.stage = Stage(market)
        start = market.hours[0].open_at
        self.exchange = ReplayExchange(self.stage.market, COSTS, CASH, "inside", start, pays_dividends=True)

    def advance(self, to: datetime) -> None:
        for split in tuple(self.stage.splits(self.exchange.now, to)):
            self.exchange.advance(max(split.open_at - timedelta(microseconds=1), self.exchange.now))
            self.exchange.split_shares(split.symbol, split.ratio, whole=split.whole_shares)
        self.exchange.advance(to)

    def split(self, new: int, old: int, *, whole: bool, symbol: str = "AAA") -> None:
        told = SplitShares(kind="split", symbol=symbol, new_rate=new, old_rate=old, whole_shares=whole)
        self.stage.rewrite(told, self.exchange.now)

    def gap(self, factor: float) -> None:
        self.stage.rewrite(Gap(kind="gap", symbol="AAA", factor=factor), self.exchange.now)


@dataclass
class Scene:
    """A desk and the world that it trades in; it stands at the opening of the first session."""

    desk: Desk
    world: Served | Inside
    market: MarketData = MARKET
    now: datetime = MARKET.hours[0].open_at

    def act(self, intent: Intent) -> bool:
        """Decide and send at this moment, and settle a minute later."""
        session = self._session()
        done = act(self.desk, Decided(decision=decided(intent, session, self.now), case=None), self.now)
        self.go(self.now + timedelta(minutes=1))
        return done

    def go(self, to: datetime, kind: StepKind = StepKind.CHECK, *, settles: bool = True) -> None:
        """Let time pass, and settle then."""
        self.world.advance(to)
        self.now = to
        if settles:
            settle(self.desk, Step(at=to, session=self._session(), kind=kind))

    def into(self, row: int, minutes: int = 30, *, settles: bool = True) -> None:
        """To so many minutes after an opening."""
        self.go(self.market.hours[row].open_at + timedelta(minutes=minutes), settles=settles)

    def _session(self):
        return max(item.session for item in self.market.hours if item.open_at <= self.now)


@contextmanager
def served_scene(database: str, pool: Pool, *, told: bool = True, market: MarketData = MARKET) -> Iterator[Scene]:
    """Over HTTP and in PostgreSQL. `told`: whether the desk may ask the market for splits."""
    with in_thread(market) as server:
        keys = server.told["accounts"][0]
        address = (server.rest, keys["key"], keys["secret"], SETTINGS)
        source = AlpacaMarketSource(*address)
        tells: Tells = MarketShares(FlagStore(pool, "m"), source, market.universe.renames) if told else nothing_changes
        with Ledger.join(pool, begin(database, market)) as ledger:
            desk = desk_of(ledger, TrialBroker(*address), market.hours[0].session)
            shares = ShareWatch(tells)
            yield Scene(replace(desk, shares=shares, hours=market.hours), Served(server), market)


def inside_scene(market: MarketData = MARKET) -> Scene:
    """All in one process."""
    world = Inside(market)
    record = MemoryRecord(starting_cash=CASH, begun=world.exchange.now)
    desk = desk_of(record, InProcessBroker(world.exchange), market.hours[0].session)
    shares = ShareWatch(splits_of(world.exchange.splits))
    return Scene(replace(desk, shares=shares, hours=market.hours), world, market)
