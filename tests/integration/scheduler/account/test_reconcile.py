"""The record held against an account over HTTP, to the cent."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from psycopg import connect
from tenthman_broker_battery import BATTERY_CASH, battery_market
from tenthman_crash import begin
from tenthman_crash_desk import Intent, decided, desk_of
from tenthman_exchange import SETTINGS, served

from tenthman.db.pool import Pool
from tenthman.decision import Decided
from tenthman.domain.errors import ConfigError
from tenthman.exchange.process import ExchangeProcess
from tenthman.execution.trial import TrialBroker
from tenthman.scheduler.account.reconcile import reconcile
from tenthman.scheduler.account.run_lots import lots_of_run
from tenthman.scheduler.desk.orchestrator import act, settle
from tenthman.scheduler.desk.timeline import Step, StepKind
from tenthman.scheduler.state.ledger import Ledger

MARKET = battery_market()
AAA = Intent(
    ticker="AAA",
    quantity=10,
    limit=Decimal("101.00"),
    stop=Decimal("95.00"),
    target=Decimal("120.00"),
    worth=Decimal("100.00"),
)
PAY = Intent(ticker="PAY", quantity=10, limit=Decimal("41.00"), stop=Decimal("30.00"), target=Decimal("60.00"))


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[ExchangeProcess]:
    with served(MARKET, MARKET.hours[0].open_at, tmp_path, cash=BATTERY_CASH, pays_dividends=True) as process:
        yield process


def test_cash_shares_and_executions_agree_and_profit_is_told(
    exchange: ExchangeProcess, fresh_database_url: str, pool: Pool
) -> None:
    broker = TrialBroker(exchange.rest_url, exchange.key, exchange.secret, SETTINGS)
    run = begin(fresh_database_url, MARKET)
    hours, later = MARKET.hours[0], MARKET.hours[2]
    with Ledger.join(pool, run) as ledger:
        desk = desk_of(ledger, broker, hours.session)
        for intent in (AAA, PAY):
            act(desk, Decided(decision=decided(intent, hours.session, hours.open_at), case=None), hours.open_at)
        exchange.advance(later.open_at + timedelta(hours=1))
        before = reconcile(pool, run, broker)
        assert not before.agrees, "the stop of AAA has filled, and nobody has settled since"
        settle(desk, Step(at=later.open_at, session=later.session, kind=StepKind.CHECK))
    found = reconcile(pool, run, broker)
    assert found.agrees, found.lines
    assert [line.what for line in found.lines] == ["cash", "orders in doubt", "executions", "shares of PAY"]
    assert (found.dividends, [line.record for line in found.lines[2:]]) == (Decimal(5), [Decimal(3), Decimal(10)])
    with connect(fresh_database_url) as connection:
        (fees,) = connection.execute("SELECT sum(fees_usd) FROM fills").fetchone()
    assert sum(amount for _, amount in found.fees) == fees > 0
    bought, sold = (Decimal("100.04"), Decimal("89.94"))
    assert found.realised == 10 * (sold - bought) - fees
    (position,) = broker.positions()
    by_purpose = {item.purpose: item for item in found.slippage}
    assert list(by_purpose) == ["entry", "stop", "all"]
    stop = by_purpose["stop"]
    assert (stop.orders, stop.expected_usd, stop.cost_usd) == (1, Decimal("950.00"), Decimal("50.60")), (
        "89.94 for 95.00"
    )
    assert stop.basis_points == Decimal("532.6")
    entry = by_purpose["entry"]
    assert (entry.orders, entry.decided_usd, entry.shortfall_usd) == (2, Decimal("1000.00"), Decimal("0.40"))
    assert entry.shortfall_bp == Decimal("4.0"), "100.04 for 100.00; of PAY the price at the decision is not on record"
    assert (stop.decided_usd, stop.shortfall_bp) == (0, 0), "nobody decides a stop when it is hit"
    assert by_purpose["all"].cost_usd == stop.cost_usd + by_purpose["entry"].cost_usd
    gain = 10 * (position.current_price - position.avg_entry_price)
    assert found.unrealised == gain.quantize(Decimal("0.01"))
    book, prices = lots_of_run(pool, run)
    assert sum(sale.realised for sale in book.sales) + sum(-lot.fees for lot in book.lots) == found.realised
    (lot,) = book.lots
    assert (lot.ticker, lot.quantity, lot.cost) == ("PAY", 10, 10 * position.avg_entry_price)
    assert list(prices) == ["PAY"]


def test_what_somebody_else_bought_shows_as_a_difference(
    exchange: ExchangeProcess, fresh_database_url: str, pool: Pool
) -> None:
    broker = TrialBroker(exchange.rest_url, exchange.key, exchange.secret, SETTINGS)
    run = begin(fresh_database_url, MARKET)
    assert not [line for line in reconcile(pool, run, broker).lines if not line.agrees]
    body = {"symbol": "BBB", "side": "buy", "qty": 3, "type": "market", "time_in_force": "day"}
    broker.place({**body, "client_order_id": "by-hand"})
    differing = {line.what: line.broker - line.record for line in reconcile(pool, run, broker).lines if not line.agrees}
    assert differing.pop("cash") < 0
    assert differing == {"shares of BBB": Decimal(3)}


def test_a_run_that_is_not_there_has_nothing_to_reconcile(exchange: ExchangeProcess, pool: Pool) -> None:
    broker = TrialBroker(exchange.rest_url, exchange.key, exchange.secret, SETTINGS)
    with pytest.raises(ConfigError, match="has nothing on record"):
        reconcile(pool, "00000000-0000-4000-8000-000000000000", broker)
