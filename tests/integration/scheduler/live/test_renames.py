"""A held name is renamed at the broker while the desk trades: it stays one holding, one history, one ticker."""

import json
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from tenthman_exchange import SETTINGS as BROKER

from tenthman.config import Config, load_config
from tenthman.data.alpaca import AlpacaMarketSource
from tenthman.data.bars import BarStore
from tenthman.data.calendar import sessions_between
from tenthman.data.spellings import SpellingStore
from tenthman.domain.market import NEW_YORK, MarketData, Rename
from tenthman.domain.order import OrderType
from tenthman.exchange.practice import make_practice_market, practice_range
from tenthman.exchange.process import ExchangeProcess
from tenthman.execution.client import AlpacaBroker
from tenthman.scheduler.account.reconcile import reconcile
from tenthman.scheduler.clock import VirtualClock
from tenthman.scheduler.committee.holes import quote_from, rules_alone
from tenthman.scheduler.gathering.live_market import MARKET_ID
from tenthman.scheduler.live import trading as live
from tenthman.scheduler.live.trading import World, respelled, trade
from tenthman.scheduler.state.ledger import Ledger, newest_run
from tenthman.scheduler.storage import open_storage

ACCOUNT = "a1b2c3d4-0000-4000-8000-000000000002"
FIRST = 340
"""The session in which the desk begins."""

NAMES = 30
"""So many of the market's securities are the desk's universe."""


@pytest.fixture
def config(tmp_path, fresh_database_url, monkeypatch) -> Config:
    @contextmanager
    def no_model(config, _pool, news_store, gatherer):
        yield rules_alone(quote_from(gatherer.look, news_store, config), config.agents)

    monkeypatch.setattr(live, "open_holes", no_model)
    return load_config(None, {"TENTHMAN_HOME": str(tmp_path / "home"), "DATABASE_URL": fresh_database_url})


def _market() -> MarketData:
    return make_practice_market(3, "planted", sessions_between(*practice_range())[: FIRST + 4])


@contextmanager
def _exchange(config: Config, log: Path):
    market = _market()
    start = market.hours[FIRST].open_at - timedelta(hours=12)
    with ExchangeProcess(market, config.settings.costs, Decimal(100_000), ACCOUNT, start, log) as exchange:
        yield (
            exchange,
            World(
                broker=AlpacaBroker(exchange.rest_url, exchange.key, exchange.secret, BROKER),
                source=AlpacaMarketSource(exchange.rest_url, exchange.key, exchange.secret, BROKER),
                universe=replace(market.universe, listings=market.universe.listings[:NAMES]),
                clock=VirtualClock(start, exchange.advance),
                account_id=ACCOUNT,
            ),
        )


def test_what_is_held_and_protected_on_the_day_of_a_rename_stays_so_and_is_sold_under_the_new_name(config, tmp_path):
    with _exchange(config, tmp_path / "exchange.log") as (exchange, world):
        trade(config, world, lambda _: None, sessions=1)
        held = sorted(item.ticker for item in world.broker.positions())
        assert held, "a session on a planted market opens positions"
        old = held[0]
        world.clock.wait_until(world.clock.now() + timedelta(hours=13))
        exchange.play({"kind": "rename", "symbol": old, "to": "NEWNAME"})
        day = world.clock.now().astimezone(NEW_YORK).date()
        assert "NEWNAME" in {item.ticker for item in world.broker.positions()}
        trade(config, world, lambda _: None, sessions=1)
        with open_storage(config) as pool, pool.connection() as connection:
            rows = connection.execute("SELECT subject, payload FROM audit_events WHERE kind = 'alert'").fetchall()
            alerts = [(subject, json.loads(payload)) for subject, payload in rows]
            assert SpellingStore(pool, MARKET_ID).load(world.universe).renames == (
                Rename(old=old, new="NEWNAME", on=day),
            )
            assert [payload["tickers"] for subject, payload in alerts if subject == "renamed"] == [
                [f"{old} is NEWNAME from {day} on; in here it stays what it was called before"]
            ]
            assert not {"unprotected", "rename refused", "shares differ"} & {subject for subject, _ in alerts}
            assert "NEWNAME" not in BarStore(pool, MARKET_ID).spans([old, "NEWNAME"])
            last = BarStore(pool, MARKET_ID).spans([old])[old][1]
            assert last >= day, "its bars go on under the ticker that it had"
            run = newest_run(pool, world="paper", account_id=ACCOUNT)
            assert run is not None
            spelled, _ = respelled(world, pool)
            assert reconcile(pool, run, spelled.broker).agrees
            ours = {item.ticker for item in spelled.broker.positions()}
            assert set(Ledger.attach(pool, run).open_trades()) == ours
            stops = {item.ticker for item in _flat(spelled) if item.order_type is OrderType.STOP}
            assert ours <= stops, "each holding has its stop"


def _flat(world: World):
    return [item for order in world.broker.open_orders() for item in (order, *order.legs)]
