"""The control's own arithmetic: rates, the truth of a market, and a record that survives being killed."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest

from tenthman.backtest.control import LEAST_SESSIONS, ControlSettings, study_key, true_rank_ic
from tenthman.backtest.control_outcomes import (
    Outcome,
    line_of,
    rate,
    read_outcomes,
    summarise,
    too_many_false_claims,
)
from tenthman.cli.control import table
from tenthman.config import load_config
from tenthman.db.journal import open_journal
from tenthman.domain.errors import DataCorrupt
from tenthman.exchange.practice_edge import HORIZON
from tenthman.ml.information import mean_test, session_rank_ic

OUTCOME = Outcome(
    truth="null",
    seed=1000,
    market="ab",
    claimed=False,
    closed_trades=300,
    rank_ic=0.01,
    rank_ic_low=-0.01,
    rank_ic_high=0.03,
    rank_ic_p=0.2,
    true_rank_ic=0.0,
    oracle_rank_ic=0.002,
    sharpe=0.5,
    sharpe_low=-1.0,
    sharpe_high=2.0,
    nulls_p=0.4,
    null_sharpe=0.4,
    equal_weight_sharpe=0.6,
    excess=-0.02,
    excess_low=-0.1,
    excess_high=0.06,
    exposure=0.5,
    seconds=3.0,
)


@pytest.mark.parametrize(("hits", "of"), [(0, 10), (3, 10), (10, 10), (9, 200)])
def test_the_interval_of_a_rate_is_the_exact_one(hits: int, of: int) -> None:
    theirs = binomtest(hits, of).proportion_ci(0.95, "exact")
    found = rate(hits, of)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high))


def test_more_hits_than_tries_are_refused() -> None:
    with pytest.raises(ValueError, match="`hits` must lie in 0"):
        rate(3, 2)


def test_the_truth_of_a_market_is_the_rank_ic_of_fresh_chance() -> None:
    """Against the brute force: draw chance anew many times and average."""
    rng = np.random.default_rng(1)
    expected = 0.01 * rng.standard_normal((150, 60))
    scores = expected + 0.02 * rng.standard_normal(expected.shape)
    draws = [session_rank_ic(scores, expected + 0.04 * rng.standard_t(4, expected.shape)).mean() for _ in range(60)]
    outcomes = expected + 0.04 * rng.standard_t(4, expected.shape)
    assert true_rank_ic(scores, outcomes, expected) == pytest.approx(np.mean(draws), abs=0.006)


def test_without_an_edge_the_truth_is_nothing() -> None:
    rng = np.random.default_rng(2)
    scores, outcomes = rng.standard_normal((2, 40, 30))
    assert true_rank_ic(scores, outcomes, np.zeros((40, 30))) == pytest.approx(0.0, abs=1e-12)
    assert math.isnan(true_rank_ic(np.full((40, 30), np.nan), outcomes, np.zeros((40, 30))))


def outcomes_in(path: Path) -> list[Outcome]:
    with open_journal(path) as journal:
        return read_outcomes(path, journal)


def test_outcomes_are_read_back_as_they_were_and_a_torn_line_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.jsonl"
    assert outcomes_in(path) == []
    other = replace(OUTCOME, truth="planted", sharpe=math.nan)
    lines = [line_of(item).decode() for item in (OUTCOME, other)]
    path.write_text("\n".join(lines) + "\n" + lines[0][:50], encoding="utf-8")
    found = outcomes_in(path)
    assert found[0] == OUTCOME
    assert math.isnan(found[1].sharpe)
    assert path.read_text(encoding="utf-8") == "\n".join(lines) + "\n"
    path.write_text(lines[0][:50], encoding="utf-8")
    assert outcomes_in(path) == []
    assert path.read_text(encoding="utf-8") == ""


@pytest.mark.parametrize("line", ["{", '{"truth": "null"}', "3"])
def test_a_record_that_is_none_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "outcomes.jsonl"
    path.write_text(line + "\n", encoding="utf-8")
    with pytest.raises(DataCorrupt, match="is not a record of outcomes"):
        outcomes_in(path)


def test_a_summary_counts_each_test_the_claim_and_the_coverage() -> None:
    outcomes = [
        OUTCOME,
        replace(OUTCOME, seed=1001, rank_ic_p=0.01, nulls_p=0.01, claimed=True, rank_ic_low=0.001),
        replace(OUTCOME, seed=1002, rank_ic_p=math.nan, nulls_p=0.05, closed_trades=12),
        replace(OUTCOME, truth="planted", claimed=True, true_rank_ic=0.03),
    ]
    null, planted = summarise(outcomes, 0.05)
    assert (null.claims.hits, null.rank_ic_test.hits, null.nulls_test.hits) == (1, 1, 2)
    assert (null.covered.hits, null.covered.of, null.too_few_trades) == (2, 3, 1)
    assert planted.claims.share == planted.covered.share == 1.0
    assert math.isnan(planted.spread)
    assert too_many_false_claims(null, 0.05) == pytest.approx(1.0 - 0.95**3)
    lines = table(ControlSettings(markets=3), (null, planted))
    assert "1 of 3: 33.3%" in next(line for line in lines if "an edge is claimed" in line)
    assert all(line.count("|") == 4 for line in lines if line.startswith("|"))


def test_markets_of_which_nothing_is_known_have_no_means_and_no_spread() -> None:
    blank = replace(OUTCOME, rank_ic=math.nan, rank_ic_low=math.nan, rank_ic_high=math.nan, true_rank_ic=math.nan)
    (none,) = summarise([blank, replace(blank, seed=1001)], 0.05)
    assert all(math.isnan(value) for value in (none.rank_ic, none.true_rank_ic, none.spread, none.half_width))
    (one,) = summarise([blank, OUTCOME], 0.05)
    assert (one.rank_ic, one.half_width, one.covered.hits) == (0.01, pytest.approx(0.02), 1)
    assert (one.covered.of, one.rank_ic_test.of) == (1, 2)
    assert math.isnan(one.spread)


@pytest.mark.parametrize(
    "wrong",
    [{"markets": 0}, {"nulls": 18}, {"sessions": LEAST_SESSIONS - 1}, {"sessions": 200, "market_sessions": 300}],
)
def test_settings_outside_their_bounds_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must"):
        ControlSettings(**wrong)  # type: ignore[arg-type]


def test_the_fewest_sessions_are_those_whose_rank_ic_can_be_tested() -> None:
    daily = np.random.default_rng(1).normal(size=LEAST_SESSIONS - HORIZON + 1)
    assert mean_test(daily, HORIZON).degrees == 2
    assert mean_test(daily[1:], HORIZON).degrees == 0


def test_more_markets_continue_a_study_and_another_edge_begins_one() -> None:
    config = load_config(None, {})
    key = study_key(config, ControlSettings())
    assert key == study_key(config, ControlSettings(markets=7, truth="null", first_seed=3))
    assert key != study_key(config, ControlSettings(strength=2.0))
