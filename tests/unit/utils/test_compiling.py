"""Compiled functions, and the folder that keeps their machine code."""

from pathlib import Path

import numpy as np
import pytest
from numba.core import config

from tenthman.utils.compiling import compiler


def inverse(value: float) -> float:
    return 1.0 / value


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file to compile, in a machine where code is kept under `tmp_path`."""
    monkeypatch.setitem(vars(config), "CACHE_DIR", str(tmp_path))
    path = tmp_path / "source.py"
    path.write_text("one")
    return path


def test_a_changed_source_meets_no_stale_machine_code(source: Path) -> None:
    before = compiler([source]).folder
    assert compiler([source]).folder == before
    source.write_text("another")
    assert compiler([source]).folder != before


def test_machine_code_is_kept_in_its_folder_and_numba_is_left_as_it_was(source: Path, tmp_path: Path) -> None:
    made = compiler([source], divides_freely=True)
    compiled = made.entrance(inverse)
    assert compiled(0.0) == np.inf
    assert made.folder is not None
    assert list(made.folder.rglob("*.nbi"))
    assert vars(config)["CACHE_DIR"] == str(tmp_path)


def test_where_nothing_can_be_written_functions_compile_all_the_same(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(vars(config), "CACHE_DIR", str(source))
    made = compiler([source])
    assert made.folder is None
    compiled = made.entrance(inverse)
    assert compiled(4.0) == 0.25
    with pytest.raises(ZeroDivisionError):
        compiled(0.0)
