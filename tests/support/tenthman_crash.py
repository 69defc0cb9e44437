"""A desk that is killed again and again, by a seed, and the questions that are asked after each recovery.

A campaign has one account at a served exchange that keeps its state, one PostgreSQL database, and one run of the desk.
In each round the market moves, the desk is started with something to do and dies somewhere; sometimes the market moves
while it is dead; it is started with the same again, now and then to die once more, and in the end it lives. Then its
record must say the same as the exchange, order by order, fill by fill, and to the cent.

Run as a script it serves the exchange with the options of its first argument, a JSON object.
"""

import json
import multiprocessing
import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from pathlib import Path
from random import Random

import numpy as np
import psycopg
from psycopg.conninfo import make_conninfo
from tenthman_crash_desk import BROKER, DATABASE, Death, Intent, Life, live
from tenthman_markets import at, small_market
from tenthman_serving import Running, running, serving

from tenthman.db.audit import verify
from tenthman.db.pool import open_pool
from tenthman.domain.audit import RunKey
from tenthman.domain.canonical import plain
from tenthman.domain.market import MarketData, Period
from tenthman.domain.order import BrokerOrder
from tenthman.exchange.serve import Addresses, serve
from tenthman.execution.answers import read_order
from tenthman.execution.client import AlpacaBroker
from tenthman.scheduler.state.ledger import Ledger

CASH = Decimal(100_000)
TICKERS = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF")
SESSIONS = 40
WITHIN_S = 60.0
_PARTS = (0.05, 0.3, 0.55, 0.8)
STEPS = (
    "before the commit of record_decision",
    "after the commit of record_decision",
    "before POST /v2/orders",
    "sent POST /v2/orders",
    "answered POST /v2/orders",
    "before the commit of record_submitted",
    "after the commit of record_submitted",
    "sent DELETE /v2/orders",
    "answered DELETE /v2/orders",
    "before the commit of sync_orders",
    "after the commit of sync_orders",
    "sent GET /v2/account/activities/FILL",
    "before the commit of record_fills",
    "after the commit of record_fills",
    "before the commit of record_equity",
    "after the commit of record_equity",
)
"""An order's life, from the decision to the cash: where half of the drawn kills fall."""

_ON_ORDERS = {"method": "POST", "path": "/v2/orders"}
_FAULTS = (
    {"kind": "cut", **_ON_ORDERS},
    {"kind": "silence", "seconds": 1.5, **_ON_ORDERS},
    {"kind": "unheard_cut", **_ON_ORDERS},
    {"kind": "server_error", **_ON_ORDERS},
    {"kind": "cut", "method": "GET", "path": "/v2/account*"},
    {"kind": "server_error", "method": "GET", "path": "/v2/orders*", "skip": 1},
    {"kind": "cut", "method": "DELETE", "path": "/v2/orders*"},
)


def crash_market(seed: int) -> MarketData:
    """Six tickers that swing by some per cent a day, two of which pay a dividend each week."""
    draws = np.random.default_rng(seed)
    bars = {}
    for ticker in TICKERS:
        closes = np.round(60 * np.exp(np.cumsum(draws.normal(0, 0.02, SESSIONS + 1))), 2)
        opens, ends = closes[:-1], closes[1:]
        low = np.round(np.minimum(opens, ends) * (1 - draws.uniform(0, 0.02, SESSIONS)), 2)
        high = np.round(np.maximum(opens, ends) * (1 + draws.uniform(0, 0.02, SESSIONS)), 2)
        bars[ticker] = list(zip(opens, high, low, ends, strict=True))
    paid = {ticker: dict.fromkeys(range(5, SESSIONS, 5), 0.25) for ticker in TICKERS[:2]}
    return small_market(bars, dividends=paid)


@dataclass(kw_only=True)
class Tally:
    """What a campaign did."""

    kills: int = 0
    lives: int = 0
    database_gone: int = 0
    exchange_gone: int = 0
    faults: int = 0
    orders: int = 0
    fills: int = 0
    where: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Tally") -> None:
        """Another campaign's on top."""
        for name in ("kills", "lives", "database_gone", "exchange_gone", "faults", "orders", "fills"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.where += other.where


class Exchange:
    """The served exchange with its state on disk: it can be killed, and comes back at the same address."""

    def __init__(self, seed: int, folder: Path) -> None:
        self._options = {"seed": seed, "state": str(folder / "exchange.state"), "port": 0}
        self._stack = ExitStack()
        self.served: Running

    def start(self) -> None:
        """Start, or come back."""
        command = [sys.executable, __file__, json.dumps(self._options)]
        self.served = self._stack.enter_context(running(command))
        self._options["port"] = int(self.served.rest.rsplit(":", 1)[1])

    @property
    def pid(self) -> int:
        assert self.served.process is not None
        return self.served.process.pid

    def wait_until_gone(self) -> None:
        """Wait for a kill that was sent from elsewhere."""
        assert self.served.process is not None
        self.served.process.wait(WITHIN_S)

    def mend(self) -> bool:
        """Bring it back if it is gone; tells whether it was."""
        assert self.served.process is not None
        if self.served.process.poll() is None:
            return False
        self.start()
        return True

    def close(self) -> None:
        """Stop it."""
        self._stack.close()


class Campaign:
    """Kills of one desk, drawn from `seed`."""

    def __init__(self, seed: int, database: str, exchange: Exchange, folder: Path) -> None:
        self._draw = Random(seed)
        self._market = crash_market(seed)
        self._database = database
        self._exchange = exchange
        self._posts = folder / "posts"
        self._posts.touch()
        self._row, self._part = 0, 0
        self._now = self._market.hours[0].open_at
        self._usual = {"steps": 60, "calls": 20_000}
        self.tally = Tally()
        keys = exchange.served.told["accounts"][0]
        self._keys = keys["key"], keys["secret"]
        self._broker = AlpacaBroker(exchange.served.rest, *self._keys, BROKER)
        self._run = begin(database, self._market)

    def until(self, kills: int) -> Tally:
        """Go on until the desk has been killed so often."""
        while self.tally.kills < kills:
            self.round(self._drawn_death())
        with open_pool(self._database, DATABASE) as pool:
            verify(pool)
        return self.tally

    def round(self, death: Death) -> bool:
        """One life with a death in it, the recovery, and the questions; tells whether it came to that death."""
        self._move()
        life = self._life(death)
        self._set_fault(death)
        has_lived, has_come = self._live(life)
        if has_lived:
            self._exchange.served.control("DELETE", "faults")
            self.check()
            return has_come
        if self._draw.random() < 0.5:
            self._move()
        if self._draw.random() < 0.2:
            self._live(self._again(life, self._drawn_kill()))
        self._exchange.served.control("DELETE", "faults")
        has_lived, _ = self._live(self._again(life, None))
        assert has_lived, "the desk does not recover"
        self.check()
        return has_come

    def check(self) -> None:
        """What must hold whenever the desk has recovered."""
        posted = Counter(self._posts.read_text().split())
        assert max(posted.values(), default=1) == 1, f"sent twice: {[name for name in posted if posted[name] > 1]}"
        with psycopg.connect(self._database) as connection:
            found = differences(connection, self._broker, CASH)
            counted = connection.execute(
                "SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM fills)"
            ).fetchone()
        assert found == [], found
        self.tally.orders, self.tally.fills = counted

    def _live(self, life: Life) -> tuple[bool, bool]:
        """Start the desk and see it end: whether it lived, and whether what was to befall it did."""
        self.tally.lives += 1
        context = _starter()
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=live, args=(life, there))
        process.start()
        there.close()
        told = list(_heard(here))
        process.join(WITHIN_S)
        assert process.exitcode is not None, "the desk neither ends nor dies"
        came = [item[1] for item in told if item[0] == "dies"]
        if any(name.startswith("exchange") for name in came):
            self._exchange.wait_until_gone()
        self.tally.exchange_gone += self._exchange.mend()
        assert told, f"the desk failed by itself, exit code {process.exitcode}"
        self.tally.where.update(came)
        self.tally.kills += process.exitcode == -9
        self.tally.database_gone += any(name.startswith("database") for name in came)
        has_lived = told[-1][0] == "done"
        if has_lived:
            self._usual = {"steps": told[-1][2], "calls": max(told[-1][3], self._usual["calls"])}
        return has_lived, bool(came)

    def _life(self, death: Death) -> Life:
        return Life(
            database=self._database,
            rest=self._exchange.served.rest,
            key=self._keys[0],
            secret=self._keys[1],
            exchange_pid=self._exchange.pid,
            run=self._run,
            session=self._market.hours[self._row].session,
            at=self._now,
            decided_at=self._now,
            intents=self._intents(),
            withdraws=self._draw.random() < 0.2,
            posts=self._posts,
            death=death,
        )

    def _again(self, life: Life, death: Death | None) -> Life:
        hours = self._market.hours[self._row]
        return replace(life, at=self._now, session=hours.session, death=death, exchange_pid=self._exchange.pid)

    def _drawn_death(self) -> Death:
        chance = self._draw.random()
        if chance < 0.04:
            return Death(how="exchange", step=self._draw.randint(1, self._usual["steps"]))
        if chance < 0.10:
            return Death(how="database", step=self._draw.randint(1, self._usual["steps"]))
        return self._drawn_kill()

    def _drawn_kill(self) -> Death:
        chance = self._draw.random()
        if chance < 0.5:
            return Death(how="kill", name=self._draw.choice(STEPS), nth=self._draw.randint(1, 2))
        if chance < 0.75:
            return Death(how="kill", call=self._draw.randint(1, self._usual["calls"]))
        return Death(how="kill", step=self._draw.randint(1, self._usual["steps"]))

    def _intents(self) -> tuple[Intent, ...]:
        held = {item.ticker: int(item.quantity) for item in self._broker.positions()}
        busy = {order.ticker for order in self._broker.open_orders()} | set(held)
        chosen = []
        for ticker in self._draw.sample(TICKERS, 3):
            if ticker in held and self._draw.random() < 0.6:
                chosen.append(Intent(ticker=ticker, quantity=held[ticker]))
            elif ticker not in busy:
                chosen.append(self._entry(ticker))
        return tuple(chosen)

    def _entry(self, ticker: str) -> Intent:
        panel = self._market.panel
        price = float(panel.open[self._row, panel.tickers.index(ticker)])
        limit = round(price * self._draw.uniform(0.99, 1.02), 2)
        stop, target = round(limit * 0.98, 2), round(limit * 1.025, 2)
        prices = [Decimal(f"{value:.2f}") for value in (limit, stop, target)]
        return Intent(
            ticker=ticker, quantity=self._draw.randint(5, 200), limit=prices[0], stop=prices[1], target=prices[2]
        )

    def _move(self) -> None:
        """A quarter of a session on; now and then the next execution of a ticker will be partial."""
        if self._draw.random() < 0.4:
            incident = {"kind": "partial_fill", "symbol": self._draw.choice(TICKERS), "share": 0.4}
            self._exchange.served.control("POST", "incidents", incident)
        self._part = (self._part + 1) % len(_PARTS)
        self._row += self._part == 0
        self._now = at(self._market, self._row, _PARTS[self._part])
        self._exchange.served.control("POST", "advance", {"to": self._now.isoformat()})

    def _set_fault(self, death: Death) -> None:
        if death.how == "kill" and self._draw.random() < 0.15:
            self._exchange.served.control("POST", "faults", self._draw.choice(_FAULTS))
            self.tally.faults += 1


def _starter() -> ForkServerContext:
    """Starts desks out of a process that has imported all they need; it finds that by PYTHONPATH alone."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tenthman_crash_desk"])
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)
    try:
        forkserver.ensure_running()
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before
    return context


@contextmanager
def campaign(seed: int, database: str, folder: Path) -> Iterator[Campaign]:
    """A campaign on an empty migrated database; the exchange keeps its state in `folder`."""
    exchange = Exchange(seed, folder)
    try:
        exchange.start()
        yield Campaign(seed, database, exchange, folder)
    finally:
        exchange.close()


def _heard(here) -> Iterator[tuple]:
    while here.poll(WITHIN_S):
        try:
            yield here.recv()
        except EOFError:
            return


def begin(database: str, market: MarketData) -> str:
    """A run on record, let go; its connections are no longer there when this returns."""
    with open_pool(make_conninfo(database), DATABASE) as pool:
        with pool.connection() as connection:
            connection.execute("INSERT INTO markets VALUES ('m', 'pack', 'n', 'd', 's', 'split', 'l', 'h', 'SPY')")
            connection.execute(
                "INSERT INTO models VALUES ('v1', 'm', '2020-01-03', 'f', '{}', '', repeat('0', 64), now())"
            )
        with Ledger.start(
            pool,
            market_id="m",
            world="rehearsal",
            account_id=None,
            period=Period(first=market.hours[0].session, last=market.hours[-1].session),
            key=RunKey(config_hash="c" * 64, model_version="v1", data_hash="d" * 64),
            starting_cash=CASH,
            at_wall=datetime(2026, 1, 1, tzinfo=UTC),
            at_market=market.hours[0].open_at,
        ) as ledger:
            return ledger.run_id


def differences(connection: psycopg.Connection, broker: AlpacaBroker, cash: Decimal) -> list[str]:
    """What the record of the only run says otherwise than the broker, whose account began with `cash`."""
    rows = connection.execute(
        "SELECT client_order_id, broker_order_id, status, quantity, filled_quantity, filled_avg_price FROM orders"
    ).fetchall()
    found = [f"{row[0]} is in doubt" for row in rows if row[2] in ("intent", "unknown")]
    ours = {row[0]: tuple(row[1:]) for row in rows if row[1] is not None}
    rows = broker._order_pages({"status": "all", "nested": True})
    theirs = dict(_told(item) for order in map(read_order, rows) for item in (order, *order.legs))
    found += [f"order {name}: {ours.get(name)}, at the broker {theirs.get(name)}" for name in _unequal(ours, theirs)]
    fills = {item.execution_id: (item.quantity, item.price) for item in broker.fills(None)}
    booked = _our_fills(connection)
    found += [f"fill {name}: {booked.get(name)}, at the broker {fills.get(name)}" for name in _unequal(booked, fills)]
    held, holdings = {item.ticker: item.quantity for item in broker.positions()}, _our_holdings(connection)
    found += [f"{name}: {holdings.get(name)}, at the broker {held.get(name)}" for name in _unequal(holdings, held)]
    expected, there = cash + _traded(connection) + broker.dividends_paid(), broker.account().cash
    return found if expected == there else [*found, f"cash: {expected}, at the broker {there}"]


def _told(order: BrokerOrder) -> tuple[str, tuple]:
    sizes = (order.quantity, order.filled_quantity, order.filled_avg_price)
    return order.client_order_id, (order.id, order.status.value, *sizes)


def _unequal(ours: dict, theirs: dict) -> list[str]:
    return sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))


def _our_fills(connection: psycopg.Connection) -> dict[str, tuple]:
    rows = connection.execute("SELECT execution_id, quantity, price FROM fills").fetchall()
    return {name: (quantity, price) for name, quantity, price in rows}


def _our_holdings(connection: psycopg.Connection) -> dict[str, Decimal]:
    rows = connection.execute("SELECT ticker, sum(quantity) FROM positions GROUP BY ticker HAVING sum(quantity) > 0")
    return dict(rows.fetchall())


def _traded(connection: psycopg.Connection) -> Decimal:
    sign = "CASE side WHEN 'buy' THEN -1 ELSE 1 END"
    (moved,) = connection.execute(f"SELECT coalesce(sum({sign} * quantity * price), 0) FROM fills").fetchone()
    return moved


def _tell(told: Addresses) -> None:
    sys.stdout.write(json.dumps(plain(asdict(told)), indent=2) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    options = json.loads(sys.argv[1])
    serve(serving(crash_market(options["seed"]), state=options["state"], port=options["port"]), _tell)
