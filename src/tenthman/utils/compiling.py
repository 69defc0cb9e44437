"""Compiling with numba, and keeping the machine code on disk. Importing this module imports numba.

numba keeps machine code by function, and does not notice when a function that it calls has changed. So the folder is
named for the hash of all sources that are compiled together: changed arithmetic can never meet stale machine code.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import platformdirs
from numba.core import config

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

# Wrappers for Python around so many arrays would take as long to compile as the code itself.
INNER: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


@dataclass(frozen=True, slots=True)
class Compiler:
    """Compiles functions on their first call; `folder` keeps the machine code, None where none can be written: then
    every process compiles for itself. Division by zero gives what IEEE 754 says where `divides_freely`, else it raises.
    """

    folder: Path | None
    divides_freely: bool = False

    def inner(self, function: FunctionT) -> FunctionT:
        """`function` compiled for other compiled functions to call; Python itself cannot call it."""
        return self._compiled(function, None, **INNER)

    def typed(self, signature: str) -> Callable[[FunctionT], FunctionT]:
        """As `inner`, at once and for these types alone; numba else makes one more for every number in a call."""
        return lambda function: self._compiled(function, signature, **INNER)

    def entrance(self, function: FunctionT) -> FunctionT:
        """`function` compiled for Python to call; it runs without the interpreter's lock."""
        return self._compiled(function, None, nogil=True)

    def _compiled(self, function: FunctionT, signature: str | None, **options: Any) -> FunctionT:
        options["cache"] = self.folder is not None
        options["error_model"] = "numpy" if self.divides_freely else "python"
        before = vars(config)["CACHE_DIR"]
        vars(config)["CACHE_DIR"] = str(self.folder or before)
        try:
            made = numba.njit(signature, **options)(function)
        finally:
            vars(config)["CACHE_DIR"] = before
        return cast("FunctionT", made)


def compiler(sources: Iterable[Path], *, divides_freely: bool = False) -> Compiler:
    """A compiler for all functions of these files, which may call one another."""
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in (Path(__file__), *sources))).hexdigest()[:16]
    folder = Path(vars(config)["CACHE_DIR"] or platformdirs.user_cache_dir("tenthman")) / "compiled" / digest
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        return Compiler(None, divides_freely)
    return Compiler(folder, divides_freely)
