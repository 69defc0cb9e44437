"""What every page of ours is made of: escaped templates, Plotly inside, JSON that cannot leave its element."""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


def open_environment() -> Environment:
    """Templates of this room: everything is escaped, and a name that is not there is an error."""
    environment = Environment(
        loader=PackageLoader("tenthman.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(usd=usd, signed=signed, percent=percent)
    return environment


def plotly_source() -> Markup:
    """Plotly's own script, whole."""
    from plotly.offline import get_plotlyjs

    return Markup(str(get_plotlyjs()))  # noqa: S704 - the library's own file, not input


def script_json(value: Mapping[str, Any]) -> Markup:
    """JSON that can stand inside a script element: nothing in it can end the element or open another."""
    text = json.dumps(value, allow_nan=False, ensure_ascii=True)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - escaped above


@contextmanager
def replacing(path: Path) -> Iterator[IO[str]]:
    """A file beside `path` that takes its place once it was written in full."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            yield file
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def usd(value: Decimal | float | None) -> str:
    """Money with two decimals; empty when unknown."""
    return "" if value is None else f"{value:,.2f}"


def signed(value: Decimal | float | None) -> str:
    """Money with its sign and two decimals; empty when unknown."""
    return "" if value is None else f"{value:+,.2f}"


def percent(value: float | None) -> str:
    """A fraction as a signed percentage; empty when unknown."""
    return "" if value is None else f"{value:+.2%}"
