"""What older versions stored is still there, and found, after a migration."""

from datetime import UTC, datetime

import numpy as np
from psycopg import sql

from tenthman.db.migrate import migrate, shipped_migrations
from tenthman.db.pool import Pool
from tenthman.news.search import NewsSearch, Question

BEFORE, AFTER = datetime(2026, 11, 2, 21, 5, tzinfo=UTC), datetime(2026, 11, 3, 21, 5, tzinfo=UTC)


def as_before(pool: Pool, number: str) -> None:
    """The database as the migrations before `number` leave an empty one."""
    migrations = shipped_migrations()
    place = next(place for place, item in enumerate(migrations) if item.name.startswith(number))
    with pool.connection() as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
        connection.execute("CREATE EXTENSION vector")
    pool.drain()  # the vector type has another number now
    migrate(pool, migrations[:place])


def test_stored_bars_get_the_fetch_that_they_came_with(pool: Pool) -> None:
    as_before(pool, "0004")
    with pool.connection() as connection:
        for market, kind in (("live", "live"), ("p", "pack")):
            connection.execute(
                "INSERT INTO markets VALUES (%s, %s, 'n', 'd', %s, 'split', 'l', %s, 'SPY')",
                [market, kind, f"of {market}", market],
            )
            for day, known_at in (("2026-11-02", BEFORE), ("2026-11-03", AFTER)):
                connection.execute(
                    sql.SQL("INSERT INTO bars VALUES (%s, %s, 'AAPL', 10, 11, 9, 10, 5, %s)"), [market, day, known_at]
                )
    migrate(pool)
    with pool.connection() as connection:
        rows = connection.execute(
            "SELECT bars.market_id, session::text, close, source, fetched_at FROM bars "
            "JOIN bar_fetches ON bar_fetches.id = fetch_id AND bar_fetches.market_id = bars.market_id ORDER BY 1, 2"
        ).fetchall()
    assert [row[:4] for row in rows] == [
        ("live", "2026-11-02", 10.0, "of live"),
        ("live", "2026-11-03", 10.0, "of live"),
        ("p", "2026-11-02", 10.0, "of p"),
        ("p", "2026-11-03", 10.0, "of p"),
    ]
    assert [row[4] for row in rows[:2]] == [BEFORE, AFTER]


def test_who_left_before_the_stored_bars_begin_is_known_until_the_last_of_them(pool: Pool) -> None:
    as_before(pool, "0016")
    with pool.connection() as connection:
        connection.execute("INSERT INTO markets VALUES ('p', 'pack', 'n', 'd', 's', 'split', 'l', 'h', 'SPY')")
        connection.execute(
            "INSERT INTO bar_fetches (market_id, source, price_basis, fetched_at) VALUES ('p', 's', 'split', %s)",
            [BEFORE],
        )
        for ticker, left in (("GONE", "2015-01-02"), ("HERE", None)):
            connection.execute(
                "INSERT INTO universe VALUES ('p', %s, 'n', %s, 's', '{}', '2010-01-04', %s)", [ticker, ticker, left]
            )
            connection.execute(
                "INSERT INTO bars (market_id, session, ticker, open, high, low, close, volume, known_at, fetch_id) "
                "SELECT 'p', '2020-11-03', %s, 10, 11, 9, 10, 5, %s, id FROM bar_fetches",
                [ticker, BEFORE],
            )
    migrate(pool)
    with pool.connection() as connection:
        rows = connection.execute("SELECT ticker, first_session::text, last_session::text FROM grounds ORDER BY 1")
        assert rows.fetchall() == [("GONE", "2020-11-03", "2020-11-03"), ("HERE", "2020-11-03", "infinity")]


class Nobody:
    """The name of an embedder whose vectors are stored."""

    model = "m"
    dimensions = 3

    def embed(self, texts: object) -> np.ndarray:
        raise AssertionError(f"{texts} have their vectors")


def test_stored_vectors_are_found_by_their_tickers(pool: Pool) -> None:
    as_before(pool, "0017")
    with pool.connection() as connection:
        connection.execute("INSERT INTO markets VALUES ('p', 'pack', 'n', 'd', 's', 'split', 'l', 'h', 'SPY')")
        for name, tickers, found_by, vector in (
            ("one", "{A,B}", "{A,B}", "[1,0,0]"),
            # Linked anew by a desk that did not know of the ticker that vectors have beside them.
            ("two", "{B,B}", "{C}", "[0,1,0]"),
            ("none", "{}", "{}", "[0,0,1]"),
        ):
            connection.execute("INSERT INTO news VALUES ('p', %s, 's', 'u')", [name])
            connection.execute(
                "INSERT INTO news_versions VALUES ('p', %s, 1, 'h', '', %s, %s, 'instant', '{}', %s, 1, 0)",
                [name, BEFORE, BEFORE, tickers],
            )
            connection.execute(
                "INSERT INTO news_vectors VALUES ('p', 'm', %s, 1, %s, %s, %s)", [name, BEFORE, found_by, vector]
            )
    migrate(pool)
    searcher = NewsSearch(pool, "p", Nobody())
    asked = np.array([0.6, 0.8, 0.0], dtype=np.float32)

    def found(*tickers: str) -> list[str]:
        return [name for name, _ in searcher.nearest(Question(text="h", as_of=AFTER, tickers=tickers), asked)]

    assert (found("A"), found("B"), found("A", "B")) == (["one"], ["two", "one"], ["two", "one"])
    assert (found("C"), found()) == ([], ["two", "one", "none"])
