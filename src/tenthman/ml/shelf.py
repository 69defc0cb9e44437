"""The copies of models on disk: one folder a version, written whole or not at all, compared on every reading."""

import os
import shutil
import tempfile
from pathlib import Path

from tenthman.domain.errors import DataCorrupt, SetupError

ARTEFACT, MANIFEST = "model.ubj", "manifest.json"


def shelve(folder: Path, version: str, artefact: bytes, manifest: str) -> Path:
    """Put the model's two files under `folder`/`version`; its folder appears with both or not at all.

    A version that is there already must hold the same bytes (DataCorrupt names the file that does not). SetupError
    when the folder cannot be written to.
    """
    place = folder / version
    if not place.exists():
        try:
            _write(folder, place, {ARTEFACT: artefact, MANIFEST: manifest.encode()})
        except OSError as error:
            raise SetupError(f"{folder}: models cannot be kept there: {error.strerror or error}") from None
    compare(folder, version, artefact, manifest)
    return place


def compare(folder: Path, version: str, artefact: bytes, manifest: str) -> None:
    """DataCorrupt, naming the file, unless the copy on disk holds exactly these bytes."""
    for name, expected in ((ARTEFACT, artefact), (MANIFEST, manifest.encode())):
        path = folder / version / name
        try:
            found = path.read_bytes()
        except OSError as error:
            raise DataCorrupt(f"model {version}: {path} cannot be read: {error.strerror or error}") from None
        if found != expected:
            raise DataCorrupt(
                f"model {version}: {path} was altered: it must hold the {len(expected)} bytes that the database "
                f"holds, {_difference(expected, found)}"
            )


def _difference(expected: bytes, found: bytes) -> str:
    if len(found) != len(expected):
        return f"held {len(found)}"
    first = next(place for place, (a, b) in enumerate(zip(expected, found, strict=True)) if a != b)
    return f"differs from byte {first} on"


def _write(folder: Path, place: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=folder))
    try:
        for name, content in files.items():
            with (temporary / name).open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        temporary.chmod(0o755)
        _rename(temporary, place)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _rename(temporary: Path, place: Path) -> None:
    try:
        temporary.rename(place)
    except OSError:
        # Another process may have been quicker; what it wrote is compared like anything else.
        if not place.is_dir():
            raise
