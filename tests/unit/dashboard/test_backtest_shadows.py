"""Entries that a committee took away are told by cause and ending, with what they would have brought."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from tenthman_reports import decided, entry, vetoed

from tenthman.dashboard.backtest_shadows import shadow_facts
from tenthman.domain.market import Panel
from tenthman.domain.opinion import Enter


def panel() -> Panel:
    """AAPL falls through its stop at 72.10 on the second day, MSFT rises through its target at 78.10."""
    rows = {
        "open": [[74.0, 74.0], [73.0, 75.0]],
        "high": [[75.0, 75.0], [73.0, 79.0]],
        "low": [[73.0, 73.0], [70.0, 74.0]],
        "close": [[74.0, 74.0], [71.0, 78.5]],
        "volume": [[1.0, 1.0], [1.0, 1.0]],
    }
    return Panel(
        sessions=np.array(["2020-01-06", "2020-01-07"], dtype="datetime64[D]"),
        tickers=("AAPL", "MSFT"),
        **{name: np.array(values) for name, values in rows.items()},
    )


def test_what_was_taken_away_is_told_by_cause_and_ending() -> None:
    first, second = vetoed("AAPL")[0], vetoed("MSFT")[0]
    again = replace(first, id="d-again")
    stopped, reached = shadow_facts([first, decided("MSFT")[0], second, again], panel(), date(2020, 1, 7))
    assert (stopped.cause, stopped.ended, stopped.number, stopped.tickers) == ("veto", "stop", 2, 1)
    assert stopped.result_usd == pytest.approx(2 * 100 * (72.10 - 74.0))
    assert (reached.cause, reached.ended, reached.number, reached.tickers) == ("veto", "target", 1, 1)
    assert reached.result_usd == pytest.approx(100 * (78.10 - 74.0))


def test_only_the_part_that_a_shrink_took_away_lives_on() -> None:
    whole = entry("d-AAPL", "AAPL")
    shrunk = replace(
        decided("AAPL")[0],
        verdict=Enter(size_fraction=0.4),
        outcome=replace(whole, quantity=whole.quantity * 4 / 10),
        shadow=whole,
    )
    (fact,) = shadow_facts([shrunk], panel(), date(2020, 1, 7))
    assert (fact.cause, fact.number) == ("shrink", 1)
    assert fact.result_usd == pytest.approx(60 * (72.10 - 74.0))


def test_nothing_taken_away_is_nothing_told() -> None:
    assert shadow_facts([decided("AAPL")[0]], panel(), date(2020, 1, 7)) == ()
