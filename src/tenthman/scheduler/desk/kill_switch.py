"""The kill switch: a file that anything can write. It is looked for before every order and needs no database.

While it lies there no order leaves; when its first word is "flatten", orders that sell still do. What the file asks for
is latched at the desk's next step, so that removing it re-arms nothing: only a person's `tenthman rearm` does.
"""

import os
from datetime import datetime
from pathlib import Path

from tenthman.config import Config
from tenthman.domain.order import TradingState

FLATTEN = "flatten"


def switch_path(config: Config) -> Path:
    """Where the file is looked for: `broker.halt_file`, else HALT in TENTHMAN_HOME."""
    return config.settings.broker.halt_file or config.home / "HALT"


def asked_by(path: Path) -> TradingState:
    """What the file asks for: ACTIVE when there is none. One that is there but cannot be read means HALTED."""
    try:
        words = path.read_text(encoding="utf-8", errors="replace").split(maxsplit=1)
    except FileNotFoundError:
        return TradingState.ACTIVE
    except OSError:
        return TradingState.HALTED
    return TradingState.REDUCING if words[:1] == [FLATTEN] else TradingState.HALTED


def pull(path: Path, state: TradingState, reason: str, person: str, at: datetime) -> None:
    """Write the file, whole or not at all; what is no text in it as question marks.

    OSError when that cannot be done; nothing is left then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    written = path.with_name(f".{path.name}.{os.getpid()}")
    word = FLATTEN if state is TradingState.REDUCING else "halt"
    try:
        written.write_text(f"{word}\n{reason}\n{person}, {at.isoformat()}\n", encoding="utf-8", errors="replace")
        written.replace(path)
    except OSError:
        written.unlink(missing_ok=True)
        raise


def release(path: Path) -> bool:
    """Remove the file; tells whether there was one."""
    was_there = path.exists()
    path.unlink(missing_ok=True)
    return was_there
