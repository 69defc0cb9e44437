"""Compiling the backtest's loop, and the arithmetic that the desk itself calls, from one source.

numba keeps machine code on disk by function, and does not notice when a function that it calls has changed. So the
folder is named for the hash of all sources that are compiled: changed arithmetic can never meet a stale loop.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import platformdirs
from numba.core import config

from tenthman.backtest import result
from tenthman.domain import money
from tenthman.exchange import arithmetic as fills
from tenthman.risk import arithmetic as risk
from tenthman.risk import numbers

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


def compiled(function: FunctionT) -> FunctionT:
    """`function` compiled for other compiled functions to call; Python itself cannot call it."""
    # Wrappers for Python around so many arrays would take as long to compile as the loop itself.
    options: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return cast("FunctionT", numba.njit(cache=_CACHES, **options)(function))


def entrance(function: FunctionT) -> FunctionT:
    """`function` compiled for Python to call; it runs without the interpreter's lock."""
    return cast("FunctionT", numba.njit(cache=_CACHES, nogil=True)(function))


def _keep_machine_code() -> bool:
    here = Path(__file__)
    modules = (money, fills, risk, numbers, result)
    sources = [here, here.with_name("loop.py"), *(Path(str(module.__file__)) for module in modules)]
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]
    folder = Path(vars(config)["CACHE_DIR"] or platformdirs.user_cache_dir("tenthman")) / "compiled" / digest
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        return False
    vars(config)["CACHE_DIR"] = str(folder)
    return True


_CACHES = _keep_machine_code()
"""False where no folder can be written: then every process compiles for itself."""

e4 = compiled(money.e4)
path_price = compiled(fills.path_price)
first_touch = compiled(fills.first_touch)
fill_price = compiled(fills.fill_price)
propose = compiled(risk.propose)
whole_volume = compiled(risk.whole_volume)
drawdowns = compiled(risk.drawdowns)
latch = compiled(risk.latch)
rearms = compiled(risk.rearms)
holding_reason = compiled(risk.holding_reason)
loss_a_share = compiled(risk.loss_a_share)
is_apart = compiled(risk.is_apart)
add_up = compiled(risk.add_up)
compare = compiled(risk.compare)
gates = compiled(risk.gates)
caps = compiled(risk.caps)
