"""Bars in PostgreSQL: what goes in comes out, once, or nothing of it does."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import psycopg
import pytest

from tenthman.data.bars import BarStore, Fetch, Instants, Merged, table_of
from tenthman.db.pool import Pool
from tenthman.domain.errors import DataCorrupt
from tenthman.domain.market import FIELDS, Bar, Listing, MarketKind, Panel, Provenance, Rename, Universe

PROVENANCE = Provenance(
    kind=MarketKind.PACK,
    name="pack",
    description="a test",
    source="here",
    price_basis="split-adjusted",
    licence="none",
    content_hash="abc",
)
LISTING = Listing(
    ticker="AAPL",
    name="Apple",
    issuer="Apple",
    sector="Technology",
    aliases=("Apple Inc.", "iPhone maker"),
    member_from=date(2010, 1, 4),
    member_to=None,
)
UNIVERSE = Universe(listings=(LISTING,), index_ticker="SPY")
TICKERS = ("AAPL", "BRK-B", "F", "GOOGL")


def random_panel(sessions: int, seed: int = 7) -> Panel:
    generator = np.random.default_rng(seed)
    shape = (sessions, len(TICKERS))
    opening, closing = generator.uniform(5, 500, shape), generator.uniform(5, 500, shape)
    arrays = {
        "open": opening,
        "high": np.maximum(opening, closing) + generator.uniform(0, 2, shape),
        "low": np.minimum(opening, closing) - generator.uniform(0, 2, shape),
        "close": closing,
        "volume": np.round(generator.uniform(0, 1e8, shape)),
    }
    for values in arrays.values():
        values[: sessions // 2, 2] = np.nan
    days = np.datetime64("2010-01-04", "D") + np.arange(sessions)
    return Panel(sessions=days, tickers=TICKERS, **arrays)


def closes(panel: Panel) -> Instants:
    instants: Instants = (panel.sessions + np.timedelta64(21, "h")).astype("datetime64[us]")
    return instants


@pytest.fixture
def store(pool: Pool) -> BarStore:
    kept = BarStore(pool, "m")
    kept.save_market(PROVENANCE, UNIVERSE)
    return kept


def test_a_panel_comes_back_bit_for_bit_with_when_it_was_known(store: BarStore) -> None:
    panel = random_panel(50)
    assert store.load_panel(panel, closes(panel)) == 50 * 4 - 25
    back, known_at = store.panel_until(None)
    assert back.tickers == panel.tickers
    assert np.array_equal(back.sessions, panel.sessions)
    for name in FIELDS:
        assert np.array_equal(getattr(back, name), getattr(panel, name), equal_nan=True)
    assert np.isnat(known_at[0, 2])
    assert np.array_equal(known_at[:, 0], closes(panel))
    assert store.last_session() == date(2010, 2, 22)


def test_an_empty_store_gives_an_empty_panel(store: BarStore) -> None:
    panel, known_at = store.panel_until(None)
    assert panel.tickers == ()
    assert known_at.shape == (0, 0)
    assert store.last_session() is None


def test_sessions_already_stored_are_skipped(store: BarStore) -> None:
    panel = random_panel(30)
    first = panel.rows(0, 10)
    assert store.load_panel(first, closes(first)) == 30
    assert store.load_panel(first, closes(first)) == 0
    assert store.load_panel(panel, closes(panel)) == 20 * 4 - 5
    assert np.array_equal(store.panel_until(None)[0].close, panel.close, equal_nan=True)


def test_only_sessions_up_to_the_asked_one_are_read(store: BarStore) -> None:
    panel = random_panel(30)
    store.load_panel(panel, closes(panel))
    back, _ = store.panel_until(date(2010, 1, 10))
    assert back.sessions[-1] == np.datetime64("2010-01-10")
    assert len(back.sessions) == 7
    assert "F" not in back.tickers


def test_a_panel_with_one_impossible_bar_leaves_nothing_behind(store: BarStore) -> None:
    panel = random_panel(30)
    high = panel.high.copy()
    high[29, 3] = 0.5
    broken = replace(panel, high=high)
    with pytest.raises(DataCorrupt, match="impossible bar"):
        store.load_panel(broken, closes(panel))
    assert store.last_session() is None
    assert store.load_panel(panel, closes(panel)) > 0


def test_a_bar_with_some_fields_missing_is_corrupt(store: BarStore) -> None:
    panel = random_panel(10)
    volume = panel.volume.copy()
    volume[9, 1] = np.nan
    with pytest.raises(DataCorrupt, match="BRK-B 2010-01-13"):
        store.load_panel(replace(panel, volume=volume), closes(panel))


def test_known_at_of_another_length_is_refused(store: BarStore) -> None:
    panel = random_panel(10)
    with pytest.raises(ValueError, match=r"`known_at` must have shape \(10,\), was \(9,\)"):
        store.load_panel(panel, closes(panel)[:9])


def test_an_appended_bar_stays_as_it_was_first_known(store: BarStore) -> None:
    bar = Bar(
        ticker="AAPL",
        session=date(2020, 1, 6),
        open=10.0,
        high=12.0,
        low=9.0,
        close=11.0,
        volume=5.0,
        known_at=datetime(2020, 1, 6, 21, 0, tzinfo=UTC),
    )
    assert store.append([bar]) == 1
    assert store.append([replace(bar, close=11.5), replace(bar, ticker="MSFT")]) == 1
    assert store.append([]) == 0
    panel, known_at = store.panel_until(None)
    assert panel.close.tolist() == [[11.0, 11.0]]
    assert known_at[0, 0] == np.datetime64("2020-01-06T21:00:00", "us")


def test_saving_the_same_market_again_changes_nothing(store: BarStore, pool: Pool) -> None:
    store.save_market(PROVENANCE, UNIVERSE)
    with pool.connection() as connection:
        rows = connection.execute("SELECT ticker, aliases, member_to FROM universe").fetchall()
    assert rows == [("AAPL", ["Apple Inc.", "iPhone maker"], None)]


def test_a_market_id_never_stands_for_other_data(store: BarStore) -> None:
    with pytest.raises(DataCorrupt, match="already stored with other data"):
        store.save_market(replace(PROVENANCE, content_hash="other"), UNIVERSE)


def test_bars_need_their_market_and_leave_with_it(store: BarStore, pool: Pool) -> None:
    panel = random_panel(5)
    with pytest.raises(DataCorrupt, match="market 'nowhere' must be stored before its bars"):
        BarStore(pool, "nowhere").load_panel(panel, closes(panel))
    store.load_panel(panel, closes(panel))
    with pool.connection() as connection:
        with (
            pytest.raises(psycopg.errors.ForeignKeyViolation, match="bars of market 'nowhere', which does not exist"),
            connection.transaction(),
        ):
            connection.execute("UPDATE bars SET market_id = 'nowhere'")
        with pytest.raises(psycopg.errors.ForeignKeyViolation, match="bars of fetch 0"), connection.transaction():
            connection.execute("UPDATE bars SET fetch_id = 0")
        connection.execute("DELETE FROM markets WHERE id = 'm'")
        assert connection.execute("SELECT count(*) FROM bars").fetchone() == (0,)


NOON = datetime(2020, 2, 3, 17, 0, tzinfo=UTC)
FETCH = Fetch(source="Alpaca", price_basis="split-adjusted", fetched_at=NOON)


def _bar(ticker: str, day: int, close: float = 11.0) -> Bar:
    return Bar(
        ticker=ticker,
        session=date(2020, 1, day),
        open=10.0,
        high=12.0,
        low=9.0,
        close=close,
        volume=5.0,
        known_at=NOON,
    )


def test_every_bar_says_where_it_came_from_on_what_basis_and_when(store: BarStore) -> None:
    panel = random_panel(3)
    store.load_panel(panel, closes(panel))
    store.merge(table_of([_bar("AAPL", 6), _bar("AAPL", 7)]), FETCH)
    store.merge(table_of([_bar("AAPL", 7, 10.5)]), replace(FETCH, fetched_at=FETCH.fetched_at + timedelta(days=1)))
    *packed, first, newest = store.stored("AAPL", date(2010, 1, 1), date(2020, 12, 31))
    assert {(item.fetch.source, item.fetch.price_basis, item.replaced) for item in packed} == {
        ("here", "split-adjusted", 0)
    }
    assert len(packed) == 3
    assert (first.bar, first.fetch, first.replaced) == (_bar("AAPL", 6), FETCH, 0)
    assert (newest.bar, newest.fetch.fetched_at, newest.replaced) == (
        _bar("AAPL", 7, 10.5),
        FETCH.fetched_at + timedelta(days=1),
        1,
    )


def test_a_merge_adds_what_is_new_replaces_its_own_and_leaves_another_sources(store: BarStore, pool: Pool) -> None:
    assert store.merge(table_of([_bar("AAPL", 6), _bar("AAPL", 7)]), FETCH) == Merged(
        new=2, revised=0, others=0, same=0
    )
    again = store.merge(table_of([_bar("AAPL", 6, 10.5), _bar("AAPL", 7), _bar("MSFT", 7)]), FETCH)
    assert again == Merged(new=1, revised=1, others=0, same=1)
    yahoo = replace(FETCH, source="Yahoo")
    assert store.merge(table_of([_bar("AAPL", 6, 9.5), _bar("AAPL", 8)]), yahoo) == Merged(
        new=1, revised=0, others=1, same=0
    )
    assert store.ticker_bars("AAPL", date(2020, 1, 6), date(2020, 1, 7))["close"].tolist() == [10.5, 11.0]
    with pool.connection() as connection:
        kept = connection.execute("SELECT ticker, session, close FROM bar_revisions").fetchall()
    assert kept == [("AAPL", date(2020, 1, 6), 11.0)]


def test_a_merge_with_one_impossible_bar_leaves_nothing_behind(store: BarStore) -> None:
    table = table_of([_bar("AAPL", 6), _bar("AAPL", 7)])
    table.high[1] = 1.0
    with pytest.raises(DataCorrupt, match="impossible bar"):
        store.merge(table, FETCH)
    assert store.last_session() is None
    assert store.stored("AAPL", date(2020, 1, 1), date(2020, 12, 31)) == []


def test_one_tickers_bars_come_back_by_session_and_the_prices_of_one_source_by_name(store: BarStore) -> None:
    store.merge(table_of([_bar("AAPL", 7), _bar("MSFT", 6), _bar("AAPL", 6)]), FETCH)
    found = store.ticker_bars("AAPL", date(2020, 1, 1), date(2020, 1, 31))
    assert found["session"].tolist() == [date(2020, 1, 6), date(2020, 1, 7)]
    assert found["known_at"].tolist() == [NOON.replace(tzinfo=None)] * 2
    assert store.prices_of("Alpaca", ["MSFT"], date(2020, 1, 1), date(2020, 1, 31)) == {
        ("MSFT", date(2020, 1, 6)): (10.0, 12.0, 9.0, 11.0)
    }
    assert store.prices_of("Yahoo", ["MSFT"], date(2020, 1, 1), date(2020, 1, 31)) == {}
    assert store.spans(["AAPL", "NONE"]) == {"AAPL": (date(2020, 1, 6), date(2020, 1, 7))}


def _worth_one(ticker: str, session: date) -> Bar:
    at = datetime(2027, 1, 1, tzinfo=UTC)
    return Bar(ticker=ticker, session=session, open=1.0, high=1.0, low=1.0, close=1.0, volume=1.0, known_at=at)


def test_bars_stored_under_a_name_that_was_given_up_go_over_once_and_later_ones_of_that_name_stay(
    store: BarStore,
) -> None:
    renames = (Rename(old="FB", new="META", on=date(2022, 6, 9)), Rename(old="BK", new="BNY", on=date(2026, 5, 21)))
    days = (date(2022, 6, 7), date(2022, 6, 8), date(2022, 6, 9))
    store.append(
        [_worth_one("FB", day) for day in days]
        + [_worth_one("META", days[2]), _worth_one("BK", days[0]), _worth_one("BNY", days[0])]
    )
    assert store.carry_over(renames) == 2
    assert store.spans(["FB", "META", "BK", "BNY"]) == {
        "FB": (days[2], days[2]),
        "META": (days[0], days[2]),
        "BK": (days[0], days[0]),
        "BNY": (days[0], days[0]),
    }
    assert store.carry_over(renames) == 0
