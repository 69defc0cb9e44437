"""One life of a desk that is to die: real record, real orders, real HTTP, ended at a step on its way.

A step is what a crash can fall between: a commit about to be made, a commit made, a request about to be sent, a request
sent, an answer received. They are counted through the whole life, so the same number is the same moment again.
"""

import json
import logging
import os
import re
import signal
import sys
import threading
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from multiprocessing.connection import Connection
from pathlib import Path

import psycopg
import structlog
import urllib3.connection
from tenthman_markets import session_hours

from tenthman.config import BrokerSettings, DatabaseSettings
from tenthman.db.pool import APPLICATION, open_pool
from tenthman.decision import Decided
from tenthman.domain.audit import Decision, Slot, client_order_id, decision_id
from tenthman.domain.broker import Broker
from tenthman.domain.errors import BrokerUnavailable
from tenthman.domain.findings import Check
from tenthman.domain.market import Listing, Universe
from tenthman.domain.opinion import Enter, Exit
from tenthman.domain.order import OrderType, Purpose, Side, SizedOrder, TimeInForce
from tenthman.execution.client import AlpacaBroker
from tenthman.scheduler.desk.orchestrator import Desk, act, cancel_entries, settle
from tenthman.scheduler.desk.timeline import Step, StepKind
from tenthman.scheduler.state.ledger import Ledger

PASSED = (Check(rule="crash", observed="1", limit="1", passed=True),)
BROKER = BrokerSettings(endpoint="exchange", connect_timeout_s=2, read_timeout_s=1.0, answer_timeout_s=10)
DATABASE = DatabaseSettings(pool_size=2, connect_timeout_s=10, statement_timeout_s=30)
_IDENTITY = re.compile(r"/[0-9a-f]{8}-[0-9a-f-]{27}|\?.*")


@dataclass(frozen=True, kw_only=True)
class Intent:
    """What the desk decides: an entry (prices in USD) or, without a limit, an exit; `worth`: a share's price then."""

    ticker: str
    quantity: int
    limit: Decimal | None = None
    stop: Decimal | None = None
    target: Decimal | None = None
    worth: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class Death:
    """How a life ends before its time. `how`: kill, database, exchange.

    At a step by its number, at the `nth` step of a name, or at a call of a Python function by its number.
    """

    how: str
    step: int = 0
    call: int = 0
    name: str = ""
    nth: int = 1


@dataclass(frozen=True, kw_only=True)
class Life:
    """All that one start of the desk is told. `posts` gets the name of each order that is put on the wire.

    A desk that is started again decides the same at a later time: names of orders follow from `decided_at`.
    """

    database: str
    rest: str
    key: str
    secret: str
    exchange_pid: int
    run: str
    session: date
    at: datetime
    decided_at: datetime
    intents: tuple[Intent, ...]
    withdraws: bool
    posts: Path
    death: Death | None = None


class _Steps:
    """Counts steps and calls, and dies when its time has come."""

    def __init__(self, life: Life, told: Connection) -> None:
        self._life = life
        self._told = told
        self._death = life.death
        self.steps = 0
        self.calls = 0
        self.names: list[str] = []

    def reach(self, name: str) -> None:
        self.steps += 1
        self.names.append(name)
        death = self._death
        if death is not None and (
            death.step == self.steps or (death.name == name and death.nth == self.names.count(name))
        ):
            self._die(name)

    def count(self, _frame: object, event: str, _argument: object) -> None:
        if event != "call":
            return
        self.calls += 1
        if self._death is not None and self._death.call == self.calls:
            self._die("at a call")

    def _die(self, name: str) -> None:
        how, self._death = self._death.how, None
        self._told.send(("dies", f"{how}: {name}", self.steps, self.calls))
        match how:
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "exchange":
                os.kill(self._life.exchange_pid, signal.SIGKILL)
            case "database":
                _cut_connections(self._life.database)


def live(life: Life, told: Connection) -> None:
    """Start, settle, decide, act, settle: what a desk does from its start on; it ends when the world is gone."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    steps = _Steps(life, told)
    _watch_commits(steps)
    _watch_requests(steps, life.posts)
    if life.death is not None and life.death.call:
        sys.setprofile(steps.count)
    try:
        _work(life)
    except (psycopg.OperationalError, BrokerUnavailable) as lost:
        told.send(("failed", str(lost), steps.steps, steps.calls))
        sys.exit(1)
    finally:
        sys.setprofile(None)
    told.send(("done", steps.names, steps.steps, steps.calls))


def _work(life: Life) -> None:
    with open_pool(life.database, DATABASE) as pool, Ledger.join(pool, life.run) as ledger:
        desk = desk_of(ledger, AlpacaBroker(life.rest, life.key, life.secret, BROKER), life.session)
        step = Step(at=life.at, session=life.session, kind=StepKind.CHECK)
        settle(desk, step)
        if life.withdraws:
            cancel_entries(desk, "drawn", life.at)
        for intent in life.intents:
            try:
                act(desk, Decided(decision=decided(intent, life.session, life.decided_at), case=None), life.at)
            except psycopg.errors.UniqueViolation:
                continue
        settle(desk, step)


def desk_of(ledger: Ledger, broker: Broker, session: date) -> Desk:
    """A desk that can act and settle in `session`, and has nothing to decide by."""
    return Desk(
        config=None,
        broker=broker,
        sight=None,
        ledger=ledger,
        model_of=None,
        holes=None,
        universe=Universe(listings=(_listing(),), index_ticker="SPY"),
        hours=(session_hours(session),),
        pause=lambda _seconds: None,
        rearm_after_sessions=None,
    )


def _listing() -> Listing:
    since = date(2000, 1, 3)
    return Listing(ticker="SPY", name="", issuer="SPY", sector="", aliases=(), member_from=since, member_to=None)


def decided(intent: Intent, session: date, at: datetime) -> Decision:
    """The decision to send an order; the same intent at the same time is the same decision."""
    purpose = Purpose.EXIT if intent.limit is None else Purpose.ENTRY
    identity = decision_id(session, Slot.CHECK, f"{intent.ticker}-{purpose.value}", "c", "v1", at)
    order = SizedOrder(
        client_order_id=client_order_id(identity, purpose.value),
        decision_id=identity,
        purpose=purpose,
        ticker=intent.ticker,
        side=Side.SELL if purpose is Purpose.EXIT else Side.BUY,
        quantity=Decimal(intent.quantity),
        order_type=OrderType.MARKET if purpose is Purpose.EXIT else OrderType.LIMIT,
        time_in_force=TimeInForce.DAY if purpose is Purpose.EXIT else TimeInForce.GTC,
        limit_price=intent.limit,
        stop_price=intent.stop,
        target_price=intent.target,
        checks=PASSED,
        decision_price=intent.worth,
    )
    return Decision(
        id=identity,
        session=session,
        slot=Slot.CHECK,
        as_of=at,
        ticker=intent.ticker,
        case_hash=None,
        signal=None,
        critiques=(),
        verdict=Exit(reason="horizon") if purpose is Purpose.EXIT else Enter(size_fraction=1.0),
        outcome=order,
        shadow=None,
        config_hash="c",
        model_version="v1",
    )


def _watch_commits(steps: _Steps) -> None:
    real = psycopg.Connection.commit

    def commit(connection: psycopg.Connection) -> None:
        if threading.current_thread() is not threading.main_thread():
            real(connection)
            return
        what = _recording()
        steps.reach(f"before the commit of {what}")
        real(connection)
        steps.reach(f"after the commit of {what}")

    psycopg.Connection.commit = commit


def _recording() -> str:
    """The method of the record that is committing."""
    frame = sys._getframe()
    while frame is not None:
        where, name = frame.f_code.co_filename, frame.f_code.co_name
        if "scheduler/state/" in where and not where.endswith("hold.py") and not name.startswith("_"):
            return name
        frame = frame.f_back
    return "a connection"


def _watch_requests(steps: _Steps, posts: Path) -> None:
    real_request = urllib3.connection.HTTPConnection.request
    real_response = urllib3.connection.HTTPConnection.getresponse
    asked = []

    def request(connection, method, url, body=None, *rest, **options):
        asked[:] = [f"{method} {_IDENTITY.sub('', url)}"]
        steps.reach(f"before {asked[0]}")
        if method == "POST":
            _note(posts, json.loads(body)["client_order_id"])
        real_request(connection, method, url, body, *rest, **options)
        steps.reach(f"sent {asked[0]}")

    def getresponse(connection):
        answer = real_response(connection)
        steps.reach(f"answered {asked[0]}")
        return answer

    urllib3.connection.HTTPConnection.request = request
    urllib3.connection.HTTPConnection.getresponse = getresponse


def _note(posts: Path, name: str) -> None:
    handle = os.open(posts, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, f"{name}\n".encode())
    os.close(handle)


def _cut_connections(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
            "AND application_name = %s AND pid <> pg_backend_pid()",
            [APPLICATION],
        )
