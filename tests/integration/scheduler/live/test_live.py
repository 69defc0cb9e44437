"""The live desk, on our exchange instead of Alpaca and on a virtual clock instead of the wall."""

import os
import signal
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from tenthman.config import Config, load_config
from tenthman.data.alpaca import AlpacaMarketSource
from tenthman.data.calendar import sessions_between
from tenthman.data.sources import Daily
from tenthman.db.anchors import ANCHORS, read_anchors
from tenthman.db.audit import verify_anchored
from tenthman.db.supervisor import read_postmaster
from tenthman.domain.errors import BrokerUnavailable, ConfigError, SetupError
from tenthman.domain.market import MarketData
from tenthman.domain.order import TradingState
from tenthman.exchange.practice import make_practice_market, practice_range
from tenthman.exchange.process import ExchangeProcess
from tenthman.execution.client import AlpacaBroker
from tenthman.scheduler.clock import VirtualClock
from tenthman.scheduler.committee.holes import quote_from, rules_alone
from tenthman.scheduler.desk.intraday import run_step
from tenthman.scheduler.desk.kill_switch import pull, release, switch_path
from tenthman.scheduler.live import trading as live
from tenthman.scheduler.live.trading import World, paper_world, trade
from tenthman.scheduler.state.ledger import Ledger, newest_run
from tenthman.scheduler.storage import open_storage

ACCOUNT = "a1b2c3d4-0000-4000-8000-000000000001"
FIRST = 340
"""The session in which the desk begins."""

NAMES = 40
"""So many of the market's securities are the desk's universe."""


@pytest.fixture
def config(tmp_path, fresh_database_url) -> Config:
    return load_config(None, {"TENTHMAN_HOME": str(tmp_path / "home"), "DATABASE_URL": fresh_database_url})


@pytest.fixture
def own_server(reachable_home) -> Config:
    """With an embedded server of its own, which can be restarted."""
    return load_config(None, {"TENTHMAN_HOME": str(reachable_home)})


@pytest.fixture
def without_a_language_model(monkeypatch):
    @contextmanager
    def no_model(config, _pool, news_store, gatherer):
        yield rules_alone(quote_from(gatherer.look, news_store, config), config.agents)

    monkeypatch.setattr(live, "open_holes", no_model)


@cache
def _market() -> MarketData:
    return make_practice_market(3, "planted", sessions_between(*practice_range())[: FIRST + 4])


@contextmanager
def _world(config: Config, log: Path):
    market = _market()
    start = market.hours[FIRST].open_at - timedelta(hours=12)
    cash = Decimal(100_000)
    with ExchangeProcess(market, config.settings.costs, cash, ACCOUNT, start, log) as exchange:
        broker = AlpacaBroker(exchange.rest_url, exchange.key, exchange.secret, config.settings.broker)
        yield World(
            broker=broker,
            source=AlpacaMarketSource(exchange.rest_url, exchange.key, exchange.secret, config.settings.broker),
            universe=replace(market.universe, listings=market.universe.listings[:NAMES]),
            clock=VirtualClock(start, exchange.advance),
            account_id=ACCOUNT,
        )


@pytest.mark.usefixtures("without_a_language_model")
def test_the_live_desk_fetches_history_trades_and_goes_on_where_it_stopped(config, tmp_path):
    said: list[str] = []
    with _world(config, tmp_path / "exchange.log") as world:
        trade(config, world, said.append, sessions=2)
        with open_storage(config) as pool:
            run = newest_run(pool, world="paper", account_id=ACCOUNT)
            assert run is not None
            opened = dict(Ledger.attach(pool, run).open_trades())
        assert opened, "two sessions on a planted market open positions"
        trade(config, world, said.append, sessions=1)
        with open_storage(config) as pool:
            assert newest_run(pool, world="paper", account_id=ACCOUNT) == run, "the same run goes on"
            held = {item.ticker: item.quantity for item in world.broker.positions()}
            assert set(Ledger.attach(pool, run).open_trades()) == set(held), "nothing is lost between two starts"
            anchors = read_anchors(config.home / ANCHORS)
            assert anchors is not None
            found = verify_anchored(pool, anchors.held)
            assert found.anchor == anchors.held[-1], "the chain was noted after each cycle"
            assert (len(anchors.held), {item.run_id for item in anchors.held}) == (9, {run})
    assert any(line.startswith("next: morning") for line in said)
    assert any("positions, active" in line for line in said)


@pytest.mark.usefixtures("without_a_language_model")
def test_a_halt_by_a_person_keeps_a_running_desk_from_entering(config, tmp_path):
    with _world(config, tmp_path / "exchange.log") as world:
        trade(config, world, lambda _: None, sessions=1)
        before = {item.ticker for item in world.broker.positions()}
        with open_storage(config) as pool:
            run = newest_run(pool, world="paper")
            assert run is not None
            ledger = Ledger.attach(pool, run)
            ledger.set_trading_state(TradingState.HALTED, "a test", "person: tester", world.clock.now())
        trade(config, world, lambda _: None, sessions=1)
        assert {item.ticker for item in world.broker.positions()} <= before


@pytest.mark.usefixtures("without_a_language_model")
def test_the_kill_switch_sells_everything_and_taking_the_file_away_re_arms_nothing(config, tmp_path):
    said: list[str] = []
    with _world(config, tmp_path / "exchange.log") as world:
        trade(config, world, lambda _: None, sessions=1)
        assert world.broker.positions(), "a session on a planted market opens positions"
        pull(switch_path(config), TradingState.REDUCING, "a test", "person: tester", world.clock.now())
        trade(config, world, said.append, sessions=1)
        assert world.broker.positions() == []
        assert said[0].startswith("the kill switch is pulled")
        release(switch_path(config))
        trade(config, world, said.append, sessions=1)
        assert world.broker.positions() == []
        assert said[-1].endswith("0 positions, halted")


def _restart(home: Path) -> None:
    """End the server as an administrator would; its supervisor starts it again."""
    before = read_postmaster(home / "postgres")
    assert before is not None
    os.kill(before.pid, signal.SIGINT)
    deadline = time.monotonic() + 60
    while (now := read_postmaster(home / "postgres")) is None or now.pid == before.pid or not now.ready:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.usefixtures("without_a_language_model")
def test_a_desk_that_lost_its_run_to_a_restart_of_postgresql_stops_and_leaves_it_to_the_next(own_server, tmp_path):
    taken: list[Ledger] = []
    with _world(own_server, tmp_path / "exchange.log") as world, open_storage(own_server) as other:

        def say(line: str) -> None:
            if line.startswith("next: morning"):
                _restart(own_server.home)
                run = newest_run(other, world="paper", account_id=ACCOUNT)
                assert run is not None
                taken.append(Ledger.join(other, run))

        with pytest.raises(SetupError, match=r"keeps other desks out of run .* was lost"):
            trade(own_server, world, say, sessions=1)
        with taken[0] as ledger:
            assert world.broker.positions() == []
            assert world.broker.open_orders() == []
            with other.connection() as connection:
                kinds = connection.execute("SELECT DISTINCT kind FROM audit_events").fetchall()
            assert "decision" not in {kind for (kind,) in kinds}, "the desk that lost the run decided nothing more"
            ledger.reached(world.clock.now())


@pytest.mark.usefixtures("without_a_language_model")
def test_a_broker_that_does_not_answer_costs_a_step_and_not_the_desk(config, tmp_path, monkeypatch):
    said: list[str] = []
    with _world(config, tmp_path / "exchange.log") as world:
        real, calls = world.broker.account, iter(range(100))

        def sometimes():
            if next(calls) in (2, 3):
                raise BrokerUnavailable("no answer within 20 s")
            return real()

        monkeypatch.setattr(world.broker, "account", sometimes)
        trade(config, world, said.append, sessions=1)
    assert any(line.startswith("failed: no answer") for line in said)
    assert "positions, active" in said[-1], "later steps were kept"


@pytest.mark.usefixtures("without_a_language_model")
def test_a_second_source_that_tells_other_prices_keeps_the_desk_from_entering_and_every_alert_is_on_record(
    config, tmp_path, monkeypatch
):
    class Other:
        """The first source's bars, five per cent higher."""

        name, price_basis = "Other", "split-adjusted"

        def daily(self, tickers, first, last, seen_at):
            bars = world.source.daily(tickers, first, last, seen_at).bars
            raised = [{key: getattr(bar, key) * 1.05 for key in ("open", "high", "low", "close")} for bar in bars]
            return Daily(bars=tuple(replace(bar, **prices) for bar, prices in zip(bars, raised, strict=True)))

    doubted = []

    def step_and_ask(desk, step):
        book = run_step(desk, step)
        doubted.append(desk.doubted(step.session))
        return book

    monkeypatch.setattr(live, "run_step", step_and_ask)
    with _world(config, tmp_path / "exchange.log") as plain:
        world = replace(plain, second=Other())
        trade(config, world, lambda _: None, sessions=1)
        assert list(world.broker.positions()) == []
        with open_storage(config) as pool, pool.connection() as connection:
            rows = connection.execute(
                "SELECT subject, count(*) FROM audit_events WHERE kind = 'alert' GROUP BY subject"
            ).fetchall()
        elsewhere = AlpacaMarketSource(None, "key", "secret", config.settings.broker, name="http://localhost as Alpaca")
        with pytest.raises(ConfigError, match="must not be mixed with the bars of Alpaca in this store"):
            trade(config, replace(world, source=elsewhere), lambda _: None, sessions=1)
    traded = _market().hours[FIRST].session
    assert len({ticker for ticker, day in doubted[-1] if day == traded}) > NAMES / 2, "flagged bars raise no stops"
    alerts = dict(rows)
    assert alerts["bars flagged"] == 2, "at the start, and of the session that was traded"
    assert alerts["sits out"] >= 1, "a planted market has something to buy"


def test_paper_trading_is_refused_unless_the_settings_say_so(config):
    with pytest.raises(ConfigError, match=r"broker\.endpoint"):
        paper_world(config)
