"""What every page of ours is made of: escaped templates, Plotly inside, JSON that cannot leave its element."""

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tenthman.dashboard.backtest_summary import Estimate

UNKNOWN = "–"

_SHAPES: dict[str, Callable[[float], str]] = {
    "percent": lambda value: f"{value:+z.2%}",
    "share": lambda value: f"{value:.1%}",
    "short": lambda value: f"{100 * value:+z.1f}",
    "ratio": lambda value: f"{value:z.2f}",
    "whole": lambda value: f"{value:.0%}",
    "tenth": lambda value: f"{value:.1f}",
    "chance": lambda value: f"{value:.3f}" if value >= 0.001 else "below 0.001",
    "fine": lambda value: f"{value:+z.4f}",
}


def open_environment() -> Environment:
    """Templates of this room: everything is escaped, and a name that is not there is an error."""
    environment = Environment(
        loader=PackageLoader("tenthman.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        usd=usd, signed=signed, percent=percent, shaped=shaped, between=between, tone=tone, visible=visible
    )
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
    return "" if value is None else f"{value:+z,.2f}"


def percent(value: float | None) -> str:
    """A fraction as a signed percentage; empty when unknown."""
    return "" if value is None else f"{value:+z.2%}"


def shaped(value: float | None, shape: str) -> str:
    """`value` as people read it; a dash when there is none."""
    return UNKNOWN if value is None else _SHAPES[shape](value)


def between(estimate: Estimate, shape: str) -> str:
    """The interval of `estimate` in words."""
    if estimate.low is None or estimate.high is None:
        return "no interval: too little data"
    return f"{estimate.level:.0%} interval {shaped(estimate.low, shape)} to {shaped(estimate.high, shape)}"


def tone(value: Decimal | float | None) -> str:
    """The style of a gain or a loss; none for what is neither."""
    if not value:
        return ""
    return "gain" if value > 0 else "loss"


def visible(text: str | None) -> str:
    """Text from outside with whatever cannot be seen, or turns the letters after it around, replaced."""
    letters = text or ""
    return "".join(item if item.isprintable() or item in "\n\t" else "\N{REPLACEMENT CHARACTER}" for item in letters)
