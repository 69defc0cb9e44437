"""Named queries are found in their files, and a broken file is refused."""

import sys
from pathlib import Path

import pytest

from tenthman.db.pool import masked
from tenthman.db.sql import load_queries


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of its own for .sql files."""
    folder = tmp_path / "room_with_sql"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "room_with_sql", raising=False)
    return folder


def test_each_heading_names_the_query_below_it(package: Path) -> None:
    (package / "good.sql").write_text("-- A note.\n-- name: one\nSELECT 1;\n\n-- name: two\n-- why\nSELECT 2\n")
    assert dict(load_queries("room_with_sql", "good.sql")) == {"one": "SELECT 1", "two": "-- why\nSELECT 2"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SELECT 1", "must have at least one"),
        ("-- name: one\n-- name: two\nSELECT 2", "query `one` must have a text"),
        ("-- name: one\nSELECT 1\n-- name: one\nSELECT 2", "query `one` must have a text and be named once"),
    ],
)
def test_a_broken_file_is_refused(package: Path, text: str, message: str) -> None:
    (package / "bad.sql").write_text(text)
    with pytest.raises(ValueError, match=message):
        load_queries("room_with_sql", "bad.sql")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:hunter2@db.example.org:5433/desk",
        "host=db.example.org port=5433 user=ada password=hunter2 dbname=desk",
    ],
)
def test_an_address_is_shown_without_its_password(url: str) -> None:
    assert masked(url) == "postgresql://ada:***@db.example.org:5433/desk"


def test_an_address_that_cannot_be_read_is_not_shown_at_all() -> None:
    assert "hunter2" not in masked("postgresql//ada:hunter2@nowhere")
