"""The schema is what the migrations make, and it refuses what is illegal."""

from collections.abc import Iterator
from importlib.resources import files

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tenthman.db.migrate import Migration, migrate, shipped_migrations
from tenthman.db.pool import Pool
from tenthman.domain.errors import SetupError

CATALOGUE = {
    "columns": """
        SELECT table_name, column_name, rank() OVER (PARTITION BY table_name ORDER BY ordinal_position), udt_name,
               is_nullable, column_default, is_identity, format_type(a.atttypid, a.atttypmod)
        FROM information_schema.columns c
        JOIN pg_attribute a ON a.attrelid = format('%I.%I', table_schema, table_name)::regclass
                           AND a.attname = column_name
        WHERE table_schema = 'public'""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, contype::text, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "triggers": """
        SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid)
        FROM pg_trigger WHERE NOT tgisinternal""",
    "enums": """
        SELECT typname, enumlabel, enumsortorder
        FROM pg_enum JOIN pg_type ON pg_type.oid = enumtypid""",
    "functions": """
        SELECT proname, pg_get_functiondef(p.oid) FROM pg_proc p
        WHERE pronamespace = 'public'::regnamespace
          AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')""",
    "extensions": "SELECT extname FROM pg_extension",
}


def catalogue(url: str) -> dict[str, set[tuple[object, ...]]]:
    with psycopg.connect(url) as connection:
        return {
            name: {row for row in connection.execute(query) if row[0] != "schema_migrations"}
            for name, query in CATALOGUE.items()
        }


@pytest.fixture
def schema_url(database_url: str) -> Iterator[str]:
    """A database made from schema.sql alone."""
    name = sql.Identifier("made_from_schema")
    with psycopg.connect(make_conninfo(database_url, dbname="postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(name))
        url = make_conninfo(database_url, dbname="made_from_schema")
        with psycopg.connect(url) as made:
            made.execute((files("tenthman.db") / "schema.sql").read_bytes())
        yield url
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def test_the_schema_equals_all_migrations(schema_url: str, fresh_database_url: str) -> None:
    written, migrated = catalogue(schema_url), catalogue(fresh_database_url)
    for part in CATALOGUE:
        assert written[part] == migrated[part], part
    assert len(written["columns"]) > 150
    assert written["triggers"]
    assert written["enums"]


def test_migrating_again_changes_nothing(pool: Pool) -> None:
    assert migrate(pool) == []


def test_a_changed_migration_is_refused(pool: Pool) -> None:
    first, *rest = shipped_migrations()
    changed = (Migration(name=first.name, sql=first.sql + b"\n-- changed"), *rest)
    with pytest.raises(SetupError, match=f"migration {first.name} was changed"):
        migrate(pool, changed)


def test_a_store_that_went_through_a_migration_before_it_was_mended_is_taken_as_it_is(pool: Pool) -> None:
    before = "64b46756f85b16b96d92d0b20234284973162287971e9bf4a8012240336784b5"
    with pool.connection() as connection:
        connection.execute("UPDATE schema_migrations SET sha256 = %s WHERE name = '0016_grounds'", [before])
    assert migrate(pool) == []


def test_a_database_from_a_newer_version_is_refused(pool: Pool) -> None:
    newer = (*shipped_migrations(), Migration(name="9999_future", sql=b"CREATE TABLE future (id int)"))
    assert migrate(pool, newer) == ["9999_future"]
    with pytest.raises(SetupError, match="9999_future"):
        migrate(pool)


def test_a_migration_that_fails_leaves_nothing_behind(pool: Pool) -> None:
    broken = (
        *shipped_migrations(),
        Migration(name="9998_good", sql=b"CREATE TABLE good (id int)"),
        Migration(name="9999_broken", sql=b"CREATE TABLE broken (id nonsense)"),
    )
    with pytest.raises(psycopg.errors.UndefinedObject):
        migrate(pool, broken)
    with pool.connection() as connection:
        assert connection.execute("SELECT to_regclass('good')").fetchone() == (None,)
    assert migrate(pool) == []


def test_no_statement_of_a_migration_is_cut_short_and_those_of_the_desk_are_bounded_again(pool: Pool) -> None:
    noting = Migration(
        name="9999_noting", sql=b"CREATE TABLE noted AS SELECT current_setting('statement_timeout') AS ms"
    )
    usual = current_timeout(pool)
    migrate(pool, (*shipped_migrations(), noting))
    with pool.connection() as connection:
        assert connection.execute("SELECT ms FROM noted").fetchone() == ("0",)
    assert current_timeout(pool) == usual != "0"


def current_timeout(pool: Pool) -> str:
    with pool.connection() as connection:
        row = connection.execute("SHOW statement_timeout").fetchone()
    assert row is not None
    return str(row[0])


MARKET = "INSERT INTO markets VALUES ('m', 'pack', 'n', 'd', 's', 'split', 'l', 'h', 'SPY');"
DECISION = (
    MARKET
    + """
    INSERT INTO models VALUES ('v', 'm', '2020-01-03', 'f', '{}', '', repeat('0', 64), now());
    INSERT INTO runs VALUES ('00000000-0000-0000-0000-000000000001', 'k', 'm', 'rehearsal', NULL, '2020-01-06',
        '2020-01-31', 'c', 'v', now(), NULL, 'running');
    INSERT INTO decisions VALUES ('00000000-0000-0000-0000-000000000001', 'd', '2020-01-06', 'morning', now(), 'AAPL',
        NULL, NULL, NULL, 'hold', '{}', NULL, '[]', NULL, repeat('0', 64), 'c', 'v');
    """
)
FETCH = "INSERT INTO bar_fetches (market_id, source, price_basis, fetched_at) VALUES ('m', 's', 'split', now());"
BAR = """INSERT INTO bars SELECT 'm', '2020-01-06', 'AAPL', {open}, {high}, {low}, {close}, {volume}, now(), max(id)
    FROM bar_fetches"""
ORDER = """INSERT INTO orders (run_id, client_order_id, decision_id, purpose, ticker, side, quantity, order_type,
    time_in_force, status, filled_quantity, created_at, updated_at) VALUES ('00000000-0000-0000-0000-000000000001',
    '{id}', 'd', '{purpose}', 'AAPL', '{side}', {quantity}, 'market', 'day', 'intent', {filled}, now(), now())"""
GOOD_BAR = {"open": 10, "high": 11, "low": 9, "close": 10, "volume": 100}
GOOD_ORDER = {"id": "tm-1", "purpose": "exit", "side": "sell", "quantity": 5, "filled": 0}


@pytest.mark.parametrize(
    "change",
    [
        {"open": 0},
        {"open": "'NaN'"},
        {"high": 9.5},
        {"high": "'Infinity'"},
        {"low": 10.5},
        {"low": "'NaN'"},
        {"close": -1},
        {"volume": -1},
        {"volume": "'NaN'"},
    ],
)
def test_an_impossible_bar_is_refused(pool: Pool, change: dict[str, object]) -> None:
    with pool.connection() as connection:
        connection.execute(MARKET.encode() + FETCH.encode())
        connection.execute(BAR.format(**GOOD_BAR).encode())
        connection.execute("DELETE FROM bars")
        with pytest.raises(psycopg.errors.CheckViolation), connection.transaction():
            connection.execute(BAR.format(**(GOOD_BAR | change)).encode())


@pytest.mark.parametrize(
    "change", [{"id": ""}, {"purpose": "whim"}, {"side": "short"}, {"quantity": 0}, {"quantity": -1}, {"filled": 6}]
)
def test_an_impossible_order_is_refused(pool: Pool, change: dict[str, object]) -> None:
    with pool.connection() as connection:
        connection.execute(DECISION.encode())
        connection.execute(ORDER.format(**GOOD_ORDER).encode())
        connection.execute("DELETE FROM orders")
        with pytest.raises(psycopg.errors.CheckViolation), connection.transaction():
            connection.execute(ORDER.format(**(GOOD_ORDER | change)).encode())


def test_a_second_order_of_the_same_client_order_id_is_refused(pool: Pool) -> None:
    with pool.connection() as connection:
        connection.execute(DECISION.encode())
        connection.execute(ORDER.format(**GOOD_ORDER).encode())
        with pytest.raises(psycopg.errors.UniqueViolation), connection.transaction():
            connection.execute(ORDER.format(**GOOD_ORDER).encode())


def test_news_known_before_it_was_published_is_refused(pool: Pool) -> None:
    with pool.connection() as connection:
        connection.execute(MARKET.encode())
        connection.execute("INSERT INTO news VALUES ('m', 'n', 's', 'u')")
        statement = (
            "INSERT INTO news_versions VALUES ('m', 'n', 1, 'h', '', now(), now() + make_interval(secs => %s), "
            "'instant', '{}', '{}', 1, 0)"
        )
        with pytest.raises(psycopg.errors.CheckViolation), connection.transaction():
            connection.execute(statement, [-1])
        connection.execute(statement, [0])


def test_a_filtered_vector_search_goes_on_until_it_has_found_enough(pool: Pool) -> None:
    with pool.connection() as connection:
        assert connection.execute("SHOW hnsw.iterative_scan").fetchone() == ("strict_order",)
        assert connection.execute("SELECT '[1,2]'::vector <-> '[1,3]'::vector").fetchone() == (1.0,)
