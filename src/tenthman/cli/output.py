"""What the terminal shows: messages on standard error, results on standard output, as tables or as JSON."""

import codecs
import json
import math
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tenthman.domain.canonical import plain

JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON and nothing else.")]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="Folder with the four YAML files.", show_default="./config")
]

errors = Console(stderr=True)
results = Console()


def complain(message: str) -> None:
    """One message on standard error."""
    errors.print(f"[bold red]error:[/] {escape(message)}", highlight=False, soft_wrap=True)


def say(message: str) -> None:
    """A line on what is being done, on standard error."""
    errors.print(f"[dim]{escape(message)}[/]", highlight=False, soft_wrap=True)


def show_json(value: object) -> None:
    """`value` as JSON on standard output, the whole of it; NaN and infinity, which JSON has no word for, as null.

    What an encoding other than UTF-8 may not have is escaped as JSON does it, which a terminal's own escapes are not.
    """
    speaks_utf8 = codecs.lookup(sys.stdout.encoding or "utf-8").name == "utf-8"
    typer.echo(json.dumps(finite(plain(value)), indent=2, ensure_ascii=not speaks_utf8, allow_nan=False))


def finite(value: object) -> object:
    """JSON types of `value` with null for what is no finite number."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: finite(item) for name, item in value.items()}
    return [finite(item) for item in value] if isinstance(value, list) else value


def headed_table(title: str | None = None) -> Table:
    """An empty table under `title`; what its columns are called stands above them."""
    shown = None if title is None else escape(title)
    return Table(title=shown, title_justify="left", title_style="bold", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))


def show_table(title: str, rows: Iterable[tuple[str, str]]) -> None:
    """Two columns: what, and how much, nothing of it cut off."""
    table = Table(title=escape(title), title_justify="left", show_header=False, title_style="bold")
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(escape(name), escape(value))
    results.print(table)


def show_lines(lines: Iterable[str]) -> None:
    """Lines on standard output, as they are."""
    for line in lines:
        typer.echo(line)


def counted(counts: Mapping[str, int]) -> str:
    """ "a 3, b 1", the most frequent first; "none" when empty."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name} {number}" for name, number in ordered) or "none"
