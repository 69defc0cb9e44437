"""Splits that the account or the market does not tell of, and desks that die amid one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from tenthman_crash_desk import Intent
from tenthman_markets import HALT, small_market
from tenthman_share_changes import CASH, MARKET, Scene, bought, inside_scene, served_scene, sold

from tenthman.data.flags import FlagStore
from tenthman.data.sources import ActionKind, CorporateAction
from tenthman.db.pool import Pool
from tenthman.domain.broker import PriceChange
from tenthman.domain.errors import BrokerUnavailable, ConfigError
from tenthman.domain.market import Rename
from tenthman.domain.shares import ShareChange, ratio_of
from tenthman.scheduler.account.book import flatten
from tenthman.scheduler.account.market_shares import MarketShares
from tenthman.scheduler.account.paid_out import enter_payout
from tenthman.scheduler.account.reconcile import reconcile
from tenthman.scheduler.account.run_lots import lots_of_run
from tenthman.scheduler.account.share_watch import ShareWatch
from tenthman.scheduler.desk.timeline import StepKind
from tenthman.scheduler.state.ledger import Ledger

EX_DATE = MARKET.hours[1].session
SPLIT = ShareChange(ticker="AAA", on=EX_DATE, ratio=ratio_of(2), becomes="AAA")


def alerts(scene: Scene, subject: str) -> list[dict]:
    return [told for name, told, _ in scene.desk.ledger.alerts if name == subject]


def told_to(scene: Scene, *changes: ShareChange) -> Scene:
    """The same desk, whose market tells of `changes` whatever happens."""

    def tells(tickers, first, at, /, *, urgent):
        return tuple(item for item in changes if item.ticker in tickers and item.on <= at.date())

    return replace(scene, desk=replace(scene.desk, shares=ShareWatch(tells)))


def test_a_split_that_the_account_does_not_show_is_an_alert_once_a_day_and_the_trade_goes_on() -> None:
    scene = told_to(inside_scene(), SPLIT)
    scene.act(bought(100, stop="95.00"))
    for row in (1, 2):
        for minutes, kind in ((10, StepKind.MORNING), (20, StepKind.CHECK), (30, StepKind.CLOSE)):
            scene.into(row, minutes, settles=False)
            scene.go(scene.now, kind)
    told = alerts(scene, "split not shown")
    assert [(item["ticker"], item["change"], item["held"]) for item in told] == [
        ("AAA", "2 for 1 from 2020-01-07 on", Decimal(100))
    ] * 2, "once in each session"
    assert "runbook" in told[0]["do"]
    assert alerts(scene, "shares differ") == []
    scene.world.gap(0.9)
    scene.into(3)
    record = scene.desk.ledger
    assert record.holdings(scene.now) == {}, "the stop sold what was held"
    assert record.share_changes() == ()


def test_orders_that_rest_at_the_price_of_before_a_split_are_told_each_day_until_somebody_replaces_them() -> None:
    scene = inside_scene()
    scene.act(bought(100, stop="20.01", target="300.00"))
    scene.go(scene.now, StepKind.CLOSE)
    assert alerts(scene, "price of before a split") == []
    scene.world.split(2, 1, whole=False)
    for row in (1, 2):
        scene.into(row, settles=False)
        for kind in (StepKind.MORNING, StepKind.CLOSE):
            scene.go(scene.now, kind)
    told = alerts(scene, "price of before a split")
    prices = {(item["price"], item["in_new_shares"]) for item in told}
    assert prices == {(Decimal("20.01"), Decimal("10.01")), (Decimal("300.00"), Decimal("150.00"))}
    assert len(told) == 4, "each once a day"
    assert "runbook" in told[0]["do"]
    for order in flatten(scene.desk.broker.open_orders()):
        if order.stop_price is not None:
            scene.desk.broker.replace(order.id, PriceChange(client_order_id="mine", stop_price=Decimal("10.01")))
    scene.into(3, settles=False)
    scene.go(scene.now, StepKind.CLOSE)
    assert [item["price"] for item in alerts(scene, "price of before a split")[4:]] == [Decimal("300.00")]


@pytest.fixture
def silent(fresh_database_url: str, pool: Pool) -> Iterator[Scene]:
    """The market tells nothing of splits."""
    with served_scene(fresh_database_url, pool, told=False) as found:
        yield found


def test_a_split_that_nobody_tells_is_handed_to_a_person_and_nothing_is_lost_or_sold_twice(
    silent: Scene, pool: Pool
) -> None:
    silent.act(bought(100, stop="95.00"))
    silent.world.split(3, 1, whole=False)
    silent.into(1)
    assert silent.act(sold(200)), "the desk sells what the account holds"
    silent.into(2)
    run, broker = silent.desk.ledger.run_id, silent.desk.broker
    with pool.connection() as connection:
        told = connection.execute(
            "SELECT payload::json ->> 'sales_not_booked', payload::json ->> 'do' FROM audit_events "
            "WHERE subject = 'shares differ' ORDER BY sequence"
        ).fetchall()
    assert [number for number, _ in told] == ["0", "1", "1"], "at each new difference, and the next day"
    assert all("tenthman broker split" in what for _, what in told)
    differing = {line.what for line in reconcile(pool, run, broker).lines if not line.agrees}
    assert "executions" in differing
    assert broker.positions() == []

    split = CorporateAction(ticker="AAA", ex_date=EX_DATE, kind=ActionKind.SPLIT, value=3.0)
    flags = FlagStore(pool, "m")
    flags.save_actions([split], "person", silent.now)
    told_now = MarketShares(flags, _Silent(), ())
    scene = replace(silent, desk=replace(silent.desk, shares=ShareWatch(told_now)))
    scene.into(3)
    assert reconcile(pool, run, broker).agrees
    with pool.connection() as connection:
        ((realised, fees),) = connection.execute("SELECT realised_usd, fees_usd FROM positions").fetchall()
    assert realised == pytest.approx(broker.account().cash - CASH - fees, abs=Decimal("1e-9"))


class _Silent:
    """A source that does not answer."""

    name = "silent"

    def actions(self, tickers, first, last):
        raise BrokerUnavailable("no answer")


def test_a_source_that_does_not_answer_is_left_alone_for_five_minutes(pool: Pool) -> None:
    asked: list[tuple[str, ...]] = []

    class Counted(_Silent):
        def actions(self, tickers, first, last):
            asked.append(tuple(tickers))
            return super().actions(tickers, first, last)

    shares, begun = MarketShares(FlagStore(pool, "m"), Counted(), ()), MARKET.hours[1].open_at
    for minutes, name in ((0, "AAA"), (1, "AAA"), (4, "BBB"), (5, "AAA")):
        assert shares([name], EX_DATE, begun + timedelta(minutes=minutes), urgent=True) == ()
    assert asked == [("AAA",), ("AAA",)]


class Died(Exception):
    """The desk is gone."""


class Mortal(Ledger):
    """A record whose desk dies when it has committed so many times."""

    left = -1

    @contextmanager
    def _recording(self):
        with super()._recording() as cursor:
            yield cursor
        self.left -= 1
        if self.left == 0:
            raise Died


def test_a_desk_that_dies_at_any_commit_amid_a_split_has_the_same_record_after_its_next_start(
    fresh_database_url: str, pool: Pool
) -> None:
    market = small_market({"AAA": [(100.0, 101.0, 99.0, 100.0)] * 14})
    deaths = range(1, 14)
    expected = inside_scene(market)
    for row in deaths:
        _round(expected, row, lambda _settles: None)
    with served_scene(fresh_database_url, pool, market=market) as scene:
        run = scene.desk.ledger.run_id
        scene.desk.ledger.close()
        died = 0
        with Mortal.join(pool, run) as ledger:
            mortal = replace(scene, desk=replace(scene.desk, ledger=ledger))

            def dies(settles: Callable[[], None], at: int) -> None:
                nonlocal died
                ledger.left = at
                try:
                    settles()
                except Died:
                    died += 1
                ledger.left = -1

            for row in deaths:
                _round(mortal, row, lambda settles, at=row: dies(settles, at))
            found = reconcile(pool, run, mortal.desk.broker)
            assert found.agrees, found.lines
            assert died > 8, "a settling amid a split commits that often"
            assert ledger.share_changes() == expected.desk.ledger.share_changes()
            assert len(ledger.share_changes()) == len(deaths)
            with pool.connection() as connection:
                fills = connection.execute("SELECT side, quantity, price FROM fills").fetchall()
            ours = [(fill.side.value, fill.quantity, fill.price) for fill, _ in expected.desk.ledger.fills]
            assert sorted(fills) == sorted(ours)


def _round(scene: Scene, row: int, dying: Callable[[Callable[[], None]], None]) -> None:
    """Buy, go through a split in the night whose stop sells, settle (and die on the way), settle again, sell the rest.

    Prices double and halve in turn.
    """
    new, old = ((2, 1), (1, 2))[row % 2]
    limit = "101.00" if row % 2 else "202.00"
    stop = "96.00" if row % 2 == 0 else "50.00"
    intent = replace(bought(12, stop=stop, target="900.00"), limit=Decimal(limit))
    scene.act(intent)
    scene.world.split(new, old, whole=False)
    scene.into(row, settles=False)
    dying(lambda: scene.go(scene.now))
    scene.go(scene.now)
    held = scene.desk.ledger.holdings(scene.now)
    if "AAA" in held:
        scene.act(sold(int(held["AAA"].quantity)))


def test_shares_that_were_taken_away_for_cash_are_closed_by_a_person(fresh_database_url: str, pool: Pool) -> None:
    with served_scene(fresh_database_url, pool) as scene:
        scene.act(bought(100))
        ledger, broker, day = scene.desk.ledger, scene.desk.broker, MARKET.hours[1].session
        with pytest.raises(ConfigError, match="the account must hold no AAA any more, it holds 100"):
            enter_payout(ledger, broker, "AAA", day, Decimal("54.20"), scene.now)
        scene.into(1)

        class Gone:
            """What is left of the account after a take-over."""

            def positions(self) -> list:
                return []

        with pytest.raises(ConfigError, match="must be after the entry on 2020-01-06"):
            enter_payout(ledger, Gone(), "AAA", MARKET.hours[0].session, Decimal("54.20"), scene.now)
        assert enter_payout(ledger, Gone(), "AAA", day, Decimal("54.20"), scene.now) == 100
        with pytest.raises(ConfigError, match="must be held by the record"):
            enter_payout(ledger, Gone(), "AAA", day, Decimal("54.20"), scene.now)
        with pool.connection() as connection:
            row = connection.execute("SELECT exit_reason, avg_exit_price, quantity FROM positions").fetchone()
        assert row == ("delisted", Decimal("54.20"), Decimal(0))


def test_dividends_and_a_delisting_while_held_agree_to_the_cent(fresh_database_url: str, pool: Pool) -> None:
    bars = [(100.0, 101.0, 99.0, 100.0)] * 3
    market = small_market({"AAA": [*bars, HALT, HALT], "BBB": [*bars, *bars[:2]]}, dividends={"AAA": {1: 0.37}})
    with served_scene(fresh_database_url, pool, market=market) as scene:
        scene.act(bought(33))
        for row in (1, 2, 3):
            scene.into(row)
        found = reconcile(pool, scene.desk.ledger.run_id, scene.desk.broker)
        assert found.agrees, found.lines
        assert found.dividends == Decimal("12.21")
        with pool.connection() as connection:
            ((reason, realised, fees),) = connection.execute(
                "SELECT exit_reason, realised_usd, fees_usd FROM positions"
            ).fetchall()
            alerts = connection.execute("SELECT count(*) FROM audit_events WHERE subject = 'shares differ'").fetchone()
        assert reason == "delisted"
        assert realised == scene.desk.broker.account().cash - CASH - found.dividends - fees
        assert alerts == (0,)


def test_a_new_name_keeps_the_trade_its_own(fresh_database_url: str, pool: Pool) -> None:
    """The record knows AAA, and the next release of the universe calls it NEW, as the account does."""
    with served_scene(fresh_database_url, pool) as scene:
        scene.act(bought(100))
        scene.into(1)
        renamed = Rename(old="AAA", new="NEW", on=MARKET.hours[1].session)
        scene.world.server.control("POST", "incidents", {"kind": "rename", "symbol": "AAA", "to": "NEW"})
        shares = ShareWatch(MarketShares(FlagStore(pool, "m"), _Silent(), (renamed,)))
        named = replace(scene, desk=replace(scene.desk, shares=shares))
        named.go(scene.now)
        ledger = scene.desk.ledger
        assert set(ledger.open_trades()) == {"NEW"}
        named.into(2)
        named.act(replace(sold(100), ticker="NEW"))
        assert ledger.open_trades() == {}
        assert reconcile(pool, ledger.run_id, scene.desk.broker).agrees
        book, _ = lots_of_run(pool, ledger.run_id)
        with pool.connection() as connection:
            ((realised, ticker),) = connection.execute("SELECT realised_usd, ticker FROM positions").fetchall()
        assert (realised, ticker) == (book.realised, "NEW")


def test_a_sale_that_waits_for_a_person_keeps_no_other_name_from_following_its_split() -> None:
    """AAA was split and nobody tells; what is sold of it is more than the record holds. Later BBB is split and told."""
    scene = told_to(inside_scene(), replace(SPLIT, ticker="BBB", becomes="BBB", on=MARKET.hours[3].session))
    scene.act(bought(100))
    scene.act(Intent(ticker="BBB", quantity=10, limit=Decimal("51.00"), stop=Decimal("5.00"), target=Decimal("90.00")))
    scene.world.split(2, 1, whole=False)
    scene.into(1)
    assert scene.act(sold(200)), "the desk sells what the account holds"
    scene.into(2)
    scene.world.split(2, 1, whole=False, symbol="BBB")
    scene.into(3)
    assert alerts(scene, "shares differ")[-1]["sales_not_booked"] == 1
    held = scene.desk.ledger.holdings(scene.now)
    assert {name: item.quantity for name, item in held.items()} == {"AAA": Decimal(100), "BBB": Decimal(20)}
