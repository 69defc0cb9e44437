"""Critiques on record are found by ticker, agent, stance, verdict, run and date, through indexes."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from tenthman_reports import AS_OF, SESSION, begin, decided, seed, vetoed

from tenthman.db.pool import Pool
from tenthman.scheduler.committee.critiques import Search, count_critiques, find_critiques

ENTRIES = 70


@pytest.fixture
def stored(pool: Pool) -> Pool:
    """140 critiques: an entry a day, every second one of AAPL, every third vetoed."""
    seed(pool)
    with begin(pool) as ledger:
        for number in range(ENTRIES):
            made, case = (vetoed if number % 3 == 0 else decided)("MSFT" if number % 2 else "AAPL")
            order = made.outcome and replace(made.outcome, client_order_id=f"o{number}", decision_id=f"d{number}")
            day = timedelta(days=number)
            made = replace(made, id=f"d{number}", session=SESSION + day, as_of=AS_OF + day, outcome=order)
            ledger.record_decision(made, case)
    return pool


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        (Search(), 140),
        (Search(ticker="AAPL"), 70),
        (Search(role="bull"), 70),
        (Search(stance="approve"), 70),
        (Search(stance="approve", role="bull"), 0),
        (Search(verdict="veto"), 48),
        (Search(verdict="veto", ticker="AAPL", role="rules"), 12),
        (Search(first=date(2020, 1, 8), last=date(2020, 1, 9)), 4),
        (Search(run="00000000-0000"), 0),
    ],
)
def test_a_search_finds_what_it_names_and_nothing_else(stored: Pool, search: Search, expected: int) -> None:
    assert count_critiques(stored, search) == expected
    found = find_critiques(stored, replace(search, limit=1000))
    assert len(found) == expected
    assert list(found) == sorted(found, key=lambda item: item.as_of, reverse=True)
    for name in ("ticker", "role", "stance", "verdict"):
        wanted = getattr(search, name)
        assert wanted is None or {getattr(item, name) for item in found} <= {wanted}


def test_the_limit_takes_the_newest(stored: Pool) -> None:
    found = find_critiques(stored, Search(limit=3))
    assert [item.session for item in found] == [SESSION + timedelta(days=ENTRIES - 1)] * 2 + [
        SESSION + timedelta(days=ENTRIES - 2)
    ]
    assert [item.role for item in found[:2]] == ["bull", "rules"]


@pytest.mark.parametrize(
    ("where", "index"),
    [
        ("ticker = 'AAPL'", "decisions_by_ticker"),
        ("session BETWEEN '2020-01-08' AND '2020-01-09'", "decisions_by_session"),
        ("role = 'committee' AND stance = 'veto'", "critiques_by_role"),
    ],
)
def test_an_index_serves_each_way_of_searching(stored: Pool, where: str, index: str) -> None:
    """On a few rows a scan is quicker, so scans are made to look dear."""
    query = (
        "EXPLAIN SELECT 1 FROM critiques JOIN decisions ON decisions.run_id = critiques.run_id "
        f"AND decisions.id = decision_id WHERE {where}"
    )
    with stored.connection() as connection:
        connection.execute("SET LOCAL enable_seqscan = off")
        plan = "\n".join(row[0] for row in connection.execute(query.encode()).fetchall())
    assert index in plan
