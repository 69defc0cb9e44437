"""Bars that were stored before bars belonged to a fetch keep their numbers and get one."""

from datetime import UTC, datetime

from psycopg import sql

from tenthman.db.migrate import migrate, shipped_migrations
from tenthman.db.pool import Pool

BEFORE, AFTER = datetime(2026, 11, 2, 21, 5, tzinfo=UTC), datetime(2026, 11, 3, 21, 5, tzinfo=UTC)


def test_stored_bars_get_the_fetch_that_they_came_with(pool: Pool) -> None:
    migrations = shipped_migrations()
    place = next(number for number, item in enumerate(migrations) if item.name.startswith("0004"))
    with pool.connection() as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
        connection.execute("CREATE EXTENSION vector")
    migrate(pool, migrations[:place])
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
    migrate(pool, migrations)
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
