"""The scorecard of a backtest is that of the same decisions on record, and stands in its page and its JSON."""

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from tenthman_backtests import toy_story
from tenthman_markets import small_market
from tenthman_reports import AS_OF, decided, denied, small_run, vetoed

from tenthman.backtest.memory import MemoryRecord
from tenthman.backtest.opinions import backtest_scorecard
from tenthman.config import load_config
from tenthman.dashboard.backtest_html import write_backtest_html, write_backtest_json
from tenthman.dashboard.backtest_view import build_backtest_report
from tenthman.dashboard.scorecard_facts import worth_facts
from tenthman.data.bars import BarStore
from tenthman.db.pool import Pool
from tenthman.domain.audit import Decision
from tenthman.scheduler.outcomes.scorecard import Scorecard, scorecard

CONFIG = load_config(None, {})
LAST = date(2020, 1, 7)


def in_memory(*decisions: Decision) -> MemoryRecord:
    record = MemoryRecord(starting_cash=Decimal(100_000), begun=AS_OF)
    for decision in decisions:
        record.record_decision(decision, None)
    return record


@pytest.fixture
def found(pool: Pool) -> tuple[Scorecard, Scorecard]:
    """The scorecards of the small run: out of PostgreSQL, and of the same decisions in memory over the same bars."""
    run = small_run(pool)
    panel, _ = BarStore(pool, "m").panel_until(LAST)
    fields = np.stack([panel.open, panel.high, panel.low, panel.close], axis=2)
    market = small_market({ticker: fields[:, column].tolist() for column, ticker in enumerate(panel.tickers)})
    assert market.panel.sessions.tolist() == panel.sessions.tolist()
    record = in_memory(decided("AAPL")[0], vetoed("MSFT")[0], denied("IDX")[0])
    made = backtest_scorecard(CONFIG, market, LAST, record)
    assert made is not None
    return scorecard(CONFIG, pool, run), made


def test_memory_and_record_tell_the_same_of_the_same_decisions(found: tuple[Scorecard, Scorecard]) -> None:
    kept, made = found
    assert (made.entries, made.level) == (kept.entries, kept.level) == (2, CONFIG.agents.demotion.level)
    assert [card.key.role for card in made.cards] == ["bull", "rules"]
    for ours, theirs in zip(made.cards, kept.cards, strict=True):
        assert ours.worth.measured == theirs.worth.measured
        assert ours.worth.usd == theirs.worth.usd
        assert repr(ours.worth.value_bp) == repr(theirs.worth.value_bp), "NaN is not equal to itself"
        assert ours.calibration == theirs.calibration
        assert (ours.states, ours.stances) == (theirs.states, theirs.stances)
    assert [(pair.number, pair.share) for pair in made.agreements] == [(2, 0.0)]


def test_a_run_without_critics_has_no_scorecard() -> None:
    market = small_market({"AAPL": [(74, 75, 73, 74)]})
    silent = replace(decided("AAPL")[0], critiques=())
    assert backtest_scorecard(CONFIG, market, LAST, in_memory(silent, denied("IDX")[0])) is None


def test_the_page_and_the_json_of_a_backtest_hold_its_scorecard(
    found: tuple[Scorecard, Scorecard], tmp_path: Path
) -> None:
    bare = build_backtest_report(toy_story())
    assert "what each critic was worth" not in write_backtest_html(bare, tmp_path / "a.html").read_text("utf-8")
    report = build_backtest_report(replace(toy_story(), worth=worth_facts(found[1])))
    page = write_backtest_html(report, tmp_path / "b.html").read_text("utf-8")
    assert page.index("what each critic was worth") < page.index(">bull*<") < page.index('<h2 id="trades">')
    told = json.loads(write_backtest_json(report, tmp_path / "b.json").read_text("utf-8"))["worth"]
    assert [card["critic"] for card in told["cards"]] == ["bull", "rules"]
    assert (told["cards"][0]["low"], told["cards"][0]["states"]) == (None, {"answered": 2})
