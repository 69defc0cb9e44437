"""A run's scorecard out of the record: one entry sent, one taken away."""

import pytest
from tenthman_reports import small_run

from tenthman.config import load_config
from tenthman.db.pool import Pool
from tenthman.domain.errors import ConfigError
from tenthman.scheduler.outcomes.scorecard import scorecard

CONFIG = load_config(None, {})


def test_every_critic_of_a_run_is_scored_on_what_became_of_the_entry(pool: Pool) -> None:
    """AAPL is bought at the open, 74, and sold at its target, 78.10; MSFT never comes down to its limit."""
    run = small_run(pool)
    found = scorecard(CONFIG, pool, run[:8])
    assert (found.runs, found.entries) == ((run,), 2)
    bull, rules = found.cards
    assert (bull.key.role, bull.asked, bull.veto_rate, bull.binding) == ("bull", 2, 1.0, 0)
    assert (bull.worth.measured, bull.worth.never_filled) == (1, 1)
    assert bull.worth.usd == pytest.approx(-410.0, abs=10.0), "its veto would have cost a gain of about 4.10 a share"
    assert bull.worth.value_bp.estimate == pytest.approx(-10_000 * 4.10 / 74.0, rel=0.03)
    assert (rules.key.role, rules.binding, rules.worth.measured) == ("rules", 2, 0)
    (pair,) = found.agreements
    assert (pair.number, pair.share) == (2, 0.0)


def test_runs_under_other_settings_are_named(pool: Pool) -> None:
    run = small_run(pool)
    assert scorecard(CONFIG, pool, run).otherwise == (run,)
    with pool.connection() as connection:
        connection.execute("UPDATE runs SET config_hash = %s", [CONFIG.hash])
    assert scorecard(CONFIG, pool, run).otherwise == ()


def test_a_run_that_put_nothing_to_critics_has_no_scorecard(pool: Pool) -> None:
    with pytest.raises(ConfigError, match="rehearse"):
        scorecard(CONFIG, pool, None)
    small_run(pool)
    for nobody in ("ffffffff", "%"):
        with pytest.raises(ConfigError, match="--run"):
            scorecard(CONFIG, pool, nobody)
    assert scorecard(CONFIG, pool, None, every_run=True).entries == 2
