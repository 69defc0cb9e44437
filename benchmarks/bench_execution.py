"""What the desk adds to an order between deciding and recording it, and whether many orders reconcile exactly."""

import logging
import sys
import tempfile
import time
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

import numpy as np
import structlog
from psycopg import connect
from tenthman_crash import CASH, TICKERS, begin, crash_market, differences
from tenthman_crash_desk import DATABASE, Intent, decided, desk_of
from tenthman_exchange import SETTINGS, served

from tenthman.db.embedded import open_embedded
from tenthman.db.migrate import migrate
from tenthman.db.pool import open_pool
from tenthman.decision import Decided
from tenthman.domain.market import MarketData
from tenthman.domain.order import BrokerOrder, SizedOrder
from tenthman.exchange.process import ExchangeProcess
from tenthman.execution.client import AlpacaBroker
from tenthman.scheduler.desk.orchestrator import act, settle
from tenthman.scheduler.desk.timeline import Step, StepKind
from tenthman.scheduler.state.ledger import Ledger

ORDERS = (10, 1_000)
A_SESSION = 50


class TimedBroker(AlpacaBroker):
    """Knows how long the broker took with its orders (seconds, by the wall and of processor time)."""

    def __init__(self, process: ExchangeProcess) -> None:
        super().__init__(process.rest_url, process.key, process.secret, SETTINGS)
        self.took = np.zeros(2)

    def submit(self, order: SizedOrder) -> BrokerOrder:
        began = _clocks()
        try:
            return super().submit(order)
        finally:
            self.took += _clocks() - began


def main() -> None:
    """Print the overhead of each order, and what does not agree after 10 and after 1,000 of them."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory(prefix="tenthman-execution-") as name:
        home = Path(name)
        home.chmod(0o755)
        with open_embedded(home) as server:
            with open_pool(server.url, DATABASE) as pool:
                migrate(pool)
            market = crash_market(1)
            with served(market, market.hours[0].open_at, home, cash=CASH, pays_dividends=True) as process:
                _measure(server.url, market, process)


def _measure(database: str, market: MarketData, process: ExchangeProcess) -> None:
    broker, spent, sent = TimedBroker(process), [], 0
    with open_pool(database, DATABASE) as pool, Ledger.join(pool, begin(database, market)) as ledger:
        for hours in market.hours:
            desk = desk_of(ledger, broker, hours.session)
            for number in range(A_SESSION):
                now = hours.open_at + timedelta(minutes=5 * number + 1)
                process.advance(now)
                before, began = broker.took.copy(), _clocks()
                intent = _entry(market, len(spent), number)
                act(desk, Decided(decision=decided(intent, hours.session, now), case=None), now)
                spent.append(_clocks() - began - (broker.took - before))
                sent += 1
                if sent in ORDERS:
                    _reconcile(desk, hours.session, now, sent, database, broker)
                if sent == max(ORDERS):
                    wall, own = 1000 * np.array(spent).T
                    print(
                        f"decided to recorded, less the broker's own time, {sent} orders: median {np.median(wall):.1f} "
                        f"ms, the best tenth within {np.quantile(wall, 0.1):.1f} ms; of it processor time of the desk "
                        f"{np.median(own):.1f} ms"
                    )
                    return


def _clocks() -> np.ndarray:
    """Seconds by the wall, and of processor time of this thread."""
    return np.array([time.perf_counter(), time.thread_time()])


def _reconcile(desk, session, now, sent: int, database: str, broker: AlpacaBroker) -> None:
    began = time.perf_counter()
    settle(desk, Step(at=now, session=session, kind=StepKind.CHECK))
    seconds = time.perf_counter() - began
    with connect(database) as connection:
        found = differences(connection, broker, CASH)
    print(f"{sent} orders settled in {seconds:.2f} s, {len(found)} differences to the exchange")
    if found:
        sys.exit("\n".join(found))


def _entry(market: MarketData, place: int, number: int) -> Intent:
    ticker = TICKERS[number % len(TICKERS)]
    row = place // A_SESSION
    price = float(market.panel.open[row, market.panel.tickers.index(ticker)])
    limit = round(price * (1.01 if number % 2 else 0.99), 2)
    prices = [Decimal(f"{value:.2f}") for value in (limit, limit * 0.98, limit * 1.025)]
    return Intent(ticker=ticker, quantity=1, limit=prices[0], stop=prices[1], target=prices[2])


if __name__ == "__main__":
    main()
