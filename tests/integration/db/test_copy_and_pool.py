"""Binary COPY in both directions, and a pool that says clearly why it cannot open."""

import socket

import numpy as np
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.conninfo import make_conninfo

from tenthman.config import DatabaseSettings
from tenthman.db.copy import CHUNK_ROWS, Column, Text, copy_binary, read_binary
from tenthman.db.pool import Pool, open_pool
from tenthman.domain.errors import SetupError

SETTINGS = DatabaseSettings(pool_size=2, connect_timeout_s=2, statement_timeout_s=1)
TABLE = "CREATE TEMPORARY TABLE rows (day date, name text, value float8, moment timestamptz) ON COMMIT DROP"
LABEL = st.text(st.characters(exclude_characters="\x00", codec="utf-8"), max_size=12)


@given(
    st.lists(
        st.tuples(st.integers(-30_000, 80_000), LABEL, st.floats(), st.integers(-(10**14), 4 * 10**15)),
        max_size=40,
    )
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rows_come_back_as_they_went_in(pool: Pool, rows: list[tuple[int, str, float, int]]) -> None:
    labels = sorted({row[1] for row in rows})
    columns: dict[str, Column] = {
        "day": np.array([row[0] for row in rows], dtype="datetime64[D]"),
        "name": Text(labels=labels, codes=np.array([labels.index(row[1]) for row in rows], dtype=np.intp)),
        "value": np.array([row[2] for row in rows], dtype=np.float64),
        "moment": np.array([row[3] for row in rows], dtype="datetime64[us]"),
    }
    with pool.connection() as connection, connection.cursor() as cursor:
        cursor.execute(TABLE)
        assert copy_binary(cursor, "rows", columns) == len(rows)
        kinds = {"day": "date", "value": "float8", "moment": "timestamptz"}
        back = read_binary(cursor, "SELECT day, value, moment FROM rows", [], kinds)
        names = [row[0] for row in cursor.execute("SELECT name FROM rows").fetchall()]
    assert back["day"].tolist() == [np.datetime64(row[0], "D").item() for row in rows]
    assert back["value"].tobytes() == np.array([row[2] for row in rows], dtype=np.float64).tobytes()
    assert back["moment"].tolist() == [np.datetime64(row[3], "us").item() for row in rows]
    assert names == [row[1] for row in rows]


def test_rows_beyond_one_chunk_arrive_in_order(pool: Pool) -> None:
    values = np.arange(2.0 * CHUNK_ROWS + 3)
    with pool.connection() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE numbers (value float8) ON COMMIT DROP")
        copy_binary(cursor, "numbers", {"value": values})
        assert np.array_equal(
            read_binary(cursor, "SELECT value FROM numbers", [], {"value": "float8"})["value"], values
        )


def test_rows_come_block_by_block_and_none_at_all_are_empty_columns(pool: Pool) -> None:
    query = "SELECT * FROM (VALUES (2, 0.5::float8), (1, 1.5), (2, 0.25)) AS rows (place, value)"
    kinds = {"place": "int4", "value": "float8"}
    with pool.connection() as connection, connection.cursor() as cursor:
        found = read_binary(cursor, query, [], kinds, block="place")
        none = read_binary(cursor, "SELECT 1, 0.5::float8 WHERE false", [], kinds)
        grouped = read_binary(cursor, "SELECT 1, 0.5::float8 WHERE false", [], kinds, block="place")
    assert found["place"].tolist() == [1, 2, 2]
    assert found["value"][0] == 1.5
    assert sorted(found["value"][1:]) == [0.25, 0.5]
    assert [len(column) for column in (*none.values(), *grouped.values())] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (np.array(["NaT"], dtype="datetime64[D]"), "must not hold NaT"),
        (np.array([1], dtype=np.int32), "must be float64, int64, int16, datetime64 or Text, was int32"),
        (Text(labels=("a\x00b",), codes=np.array([0])), "must not hold a NUL"),
    ],
)
def test_what_cannot_be_stored_is_refused(pool: Pool, column: Column, message: str) -> None:
    with pool.connection() as connection, connection.cursor() as cursor:
        with pytest.raises(ValueError, match=message):
            copy_binary(cursor, "rows", {"day": column})
        with pytest.raises(ValueError, match="must have one length"):
            copy_binary(cursor, "rows", {"a": np.zeros(1), "b": np.zeros(2)})


def test_a_null_is_not_taken_for_a_number(pool: Pool) -> None:
    with pool.connection() as connection, connection.cursor() as cursor, pytest.raises(ValueError, match="NULL"):
        read_binary(cursor, "SELECT NULL::float8", [], {"value": "float8"})


def test_a_statement_that_takes_too_long_is_ended(fresh_database_url: str) -> None:
    with (
        open_pool(fresh_database_url, SETTINGS) as quick,
        quick.connection() as connection,
        pytest.raises(psycopg.errors.QueryCanceled, match="statement timeout"),
    ):
        connection.execute("SELECT pg_sleep(30)")


def test_a_server_that_is_not_there_is_named_without_the_password() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(SetupError, match=rf"postgresql://ada:\*\*\*@127.0.0.1:{port}/desk cannot be reached") as caught:
        open_pool(f"postgresql://ada:hunter2@127.0.0.1:{port}/desk", SETTINGS)
    assert "hunter2" not in str(caught.value)


def test_the_vector_type_is_known_on_a_database_that_was_just_made(database_url: str) -> None:
    with psycopg.connect(make_conninfo(database_url, dbname="postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE bare TEMPLATE template0")
        try:
            with open_pool(make_conninfo(database_url, dbname="bare"), SETTINGS) as bare, bare.connection() as opened:
                row = opened.execute("SELECT '[1,2]'::vector").fetchone()
                assert row is not None
                assert row[0].to_list() == [1.0, 2.0]
        finally:
            connection.execute("DROP DATABASE bare WITH (FORCE)")
