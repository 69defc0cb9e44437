"""A shadow of an entry ends exactly as the trade that the exchange made of the same entry."""

from decimal import Decimal
from pathlib import Path

from tenthman_settings import busy
from tenthman_studies import random_market, study_on, with_changes

from tenthman.backtest.memory import MemoryRecord, purpose_of
from tenthman.backtest.stepwise import run_stepwise
from tenthman.config import load_config
from tenthman.domain.audit import Decision
from tenthman.domain.order import Fill, Purpose, Side, SizedOrder
from tenthman.scheduler.holes import nobody
from tenthman.scheduler.rows import bracket_of
from tenthman.scheduler.shadows import ShadowMarket

BASE = busy(load_config(Path(__file__).parents[3] / "config", {"TENTHMAN_HOME": "/nonexistent"}))
ENDS = {Purpose.STOP: "stop", Purpose.TARGET: "target"}


def trades(record: MemoryRecord) -> list[tuple[Decision, Fill, Fill, Decimal, str]]:
    """Every entry that was bought whole and sold whole by its stop or target: decision, fills, fees, how it ended."""
    entries = {item.outcome.client_order_id: item for item in record.decisions if isinstance(item.outcome, SizedOrder)}
    found: dict[str, list[tuple[Fill, Decimal, Purpose]]] = {}
    for fill, fees in record.fills:
        sent = record.order_of(fill)
        if sent is not None:
            found.setdefault(sent.order.client_order_id, []).append((fill, fees, purpose_of(sent, fill)))
    return [
        (entries[name], first[0], last[0], first[1] + last[1], ENDS[last[2]])
        for name, (first, *rest) in found.items()
        for last in rest[:1]
        if len(rest) == 1 and last[2] in ENDS and first[0].side is Side.BUY and first[0].quantity == last[0].quantity
    ]


def test_a_shadow_and_a_trade_of_the_same_entry_are_the_same_to_the_cent() -> None:
    config = with_changes(
        BASE,
        signal={"entry_fraction": 0.4, "exit_fraction": 0.05, "min_history_sessions": 60},
        rules={"max_open_risk_fraction": 0.5, "max_sector_fraction": 0.9, "max_positions_per_issuer": 2},
        drawdown={"limit_fraction": 0.4},
        stops={"stop_atr": 1.0},
        costs={"half_spread_bp": 3.0, "slippage_bp": 3.0, "open_slippage_bp": 9.0, "stop_slippage_bp": 15.0},
    )
    study = study_on(random_market(5), config)
    _, record = run_stepwise(study, config, nobody)
    market = ShadowMarket(study.market.panel, study.market.hours, config.settings.costs)
    made = trades(record)
    assert len(made) > 15
    assert {how for *_, how in made} == {"stop", "target"}
    assert {item.slot.value for item, *_ in made} == {"morning", "afternoon"}
    for decision, bought, sold, fees, how in made:
        order = decision.outcome
        assert isinstance(order, SizedOrder)
        ending = market.ending_of(bracket_of(decision, order, order.quantity, "twin"), final=True)
        assert ending is not None
        told = (ending.entry, ending.exit, ending.reason, ending.fees)
        assert told == (bought.price, sold.price, how, fees), (decision.id, bought.filled_at, sold.filled_at)
