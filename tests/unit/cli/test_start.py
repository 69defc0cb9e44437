"""How much a command loads before it knows what it was asked for."""

import subprocess
import sys

import pytest

HEAVY = {"scipy", "pandas", "numba", "sklearn", "xgboost", "onnxruntime", "pyarrow", "alpaca", "plotly", "psycopg"}


@pytest.mark.parametrize(
    ("module", "without"),
    [("tenthman.cli.app", HEAVY), ("tenthman.scheduler.gathering.markets", HEAVY - {"pyarrow"})],
)
def test_what_takes_long_to_load_is_loaded_where_it_is_used(module: str, without: set[str]) -> None:
    asked = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert without & set(done.stdout.split()) == set()
