"""What workers are asked for before they may compute: the very sources that run here, wherever in a room they stand."""

from pathlib import Path

from tenthman.ml.cluster import ROOMS, sources_hash


def test_a_changed_source_in_a_folder_of_a_room_is_other_code(tmp_path: Path) -> None:
    for room in ROOMS:
        (tmp_path / room / "inner").mkdir(parents=True)
        (tmp_path / room / "inner" / "part.py").write_text("ANSWER = 1\n")
    before = sources_hash(tmp_path)
    assert sources_hash(tmp_path) == before
    (tmp_path / ROOMS[0] / "inner" / "part.py").write_text("ANSWER = 2\n")
    assert sources_hash(tmp_path) != before
