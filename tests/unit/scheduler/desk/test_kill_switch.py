"""The file that stops every order, and what the desk makes of it."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from tenthman_decision import CONFIG, SESSION
from tenthman_markets import at, small_market
from tenthman_risk import a_position, assessed

from tenthman.backtest.memory import MemoryRecord
from tenthman.config import with_sections
from tenthman.decision import Decided
from tenthman.domain.audit import Decision, Slot
from tenthman.domain.opinion import Enter, Exit
from tenthman.domain.order import SizedOrder, TradingState
from tenthman.exchange.in_process import InProcessBroker
from tenthman.exchange.market import ReplayExchange
from tenthman.risk.controller import exit_order
from tenthman.scheduler.desk.kill_switch import asked_by, pull, release, switch_path
from tenthman.scheduler.desk.orchestrator import Desk, act, obey_kill_switch

NOW = datetime(2020, 1, 6, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        (None, TradingState.ACTIVE),
        ("", TradingState.HALTED),
        ("halt\nwhy\n", TradingState.HALTED),
        ("flatten\nclosing down\n", TradingState.REDUCING),
        ("do flatten", TradingState.HALTED),
        (b"\xff\xfe\x00", TradingState.HALTED),
    ],
)
def test_any_file_halts_and_one_word_flattens(tmp_path: Path, written: str | bytes | None, asked: TradingState) -> None:
    path = tmp_path / "HALT"
    if written is not None:
        path.write_bytes(written if isinstance(written, bytes) else written.encode())
    assert asked_by(path) is asked


def test_something_that_cannot_be_read_halts(tmp_path: Path) -> None:
    (tmp_path / "HALT").mkdir()
    assert asked_by(tmp_path / "HALT") is TradingState.HALTED


def test_pulling_makes_the_folder_and_releasing_tells_whether_there_was_a_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "HALT"
    pull(path, TradingState.REDUCING, "a reason", "person: tester", NOW)
    assert asked_by(path) is TradingState.REDUCING
    assert [item.name for item in path.parent.iterdir()] == ["HALT"]
    assert (release(path), release(path)) == (True, False)


def test_a_switch_that_cannot_be_put_in_its_place_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "HALT" / "in the way").mkdir(parents=True)
    with pytest.raises(OSError, match="HALT"):
        pull(tmp_path / "HALT", TradingState.HALTED, "a reason", "person: tester", NOW)
    assert [item.name for item in tmp_path.iterdir()] == ["HALT"]


def test_the_file_lies_in_the_home_unless_the_settings_name_another_place(tmp_path: Path) -> None:
    assert switch_path(CONFIG) == CONFIG.home / "HALT"
    broker = CONFIG.settings.broker.model_copy(update={"halt_file": tmp_path / "stop"})
    elsewhere = with_sections(CONFIG, settings=CONFIG.settings.model_copy(update={"broker": broker}))
    assert switch_path(elsewhere) == tmp_path / "stop"
    assert elsewhere.hash == CONFIG.hash, "where the file lies changes no decision"


def a_desk(asked: TradingState) -> Desk:
    market = small_market({"ABC": [(100.0, 101.0, 99.0, 100.0)] * 6})
    exchange = ReplayExchange(market, CONFIG.settings.costs, Decimal(100_000), "a", at(market, 1, 0.1))
    return Desk(
        config=CONFIG,
        broker=InProcessBroker(exchange),
        sight=None,  # type: ignore[arg-type]  # nothing here looks at a market
        ledger=MemoryRecord(starting_cash=Decimal(100_000), begun=exchange.now),
        model_of=lambda _session: None,  # type: ignore[arg-type,return-value]  # nor at a model
        holes=None,  # type: ignore[arg-type]  # nor asks anybody
        universe=market.universe,
        hours=market.hours,
        pause=lambda _seconds: None,
        rearm_after_sessions=None,
        kill_switch=lambda: asked,
    )


def decided(order: SizedOrder) -> Decided:
    buys = order.limit_price is not None
    decision = Decision(
        id=order.decision_id, session=SESSION, slot=Slot.MORNING, as_of=NOW, ticker=order.ticker, case_hash=None,
        signal=None, critiques=(), verdict=Enter(size_fraction=1.0) if buys else Exit(reason="time"), outcome=order,
        shadow=None, config_hash="c", model_version="v",
    )  # fmt: skip
    return Decided(decision=decision, case=None)


def an_entry() -> SizedOrder:
    order = assessed()
    assert isinstance(order, SizedOrder)
    return order


@pytest.mark.parametrize(
    ("asked", "entry_leaves", "exit_leaves"),
    [
        (TradingState.ACTIVE, True, True),
        (TradingState.REDUCING, False, True),
        (TradingState.HALTED, False, False),
    ],
)
def test_each_order_asks_the_switch_before_anything_is_done_for_it(
    asked: TradingState, entry_leaves: bool, exit_leaves: bool
) -> None:
    desk = a_desk(TradingState.ACTIVE)
    assert act(desk, decided(an_entry()), NOW)
    bracket = desk.broker.open_orders()
    desk = replace(desk, kill_switch=lambda: asked)
    other = replace(an_entry(), client_order_id="other", decision_id="d2")
    assert act(desk, decided(other), NOW) is entry_leaves
    refused = desk.ledger.refused  # type: ignore[attr-defined]  # of the record in memory
    assert ("other" in refused) is not entry_leaves
    sale = exit_order(a_position("ABC"), "d3")
    act(desk, decided(sale), NOW)
    was_held_back = refused.get(sale.client_order_id) == "the kill switch is pulled"
    assert was_held_back is not exit_leaves
    if not exit_leaves:
        assert desk.broker.open_orders() == bracket, "what protects the book stays"


def test_what_the_switch_asks_for_is_latched_and_only_ever_tightens() -> None:
    desk = a_desk(TradingState.REDUCING)
    obey_kill_switch(desk, NOW)
    assert desk.ledger.trading_state() is TradingState.REDUCING
    obey_kill_switch(replace(desk, kill_switch=lambda: TradingState.HALTED), NOW)
    assert desk.ledger.trading_state() is TradingState.HALTED
    for asked in (TradingState.REDUCING, TradingState.ACTIVE):
        obey_kill_switch(replace(desk, kill_switch=lambda asked=asked: asked), NOW)
        assert desk.ledger.trading_state() is TradingState.HALTED
