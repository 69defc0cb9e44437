"""Splits of what the desk holds: its record follows the account to the share and to the cent, and says so."""

from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from tenthman_share_changes import CASH, Scene, bought, inside_scene, served_scene, sold

from tenthman.db.pool import Pool
from tenthman.domain.shares import ShareChange
from tenthman.scheduler.account.reconcile import reconcile
from tenthman.scheduler.account.run_lots import lots_of_run
from tenthman.scheduler.outcomes.story import list_trades, story_lines, trade_story


def _by_stop(scene: Scene) -> None:
    """100 shares, two for one: the stop keeps its price and sells half at the open; the rest is sold bare."""
    scene.act(bought(100, stop="95.00"))
    scene.world.split(2, 1, whole=False)
    scene.into(1)
    scene.act(sold(100))


def _by_target(scene: Scene) -> None:
    """101 shares, three for two: half a share is paid in cash; the target sells 101 of 151, and the rest follows."""
    scene.act(bought(101, target="120.00"))
    scene.world.split(3, 2, whole=True)
    scene.into(1)
    scene.world.gap(2.0)
    scene.into(2)
    scene.act(sold(50))


def _by_time(scene: Scene) -> None:
    """105 shares, one for ten, sold at the market days later."""
    scene.act(bought(105))
    scene.world.split(1, 10, whole=True)
    scene.into(1)
    scene.into(3)
    scene.act(sold(10))


def _in_parts(scene: Scene) -> None:
    """Sold in parts before a split and after it, bought again between, and one for three keeps the fractions."""
    scene.act(bought(100))
    scene.act(sold(40))
    scene.world.split(2, 1, whole=False)
    scene.into(1)
    scene.act(sold(51))
    scene.world.split(1, 3, whole=False)
    scene.into(2)
    scene.act(sold(23))


def _unseen(scene: Scene) -> None:
    """Nobody settles until split and sale are over: the account shows the split by its executions alone."""
    scene.act(bought(100, stop="95.00"))
    scene.world.split(2, 1, whole=False)
    scene.into(1, settles=False)
    scene.world.split(3, 1, whole=False)
    scene.into(2)
    scene.act(sold(300))


SCRIPTS = [_by_stop, _by_target, _by_time, _in_parts, _unseen]


@pytest.fixture
def scene(fresh_database_url: str, pool: Pool) -> Iterator[Scene]:
    with served_scene(fresh_database_url, pool) as found:
        yield found


@pytest.mark.parametrize("script", SCRIPTS, ids=[item.__name__.strip("_") for item in SCRIPTS])
def test_trades_lots_and_account_agree_through_a_split_in_one_process_as_over_http(
    scene: Scene, pool: Pool, script: Callable[[Scene], None]
) -> None:
    script(scene)
    ledger, broker = scene.desk.ledger, scene.desk.broker
    found = reconcile(pool, ledger.run_id, broker)
    assert found.agrees, found.lines
    assert broker.positions() == []
    with pool.connection() as connection:
        ((fees, realised),) = connection.execute("SELECT sum(fees_usd), sum(realised_usd) FROM positions").fetchall()
        alerts = connection.execute("SELECT subject FROM audit_events WHERE kind = 'alert'").fetchall()
    book, _ = lots_of_run(pool, ledger.run_id)
    gained = broker.account().cash - CASH - fees
    assert realised == pytest.approx(gained, abs=Decimal("1e-9"))
    assert book.realised == pytest.approx(gained, abs=Decimal("1e-6"))
    assert book.lots == ()
    assert ("shares differ",) not in alerts

    inside = inside_scene()
    script(inside)
    record = inside.desk.ledger
    assert record.share_changes() == ledger.share_changes() != ()
    with pool.connection() as connection:
        told = connection.execute("SELECT ticker, side, quantity, price, fees_usd, filled_at FROM fills").fetchall()
    ours = [
        (fill.ticker, fill.side.value, fill.quantity, fill.price, cost, fill.filled_at) for fill, cost in record.fills
    ]
    assert sorted(ours, key=_when_and_how_much) == sorted(told, key=_when_and_how_much)
    assert [(point.at, point.equity, point.cash) for point in record.points] == [
        point for point in _points(pool) if point[0] > scene.market.hours[0].open_at
    ]


def _when_and_how_much(row: tuple) -> tuple:
    return row[5], row[1], row[2]


def _points(pool: Pool) -> list[tuple]:
    with pool.connection() as connection:
        return connection.execute("SELECT at, equity_usd, cash_usd FROM equity ORDER BY at").fetchall()


def test_an_open_trade_is_told_in_shares_as_they_are_today(scene: Scene, pool: Pool) -> None:
    scene.act(bought(101))
    scene.world.split(3, 2, whole=True)
    scene.into(1)
    with pool.connection() as connection:
        ((quantity, bought_in_all, entry, realised),) = connection.execute(
            "SELECT quantity, bought, avg_entry_price, realised_usd FROM positions"
        ).fetchall()
        ((paid, fraction),) = connection.execute(
            "SELECT price * fills.quantity, fills.quantity FROM fills JOIN orders USING (run_id, client_order_id) "
            "WHERE purpose = 'fraction'"
        ).fetchall()
    assert (quantity, bought_in_all, fraction) == (Decimal(151), Decimal("151.5"), Decimal("0.5"))
    (position,) = scene.desk.broker.positions()
    assert entry == pytest.approx(position.avg_entry_price, abs=Decimal("1e-6"))
    assert paid == Decimal("33.33"), "half a share at two thirds of the last close, to the cent below"
    assert realised == pytest.approx(paid - fraction * entry, abs=Decimal("0.02")), "less the fees of the entry"
    assert reconcile(pool, scene.desk.ledger.run_id, scene.desk.broker).agrees
    (change,) = scene.desk.ledger.share_changes()
    assert isinstance(change, ShareChange)
    assert change.text == "3 for 2 from 2020-01-07 on"
    (trade,) = list_trades(pool, None)
    told = "\n".join(story_lines(trade_story(pool, scene.desk.ledger.run_id, trade.decision_id)))
    assert "open: 151 held of 151.5 bought at 66.69" in told
    assert "shares changed, 3 for 2 from 2020-01-07 on: orders and fills before it" in told
