"""What workers are asked for before they may compute: the very sources that run here, wherever in a room they stand."""

import ast
from pathlib import Path

import tenthman
from tenthman.ml.cluster import ROOMS, sources_hash


def test_a_changed_source_in_a_folder_of_a_room_is_other_code(tmp_path: Path) -> None:
    for room in ROOMS:
        (tmp_path / room / "inner").mkdir(parents=True)
        (tmp_path / room / "inner" / "part.py").write_text("ANSWER = 1\n")
    before = sources_hash(tmp_path)
    assert sources_hash(tmp_path) == before
    (tmp_path / ROOMS[0] / "inner" / "part.py").write_text("ANSWER = 2\n")
    assert sources_hash(tmp_path) != before


def imported(package: Path, module: str) -> set[str]:
    """Modules of the package that `module` imports where it is loaded, itself or through others."""
    found, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        place = package.joinpath(*name.split(".")[1:])
        source = (place / "__init__.py" if place.is_dir() else place.with_suffix(".py")).read_text(encoding="utf-8")
        for node in ast.parse(source).body:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tenthman."):
                inner = [f"{node.module}.{item.name}" for item in node.names]
                known = [item for item in inner if package.joinpath(*item.split(".")[1:]).with_suffix(".py").exists()]
                waiting += known or [str(node.module)]
    return found


def test_a_run_of_a_sweep_loads_nothing_but_the_rooms_by_which_it_is_told_apart() -> None:
    package = Path(tenthman.__file__).parent
    loaded = imported(package, "tenthman.backtest.kernel") | imported(package, "tenthman.backtest.sweep_run")
    assert {name.split(".")[1] for name in loaded} <= set(ROOMS)
