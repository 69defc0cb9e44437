"""A small run written through the ledger: one trade from headline to P&L, one veto, one denial."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from tenthman_trades import (
    MORNING,
    SESSION,
    critique_of,
    decision_of,
    entry_of,
    fill_of,
    filled,
    signal_of,
    told_of,
)
from tenthman_trades import begin as begin_run
from tenthman_trades import case_of as plain_case

from tenthman.db.pool import Pool
from tenthman.domain.audit import Decision
from tenthman.domain.findings import Check
from tenthman.domain.news import Passage
from tenthman.domain.opinion import (
    Case,
    Contribution,
    Hold,
    Role,
    Stance,
    Veto,
)
from tenthman.domain.order import BrokerOrder, Denial, OrderType, Side, SizedOrder, TradingState
from tenthman.scheduler.state.ledger import Ledger

AS_OF = MORNING
CLOSE = datetime(2020, 1, 6, 21, 5, tzinfo=UTC)
WALL = datetime(2026, 1, 1, tzinfo=UTC)
PROMPT = "p" * 64
HOSTILE = "Apple <script>alert('x')</script> sells & \"more\""
DRAWDOWN = Check(rule="drawdown", observed="0.0000", limit="below 0.03", passed=True)
SIZE = Check(rule="risk_fraction_per_trade", observed="0.00 used, 2.40 a share", limit="240", passed=True, bound=True)
SEEDS = (
    """INSERT INTO markets VALUES ('m', 'practice', 'small practice', 'Everything is invented <b>', 'a generator',
       'split-adjusted', 'none', repeat('a', 64), 'IDX')""",
    """INSERT INTO universe SELECT 'm', t, t, t, 'Technology', '{}', '2010-01-01', NULL
       FROM unnest(ARRAY['AAPL', 'MSFT', 'IDX']) AS t""",
    """INSERT INTO universe VALUES ('m', 'GONE', 'Gone', 'Gone', 'Technology', '{}', '2010-01-01', '2015-01-01')""",
    """INSERT INTO bar_fetches (market_id, source, price_basis, fetched_at)
       VALUES ('m', 'a generator', 'split-adjusted', '2020-01-07 21:00Z')""",
    """INSERT INTO bars SELECT 'm', session::date, ticker, open, high, low, close, 1000, known_at::timestamptz, id
       FROM bar_fetches, (VALUES
           ('2020-01-06', 'AAPL', 74, 75, 73, 74.2, '2020-01-06 21:00Z'),
           ('2020-01-07', 'AAPL', 74, 79, 73, 77.7, '2020-01-07 21:00Z'),
           ('2020-01-06', 'MSFT', 100, 101, 99, 100, '2020-01-06 21:00Z'),
           ('2020-01-06', 'IDX', 300, 301, 299, 300, '2020-01-06 21:00Z'),
           ('2020-01-07', 'IDX', 300, 307, 299, 306, '2020-01-07 21:00Z')
       ) AS bar (session, ticker, open, high, low, close, known_at)""",
    "INSERT INTO models VALUES ('v1', 'm', '2020-01-03', 'f', '{}', '', repeat('0', 64), now())",
    "INSERT INTO news VALUES ('m', 'news-7', 'wire', 'https://example.org/7')",
    """INSERT INTO features VALUES ('m', 'f', 'AAPL', '2020-01-03', '2020-01-06 14:00Z', '{momentum_20,gap}',
       '{0.1,NaN}')""",
    """INSERT INTO model_replies (prompt_hash, model_digest, model, role, prompt, state, reply, prompt_tokens,
           reply_tokens, latency_ms, recorded_at)
       VALUES (repeat('p', 64), 'digest', 'tiny', 'bull',
           '{"shared": "The case <img src=x>.", "instruction": "Argue for it."}', 'answered',
           '{"stance":"veto","note":"</script><b>"}', 300, 40, 900, '2026-01-01 00:10Z')""",
    """INSERT INTO examinations (model, model_digest, prompts_hash, marks_hash, passed, result, examined_at)
       VALUES ('tiny', 'digest', 'p', 'm', false,
           '{"sat": 4, "cases": 20, "failed": ["min_clear_vetoes 0.8, was 0.10"]}', '2026-01-01 00:05Z')""",
)


def seed(pool: Pool) -> None:
    """What a run stands on: a market with bars, a model, a headline, a reply on the tape, an examination."""
    with pool.connection() as connection:
        for statement in SEEDS:
            connection.execute(statement.encode())


def begin(pool: Pool) -> Ledger:
    """A run that has just started."""
    return begin_run(pool, at_wall=WALL, last=date(2020, 1, 7), at_market=AS_OF - timedelta(hours=9))


def case_of(ticker: str) -> Case:
    """A case with one hostile headline."""
    told = Passage(
        id="n1",
        item_id="news-7",
        text=HOSTILE,
        source="wire",
        known_at=AS_OF - timedelta(hours=2),
        sentiment=0.5,
        relevance=0.9,
    )
    explained = (Contribution(feature="momentum_20", value=0.1, contribution=0.25),)
    return plain_case(ticker, signal=signal_of(ticker, contributions=explained), passages=(told,))


def entry(decision_id: str, ticker: str) -> SizedOrder:
    """A bracket for 100 shares: limit 74.50, stop 72.10, target 78.10."""
    return entry_of(decision_id, ticker, checks=(DRAWDOWN, SIZE))


def decided(ticker: str) -> tuple[Decision, Case]:
    """An entry that passes: an advisory model would have vetoed it, the rules let it pass."""
    case, identity = case_of(ticker), f"d-{ticker}"
    rules = critique_of(cited=("n1",), confidence_pct=60, latency_ms=900)
    bull = replace(
        rules,
        role=Role.BULL,
        model="tiny",
        binding=False,
        stance=Stance.VETO,
        size_fraction=0.0,
        reasons=("bad_news",),
        invalid_citations=("n9",),
        prompt_hash=PROMPT,
    )
    order = entry(identity, ticker)
    made = {"case_hash": case.hash, "signal": case.signal, "critiques": (bull, rules), "outcome": order}
    return decision_of(identity, ticker, **made), case


def vetoed(ticker: str) -> tuple[Decision, Case]:
    """The same entry taken away by the rules critic."""
    decision, case = decided(ticker)
    veto = Veto(by="rules", reasons=("bad_news", "sharp_fall"))
    return replace(decision, verdict=veto, outcome=None, shadow=entry(decision.id, ticker)), case


def denied(ticker: str) -> tuple[Decision, None]:
    """An entry that risk refused before anyone was asked."""
    decision, _ = decided(ticker)
    failed = Check(rule="max_positions", observed="16", limit="at most 15", passed=False)
    denial = Denial(ticker=ticker, rule="max_positions", checks=(DRAWDOWN, failed))
    held = Hold(reason="risk: max_positions")
    return replace(decision, case_hash=None, critiques=(), verdict=held, outcome=denial), None


def bracket(order: SizedOrder) -> BrokerOrder:
    """The broker's word on the entry and its stop leg, both filled."""
    return filled(told_of(order, "b", OrderType.STOP), "74.10")


def small_run(pool: Pool) -> str:
    """A finished run with one losing trade, a veto and a denial; the drawdown stop halts it. Returns its id."""
    seed(pool)
    with begin(pool) as ledger:
        decision, case = decided("AAPL")
        ledger.record_decision(decision, case)
        assert isinstance(decision.outcome, SizedOrder)
        ledger.record_submitted(decision.outcome.client_order_id, bracket(decision.outcome), AS_OF)
        ledger.record_decision(*vetoed("MSFT"))
        ledger.record_decision(*denied("IDX"))
        bought = fill_of("x1", "b", Side.BUY, "74.10", AS_OF + timedelta(minutes=30))
        sold = fill_of("x2", "b-stop", Side.SELL, "72.00", AS_OF + timedelta(hours=3))
        ledger.record_fills([bought], {}, AS_OF + timedelta(hours=1))
        held = {"AAPL": (Decimal(100), Decimal("73.10"))}
        day_start = Decimal(100_000)
        ledger.record_equity(AS_OF + timedelta(hours=2), SESSION, Decimal(99_900), Decimal(92_590), day_start, held)
        ledger.record_fills([sold], {"x2": Decimal("0.30")}, AS_OF + timedelta(hours=3))
        ledger.record_equity(CLOSE, SESSION, Decimal(99_790), Decimal(99_790), day_start, {})
        ledger.set_trading_state(TradingState.HALTED, "drawdown from peak <script>", "drawdown stop", CLOSE)
        second = CLOSE + timedelta(days=1)
        ledger.record_equity(second, date(2020, 1, 7), Decimal(99_790), Decimal(99_790), Decimal(99_790), {})
        ledger.finish(WALL + timedelta(hours=1), {})
        return ledger.run_id
