"""Feature sets of a market in PostgreSQL: built session by session, read by ticker and date."""

from datetime import date

import numpy as np
import pytest

from tenthman.db.pool import Pool
from tenthman.domain.errors import DataCorrupt
from tenthman.domain.features import FeaturePanel
from tenthman.features.sets import FeatureStore, Replaced

TICKERS = ("A", "B", "C", "INDEX")
SESSIONS = 30


@pytest.fixture
def store(pool: Pool) -> FeatureStore:
    with pool.connection() as connection:
        connection.execute("INSERT INTO markets VALUES ('m1', 'practice', 'n', 'd', 's', 'p', 'l', 'h', 'SPY')")
    return FeatureStore(pool, "m1")


def panel(definition: str = "test-1") -> FeaturePanel:
    values = np.random.default_rng(4).normal(size=(SESSIONS, len(TICKERS), 3)) / 3.0
    values[:5, :, 1] = np.nan
    return FeaturePanel(
        sessions=np.datetime64("2020-01-01") + np.arange(SESSIONS), tickers=TICKERS, names=("x", "y", "z"),
        values=values, definitions=(definition,),
    )  # fmt: skip


MEMBER = np.tile([True, True, True, False], (SESSIONS, 1))


def test_a_set_is_built_session_by_session_and_read_back_bit_for_bit(store: FeatureStore) -> None:
    whole = panel()
    assert store.add(whole.rows(0, 20), MEMBER[:20]) == 60
    assert store.add(whole, MEMBER) == 30
    assert store.add(whole, MEMBER) == 0
    sessions, values = store.read(whole.set_hash, "B", date(2020, 1, 3), date(2020, 1, 25))
    np.testing.assert_array_equal(sessions, whole.sessions[2:25])
    assert values.tobytes() == np.ascontiguousarray(whole.values[2:25, 1]).tobytes()
    assert len(store.read(whole.set_hash, "INDEX", date.min, date.max)[0]) == 0
    (held,) = store.sets()
    assert (held.set_hash, held.names, held.rows) == (whole.set_hash, ("x", "y", "z"), 90)
    assert (held.first, held.last) == (date(2020, 1, 1), date(2020, 1, 30))


def test_sets_of_other_definitions_lie_beside_each_other_and_one_can_be_forgotten(store: FeatureStore) -> None:
    old, new = panel(), panel("test-2")
    store.add(old.rows(0, 10), MEMBER[:10])
    store.add(new, MEMBER)
    assert [item.definitions for item in store.sets()] == [("test-2",), ("test-1",)]
    assert store.forget(old.set_hash) == 30
    assert [item.definitions for item in store.sets()] == [("test-2",)]
    assert store.forget("none") == 0


@pytest.mark.parametrize("row", [0, 11, 19])
def test_a_past_that_has_changed_in_any_session_is_refused_and_nothing_is_added(store: FeatureStore, row: int) -> None:
    whole = panel()
    store.add(whole.rows(0, 20), MEMBER[:20])
    values = whole.values.copy()
    values[row, 1, 2] = np.nextafter(values[row, 1, 2], 1.0)
    changed = FeaturePanel(
        sessions=whole.sessions.copy(), tickers=TICKERS, names=whole.names, values=values, definitions=("test-1",)
    )
    with pytest.raises(DataCorrupt, match=f"B in {whole.sessions[row]}: the stored features must equal"):
        store.add(changed, MEMBER)
    left = MEMBER.copy()
    left[row, 2] = False
    with pytest.raises(DataCorrupt, match=f"C in {whole.sessions[row]}"):
        store.add(whole, left)
    assert store.sets()[0].rows == 60


def test_a_zero_of_the_other_sign_is_no_change_and_names_out_of_order_are_none(store: FeatureStore) -> None:
    names, values = ("b", "B", "\u00e9", "A"), np.zeros((2, 4, 1))
    one, other = (
        FeaturePanel(
            sessions=np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[D]"), tickers=names, names=("x",),
            values=sign * values, definitions=("test-1",),
        )
        for sign in (1.0, -1.0)
    )  # fmt: skip
    member = np.ones((2, 4), dtype=np.bool_)
    assert store.add(one.rows(0, 1), member[:1]) == 4
    assert store.add(other, member) == 4


def test_a_changed_past_is_rewritten_where_it_differs_and_nowhere_else(store: FeatureStore, pool: Pool) -> None:
    whole = panel()
    store.add(whole.rows(0, 20), MEMBER[:20])
    values = whole.values.copy()
    values[8:10, 1, 2] += 1.0
    values[9, 3] = 7.0
    changed = FeaturePanel(
        sessions=whole.sessions.copy(), tickers=TICKERS, names=whole.names, values=values, definitions=("test-1",)
    )
    left = MEMBER.copy()
    left[4, 2] = False

    def written() -> dict[tuple[str, date], str]:
        with pool.connection() as connection:
            rows = connection.execute("SELECT ticker, session, xmin::text FROM feature_values").fetchall()
        return {(ticker, session): by for ticker, session, by in rows}

    before = written()
    assert store.replace(changed.rows(0, 22), left[:22]) == Replaced(added=6, changed=2, removed=1)
    after = written()
    assert before.keys() - after.keys() == {("C", date(2020, 1, 5))}
    touched = {key for key in before.keys() & after.keys() if before[key] != after[key]}
    assert touched == {("B", date(2020, 1, 9)), ("B", date(2020, 1, 10))}
    held = store.read(whole.set_hash, "B", date.min, date.max)[1]
    assert held.tobytes() == np.ascontiguousarray(values[:22, 1]).tobytes()
    assert store.add(changed, left) == 24
    assert store.replace(changed, left) == Replaced(added=0, changed=0, removed=0)


def test_drawn_rows_are_stored_ones_and_the_same_for_the_same_seed(store: FeatureStore) -> None:
    whole = panel()
    store.add(whole, MEMBER)
    rows = store.drawn(whole.set_hash, 10, 3)
    assert len({(row.ticker, row.session) for row in rows}) == 10
    for row in rows:
        held = whole.values[(row.session - date(2020, 1, 1)).days, TICKERS.index(row.ticker)]
        assert row.values.tobytes() == held.tobytes()
    assert [row.session for row in store.drawn(whole.set_hash, 10, 3)] == [row.session for row in rows]
    assert [row.session for row in store.drawn(whole.set_hash, 10, 4)] != [row.session for row in rows]


def test_a_ticker_and_a_span_of_dates_are_found_through_an_index(store: FeatureStore, pool: Pool) -> None:
    store.add(panel(), MEMBER)
    with pool.connection() as connection:
        connection.execute("SET LOCAL enable_seqscan = off")
        plan = connection.execute(
            "EXPLAIN SELECT values FROM feature_values WHERE market_id = 'm1' AND feature_set_hash = 'h'"
            " AND ticker = 'A' AND session BETWEEN '2020-01-01' AND '2020-02-01'"
        ).fetchall()
    assert any("feature_values_pkey" in row[0] for row in plan)
    assert any("Index Cond" in row[0] and "session >=" in row[0] for row in plan)
