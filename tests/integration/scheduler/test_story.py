"""A trade followed from its fill back to the headline, and two runs compared."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from tenthman.db.pool import Pool
from tenthman.domain.audit import Decision, RunKey, Slot
from tenthman.domain.canonical import canonical_json
from tenthman.domain.errors import ConfigError
from tenthman.domain.market import Period
from tenthman.domain.news import Passage
from tenthman.domain.opinion import Action, Case, Contribution, Critique, Enter, ReplyState, Role, Signal, Stance
from tenthman.domain.order import (
    BrokerOrder,
    Check,
    Fill,
    OrderStatus,
    OrderType,
    Purpose,
    Side,
    SizedOrder,
    TimeInForce,
)
from tenthman.scheduler.state import Ledger
from tenthman.scheduler.story import (
    decisions_digest,
    find_trade,
    latest_run,
    list_trades,
    story_lines,
    trade_story,
)

AS_OF = datetime(2020, 1, 6, 14, 0, tzinfo=UTC)
PROMPT = "p" * 64
ORDER = SizedOrder(
    client_order_id="tm-d1-entry",
    decision_id="d1",
    purpose=Purpose.ENTRY,
    ticker="AAPL",
    side=Side.BUY,
    quantity=Decimal(100),
    order_type=OrderType.LIMIT,
    time_in_force=TimeInForce.GTC,
    limit_price=Decimal("74.50"),
    stop_price=Decimal("72.10"),
    target_price=Decimal("78.10"),
    checks=(Check(rule="risk_per_trade", observed="240", limit="500", passed=True, bound=True),),
)
CASE = Case(
    ticker="AAPL",
    name="Apple",
    sector="Technology",
    as_of=AS_OF,
    signal=Signal(
        ticker="AAPL",
        session=date(2020, 1, 3),
        action=Action.BUY,
        p_buy=0.6,
        p_hold=0.3,
        p_sell=0.1,
        horizon_sessions=10,
        model_version="v1",
        contributions=(Contribution(feature="momentum_20", value=0.1, contribution=0.25),),
    ),
    last_close=74.3,
    atr=1.2,
    figures=(),
    passages=(
        Passage(
            id="n1",
            item_id="news-7",
            text="Apple sells more",
            source="wire",
            known_at=AS_OF - timedelta(hours=2),
            sentiment=0.5,
            relevance=0.9,
        ),
    ),
)
DECISION = Decision(
    id="d1",
    session=date(2020, 1, 6),
    slot=Slot.MORNING,
    as_of=AS_OF,
    ticker="AAPL",
    case_hash=CASE.hash,
    signal=CASE.signal,
    critiques=(
        Critique(
            role=Role.BULL,
            model="tiny",
            binding=False,
            state=ReplyState.ANSWERED,
            stance=Stance.APPROVE,
            size_fraction=1.0,
            reasons=("news",),
            cited=("n1",),
            confidence_pct=60,
            invalid_citations=(),
            prompt_hash=PROMPT,
            latency_ms=900,
        ),
    ),
    verdict=Enter(size_fraction=1.0),
    outcome=ORDER,
    shadow=None,
    config_hash="c",
    model_version="v1",
)
SEEDS = (
    "INSERT INTO markets VALUES ('m', 'pack', 'real pack', 'd', 's', 'split', 'l', 'h', 'SPY')",
    "INSERT INTO models VALUES ('v1', 'm', '2020-01-03', 'f', '{}', '', repeat('0', 64), now())",
    "INSERT INTO news VALUES ('m', 'news-7', 'wire', 'https://example.org/7')",
    """INSERT INTO news_versions SELECT 'm', 'news-7', v, 'Apple sells more, version ' || v, '', '2020-01-06 11:00Z',
       '2020-01-06 12:00Z'::timestamptz + (v - 1) * interval '3 hours', 'instant', '{}', '{AAPL}', 1, 0.5
       FROM generate_series(1, 2) AS v""",
    """INSERT INTO features VALUES ('m', 'f', 'AAPL', '2020-01-03', '2020-01-06 14:00Z', '{momentum_20,gap}',
       '{0.1,NaN}')""",
    """INSERT INTO model_replies VALUES (repeat('p', 64), 'digest', 'tiny', 'bull', '{"instruction": "Argue for it."}',
       'answered', '{"stance":"approve"}', 300, 40, 900)""",
)


def broker_order(broker_id: str) -> BrokerOrder:
    entry = BrokerOrder(
        id=broker_id,
        client_order_id=ORDER.client_order_id,
        ticker="AAPL",
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        status=OrderStatus.FILLED,
        quantity=Decimal(100),
        filled_quantity=Decimal(100),
        filled_avg_price=Decimal("74.10"),
        limit_price=Decimal("74.50"),
        stop_price=None,
        submitted_at=AS_OF,
        updated_at=AS_OF,
        parent_id=None,
    )
    stop = replace(
        entry,
        id=f"{broker_id}-stop",
        client_order_id=f"{broker_id}-stop-client",
        side=Side.SELL,
        order_type=OrderType.STOP,
        limit_price=None,
        stop_price=Decimal("72.10"),
        parent_id=broker_id,
    )
    return replace(entry, legs=(stop,))


def trade(pool: Pool, broker_id: str, exit_price: str = "72.00", decision: Decision = DECISION) -> str:
    """A whole trade in a run of its own; the broker's names for everything begin with `broker_id`."""
    with Ledger.start(
        pool,
        market_id="m",
        world="rehearsal",
        account_id=None,
        period=Period(first=date(2020, 1, 6), last=date(2020, 1, 31)),
        key=RunKey(config_hash="c", model_version="v1", data_hash="d"),
        starting_cash=Decimal(100_000),
        at_wall=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=len(broker_id)),
        at_market=AS_OF,
    ) as ledger:
        ledger.record_decision(decision, CASE)
        ledger.record_submitted(ORDER.client_order_id, broker_order(broker_id), AS_OF)
        bought = Fill(
            execution_id=f"{broker_id}-1",
            broker_order_id=broker_id,
            ticker="AAPL",
            side=Side.BUY,
            quantity=Decimal(100),
            price=Decimal("74.10"),
            filled_at=AS_OF + timedelta(minutes=30),
        )
        sold = replace(
            bought,
            execution_id=f"{broker_id}-2",
            broker_order_id=f"{broker_id}-stop",
            side=Side.SELL,
            price=Decimal(exit_price),
            filled_at=AS_OF + timedelta(days=2),
        )
        ledger.record_fills([bought, sold], {f"{broker_id}-2": Decimal("0.30")}, AS_OF)
        return ledger.run_id


@pytest.fixture
def seeded(pool: Pool) -> Pool:
    with pool.connection() as connection:
        for statement in SEEDS:
            connection.execute(statement.encode())
    return pool


def test_a_story_leads_from_the_fill_back_to_the_headline_as_it_was_known(seeded: Pool) -> None:
    run_id = trade(seeded, "b")
    story = trade_story(seeded, run_id, "d1")
    assert [item["headline"] for item in story.news] == ["Apple sells more, version 1"]
    assert story.case is not None
    assert story.case["passages"][0]["item_id"] == "news-7"
    assert story.features is not None
    assert story.features["names"] == ["momentum_20", "gap"]
    assert story.model["version"] == "v1"
    assert [(item["role"], item["reply"]) for item in story.critiques] == [("bull", '{"stance":"approve"}')]
    assert story.decision["checks"][0]["rule"] == "risk_per_trade"
    assert [(item["purpose"], item["status"]) for item in story.orders] == [("entry", "filled"), ("stop", "filled")]
    assert [item["side"] for item in story.fills] == ["buy", "sell"]
    assert story.position is not None
    assert (story.position.exit_reason, story.position.realised_usd) == ("stop", Decimal("-210.30"))


def test_the_story_reads_as_text_from_the_headline_to_the_result(seeded: Pool) -> None:
    text = "\n".join(story_lines(trade_story(seeded, trade(seeded, "b"), "d1")))
    parts = [
        "version 1",
        "momentum_20",
        "v1, trained until",
        "buy: p(buy) 0.600",
        "bull (tiny, advisory",
        "Argue for it",
    ]
    parts += ['{"stance":"approve"}', "risk_per_trade", "limit 74.50", "sell 100 at 72.00"]
    parts += ["realised -210.30 USD"]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)


@pytest.mark.parametrize("identity", ["d1", "aapl", "tm-d1-entry", "b-stop-client", "b-stop"])
def test_a_trade_is_found_by_any_of_its_names(seeded: Pool, identity: str) -> None:
    run_id = trade(seeded, "b")
    assert find_trade(seeded, None, identity) == (run_id, "d1")
    assert find_trade(seeded, run_id[:8], identity) == (run_id, "d1")


def test_what_is_not_there_is_named(seeded: Pool) -> None:
    with pytest.raises(ConfigError, match="there is no run yet"):
        latest_run(seeded)
    run_id = trade(seeded, "b")
    with pytest.raises(ConfigError, match=f"such as {run_id}, was 'nonsense'"):
        list_trades(seeded, "nonsense")
    with pytest.raises(ConfigError, match="no decision, order or ticker 'MSFT'; it traded AAPL"):
        find_trade(seeded, None, "MSFT")
    with pytest.raises(ConfigError, match="has no decision 'd9'"):
        trade_story(seeded, run_id, "d9")


def test_the_newest_run_is_taken_when_none_is_named(seeded: Pool) -> None:
    trade(seeded, "b")
    newest = trade(seeded, "bb", "79.00")
    assert latest_run(seeded).run_id == newest
    assert [item.realised_usd for item in list_trades(seeded, None)] == [Decimal("489.70")]


def test_two_runs_that_agree_have_one_digest_whatever_the_broker_called_things(seeded: Pool) -> None:
    first, second = trade(seeded, "b"), trade(seeded, "other")
    assert decisions_digest(seeded, first) == decisions_digest(seeded, second)


def test_another_fill_or_another_opinion_gives_another_digest(seeded: Pool) -> None:
    sure = replace(DECISION, critiques=(replace(DECISION.critiques[0], confidence_pct=61),))
    runs = [trade(seeded, "b"), trade(seeded, "bb", "72.01"), trade(seeded, "bbb", decision=sure)]
    assert len({decisions_digest(seeded, run) for run in runs}) == 3


def test_a_story_can_be_written_down_as_json(seeded: Pool) -> None:
    story = trade_story(seeded, trade(seeded, "b"), "d1")
    assert "Apple sells more" in canonical_json(story)
