"""`tenthman doctor`: examine everything the desk needs; the exit code tells whether it may trade."""

from typing import TYPE_CHECKING

import typer
from rich.markup import escape
from rich.table import Table

from tenthman.cli.output import ConfigOption, JsonOption, results, show_json
from tenthman.cli.session import start

if TYPE_CHECKING:
    from tenthman.scheduler.doctor import Finding


def doctor_command(config_directory: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Examine configuration, disk, database, models, broker and calendar, and say how to mend what is not well."""
    from tenthman.scheduler.doctor import examine

    findings = tuple(examine(start(config_directory)))
    if as_json:
        show_json({"well": all(item.well for item in findings), "findings": findings})
    else:
        _show(findings)
    if not all(item.well for item in findings):
        raise typer.Exit(1)


def _show(findings: "tuple[Finding, ...]") -> None:
    table = Table(show_header=False)
    for item in findings:
        mark = "[green]well[/]" if item.well else "[bold red]not well[/]"
        table.add_row(mark, item.part, escape(item.found if item.well else f"{item.found}\nto mend: {item.mend}"))
    results.print(table)
