"""The ledger's promises, on a real PostgreSQL."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from tenthman_exchange import eventually
from tenthman_trades import (
    CHECK,
    MORNING,
    SESSION,
    case_of,
    critique_of,
    decision_of,
    entry_of,
    fill_of,
    seed_market,
    signal_of,
    told_of,
)
from tenthman_trades import begin as begin_run

from tenthman.config import DatabaseSettings
from tenthman.db.audit import verify
from tenthman.db.pool import Pool, open_pool
from tenthman.domain.audit import Decision, EventKind, RunKey, Slot, client_order_id, decision_id
from tenthman.domain.errors import DataCorrupt, SetupError
from tenthman.domain.opinion import (
    Abstain,
    Enter,
    Exit,
    Figure,
    Hold,
    Verdict,
    Veto,
)
from tenthman.domain.order import (
    BrokerOrder,
    Denial,
    Fill,
    OrderStatus,
    OrderType,
    Purpose,
    Side,
    SizedOrder,
    TimeInForce,
    TradingState,
    payout_order_id,
)
from tenthman.scheduler.record import Ending, OpenTrade, Unfinished
from tenthman.scheduler.state.ledger import Ledger
from tenthman.scheduler.state.rows import body_hash

WALL = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
KEY = RunKey(config_hash="c" * 64, model_version="v1", data_hash="d" * 64)
CASE = case_of(name="Apple", figures=(Figure(id="f1", name="momentum", value=0.4, unit="fraction"),))
RULES = critique_of(reasons=("trend",), cited=("f1",))
WHOLE = Enter(size_fraction=1.0)


def entry(quantity: int = 100, ticker: str = "AAPL") -> SizedOrder:
    decided = decision_id(SESSION, Slot.MORNING, ticker, "c", "v1", MORNING)
    return entry_of(decided, ticker, quantity=Decimal(quantity), client_order_id=client_order_id(decided, "entry"))


def decision(
    outcome: SizedOrder | Denial | None,
    verdict: Verdict = WHOLE,
    shadow: SizedOrder | None = None,
    ticker: str = "AAPL",
) -> Decision:
    decided = decision_id(SESSION, Slot.MORNING, ticker, "c", "v1", MORNING)
    made = decision_of(decided, ticker, case_hash=CASE.hash, signal=CASE.signal, critiques=(RULES,))
    return replace(made, verdict=verdict, outcome=outcome, shadow=shadow)


def exit_decision(reason: str = "horizon") -> Decision:
    decided = decision_id(SESSION, Slot.AFTERNOON, "AAPL", "c", "v1", MORNING)
    order = SizedOrder(
        client_order_id=client_order_id(decided, "exit"),
        decision_id=decided,
        purpose=Purpose.EXIT,
        ticker="AAPL",
        side=Side.SELL,
        quantity=Decimal(100),
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.DAY,
        limit_price=None,
        stop_price=None,
        target_price=None,
        checks=(CHECK,),
    )
    return replace(decision(order, Exit(reason=reason)), id=decided, slot=Slot.AFTERNOON, case_hash=None, critiques=())


def accepted(order: SizedOrder, broker_id: str, legs: bool = True) -> BrokerOrder:
    return told_of(order, broker_id, *((OrderType.LIMIT, OrderType.STOP) if legs else ()))


def fill(execution: str, broker_id: str, side: Side, quantity: int, price: str, minutes: int = 31) -> Fill:
    return fill_of(execution, broker_id, side, price, MORNING + timedelta(minutes=minutes), quantity)


def begin(pool: Pool, world: str = "rehearsal", account: str | None = None, key: RunKey = KEY) -> Ledger:
    return begin_run(pool, at_wall=WALL, world=world, account=account, key=key)


def rows(pool: Pool, query: str) -> list[tuple[object, ...]]:
    with pool.connection() as connection:
        return connection.execute(query.encode()).fetchall()


def events(pool: Pool) -> list[object]:
    return [row[0] for row in rows(pool, "SELECT kind FROM audit_events ORDER BY sequence")]


@pytest.fixture
def market(pool: Pool) -> Pool:
    seed_market(pool)
    return pool


@pytest.fixture
def ledger(market: Pool) -> Iterator[Ledger]:
    with begin(market) as started:
        yield started


def bought(ledger: Ledger) -> SizedOrder:
    """An entry of 100 that is with the broker and filled at 74.00 with fees of 1.00."""
    order = entry()
    ledger.record_decision(decision(order), CASE)
    ledger.record_submitted(order.client_order_id, accepted(order, "b1"), MORNING)
    ledger.record_fills([fill("e1", "b1", Side.BUY, 100, "74.00")], {"e1": Decimal("1.00")}, MORNING)
    return order


def test_a_started_run_is_active_and_has_its_starting_cash_as_the_first_point(ledger: Ledger, market: Pool) -> None:
    assert ledger.trading_state() is TradingState.ACTIVE
    assert rows(market, "SELECT session, equity_usd, peak_usd, day_start_usd FROM equity") == [
        (SESSION, *[100_000] * 3)
    ]
    assert ledger.interrupted == ()
    assert events(market) == ["run_started", "state_changed"]
    assert rows(market, "SELECT key_hash, status::text, config_hash FROM runs") == [(KEY.hash, "running", "c" * 64)]


def test_a_decision_its_case_critiques_and_intent_are_one_record(ledger: Ledger, market: Pool) -> None:
    order = entry()
    ledger.record_decision(decision(order), CASE)
    assert events(market)[2:] == ["decision", "order_intent"]
    assert rows(market, "SELECT hash, body ->> 'sector' FROM cases") == [(CASE.hash, "Technology")]
    assert rows(market, "SELECT role, reasons, cited, confidence_pct FROM critiques") == [
        ("rules", ["trend"], ["f1"], 70)
    ]
    assert rows(market, "SELECT client_order_id, status, quantity, limit_price, stop_price FROM orders") == [
        (order.client_order_id, "intent", Decimal(100), Decimal("74.50"), Decimal("72.10"))
    ]
    assert rows(
        market, "SELECT verdict::text, action, score, client_order_id, checks -> 0 ->> 'rule' FROM decisions"
    ) == [("enter", "buy", signal_of().score, order.client_order_id, "risk_per_trade")]
    assert [item.client_order_id for item in ledger.orders_in_doubt()] == [order.client_order_id]
    assert verify(market) == 4


def test_a_decision_recorded_twice_is_refused_and_leaves_no_event(ledger: Ledger, market: Pool) -> None:
    ledger.record_decision(decision(entry()), CASE)
    before = events(market)
    with pytest.raises(psycopg.errors.UniqueViolation):
        ledger.record_decision(decision(entry()), CASE)
    assert events(market) == before


def test_a_decision_whose_order_cannot_be_written_leaves_nothing(ledger: Ledger, market: Pool) -> None:
    first = entry()
    ledger.record_decision(decision(first), CASE)
    other = replace(entry(ticker="MSFT"), client_order_id=first.client_order_id)
    with pytest.raises(psycopg.errors.UniqueViolation):
        ledger.record_decision(decision(other, ticker="MSFT"), CASE)
    assert rows(market, "SELECT ticker FROM decisions") == [("AAPL",)]
    assert verify(market) == 4


def test_a_case_that_is_not_the_decisions_is_refused(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="`case` must be the one of `case_hash`"):
        ledger.record_decision(decision(entry()), None)


def test_a_denial_keeps_its_rule_and_its_checks(ledger: Ledger, market: Pool) -> None:
    failed = replace(CHECK, rule="max_positions", observed="15", limit="15", passed=False)
    ledger.record_decision(decision(Denial(ticker="AAPL", rule="max_positions", checks=(CHECK, failed))), CASE)
    assert rows(market, "SELECT denied_by, jsonb_array_length(checks), client_order_id FROM decisions") == [
        ("max_positions", 2, None)
    ]
    assert ledger.orders_in_doubt() == ()


def test_how_long_a_critic_took_does_not_change_the_hash_of_a_decision() -> None:
    made = decision(entry())
    slower = replace(made, critiques=(replace(RULES, latency_ms=9000),))
    bolder = replace(made, critiques=(replace(RULES, confidence_pct=71),))
    assert body_hash(made) == body_hash(slower)
    assert body_hash(made) != body_hash(bolder)


@pytest.mark.parametrize(
    ("verdict", "sent", "cause", "taken"),
    [
        (Veto(by="rules", reasons=("bad_news",)), None, "veto", 100),
        (Enter(size_fraction=0.5), 40, "shrink", 60),
        (Abstain(cause="timeout"), None, "abstain", 100),
        (Abstain(cause="timeout"), 50, "abstain", 50),
    ],
)
def test_what_the_committee_took_away_lives_on_as_a_shadow(
    ledger: Ledger, verdict: Verdict, sent: int | None, cause: str, taken: int
) -> None:
    ledger.record_decision(decision(None if sent is None else entry(sent), verdict, shadow=entry(100)), CASE)
    (shadow,) = ledger.open_shadows()
    assert (shadow.cause, shadow.quantity, shadow.horizon_sessions) == (cause, Decimal(taken), 10)
    assert (shadow.limit_price, shadow.opened_session) == (Decimal("74.50"), SESSION)


def test_a_shadow_of_which_all_was_sent_is_none(ledger: Ledger) -> None:
    ledger.record_decision(decision(entry(100), shadow=entry(100)), CASE)
    assert ledger.open_shadows() == ()


def test_a_shadow_ends_once(ledger: Ledger, market: Pool) -> None:
    made = decision(None, Veto(by="rules", reasons=("bad_news",)), shadow=entry())
    ledger.record_decision(made, CASE)
    ending = Ending(entry=Decimal("74.20"), exit=Decimal("72.00"), session=SESSION, reason="stop", fees=Decimal("0.30"))
    ledger.end_shadow(made.id, ending, Decimal("-220.30"), MORNING)
    assert ledger.open_shadows() == ()
    assert rows(market, "SELECT entry_price, exit_reason, pnl_usd, fees_usd FROM shadow_positions") == [
        (Decimal("74.20"), "stop", Decimal("-220.30"), Decimal("0.30"))
    ]
    with pytest.raises(ValueError, match="must be an open shadow"):
        ledger.end_shadow(made.id, ending, Decimal(0), MORNING)


def test_a_submitted_bracket_has_its_legs_as_rows(ledger: Ledger, market: Pool) -> None:
    order = entry()
    ledger.record_decision(decision(order), CASE)
    ledger.record_submitted(order.client_order_id, accepted(order, "b1"), MORNING)
    found = rows(market, "SELECT purpose, status, broker_order_id, parent_client_order_id FROM orders ORDER BY purpose")
    assert found == [
        ("entry", "accepted", "b1", None),
        ("stop", "held", "b1-stop", order.client_order_id),
        ("target", "held", "b1-limit", order.client_order_id),
    ]
    assert ledger.orders_in_doubt() == ()
    assert events(market)[-1] == "order_outcome"


def test_an_order_that_was_never_recorded_cannot_be_submitted(ledger: Ledger) -> None:
    order = entry()
    with pytest.raises(ValueError, match="must be a recorded order"):
        ledger.record_submitted(order.client_order_id, accepted(order, "b1"), MORNING)
    with pytest.raises(ValueError, match="must be a recorded order"):
        ledger.record_unknown(order.client_order_id, "timeout", MORNING)


def test_an_unknown_outcome_stays_in_doubt_until_it_is_found(ledger: Ledger, market: Pool) -> None:
    order = entry()
    ledger.record_decision(decision(order), CASE)
    ledger.record_unknown(order.client_order_id, "read timed out", MORNING)
    (doubt,) = ledger.orders_in_doubt()
    assert (doubt.client_order_id, doubt.never_arrived) == (order.client_order_id, False)
    assert ledger.sync_orders([accepted(order, "b1")], MORNING) == 3
    assert ledger.orders_in_doubt() == ()
    assert rows(market, "SELECT count(*) FROM orders WHERE error IS NOT NULL") == [(0,)]


def test_a_refused_order_is_over_and_says_why(ledger: Ledger, market: Pool) -> None:
    order = entry()
    ledger.record_decision(decision(order), CASE)
    ledger.record_refused(order.client_order_id, "insufficient buying power", MORNING)
    assert ledger.orders_in_doubt() == ()
    assert rows(market, "SELECT status, error FROM orders") == [("rejected", "insufficient buying power")]


def test_orders_are_brought_up_to_date_with_an_event_only_on_change(ledger: Ledger, market: Pool) -> None:
    order = entry()
    ledger.record_decision(decision(order), CASE)
    sent = accepted(order, "b1")
    ledger.record_submitted(order.client_order_id, sent, MORNING)
    before = len(events(market))
    assert ledger.sync_orders([sent], MORNING) == 0
    assert len(events(market)) == before
    partly = replace(
        sent, status=OrderStatus.PARTIALLY_FILLED, filled_quantity=Decimal(30), filled_avg_price=Decimal("74.1")
    )
    assert ledger.sync_orders([partly], MORNING) == 1
    assert len(events(market)) == before + 1
    assert rows(market, "SELECT status, filled_quantity FROM orders WHERE purpose = 'entry'") == [
        ("partially_filled", Decimal(30))
    ]


def test_an_order_of_somebody_else_is_left_alone(ledger: Ledger, market: Pool) -> None:
    assert ledger.sync_orders([accepted(entry(), "stranger")], MORNING) == 0
    assert rows(market, "SELECT count(*) FROM orders") == [(0,)]
    assert ledger.record_fills([fill("e9", "stranger", Side.BUY, 1, "74")], {}, MORNING) == ()


def test_an_order_is_unfinished_until_it_and_its_legs_are_over(ledger: Ledger) -> None:
    order = entry()
    ledger.record_decision(decision(order), CASE)
    assert ledger.unfinished_orders() == ()
    sent = accepted(order, "b1")
    ledger.record_submitted(order.client_order_id, sent, MORNING)
    unfinished = Unfinished(client_order_id=order.client_order_id, broker_order_id="b1", waits_for_legs=False)
    assert ledger.unfinished_orders() == (unfinished,)
    filled = replace(sent, status=OrderStatus.FILLED, filled_quantity=Decimal(100), filled_avg_price=Decimal(74))
    ledger.sync_orders([filled], MORNING)
    assert ledger.unfinished_orders() == (replace(unfinished, waits_for_legs=True),)
    over = tuple(replace(leg, status=OrderStatus.CANCELED) for leg in sent.legs)
    ledger.sync_orders([replace(filled, legs=over)], MORNING)
    assert ledger.unfinished_orders() == ()


def test_a_cancel_is_recorded_before_it_is_asked_for(ledger: Ledger, market: Pool) -> None:
    order = entry()
    ledger.record_decision(decision(order), CASE)
    ledger.record_cancel_requested(order.client_order_id, "unfilled at the close", MORNING)
    assert events(market)[-1] == "cancel_requested"


def test_a_fill_is_booked_once_however_often_it_is_reported(ledger: Ledger, market: Pool) -> None:
    bought(ledger)
    before = len(events(market))
    again = fill("e1", "b1", Side.BUY, 100, "74.00")
    assert ledger.record_fills([again, again], {"e1": Decimal("1.00")}, MORNING) == ()
    assert len(events(market)) == before
    assert rows(market, "SELECT quantity, fees_usd, realised_usd FROM positions") == [
        (Decimal(100), Decimal("1.00"), Decimal("-1.00"))
    ]


def test_a_trade_is_open_from_its_first_fill(ledger: Ledger) -> None:
    order = bought(ledger)
    assert ledger.open_trades() == {"AAPL": OpenTrade(decision_id=order.decision_id, opened_session=SESSION)}


@pytest.mark.parametrize(
    ("leg", "price", "reason", "realised"),
    [("b1-limit", "78.10", "target", "407.50"), ("b1-stop", "72.00", "stop", "-202.50")],
)
def test_a_leg_closes_the_trade_with_profit_or_loss_after_fees(
    ledger: Ledger, market: Pool, leg: str, price: str, reason: str, realised: str
) -> None:
    bought(ledger)
    sold = fill("e2", leg, Side.SELL, 100, price, minutes=90)
    assert ledger.record_fills([sold], {"e2": Decimal("1.50")}, MORNING) == (sold,)
    assert rows(market, "SELECT quantity, exit_reason, realised_usd, avg_exit_price, closed_at FROM positions") == [
        (Decimal(0), reason, Decimal(realised), Decimal(price), sold.filled_at)
    ]
    assert ledger.open_trades() == {}


def test_an_exit_order_closes_the_trade_for_the_decisions_reason_in_parts(ledger: Ledger, market: Pool) -> None:
    bought(ledger)
    leaving = exit_decision("horizon")
    ledger.record_decision(leaving, None)
    assert isinstance(leaving.outcome, SizedOrder)
    ledger.record_submitted(leaving.outcome.client_order_id, accepted(leaving.outcome, "b2", legs=False), MORNING)
    ledger.record_fills([fill("e2", "b2", Side.SELL, 40, "75.00")], {}, MORNING)
    assert rows(market, "SELECT quantity, exit_reason, closed_at, realised_usd FROM positions") == [
        (Decimal(60), None, None, Decimal("39.00"))
    ]
    ledger.record_fills([fill("e3", "b2", Side.SELL, 60, "76.00")], {"e3": Decimal("0.50")}, MORNING)
    assert rows(market, "SELECT quantity, exit_reason, realised_usd, avg_exit_price FROM positions") == [
        (Decimal(0), "horizon", Decimal("158.50"), Decimal("75.60"))
    ]


def test_a_pay_out_closes_the_trade_as_delisted_by_an_order_of_its_own(ledger: Ledger, market: Pool) -> None:
    entered = bought(ledger)
    paid = fill("e2", payout_order_id("AAPL"), Side.SELL, 100, "80.00", minutes=90)
    assert ledger.record_fills([paid], {}, MORNING) == (paid,)
    assert ledger.record_fills([paid], {}, MORNING) == ()
    assert rows(market, "SELECT quantity, exit_reason, realised_usd, avg_exit_price, closed_at FROM positions") == [
        (Decimal(0), "delisted", Decimal("599.00"), Decimal("80.00"), paid.filled_at)
    ]
    columns = "client_order_id, decision_id, status, filled_quantity, filled_avg_price, parent_client_order_id"
    assert rows(market, f"SELECT {columns} FROM orders WHERE purpose = 'delisted'") == [
        (payout_order_id("AAPL"), entered.decision_id, "filled", Decimal(100), Decimal("80.00"), None)
    ]
    assert events(market)[-2:] == [EventKind.ORDER_OUTCOME.value, EventKind.FILL.value]
    assert ledger.open_trades() == {}
    assert [order.broker_order_id for order in ledger.unfinished_orders()] == ["b1"], "its legs have not been looked up"
    assert verify(market) > 0


def test_a_pay_out_of_what_the_desk_does_not_hold_is_left_alone(ledger: Ledger, market: Pool) -> None:
    paid = fill("e2", payout_order_id("AAPL"), Side.SELL, 100, "80.00")
    assert ledger.record_fills([paid], {}, MORNING) == ()
    assert rows(market, "SELECT execution_id FROM fills") == []


def test_selling_more_than_is_held_stops_the_cycle_and_books_nothing(ledger: Ledger, market: Pool) -> None:
    bought(ledger)
    with pytest.raises(DataCorrupt, match="e2 sells 101 AAPL"):
        ledger.record_fills([fill("e2", "b1-stop", Side.SELL, 101, "72.00")], {}, MORNING)
    assert rows(market, "SELECT execution_id FROM fills") == [("e1",)]


def test_the_peak_never_falls_and_a_point_written_again_replaces_itself(ledger: Ledger, market: Pool) -> None:
    def at(hours: int, equity: str) -> Decimal:
        held = {"AAPL": (Decimal(100), Decimal("74.00"))}
        moment = MORNING + timedelta(hours=hours)
        return ledger.record_equity(moment, SESSION, Decimal(equity), Decimal(90_000), Decimal(100_000), held)

    assert at(1, "101000.10") == Decimal("101000.10")
    assert at(2, "99000") == Decimal("101000.10")
    assert at(2, "99500") == Decimal("101000.10")
    assert rows(market, "SELECT equity_usd, positions, holdings FROM equity ORDER BY at DESC LIMIT 1") == [
        (Decimal(99_500), 1, {"AAPL": {"quantity": "100", "price": "74.00"}})
    ]


def test_the_latch_tightens_by_itself_and_loosens_only_by_a_person(ledger: Ledger, market: Pool) -> None:
    assert ledger.set_trading_state(TradingState.REDUCING, "drawdown 3.1 %", "desk", MORNING)
    assert not ledger.set_trading_state(TradingState.REDUCING, "again", "desk", MORNING)
    assert ledger.set_trading_state(TradingState.HALTED, "flat", "desk", MORNING)
    for looser in (TradingState.REDUCING, TradingState.ACTIVE):
        assert not ledger.set_trading_state(looser, "better now", "desk", MORNING)
    assert ledger.trading_state() is TradingState.HALTED
    with pytest.raises(ValueError, match="`person` must not be empty"):
        ledger.rearm("reviewed", " ", MORNING)
    Ledger.attach(market, ledger.run_id).rearm("reviewed", "Ada", MORNING)
    assert ledger.trading_state() is TradingState.ACTIVE
    assert rows(market, "SELECT state, changed_by FROM trading_state ORDER BY sequence") == [
        ("active", "start"),
        ("reducing", "desk"),
        ("halted", "desk"),
        ("active", "Ada"),
    ]


def test_a_live_account_stays_halted_over_a_restart_and_a_rehearsal_does_not(market: Pool) -> None:
    for world, after in (("live", TradingState.HALTED), ("rehearsal", TradingState.ACTIVE)):
        with begin(market, world, "account-1") as first:
            first.set_trading_state(TradingState.HALTED, "drawdown", "desk", MORNING)
        with begin(market, world, "account-1") as second:
            assert second.trading_state() is after
    with begin(market, "live", "account-2") as other:
        assert other.trading_state() is TradingState.ACTIVE


def test_a_finished_run_says_so_once(ledger: Ledger, market: Pool) -> None:
    ledger.reached(MORNING)
    ledger.finish(WALL, {"trades": 3, "pnl": Decimal("12.50")})
    assert rows(market, "SELECT status::text, reached, summary ->> 'pnl' FROM runs") == [("finished", MORNING, "12.50")]
    assert events(market)[-1] == "run_finished"
    with pytest.raises(ValueError, match="must be running to be finished"):
        ledger.finish(WALL, {"trades": 4})
    with begin(market) as following:
        assert following.interrupted == ()


def test_a_run_at_work_is_not_taken_for_an_interrupted_one(market: Pool) -> None:
    with begin(market) as first:
        with begin(market) as second:
            assert second.interrupted == ()
            assert rows(market, "SELECT status::text FROM runs") == [("running",), ("running",)]
        with begin(market) as third:
            assert [item.run_id for item in third.interrupted] == [second.run_id]
        first.finish(WALL, {})


def end_session_that_holds(pool: Pool) -> None:
    """As a cut line or an administrator would; the pool's own sessions live on."""
    held = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database "
    ((pid,),) = rows(pool, held + "WHERE datname = current_database())")
    rows(pool, f"SELECT pg_terminate_backend({pid}, 10000)")


def test_a_desk_whose_hold_was_cut_writes_nothing_more_whoever_has_the_run_now(market: Pool) -> None:
    with begin(market, "paper", "account-1") as first:
        first.reached(MORNING)
        end_session_that_holds(market)
        with Ledger.join(market, first.run_id) as second:
            before = events(market)
            for _ in range(2):
                with pytest.raises(SetupError, match=rf"keeps other desks out of run {first.run_id} was lost"):
                    first.record_decision(decision(None, Hold(reason="score below entry")), CASE)
            assert events(market) == before
            second.record_decision(decision(None, Hold(reason="score below entry")), CASE)
        assert events(market)[-1] == "decision"


def test_a_run_that_another_desk_keeps_is_not_joined(market: Pool, fresh_database_url: str) -> None:
    impatient = DatabaseSettings(pool_size=2, connect_timeout_s=10, statement_timeout_s=0.5)
    with begin(market, "paper", "account-1") as first, open_pool(fresh_database_url, impatient) as other:
        with pytest.raises(SetupError, match=f"run {first.run_id} is held by another desk"):
            Ledger.join(other, first.run_id)
        first.reached(MORNING)


def test_an_account_that_a_desk_trades_is_not_begun_a_second_time_under_any_key(market: Pool) -> None:
    other = replace(KEY, config_hash="e" * 64)
    with begin(market, "paper", "account-1") as first, begin(market, "paper", "account-2"):
        for key in (KEY, other):
            with pytest.raises(SetupError, match=f"trades account account-1 already, in run {first.run_id}"):
                begin(market, "paper", "account-1", key)
        assert rows(market, "SELECT count(*) FROM runs") == [(2,)]
    with begin(market, "paper", "account-1", other) as following:
        assert following.trading_state() is TradingState.ACTIVE


def test_a_run_that_could_not_be_joined_is_let_go(market: Pool) -> None:
    with pytest.raises(psycopg.errors.InvalidTextRepresentation) as caught:
        Ledger.join(market, "no run")
    held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database "
    assert eventually(lambda: rows(market, held + "WHERE datname = current_database())") == [(0,)]), caught.traceback


def test_a_server_that_is_gone_is_known_to_be_after_two_minutes_while_a_statement_is_on_its_way(market: Pool) -> None:
    with begin(market) as ledger, ledger._recording() as cursor:
        told = cursor.connection.info.get_parameters()
    idle, between, times = (int(told[f"keepalives_{name}"]) for name in ("idle", "interval", "count"))
    assert int(told["tcp_user_timeout"]) == 1000 * (idle + between * times) == 120_000


def test_only_runs_of_the_same_key_are_looked_at(market: Pool) -> None:
    with begin(market):
        pass
    with begin(market, key=replace(KEY, data_hash="e" * 64)) as other:
        assert other.interrupted == ()


KILLED = """
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from tenthman.config import DatabaseSettings
from tenthman.db.pool import open_pool
from tenthman.domain.audit import EventKind, RunKey
from tenthman.domain.market import Period
from tenthman.scheduler.state.ledger import Ledger

pool = open_pool(sys.argv[1], DatabaseSettings(pool_size=2, connect_timeout_s=10, statement_timeout_s=60))
morning = datetime(2020, 1, 6, 14, 0, tzinfo=UTC)
ledger = Ledger.start(
    pool, market_id="m", world="rehearsal", account_id=None,
    period=Period(first=date(2020, 1, 6), last=date(2020, 1, 31)),
    key=RunKey(config_hash="c" * 64, model_version="v1", data_hash="d" * 64),
    starting_cash=Decimal(100000), at_wall=morning, at_market=morning,
)
ledger.reached(morning)
print(ledger.run_id, flush=True)
while True:
    ledger.event(EventKind.CYCLE_STARTED, "busy", {"text": "x" * 200}, morning)
"""


def test_a_run_that_is_killed_at_any_point_leaves_a_whole_chain_and_is_marked(
    market: Pool, fresh_database_url: str
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, make_conninfo(fresh_database_url)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        run_id = process.stdout.readline().strip()
        deadline = time.monotonic() + 30
        while len(events(market)) < 20:
            assert time.monotonic() < deadline
        process.send_signal(signal.SIGKILL)
    assert verify(market) >= 20
    deadline = time.monotonic() + 30
    while rows(market, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") != [(0,)]:
        assert time.monotonic() < deadline
    with begin(market) as following:
        assert [(item.run_id, item.reached) for item in following.interrupted] == [(run_id, MORNING)]
    assert verify(market) > 20
    interrupted = "SELECT status::text FROM runs WHERE id = '" + run_id + "'"
    assert rows(market, interrupted) == [("interrupted",)]


def test_the_audit_payload_of_a_decision_is_the_whole_decision(ledger: Ledger, market: Pool) -> None:
    made = decision(None, Hold(reason="score below entry"))
    ledger.record_decision(made, CASE)
    ((payload,),) = rows(market, "SELECT payload FROM audit_events WHERE kind = 'decision'")
    assert json.loads(str(payload))["verdict"] == {"kind": "Hold", "reason": "score below entry"}
    ledger.event(EventKind.ALERT, "feed", {"silent_s": 30}, MORNING)
    assert verify(market) == 4
