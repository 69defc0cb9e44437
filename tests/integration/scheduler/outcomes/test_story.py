"""A trade followed from its fill back to the headline, and two runs compared."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from tenthman_trades import (
    MORNING,
    begin,
    case_of,
    critique_of,
    decision_of,
    entry_of,
    fill_of,
    filled,
    seed_market,
    signal_of,
    told_of,
)

from tenthman.db.pool import Pool
from tenthman.domain.audit import Decision
from tenthman.domain.canonical import canonical_json
from tenthman.domain.errors import ConfigError
from tenthman.domain.news import Passage
from tenthman.domain.opinion import Contribution, Role
from tenthman.domain.order import (
    OrderType,
    Side,
)
from tenthman.scheduler.outcomes.story import (
    decisions_digest,
    find_trade,
    latest_run,
    list_trades,
    story_lines,
    trade_story,
)

AS_OF = MORNING
PROMPT = "p" * 64
ORDER = entry_of("d1")
CASE = case_of(
    name="Apple",
    signal=signal_of(contributions=(Contribution(feature="momentum_20", value=0.1, contribution=0.25),)),
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
BULL = critique_of(
    role=Role.BULL, model="tiny", binding=False, reasons=("news",), cited=("n1",), prompt_hash=PROMPT, latency_ms=900
)
DECISION = decision_of("d1", case_hash=CASE.hash, signal=CASE.signal, critiques=(BULL,), outcome=ORDER)
SEEDS = (
    "INSERT INTO news VALUES ('m', 'news-7', 'wire', 'https://example.org/7')",
    """INSERT INTO news_versions SELECT 'm', 'news-7', v, 'Apple sells more, version ' || v, '', '2020-01-06 11:00Z',
       '2020-01-06 12:00Z'::timestamptz + (v - 1) * interval '3 hours', 'instant', '{}', '{AAPL}', 1, 0.5
       FROM generate_series(1, 2) AS v""",
    """INSERT INTO features VALUES ('m', 'f', 'AAPL', '2020-01-03', '2020-01-06 14:00Z', '{momentum_20,gap}',
       '{0.1,NaN}')""",
    """INSERT INTO model_replies VALUES (repeat('p', 64), 'digest', 'tiny', 'bull', '{"instruction": "Argue for it."}',
       'answered', '{"stance":"approve"}', 300, 40, 900)""",
)


def trade(pool: Pool, broker_id: str, exit_price: str = "72.00", decision: Decision = DECISION) -> str:
    """A whole trade in a run of its own; the broker's names for everything begin with `broker_id`."""
    with begin(pool, at_wall=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=len(broker_id))) as ledger:
        ledger.record_decision(decision, CASE)
        told = filled(told_of(ORDER, broker_id, OrderType.STOP), "74.10")
        ledger.record_submitted(ORDER.client_order_id, told, AS_OF)
        bought = fill_of(f"{broker_id}-1", broker_id, Side.BUY, "74.10", AS_OF + timedelta(minutes=30))
        sold = fill_of(f"{broker_id}-2", f"{broker_id}-stop", Side.SELL, exit_price, AS_OF + timedelta(days=2))
        ledger.record_fills([bought, sold], {f"{broker_id}-2": Decimal("0.30")}, AS_OF)
        return ledger.run_id


@pytest.fixture
def seeded(pool: Pool) -> Pool:
    seed_market(pool)
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
    with pytest.raises(ConfigError, match="was '%'"):
        list_trades(seeded, "%")
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
